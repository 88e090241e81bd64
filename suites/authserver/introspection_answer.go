package authserver

import (
	"context"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// introspector needs the resource server's client, as whom to ask.
func introspector(_ context.Context, d *probes.Deployment) (bool, string) {
	return d.Target.Introspector != nil, "the resource server's own client, which may introspect (introspection in the configuration)"
}

var _ = suites.Register(suites.Check{
	ID:       "as-introspection-dead-tokens",
	Title:    "Tokens that are no good are inactive, and that is all that is said of them",
	Role:     suites.AS,
	Area:     suites.TokenIntrospection,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 7662, 2.2"),
	Since:    suites.V20250326,
	Covers:   []string{"int-dead-tokens-are-inactive"},
	Remedy:   "Look the token up by all of it, see whether it has ended or was revoked, and answer 200 {\"active\":false} and nothing else if it is no good.",
	Needs:    []suites.Need{suites.Introspection, introspector},
	Faults:   []fault.Fault{fault.IntrospectRevoked, fault.IntrospectUnverified, fault.IntrospectDeadTold, fault.IntrospectUnknownFail},
	Specs: func(d *probes.Deployment) {
		asked := probes.Start(d, d.IntrospectDead)
		await := func(ctx SpecContext) []probes.DeadIntrospection {
			all, err := asked.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			return all
		}

		It("never active", func(ctx SpecContext) {
			var active []string
			for _, dead := range await(ctx) {
				if said, _ := dead.Document.Bool("active"); said {
					active = append(active, dead.Name)
				}
			}
			Expect(active).To(BeEmpty(), "introspection says that it is active")
		})
		It("not described", func(ctx SpecContext) {
			for _, dead := range await(ctx) {
				if said, _ := dead.Document.Bool("active"); said || dead.Document == nil {
					continue
				}
				var told []string
				for name := range dead.Document.Members {
					if name != "active" {
						told = append(told, name)
					}
				}
				if len(told) > 0 {
					suites.Warn("%s is not active, and is described by %s", dead.Name, strings.Join(told, ", "))
				}
			}
		})
		It("and no error", func(ctx SpecContext) {
			for _, dead := range await(ctx) {
				if dead.Response.Status != http.StatusOK {
					suites.Warn("%s is answered %d, as if the question were wrong", dead.Name, dead.Response.Status)
				}
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-introspection-transport",
	Title:    "Introspection is asked by POST and answered in JSON that nobody keeps",
	Role:     suites.AS,
	Area:     suites.TokenIntrospection,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("RFC 7662, 2.1", "RFC 7662, 2.2", "RFC 7662, 4"),
	Since:    suites.V20250326,
	Covers:   []string{"int-transport"},
	Remedy:   "Take the token from the body of a POST only; answer application/json with Cache-Control: no-store, active as a boolean, times as numbers.",
	Needs:    []suites.Need{suites.Introspection, introspector},
	Faults:   []fault.Fault{fault.IntrospectByGet, fault.IntrospectCacheable, fault.IntrospectActiveText},
	Specs: func(d *probes.Deployment) {
		asked := probes.Start(d, d.IntrospectLive)

		It("not by GET", func(ctx SpecContext) {
			live, err := asked.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			active, _ := live.ByGet.Bool("active")
			Expect(active).To(BeFalse(), "a token in the URL of a GET is answered: URLs are logged")
		})
		It("of the right types", func(ctx SpecContext) {
			live, err := asked.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(live.Response).To(suites.HaveMediaType("application/json"))
			_, isBool := live.Document.Bool("active")
			Expect(isBool).To(BeTrue(), "active is no boolean")
			for _, name := range []string{"exp", "iat", "nbf"} {
				if _, isNumber := live.Document.Number(name); live.Document.Has(name) {
					Expect(isNumber).To(BeTrue(), "%s is no number", name)
				}
			}
		})
		It("and is not kept", func(ctx SpecContext) {
			live, err := asked.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			values := strings.ToLower(strings.Join(live.Response.Header.Values("Cache-Control"), ","))
			for _, directive := range []string{"public", "max-age", "s-maxage"} {
				Expect(strings.Contains(values, directive) && !strings.Contains(values, "no-store") && !strings.Contains(values, "max-age=0")).To(BeFalse(),
					"introspection answers can be kept (%s): a revoked token would stay active", values)
			}
		})
	},
})
