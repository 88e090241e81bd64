package resourceserver

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
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
				request := q.Requests[key]
				if request.Method != "elicitation/create" || request.Params.Mode == "url" {
					continue
				}
				forms++
				for _, name := range slices.Sorted(maps.Keys(request.Params.Schema.Properties)) {
					field := request.Params.Schema.Properties[name]
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

var _ = suites.Register(suites.Check{
	ID:       "rs-elicitation-url-not-preauthenticated",
	Title:    "A URL that a user is asked to open is worth nothing by itself",
	Role:     suites.RS,
	Area:     suites.ConfusedDeputy,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Elicitation, Safe URL Handling"}},
	Since:    suites.V20251125,
	Covers:   []string{"rs-elicitation-url-not-preauthenticated"},
	Remedy:   "Put nothing but a random id into the URL, and have whoever opens it sign in.",
	Needs:    []suites.Need{suites.AccountLinks},
	Faults:   []fault.Fault{fault.ElicitedURLTells, fault.ElicitedURLGrants},
	Specs: func(d *probes.Deployment) {
		linked := probes.Start(d, d.Link)

		It("since it tells no secrets", func(ctx SpecContext) {
			x := asked(ctx, linked)
			Expect(toldBy(x.URL)).To(BeEmpty(), "the URL has %v", toldBy(x.URL))
		})
		It("since opening it is not enough", func(ctx SpecContext) {
			x := asked(ctx, linked)
			Expect(x.Opened).To(BeFalse(), "once somebody has opened the URL, without signing in, the user is not asked any more")
		})
	},
})

// asked skips unless the server asked its user to open a URL.
func asked(ctx SpecContext, linked *probes.Future[*probes.Linking]) *probes.Linking {
	x, err := linked.Await(ctx)
	Expect(err).NotTo(HaveOccurred())
	if x == nil {
		suites.NotApplicable("the server does not ask its user to open a URL; it may have done so before")
	}
	return x
}

// toldBy are the parameters of a URL that name a secret or a person.
func toldBy(address string) []string {
	u, err := url.Parse(address)
	if err != nil {
		return nil
	}
	var told []string
	for _, name := range slices.Sorted(maps.Keys(u.Query())) {
		value := u.Query().Get(name)
		_, notJWT := tokens.Parse(value)
		if secretField.MatchString(name) || strings.Contains(value, "@") || notJWT == nil {
			told = append(told, name)
		}
	}
	if u.User != nil {
		told = append(told, "user information")
	}
	return told
}

var _ = suites.Register(suites.Check{
	ID:       "rs-elicitation-binds-user",
	Title:    "Who signs in at a URL has to be the user who was asked to",
	Role:     suites.RS,
	Area:     suites.ConfusedDeputy,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Elicitation, Identifying the User"}, {Doc: "MCP 2026-07-28", Section: "Elicitation, Phishing"}},
	Since:    suites.V20251125,
	Covers:   []string{"rs-elicitation-binds-user"},
	Remedy:   "Have whoever opens the URL sign in at the same authorization server, and compare the subject with that of the call.",
	Needs:    []suites.Need{suites.AccountLinks, suites.SecondUser},
	Faults:   []fault.Fault{fault.ElicitedForAnyone},
	Specs: func(d *probes.Deployment) {
		linked := probes.Start(d, d.Link)

		It("and nobody else", func(ctx SpecContext) {
			x := asked(ctx, linked)
			if x.Opened {
				suites.LeaveTo(d, "rs-elicitation-url-not-preauthenticated", reports.ResourceServer, "nobody has to sign in at the URL")
			}
			Expect(x.Other).To(BeFalse(), "another user has signed in at the URL, and the one who was asked is not asked any more")
		})
	},
})
