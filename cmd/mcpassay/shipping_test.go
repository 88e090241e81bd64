package main

import (
	"context"
	"errors"
	"fmt"
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
			o := client.Options{
				Client: partly{under, c.leftOut}, Only: c.checks(), Name: c.name, Revision: c.revision, Seed: shippingSeed, Concurrency: c.concurrency, Redirects: c.flags.RedirectURI,
			}
			report, grid, err := client.Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if grid["sound"] != client.CellWorks {
				t.Errorf("before a sound deployment: %s", grid["sound"])
			}
			surprises := c.surprises(report)
			if len(surprises) == 0 {
				return
			}
			// A client that a busy machine was too slow for is given a second chance.
			o.Client = partly{under, func(s *client.Situation) bool { return c.leftOut(s) || !concerns(surprises, s) }}
			again, _, err := client.Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			confirmed := c.surprises(again)
			for id, first := range surprises {
				t.Logf("at first: %s", first)
				if confirmed[id] != "" {
					t.Error(confirmed[id])
				}
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

// concerns tells whether one of the checks needs to see the client in the situation.
func concerns(ids map[string]string, s *client.Situation) bool {
	for id := range ids {
		c := client.Find(id)
		of := func(in *client.Situation) bool { return in == s || in.Base == s }
		if c.In == nil || slices.ContainsFunc(c.In, of) || slices.ContainsFunc(c.Beside, of) {
			return true
		}
	}
	return s == client.Sound
}

// partly is a client that is not put in some situations.
type partly struct {
	client.Client
	leftOut func(*client.Situation) bool
}

func (p partly) Connect(ctx context.Context, o client.Offer) (*launch.Exit, error) {
	if p.leftOut(client.FindSituation(o.Situation)) {
		return nil, errors.New("this test leaves the situation out")
	}
	return p.Client.Connect(ctx, o)
}

// surprises are the verdicts that nobody expected, by the id of the check.
func (c *shippingCase) surprises(report *reports.Report) map[string]string {
	all := map[string]string{}
	for i := range report.Results {
		if surprise := c.compare(&report.Results[i]); surprise != "" {
			all[report.Results[i].ID] = surprise
		}
	}
	return all
}

// compare says what nobody expected of a verdict; "" if all was expected.
func (c *shippingCase) compare(r *reports.Result) string {
	p, pinned := c.pins[r.ID]
	var said strings.Builder
	var in []string
	for _, f := range r.Facets {
		said.WriteString("\n\t" + string(f.Outcome) + ": " + f.Title + ": " + f.Message)
		if f.Outcome == r.Outcome {
			in = append(in, f.Situation)
		}
	}
	switch {
	case !pinned && r.Outcome != reports.Pass && r.Outcome != reports.NotApplicable:
		return fmt.Sprintf("%s: nobody expected %s in %q:%s", r.ID, r.Outcome, in, said.String())
	case pinned && r.Outcome != p.outcome:
		return fmt.Sprintf("%s: %s was expected, since %s; got %s:%s", r.ID, p.outcome, p.why, r.Outcome, said.String())
	case pinned && p.in != nil && !slices.Equal(in, p.in):
		return fmt.Sprintf("%s: expected in %q only, got %q:%s", r.ID, p.in, in, said.String())
	}
	return ""
}
