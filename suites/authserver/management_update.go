package authserver

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// spare is the client of a registration that nobody needs any more, or a new one
// if that was refused.
func spare(ctx context.Context, d *probes.Deployment, registration func(context.Context) (*probes.Registration, error)) (*probes.Client, error) {
	r, err := registration(ctx)
	if err != nil {
		return nil, err
	}
	if r.Client != nil {
		return r.Client, nil
	}
	return d.RegisterSoundly(wire.For(ctx, "control"), nil)
}

// An alteration is an update of a registration that breaks a rule.
type alteration struct {
	answer *wire.Response
	told   *wire.Document // the answer's document; nil if it is none
	after  *wire.Document // the registration as the owner reads it afterwards; nil if it is gone
}

// accepted tells whether the server said that it made the update.
func (a *alteration) accepted() bool { return a.answer.Status < 300 }

// What an update may not do: the values are never those of a real client.
const (
	chosenSecret = "mcpassay-chosen-secret-0123456789abcdef" //nolint:gosec // nobody's
	otherID      = "mcpassay-other-id"
	scriptURI    = "javascript:alert(1)//"
)

// unsupported are answers that say there are no updates here.
var unsupported = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}

// tryUpdates makes the changes to one registration, each between sound updates.
// It returns nil if registrations cannot be read or updated.
func tryUpdates(ctx context.Context, d *probes.Deployment, changes ...map[string]any) ([]*alteration, error) {
	c, err := spare(ctx, d, withUnknownMembers(d))
	if err != nil {
		return nil, err
	}
	if _, _, ok := c.Management(); !ok {
		return nil, nil
	}
	o := owner{d, c}
	doc, err := o.read(wire.For(ctx, "control"))
	if err != nil || doc == nil {
		return nil, err
	}
	var results []*alteration
	for _, change := range changes {
		if supported, err := o.updateSoundly(ctx, doc); err != nil || !supported {
			return nil, err
		}
		a := &alteration{}
		if a.answer, a.told, err = o.ask(wire.For(ctx, "attack"), http.MethodPut, update(doc, change)); err != nil {
			return nil, err
		}
		if a.after, err = o.read(wire.For(ctx, "control")); err != nil {
			return nil, err
		}
		results = append(results, a)
	}
	_, err = o.updateSoundly(ctx, doc)
	return results, err
}

// updateSoundly puts the registration back as it was.
func (o owner) updateSoundly(ctx context.Context, doc *wire.Document) (supported bool, err error) {
	res, _, err := o.ask(wire.For(ctx, "control"), http.MethodPut, update(doc, nil))
	switch {
	case err != nil:
		return false, err
	case res.Status < 300:
		return true, nil
	case slices.Contains(unsupported, res.Status):
		return false, nil
	}
	return false, &probes.Blocked{By: "client update", Owner: reports.AuthServer,
		Err: fmt.Errorf("an update that changes nothing was answered %d", res.Status)}
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-update-rules",
	Title:    "An update of a registration follows the rules for a new one",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 7592", Section: "2.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-management-update-rules"},
	Remedy: "Send updates through the same validation as registrations, refuse another client_id or client_secret, and replace the " +
		"whole record.",
	Needs:  []suites.Need{openRegistration, suites.Management},
	Faults: []fault.Fault{fault.ManageUnchecked, fault.ManageChosenSecret, fault.ManageMerges, fault.ManageChangesID},
	Specs: func(d *probes.Deployment) {
		probe := probes.Start(d, func(ctx context.Context) ([]*alteration, error) {
			return tryUpdates(ctx, d,
				map[string]any{"redirect_uris": []string{scriptURI}},
				withSecret(ctx, d, map[string]any{"client_secret": chosenSecret}),
				map[string]any{"redirect_uris": nil},
				map[string]any{"client_id": otherID})
		})
		altered := func(ctx SpecContext, i int) *alteration {
			GinkgoHelper()
			all, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if all == nil {
				suites.NotApplicable("clients cannot read or update their registration")
			}
			return all[i]
		}

		It("for redirect URIs", func(ctx SpecContext) {
			stored, _ := altered(ctx, 0).after.Strings("redirect_uris")
			Expect(stored).NotTo(ContainElement(scriptURI), "an update stored a redirect URI that runs a script")
		})
		It("so that a client does not choose its secret", func(ctx SpecContext) {
			a := altered(ctx, 1)
			for _, doc := range []*wire.Document{a.told, a.after} {
				secret, _ := doc.String("client_secret")
				Expect(secret == chosenSecret).To(BeFalse(), "the secret of the update was stored")
			}
		})
		It("and keeps nothing that it leaves out", func(ctx SpecContext) {
			a := altered(ctx, 2)
			if stored, _ := a.after.Strings("redirect_uris"); a.accepted() && len(stored) > 0 {
				suites.Warn("an update without redirect_uris was accepted and left them as they were: %s", strings.Join(stored, " "))
			}
		})
		It("and does not change the id", func(ctx SpecContext) {
			a := altered(ctx, 3)
			id, _ := a.told.String("client_id")
			Expect(id).NotTo(Equal(otherID), "an update with another client_id was accepted")
			Expect(a.after).NotTo(BeNil(), "after an update with another client_id the registration is gone")
		})
	},
})
