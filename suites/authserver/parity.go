package authserver

import (
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "as-registration-paths-agree",
	Title:    "Clients are treated alike, whichever way they were registered",
	Role:     suites.AS,
	Area:     suites.Parity,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    cited("RFC 9700, 2.2", "OAuth 2.1, 4.3.1", "RFC 7591, 5"),
	Since:    suites.V20250326,
	Remedy:   "Take lifetimes, refresh tokens, PKCE, scopes and audience from one policy for all clients; where one way of registration is to be treated otherwise, say so to your users.",
	Faults:   []fault.Fault{fault.PathsDiffer},
	Specs: func(d *probes.Deployment) {
		walked := probes.Start(d, d.Paths)

		It("as to lifetimes, refresh tokens, PKCE, consent, scopes and audience", func(ctx SpecContext) {
			paths, err := walked.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(paths) < 2 {
				suites.NotApplicable("there is one way to become a client")
			}
			differing := disparities(paths)
			if len(differing) == 0 {
				return
			}
			rows := make([]string, len(paths))
			for i := range paths {
				rows[i] = paths[i].Row()
			}
			suites.Review("%s depend on how a client was registered; is that meant?\n%s", strings.Join(differing, ", "), strings.Join(rows, "\n"))
		})
	},
})

// disparities name what is not the same for all paths. What is right to differ is
// not named: a machine has no user, and an operator's own clients may be trusted.
// That confidential clients need no PKCE is another check's.
func disparities(paths []probes.Path) []string {
	var users []probes.Path
	for _, p := range paths {
		if p.User {
			users = append(users, p)
		}
	}
	var named []string
	name := func(what string, among []probes.Path, same func(a, b *probes.Path) bool) {
		for i := range among {
			if !same(&among[0], &among[i]) && !slices.Contains(named, what) {
				named = append(named, what)
			}
		}
	}
	name("lifetimes of access tokens", paths, func(a, b *probes.Path) bool {
		return a.Lifetime*2 <= b.Lifetime*3 && b.Lifetime*2 <= a.Lifetime*3
	})
	name("refresh tokens", users, func(a, b *probes.Path) bool { return a.Refresh == b.Refresh })
	name("lifetimes of refresh tokens", users, func(a, b *probes.Path) bool { return a.Ends*2 <= b.Ends*3 && b.Ends*2 <= a.Ends*3 })
	name("scopes", users, func(a, b *probes.Path) bool { return slices.Equal(a.Scopes, b.Scopes) })
	name("audiences", paths, func(a, b *probes.Path) bool { return slices.Equal(a.Audience, b.Audience) })
	public := slices.DeleteFunc(slices.Clone(users), func(p probes.Path) bool { return p.Proves })
	name("the need for PKCE", public, func(a, b *probes.Path) bool { return a.NeedPKCE == b.NeedPKCE })
	unknown := slices.DeleteFunc(slices.Clone(users), func(p probes.Path) bool { return p.Vouched })
	name("questions for consent", unknown, func(a, b *probes.Path) bool { return a.Asked == b.Asked })
	return named
}
