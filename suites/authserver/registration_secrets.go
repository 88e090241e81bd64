package authserver

import (
	"context"
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // a careless server's choice, not ours
	"crypto/sha1" //nolint:gosec // the same
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math"
	"net/url"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// secrets are the clients with a secret that the run has registered for checks
// of this area, in different ways.
func secrets(ctx context.Context, d *probes.Deployment) (clients []*probes.Client, err error) {
	c, err := confidential(ctx, d)
	if err != nil {
		return nil, err
	}
	least, err := minimal(d)(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range []*probes.Client{c, least.Client} {
		if c != nil && c.Secret != "" {
			clients = append(clients, c)
		}
	}
	return clients, nil
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-secret-entropy",
	Title:    "The secret of a registered client cannot be guessed",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "7.7"}, {Doc: "RFC 6749", Section: "10.10"}, {Doc: "RFC 7591", Section: "5"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-secret-entropy"},
	Remedy:   "Make client secrets of at least 128 bits from a cryptographic random generator, independent of the client id and of the time.",
	Needs:    []suites.Need{openRegistration},
	Faults:   []fault.Fault{fault.RegisterWeakSecret, fault.RegisterDerivedSecret},
	Specs: func(d *probes.Deployment) {
		probe := probes.Start(d, func(ctx context.Context) ([]*probes.Client, error) { return secrets(ctx, d) })
		issued := func(ctx SpecContext) []*probes.Client {
			clients, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(clients) == 0 {
				suites.NotApplicable("the server registers no clients with a secret")
			}
			return clients
		}

		It("since it is long enough", func(ctx SpecContext) {
			bits := entropy(issued(ctx))
			if bits >= 96 && bits < 128 {
				suites.Warn("a client secret has at most %.0f bits, not 128", bits)
			}
			Expect(bits).To(BeNumerically(">=", 128), "the most bits that a client secret can have, by its length and characters")
		})
		It("and not made from the id", func(ctx SpecContext) {
			for _, c := range issued(ctx) {
				Expect(derived(c)).To(BeFalse(), "a client secret is a digest of the client id, or holds it")
			}
		})
	},
})

// entropy is an upper bound of the bits in the client secrets: by the characters
// that occur and by the length, without what all of them have in common.
func entropy(clients []*probes.Client) float64 {
	shortest, common := clients[0].Secret, clients[0].Secret
	var all strings.Builder
	for _, c := range clients {
		if len(c.Secret) < len(shortest) {
			shortest = c.Secret
		}
		if c.Secret == clients[0].Secret {
			continue // its own check says so
		}
		n := 0
		for n < len(common) && n < len(c.Secret) && common[n] == c.Secret[n] {
			n++
		}
		common = common[:n]
	}
	if len(common) == len(clients[0].Secret) {
		common = "" // there is only one secret to look at
	}
	for _, c := range clients {
		all.WriteString(strings.TrimPrefix(c.Secret, common))
	}
	return float64(max(0, len(shortest)-len(common)-strings.Count(shortest, "-"))) * math.Log2(alphabet(all.String()))
}

// derived tells whether a client's secret can be computed from its id.
func derived(c *probes.Client) bool {
	id, secret := []byte(c.ID), c.Secret
	md, sha, long := md5.Sum(id), sha1.Sum(id), sha256.Sum256(id) //nolint:gosec // what a careless server would do
	keyed := hmac.New(sha256.New, id)
	for _, sum := range [][]byte{id, md[:], sha[:], long[:], keyed.Sum(nil)} {
		for _, written := range []string{
			hex.EncodeToString(sum), base64.RawURLEncoding.EncodeToString(sum), base64.RawStdEncoding.EncodeToString(sum),
		} {
			if strings.Contains(secret, written) {
				return true
			}
		}
	}
	return len(c.ID) >= 8 && strings.Contains(secret, c.ID)
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-credentials-fresh",
	Title:    "Every registration yields credentials of its own",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites: []suites.Cite{
		{Doc: "RFC 7591", Section: "3.2.1"}, {Doc: "MCP Security Best Practices", Section: "Confused Deputy Problem"},
	},
	Since:  suites.V20250326,
	Covers: []string{"dcr-credentials-fresh"},
	Remedy: "Give each registration a new id and a new secret. A proxy must never hand out the credentials it holds at the server behind it.",
	Needs:  []suites.Need{openRegistration},
	Faults: []fault.Fault{fault.RegisterSharedSecret},
	Specs: func(d *probes.Deployment) {
		probe := probes.Start(d, func(ctx context.Context) ([]*probes.Client, error) {
			clients, err := secrets(ctx, d)
			if err != nil {
				return nil, err
			}
			second, err := d.SecondClient(ctx)
			return append(clients, second), err
		})
		flow := probes.Start(d, d.OrdinaryFlow)

		It("and not those of another client", func(ctx SpecContext) {
			clients, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, member := range []string{"client_id", "client_secret", "registration_access_token"} {
				seen := map[string]bool{}
				for _, c := range clients {
					value, _ := c.Metadata.String(member)
					Expect(value != "" && seen[value]).To(BeFalse(), "two registrations were answered with the same %s", member)
					seen[value] = true
				}
			}
			a, err := flow.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(usedElsewhere(ctx, d, a)).To(BeEmpty(), "the server uses the id of the registered client itself, at another server")
		})
	},
})

// usedElsewhere is the origin other than the authorization server's where the
// client's id was sent during its flow; empty if there is none.
func usedElsewhere(ctx context.Context, d *probes.Deployment, a *probes.Attempt) string {
	endpoint, err := d.ServerEndpoint(ctx, "authorization_endpoint")
	if err != nil {
		return ""
	}
	home, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	for _, step := range a.Authorization.Landing.Steps {
		_, target, _ := strings.Cut(step.What, " ")
		u, err := url.Parse(target)
		if err == nil && u.Host != "" && u.Host != home.Host && u.Query().Get("client_id") == a.Authorization.Request.Client.ID {
			return u.Host
		}
	}
	return ""
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-size-limit",
	Title:    "A registration has a limit to its size",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.May,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "RFC 7591", Section: "3, 5"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-open-registration-limits"},
	Remedy:   "Bound the body of a registration to some kilobytes and the number of redirect URIs to some dozens; anybody can send them.",
	Needs:    []suites.Need{openRegistration},
	Faults:   []fault.Fault{fault.RegisterUnbounded},
	Specs: func(d *probes.Deployment) {
		probe := probes.Start(d, func(ctx context.Context) (*probes.Registration, error) {
			uris := make([]string, 1000)
			for i := range uris {
				uris[i] = probes.WebRedirect + "/" + strings.Repeat("a", i)
			}
			if _, err := d.OrdinaryFlow(ctx); err != nil {
				return nil, err
			}
			r, err := d.RegisterChanged(wire.For(ctx, "attack"), map[string]any{
				"redirect_uris": uris, "client_name": probes.ClientName + strings.Repeat(" large", 80_000),
			})
			var blocked *probes.Blocked
			if errors.As(err, &blocked) || ctx.Err() != nil {
				return nil, err
			}
			// A server may hang up on such a body. That it still works is the control.
			if err := d.RegistrationWorks(ctx); err != nil {
				return nil, err
			}
			return r, nil
		})

		It("far below a megabyte", func(ctx SpecContext) {
			r, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if r == nil || r.Client == nil {
				return
			}
			name, _ := r.Document.String("client_name")
			uris, _ := r.Document.Strings("redirect_uris")
			Expect(len(name) > 100_000 && len(uris) >= 1000).To(BeFalse(),
				"a registration of a megabyte was stored: 1,000 redirect URIs and a name of %d characters", len(name))
		})
	},
})
