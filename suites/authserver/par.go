package authserver

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
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

// parPushes are what is learnt of the endpoint without a user.
type parPushes struct {
	sound   []*probes.Push
	byGet   *wire.Response
	refused *probes.Push
}

func pushRepeatedly(d *probes.Deployment) *probes.Future[*parPushes] {
	return probes.PushControlled(d, func(ctx context.Context, c *probes.Client) (*parPushes, error) {
		all := &parPushes{}
		for range 4 {
			p, r, err := d.SoundPush(ctx, c)
			if err != nil {
				return nil, err
			}
			all.sound = append(all.sound, p)
			if all.byGet == nil {
				if all.byGet, err = d.PushByGet(ctx, r); err != nil {
					return nil, err
				}
			}
		}
		var err error
		all.refused, _, err = d.Push(ctx, c, probes.Without("response_type"))
		return all, err
	})
}

// parVarying is the part in which the last URI differs from each of the others.
func parVarying(all []*probes.Push) string {
	last := all[len(all)-1].URI
	shared := 0
	for _, p := range all[:len(all)-1] {
		same := 0
		for same < min(len(last), len(p.URI)) && last[same] == p.URI[same] {
			same++
		}
		shared = max(shared, same)
	}
	return last[shared:]
}

// parShortest is how many varying characters a request URI has at least: with
// fewer, guessing it comes into reach (RFC 9126, section 7.1).
const parShortest = 16

var parFreshness = regexp.MustCompile(`(?i)\bpublic\b|max-age\s*=\s*"?[1-9]`)

var _ = suites.Register(suites.Check{
	ID:       "as-par-response",
	Title:    "A pushed request is answered with a request URI that only its client knows",
	Role:     suites.AS,
	Area:     suites.PushedRequests,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 9126, 2.2", "RFC 9126, 2.3", "RFC 9126, 7.1"),
	Since:    suites.V20250326,
	Covers:   []string{"par-response"},
	Remedy:   "Answer a POST with 201, a random request_uri and expires_in, and everything else with an error in JSON; let nobody store the answer.",
	Needs:    []suites.Need{suites.PushedAuthorization},
	Faults:   []fault.Fault{fault.ParGuessable, fault.ParExpiryMissing, fault.ParCacheable, fault.ParByGet, fault.ParErrorPage},
	Specs: func(d *probes.Deployment) {
		pushes := pushRepeatedly(d)
		judged := func(judge func(*parPushes)) func(SpecContext) {
			return func(ctx SpecContext) {
				all, err := pushes.Await(ctx)
				Expect(err).NotTo(HaveOccurred())
				judge(all)
			}
		}

		It("because it cannot be guessed", judged(func(all *parPushes) {
			Expect(len(parVarying(all.sound))).To(BeNumerically(">=", parShortest), "request URIs differ in so few characters")
		}))
		It("and for how long", judged(func(all *parPushes) {
			lifetime, declared := all.sound[0].ExpiresIn()
			Expect(declared && lifetime > 0).To(BeTrue(), "the answer has no positive expires_in")
			if lifetime > 10*time.Minute {
				d.Note("request URIs live %s, more than ten minutes", lifetime)
			}
			if status := all.sound[0].Response.Status; status != 201 {
				d.Note("a pushed request is answered %d, not 201", status)
			}
		}))
		It("which no cache may keep", judged(func(all *parPushes) {
			res := all.sound[0].Response
			directives := strings.Join(res.Header.Values("Cache-Control"), ",")
			stored := parFreshness.MatchString(directives) && !strings.Contains(directives, "no-store")
			Expect(stored).To(BeFalse(), "%s was answered with Cache-Control %q", res.From, directives)
		}))
		It("to a POST alone", judged(func(all *parPushes) {
			document, err := wire.ParseDocument(all.byGet.Body)
			Expect(err == nil && all.byGet.Status < 300 && document.Has("request_uri")).To(BeFalse(),
				"a request in the URL of a GET was taken")
		}))
		It("or refused as the token endpoint refuses", judged(func(all *parPushes) {
			if all.refused.URI != "" {
				suites.NotApplicable("a request without response_type is not refused when it is pushed")
			}
			Expect(all.refused.Document != nil && all.refused.Error != "").To(BeTrue(),
				"%s is no JSON object with an error", all.refused.Response.From)
		}))
	},
})

// parFails names the trials that came to a token only because they were pushed.
func parFails(trials []*probes.PushTrial) (names []string) {
	for _, t := range trials {
		if t.Issued() {
			names = append(names, t.Name)
		}
	}
	return names
}

// parAlike notes the trials that come to a token with and without being pushed:
// other checks judge those.
func parAlike(d *probes.Deployment, trials []*probes.PushTrial) {
	for _, t := range trials {
		if t.Tried != nil && t.Tried.Issued() && !t.Issued() {
			d.Note("%s: accepted pushed and plain alike", t.Name)
		}
	}
}

const parStranger = "https://attacker.mcpassay.example/callback"

var _ = suites.Register(suites.Check{
	ID:       "as-par-same-rules",
	Title:    "What is refused as an authorization request is refused when it is pushed",
	Role:     suites.AS,
	Area:     suites.PushedRequests,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 9126, 2.1", "RFC 9126, 2.3", "RFC 9126, 4"),
	Since:    suites.V20250326,
	Covers:   []string{"par-same-rules-as-authorize"},
	Remedy:   "Authenticate the client at the push as at the token endpoint, validate all parameters there and again when the request URI is used, and refuse request_uri among them.",
	Needs:    []suites.Need{suites.PushedAuthorization},
	Faults: []fault.Fault{
		fault.ParRedirectUnchecked, fault.ParChallengeUnchecked, fault.ParDuplicates, fault.ParNested, fault.ParUnauthenticated,
	},
	Specs: func(d *probes.Deployment) {
		pushed := func(trial probes.Trial) *probes.Future[*probes.PushTrial] {
			return probes.PushControlled(d, func(ctx context.Context, c *probes.Client) (*probes.PushTrial, error) {
				return d.TryPush(ctx, c, trial)
			})
		}
		redirect := pushed(probes.Trial{
			Name: "a redirect URI that nobody registered", Authorization: []probes.Mutation{probes.With("redirect_uri", parStranger)},
		})
		challenge := pushed(probes.Trial{
			Name: "no code challenge", Authorization: []probes.Mutation{unchallenged, probes.Without("nonce")},
			Redemption: []probes.Mutation{probes.Without("code_verifier")},
		})
		twice := pushed(askedTwice("state", "another-state"))
		nested := probes.PushControlled(d, func(ctx context.Context, c *probes.Client) (*probes.Attempt, error) {
			return d.NestPush(ctx, c)
		})
		unproved := probes.Start(d, d.PushUnproved)
		client := probes.Start(d, d.Client)
		judged := func(f *probes.Future[*probes.PushTrial]) func(SpecContext) {
			return func(ctx SpecContext) {
				t, err := f.Await(ctx)
				Expect(err).NotTo(HaveOccurred())
				parAlike(d, []*probes.PushTrial{t})
				Expect(parFails([]*probes.PushTrial{t})).To(BeEmpty(), "an access token was issued for a pushed request with")
			}
		}

		It("for its redirect URI", func(ctx SpecContext) {
			c, err := client.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if c.Confidential() {
				suites.NotApplicable("the client is confidential: it may push redirect URIs that it has not registered (RFC 9126, section 2.4)")
			}
			judged(redirect)(ctx)
		})
		It("for want of a code challenge", judged(challenge))
		It("for a parameter that stands twice", func(ctx SpecContext) {
			t, err := twice.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			parAlike(d, []*probes.PushTrial{t})
			if t.Issued() {
				suites.Warn("one of two state parameters is taken, and the other ignored")
			}
		})
		It("for a request URI in it", func(ctx SpecContext) {
			Expect(nested.Await(ctx)).To(suites.BeRefused())
		})
		It("for want of the client's authentication", func(ctx SpecContext) {
			p, err := unproved.Await(ctx)
			if errors.Is(err, probes.ErrNoSecret) {
				suites.NotApplicable("no client with a secret can be had")
			}
			Expect(err).NotTo(HaveOccurred())
			Expect(p.URI).To(BeEmpty(), "a confidential client's request was taken without its proof")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-par-single-use",
	Title:    "A request URI leads to one code",
	Role:     suites.AS,
	Area:     suites.PushedRequests,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    cited("RFC 9126, 2.2", "RFC 9126, 4", "RFC 9126, 7.3"),
	Since:    suites.V20250326,
	Covers:   []string{"par-single-use-and-expiry"},
	Remedy:   "Forget a pushed request once a code was issued for it. A reload before that, by the same browser, may be forgiven.",
	Needs:    []suites.Need{suites.PushedAuthorization},
	Faults:   []fault.Fault{fault.ParReusable},
	Specs: func(d *probes.Deployment) {
		again := probes.PushControlled(d, func(ctx context.Context, c *probes.Client) (*probes.Attempt, error) {
			p, r, err := d.SoundPush(ctx, c)
			if err != nil {
				return nil, err
			}
			first, err := d.AuthorizePushed(ctx, p, r, c, nil, nil)
			if err != nil || !first.Issued() {
				return first, err
			}
			return d.AuthorizePushed(ctx, p, r, c, nil, nil)
		})

		It("and in another browser to none", func(ctx SpecContext) {
			Expect(again.Await(ctx)).To(suites.BeRefused(), "the request URI was used before")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-par-expiry",
	Title:    "An expired request URI is refused",
	Role:     suites.AS,
	Area:     suites.PushedRequests,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("RFC 9126, 2.2", "RFC 9126, 4"),
	Since:    suites.V20250326,
	Covers:   []string{"par-single-use-and-expiry"},
	Remedy:   "Refuse request URIs from the moment on that expires_in named.",
	Needs:    []suites.Need{suites.PushedAuthorization, suites.ExpiringPushes},
	Faults:   []fault.Fault{fault.ParEternal},
	Specs: func(d *probes.Deployment) {
		late := probes.PushControlled(d, func(ctx context.Context, c *probes.Client) (*probes.Attempt, error) {
			return d.UsePushLate(ctx, c)
		})

		It("although nobody has used it", func(ctx SpecContext) {
			Expect(late.Await(ctx)).To(suites.BeRefused())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-par-bound-to-client",
	Title:    "A request URI works for the client that pushed it",
	Role:     suites.AS,
	Area:     suites.PushedRequests,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 9126, 2.2", "RFC 9126, 4", "RFC 9126, 7.5"),
	Since:    suites.V20250326,
	Covers:   []string{"par-bound-to-client"},
	Remedy:   "Compare client_id with the client that pushed the request, and refuse anything else.",
	Needs:    []suites.Need{suites.PushedAuthorization, suites.SecondClient},
	Faults:   []fault.Fault{fault.ParAnyClient},
	Specs: func(d *probes.Deployment) {
		other := probes.PushControlled(d, func(ctx context.Context, c *probes.Client) (*probes.Attempt, error) {
			second, err := d.SecondClient(ctx)
			if err != nil {
				return nil, err
			}
			p, r, err := d.SoundPush(ctx, c)
			if err != nil {
				return nil, err
			}
			return d.AuthorizePushed(ctx, p, r, second, nil, nil)
		})

		It("and for no other", func(ctx SpecContext) {
			Expect(other.Await(ctx)).To(suites.BeRefused())
		})
	},
})

// parBeside is a pushed request used with other parameters beside its URI.
func parBeside(d *probes.Deployment, mutate func(r *probes.Request) []probes.Mutation, pushed ...probes.Mutation) *probes.Future[*parResult] {
	return probes.PushControlled(d, func(ctx context.Context, c *probes.Client) (*parResult, error) {
		p, r, err := d.Push(ctx, c, pushed...)
		if err != nil || p.URI == "" {
			return nil, err
		}
		a, err := d.AuthorizePushed(ctx, p, r, c, mutate(r), nil)
		return &parResult{a, r}, err
	})
}

type parResult struct {
	*probes.Attempt
	asked *probes.Request
}

// parNearby is a redirect URI beside the pushed one: on loopback another port,
// which a server that lets it vary would take.
func parNearby(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || !probes.IsLoopback(u) {
		return parStranger
	}
	u.Host = u.Hostname() + ":47814"
	return u.String()
}

var _ = suites.Register(suites.Check{
	ID:       "as-par-front-channel-ignored",
	Title:    "Nothing beside the request URI changes a pushed request",
	Role:     suites.AS,
	Area:     suites.PushedRequests,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 9126, 4", "RFC 9101, 6.3"),
	Since:    suites.V20250326,
	Covers:   []string{"par-front-channel-values-ignored"},
	Remedy:   "Take every parameter from the pushed request, and none but client_id and request_uri from the URL.",
	Needs:    []suites.Need{suites.PushedAuthorization},
	Faults:   []fault.Fault{fault.ParFrontChannelWins},
	Specs: func(d *probes.Deployment) {
		redirect := parBeside(d, func(r *probes.Request) []probes.Mutation {
			return []probes.Mutation{probes.With("redirect_uri", parNearby(r.RedirectURI()))}
		})
		verifier := probes.NewVerifier()
		challenge := parBeside(d, func(*probes.Request) []probes.Mutation {
			return []probes.Mutation{probes.With("code_challenge", probes.S256(verifier)), probes.With("code_challenge_method", "S256"), probes.With("state", "beside")}
		})
		wider := parWider(d)

		It("the redirect URI", func(ctx SpecContext) {
			r, err := redirect.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			wanted := parNearby(r.asked.RedirectURI())
			Expect(r.Authorization.Code != "" && r.Authorization.AnsweredAt(wanted)).To(BeFalse(), "the code was sent to the redirect URI in the URL")
		})
		It("the code challenge", func(ctx SpecContext) {
			r, err := challenge.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if r.Authorization.Params.Get("state") == "beside" {
				d.Note("the state in the URL is returned, not the pushed one")
			}
			Expect(r.Tokens == nil || r.Issued()).To(BeTrue(), "a code was issued that the pushed challenge does not protect: %s", r.Ended())
		})
		It("the scope", func(ctx SpecContext) {
			w, err := wider.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if w == nil {
				suites.NotApplicable("there are no two scopes to ask for")
			}
			if !w.Issued() {
				return
			}
			scopes, named := w.Tokens.Scopes()
			if !named {
				scopes = strings.Fields(w.asked.Values.Get("scope"))
			}
			pushed := strings.Fields(w.asked.Values.Get("scope"))
			Expect(slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(pushed, s) })).To(BeFalse(),
				"%q was pushed, and %q granted as the URL asked", pushed, scopes)
		})
	},
})

// parWider pushes a request for one scope, and asks for all in the URL. The
// result is nil if there are no two scopes.
func parWider(d *probes.Deployment) *probes.Future[*parResult] {
	return probes.Start(d, func(ctx context.Context) (*parResult, error) {
		all, err := d.AllScopes(ctx)
		if err != nil || len(all) < 2 {
			return nil, err
		}
		return parBeside(d, func(*probes.Request) []probes.Mutation {
			return []probes.Mutation{probes.With("scope", strings.Join(all, " "))}
		}, probes.With("scope", all[0])).Await(ctx)
	})
}

var _ = suites.Register(suites.Check{
	ID:       "as-par-required",
	Title:    "Where requests have to be pushed, plain ones are refused",
	Role:     suites.AS,
	Area:     suites.PushedRequests,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("RFC 9126, 5", "RFC 9126, 6"),
	Since:    suites.V20250326,
	Covers:   []string{"par-requirement-enforced"},
	Remedy:   "Refuse every authorization request without a request_uri of yours, if the metadata or the client's registration says require_pushed_authorization_requests.",
	Needs:    []suites.Need{suites.PushedAuthorization, suites.PushRequired},
	Faults:   []fault.Fault{fault.ParNotEnforced},
	Specs: func(d *probes.Deployment) {
		plain := probes.Start(d, d.PlainWherePushed)

		It("of every client that has to", func(ctx SpecContext) {
			tried, err := plain.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			var named []string
			for _, t := range tried {
				if t.Issued() {
					named = append(named, t.Name)
				}
			}
			Expect(named).To(BeEmpty(), fmt.Sprintf("a plain request of a client that has to push led to a token (%d tried)", len(tried)))
		})
	},
})
