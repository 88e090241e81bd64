package resourceserver

import (
	"maps"
	"regexp"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// What forms must not ask for. The first names it outright; the second may mean
// something harmless, such as the number of a playing card.
var (
	secretField  = regexp.MustCompile(`(?i)\b(password|passwd|passphrase|passcode|api[ _-]?key|secret[ _-]?key|client[ _-]?secret|access[ _-]?token|refresh[ _-]?token|private[ _-]?key|credit[ _-]?card|card[ _-]?number|cvv|cvc)\b`)
	dubiousField = regexp.MustCompile(`(?i)\b(secret|token|credential|credentials|pin|iban|otp)\b`)
)

var _ = suites.Register(suites.Check{
	ID:       "rs-elicitation-no-secrets-in-form",
	Title:    "Forms do not ask for passwords, keys, tokens or payment data",
	Role:     suites.RS,
	Area:     suites.ConfusedDeputy,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Elicitation, Form Mode Security"}},
	Since:    suites.V20250618,
	Covers:   []string{"rs-elicitation-no-secrets-in-form"},
	Remedy:   "Ask for secrets on a page of your own, with URL mode; what is typed into a form passes through the client and its model.",
	Needs:    []suites.Need{suites.Elicitation},
	Faults:   []fault.Fault{fault.AsksForPassword},
	Specs: func(d *probes.Deployment) {
		found := probes.Start(d, d.Asking)

		It("in any field", func(ctx SpecContext) {
			q, err := found.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			forms, dubious := 0, ""
			for _, key := range slices.Sorted(maps.Keys(q.Requests)) {
				asked := q.Requests[key]
				if asked.Method != "elicitation/create" || asked.Params.Mode == "url" {
					continue
				}
				forms++
				for _, name := range slices.Sorted(maps.Keys(asked.Params.Schema.Properties)) {
					field := asked.Params.Schema.Properties[name]
					for _, said := range []string{name, field.Title, field.Description} {
						Expect(secretField.MatchString(said)).To(BeFalse(), "the form of %s asks for %q", q.Call.Name, said)
						if dubiousField.MatchString(said) {
							dubious = said
						}
					}
				}
			}
			switch {
			case forms == 0:
				suites.NotApplicable("the server asks for nothing in a form")
			case dubious != "":
				suites.Review("the form of %s has a field %q: see whether that is a secret", q.Call.Name, dubious)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-elicitation-not-for-own-authorization",
	Title:    "Asking the user something does not take the place of an access token",
	Role:     suites.RS,
	Area:     suites.Passthrough,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Elicitation, URL Mode Elicitation for OAuth Flows"}},
	Since:    suites.V20251125,
	Covers:   []string{"rs-elicitation-not-for-own-authorization"},
	Remedy:   "Answer 401 to a request without a token, before anything is asked; elicitation is for authorization at third parties.",
	Needs:    []suites.Need{suites.Elicitation},
	Faults:   []fault.Fault{fault.AsksInsteadOf401},
	Specs: func(d *probes.Deployment) {
		called := probes.Start(d, d.AnonymousRound)

		It("whatever is answered", func(ctx SpecContext) {
			answer, err := called.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if answer == nil {
				suites.Undecided(d, reports.ResourceServer, "the server asks something at one time and not at another")
			}
			Expect(answer).To(suites.BeRefused())
		})
	},
})
