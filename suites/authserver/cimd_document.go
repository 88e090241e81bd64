package authserver

import (
	"net/http"
	"unicode/utf16"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// served makes a publication of a sound document that is answered otherwise.
func served(name string, status int, media string, change func([]byte) []byte) probes.Publication {
	return probes.Publication{Name: name, Serve: func(body []byte) probes.Answering {
		if change != nil {
			body = change(body)
		}
		return probes.As(status, media, body)
	}}
}

const jsonType = "application/json"

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-only-json",
	Title:    "Only a JSON document of status 200 describes a client",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cimd("4, 5"),
	Since:    suites.V20251125,
	Covers:   []string{"cimd-only-200-json", "as-cimd-document-validated"},
	Remedy:   "Take nothing but 200 for an answer, of type application/json or application/…+json, whose body is one JSON object in UTF-8.",
	Needs:    []suites.Need{suites.Documents},
	Faults:   []fault.Fault{fault.DocumentStatusIgnored, fault.DocumentTypeIgnored, fault.DocumentSyntaxLoose},
	Specs: func(d *probes.Deployment) {
		status := d.Publish(
			served("status 404", http.StatusNotFound, jsonType, nil),
			served("status 500", http.StatusInternalServerError, jsonType, nil),
			served("status 201", http.StatusCreated, jsonType, nil),
			served("status 206", http.StatusPartialContent, jsonType, nil),
		)
		media := d.Publish(served("the type of a web page", http.StatusOK, "text/html", nil))
		syntax := d.Publish(
			served("a list around it", http.StatusOK, jsonType, func(b []byte) []byte { return append(append([]byte("["), b...), ']') }),
			served("a text before it", http.StatusOK, jsonType, func(b []byte) []byte { return append([]byte("client = "), b...) }),
			served("its end cut off", http.StatusOK, jsonType, func(b []byte) []byte { return b[:len(b)-1] }),
			served("UTF-16", http.StatusOK, jsonType, inUTF16),
		)

		It("answered 200", noClients(status))
		It("as JSON", noClients(media))
		It("and one object", noClients(syntax))
	},
})

// inUTF16 is a text of ASCII in UTF-16, big-endian.
func inUTF16(text []byte) []byte {
	encoded := []byte{0xfe, 0xff}
	for _, unit := range utf16.Encode([]rune(string(text))) {
		encoded = append(encoded, byte(unit>>8), byte(unit))
	}
	return encoded
}

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-members-required",
	Title:    "A document without redirect URIs describes no client",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cimd("4"),
	Since:    suites.V20251125,
	Covers:   []string{"as-cimd-document-validated"},
	Remedy:   "Refuse documents that lack client_id, client_name or redirect_uris; never fill them in from the request.",
	Needs:    []suites.Need{suites.Documents},
	Faults:   []fault.Fault{fault.DocumentUnredirected, fault.DocumentNameless},
	Specs: func(d *probes.Deployment) {
		without := func(name, member string, value any) probes.Publication {
			return probes.Publication{Name: name, Change: map[string]any{member: value}}
		}
		redirects := d.Publish(
			without("no redirect_uris", "redirect_uris", nil),
			without("an empty list of redirect_uris", "redirect_uris", []string{}),
		)
		name := d.Publish(without("no client_name", "client_name", nil))

		It("since nothing says where to answer", noClients(redirects))
		It("nor, for MCP, one without a name", dubiousClients(name, "users are shown nothing but a URL"))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-no-secret",
	Title:    "Nothing in a public document is a secret",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cimd("4"),
	Since:    suites.V20251125,
	Covers:   []string{"as-cimd-no-shared-secret", "cimd-no-shared-secrets"},
	Remedy:   "Refuse documents with client_secret or a method that needs one; or ignore both, and treat the client as public. Never compare what is sent with what everybody can read.",
	Needs:    []suites.Need{suites.Documents},
	Faults:   []fault.Fault{fault.DocumentSecret},
	Specs: func(d *probes.Deployment) {
		believed := probes.Start(d, d.BelievedSecrets)

		It("that authenticates anybody", func(ctx SpecContext) {
			methods, err := believed.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(methods).To(BeEmpty(), "the secret in a document authenticates its client, and no other secret does, by")
		})
	},
})
