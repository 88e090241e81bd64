package authserver

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// aBrowser needs a user agent that runs scripts and knows frames.
func aBrowser(_ context.Context, d *probes.Deployment) (bool, string) {
	return d.RunsScripts(), "a browser: nothing else runs scripts or shows frames"
}

// aScreen needs a user agent that knows what a page shows: markup alone may hide
// what it says, and show what scripts and style sheets add.
func aScreen(_ context.Context, d *probes.Deployment) (bool, string) {
	return d.RunsScripts(), "a browser: nothing else knows what a page shows to its user"
}

var _ = suites.Register(suites.Check{
	ID:       "as-pages-not-framed",
	Title:    "Other sites cannot show the authorization server's pages in a frame",
	Role:     suites.AS,
	Area:     suites.WebSecurity,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("OAuth 2.1, 7.11", "RFC 9700, 4.16", "MCP 2026-07-28, Security Best Practices"),
	Since:    suites.V20250326,
	Covers:   []string{"web-framing", "as-authz-no-framing"},
	Remedy:   "Send Content-Security-Policy: frame-ancestors 'none' and X-Frame-Options: DENY with every page.",
	Needs:    []suites.Need{aBrowser},
	Faults:   []fault.Fault{fault.PagesFramed, fault.PagesFramedPlain},
	Specs: func(d *probes.Deployment) {
		framed := probes.Start(d, d.FramePages)

		It("where a user could be made to press something", func(ctx SpecContext) {
			pages, err := framed.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, p := range pages {
				Expect(p.Asks).To(BeEmpty(), "%s (%q) shows in a frame of another site and asks for %s there", p.Name, p.Title, p.Asks)
			}
		})
		It("nor anywhere else", func(ctx SpecContext) {
			pages, err := framed.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, p := range pages {
				if p.Shown != "" && p.Asks == "" {
					suites.Warn("a document (%q) shows in a frame of another site where %s was asked for, though it asks for nothing there", p.Title, p.Name)
				}
			}
		})
	},
})

// noScript judges that none of the injected scripts ran.
func noScript(f *probes.Future[[]probes.Injection]) func(SpecContext) {
	return func(ctx SpecContext) {
		all, err := f.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		for _, i := range all {
			Expect(i.Scripts).To(BeEmpty(), "a script ran on a page of the authorization server, from %s", i.What)
		}
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-xss-client-metadata",
	Title:    "What a client says of itself runs no script on the authorization server's pages",
	Role:     suites.AS,
	Area:     suites.WebSecurity,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    cited("RFC 7591, 5", "OAuth 2.1, 7.12"),
	Since:    suites.V20250326,
	Covers:   []string{"web-xss-client-metadata", "as-authz-input-sanitised"},
	Remedy:   "Escape client metadata for the place it is shown in, take nothing but http and https URLs for links and images, and set a Content-Security-Policy.",
	Needs:    []suites.Need{aBrowser, suites.DynamicRegistration},
	Faults:   []fault.Fault{fault.PagesScriptName, fault.PagesScriptLink},
	Specs: func(d *probes.Deployment) {
		injected := probes.Start(d, d.InjectMetadata)

		It("on login, consent and error pages", noScript(injected))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-xss-request-parameters",
	Title:    "Parameters of a request run no script on the authorization server's pages",
	Role:     suites.AS,
	Area:     suites.WebSecurity,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    cited("OAuth 2.1, 7.12", "RFC 6749, 10.14"),
	Since:    suites.V20250326,
	Covers:   []string{"web-xss-request-parameters", "as-authz-input-sanitised"},
	Remedy:   "Escape every parameter for the place it is shown in, or do not show it.",
	Needs:    []suites.Need{aBrowser},
	Faults:   []fault.Fault{fault.PagesScriptParameter},
	Specs: func(d *probes.Deployment) {
		injected := probes.Start(d, d.InjectParameters)

		It("right or wrong", noScript(injected))
	},
})
