package authserver

import (
	"context"
	"errors"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// errorInternals are marks of texts that are meant for developers, by what they show.
var errorInternals = map[string][]string{
	"a stack trace": {"goroutine ", "Traceback (most recent call last)", "\n    at ", "\\n    at ", "node_modules/", "java.lang.", "System.Web.", "Stack trace:"},
	"a query":       {"SQLSTATE", "syntax error at or near", "ORA-0", "SELECT * FROM", "MongoError", "MongoServerError"},
	"a file path":   {"/usr/src/", "/home/", "/var/www/", "/srv/", "C:\\\\", "/app/dist/", "/node_modules"},
	"a key":         {"-----BEGIN "},
}

var _ = suites.Register(suites.Check{
	ID:       "as-errors-tell-no-internals",
	Title:    "Errors of the authorization server tell nothing about its inside",
	Role:     suites.AS,
	Area:     suites.ErrorHandling,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("RFC 6749, 5.2", "RFC 9700, 4.11"),
	Since:    suites.V20250326,
	Covers:   []string{"err-no-internals"},
	Remedy:   "Answer with a general text, and keep the cause for your log.",
	Faults:   []fault.Fault{fault.ErrorInternals},
	Specs: func(d *probes.Deployment) {
		provoked := probes.Start(d, d.Provoked)

		It("such as a stack trace, a query, a path or a key", func(ctx SpecContext) {
			all, err := provoked.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, res := range all {
				for what, marks := range errorInternals {
					i := slices.IndexFunc(marks, func(mark string) bool { return strings.Contains(string(res.Body), mark) })
					if i >= 0 {
						Fail(res.From + " shows " + what + ": " + strings.TrimSpace(marks[i]))
					}
				}
			}
		})
	},
})

// sameAnswer judges that two answers tell nothing by their difference.
func sameAnswer(f *probes.Future[*probes.Telling], what string) func(SpecContext) {
	return func(ctx SpecContext) {
		t, err := f.Await(ctx)
		for _, none := range []error{probes.ErrAnyoneWelcome, probes.ErrNoLoginForm, probes.ErrNoRefreshToken} {
			if errors.Is(err, none) {
				suites.NotApplicable("%v", err)
			}
		}
		Expect(err).NotTo(HaveOccurred())
		if t.Foreign == "tokens" {
			suites.NotApplicable("it was taken; another check judges that")
		}
		Expect(t.Foreign).To(Equal(t.Unknown), "the answer tells whether %s exists", what)
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-errors-no-oracle",
	Title:    "Errors do not tell what exists",
	Role:     suites.AS,
	Area:     suites.ErrorHandling,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    cited("RFC 6749, 5.2", "RFC 6819, 5.1.4.2.3"),
	Since:    suites.V20250326,
	Covers:   []string{"err-no-client-oracle"},
	Remedy:   "Answer alike for what does not exist and for what is somebody else's.",
	Needs:    []suites.Need{suites.SecondClient},
	Faults:   []fault.Fault{fault.OracleCode, fault.OracleRefresh, fault.OracleAccount},
	Specs: func(d *probes.Deployment) {
		codes, tokens := probes.Start(d, d.ForeignCode), probes.Start(d, d.ForeignRefresh)
		accounts := probes.Start(d, d.WrongLogins)

		It("such as codes of other clients", sameAnswer(codes, "a code of another client"))
		It("such as refresh tokens of other clients", sameAnswer(tokens, "a refresh token of another client"))
		It("such as accounts", sameAnswer(accounts, "an account"))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-cors-no-credentials",
	Title:    "What scripts of other origins may call, they call without the user's cookies",
	Role:     suites.AS,
	Area:     suites.CrossOrigin,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    cited("RFC 9700, 2.6", "OAuth 2.1, 3.2"),
	Since:    suites.V20250326,
	Covers:   []string{"cors-token-and-metadata-usable"},
	Remedy:   "Send Access-Control-Allow-Origin: * where clients in browsers need it, and never Access-Control-Allow-Credentials.",
	Faults:   []fault.Fault{fault.SharedCredentials},
	Specs: func(d *probes.Deployment) {
		answers := probes.Start(d, func(ctx context.Context) ([]probes.CrossOrigin, error) {
			return d.CrossOrigins(ctx, probes.AttackerOrigin)
		})

		It("at the metadata, keys, token, registration and revocation endpoints", func(ctx SpecContext) {
			all, err := answers.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			open := map[string]bool{}
			for _, a := range all {
				open[a.Name] = open[a.Name] || a.Origin != ""
				shared := a.Origin == probes.AttackerOrigin && strings.EqualFold(a.Credentials, "true")
				Expect(shared).To(BeFalse(), "%s lets scripts of any origin call it with cookies", a.Name)
			}
			for name, is := range open {
				if !is {
					d.Note("%s: clients that run in a browser cannot use it, without CORS headers", name)
				}
			}
		})
	},
})
