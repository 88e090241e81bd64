package resourceserver

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

var (
	sessionManagement = suites.Cite{Doc: "MCP 2025-11-25", Section: "Transports, Session Management"}
	sessionHijacking  = suites.Cite{Doc: "MCP Security Best Practices", Section: "Session Hijacking"}
)

var _ = suites.Register(suites.Check{
	ID:       "rs-session-not-authentication",
	Title:    "A session id does not stand in for a token",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{sessionHijacking, {Doc: "MCP 2026-07-28", Section: "Authorization, Access Token Usage"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-session-not-authentication", "rs-authorization-on-every-request"},
	Remedy:   "Verify the access token of every request, sessions or not. Session ids stand in logs and proxies.",
	Needs:    []suites.Need{suites.Sessions},
	Faults:   []fault.Fault{fault.SessionAuthenticates},
	Specs: func(d *probes.Deployment) {
		within := probes.Start(d, func(ctx context.Context) (*probes.Answer, error) {
			return probes.InSession(ctx, d, func(ctx context.Context, s *probes.Session) (*probes.Answer, error) { return s.Call(ctx, "") })
		})
		outside := probes.Start(d, func(ctx context.Context) (*probes.Answer, error) { return d.WithoutSession(ctx, false) })

		It("within a session that was opened soundly", func(ctx SpecContext) {
			answer, err := within.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if control, err := outside.Await(ctx); err == nil && answer.Served() && control.Status != http.StatusUnauthorized {
				suites.Undecided(d, reports.ResourceServer, "the same call is not answered 401 without a session either, but %d", control.Status)
			}
			Expect(answer).To(suites.BeRefused())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-session-bound-to-user",
	Title:    "Another user's token cannot join a session",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Should,
	Severity: suites.High,
	Cites:    []suites.Cite{sessionHijacking},
	Since:    suites.V20250618,
	Covers:   []string{"rs-session-bound-to-user", "rs-session-not-authentication", "rs-session-regenerated-on-auth-change"},
	Remedy:   "Keep with the session who opened it, as the verified token says, and answer any other user as if the session did not exist.",
	Needs:    []suites.Need{suites.Sessions, suites.SecondUser},
	Faults:   []fault.Fault{fault.SessionUnbound},
	Specs: func(d *probes.Deployment) {
		joined := probes.Start(d, d.JoinSession)

		It("to make calls in it", func(ctx SpecContext) {
			j, err := joined.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(j.Call).To(suites.BeRefused())
		})
		It("to end it", func(ctx SpecContext) {
			j, err := joined.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(j.After).To(suites.BeAccepted(), "after another user's DELETE, which was answered %d", j.End.Status)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-session-follows-token",
	Title:    "Within a session the token of each request decides, not the one that opened it",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Authorization, Token Handling"}, sessionHijacking},
	Since:    suites.V20250326,
	Covers:   []string{"rs-session-regenerated-on-auth-change", "rs-authorization-on-every-request"},
	Remedy:   "Take scopes from the token of the request at hand; keep none with the session.",
	Needs:    []suites.Need{suites.Sessions},
	Faults:   []fault.Fault{fault.SessionKeepsScopes},
	Specs: func(d *probes.Deployment) {
		narrowed := probes.Start(d, d.CallNarrowed)

		It("about scopes", func(ctx SpecContext) {
			answer, err := narrowed.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if answer == nil {
				suites.NotApplicable("no operation is known that a token with fewer scopes is refused (operations in the configuration)")
			}
			Expect(answer).To(suites.BeRefused())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-session-expired-token",
	Title:    "A session does not outlive the token of the request",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Authorization, Token Handling"}, {Doc: "OAuth 2.1", Section: "5.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-authorization-on-every-request"},
	Remedy:   "Check exp on every request, also when the session is known.",
	Needs:    []suites.Need{suites.Sessions, expiry},
	Faults:   []fault.Fault{fault.SessionOutlivesToken},
	Specs: func(d *probes.Deployment) {
		expired := probes.Start(d, d.CallExpired)

		It("once that has expired", func(ctx SpecContext) {
			x, err := expired.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if x.Outside.Served() {
				suites.Undecided(d, reports.ResourceServer, "the expired token opens a new session too, so the old one makes no difference")
			}
			Expect(x.Within).To(suites.BeRefused())
		})
	},
})

// enoughBits is the least entropy that session ids have to show. Sixteen ids show
// about 54 of 64 random bits written as hexadecimal digits: at each place ten of
// the sixteen digits, on average.
const enoughBits = 50

var _ = suites.Register(suites.Check{
	ID:       "rs-session-id-unpredictable",
	Title:    "Session ids cannot be guessed",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Must,
	Levels:   map[suites.Revision]suites.Level{suites.V20250326: suites.Should, suites.V20250618: suites.Must},
	Severity: suites.High,
	Cites:    []suites.Cite{sessionManagement, sessionHijacking},
	Since:    suites.V20250326,
	Until:    suites.V20260728,
	Covers:   []string{"rs-session-id-unpredictable"},
	Remedy:   "Make session ids from at least 128 bits of a cryptographic random source, such as a version 4 UUID.",
	Needs:    []suites.Need{suites.Sessions},
	Faults:   []fault.Fault{fault.SessionSequential},
	Specs: func(d *probes.Deployment) {
		sample := probes.Start(d, func(ctx context.Context) ([]string, error) { return d.SessionIDs(ctx, 16) })

		It("from those that others got", func(ctx SpecContext) {
			ids, err := sample.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			slices.Sort(ids)
			Expect(len(slices.Compact(slices.Clone(ids)))).To(Equal(len(ids)), "a session id was issued twice")
			Expect(varyingBits(ids)).To(BeNumerically(">=", enoughBits), "%d session ids differ in less than %d bits", len(ids), enoughBits)
		})
	},
})

// varyingBits estimates from above how many bits tell the ids apart: at every
// position, as many as it takes to write the different bytes that were seen there.
func varyingBits(ids []string) int {
	longest := 0
	for _, id := range ids {
		longest = max(longest, len(id))
	}
	bits := 0.0
	for i := range longest {
		seen := map[byte]bool{}
		for _, id := range ids {
			if i < len(id) {
				seen[id[i]] = true
			}
		}
		bits += math.Log2(float64(max(1, len(seen))))
	}
	return int(bits)
}

var _ = suites.Register(suites.Check{
	ID:       "rs-session-id-ascii",
	Title:    "Session ids consist of visible ASCII characters",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Must,
	Severity: suites.Info,
	Cites:    []suites.Cite{sessionManagement},
	Since:    suites.V20250326,
	Until:    suites.V20260728,
	Covers:   []string{"rs-session-id-ascii"},
	Remedy:   "Use characters from 0x21 to 0x7E only; others do not survive every proxy.",
	Needs:    []suites.Need{suites.Sessions},
	Faults:   []fault.Fault{fault.SessionNotASCII},
	Specs: func(d *probes.Deployment) {
		sample := probes.Start(d, func(ctx context.Context) ([]string, error) { return d.SessionIDs(ctx, 1) })

		It("and of nothing else", func(ctx SpecContext) {
			ids, err := sample.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, id := range ids {
				strange := strings.IndexFunc(id, func(r rune) bool { return r < 0x21 || r > 0x7e })
				Expect(strange).To(Equal(-1), "byte %d of a session id of %d bytes is not visible ASCII", strange, len(id))
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-session-missing",
	Title:    "A server that needs a session answers a request without one with 400",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    []suites.Cite{sessionManagement},
	Since:    suites.V20250326,
	Until:    suites.V20260728,
	Covers:   []string{"rs-session-missing-400"},
	Remedy:   "Answer 400 when Mcp-Session-Id is missing; 404 tells clients that their session has ended.",
	Needs:    []suites.Need{suites.Sessions},
	Faults:   []fault.Fault{fault.SessionMissingStatus},
	Specs: func(d *probes.Deployment) {
		without := probes.Start(d, func(ctx context.Context) (*probes.Answer, error) { return d.WithoutSession(ctx, true) })

		It("although the token is sound", func(ctx SpecContext) {
			answer, err := without.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if answer.Served() {
				suites.NotApplicable("the server needs no session: the call is served without one")
			}
			Expect(answer).To(suites.HaveStatus(http.StatusBadRequest))
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-session-terminated",
	Title:    "A session that was ended is gone",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{sessionManagement},
	Since:    suites.V20250326,
	Until:    suites.V20260728,
	Covers:   []string{"rs-session-terminated-404"},
	Remedy:   "Forget the session when its user ends it, and answer 404 to whoever names it from then on.",
	Needs:    []suites.Need{suites.Sessions},
	Faults:   []fault.Fault{fault.SessionNeverEnds},
	Specs: func(d *probes.Deployment) {
		ended := probes.Start(d, d.EndedSession)

		It("and answers 404", func(ctx SpecContext) {
			e, err := ended.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if e.After == nil {
				suites.NotApplicable("the server lets no client end a session: DELETE was answered %d", e.End.Status)
			}
			Expect(e.After).To(suites.BeRefused())
			if e.After.Status != http.StatusNotFound {
				suites.Warn("the call was refused, but with %d instead of 404", e.After.Status)
			}
		})
	},
})
