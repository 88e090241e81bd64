package authserver

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-identity",
	Title:    "The server chooses the id and the credentials of a client that registers",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "RFC 7591", Section: "3.2.1"}, {Doc: "RFC 9700", Section: "4.15.1"}, {Doc: "OAuth 2.1", Section: "7.4"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-client-id-is-server-chosen"},
	Remedy:   "Ignore client_id, client_secret and registration_access_token in a registration; never look up or replace a client by what a registrant sends.",
	Needs:    []suites.Need{openRegistration},
	Faults:   []fault.Fault{fault.RegisterChosenID, fault.RegisterChosenSecret},
	Specs: func(d *probes.Deployment) {
		id, secret := "mcpassay-chosen-"+strings.ToLower(rand.Text()), "mcpassay-chosen-"+rand.Text()
		chosen := map[string]any{
			"client_id": id, "clientId": id, "id": id, "_id": id, "client_secret": secret, "registration_access_token": secret,
		}
		first := func(ctx context.Context) (*probes.Registration, error) {
			return registered(d, "chosen identity", probes.First, withSecret(ctx, d, chosen))(ctx)
		}
		claim := probes.Start(d, first)
		again := probes.Start(d, func(ctx context.Context) (*probes.Registration, error) {
			r, err := first(ctx)
			if err != nil || r.Client == nil || r.Client.ID != id {
				return nil, err
			}
			all, err := d.RegisterBetween(ctx, probes.First, map[string]any{"client_id": id, "redirect_uris": []string{probes.WebRedirect}})
			if err != nil {
				return nil, err
			}
			return all[0], nil
		})

		It("whatever id the client asks for", func(ctx SpecContext) {
			r, err := again.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if r == nil {
				return // the id was not adopted
			}
			if r.Client == nil || r.Client.ID != id {
				suites.Warn("a client got the id that it asked for; one that asked for the same id afterwards did not")
			}
			Expect(r.Client.RedirectURI).NotTo(Equal(probes.WebRedirect), "a second registration with the id of a client replaced its redirect URI")
		})
		It("and whatever secret", func(ctx SpecContext) {
			r, err := claim.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, name := range []string{"client_secret", "registration_access_token"} {
				value, _ := r.Document.String(name)
				Expect(value == secret).To(BeFalse(), "the %s is the one that the client asked for", name)
			}
		})
	},
})

// A bearing is what matters of how the server treats a client.
type bearing struct {
	asked    bool          // the user was asked for consent
	unproved bool          // tokens come without PKCE
	lifetime time.Duration // of access tokens, as declared; 0 if it is not
}

// observe takes a client through a flow, and through one without PKCE.
func observe(ctx context.Context, d *probes.Deployment, c *probes.Client) (*bearing, error) {
	flow, err := d.Attempt(ctx, c, nil, nil)
	if err != nil || !flow.Issued() {
		return nil, err
	}
	withoutPKCE, err := d.Attempt(ctx, c,
		[]probes.Mutation{probes.Without("code_challenge", "code_challenge_method")}, []probes.Mutation{probes.Without("code_verifier")})
	if err != nil {
		return nil, err
	}
	b := &bearing{asked: flow.Authorization.Landing.Consented, unproved: withoutPKCE.Issued()}
	b.lifetime, _ = flow.Tokens.ExpiresIn()
	return b, nil
}

// eased says in what the server is easier on one client than on an ordinary one
// of the same kind, which registers only if there is something to compare. Users
// who agreed to one client may not be asked again for another.
func eased(ctx context.Context, d *probes.Deployment, c *probes.Client) (ways []string, err error) {
	observed, err := observe(wire.For(ctx, "attack"), d, c)
	if err != nil || observed == nil {
		return nil, err
	}
	baseline, err := d.Baseline(ctx)
	if err != nil {
		return nil, err
	}
	usual, _ := baseline.ExpiresIn()
	longer := usual > 0 && observed.lifetime > usual*3/2
	if observed.asked && !observed.unproved && !longer {
		return nil, nil
	}
	control, err := d.RegisterSoundly(wire.For(ctx, "control"), map[string]any{"token_endpoint_auth_method": c.Method})
	if err != nil {
		return nil, err
	}
	ordinary, err := observe(wire.For(ctx, "control"), d, control)
	if err != nil || ordinary == nil {
		return nil, err
	}
	if ordinary.asked && !observed.asked {
		ways = append(ways, "its users are not asked for consent")
	}
	if !ordinary.unproved && observed.unproved {
		ways = append(ways, "it gets tokens without PKCE")
	}
	if ordinary.lifetime > 0 && observed.lifetime > ordinary.lifetime*3/2 {
		ways = append(ways, fmt.Sprintf("its tokens live %v, not %v", observed.lifetime, ordinary.lifetime))
	}
	return ways, nil
}

// easedWithout leaves the optional members out in turn, and says for each without
// which the server is easier on the client in what.
func easedWithout(ctx context.Context, d *probes.Deployment) (named []string, err error) {
	for _, member := range []string{"client_name", "grant_types", "response_types", "token_endpoint_auth_method", "application_type"} {
		r, err := d.RegisterChanged(wire.For(ctx, "attack"), map[string]any{member: nil})
		if err != nil {
			return nil, err
		}
		if r.Client == nil {
			continue
		}
		ways, err := eased(ctx, d, r.Client)
		if err != nil {
			return nil, err
		}
		if len(ways) > 0 {
			named = append(named, "without "+member+" "+strings.Join(ways, " and "))
		}
	}
	return named, nil
}

// privileges are members that a careless server would copy into its own record
// of the client.
var privileges = map[string]any{
	"skip_consent": true, "skipConsent": true, "skip_consent_screen": true, "trusted": true, "first_party": true, "is_first_party": true,
	"require_consent": false, "consent_required": false, "require_pkce": false, "require_proof_key": false, "public": true,
	"disabled": false, "role": "admin", "is_admin": true, "owner": "mcpassay", "user_id": "mcpassay", "created_by": "mcpassay",
	"allowed_origins": []string{"*"}, "token_lifetime": 31536000, "access_token_ttl": 31536000, "default_max_age": 31536000,
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-mass-assignment",
	Title:    "A client cannot give itself privileges by naming them in its registration",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 7591", Section: "2, 5"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-mass-assignment"},
	Remedy:   "Copy known members of the registration one by one into the client's record; never bind the request to the record itself.",
	Needs:    []suites.Need{openRegistration},
	Faults:   []fault.Fault{fault.RegisterMassAssignment},
	Specs: func(d *probes.Deployment) {
		privileged := registered(d, "privileges", probes.Then, privileges)
		probe := probes.Start(d, privileged)
		ways := probes.Start(d, func(ctx context.Context) ([]string, error) {
			r, err := privileged(ctx)
			if err != nil || r.Client == nil {
				return nil, err
			}
			return eased(ctx, d, r.Client)
		})

		It("over consent, PKCE or the lifetime of tokens", func(ctx SpecContext) {
			Expect(ways.Await(ctx)).To(BeEmpty(), "a client that claims privileges has them")
			r, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			var echoed []string
			for name := range privileges {
				if r.Document.Has(name) && name != "default_max_age" {
					echoed = append(echoed, name)
				}
			}
			if slices.Sort(echoed); len(echoed) > 0 {
				d.Note("the answer repeats %s, without effect", strings.Join(echoed, ", "))
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-policy-without-members",
	Title:    "The rules for clients hold for those that leave optional members out",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 7591", Section: "2, 5"}, {Doc: "OAuth 2.1", Section: "4.1.1, 7.5"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-defaults-unknowns-substitutions"},
	Remedy:   "Apply the policy to every registration, after the defaults were filled in; do not hang it on a scope or another member being there.",
	Needs:    []suites.Need{openRegistration},
	Faults:   []fault.Fault{fault.RegisterPolicySkipped},
	Specs: func(d *probes.Deployment) {
		ways := probes.Start(d, func(ctx context.Context) ([]string, error) {
			r, err := minimal(d)(ctx)
			if err != nil || r.Client == nil {
				return nil, err
			}
			ways, err := eased(ctx, d, r.Client)
			if err != nil || len(ways) == 0 {
				return ways, err
			}
			named, err := easedWithout(ctx, d)
			if err == nil && len(named) > 0 {
				ways = named
			}
			return ways, err
		})

		It("as to consent, PKCE and the lifetime of tokens", func(ctx SpecContext) {
			Expect(ways.Await(ctx)).To(BeEmpty(), "a client that registered nothing but redirect URIs has it easier")
		})
	},
})
