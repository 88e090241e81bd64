package authserver

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "as-request-object",
	Title:    "A request object counts only if its client has signed it, for this server and for now",
	Role:     suites.AS,
	Area:     suites.AuthorizationRequest,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 9101, 4", "RFC 9101, 5", "RFC 9101, 6.2", "RFC 9101, 6.3", "RFC 9101, 10.1", "RFC 9101, 10.7", "RFC 9101, 10.8"),
	Since:    suites.V20250326,
	Covers:   []string{"authz-request-object-attacks"},
	Remedy: "Verify request objects with the client's registered key and algorithm, compare iss, client_id, aud and exp, refuse assertions and " +
		"whatever else the client signs, and take no parameter from outside the object.",
	Needs: []suites.Need{suites.RequestObjects},
	Faults: []fault.Fault{
		fault.RequestObjectUnsigned, fault.RequestObjectAnyKey, fault.RequestObjectHMAC, fault.RequestObjectAssertion, fault.RequestObjectClient,
		fault.RequestObjectAudience, fault.RequestObjectEternal, fault.RequestObjectReplaced, fault.RequestObjectFilled,
	},
	Specs: func(d *probes.Deployment) {
		unsigned, foreign := d.TryObjects(probes.UnsignedObjects()), d.TryObjects(probes.ForeignObjects())
		misdirected, assertion := d.TryObjects(probes.MisdirectedObjects()), d.TryObjects(probes.AssertionObject())
		outside, replaced := d.TryObjects(probes.BesideObject()), probes.Start(d, d.ReplaceBeside)

		// An unsigned object says no more than the parameters of a plain request do,
		// but whoever takes it has not read on.
		It("and not without a signature", contested(d, unsigned, "request objects need no signature"))
		It("and not with somebody else's", refused(d, foreign))
		It("and not if it is not meant so", refused(d, misdirected))
		It("and not if it is another of the client's tokens", refused(d, assertion))
		It("and nothing is taken from beside it", contested(d, outside, "what the request object leaves out is taken from the URL"))
		It("and nothing beside it replaces what it says", func(ctx SpecContext) {
			r, err := replaced.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if r.Authorization.Params.Get("state") == "beside" {
				d.Note("the state in the URL is returned, not the one in the request object")
			}
			Expect(r.Tokens == nil || r.Issued()).To(BeTrue(), "a code was issued that the code challenge in the request object does not protect: %s", r.Ended())
		})
	},
})
