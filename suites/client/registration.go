package client

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/suites"
)

// The situations of registration.
var (
	documents = Declare(Situation{
		ID: "document-clients", Doc: "accepts clients by the URL of a document", Ends: Works,
		Contract: "auth/basic-cimd", Since: suites.V20251125,
		Shape: func(l *Lab) { l.ForClients.Documents = true },
	})
	configuredBeside = Declare(Situation{
		ID: "configured-client-beside-registration", Doc: "was told of the client by hand and would register it as well", Ends: Works,
		Contract: "auth/pre-registration", Shape: configure, Context: configured,
	})
)

const registrationApproaches = "Authorization, Client Registration Approaches"

// named are the ids that the client used in its authorization requests.
func (t *Trace) named() []string {
	var all []string
	for _, r := range t.Authorizations() {
		all = append(all, r.Params.Get("client_id"))
	}
	return all
}

// documentsRead tells whether the client was told that the server reads documents.
func (t *Trace) documentsRead() bool {
	return slices.ContainsFunc(t.metadataRequests(), func(r *Request) bool {
		return r.Answer["client_id_metadata_document_supported"] == true
	})
}

func isDocumentURL(id string) bool { return strings.Contains(id, "://") }

var _ = Register(Check{
	ID: "client-cimd-supported", Title: "The URL of the client's document is its id where the server says that it reads documents", Area: suites.Registration,
	Level: suites.Should, Severity: suites.Low, Since: suites.V20251125, Cites: []suites.Cite{{Doc: spec, Section: registrationApproaches}},
	Covers: []string{"client-cimd-supported"},
	Remedy: "Publish a metadata document and name its URL to servers with client_id_metadata_document_supported.",
	In:     []*Situation{documents, byDocumentOnly}, Defects: []testclient.Defect{testclient.DocumentIgnored},
	Judge: func(t *Trace) Verdict {
		switch named := t.named(); {
		case len(named) == 0:
			return notReached(noAuthorization)
		case !slices.ContainsFunc(named, isDocumentURL):
			return fails("the server reads documents, and the client registered otherwise")
		}
		return passes()
	},
})

var _ = Register(Check{
	ID: "client-cimd-not-assumed", Title: "The URL of a document is named only to servers that say they read documents", Area: suites.Registration,
	Level: suites.Should, Severity: suites.Low, Since: suites.V20251125, Cites: []suites.Cite{{Doc: spec, Section: registrationApproaches}},
	Covers:  []string{"client-cimd-supported", "client-registration-priority"},
	Remedy:  "Look for client_id_metadata_document_supported first.",
	Defects: []testclient.Defect{testclient.DocumentAssumed},
	Judge: func(t *Trace) Verdict {
		if t.documentsRead() {
			return notApplicable("the server reads documents")
		}
		return every(t.Authorizations(), noAuthorization, func(r *Request) string {
			if id := r.Params.Get("client_id"); isDocumentURL(id) {
				return "the server does not say that it reads documents, and the client named " + quoted(id)
			}
			return ""
		})
	},
})

var _ = Register(Check{
	ID: "client-cimd-url-rules", Title: "The URL of the client's document is one that no two servers read differently", Area: suites.Registration,
	Level: suites.Must, Severity: suites.Medium, Since: suites.V20251125, Cites: []suites.Cite{{Doc: "OAuth Client ID Metadata Document", Section: "3"}},
	Covers: []string{"client-cimd-url-rules"},
	Remedy: "Use an https URL with a path, without dot segments, fragment or user information.",
	In:     []*Situation{documents}, Defects: []testclient.Defect{testclient.DocumentURLFragment},
	Judge: func(t *Trace) Verdict {
		named := slices.DeleteFunc(t.named(), func(id string) bool { return !isDocumentURL(id) })
		if len(named) == 0 && answered(t) {
			return notApplicable("the client is not known by the URL of a document")
		}
		for _, id := range named {
			if problem := documentURLProblem(id); problem != "" {
				return fails("the client's id %s %s", quoted(id), problem)
			}
		}
		if len(named) == 0 {
			return notReached(noAuthorization)
		}
		return passes()
	},
})

func documentURLProblem(id string) string {
	u, err := url.Parse(id)
	switch {
	case err != nil:
		return "is no URL"
	case u.Scheme != "https":
		return "is not an https URL"
	case u.Path == "":
		return "has no path"
	case strings.Contains(id, "#"):
		return "has a fragment"
	case u.User != nil:
		return "has user information"
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return "has a dot segment"
		}
	}
	return ""
}

var _ = Register(Check{
	ID: "client-registration-priority", Title: "A client that was told of its registration does not register anew", Area: suites.Registration,
	Level: suites.Should, Severity: suites.Low, Since: suites.V20251125, Cites: []suites.Cite{{Doc: spec, Section: registrationApproaches}},
	Covers: []string{"client-registration-priority", "client-prereg-supported"},
	Remedy: "Use configured credentials first, then a metadata document, then dynamic registration.",
	In:     []*Situation{configuredBeside}, Defects: []testclient.Defect{testclient.ConfigurationIgnored},
	Judge: func(t *Trace) Verdict {
		return every(t.Authorizations(), noAuthorization, func(r *Request) string {
			if got := r.Params.Get("client_id"); got != t.Context["client_id"] {
				return "the client was told of its registration and used the id " + quoted(got)
			}
			return ""
		})
	},
})

var _ = Register(Check{
	ID: "client-obtains-client-id", Title: "The client has an id from the server, from its operator or from its document before it sends the user", Area: suites.Registration,
	Level: suites.Must, Severity: suites.Medium, Since: suites.V20250618, Cites: []suites.Cite{{Doc: "OAuth 2.1", Section: "2"}, {Doc: spec, Section: registrationApproaches}},
	Covers: []string{"client-obtains-client-id", "client-dcr-supported"},
	Remedy: "Register, or be configured, before the first authorization request.", Defects: []testclient.Defect{testclient.IDInvented},
	Judge: func(t *Trace) Verdict {
		var known []string
		for _, r := range t.Registrations() {
			known = append(known, r.text("client_id"))
		}
		for _, r := range t.otherRegistrations() {
			known = append(known, r.text("client_id"))
		}
		known = append(known, t.Context["client_id"])
		return every(t.Authorizations(), noAuthorization, func(r *Request) string {
			if id := r.Params.Get("client_id"); id == "" || !isDocumentURL(id) && !slices.Contains(known, id) {
				return "the client named itself " + quoted(id) + ", an id that nobody gave it"
			}
			return ""
		})
	},
})

// declared are the grant types that a registration request names; those of the
// default if it names none (RFC 7591, section 2).
func declared(r *Request) []string {
	var sent struct {
		GrantTypes []string `json:"grant_types"`
	}
	if json.Unmarshal(r.Body, &sent) != nil || sent.GrantTypes == nil {
		return []string{"authorization_code"}
	}
	return sent.GrantTypes
}

// refreshUnasked gives refresh tokens to whoever registers, which servers may do
// (RFC 7591, section 3.2.1).
var refreshUnasked = Declare(Situation{
	ID: "refresh-tokens-unasked", Doc: "gives refresh tokens to clients that did not register for them", Ends: Works,
	Shape: func(l *Lab) {
		l.ForClients.RefreshForAll = true
		l.Front = firstTokenDies()
	},
	Reached: func(t *Trace) bool { return t.refusedTokens() > 0 },
})

var _ = Register(Check{
	ID: "client-refresh-grant-type-declared", Title: "A client that refreshes its tokens said so when it registered", Area: suites.Refresh,
	Level: suites.Should, Severity: suites.Low, Since: suites.V20260728, Cites: []suites.Cite{{Doc: spec, Section: "Authorization, Refresh Tokens"}, {Doc: "RFC 7591", Section: "2"}},
	Covers: []string{"client-refresh-grant-type-declared"},
	Remedy: "List refresh_token in grant_types.",
	In:     []*Situation{refreshUnasked}, Defects: []testclient.Defect{testclient.RefreshUndeclared},
	Judge: func(t *Trace) Verdict {
		switch sent := t.Registrations(); {
		case t.refusedTokens() == 0:
			return notReached("the client never called a tool with a token")
		case len(sent) == 0:
			return notApplicable("the client did not register dynamically")
		case len(t.grants("refresh_token")) == 0 && !slices.Contains(declared(sent[0]), "refresh_token"):
			return notApplicable("the client wants no refresh tokens")
		case !slices.Contains(declared(sent[0]), "refresh_token"):
			return fails("the client refreshed its token and had registered for %s only", strings.Join(declared(sent[0]), " "))
		}
		return passes()
	},
})
