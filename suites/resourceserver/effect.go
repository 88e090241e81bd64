package resourceserver

import (
	"context"
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// effectKnown needs a tool that leaves something behind and one that shows it.
func effectKnown(_ context.Context, d *probes.Deployment) (bool, string) {
	return d.Target.Effect != nil, "a tool with an effect and a tool that shows it (effect in the configuration)"
}

var _ = suites.Register(suites.Check{
	ID:       "rs-refused-before-effect",
	Title:    "What is refused has no effect",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "5.2"}, {Doc: "MCP 2026-07-28", Section: "Access Token Privilege Restriction"}},
	Since:    suites.V20250618,
	Covers:   []string{"rs-validates-before-processing"},
	Remedy:   "Verify the token before the message is handed to anything that runs it.",
	Needs:    []suites.Need{effectKnown},
	Faults:   []fault.Fault{fault.EffectBeforeCheck},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, d.EffectOfRefused)

		It("behind the answer", func(ctx SpecContext) {
			done, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(done).To(BeEmpty(), "a tool call was refused and carried out")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-subject-exact",
	Title:    "Users whose names differ are different users",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 9700", Section: "4.15"}, {Doc: "RFC 7519", Section: "4.1.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"jwt-subject-and-client-claims"},
	Remedy:   "Keep what belongs to a user under iss and sub as they are, without trimming or folding case.",
	Needs:    []suites.Need{effectKnown, labTokens},
	Faults:   []fault.Fault{fault.SubjectTrimmed},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, d.SubjectsTaken)

		It("by as little as case or a space", func(ctx SpecContext) {
			taken, err := tried.Await(ctx)
			if errors.Is(err, probes.ErrUnknownSubject) {
				suites.NotApplicable("%v", err)
			}
			Expect(err).NotTo(HaveOccurred())
			Expect(taken).To(BeEmpty(), "a user is shown what belongs to another, whose name is the same but for its spelling")
		})
	},
})
