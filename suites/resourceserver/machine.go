package resourceserver

import (
	"context"
	"encoding/json"
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// machineServed needs a resource server that takes tokens of clients.
func machineServed(ctx context.Context, d *probes.Deployment) (bool, string) {
	if _, err := d.MachineClient(ctx); errors.Is(err, probes.ErrNoMachine) {
		return false, "a client that may use client_credentials: configure one with grant: client_credentials, since the authorization server registers none"
	}
	served, err := d.Serves(ctx, d.ByMachine())
	return err != nil || served, "a resource server that takes tokens of clients, without a user"
}

// machineCheck is a check on how tokens without a user are taken.
func machineCheck(c suites.Check) suites.Check {
	c.Role, c.Area = suites.RS, suites.ClientCredentials
	if c.Since == "" {
		c.Since = suites.V20250326
	}
	c.Needs = append([]suites.Need{machineServed}, c.Needs...)
	return c
}

// issuedSpecs judge tokens of an issuance as those of users are judged.
func issuedSpecs(d *probes.Deployment, by, elsewhere probes.Issuance) {
	tampered := probes.Start(d, func(ctx context.Context) ([]probes.Varied, error) {
		return d.Tampered(ctx, by, append(tokens.BrokenSignatures()[:3], tokens.Altered("scope", "mcpassay admin"))...)
	})
	var misdirected *probes.Future[*probes.Answer]
	other, _ := suites.OtherResource(context.Background(), d)
	if other && elsewhere.Request != nil {
		misdirected = probes.Start(d, func(ctx context.Context) (*probes.Answer, error) { return d.Misdirected(ctx, by, elsewhere) })
	}
	type reach struct{ tried, done []string }
	overreached := probes.Start(d, func(ctx context.Context) (reach, error) {
		tried, done, err := d.Overreached(ctx, by)
		return reach{tried, done}, err
	})

	It("by their signature", func(ctx SpecContext) {
		if _, err := tampered.Await(ctx); errors.Is(err, probes.ErrOpaque) || errors.Is(err, probes.ErrUnserved) {
			suites.NotApplicable("%v", err)
		}
		expectRefused(ctx, d, tampered, "the protected call is carried out for a token without a user, and")
	})
	It("by their audience", func(ctx SpecContext) {
		if misdirected == nil {
			suites.NotApplicable("no second resource of the authorization server is known, or nobody who may have a token for it")
		}
		Expect(misdirected.Await(ctx)).To(suites.BeRefused(), "a token without a user is taken that is for another resource")
	})
	It("by their scope", func(ctx SpecContext) {
		r, err := overreached.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		if len(r.tried) == 0 {
			suites.NotApplicable("no operation is known that needs more than the token has")
		}
		Expect(r.done).To(BeEmpty(), "a token without a user does what its scopes do not allow")
	})
}

var _ = suites.Register(machineCheck(suites.Check{
	ID:       "rs-cc-token-validated",
	Title:    "Tokens of clients are validated as those of users are",
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "5.2"}, {Doc: "RFC 9068", Section: "4"}, {Doc: "MCP OAuth client credentials extension", Section: "Resource servers"}},
	Covers:   []string{"rs-cc-validates-token"},
	Remedy:   "Send every token through the same validation, whoever it speaks for; a way of its own for services is the one that is forgotten.",
	Faults:   []fault.Fault{fault.MachineSignatureUnchecked, fault.MachineAudienceUnchecked, fault.MachineScopeUnchecked},
	Specs:    func(d *probes.Deployment) { issuedSpecs(d, d.ByMachine(), d.ByMachine()) },
}))

var _ = suites.Register(machineCheck(suites.Check{
	ID:       "rs-cc-user-operations",
	Title:    "A token without a user does not get at what belongs to a user",
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 9068", Section: "5"}, {Doc: "RFC 9700", Section: "4.15"}},
	Covers:   []string{"cc-user-operations-refused"},
	Remedy:   "Refuse operations on a user's data when the token names no user; never fall back to the last user, to an owner or to an administrator.",
	Needs:    []suites.Need{effectKnown, suites.SecondClient},
	Faults:   []fault.Fault{fault.MachineSeesAll},
	Specs: func(d *probes.Deployment) {
		shown := probes.Start(d, func(ctx context.Context) (bool, error) { return d.UserDataShown(ctx, d.ByMachine()) })

		It("that the same call shows to the user", func(ctx SpecContext) {
			Expect(shown.Await(ctx)).To(BeFalse(), "a client without a user is shown what a user has left")
		})
	},
}))

// machineExtension is how a server says that it takes tokens of clients.
const machineExtension = "io.modelcontextprotocol/oauth-client-credentials"

var _ = suites.Register(machineCheck(suites.Check{
	ID:       "rs-cc-extension",
	Title:    "A server that takes tokens of clients says so in server/discover",
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    []suites.Cite{{Doc: "MCP OAuth client credentials extension", Section: "Capabilities"}},
	Since:    suites.V20260728, // which brought server/discover
	Covers:   []string{"rs-cc-advertises-extension"},
	Remedy:   "List " + machineExtension + " under extensions in the capabilities that server/discover returns.",
	Faults:   []fault.Fault{fault.MachineExtensionHidden},
	Specs: func(d *probes.Deployment) {
		discovered := probes.Start(d, d.Discover)

		It("among its extensions", func(ctx SpecContext) {
			answer, err := discovered.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			var result struct {
				Capabilities struct {
					Extensions map[string]json.RawMessage `json:"extensions"`
				} `json:"capabilities"`
			}
			if !answer.Served() || json.Unmarshal(answer.Result, &result) != nil {
				suites.NotApplicable("server/discover was %s", answer.Said())
			}
			Expect(result.Capabilities.Extensions).To(HaveKey(machineExtension))
		})
	},
}))
