package client

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

const (
	oldestSpec   = "MCP 2025-03-26"
	baseMetadata = "/.well-known/oauth-authorization-server"
)

// atBaseURL lets clients that speak nothing newer than 2025-03-26 find the
// authorization server, beside all others. They do not know iss.
func (l *Lab) atBaseURL() {
	l.BaseURL = reference.BaseURLMetadata
	l.Faults = append(l.Faults, fault.IssNotOffered)
}

// describedAtBase makes the metadata at the base URL that of an authorization
// server there, whose endpoints are elsewhere.
var describedAtBase = rewrite(reference.PartyResourceServer, baseMetadata, func(s *Stage, d map[string]any) {
	if d["issuer"] == s.Server.AuthServer.Issuer() {
		d["issuer"] = origin(s.Server.ResourceServer.Endpoint())
	}
	delete(d, "authorization_response_iss_parameter_supported")
})

// origin is that of a URL of ours.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err) // it is ours
	}
	return u.Scheme + "://" + u.Host
}

// The situations of servers that publish no resource metadata, as before
// 2025-06-18.
var (
	baseDocument = fromBase("base-url-metadata", "publishes no resource metadata, but that of its authorization server at its own base URL",
		"auth/2025-03-26-oauth-metadata-backcompat", reference.BaseURLMetadata)
	baseDefaults = fromBase("base-url-defaults", "publishes no metadata at all, and has the endpoints under their default paths at its base URL",
		"auth/2025-03-26-oauth-endpoint-fallback", reference.BaseURLDefaults)
)

func fromBase(id, doc, contract, way string) *Situation {
	return Declare(Situation{
		ID: id, Doc: doc, Ends: Works, Contract: contract, Until: suites.V20250326,
		Shape: func(l *Lab) {
			with(fault.MetadataMissing)(l)
			l.BaseURL = way
		},
	})
}

// atBase are the requests for a path at the base URL, in order.
func (t *Trace) atBase(method, path string) []*Request {
	var all []*Request
	for _, r := range t.requests(reference.PartyResourceServer, method, path) {
		if r.URL.Path == path {
			all = append(all, r)
		}
	}
	return all
}

// metadataAtBase are the requests for authorization server metadata that went to
// the MCP server.
func (t *Trace) metadataAtBase() []*Request {
	var all []*Request
	for _, r := range t.requests(reference.PartyResourceServer, http.MethodGet, "") {
		if strings.Contains(r.URL.Path, baseMetadata) {
			all = append(all, r)
		}
	}
	return all
}

var _ = Register(Check{
	ID: "client-0326-base-url-discovery", Title: "Without resource metadata the client starts from the base URL: metadata first, default endpoints then", Area: suites.Discovery,
	Level: suites.Must, Severity: suites.Low, Since: suites.V20250326, Until: suites.V20250326,
	Cites:  []suites.Cite{{Doc: oldestSpec, Section: "Authorization Base URL"}, {Doc: oldestSpec, Section: "Fallbacks for Servers without Metadata Discovery"}},
	Covers: []string{"client-0326-base-url-discovery"},
	Remedy: "Drop the path of the MCP server's URL, ask for its authorization server metadata there, and use /authorize, /token and /register if there is none.",
	In:     []*Situation{baseDocument, baseDefaults},
	Defects: []testclient.Defect{
		testclient.BaseURLKeepsPath, testclient.DefaultsFirst, testclient.DefaultsUnknown,
	},
	Judge: func(t *Trace) Verdict {
		if len(t.Calls()) == 0 {
			return notReached("the client never came to the MCP server")
		}
		asked := t.atBase(http.MethodGet, baseMetadata)
		used := append(t.atBase(http.MethodPost, "/register"), t.atBase(http.MethodGet, "/authorize")...)
		switch {
		case len(asked) == 0:
			return fails("the client did not ask for metadata at the base URL")
		case len(used) > 0 && used[0].At.Before(asked[0].At):
			return fails("the client used default endpoints before it asked for metadata")
		case t.Situation == baseDefaults && len(used) == 0:
			return fails("there is no metadata, and the client did not use the default endpoints")
		}
		return passes()
	},
})

var _ = Register(Check{
	ID: "client-0326-version-header-on-discovery", Title: "Requests for metadata say which revision the client speaks", Area: suites.Discovery,
	Level: suites.Should, Severity: suites.Low, Since: suites.V20250326, Until: suites.V20250326,
	Cites:  []suites.Cite{{Doc: oldestSpec, Section: "Server Metadata Discovery Headers"}},
	Covers: []string{"client-0326-version-header-on-discovery"}, Remedy: "Send MCP-Protocol-Version with requests for metadata.",
	In: []*Situation{baseDocument, baseDefaults}, Defects: []testclient.Defect{testclient.DiscoveryVersionless},
	Judge: func(t *Trace) Verdict {
		return every(t.metadataAtBase(), "the client asked for no metadata at the MCP server", func(r *Request) string {
			if r.Header.Get("MCP-Protocol-Version") == "" {
				return "a request for metadata came without MCP-Protocol-Version"
			}
			return ""
		})
	},
})

// undescribed has an authorization server that the resource metadata names and that
// says nothing of itself.
var undescribed = Declare(Situation{
	ID: "metadata-missing", Doc: "names an authorization server that publishes no metadata", Ends: Refuses, Since: suites.V20250618,
	Shape: func(l *Lab) { l.Front = silentAt("") }, Reached: soughtMetadata, Proceeded: usedEndpoints,
})

// silentAt has the authorization server publish no metadata under paths that begin
// so.
func silentAt(prefix string) front {
	return func(_ *Stage, party reference.Party, next http.Handler) http.Handler {
		if party != reference.PartyAuthServer {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			hidden := strings.Contains(r.URL.Path, "/.well-known/") && strings.HasPrefix(r.URL.Path, prefix)
			if hidden && r.Header.Get("User-Agent") != reference.UserAgent {
				http.NotFound(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// sought are the client's requests for authorization server metadata, whether
// there was any or not, in order.
func (t *Trace) sought() []*Request {
	var all []*Request
	for _, r := range t.requests(reference.PartyAuthServer, http.MethodGet, "") {
		if strings.Contains(r.URL.Path, "/.well-known/") && r.Header.Get("User-Agent") != reference.UserAgent {
			all = append(all, r)
		}
	}
	return all
}

func soughtMetadata(t *Trace) bool { return len(t.sought()) > 0 }

// A client may also speak 2025-03-26, which nobody can see: what it does here is
// then unwise only.
var _ = Register(Check{
	ID: "client-no-guessed-endpoints", Title: "The endpoints of an authorization server that publishes no metadata are not guessed", Area: suites.Discovery,
	Level: suites.Should, Severity: suites.Low, Since: suites.V20250618,
	Cites:  []suites.Cite{{Doc: spec, Section: "Authorization Server Discovery, Authorization Server Metadata Discovery"}},
	Covers: []string{"client-0326-base-url-discovery"},
	Remedy: "Keep the default endpoints of 2025-03-26 for servers without resource metadata.",
	In:     []*Situation{undescribed}, Defects: []testclient.Defect{testclient.EndpointsGuessed},
	Judge: func(t *Trace) Verdict {
		switch {
		case !soughtMetadata(t):
			return notReached("the client never asked for the metadata of the authorization server")
		case usedEndpoints(t):
			return fails("the resource metadata names an authorization server without metadata, and the client used endpoints there that nobody named")
		}
		return passes()
	},
})
