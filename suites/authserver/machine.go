package authserver

import (
	"context"
	"errors"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// machineClient needs a client that may use client credentials.
func machineClient(ctx context.Context, d *probes.Deployment) (bool, string) {
	_, err := d.MachineClient(ctx)
	return !errors.Is(err, probes.ErrNoMachine),
		"a client that may use client_credentials: configure one with grant: client_credentials, since the authorization server registers none"
}

// machineCheck is a check on client credentials.
func machineCheck(c suites.Check) suites.Check {
	c.Role, c.Area, c.Since = suites.AS, suites.ClientCredentials, suites.V20250326
	c.Needs = append([]suites.Need{machineClient}, c.Needs...)
	return c
}

// machineTokens are a sound token of the machine client.
func machineTokens(d *probes.Deployment) *probes.Future[*probes.Tokens] {
	return probes.Start(d, func(ctx context.Context) (*probes.Tokens, error) { return d.ByMachine().Sound(ctx) })
}

var _ = suites.Register(machineCheck(suites.Check{
	ID:       "as-cc-token",
	Title:    "An entitled client gets an access token of its own, and no refresh token",
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("OAuth 2.1, 4.2", "OAuth 2.1, 4.2.2"),
	Covers:   []string{"cc-confidential-only"},
	Remedy:   "Leave refresh_token out of the answer to client_credentials: the client can ask again, and a second long-lived credential only can leak.",
	Faults:   []fault.Fault{fault.MachineRefused, fault.MachineRefreshes},
	Specs: func(d *probes.Deployment) {
		granted := machineTokens(d)

		It("for its credentials", func(ctx SpecContext) {
			Expect(granted.Await(ctx)).To(suites.BeAccepted())
		})
		It("and nothing that outlives it", func(ctx SpecContext) {
			t, err := granted.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(t.Refresh).To(BeEmpty(), "a refresh token came with client credentials")
		})
	},
}))

var _ = suites.Register(machineCheck(suites.Check{
	ID:       "as-cc-confidential-only",
	Title:    "Client credentials are for authenticated clients that are entitled to them",
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    cited("OAuth 2.1, 4.2", "OAuth 2.1, 2.1", "MCP OAuth client credentials extension, Authorization servers"),
	Covers:   []string{"as-cc-confidential-only", "cc-confidential-only"},
	Remedy:   "Refuse client_credentials from public clients, without valid client authentication, and from clients that are not registered for it.",
	Faults:   []fault.Fault{fault.MachinePublic, fault.ClientUnauthenticated, fault.ClientSecretIgnored},
	Specs: func(d *probes.Deployment) {
		unproved := probes.Start(d, d.Unproved)
		unentitled := probes.Start(d, d.Unentitled)

		It("with a proof", refused(d, unproved))
		It("that are registered for it", func(ctx SpecContext) {
			tried, err := unentitled.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(tried) == 0 {
				suites.NotApplicable("every client there is may use client credentials")
			}
			refused(d, unentitled)(ctx)
		})
	},
}))

var _ = suites.Register(machineCheck(suites.Check{
	ID:       "as-cc-audience",
	Title:    "A token for client credentials is for the resource that was asked for",
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    cited("RFC 8707, 2.2", "MCP OAuth client credentials extension, Authorization servers"),
	Covers:   []string{"as-cc-audience-bound"},
	Remedy:   "Read resource with client_credentials as with a code, and make it the audience of the token.",
	Faults:   []fault.Fault{fault.MachineAnyAudience},
	Specs: func(d *probes.Deployment) {
		granted := machineTokens(d)

		It("as one for a user is", func(ctx SpecContext) {
			t, err := granted.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			own, ok := t.JWT()
			if !ok {
				suites.NotApplicable("the access token is opaque")
			}
			resource, err := d.Resource(ctx)
			Expect(err).NotTo(HaveOccurred())
			baseline, err := d.Baseline(ctx)
			Expect(err).NotTo(HaveOccurred())
			if user, ok := baseline.JWT(); ok && !slices.Contains(user.Audience(), resource) {
				suites.LeaveTo(d, "as-audience-follows-resource", reports.AuthServer, "tokens for a user are not for %q either", resource)
			}
			Expect(own.Audience()).To(ContainElement(resource), "the token is not for the resource that was asked for")
		})
	},
}))

var _ = suites.Register(machineCheck(suites.Check{
	ID:       "as-cc-subject",
	Title:    "A token of a client cannot be taken for one of a user",
	Level:    suites.Should,
	Severity: suites.High,
	Cites:    cited("RFC 9068, 5", "OAuth 2.1, 9.14", "RFC 9700, 4.15"),
	Covers:   []string{"cc-subject-namespace"},
	Remedy:   "Make the subject of such tokens the client, from a name space of its own, and never the account of whoever owns the client.",
	Faults:   []fault.Fault{fault.MachineAsUser},
	Specs: func(d *probes.Deployment) {
		granted := machineTokens(d)

		It("by its subject", func(ctx SpecContext) {
			t, err := granted.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			own, ok := t.JWT()
			if !ok {
				suites.NotApplicable("the access token is opaque")
			}
			subject, _ := own.Claims.String("sub")
			client, _ := own.Claims.String("client_id")
			baseline, err := d.Baseline(ctx)
			Expect(err).NotTo(HaveOccurred())
			if user, ok := baseline.JWT(); ok {
				of, _ := user.Claims.String("sub")
				Expect(subject == of && of != "").To(BeFalse(), "the client's own token has the user %q for its subject", of)
			}
			if subject != "" && subject != client && client != "" {
				suites.Review("the client's own token has sub %q, and client_id %q: is that nobody's account?", subject, client)
			}
		})
	},
}))
