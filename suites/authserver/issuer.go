package authserver

import (
	"context"
	"net/url"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

func rfc9207(section string) []suites.Cite {
	return []suites.Cite{{Doc: "RFC 9207", Section: section}, {Doc: "MCP 2026-07-28", Section: "Authorization Response Validation"}}
}

// identified is an authorization response and what the metadata says of iss.
type identified struct {
	*probes.Authorization
	Issuers    []string // the identifier that led to the metadata, and the issuer in it if that is another
	Advertised bool     // authorization_response_iss_parameter_supported
	Sent       []string
}

// identify awaits an authorization and reads its iss parameters.
func identify(d *probes.Deployment, authorize func(context.Context) (*probes.Authorization, error)) *probes.Future[*identified] {
	return probes.Start(d, func(ctx context.Context) (*identified, error) {
		metadata, err := d.Metadata(ctx)
		if err != nil {
			return nil, err
		}
		discovery, err := d.Discovery(ctx)
		if err != nil {
			return nil, err
		}
		a, err := authorize(ctx)
		if err != nil {
			return nil, err
		}
		i := &identified{Authorization: a, Sent: a.Params["iss"]}
		i.Issuers = []string{discovery.Issuer}
		if issuer, ok := metadata.String("issuer"); ok && issuer != discovery.Issuer {
			i.Issuers = append(i.Issuers, issuer) // as-metadata-issuer-identical judges that
		}
		i.Advertised, _ = metadata.Bool("authorization_response_iss_parameter_supported")
		return i, nil
	})
}

// granted is a sound authorization request of the run's client, mutated.
func granted(d *probes.Deployment, mutations ...probes.Mutation) *probes.Future[*identified] {
	return identify(d, func(ctx context.Context) (*probes.Authorization, error) {
		c, err := d.Client(ctx)
		if err != nil {
			return nil, err
		}
		return d.Code(ctx, c, mutations...)
	})
}

// denied is a sound authorization request that the user refuses.
func denied(d *probes.Deployment) *probes.Future[*identified] {
	return identify(d, func(ctx context.Context) (*probes.Authorization, error) {
		c, err := d.Client(ctx)
		if err != nil {
			return nil, err
		}
		r, err := d.NewRequest(ctx, c)
		if err != nil {
			return nil, err
		}
		r.Deny = true
		return d.Authorize(ctx, r)
	})
}

var _ = suites.Register(suites.Check{
	ID:       "as-iss-offered",
	Title:    "Authorization responses carry iss",
	Role:     suites.AS,
	Area:     suites.IssuerCheck,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    rfc9207("2"),
	Since:    suites.V20250326,
	Covers:   []string{"as-iss-in-response", "iss-offered"},
	Remedy:   "Return iss and advertise it: MCP clients talk to many authorization servers, and without iss they cannot notice a mix-up.",
	Faults:   []fault.Fault{fault.IssNotOffered},
	Specs: func(d *probes.Deployment) {
		response := granted(d)

		It("when they carry a code", func(ctx SpecContext) {
			i, err := response.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if i.Advertised && len(i.Sent) == 0 {
				suites.NotApplicable("iss is advertised and missing; as-iss-advertised judges that")
			}
			Expect(i.Sent).NotTo(BeEmpty(), "iss is neither advertised nor sent")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-iss-advertised",
	Title:    "iss is sent if and only if it is advertised",
	Role:     suites.AS,
	Area:     suites.IssuerCheck,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    rfc9207("3"),
	Since:    suites.V20260728,
	Covers:   []string{"as-iss-advertised", "iss-success-exact"},
	Remedy:   "Set authorization_response_iss_parameter_supported to true and send iss with every response; clients reject a response without an iss that was promised, and ignore one that was not.",
	Faults:   []fault.Fault{fault.IssMissing, fault.IssUnadvertised},
	Specs: func(d *probes.Deployment) {
		response := granted(d)

		It("present when advertised", func(ctx SpecContext) {
			i, err := response.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !i.Advertised {
				suites.NotApplicable("iss is not advertised")
			}
			Expect(i.Sent).NotTo(BeEmpty(), "iss is advertised and missing from the response")
		})
		It("advertised when present", func(ctx SpecContext) {
			i, err := response.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(i.Sent) == 0 {
				suites.NotApplicable("no iss is sent")
			}
			Expect(i.Advertised).To(BeTrue(), "iss is sent, and authorization_response_iss_parameter_supported is not true")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-iss-identical",
	Title:    "iss is the issuer identifier",
	Role:     suites.AS,
	Area:     suites.IssuerCheck,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    rfc9207("2"),
	Since:    suites.V20250326,
	Covers:   []string{"as-iss-identical", "iss-success-exact", "asm-issuer-wellformed"},
	Remedy:   "Send the issuer of your metadata, byte for byte, once. A proxy that passes on its upstream's response has to replace iss.",
	Faults:   []fault.Fault{fault.IssSlash, fault.IssForeign, fault.IssTwice},
	Specs: func(d *probes.Deployment) {
		response := granted(d)
		sent := func(ctx SpecContext) *identified {
			i, err := response.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(i.Sent) == 0 {
				suites.NotApplicable("no iss is sent")
			}
			return i
		}

		It("byte for byte", func(ctx SpecContext) {
			i := sent(ctx)
			Expect(i.Issuers).To(ContainElement(i.Sent[0]), "iss is %q, and the issuer is %s", i.Sent[0], strings.Join(i.Issuers, " or "))
		})
		It("once", func(ctx SpecContext) {
			Expect(sent(ctx).Sent).To(HaveLen(1), "iss is sent more than once")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-iss-in-errors",
	Title:    "Error responses carry iss too",
	Role:     suites.AS,
	Area:     suites.IssuerCheck,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    rfc9207("2"),
	Since:    suites.V20250326,
	Covers:   []string{"as-iss-in-error-response", "iss-in-errors"},
	Remedy:   "Send iss with every redirected error; clients that were promised it drop an error without it.",
	Faults:   []fault.Fault{fault.IssMissingOnError},
	Specs: func(d *probes.Deployment) {
		response, refused := granted(d), denied(d)

		It("when the user refuses", func(ctx SpecContext) {
			success, err := response.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			i, err := refused.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			switch {
			case len(success.Sent) == 0:
				suites.NotApplicable("not even successful responses carry iss; as-iss-offered and as-iss-advertised judge that")
			case i.Error == "":
				suites.NotApplicable("the refusal came to no redirected error: %s", i.Ended())
			}
			Expect(i.Sent).NotTo(BeEmpty(), "the redirected error %s has no iss", i.Error)
		})
	},
})

// foreignIssuer is what an attacker would like to be the iss.
const foreignIssuer = "https://forged.mcpassay.example"

var _ = suites.Register(suites.Check{
	ID:       "as-iss-not-injectable",
	Title:    "Nothing in a request can add to or replace the response's iss",
	Role:     suites.AS,
	Area:     suites.IssuerCheck,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    rfc9207("4"),
	Since:    suites.V20250326,
	Covers:   []string{"iss-not-injectable"},
	Remedy:   "Build the response from your own values, percent-encode what you return, and refuse to register redirect URIs with response parameters in their query.",
	Faults:   []fault.Fault{fault.IssFromRequest, fault.IssFromState, fault.IssFromRedirect},
	Specs: func(d *probes.Deployment) {
		parameter := granted(d, probes.With("iss", foreignIssuer))
		state := granted(d, probes.With("state", "a-long-state&iss="+url.QueryEscape(foreignIssuer)))
		redirect := probes.Start(d, func(ctx context.Context) (*probes.Authorization, error) { return ownIssuerInRedirect(ctx, d) })

		It("by a parameter of the request", func(ctx SpecContext) {
			i, err := parameter.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(i.Sent).NotTo(ContainElement(foreignIssuer), "the iss of the request stands in the response")
		})
		It("by the state", func(ctx SpecContext) {
			i, err := state.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(i.Sent).NotTo(ContainElement(foreignIssuer), "the state was not encoded and added an iss to the response")
		})
		It("by the query of a registered redirect URI", func(ctx SpecContext) {
			a, err := redirect.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			switch {
			case a == nil: // the redirect URI was refused, or changed
			case a.Code != "":
				Expect(a.Params["iss"]).NotTo(ContainElement(foreignIssuer), "a client registered a redirect URI with an iss in its query, which stands in the response")
			}
		})
	},
})

// ownIssuerInRedirect registers a client whose redirect URI has an iss in its
// query, and takes it through a flow. It returns nil if the server will not have
// such a client.
func ownIssuerInRedirect(ctx context.Context, d *probes.Deployment) (*probes.Authorization, error) {
	if !d.Registers(ctx) {
		return nil, nil
	}
	metadata := d.NativeClient(ctx)
	uri := probes.LoopbackRedirect + "?iss=" + url.QueryEscape(foreignIssuer)
	metadata["redirect_uris"] = []string{uri}
	r, err := d.Register(ctx, metadata)
	if err != nil || r.Client == nil || r.Client.RedirectURI != uri {
		return nil, err
	}
	request, err := d.NewRequest(ctx, r.Client)
	if err != nil {
		return nil, err
	}
	return d.Authorize(ctx, request)
}
