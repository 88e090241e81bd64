package main

import (
	"context"
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	shipped "github.com/mcpassay/mcpassay/fixtures/clients"
	"github.com/mcpassay/mcpassay/probes/launch"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
	"github.com/mcpassay/mcpassay/suites/client"
)

// A shippingPin is a verdict other than pass, the situations that it comes from,
// and what a person saw in the evidence.
type shippingPin struct {
	outcome reports.Outcome
	in      []string
	why     string
}

// A shippingCase is a client that nobody here wrote.
type shippingCase struct {
	name, script string // script with its arguments, in the folder of the clients
	revision     suites.Revision
	flags        shippingFlags
	timeout      time.Duration
	concurrency  int
	pins         map[string]shippingPin
	// usersOnly leaves out the situations of extensions, which are for clients that
	// act without a user, or for a company's: one shipping client goes through them
	// all, and TestServiceClient judges one that is made for some of them.
	usersOnly bool
}

// shippingSeed draws the quirks that the pins were confirmed with.
const shippingSeed = 1

const inSDK = "node_modules/@modelcontextprotocol/sdk/dist/esm/examples/client/simpleOAuthClient.js"

var shippingCases = []shippingCase{
	{
		name: "ai-sdk", script: "ai-sdk.mjs", revision: suites.V20260728,
		flags: shippingFlags{OpensBrowser: true, RedirectURI: []string{"http://127.0.0.1/callback"}}, timeout: 15 * time.Second, concurrency: 2, pins: aiSDKPins,
	},
	{
		name: "mcp-remote", script: "mcp-remote.mjs", revision: suites.V20251125,
		flags: shippingFlags{OpensBrowser: true, RedirectURI: []string{"http://localhost/oauth/callback"}}, timeout: 15 * time.Second, concurrency: 2, pins: mcpRemotePins, usersOnly: true,
	},
	{
		name: "inspector", script: "inspector.mjs",
		revision: suites.V20251125, flags: shippingFlags{OpensBrowser: true, RedirectURI: []string{"http://127.0.0.1:6276/oauth/callback"}}, timeout: 12 * time.Second, concurrency: 2, pins: inspectorPins, usersOnly: true,
	},
	{
		name: "sdk-example", script: inSDK, revision: suites.V20251125,
		flags: shippingFlags{
			Shows: regexp.MustCompile(`authorize:\s+(\S+)\n`), Say: "call test-tool", SayAt: regexp.MustCompile("mcp> "),
			Connected: regexp.MustCompile("Tool 'test-tool' result"),
		},
		timeout: 5 * time.Second, concurrency: 1, pins: sdkExamplePins, usersOnly: true,
	},
}

// TestShippingClients puts clients that nobody here wrote in front of every
// deployment. What is not pinned passes, or does not apply.
func TestShippingClients(t *testing.T) {
	dir := shipped.ForTest(t)
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range shippingCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			under := &shipping{
				shippingFlags: &c.flags, line: "cd " + shellQuote(dir) + " && exec " + shellQuote(node) + " " + c.script,
				timeout: c.timeout,
			}
			report, grid, err := client.Run(t.Context(), client.Options{
				Client: c.among(under), Only: c.checks(), Name: c.name, Revision: c.revision, Seed: shippingSeed, Concurrency: c.concurrency, Redirects: c.flags.RedirectURI,
			})
			if err != nil {
				t.Fatal(err)
			}
			if grid["sound"] != client.CellWorks {
				t.Errorf("before a sound deployment: %s", grid["sound"])
			}
			for i := range report.Results {
				c.compare(t, &report.Results[i])
			}
		})
	}
}

// leftOut tells whether the client is not put in the situation.
func (c *shippingCase) leftOut(s *client.Situation) bool { return c.usersOnly && s.Extension != nil }

// checks are those that are judged in a situation that is not left out.
func (c *shippingCase) checks() []string {
	var ids []string
	for _, check := range client.Catalogue() {
		if check.In == nil || slices.ContainsFunc(check.In, func(s *client.Situation) bool { return !c.leftOut(s) }) {
			ids = append(ids, check.ID)
		}
	}
	return ids
}

// among is the client where it is not left out.
func (c *shippingCase) among(under client.Client) client.Client {
	out := map[string]bool{}
	for _, s := range client.Situations() {
		out[s.ID] = c.leftOut(s)
	}
	return partly{under, out}
}

// partly is a client that is not put in some situations.
type partly struct {
	client.Client
	out map[string]bool
}

func (p partly) Connect(ctx context.Context, o client.Offer) (*launch.Exit, error) {
	if p.out[o.Situation] {
		return nil, errors.New("this test leaves the situation out")
	}
	return p.Client.Connect(ctx, o)
}

func (c *shippingCase) compare(t *testing.T, r *reports.Result) {
	t.Helper()
	p, pinned := c.pins[r.ID]
	var said strings.Builder
	var in []string
	for _, f := range r.Facets {
		said.WriteString("\n\t" + string(f.Outcome) + ": " + f.Title + ": " + f.Message)
		for _, s := range client.Situations() {
			if f.Outcome == r.Outcome && strings.HasSuffix(f.Title, " that "+s.Doc) {
				in = append(in, s.ID)
			}
		}
	}
	switch {
	case !pinned && r.Outcome != reports.Pass && r.Outcome != reports.NotApplicable:
		t.Errorf("%s: nobody expected %s in %q:%s", r.ID, r.Outcome, in, said.String())
	case pinned && r.Outcome != p.outcome:
		t.Errorf("%s: %s was expected, since %s; got %s:%s", r.ID, p.outcome, p.why, r.Outcome, said.String())
	case pinned && p.in != nil && !slices.Equal(in, p.in):
		t.Errorf("%s: expected in %q only, got %q:%s", r.ID, p.in, in, said.String())
	}
}
