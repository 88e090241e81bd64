package authserver

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// registered registers one client with the members changed, once for all checks
// that name it alike, between sound registrations.
func registered(d *probes.Deployment, name string, turn probes.Turn, change map[string]any) func(context.Context) (*probes.Registration, error) {
	shared := probes.Once(d, "registration "+name, func(ctx context.Context) (*probes.Registration, error) {
		all, err := d.RegisterBetween(ctx, turn, change)
		if err != nil {
			return nil, err
		}
		return all[0], nil
	})
	return shared.Get
}

// minimal is a registration that names its redirect URIs and nothing that could
// be left out. Only the application type is said: without it, a server may take
// the client for one that has no business on loopback (OpenID Connect
// Registration, section 2).
func minimal(d *probes.Deployment) func(context.Context) (*probes.Registration, error) {
	return registered(d, "minimal", probes.Then, map[string]any{
		"client_name": nil, "grant_types": nil, "response_types": nil, "token_endpoint_auth_method": nil,
	})
}

// malformed is a registration whose redirect URI nobody could redirect to.
func malformed(d *probes.Deployment) func(context.Context) (*probes.Registration, error) {
	return registered(d, "malformed", probes.Then, map[string]any{"redirect_uris": []string{"/callback"}})
}

// withUnknownMembers is a registration with members that nobody has defined.
func withUnknownMembers(d *probes.Deployment) func(context.Context) (*probes.Registration, error) {
	return registered(d, "unknown members", probes.Then, map[string]any{
		"x_mcpassay_member":  map[string]any{"nested": []any{1, nil, "two"}},
		"client_name#fr":     probes.ClientName + " essai de conformité",
		"x_mcpassay_boolean": false,
	})
}

// untyped is a registration on loopback that does not say what kind of
// application it is, as clients did before MCP asked them to.
func untyped(d *probes.Deployment) func(context.Context) (*probes.Registration, error) {
	return registered(d, "untyped", probes.Last, map[string]any{"application_type": nil})
}

// refusal says how a registration was refused.
func refusal(r *probes.Registration) string {
	text := http.StatusText(r.Response.Status)
	if code := r.Code(); code != "" {
		text = code
		if said, ok := r.Document.String("error_description"); ok {
			text += " (" + said + ")"
		}
	}
	return text
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-errors",
	Title:    "A refused registration is answered so that the client learns why",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "RFC 7591", Section: "3.2.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"as-dcr-response-shape", "dcr-malformed-redirects"},
	Remedy:   "Answer 400 with a JSON document whose error is one of RFC 7591, such as invalid_redirect_uri.",
	Needs:    []suites.Need{openRegistration},
	Faults:   []fault.Fault{fault.RegisterErrorPage, fault.RegisterErrorCode},
	Specs: func(d *probes.Deployment) {
		probe := probes.Start(d, malformed(d))
		refused := func(ctx SpecContext) *probes.Registration {
			r, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if r.Client != nil {
				suites.NotApplicable("the registration was not refused")
			}
			return r
		}

		It("with status 400, in JSON", func(ctx SpecContext) {
			r := refused(ctx)
			if status := r.Response.Status; r.Document != nil && status > 400 && status < 500 {
				suites.Warn("%s was answered %d rather than 400", r.Response.From, status)
			}
			Expect(r).To(suites.HaveStatus(http.StatusBadRequest))
			Expect(r.Document).NotTo(BeNil(), "%s was refused with %q, which is no JSON object", r.Response.From, r.Response.MediaType())
		})
		It("and an error code that clients know", func(ctx SpecContext) {
			r := refused(ctx)
			if r.Document == nil {
				suites.NotApplicable("the answer is no JSON object")
			}
			if code := r.Code(); !slices.Contains([]string{"invalid_redirect_uri", "invalid_client_metadata"}, code) {
				suites.Warn("a relative redirect URI was refused with the error %q", code)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-defaults",
	Title:    "What a registration leaves out takes its default, and what the server changes it says",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "RFC 7591", Section: "2, 3.2.1"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-defaults-unknowns-substitutions"},
	Remedy:   "Accept a registration that names only redirect_uris, and answer with the grant types and the authentication method that you have really stored.",
	Needs:    []suites.Need{openRegistration},
	Faults:   []fault.Fault{fault.RegisterOptionalRequired, fault.RegisterSubstitutes},
	Specs: func(d *probes.Deployment) {
		least := probes.Start(d, minimal(d))
		untrue := probes.Start(d, func(ctx context.Context) ([]string, error) { return misreported(ctx, d) })

		It("for a client that names its redirect URIs alone", func(ctx SpecContext) {
			r, err := least.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if r.Client == nil && r.Code() == "invalid_client_metadata" {
				suites.Warn("a registration without optional members is refused: %s", refusal(r))
			}
			Expect(r).To(suites.BeAccepted())
		})
		It("and the answer is true", func(ctx SpecContext) {
			Expect(untrue.Await(ctx)).To(BeEmpty(), "the answer to a registration says what is not so")
		})
	},
})

// misreported compares what registrations were answered with what the server
// then does.
func misreported(ctx context.Context, d *probes.Deployment) (untrue []string, err error) {
	least, err := minimal(d)(ctx)
	if err != nil {
		return nil, err
	}
	if c := least.Client; c != nil && c.Secret == "" && !c.Metadata.Has("token_endpoint_auth_method") {
		untrue = append(untrue, "no token_endpoint_auth_method means client_secret_basic, and there is no secret")
	}
	machine, err := machineRegistration(d)(ctx)
	if err != nil || machine.Client == nil || machine.Client.Secret == "" {
		return untrue, err
	}
	grants, _ := machine.Document.Strings("grant_types")
	if !slices.Contains(grants, "client_credentials") {
		return untrue, nil
	}
	t, err := d.TokenRequest(wire.For(ctx, "attack"), machine.Client, url.Values{"grant_type": {"client_credentials"}})
	if err != nil {
		return untrue, err
	}
	if t.Error == "unauthorized_client" || t.Error == "unsupported_grant_type" {
		untrue = append(untrue, "grant_types has client_credentials, and the token endpoint says "+t.Error)
	}
	return untrue, nil
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-unknown-members",
	Title:    "Members of a registration that the server does not know are ignored",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "RFC 7591", Section: "2"}, {Doc: "MCP 2026-07-28", Section: "Client Registration, Application Type and Redirect URI Constraints"}},
	Since:    suites.V20250326,
	Covers:   []string{"as-dcr-ignores-unknown-members", "dcr-defaults-unknowns-substitutions"},
	Remedy:   "Do not validate registrations against a closed schema: clients of newer revisions send members that you have never seen.",
	Needs:    []suites.Need{openRegistration},
	Faults:   []fault.Fault{fault.RegisterUnknownRefused},
	Specs: func(d *probes.Deployment) {
		extended := probes.Start(d, withUnknownMembers(d))

		It("and not refused", func(ctx SpecContext) {
			r, err := extended.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(r).To(suites.BeAccepted(), refusal(r))
			if r.Document.Has("x_mcpassay_member") {
				d.Note("members that nobody knows are stored and echoed")
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-application-type",
	Title:    "A client on the user's machine can register without saying its application type",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.May,
	Severity: suites.Info,
	Cites: []suites.Cite{
		{Doc: "MCP 2026-07-28", Section: "Client Registration, Application Type and Redirect URI Constraints"},
		{Doc: "OpenID Connect Dynamic Client Registration 1.0", Section: "2"},
	},
	Since:  suites.V20260728,
	Covers: []string{"as-dcr-application-type-constraints"},
	Remedy: "Where you need not follow OpenID Connect to the letter, do not take an absent application_type for web: older MCP clients never send it.",
	Needs:  []suites.Need{openRegistration},
	Faults: []fault.Fault{fault.RegisterWebByDefault},
	Specs: func(d *probes.Deployment) {
		silent := probes.Start(d, untyped(d))

		It("with a loopback redirect URI", func(ctx SpecContext) {
			r, err := silent.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(r).To(suites.BeAccepted(), refusal(r))
		})
	},
})
