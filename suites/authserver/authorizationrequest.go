package authserver

import (
	"context"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// asking takes the run's client to the end of mutated authorization requests.
func asking(d *probes.Deployment, deny bool, mutations ...[]probes.Mutation) *probes.Future[[]*probes.Authorization] {
	return probes.Start(d, func(ctx context.Context) ([]*probes.Authorization, error) {
		c, err := d.Client(ctx)
		if err != nil {
			return nil, err
		}
		if _, err := d.Baseline(ctx); err != nil {
			return nil, err
		}
		var all []*probes.Authorization
		for _, m := range mutations {
			r, err := d.NewRequest(ctx, c, m...)
			if err != nil {
				return nil, err
			}
			r.Deny = deny
			a, err := d.Authorize(ctx, r)
			if err != nil {
				return nil, err
			}
			all = append(all, a)
		}
		return all, nil
	})
}

// states are values that a client may use: short, with characters that URLs
// reserve and beyond ASCII, and long.
var states = []string{"x", `a b+c%20&d=e#f;"é"`, strings.Repeat("0123456789abcdef", 32)}

var _ = suites.Register(suites.Check{
	ID:       "as-state-returned",
	Title:    "The state comes back exactly as it was sent",
	Role:     suites.AS,
	Area:     suites.AuthorizationRequest,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("OAuth 2.1, 4.1.2", "OAuth 2.1, 4.1.2.1", "RFC 6749, 4.1.2"),
	Since:    suites.V20250326,
	Covers:   []string{"as-state-returned", "authz-state-echo"},
	Remedy:   "Keep the decoded state as it is and encode it once more for the redirect, on success and on error alike. Clients compare it and stop where it differs.",
	Faults:   []fault.Fault{fault.StateDropped, fault.StateChanged, fault.StateDroppedOnError, fault.StateInvented},
	Specs: func(d *probes.Deployment) {
		var sent [][]probes.Mutation
		for _, state := range states {
			sent = append(sent, []probes.Mutation{probes.With("state", state)})
		}
		agreed, denied := asking(d, false, sent...), asking(d, true, nil)
		mistaken := asking(d, false, []probes.Mutation{probes.Without("code_challenge", "code_challenge_method")})
		stateless := asking(d, false, []probes.Mutation{probes.Without("state")})

		It("with a code", func(ctx SpecContext) {
			all, err := agreed.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			answered := 0
			for i, a := range all {
				if a.Code == "" {
					d.Note("a state of %d bytes: %s", len(states[i]), a.Ended())
					continue
				}
				answered++
				Expect(a.Params["state"]).To(Equal([]string{states[i]}), "the state came back changed")
			}
			if answered == 0 {
				suites.NotApplicable("no request with such a state is answered with a code")
			}
		})
		It("with an error", func(ctx SpecContext) {
			all, err := denied.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			mistakes, err := mistaken.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			all = slices.DeleteFunc(slices.Concat(all, mistakes), func(a *probes.Authorization) bool { return a.Error == "" })
			if len(all) == 0 {
				suites.NotApplicable("the client is told neither that the user refused nor that the request is wrong")
			}
			for _, a := range all {
				Expect(a.Params["state"]).To(Equal([]string{a.Request.Values.Get("state")}), "the state is missing or changed in the error response %s", a.Error)
			}
		})
		It("and not at all if none was sent", func(ctx SpecContext) {
			all, err := stateless.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if all[0].Code == "" {
				suites.NotApplicable("a request without state is not answered with a code: %s", all[0].Ended())
			}
			Expect(all[0].Params["state"]).To(BeEmpty(), "a state came back although none was sent")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-authorize-tolerates-parameters",
	Title:    "Parameters that are unknown or empty do not break an authorization request",
	Role:     suites.AS,
	Area:     suites.AuthorizationRequest,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("OAuth 2.1, 3.1", "RFC 6749, 3.1"),
	Since:    suites.V20250326,
	Covers:   []string{"as-authz-get-and-unknown-params", "authz-unknown-and-empty-parameters"},
	Remedy:   "Ignore parameters that you do not know, and treat one without a value as if it were not there.",
	Faults:   []fault.Fault{fault.UnknownRefused, fault.EmptyRefused},
	Specs: func(d *probes.Deployment) {
		unknown := d.TryAuthorization(probes.With("x_mcpassay", "1"))
		empty := d.TryAuthorization(probes.With("login_hint", ""), probes.With("ui_locales", ""))

		It("unknown ones", func(ctx SpecContext) {
			Expect(unknown.Await(ctx)).To(suites.BeAccepted())
		})
		It("empty ones", func(ctx SpecContext) {
			Expect(empty.Await(ctx)).To(suites.BeAccepted())
		})
	},
})

// askedTwice makes a trial of an authorization request with a parameter sent
// once more, with a value of which it is asked what became.
func askedTwice(name, other string) probes.Trial {
	return probes.Trial{Name: name, Authorization: []probes.Mutation{probes.Add(name, other)}}
}

var _ = suites.Register(suites.Check{
	ID:       "as-authorize-duplicate-parameters",
	Title:    "An authorization request that has a parameter twice is refused",
	Role:     suites.AS,
	Area:     suites.AuthorizationRequest,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("OAuth 2.1, 3.1", "RFC 6749, 3.1"),
	Since:    suites.V20250326,
	Covers:   []string{"as-authz-duplicate-params", "authz-duplicate-parameters"},
	Remedy:   "Answer invalid_request when any parameter but resource occurs twice, so that what the user sees and what is granted come from the same copy.",
	Faults:   []fault.Fault{fault.DuplicatesTolerated},
	Specs: func(d *probes.Deployment) {
		doubled := d.Try(d.Client,
			askedTwice("code_challenge", probes.S256(probes.NewVerifier())),
			askedTwice("response_type", "code"),
			askedTwice("state", "another-state"),
		)

		It("although one of the two is good", contested(d, doubled, "one of two values is taken, and the other ignored"))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-response-type-exact",
	Title:    "A code is given for the response type code alone",
	Role:     suites.AS,
	Area:     suites.AuthorizationRequest,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("OAuth 2.1, 4.1.1", "OAuth 2.1, 4.1.2.1"),
	Since:    suites.V20250326,
	Covers:   []string{"authz-response-type-errors"},
	Remedy:   "Answer invalid_request where response_type is missing, and unsupported_response_type where it is anything but code.",
	Faults:   []fault.Fault{fault.ResponseTypeAssumed, fault.ResponseTypeLoose},
	Specs: func(d *probes.Deployment) {
		other := func(value string) probes.Trial {
			return probes.Trial{Name: "response_type " + value, Authorization: []probes.Mutation{probes.With("response_type", value)}}
		}
		missing := d.Try(d.Client, probes.Trial{Name: "no response_type", Authorization: []probes.Mutation{probes.Without("response_type")}})
		others := d.Try(d.Client, other("CODE"), other("mcpassay"))
		twice := d.Try(d.Client, other("code code"))

		It("not without one", refused(d, missing))
		It("not for another spelling or an unknown one", refused(d, others))
		// Servers that know response types of several values read them as a set.
		It("nor for the same twice", contested(d, twice, "a repeated value counts as one"))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-front-channel-no-tokens",
	Title:    "No access token is delivered in an authorization response",
	Role:     suites.AS,
	Area:     suites.AuthorizationRequest,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("OAuth 2.1, 10.1", "RFC 9700, 2.1.2", "RFC 9700, 4.3.2"),
	Since:    suites.V20250326,
	Covers:   []string{"as-no-legacy-grants", "authz-no-front-channel-tokens"},
	Remedy:   "Switch off every response type with token in it: URLs end up in histories, logs and Referer headers.",
	Faults:   []fault.Fault{fault.ImplicitGrant},
	Specs: func(d *probes.Deployment) {
		kinds := []string{"code", "token", "id_token token", "code token"}
		var requests [][]probes.Mutation
		for _, kind := range kinds {
			requests = append(requests, []probes.Mutation{probes.With("response_type", kind), probes.With("nonce", probes.NewVerifier())})
		}
		answers := asking(d, false, requests...)

		It("whatever the response type", func(ctx SpecContext) {
			all, err := answers.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			var implicit []string
			for i, a := range all {
				if a.Params.Has("access_token") {
					implicit = append(implicit, kinds[i])
				}
			}
			slices.Sort(implicit)
			Expect(implicit).To(BeEmpty(), "an access token came with the redirect for response_type")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-authorize-no-cors",
	Title:    "Scripts of other origins cannot read the authorization endpoint",
	Role:     suites.AS,
	Area:     suites.AuthorizationRequest,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("OAuth 2.1, 3.1", "RFC 9700, 2.6"),
	Since:    suites.V20250326,
	Covers:   []string{"as-authz-no-cors"},
	Remedy:   "Leave Access-Control-Allow-Origin out of what the authorization endpoint answers: browsers are sent there, scripts never need it.",
	Faults:   []fault.Fault{fault.AuthorizeCrossOrigin},
	Specs: func(d *probes.Deployment) {
		const origin = "https://attacker.mcpassay.example"
		answer := probes.Start(d, func(ctx context.Context) (string, error) {
			res, err := d.AuthorizeFrom(ctx, origin)
			if err != nil {
				return "", err
			}
			return res.Header.Get("Access-Control-Allow-Origin"), nil
		})

		It("by CORS", func(ctx SpecContext) {
			allowed, err := answer.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(allowed == "" || allowed != "*" && allowed != origin).To(BeTrue(), "the authorization endpoint allows the origin %q", allowed)
		})
	},
})
