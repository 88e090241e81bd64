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

// workloadKnown needs a workload for whose platform the run can sign.
func workloadKnown(_ context.Context, d *probes.Deployment) (bool, string) {
	return len(d.Target.Workloads) > 0, "a workload whose issuer the authorization server trusts, with the issuer's key (workloads in the configuration)"
}

// workloadCheck is a check on workload identity federation.
func workloadCheck(c suites.Check) suites.Check {
	c.Role, c.Area, c.Since = suites.AS, suites.WorkloadIdentity, suites.V20250326
	c.Needs = []suites.Need{workloadKnown}
	c.Cites = append(c.Cites, suites.Cite{Doc: "MCP workload identity federation extension", Section: "Authorization servers"})
	return c
}

const workloadGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"

var _ = suites.Register(workloadCheck(suites.Check{
	ID:       "as-wif-grant-advertised",
	Title:    "The metadata lists the grant by which workloads get tokens",
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("RFC 8414, 2"),
	Covers:   []string{"as-wif-grant-advertised"},
	Remedy:   "List " + workloadGrant + " in grant_types_supported.",
	Faults:   []fault.Fault{fault.WorkloadGrantUnlisted},
	Specs: func(d *probes.Deployment) {
		found := probes.Start(d, d.Metadata)

		It("in grant_types_supported", func(ctx SpecContext) {
			metadata, err := found.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			grants, _ := metadata.Strings("grant_types_supported")
			Expect(slices.Contains(grants, workloadGrant)).To(BeTrue(), "grant_types_supported is %q, without the jwt-bearer grant", grants)
		})
	},
}))

var _ = suites.Register(workloadCheck(suites.Check{
	ID:       "as-wif-accepted",
	Title:    "A workload gets a token for the assertion of its platform, without being a client",
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("RFC 7523, 2.1"),
	Covers:   []string{"as-wif-request-accepted"},
	Remedy:   "Take the jwt-bearer grant with assertion and resource alone; the assertion says who asks. The other checks of workloads wait for this one.",
	Faults:   []fault.Fault{fault.WorkloadRefused, fault.WorkloadNeedsClient},
	Specs: func(d *probes.Deployment) {
		granted := probes.Start(d, func(ctx context.Context) (*probes.Tokens, error) {
			return d.ByWorkload(d.Target.Workloads[0]).Sound(ctx)
		})

		It("and a resource", func(ctx SpecContext) {
			Expect(granted.Await(ctx)).To(suites.BeAccepted())
		})
	},
}))

// workloadVouching differs from a sound assertion by what is mutated.
func workloadVouching(name string, mutations ...tokens.Mutation) probes.Vouching {
	return probes.Vouching{Name: name, Mutate: mutations}
}

var _ = suites.Register(workloadCheck(suites.Check{
	ID:       "as-wif-assertion-validated",
	Title:    "An assertion about a workload is by a trusted issuer, for this server, complete and valid now",
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    cited("RFC 7523, 3"),
	Covers:   []string{"as-wif-assertion-validated"},
	Remedy:   "Verify iss against the issuers you trust, the signature with their keys, aud against the token endpoint and exp, and require sub, iat and jti.",
	Faults: []fault.Fault{
		fault.WorkloadAnyIssuer, fault.WorkloadUnverified, fault.WorkloadAnyAudience, fault.WorkloadExpired, fault.WorkloadEternal,
		fault.WorkloadIncomplete, fault.WorkloadNameless,
	},
	Specs: func(d *probes.Deployment) {
		issuer := d.TryWorkload(workloadVouching("an assertion of an unknown issuer", tokens.Claim("iss", "https://elsewhere.mcpassay.example")))
		var forged []probes.Vouching
		for _, r := range append(tokens.BrokenSignatures()[:4], tokens.Unprotected(), tokens.Altered("iat", 1)) {
			forged = append(forged, probes.Vouching{Name: "an assertion " + r.Name, Forge: &r})
		}
		signature := d.TryWorkload(forged...)
		audience := d.TryWorkload(
			workloadVouching("an assertion for another server", tokens.Audience("https://elsewhere.mcpassay.example/token")),
			workloadVouching("an assertion for the MCP server", tokens.Audience(d.Endpoint.String())))
		validity := d.TryWorkload(
			workloadVouching("an expired assertion", tokens.Dated("iat", -2*time.Hour), tokens.Dated("exp", -time.Hour)),
			workloadVouching("an assertion without exp", tokens.Without("exp")))
		complete := d.TryWorkload(
			workloadVouching("an assertion without sub", tokens.Without("sub")),
			workloadVouching("an assertion without iat", tokens.Without("iat")),
			workloadVouching("an assertion without jti", tokens.Without("jti")))

		It("by its iss", refused(d, issuer))
		It("by its signature", refused(d, signature))
		It("by its aud", refused(d, audience))
		It("by its exp", refused(d, validity))
		It("with sub, iat and jti", refused(d, complete))
	},
}))

var _ = suites.Register(workloadCheck(suites.Check{
	ID:       "as-wif-workload-authorized",
	Title:    "Only the workload that was entitled to this MCP server gets a token for it",
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    cited("RFC 7523, 5", "RFC 9700, 4.15"),
	Covers:   []string{"as-wif-workload-authorized"},
	Remedy:   "Entitle pairs of issuer and subject to resources, one by one; that the platform is trusted says only who asks.",
	Faults:   []fault.Fault{fault.WorkloadAnySubject, fault.WorkloadTenantsMixed, fault.WorkloadAnyResource},
	Specs: func(d *probes.Deployment) {
		unknown := d.TryWorkload(workloadVouching("another workload of the same issuer", tokens.Claim("sub", "mcpassay-somebody-else")))
		var namesake, neighbour *probes.Future[[]probes.Tried]
		if len(d.Target.Workloads) > 1 {
			other := d.Target.Workloads[1]
			namesake = d.TryWorkload(probes.Vouching{Name: "a workload of the same name at another issuer", By: other,
				Mutate: []tokens.Mutation{tokens.Claim("sub", d.Target.Workloads[0].Subject)}})
			neighbour = d.TryWorkload(probes.Vouching{Name: "a workload that is entitled to something else", By: other})
		}
		ifKnown := func(f *probes.Future[[]probes.Tried]) func(SpecContext) {
			return func(ctx SpecContext) {
				if f == nil {
					suites.NotApplicable("only one workload is configured: a second one, of another issuer and not entitled to this server, is needed")
				}
				refused(d, f)(ctx)
			}
		}

		It("and not every one of the issuer", refused(d, unknown))
		It("and not its namesake at another issuer", ifKnown(namesake))
		It("and not one that is entitled to another server", ifKnown(neighbour))
	},
}))

var _ = suites.Register(workloadCheck(suites.Check{
	ID:       "as-wif-keys-trusted",
	Title:    "An issuer that nobody trusts is not asked for keys",
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("RFC 8725, 3.10"),
	Covers:   []string{"as-wif-keys-over-tls"},
	Remedy:   "Look the issuer up among those you trust before anything is fetched, and fetch keys from configured https URLs only.",
	Faults:   []fault.Fault{fault.WorkloadFetchesKeys},
	Specs: func(d *probes.Deployment) {
		asked := probes.Start(d, d.UnknownPlatform)

		It("over http or otherwise", func(ctx SpecContext) {
			requests, err := asked.Await(ctx)
			if errors.Is(err, probes.ErrOutOfReach) {
				suites.NotApplicable("the authorization server is not on loopback, where a server of ours could be reached")
			}
			Expect(err).NotTo(HaveOccurred())
			Expect(requests).To(BeEmpty(), "the authorization server asked the issuer that an assertion named for")
		})
	},
}))
