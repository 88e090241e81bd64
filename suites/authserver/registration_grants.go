package authserver

import (
	"context"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

const (
	machineGrant  = "client_credentials"
	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// machineRegistration asks for grants that need no user to agree. If all of them
// together are refused, client credentials are asked for alone.
func machineRegistration(d *probes.Deployment) func(context.Context) (*probes.Registration, error) {
	asking := func(name string, grants ...string) func(context.Context) (*probes.Registration, error) {
		return func(ctx context.Context) (*probes.Registration, error) {
			return registered(d, name, probes.Then, withSecret(ctx, d, map[string]any{
				"grant_types": append([]string{"authorization_code"}, grants...),
			}))(ctx)
		}
	}
	together := asking("for grants without a user", machineGrant, "password", exchangeGrant)
	alone := asking("for client credentials", machineGrant)
	return func(ctx context.Context) (*probes.Registration, error) {
		r, err := together(ctx)
		if err != nil || r.Client != nil {
			return r, err
		}
		return alone(ctx)
	}
}

// servedAlone tries the grants that need no user to agree, and says for which of
// them the resource server carried out the protected call.
func servedAlone(ctx context.Context, d *probes.Deployment) (grants []string, err error) {
	r, err := machineRegistration(d)(ctx)
	if err != nil || r.Client == nil {
		return nil, err
	}
	baseline, err := d.Baseline(ctx)
	if err != nil {
		return nil, err
	}
	forms := []url.Values{
		{"grant_type": {machineGrant}},
		{"grant_type": {exchangeGrant}, "subject_token": {baseline.Access}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}},
	}
	if users := d.Target.Users; len(users) > 0 {
		forms = append(forms, url.Values{"grant_type": {"password"}, "username": {users[0].Name}, "password": {users[0].Password}})
	}
	resource, err := d.Resource(ctx)
	if err != nil {
		return nil, err
	}
	scopes, err := d.Scopes(ctx)
	if err != nil {
		return nil, err
	}
	for _, form := range forms {
		form.Set("resource", resource)
		if len(scopes) > 0 {
			form.Set("scope", strings.Join(scopes, " "))
		}
		t, err := d.TokenRequest(wire.For(ctx, "attack"), r.Client, form)
		if err != nil {
			return nil, err
		}
		if !t.Issued() {
			continue
		}
		answer, err := d.GuardedCall(ctx, func(ctx context.Context, _ string) (*probes.Answer, error) { return d.Call(ctx, t.Access) })
		if err != nil {
			return nil, err
		}
		if answer.Served() {
			grants = append(grants, form.Get("grant_type"))
		}
	}
	return grants, nil
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-privileged-grants",
	Title:    "Nobody gets at protected resources by registering alone, without a user who agrees",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Should,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "2.1, 4.2, 7.2"}, {Doc: "RFC 7591", Section: "5"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-anonymous-privileged-grants"},
	Remedy: "Give self-registered clients authorization_code and refresh_token only; client_credentials, password and token exchange are " +
		"for clients that an administrator registered.",
	Needs:  []suites.Need{openRegistration},
	Faults: []fault.Fault{fault.RegisterPrivilegedGrant},
	Specs: func(d *probes.Deployment) {
		served := probes.Start(d, func(ctx context.Context) ([]string, error) { return servedAlone(ctx, d) })

		It("by any other grant than a code", func(ctx SpecContext) {
			Expect(served.Await(ctx)).To(BeEmpty(), "a self-registered client got tokens by these grants, and the resource server honours them")
		})
	},
})

// privilegedScope is a scope whose name says that it is not for everybody.
var privilegedScope = regexp.MustCompile(`(?i)(^|[^a-z])(admin|administrator|root|superuser|sudo)([^a-z]|$)|^\*$`)

// temptations are the scopes that a client of anybody should not get: those in
// the metadata that are named so, and some that nobody publishes. documented
// tells the first from the others.
func temptations(ctx context.Context, d *probes.Deployment) (scopes []string, documented map[string]bool, err error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, nil, err
	}
	ordinary, err := d.Scopes(ctx)
	if err != nil {
		return nil, nil, err
	}
	listed, _ := metadata.Strings("scopes_supported")
	documented = map[string]bool{}
	for _, scope := range listed {
		if privilegedScope.MatchString(scope) && !slices.Contains(ordinary, scope) && len(scopes) < 3 {
			scopes, documented[scope] = append(scopes, scope), true
		}
	}
	if !documented["admin"] && !slices.Contains(ordinary, "admin") {
		scopes = append(scopes, "admin")
	}
	return scopes, documented, nil
}

// scopedRegistration asks for every scope there is, and some more.
func scopedRegistration(ctx context.Context, d *probes.Deployment) (*probes.Registration, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	ordinary, err := d.Scopes(ctx)
	if err != nil {
		return nil, err
	}
	listed, _ := metadata.Strings("scopes_supported")
	all := slices.Concat(ordinary, listed, []string{"admin", "root", "*"})
	slices.Sort(all)
	return registered(d, "every scope", probes.Then, map[string]any{"scope": strings.Join(slices.Compact(all), " ")})(ctx)
}

// climb asks a user for each of the scopes, and returns those that were granted.
func climb(ctx context.Context, d *probes.Deployment, c *probes.Client) (granted []string, err error) {
	scopes, documented, err := temptations(ctx, d)
	if err != nil {
		return nil, err
	}
	for _, scope := range scopes {
		got, err := grants(ctx, d, c, scope)
		if err != nil {
			return nil, err
		}
		if !got {
			continue
		}
		if !documented[scope] { // a server that grants any word means nothing by it
			if meaningless, err := grants(ctx, d, c, "mcpassay-no-such-scope"); err != nil || meaningless {
				return granted, err
			}
		}
		granted = append(granted, scope)
	}
	return granted, nil
}

// grants tells whether a flow that asks for the scope besides the ordinary ones
// ends with a token that has it. A token answer without scope means all that was
// asked for (RFC 6749, section 5.1).
func grants(ctx context.Context, d *probes.Deployment, c *probes.Client, scope string) (bool, error) {
	more := probes.Change("scope", func(asked string) string { return strings.TrimSpace(asked + " " + scope) })
	a, err := d.Attempt(wire.For(ctx, "attack"), c, []probes.Mutation{more}, nil)
	if err != nil || !a.Issued() {
		return false, err
	}
	scopes, said := a.Tokens.Scopes()
	if jwt, ok := a.Tokens.JWT(); !said && ok {
		var claim string
		claim, said = jwt.Claims.String("scope")
		scopes = strings.Fields(claim)
	}
	return !said || slices.Contains(scopes, scope), nil
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-scope-ceiling",
	Title:    "A client that registered itself is not granted administrative scopes",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Should,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 7591", Section: "2, 5"}, {Doc: "OAuth 2.1", Section: "7.2, 7.9"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-scope-ceiling"},
	Remedy:   "Keep a list of scopes for self-registered clients, apply it when they register and again when they ask, and let an absent scope mean the least.",
	Needs:    []suites.Need{openRegistration},
	Faults:   []fault.Fault{fault.RegisterScopeUncapped, fault.RegisterScopeDefault},
	Specs: func(d *probes.Deployment) {
		asking := probes.Start(d, func(ctx context.Context) ([]string, error) {
			r, err := scopedRegistration(ctx, d)
			if err != nil || r.Client == nil {
				return nil, err
			}
			return climb(ctx, d, r.Client)
		})
		silent := probes.Start(d, func(ctx context.Context) ([]string, error) {
			if _, err := d.OrdinaryFlow(ctx); err != nil {
				return nil, err
			}
			c, err := d.SecondClient(ctx)
			if err != nil {
				return nil, err
			}
			return probes.Controlled(ctx, d, c, func(ctx context.Context) ([]string, error) { return climb(ctx, d, c) })
		})

		It("when it registers for every scope there is", func(ctx SpecContext) {
			Expect(asking.Await(ctx)).To(BeEmpty(), "after an ordinary consent these scopes were granted")
		})
		It("when it registers for none", func(ctx SpecContext) {
			Expect(silent.Await(ctx)).To(BeEmpty(), "after an ordinary consent these scopes were granted")
		})
	},
})

// What a forged software statement says of its client.
const (
	statedName     = probes.ClientName + " forged statement"
	statedRedirect = "https://forged.mcpassay.example/callback"
)

// forgedStatement is a software statement (RFC 7591, section 2.3) signed with a
// key that it brings along itself.
func forgedStatement() (string, error) {
	forger, err := tokens.NewIssuer("https://statements.mcpassay.example")
	if err != nil {
		return "", err
	}
	key, err := forger.PrivateJWK()
	if err != nil {
		return "", err
	}
	public, err := tokens.ParseObject(key)
	if err != nil {
		return "", err
	}
	delete(public, "d")
	return forger.Mint(tokens.Claims{
		"iss": forger.URL, "software_id": "mcpassay", "client_name": statedName, "redirect_uris": []string{statedRedirect},
	}, tokens.Header("jwk", maps.Clone(public)), tokens.Header("typ", "JWT"))
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-software-statement",
	Title:    "A software statement that nobody trusted has signed is not believed",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 7591", Section: "2.3, 3.2.2, 5"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-software-statement-forgery"},
	Remedy:   "Verify software statements with keys that you configured for issuers you trust, never with a key the statement names; refuse or ignore all others.",
	Needs:    []suites.Need{openRegistration},
	Faults:   []fault.Fault{fault.RegisterStatement},
	Specs: func(d *probes.Deployment) {
		probe := probes.Start(d, func(ctx context.Context) (*probes.Registration, error) {
			statement, err := forgedStatement()
			if err != nil {
				return nil, err
			}
			return registered(d, "forged statement", probes.Then, map[string]any{"software_statement": statement})(ctx)
		})

		It("whatever it says of the client", func(ctx SpecContext) {
			r, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if r.Client == nil {
				return
			}
			name, _ := r.Document.String("client_name")
			uris, _ := r.Document.Strings("redirect_uris")
			Expect(name).NotTo(Equal(statedName), "the name of the forged statement was registered")
			Expect(uris).NotTo(ContainElement(statedRedirect), "the redirect URI of the forged statement was registered")
			if r.Document.Has("software_statement") {
				d.Note("the statement is echoed, though what it says was not registered")
			}
		})
	},
})
