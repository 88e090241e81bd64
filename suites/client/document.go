package client

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

const clientDocuments = "OAuth Client ID Metadata Document"

// A clientDocument is what a client publishes of itself, as far as it is judged.
type clientDocument struct {
	address string
	all     map[string]any
}

func (d *clientDocument) text(member string) string {
	value, _ := d.all[member].(string)
	return value
}

// document is what is at the URL that the client named itself by; the verdict says
// why there is none to judge.
func (t *Trace) document() (*clientDocument, Verdict) {
	named := slices.DeleteFunc(t.named(), func(id string) bool { return !isDocumentURL(id) })
	if len(named) == 0 {
		if !answered(t) {
			return nil, notReached(noAuthorization)
		}
		return nil, notApplicable("the client is not known by the URL of a document")
	}
	u, err := url.Parse(named[0])
	if err == nil && u.Hostname() == contractHost {
		return nil, notApplicable("the client named the URL that the contract of test fixtures has, where there is no document")
	}
	found := t.Found[named[0]]
	switch {
	case found == nil || found.Document == nil:
		return nil, notReached("the client's document could not be fetched from here")
	case found.Status == http.StatusNotFound || found.Status == http.StatusGone:
		return nil, fails("there is no document at the URL that the client named itself by: the answer was %d", found.Status)
	case found.Status != http.StatusOK:
		return nil, notReached("the request for the client's document was answered " + itoa(found.Status))
	}
	document := &clientDocument{address: named[0]}
	if json.Unmarshal(found.Body, &document.all) != nil || document.all == nil {
		return nil, fails("what is at the URL that the client named itself by is no JSON object")
	}
	return document, passes()
}

var _ = Register(Check{
	ID: "client-cimd-document-content", Title: "The client's document names its own URL, its name and the redirect URI in use", Area: suites.ClientIDDocuments,
	Level: suites.Must, Severity: suites.Medium, Since: suites.V20251125,
	Cites:  []suites.Cite{{Doc: clientDocuments, Section: "4.1"}, {Doc: spec, Section: "Client Registration, Implementation Requirements"}},
	Covers: []string{"client-cimd-document-content"},
	Remedy: "Publish client_id equal to the document's URL, client_name, and every redirect URI that the client uses.",
	In:     []*Situation{documents},
	Defects: []testclient.Defect{
		testclient.DocumentOfAnother, testclient.DocumentNameless, testclient.DocumentElsewhere, testclient.DocumentGone, testclient.DocumentPage,
	},
	Judge: func(t *Trace) Verdict {
		d, v := t.document()
		if d == nil {
			return v
		}
		listed, _ := d.all["redirect_uris"].([]any)
		switch {
		case d.text("client_id") != d.address:
			return fails("the document at %s has the client_id %s", quoted(d.address), quoted(d.text("client_id")))
		case d.text("client_name") == "":
			return fails("the document has no client_name")
		}
		for _, r := range t.Authorizations() {
			used := r.Params.Get("redirect_uri")
			if r.Params.Get("client_id") == d.address && !slices.ContainsFunc(listed, func(one any) bool { return sameRedirect(one, used) }) {
				return fails("the client asked to be answered at %s, which its document does not list", quoted(used))
			}
		}
		return v
	},
})

// sameRedirect compares a redirect URI with a listed one. The port of a loopback
// address is free (RFC 8252, section 7.3).
func sameRedirect(listed any, used string) bool {
	text, ok := listed.(string)
	if !ok || text == used {
		return ok
	}
	a, aErr := url.Parse(text)
	b, bErr := url.Parse(used)
	if aErr != nil || bErr != nil || a.Scheme != "http" || b.Scheme != "http" || a.Hostname() != b.Hostname() {
		return false
	}
	address, err := netip.ParseAddr(a.Hostname())
	local := a.Hostname() == "localhost" || err == nil && address.IsLoopback()
	a.Host, b.Host = "", ""
	return local && a.String() == b.String()
}

var _ = Register(Check{
	ID: "client-cimd-no-shared-secret", Title: "The client's document declares no secret, and what it declares is done", Area: suites.ClientIDDocuments,
	Level: suites.Must, Severity: suites.High, Since: suites.V20251125,
	Cites:  []suites.Cite{{Doc: clientDocuments, Section: "4.1"}, {Doc: clientDocuments, Section: "6.2"}},
	Covers: []string{"client-cimd-no-shared-secret"},
	Remedy: "Publish no client_secret; authenticate by nothing, or by assertions signed with a key that the document names.",
	In:     []*Situation{documents},
	Defects: []testclient.Defect{
		testclient.DocumentSecret, testclient.DocumentMethod, testclient.DocumentUnproven,
	},
	Judge: func(t *Trace) Verdict {
		d, v := t.document()
		if d == nil {
			if v.Outcome == reports.Fail {
				return notReached("there is no document to judge, which client-cimd-document-content judges")
			}
			return v
		}
		method := d.text("token_endpoint_auth_method")
		_, secret := d.all["client_secret"]
		_, expiry := d.all["client_secret_expires_at"]
		switch {
		case secret || expiry:
			return fails("the document holds a client secret, for everybody to read")
		case strings.HasPrefix(method, "client_secret_"):
			return fails("the document says that the client authenticates by %s, and nobody shares a secret with it", quoted(method))
		case method != "private_key_jwt":
			return v
		}
		return every(t.TokenRequests(), "the client made no token request", func(r *Request) string {
			if r.Params.Get("client_assertion") == "" || r.Params.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
				return "the document says that the client authenticates by private_key_jwt, and a token request came without an assertion"
			}
			return ""
		})
	},
})
