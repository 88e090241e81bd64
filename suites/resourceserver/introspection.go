package resourceserver

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// introspectionChosen needs to choose what introspection says, to a resource
// server that asks.
func introspectionChosen(ctx context.Context, d *probes.Deployment) (bool, string) {
	if d.Target.Introspection == nil {
		return false, "an introspection endpoint of ours: have the resource server ask the lab's authorization server"
	}
	return !errors.Is(d.Introspects(ctx), probes.ErrNotIntrospecting), "a resource server that asks about tokens (RFC 7662)"
}

// introspectionCites is what asks resource servers to be strict.
func introspectionCites(section string) []suites.Cite {
	return []suites.Cite{{Doc: "RFC 7662", Section: section}, {Doc: "OAuth 2.1", Section: "5.2"}}
}

func answered(status int, media, body string) probes.IntrospectionAnswer {
	return probes.IntrospectionAnswer{Status: status, Header: http.Header{"Content-Type": {media}}, Body: []byte(body)}
}

// failures are ways in which introspection says nothing.
func failures(map[string]any) []probes.OddAnswer {
	const media = "application/json"
	moved := answered(http.StatusFound, "text/plain", "")
	moved.Header.Set("Location", "https://login.mcpassay.example/")
	return []probes.OddAnswer{
		{Name: "is answered 500", Answer: answered(500, media, `{"error":"server_error"}`)},
		{Name: "is answered 503 without a body", Answer: answered(503, media, "")},
		{Name: "is answered 401", Answer: answered(401, media, `{"error":"invalid_client"}`)},
		{Name: "is answered with a redirect to a login page", Answer: moved},
		{Name: "is answered with a page", Answer: answered(200, "text/html", "<!doctype html><title>Sign in</title>")},
		{Name: "is answered with nothing", Answer: answered(200, media, "")},
		{Name: "is answered with half an object", Answer: answered(200, media, `{"active":true,"scope":"`)},
		{Name: "is answered with an empty array", Answer: answered(200, media, `[]`)},
		{Name: "is answered with an array", Answer: answered(200, media, `[{"active":true}]`)},
		{Name: "is answered with an empty object", Answer: answered(200, media, `{}`)},
		{Name: "is answered with null", Answer: answered(200, media, `null`)},
		{Name: "is answered with true", Answer: answered(200, media, `true`)},
		{Name: "is answered by closing the connection", Answer: probes.IntrospectionAnswer{Drop: true}},
		{Name: "is never answered", Answer: probes.IntrospectionAnswer{Hang: true}},
	}
}

var _ = suites.Register(suites.Check{
	ID:       "rs-introspection-fails-closed",
	Title:    "While introspection says nothing, nobody is let in",
	Role:     suites.RS,
	Area:     suites.TokenIntrospection,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    append(introspectionCites("2.3"), suites.Cite{Doc: "RFC 9700", Section: "4.10"}),
	Since:    suites.V20250326,
	Covers:   []string{"int-rs-fails-closed"},
	Remedy:   "Take everything but a well-formed 200 answer for a no, errors and time-outs included.",
	Needs:    []suites.Need{introspectionChosen},
	Faults:   []fault.Fault{fault.IntrospectionFailsOpen, fault.IntrospectionStatus},
	Specs: func(d *probes.Deployment) {
		tried := d.TryIntrospection(failures)

		It("with a token that nobody vouches for", func(ctx SpecContext) {
			all, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(served(all)).To(BeEmpty(), "the protected call is carried out for a token of which introspection")
		})
	},
})

// notTrue are values of active other than the boolean true.
func notTrue(members map[string]any) []probes.OddAnswer {
	var all []probes.OddAnswer
	for _, v := range []struct {
		name  string
		value any
	}{
		{"false", false}, {"the text false", "false"}, {"0", 0}, {"an empty string", ""},
		{"an array", []bool{false}}, {"an object", map[string]any{"x": 1}}, {"the text no", "no"},
	} {
		all = append(all, probes.OddAnswer{Name: "says that active is " + v.name, Answer: probes.Active(members, map[string]any{"active": v.value})})
	}
	sound := string(probes.Active(members, map[string]any{"active": nil}).Body)
	with := func(name, before, after string) probes.OddAnswer {
		return probes.OddAnswer{Name: name, Answer: answered(200, "application/json", "{"+before+strings.Trim(sound, "{}")+after+"}")}
	}
	return append(all,
		with("does not mention active", "", ""), with("says that active is null", "", `,"active":null`),
	)
}

// nearlyTrue are values that mean true to many.
func nearlyTrue(members map[string]any) []probes.OddAnswer {
	sound := strings.Trim(string(probes.Active(members, map[string]any{"active": nil}).Body), "{}")
	return []probes.OddAnswer{
		{Name: "the text true", Answer: probes.Active(members, map[string]any{"active": "true"})},
		{Name: "1", Answer: probes.Active(members, map[string]any{"active": 1})},
		{Name: "false and then true", Answer: answered(200, "application/json", `{"active":false,`+sound+`,"active":true}`)},
		{Name: "true and then false", Answer: answered(200, "application/json", `{"active":true,`+sound+`,"active":false}`)},
	}
}

// contradicted are answers that say active, and something else against it.
func contradicted(members map[string]any) []probes.OddAnswer {
	says := func(name, member string, value any) probes.OddAnswer {
		return probes.OddAnswer{Name: name, Answer: probes.Active(members, map[string]any{member: value})}
	}
	return []probes.OddAnswer{
		says("says that it expired an hour ago", "exp", time.Now().Add(-time.Hour).Unix()),
		says("says that it begins in an hour", "nbf", time.Now().Add(time.Hour).Unix()),
		says("says that it is for another resource", "aud", "https://elsewhere.example/mcp"),
		says("says that it is of another issuer", "iss", "https://other-as.example"),
	}
}

var _ = suites.Register(suites.Check{
	ID:       "rs-introspection-active",
	Title:    "A token is good if introspection says so, and says nothing against it",
	Role:     suites.RS,
	Area:     suites.TokenIntrospection,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    introspectionCites("2.2"),
	Since:    suites.V20250326,
	Covers:   []string{"int-rs-active-strict"},
	Remedy:   "Compare active with the boolean true, and check exp, nbf, iss and aud of the answer as you would in a JWT.",
	Needs:    []suites.Need{introspectionChosen},
	Faults:   []fault.Fault{fault.IntrospectionTruthy, fault.IntrospectionText, fault.IntrospectionClaimsIgnored},
	Specs: func(d *probes.Deployment) {
		wrong, near, against := d.TryIntrospection(notTrue), d.TryIntrospection(nearlyTrue), d.TryIntrospection(contradicted)

		It("by the boolean true", func(ctx SpecContext) {
			all, err := wrong.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(served(all)).To(BeEmpty(), "the protected call is carried out for a token of which introspection")
		})
		It("and nothing like it", func(ctx SpecContext) {
			all, err := near.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if names := served(all); len(names) > 0 {
				suites.Warn("the protected call is carried out for a token of which introspection says that active is %s", strings.Join(names, ", or "))
			}
		})
		It("in every other member", func(ctx SpecContext) {
			all, err := against.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(served(all)).To(BeEmpty(), "the protected call is carried out for a token of which introspection")
		})
	},
})

// longestWindow is how long it is usual to believe an introspection answer.
const longestWindow = time.Minute

var _ = suites.Register(suites.Check{
	ID:       "rs-introspection-cache",
	Title:    "What introspection said is believed for a short time, and of that token only",
	Role:     suites.RS,
	Area:     suites.TokenIntrospection,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    introspectionCites("4"),
	Since:    suites.V20250326,
	Covers:   []string{"int-rs-cache-window"},
	Remedy:   "Keep answers under a digest of the whole token for a minute at most, and never beyond exp.",
	Needs:    []suites.Need{introspectionChosen},
	Faults:   []fault.Fault{fault.IntrospectionKept, fault.IntrospectionKeyPart, fault.IntrospectionKeyFolded, fault.IntrospectionOutlives},
	Specs: func(d *probes.Deployment) {
		watched := probes.Start(d, d.WatchCache)

		It("until it is asked again", func(ctx SpecContext) {
			c, err := watched.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			window := c.Window.Round(100 * time.Millisecond)
			switch {
			case c.Refused:
				d.Note("a token was refused %s after introspection had ended it", window)
			case c.Window < longestWindow:
				suites.Review("a token was still accepted %s after introspection had ended it, and the run could wait no longer: see that it is refused within a minute (--wait 61s)", window)
			default:
				suites.Warn("a token was still accepted %s after introspection had ended it", window)
			}
		})
		It("and not of those like it", func(ctx SpecContext) {
			c, err := watched.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(c.Collided).To(BeEmpty(), "an inactive token is accepted because it resembles an active one")
		})
		It("nor beyond its end", func(ctx SpecContext) {
			c, err := watched.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(c.Outlived).To(BeFalse(), "a token that is in use is served after its end, when a fresh one is refused")
		})
	},
})
