package authserver

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// A deletion is what was left of a client that deleted its registration.
type deletion struct {
	answer    *wire.Response
	shown     bool            // its owner can still read the registration
	flow      *probes.Attempt // a new one
	redeemed  *probes.Tokens  // for a code issued before
	refreshed *probes.Tokens  // for a refresh token issued before; nil if there was none
	called    *probes.Answer  // with an opaque access token issued before; nil for a JWT
}

// possible tells whether the server deletes registrations at all.
func (x *deletion) possible() bool {
	return x.answer.Status < 300 || !slices.Contains(unsupported, x.answer.Status)
}

// tryDeletion lets a client delete its registration, and goes on as if it had not.
func tryDeletion(ctx context.Context, d *probes.Deployment) (*deletion, error) {
	if _, err := d.OrdinaryFlow(ctx); err != nil {
		return nil, err
	}
	c, err := spare(ctx, d, untyped(d))
	if err != nil {
		return nil, err
	}
	control := wire.For(ctx, "control")
	grant, err := d.Grant(control, c)
	if err != nil {
		return nil, err
	}
	code, err := d.Code(control, c)
	if err != nil {
		return nil, err
	}
	x := &deletion{}
	if x.answer, err = d.Manage(control, c, http.MethodDelete, nil); err != nil || x.answer.Status >= 300 {
		return x, err
	}
	return x, x.goOn(wire.For(ctx, "attack"), d, code, grant)
}

// goOn uses what was issued to the client before it was deleted.
func (x *deletion) goOn(ctx context.Context, d *probes.Deployment, code *probes.Authorization, grant *probes.Tokens) (err error) {
	c := grant.Client
	if x.redeemed, err = d.Redeem(ctx, code); err != nil {
		return err
	}
	if grant.Refresh != "" {
		if x.refreshed, err = d.RefreshWith(ctx, grant); err != nil {
			return err
		}
	}
	if _, jwt := grant.JWT(); !jwt {
		if x.called, err = d.GuardedCall(ctx, func(ctx context.Context, _ string) (*probes.Answer, error) {
			return d.Call(ctx, grant.Access)
		}); err != nil {
			return err
		}
	}
	doc, err := owner{d, c}.read(ctx)
	if err != nil {
		return err
	}
	x.shown = doc != nil
	second, err := d.SecondClient(ctx)
	if err != nil {
		return err
	}
	x.flow, err = probes.Controlled(ctx, d, second, func(ctx context.Context) (*probes.Attempt, error) {
		return d.Attempt(ctx, c, nil, nil)
	})
	if err == nil && !x.shown && !x.flow.Issued() {
		d.Removed(c)
	}
	return err
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-delete",
	Title:    "Nothing is left of a client that deletes its registration",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 7592", Section: "2.3"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-delete-cascades", "rt-dies-with-grant"},
	Remedy:   "When a client is deleted, end its grants: codes, refresh tokens and access tokens that are looked up, and refuse its credentials everywhere.",
	Needs:    []suites.Need{openRegistration, suites.Management},
	Faults:   []fault.Fault{fault.DeleteNothing, fault.DeleteKeepsTokens},
	Specs: func(d *probes.Deployment) {
		probe := probes.Start(d, func(ctx context.Context) (*deletion, error) { return tryDeletion(ctx, d) })
		deleted := func(ctx SpecContext) *deletion {
			GinkgoHelper()
			x, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !x.possible() {
				suites.NotApplicable("clients cannot delete their registration: it was answered %d", x.answer.Status)
			}
			Expect(x.answer.Status).To(BeNumerically("<", 300), "%s was answered %d", x.answer.From, x.answer.Status)
			if x.answer.Status != http.StatusNoContent {
				d.Note("the deletion was answered %d rather than 204", x.answer.Status)
			}
			return x
		}

		It("neither its registration nor its right to ask users", func(ctx SpecContext) {
			x := deleted(ctx)
			Expect(x.shown).To(BeFalse(), "the deleted registration can still be read")
			Expect(x.flow).To(suites.BeRefused())
		})
		It("nor what was issued to it", func(ctx SpecContext) {
			x := deleted(ctx)
			if x.flow.Issued() {
				suites.NotApplicable("the client was not deleted")
			}
			Expect(x.redeemed).To(suites.BeRefused(), "its code")
			if x.refreshed != nil {
				Expect(x.refreshed).To(suites.BeRefused(), "its refresh token")
			}
			if x.called == nil {
				d.Note("its access token is a JWT and may be good until it expires")
				return
			}
			Expect(x.called).To(suites.BeRefused(), "its access token")
		})
	},
})

// tryListing asks the registration endpoint for what is registered, without any
// credentials, and returns the requests that were answered with the record of a
// client.
func tryListing(ctx context.Context, d *probes.Deployment) (revealing []string, err error) {
	c, err := d.SecondClient(ctx)
	if err != nil {
		return nil, err
	}
	endpoint, err := d.ServerEndpoint(ctx, "registration_endpoint")
	if err != nil {
		return nil, err
	}
	targets := []string{endpoint}
	if !strings.Contains(endpoint, "?") {
		targets = append(targets, endpoint+"?"+url.Values{"client_id": {c.ID}}.Encode(), strings.TrimSuffix(endpoint, "/")+"/"+url.PathEscape(c.ID))
	}
	own, _, _ := c.Management()
	for _, target := range targets {
		if target == own { // whether that is guarded is judged elsewhere
			continue
		}
		for _, method := range []string{http.MethodGet, http.MethodOptions} {
			res, err := d.ManageAt(ctx, target, "", method, nil)
			if err != nil {
				return nil, err
			}
			if reveals(res, c) {
				revealing = append(revealing, res.From)
			}
		}
	}
	return revealing, nil
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-not-listed",
	Title:    "Registered clients are not listed to anybody",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 7591", Section: "3"}, {Doc: "RFC 7592", Section: "2.1"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-no-public-listing"},
	Remedy:   "Answer POST alone at the registration endpoint; keep administrative listings behind administrative credentials.",
	Needs:    []suites.Need{openRegistration},
	Faults:   []fault.Fault{fault.RegistrationListed},
	Specs: func(d *probes.Deployment) {
		revealing := probes.Start(d, func(ctx context.Context) ([]string, error) { return tryListing(ctx, d) })

		It("by the registration endpoint", func(ctx SpecContext) {
			Expect(revealing.Await(ctx)).To(BeEmpty(), "these requests without credentials were answered with the record of a client")
		})
	},
})
