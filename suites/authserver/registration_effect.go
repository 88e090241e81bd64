package authserver

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-effective",
	Title:    "A registration counts: codes go to registered redirect URIs of registered clients only",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "2.3.1, 4.1.1"}, {Doc: "RFC 7591", Section: "5"}, {Doc: "RFC 9700", Section: "4.1.3"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-enforces-registration"},
	Remedy: "Look the client up at the authorization endpoint, refuse with a page when it is unknown, and compare the redirect URI with " +
		"those it has registered.",
	Needs:  []suites.Need{openRegistration},
	Faults: []fault.Fault{fault.RedirectAny, fault.RegisterNoEffect},
	Specs: func(d *probes.Deployment) {
		elsewhere := tryAs(d, func(c *probes.Client) *probes.Client {
			return &probes.Client{ID: c.ID, Secret: c.Secret, Method: c.Method, RedirectURI: "https://elsewhere.mcpassay.example/callback"}
		})
		invented := tryAs(d, func(*probes.Client) *probes.Client {
			return &probes.Client{ID: "mcpassay-never-registered", Method: "none", RedirectURI: probes.LoopbackRedirect}
		})
		altered := tryAs(d, func(c *probes.Client) *probes.Client {
			return &probes.Client{ID: alter(c.ID), Method: "none", RedirectURI: c.RedirectURI}
		})
		refused := func(ctx SpecContext, f *probes.Future[*probes.Attempt]) {
			GinkgoHelper()
			a, err := f.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(a.Authorization.Code).To(BeEmpty(), a.Authorization.Ended())
		}

		It("and not to an address that the client did not register", func(ctx SpecContext) { refused(ctx, elsewhere) })
		It("and not for an id that was made up", func(ctx SpecContext) { refused(ctx, invented) })
		It("and not for an id that is one character off", func(ctx SpecContext) { refused(ctx, altered) })
	},
})

// tryAs goes through a flow as somebody who is not quite the client.
func tryAs(d *probes.Deployment, disguise func(*probes.Client) *probes.Client) *probes.Future[*probes.Attempt] {
	return probes.Start(d, func(ctx context.Context) (*probes.Attempt, error) {
		if _, err := d.OrdinaryFlow(ctx); err != nil {
			return nil, err
		}
		c, err := d.SecondClient(ctx)
		if err != nil {
			return nil, err
		}
		return probes.Controlled(ctx, d, c, func(ctx context.Context) (*probes.Attempt, error) {
			return d.Attempt(ctx, disguise(c), nil, nil)
		})
	})
}

// alter changes one character in the middle of an id, where every bit counts.
func alter(id string) string {
	b := []byte(id)
	if i := len(b) / 2; b[i] == 'a' {
		b[i] = 'b'
	} else {
		b[i] = 'a'
	}
	return string(b)
}
