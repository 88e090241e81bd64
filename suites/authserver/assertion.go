package authserver

import (
	"context"
	"errors"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// assertionClient needs a client that authenticates by signing.
func assertionClient(ctx context.Context, d *probes.Deployment) (bool, string) {
	_, err := d.AssertionClient(ctx)
	return !errors.Is(err, probes.ErrNoAssertion),
		"a client that authenticates by private_key_jwt: configure one with private_key_file, since the authorization server registers none"
}

// assertionCheck is a check on client assertions.
func assertionCheck(c suites.Check) suites.Check {
	c.Role, c.Area, c.Since = suites.AS, suites.ClientAuth, suites.V20250326
	c.Needs = append([]suites.Need{assertionClient}, c.Needs...)
	return c
}

// assertionTry makes the same assertions whoever the client is.
func assertionTry(d *probes.Deployment, assertings ...probes.Asserting) *probes.Future[[]probes.Tried] {
	return d.TryAssertions(func(context.Context, *probes.Client) ([]probes.Asserting, error) { return assertings, nil })
}

// assertionWith differs from a sound one by what is mutated before it is signed.
func assertionWith(name string, mutations ...tokens.Mutation) probes.Asserting {
	return probes.Asserting{Name: name, Mutate: mutations}
}

// assertionForged are assertions made of a sound one.
func assertionForged(recipes ...tokens.Recipe) []probes.Asserting {
	var all []probes.Asserting
	for _, r := range recipes {
		all = append(all, probes.Asserting{Name: "an assertion " + r.Name, Forge: &r})
	}
	return all
}

var _ = suites.Register(assertionCheck(suites.Check{
	ID:       "as-assertion-accepted",
	Title:    "A client authenticates by signing an assertion for the issuer identifier",
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("RFC 7523, 3", "RFC 7521, 4.2", "MCP OAuth client credentials extension, Client authentication"),
	Covers:   []string{"as-cc-jwt-assertion-validated"},
	Remedy:   "Take assertions whose aud is the issuer identifier; it is the only audience that the update of RFC 7523 leaves.",
	Faults:   []fault.Fault{fault.AssertionRefused, fault.AssertionIssuerRefused},
	Specs: func(d *probes.Deployment) {
		client := probes.Start(d, d.AssertionClient)
		found := probes.Start(d, d.Metadata)

		It("as it is registered to", func(ctx SpecContext) {
			c, err := client.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			metadata, err := found.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if issuer, _ := metadata.String("issuer"); c.Audience != issuer {
				suites.Warn("an assertion for the issuer identifier is refused, and one for the token endpoint is taken")
			}
		})
	},
}))

var _ = suites.Register(assertionCheck(suites.Check{
	ID:       "as-assertion-signature",
	Title:    "A client assertion is verified with the client's registered key, under an asymmetric algorithm",
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    cited("RFC 7523, 3", "RFC 8725, 3.1"),
	Covers:   []string{"ca-assertion-signature", "as-cc-jwt-assertion-validated"},
	Remedy:   "Verify with the keys of the registration alone and an allowlist of asymmetric algorithms; never take key or algorithm from the assertion.",
	Faults:   []fault.Fault{fault.AssertionUnverified, fault.AssertionUnsigned, fault.AssertionSymmetric},
	Specs: func(d *probes.Deployment) {
		forged := d.TryAssertions(func(_ context.Context, c *probes.Client) ([]probes.Asserting, error) {
			return assertionForged(append([]tokens.Recipe{c.Signer.SignedByOther()}, tokens.BrokenSignatures()[:4]...)...), nil
		})
		unsigned := assertionTry(d, assertionForged(tokens.Unprotected())...)
		symmetric := d.TryAssertions(func(_ context.Context, c *probes.Client) ([]probes.Asserting, error) {
			jwks, err := c.Signer.JWKS()
			return assertionForged(tokens.HMACSigned(jwks)...), err
		})

		It("and not for any signature", refused(d, forged))
		It("and not for none", refused(d, unsigned))
		It("and not with the public key for a secret", refused(d, symmetric))
	},
}))

var _ = suites.Register(assertionCheck(suites.Check{
	ID:       "as-assertion-claims",
	Title:    "A client assertion is by the client, about the client, and valid now",
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 7523, 3"),
	Covers:   []string{"ca-assertion-claims", "as-cc-jwt-assertion-validated"},
	Remedy:   "Require iss and sub to be the client's id, require exp, and refuse assertions outside exp and nbf.",
	Faults: []fault.Fault{
		fault.AssertionAnyIssuer, fault.AssertionAnySubject, fault.AssertionEternal, fault.AssertionExpired, fault.AssertionPremature,
	},
	Specs: func(d *probes.Deployment) {
		issuer := assertionTry(d, assertionWith("an assertion of another issuer", tokens.Claim("iss", "https://elsewhere.mcpassay.example")),
			assertionWith("an assertion of nobody", tokens.Without("iss")))
		subject := assertionTry(d, assertionWith("an assertion about somebody else", tokens.Claim("sub", "mcpassay-somebody-else")))
		end := assertionTry(d, assertionWith("an assertion without exp", tokens.Without("exp")),
			assertionWith("an expired assertion", tokens.Dated("iat", -2*time.Hour), tokens.Dated("exp", -time.Hour)))
		begin := assertionTry(d, assertionWith("an assertion that is not valid yet", tokens.Dated("nbf", time.Hour), tokens.Dated("exp", 90*time.Minute)),
			assertionWith("an assertion that is soon valid", tokens.Dated("nbf", 20*time.Minute), tokens.Dated("exp", 25*time.Minute)))

		It("by its iss", refused(d, issuer))
		It("by its sub", refused(d, subject))
		It("by its exp", refused(d, end))
		It("by its nbf", refused(d, begin))
	},
}))

var _ = suites.Register(assertionCheck(suites.Check{
	ID:       "as-assertion-audience",
	Title:    "A client assertion is for this authorization server, and for no other",
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 7523, 3", "draft-ietf-oauth-rfc7523bis, 4"),
	Covers:   []string{"ca-assertion-audience", "as-cc-jwt-assertion-validated"},
	Remedy:   "Require aud, and require it to be your issuer identifier alone: an assertion that another server was shown must not work here.",
	Faults:   []fault.Fault{fault.AssertionAnyAudience, fault.AssertionNoAudience, fault.AssertionManyAudiences},
	Specs: func(d *probes.Deployment) {
		other := assertionTry(d,
			assertionWith("an assertion for another server", tokens.Audience("https://elsewhere.mcpassay.example")),
			assertionWith("an assertion for the MCP server", tokens.Audience(d.Endpoint.String())))
		nobody := assertionTry(d, assertionWith("an assertion for nobody", tokens.Without("aud")))
		several := d.TryAssertions(func(_ context.Context, c *probes.Client) ([]probes.Asserting, error) {
			return []probes.Asserting{assertionWith("an assertion for this and another server",
				tokens.Audience([]string{"https://elsewhere.mcpassay.example", c.Audience}))}, nil
		})

		It("and not for another", refused(d, other))
		It("by name", refused(d, nobody))
		It("alone", contested(d, several, "the other server could use the assertion here"))
	},
}))

var _ = suites.Register(assertionCheck(suites.Check{
	ID:       "as-assertion-replay",
	Title:    "A client assertion works once",
	Level:    suites.May,
	Severity: suites.Medium,
	Cites:    cited("RFC 7523, 3", "RFC 7521, 8.2"),
	Covers:   []string{"ca-assertion-replay", "as-cc-jwt-assertion-validated"},
	Remedy:   "Remember the jti of each assertion until it expires, and refuse it when it comes again.",
	Faults:   []fault.Fault{fault.AssertionReplayable},
	Specs: func(d *probes.Deployment) {
		again := probes.Start(d, d.ReplayAssertion)

		It("and not for another code", refused(d, again))
	},
}))

// machineAdvertised needs an authorization server that offers client credentials.
func machineAdvertised(ctx context.Context, d *probes.Deployment) (bool, string) {
	metadata, err := d.Metadata(ctx)
	var grants []string
	if err == nil {
		grants, _ = metadata.Strings("grant_types_supported")
	}
	return err != nil || slices.Contains(grants, machineGrant), "an authorization server that offers client credentials (grant_types_supported)"
}

var _ = suites.Register(suites.Check{
	ID:       "as-cc-metadata",
	Title:    "The metadata says how clients authenticate that use client credentials",
	Role:     suites.AS,
	Area:     suites.ClientCredentials,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("MCP OAuth client credentials extension, Authorization servers", "RFC 8414, 2"),
	Since:    suites.V20250326,
	Covers:   []string{"as-cc-metadata-auth-methods", "as-cc-metadata-signing-algs"},
	Remedy: "List private_key_jwt or client_secret_basic in token_endpoint_auth_methods_supported, and with private_key_jwt the algorithms in " +
		"token_endpoint_auth_signing_alg_values_supported.",
	Needs:  []suites.Need{machineAdvertised},
	Faults: []fault.Fault{fault.MachineMethodsGone, fault.AssertionAlgorithmsGone},
	Specs: func(d *probes.Deployment) {
		found := probes.Start(d, d.Metadata)

		It("by which method", func(ctx SpecContext) {
			metadata, err := found.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			methods, listed := metadata.Strings("token_endpoint_auth_methods_supported")
			if !listed {
				suites.Warn("token_endpoint_auth_methods_supported is missing, which means client_secret_basic")
			}
			Expect(slices.Contains(methods, "private_key_jwt") || slices.Contains(methods, "client_secret_basic")).To(BeTrue(),
				"token_endpoint_auth_methods_supported names neither private_key_jwt nor client_secret_basic, but %q", methods)
		})
		It("with which algorithms", func(ctx SpecContext) {
			metadata, err := found.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if methods, _ := metadata.Strings("token_endpoint_auth_methods_supported"); !slices.Contains(methods, "private_key_jwt") {
				suites.NotApplicable("private_key_jwt is not offered")
			}
			listed, _ := metadata.Strings("token_endpoint_auth_signing_alg_values_supported")
			Expect(listed).NotTo(BeEmpty(), "private_key_jwt is offered, and token_endpoint_auth_signing_alg_values_supported is missing")
		})
	},
})
