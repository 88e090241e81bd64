package resourceserver

import (
	"context"
	"errors"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "rs-actor-is-no-user",
	Title:    "The user of a token is its subject, whoever acts",
	Role:     suites.RS,
	Area:     suites.TokenExchange,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 8693", Section: "4.1"}, {Doc: "RFC 9700", Section: "4.15"}},
	Since:    suites.V20250326,
	Covers:   []string{"te-rs-treats-actor-correctly"},
	Remedy:   "Keep what belongs to a user under sub, read act only to know who acts, and refuse an act that is no object.",
	Needs:    []suites.Need{effectKnown, labTokens},
	Faults:   []fault.Fault{fault.ActorIsUser, fault.ActorNestedIsUser, fault.ActMalformed},
	Specs: func(d *probes.Deployment) {
		type seen struct{ taken, malformed []string }
		tried := probes.Start(d, func(ctx context.Context) (seen, error) {
			taken, malformed, err := d.ActorsTaken(ctx)
			return seen{taken, malformed}, err
		})
		await := func(ctx SpecContext) seen {
			s, err := tried.Await(ctx)
			if errors.Is(err, probes.ErrUnknownSubject) {
				suites.NotApplicable("%v", err)
			}
			Expect(err).NotTo(HaveOccurred())
			return s
		}

		It("now or before", func(ctx SpecContext) {
			Expect(await(ctx).taken).To(BeEmpty(), "what belongs to a user is shown because of")
		})
		It("and readably", func(ctx SpecContext) {
			if names := await(ctx).malformed; len(names) > 0 {
				d.Note("a token is accepted whose act is %s", strings.Join(names, ", "))
				suites.Warn("a token is accepted whose act is %s: who acts cannot be told", strings.Join(names, ", or "))
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-behind-gateway",
	Title:    "Nobody but a gateway can speak as one",
	Role:     suites.RS,
	Area:     suites.TokenIntrospection,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "RFC 9700", Section: "4.13"}, {Doc: "RFC 7662", Section: "4"}, {Doc: "RFC 9068", Section: "4"}},
	Since:    suites.V20250326,
	Covers:   []string{"int-phantom-bypass"},
	Remedy:   "Have the gateway drop header fields that name the user from whatever comes from outside, and let the server behind take JWTs from the gateway only.",
	Needs:    []suites.Need{suites.OpaqueAccessTokens},
	Faults:   []fault.Fault{fault.PhantomHeader, fault.PhantomInner, fault.IdentityHeaderTrusted},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, d.BypassGateway)

		It("by saying who calls", func(ctx SpecContext) {
			g, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, v := range g.Bare {
				if v.Err != nil {
					suites.Hindered(d, v.Name, v.Err)
				}
			}
			Expect(served(g.Bare)).To(BeEmpty(), "the protected call is carried out with")
		})
		It("by saying that somebody else does", func(ctx SpecContext) {
			g, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !g.Seen {
				suites.NotApplicable("whose call it was cannot be seen (effect in the configuration)")
			}
			Expect(g.Changed).To(BeFalse(), "header fields from outside decide whose call it is")
		})
		It("with the token that it makes", func(ctx SpecContext) {
			g, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			switch {
			case g.Inner == nil:
				suites.NotApplicable("no such token can be made without the authorization server's signing key")
			case g.Inner.Served():
				suites.Warn("clients get opaque tokens, and JWTs are accepted too: see that nobody outside gets hold of the ones that the gateway makes")
			}
		})
	},
})
