package authserver

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// openRegistration needs dynamic client registration that is open to anybody. A
// server may ask for an initial access token instead (RFC 7591, section 3).
func openRegistration(ctx context.Context, d *probes.Deployment) (bool, string) {
	if offered, want := suites.DynamicRegistration(ctx, d); !offered {
		return false, want
	}
	_, err := d.SecondClient(ctx)
	var refused *probes.RefusedRegistration
	closed := errors.As(err, &refused) && (refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden)
	return !closed, "registration that is open to anybody, and here it is refused without an initial access token"
}

// secretMethod is how a client with a secret authenticates at this server; empty
// if it cannot. A server that lists no methods supports Basic (RFC 8414, section 2).
func secretMethod(ctx context.Context, d *probes.Deployment) string {
	const basic = "client_secret_basic"
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return basic
	}
	supported, ok := metadata.Strings("token_endpoint_auth_methods_supported")
	if !ok {
		return basic
	}
	for _, method := range []string{basic, "client_secret_post"} {
		if slices.Contains(supported, method) {
			return method
		}
	}
	return ""
}

// withSecret adds to the changes that the client is to get a secret, where clients
// can have one.
func withSecret(ctx context.Context, d *probes.Deployment, change map[string]any) map[string]any {
	all := maps.Clone(change)
	if method := secretMethod(ctx, d); method != "" {
		all["token_endpoint_auth_method"] = method
	}
	return all
}

// confidential is a client with a secret, registered once for all checks; nil if
// the server registers none. It names every member that a client may leave out.
func confidential(ctx context.Context, d *probes.Deployment) (*probes.Client, error) {
	return probes.Once(d, "confidential client", func(ctx context.Context) (*probes.Client, error) {
		method := secretMethod(ctx, d)
		if method == "" {
			return nil, nil
		}
		if _, err := d.SecondClient(ctx); err != nil {
			return nil, err
		}
		scopes, err := d.Scopes(ctx)
		if err != nil {
			return nil, err
		}
		change := map[string]any{"token_endpoint_auth_method": method}
		if len(scopes) > 0 {
			change["scope"] = strings.Join(scopes, " ")
		}
		r, err := d.RegisterChanged(wire.For(ctx, "control"), change)
		if err == nil && r.Client == nil && change["scope"] != nil {
			delete(change, "scope")
			r, err = d.RegisterChanged(wire.For(ctx, "control"), change)
		}
		if err != nil || r.Client == nil || !r.Client.Confidential() {
			return nil, err
		}
		return r.Client, nil
	}).Get(ctx)
}

// needsSecret ends an assertion about secrets where there are none.
func needsSecret(c *probes.Client, err error) *probes.Client {
	GinkgoHelper()
	Expect(err).NotTo(HaveOccurred())
	if c == nil {
		suites.NotApplicable("the server registers no clients with a secret")
	}
	return c
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-usable",
	Title:    "Whoever registers as an ordinary client can use what was registered",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites: []suites.Cite{
		{Doc: "RFC 7591", Section: "3.1, 3.2.1"}, {Doc: "MCP 2026-07-28", Section: "Client Registration, Dynamic Client Registration"},
		{Doc: "RFC 8252", Section: "7.3"},
	},
	Since:  suites.V20250326,
	Covers: []string{"as-dcr-supported"},
	Remedy: "Let a native client with a loopback redirect URI register and take it through a code flow; or stop advertising registration_endpoint.",
	Needs:  []suites.Need{openRegistration},
	Faults: []fault.Fault{fault.RegisterLoopbackRefused, fault.RegisterSecretUnusable},
	Specs: func(d *probes.Deployment) {
		ordinary := probes.Start(d, d.OrdinaryFlow)
		secretive := probes.Start(d, func(ctx context.Context) (*probes.Attempt, error) {
			c, err := confidential(ctx, d)
			if c == nil || err != nil {
				return nil, err
			}
			if _, err := d.Baseline(ctx); err != nil {
				return nil, err
			}
			return d.Attempt(wire.For(ctx, "control"), c, nil, nil)
		})

		It("in the authorization code flow", func(ctx SpecContext) {
			flow, err := ordinary.Await(ctx)
			var refused *probes.RefusedRegistration
			if errors.As(err, &refused) && refused.Code == "invalid_redirect_uri" {
				suites.Warn("the server registers no client with the loopback redirect URI %s, so no client on a user's machine can register by itself",
					probes.LoopbackRedirect)
			}
			Expect(err).NotTo(HaveOccurred())
			Expect(flow).To(suites.BeAccepted())
		})
		It("with the secret that came with it", func(ctx SpecContext) {
			flow, err := secretive.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if flow == nil {
				suites.NotApplicable("the server registers no clients with a secret")
			}
			Expect(flow).To(suites.BeAccepted())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-response",
	Title:    "The answer to a registration says all that the client has to know",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 7591", Section: "3.2.1"}, {Doc: "OAuth 2.1", Section: "3.2.3"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-response-complete", "as-dcr-response-shape"},
	Remedy: "Answer 201 with a JSON document that holds every member as it was stored, client_secret_expires_at beside a secret " +
		"(0 if it never expires), and Cache-Control: no-store.",
	Needs:  []suites.Need{openRegistration},
	Faults: []fault.Fault{fault.RegisterStatus, fault.RegisterNoEcho, fault.RegisterExpiryMissing, fault.RegisterCacheable},
	Specs: func(d *probes.Deployment) {
		ordinary := probes.Start(d, d.SecondClient)
		secretive := probes.Start(d, func(ctx context.Context) (*probes.Client, error) { return confidential(ctx, d) })

		It("with status 201, in JSON", func(ctx SpecContext) {
			c, err := ordinary.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(c.Answer).To(suites.HaveMediaType("application/json"))
			if c.Answer.Status == http.StatusOK {
				suites.Warn("%s was answered 200 rather than 201", c.Answer.From)
			}
			Expect(c.Answer).To(suites.HaveStatus(http.StatusCreated))
		})
		It("naming what was registered", func(ctx SpecContext) {
			c, err := ordinary.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			var missing []string
			for _, name := range []string{"redirect_uris", "grant_types", "token_endpoint_auth_method"} {
				if !c.Metadata.Has(name) {
					missing = append(missing, name)
				}
			}
			Expect(missing).To(BeEmpty(), "members that were registered are missing from the answer")
		})
		It("and when the secret expires", func(ctx SpecContext) {
			c := needsSecret(secretive.Await(ctx))
			_, ok := c.Metadata.Number("client_secret_expires_at")
			Expect(ok).To(BeTrue(), "the answer has a client_secret and no client_secret_expires_at")
		})
		It("and no cache keeps it", func(ctx SpecContext) {
			c, err := ordinary.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if secret, err := secretive.Await(ctx); err == nil && secret != nil {
				c = secret
			}
			if len(c.Answer.Header.Values("Cache-Control")) == 0 {
				suites.Warn("%s was answered without Cache-Control; nothing lets caches keep it, and nothing forbids it", c.Answer.From)
			}
			Expect(c.Answer).To(suites.NotBeCacheable())
		})
	},
})
