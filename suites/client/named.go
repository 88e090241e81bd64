package client

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
	"github.com/mcpassay/mcpassay/suites"
)

// originResource calls its whole origin the resource. The metadata is where that
// leads to (RFC 9728, section 3.1); a client that wants the very URL that it called
// may stop.
var originResource = Declare(Situation{
	ID: "prm-origin-resource", Doc: "publishes resource metadata at the root alone, which names its origin as the resource", Ends: Works,
	Since: suites.V20250618,
	MayRefuse: func(t *Trace) bool {
		return t.readResourceMetadata() && len(t.Authorizations())+len(t.Registrations())+t.withToken() == 0
	},
	Shape: func(l *Lab) {
		shaped(variant.RootMetadataOnly)(l)
		with(fault.PointerMissing)(l)
		l.stand(rewrite(reference.PartyResourceServer, "/.well-known/oauth-protected-resource", func(s *Stage, d map[string]any) {
			d["resource"] = origin(s.Server.ResourceServer.Endpoint())
		}))
		l.stand(respelled)
	},
})

// isResource tells whether a value names the server as its metadata or its URL does.
// A slash at the end of an origin has a check of its own.
func (t *Trace) isResource(value string) bool {
	return value == t.Resource || t.Situation == originResource && strings.TrimSuffix(value, "/") == origin(t.Resource)
}

// withToken counts the calls that had a token.
func (t *Trace) withToken() int {
	n := 0
	for _, r := range t.Calls() {
		if r.Header.Get("Authorization") != "" {
			n++
		}
	}
	return n
}

// respelled has the authorization server take the origin of the MCP server for its
// endpoint.
func respelled(s *Stage, party reference.Party, next http.Handler) http.Handler {
	if party != reference.PartyAuthServer {
		return next
	}
	respell := func(values url.Values) {
		endpoint := s.Server.ResourceServer.Endpoint()
		for i, value := range values["resource"] {
			if strings.TrimSuffix(value, "/") == origin(endpoint) {
				values["resource"][i] = endpoint
			}
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if query := r.URL.Query(); query.Has("resource") {
			respell(query)
			r.URL.RawQuery = query.Encode()
		}
		if r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
			body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
			form, malformed := url.ParseQuery(string(body))
			if err == nil && malformed == nil && form.Has("resource") {
				respell(form)
				body = []byte(form.Encode())
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		}
		next.ServeHTTP(w, r)
	})
}

// namings are the requests that are to name a resource, and do.
func (t *Trace) namings() (named []*Request, asked bool) {
	all := append(t.Authorizations(), t.TokenRequests()...)
	for _, r := range all {
		if r.Params.Has("resource") {
			named = append(named, r)
		}
	}
	return named, len(all) > 0
}

// eachNamed judges every resource that the client named.
func eachNamed(problem func(t *Trace, value string) string) func(*Trace) Verdict {
	return func(t *Trace) Verdict {
		named, asked := t.namings()
		if len(named) == 0 && asked {
			return notApplicable("the client names no resource, which another check judges")
		}
		return every(named, noAuthorization, func(r *Request) string {
			for _, value := range r.Params["resource"] {
				if found := problem(t, value); found != "" {
					return "the client named the resource " + quoted(value) + ", " + found
				}
			}
			return ""
		})
	}
}

const canonical = "Authorization, Canonical Server URI"

var _ = Register(Check{
	ID: "client-resource-canonical", Title: "The resource that is named is an absolute URI of the MCP server", Area: suites.Resource,
	Level: suites.Must, Severity: suites.High, Since: suites.V20250618,
	Cites:  []suites.Cite{{Doc: spec, Section: canonical}, {Doc: "RFC 8707", Section: "2"}},
	Covers: []string{"client-resource-canonical"},
	Remedy: "Send the resource of the metadata, or the URL of the MCP server, without a fragment.",
	In:     []*Situation{Sound, originResource},
	Defects: []testclient.Defect{
		testclient.ResourceIsMetadata, testclient.ResourceFragment, testclient.ResourceBare, testclient.ResourceElsewhere,
	},
	Judge: eachNamed(func(t *Trace, value string) string {
		u, err := url.Parse(value)
		switch {
		case strings.Contains(value, "#"):
			return "which has a fragment"
		case err != nil || u.Host == "" || u.Scheme == "":
			return "which is no absolute URI"
		case strings.Contains(u.Path, "/.well-known/"):
			return "which is the URL of metadata"
		case !strings.EqualFold(u.Scheme+"://"+u.Host, origin(t.Resource)):
			return "which is on another origin"
		}
		return ""
	}),
})

var _ = Register(Check{
	ID: "client-resource-most-specific", Title: "The resource is named as exactly as it can be, in lower case and without a slash at its end", Area: suites.Resource,
	Level: suites.Should, Severity: suites.Low, Since: suites.V20250618, Cites: []suites.Cite{{Doc: spec, Section: canonical}},
	Covers: []string{"client-resource-most-specific"},
	Remedy: "Keep the path of the MCP server's URL unless its metadata names less, and let no URL parser rewrite it.",
	In:     []*Situation{Sound, originResource},
	Defects: []testclient.Defect{
		testclient.ResourceIsOrigin, testclient.ResourceSlash, testclient.ResourceUpperCase,
	},
	Judge: eachNamed(func(t *Trace, value string) string {
		plain := strings.TrimSuffix(value, "/")
		switch {
		case value != strings.ToLower(value) && strings.EqualFold(plain, t.Resource):
			return "whose scheme and host are not in lower case"
		case value != plain && (plain == t.Resource || plain == origin(t.Resource)):
			return "which has a slash at its end"
		case value == origin(t.Resource) && t.Situation != originResource:
			return "which is the whole origin"
		}
		return ""
	}),
})
