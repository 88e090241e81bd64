package resourceserver

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// tokenUse are the sources of most rules on how a token is presented.
func tokenUse(section string) []suites.Cite {
	return []suites.Cite{{Doc: "OAuth 2.1", Section: section}, {Doc: "MCP 2026-07-28", Section: "Authorization, Token Requirements"}}
}

// awaited returns what became of calls that were answered, and notes the others:
// an edge may cut a connection rather than answer what it thinks an attack.
func awaited(ctx SpecContext, d *probes.Deployment, f *probes.Future[[]probes.Varied]) []probes.Varied {
	all, err := f.Await(ctx)
	Expect(err).NotTo(HaveOccurred())
	var answered []probes.Varied
	for _, v := range all {
		if v.Err != nil {
			d.Note("%s: not tried, or not answered: %v", v.Name, v.Err)
			continue
		}
		answered = append(answered, v)
	}
	if len(answered) == 0 {
		suites.NotApplicable("none of the calls was answered")
	}
	return answered
}

// served names the calls that were carried out.
func served(calls []probes.Varied) []string {
	var names []string
	for _, v := range calls {
		if v.Served() {
			names = append(names, v.Name)
		}
	}
	return names
}

// expectRefused expects that none of the calls was carried out.
func expectRefused(ctx SpecContext, d *probes.Deployment, f *probes.Future[[]probes.Varied], message string) {
	GinkgoHelper()
	Expect(served(awaited(ctx, d, f))).To(BeEmpty(), message)
}

// inQuery adds a token to the query string.
func inQuery(parameter string) probes.Variation {
	return probes.Variation{Name: "?" + parameter + "=", Change: func(m *probes.Message, sound string) {
		m.Query = url.Values{parameter: {sound}}.Encode()
	}}
}

var _ = suites.Register(suites.Check{
	ID:       "rs-accepts-bearer-header",
	Title:    "A sound token in the Authorization header is accepted",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.Info,
	Cites:    tokenUse("5.1.1"),
	Since:    suites.V20250326,
	Covers:   []string{"rs-accepts-bearer-header", "jwt-baseline"},
	Remedy:   "Compare what the server expects of a token (issuer, audience, key, scope) with the token that its authorization server issues; all other checks of the server wait for this one.",
	Faults:   []fault.Fault{fault.AudienceSlashExpected},
	Specs: func(d *probes.Deployment) {
		sound := probes.Start(d, d.SoundCall)

		It("with the scheme Bearer", func(ctx SpecContext) {
			answer, err := sound.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(answer).To(suites.BeAccepted())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-query-token-ignored",
	Title:    "A token in the query string has no effect",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    append(tokenUse("5.1"), suites.Cite{Doc: "RFC 9700", Section: "4.3.2"}),
	Since:    suites.V20250326,
	Covers:   []string{"rs-ignores-query-token", "tu-query-token-ignored"},
	Remedy:   "Read access tokens from the Authorization header only; URLs end up in logs, histories and Referer headers.",
	Faults:   []fault.Fault{fault.TokenInQuery, fault.SecondMethodWins},
	Specs: func(d *probes.Deployment) {
		alone := d.TryCalls(inQuery("access_token"), inQuery("token"), inQuery("bearer"), inQuery("api_key"))
		beside := d.TryCalls(probes.Variation{Name: "?access_token=", Change: func(m *probes.Message, sound string) {
			m.Header.Set("Authorization", "Bearer "+unknownToken)
			m.Query = url.Values{"access_token": {sound}}.Encode()
		}})

		It("when it is the only one", func(ctx SpecContext) {
			expectRefused(ctx, d, alone, "a token in the query string opens the protected call")
		})
		It("when the one in the header is not valid", func(ctx SpecContext) {
			expectRefused(ctx, d, beside, "a token in the query string makes up for one in the header that is not valid")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-body-token-ignored",
	Title:    "A token in the body has no effect",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    append(tokenUse("5.1"), suites.Cite{Doc: "RFC 6750", Section: "2.2"}),
	Since:    suites.V20250326,
	Covers:   []string{"rs-rejects-multiple-token-methods"},
	Remedy:   "Read access tokens from the Authorization header only; middleware that also looks into parsed bodies has an option to turn that off.",
	Faults:   []fault.Fault{fault.TokenInBody},
	Specs: func(d *probes.Deployment) {
		tried := d.TryCalls(
			probes.Variation{Name: "a form", Change: func(m *probes.Message, sound string) {
				m.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				message, _ := m.JSON(nil) // our own message always encodes
				m.Body = []byte(url.Values{"access_token": {sound}, "message": {string(message)}}.Encode())
			}},
			probes.Variation{Name: "a JSON member", Change: func(m *probes.Message, sound string) {
				m.Body, _ = m.JSON(map[string]any{"access_token": sound})
			}},
		)

		It("in a form or beside the JSON-RPC message", func(ctx SpecContext) {
			expectRefused(ctx, d, tried, "a token in the body opens the protected call")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-two-methods-refused",
	Title:    "A request that carries a token twice is refused",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "5.1"}, {Doc: "RFC 6750", Section: "3.1"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-rejects-multiple-token-methods"},
	Remedy:   "Answer 400 with invalid_request when a token is also in the query string: somebody is about to leak one.",
	Faults:   []fault.Fault{fault.SecondMethodIgnored},
	Specs: func(d *probes.Deployment) {
		tried := d.TryCalls(probes.Variation{Name: "header and query string", Change: func(m *probes.Message, sound string) {
			m.Header.Set("Authorization", "Bearer "+sound)
			m.Query = url.Values{"access_token": {sound}}.Encode()
		}})

		It("in the header and in the query string", func(ctx SpecContext) {
			expectRefused(ctx, d, tried, "the token in the query string is silently ignored beside the one in the header")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-second-header-never-wins",
	Title:    "Of two Authorization headers the second does not decide",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 6750", Section: "2"}, {Doc: "RFC 9110", Section: "5.3"}, {Doc: "OAuth 2.1", Section: "5.1"}},
	Since:    suites.V20250326,
	Covers:   []string{"tu-conflicting-credentials"},
	Remedy:   "Refuse requests with more than one Authorization header; a gateway in front may have checked the other one.",
	Faults:   []fault.Fault{fault.SecondHeaderWins},
	Specs: func(d *probes.Deployment) {
		both := func(name string, order func(sound string) []string) probes.Variation {
			return probes.Variation{Name: name, Change: func(m *probes.Message, sound string) { m.Header["Authorization"] = order(sound) }}
		}
		tried := d.TryCalls(
			both("the sound token second", func(sound string) []string { return []string{"Bearer " + unknownToken, "Bearer " + sound} }),
			both("the sound token first", func(sound string) []string { return []string{"Bearer " + sound, "Bearer " + unknownToken} }),
		)

		It("what the first would not open", func(ctx SpecContext) {
			for _, v := range awaited(ctx, d, tried) {
				if v.Name == "the sound token first" {
					if v.Served() {
						d.Note("a second Authorization header is ignored")
					}
					continue
				}
				Expect(v.Served()).To(BeFalse(), "the second of two Authorization headers opens the protected call: a gateway in front that checks the first can be bypassed")
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-other-scheme-refused",
	Title:    "A token is not taken under another scheme than Bearer",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    tokenUse("5.1.1"),
	Since:    suites.V20250326,
	Covers:   []string{"tu-bearer-header-parsing"},
	Remedy:   "Look at the scheme before taking what follows for a token.",
	Faults:   []fault.Fault{fault.AnyScheme},
	Specs: func(d *probes.Deployment) {
		tried := d.TryCalls(
			probes.Bearing("Basic", func(sound string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(":"+sound)) }),
			probes.Bearing("Basic with the bare token", func(sound string) string { return "Basic " + sound }),
			probes.Bearing("Token", func(sound string) string { return "Token " + sound }),
			probes.Bearing("JWT", func(sound string) string { return "JWT " + sound }),
			probes.Bearing("OAuth", func(sound string) string { return "OAuth " + sound }),
			probes.Bearing("no scheme", func(sound string) string { return sound }),
		)

		It("or under none", func(ctx SpecContext) {
			expectRefused(ctx, d, tried, "a token under another scheme, or none, opens the protected call")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-bearer-scheme-case-insensitive",
	Title:    "The scheme is accepted in any case",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "RFC 9110", Section: "11.1"}, {Doc: "OAuth 2.1", Section: "5.1.1"}},
	Since:    suites.V20250618,
	Covers:   []string{"rs-bearer-scheme-case-insensitive", "tu-bearer-header-parsing"},
	Remedy:   "Compare the scheme without regard to case; clients that send what token_type says may write bearer.",
	Faults:   []fault.Fault{fault.SchemeCaseSensitive},
	Specs: func(d *probes.Deployment) {
		tried := d.TryCalls(
			probes.Bearing("bearer", func(sound string) string { return "bearer " + sound }),
			probes.Bearing("BEARER", func(sound string) string { return "BEARER " + sound }),
		)

		It("bearer and BEARER", func(ctx SpecContext) {
			for _, v := range awaited(ctx, d, tried) {
				Expect(v.Served()).To(BeTrue(), "a sound token under the scheme %s was refused: %s", v.Name, v.Said())
			}
		})
	},
})

// trailing names the header with a sound token that something follows.
const trailing = "something after the token"

// malformed are Authorization headers that are no credentials of RFC 6750,
// section 2.1, although most of them hold a sound token.
func malformed(d *probes.Deployment) *probes.Future[[]probes.Varied] {
	return d.TryCalls(
		probes.Bearing("no token", func(string) string { return "Bearer" }),
		probes.Bearing("no space", func(sound string) string { return "Bearer" + sound }),
		probes.Bearing(trailing, func(sound string) string { return "Bearer " + sound + " " + unknownToken }),
		probes.Bearing("something before the token", func(sound string) string { return "Bearer " + unknownToken + " " + sound }),
		probes.Bearing("two tokens with a comma", func(sound string) string { return "Bearer " + sound + ", Bearer " + unknownToken }),
		probes.Bearing("quotes", func(sound string) string { return `Bearer "` + sound + `"` }),
		probes.Bearing("a parameter", func(sound string) string { return "Bearer token=" + sound }),
		probes.Bearing("characters that no token has", func(string) string { return "Bearer \u00e9\u00e8{}%00" }),
	)
}

var _ = suites.Register(suites.Check{
	ID:       "rs-malformed-authorization",
	Title:    "A malformed Authorization header is refused",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "RFC 6750", Section: "3.1"}, {Doc: "OAuth 2.1", Section: "5.3.2"}, {Doc: "MCP 2026-07-28", Section: "Authorization, Error Handling"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-400-malformed-authorization", "tu-bearer-header-parsing", "err-rs-status-mapping"},
	Remedy:   "Parse the header by the grammar of RFC 6750 and answer 400 (or 401) to whatever does not fit, before any of it is used.",
	Faults:   []fault.Fault{fault.MalformedTolerated, fault.MalformedServerError},
	Specs: func(d *probes.Deployment) {
		tried := malformed(d)

		It("rather than repaired", func(ctx SpecContext) {
			taken := served(awaited(ctx, d, tried))
			if slices.Equal(taken, []string{trailing}) {
				// The token was whole and in its place: careless, and no more.
				suites.Warn("what follows the token in the Authorization header is ignored")
			}
			Expect(taken).To(BeEmpty(), "the protected call is carried out for credentials that are malformed")
		})
		It("as the client's mistake", func(ctx SpecContext) {
			for _, v := range awaited(ctx, d, tried) {
				if v.Served() {
					continue // the other assertion says so
				}
				Expect(v.Status).To(BeNumerically("<", 500), "with %s the request was answered %d, as if the server had failed", v.Name, v.Status)
				if v.Status != http.StatusBadRequest && v.Status != http.StatusUnauthorized {
					d.Note("with %s the request was answered %d rather than 400", v.Name, v.Status)
				}
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-401-unknown-token",
	Title:    "A token that nobody issued is answered 401",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "5.3.2"}, {Doc: "MCP 2026-07-28", Section: "Authorization, Token Handling"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-401-unknown-token", "tu-no-string-opens-a-session", "err-rs-status-mapping"},
	Remedy:   "Verify every token before anything else happens, the handshake included, and answer 401 with invalid_token when it cannot be verified.",
	Faults: []fault.Fault{
		fault.GarbageAccepted, fault.InvalidTokenForbidden, fault.InvalidTokenServerError, fault.UnauthorizedAsResult,
	},
	Specs: func(d *probes.Deployment) {
		tried := d.TryCalls(
			probes.Bearing("a random token", func(string) string { return "Bearer " + probes.NewVerifier() }),
			probes.Bearing("a token cut in half", func(sound string) string { return "Bearer " + sound[:len(sound)/2] }),
			probes.Bearing("a token without its end", func(sound string) string { return "Bearer " + sound[:max(1, len(sound)-8)] }),
			probes.Bearing("a token like the issuer's", func(sound string) string {
				return "Bearer " + sound[:min(4, len(sound))] + strings.ReplaceAll(probes.NewVerifier(), "-", "x")
			}),
			probes.Bearing("a token of 8 KB", func(string) string { return "Bearer " + strings.Repeat("x", 8<<10) }),
		)
		handshake := probes.Start(d, d.HandshakeWithUnknownToken)

		It("and the protected call is not carried out", func(ctx SpecContext) {
			expectRefused(ctx, d, tried, "the protected call is carried out for a token that nobody issued")
		})
		It("with that status", func(ctx SpecContext) {
			for _, v := range awaited(ctx, d, tried) {
				switch {
				case v.Served(): // the other assertion says so
				case v.Name == "a token of 8 KB" && v.Status >= 400 && v.Status < 500:
					// 431 and 413 come from the HTTP layer, which is right to set a limit.
				case v.Status == http.StatusBadRequest:
					d.Note("%s was answered 400 rather than 401", v.Name)
				default:
					Expect(v.Status).To(Equal(http.StatusUnauthorized), "%s was answered %d, not 401: clients will not get themselves a new token", v.Name, v.Status)
				}
			}
		})
		It("and opens no session", func(ctx SpecContext) {
			answer, err := handshake.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if answer.Served() && answer.Header.Get("Mcp-Session-Id") == "" {
				d.Note("initialize is answered for anybody, without a session")
				return
			}
			Expect(answer.Served()).To(BeFalse(), "initialize with a token that nobody issued opens a session")
		})
	},
})
