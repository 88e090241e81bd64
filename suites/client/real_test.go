package client

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/deployments"
	"github.com/mcpassay/mcpassay/probes/launch"
	"github.com/mcpassay/mcpassay/probes/opener"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// program is a client that is started as a process.
type program struct {
	line     string
	patience time.Duration
}

func (p program) Connect(ctx context.Context, o Offer) (exit *launch.Exit, err error) {
	env, err := o.Variables()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "mcpassay-client-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return opener.Run(ctx, launch.Command{Shell: p.line, URL: o.URL, Env: env, Timeout: p.patience},
		opener.Options{Dir: dir, Lead: o.Callbacks, Authority: o.Authority})
}

// sdkClient is the Go SDK's own client for conformance tests.
const sdkClient = "github.com/modelcontextprotocol/go-sdk/conformance/everything-client@v1.8.0"

// built builds a client that nobody here wrote.
func built(t *testing.T, pkg string) program {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "go", "install", pkg)
	install.Dir = dir // outside of this module
	install.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "GOWORK=off")
	said, err := install.CombinedOutput()
	switch {
	case err == nil:
	case os.Getenv(deployments.RequireVariable) != "":
		t.Fatalf("%v\n%s", err, said)
	default:
		t.Skipf("%v\n%s", err, said)
	}
	name, _, _ := strings.Cut(filepath.Base(pkg), "@")
	return program{"'" + filepath.Join(dir, name) + "'", 30 * time.Second}
}

// A pin is a verdict other than pass on a client that nobody here wrote, the
// situations that it comes from, and why it is true: somebody read what was sent.
type pin struct {
	outcome reports.Outcome
	in      []string
	why     string
}

// sdkPins hold on every wire that the check binds on.
var sdkPins = map[string]pin{
	"client-gets-through": {
		reports.Fail, []string{"odd-challenge", "open-dcr", "phantom-token-pointer-in-description"},
		"it takes a parameter with white space before its equals sign, which RFC 9110 allows in section 11.2, for another challenge, and finds no resource_metadata; " +
			"it keeps the slash at the end of an issuer, which RFC 8414 removes in section 3.1, and asks for /.well-known/oauth-authorization-server/: 404; " +
			"and so it does with a resource at the root of its origin, asks for /.well-known/oauth-protected-resource/, and does not take the metadata that it finds without the slash",
	},
	"client-documents-bounded": {
		reports.Warn, []string{"drip-fed-metadata"},
		"its HTTP client has no time limit: it still read after 20 seconds of metadata that came byte by byte; sizes it limits",
	},
	"client-external-user-agent": {
		reports.Inconclusive, []string{"sound"}, "it is its own user agent, as the contract of test fixtures has it, and calls itself Go-http-client",
	},
	"client-token-not-sent-elsewhere": {
		reports.Fail, []string{"call-redirected-port"},
		"net/http, which follows the 307, keeps Authorization where only the port differs: the access token arrived at the other origin",
	},
	"client-rejects-duplicate-iss": {
		reports.Fail, []string{"iss-twice"},
		"it reads the first iss of the redirect and never counts them: the code was redeemed (2026-07-28 only; older revisions do not ask for it)",
	},
	"client-0326-version-header-on-discovery": {
		reports.Warn, []string{"base-url-metadata", "base-url-defaults"},
		"the GET of /.well-known/oauth-authorization-server had no MCP-Protocol-Version",
	},
	"client-multiple-as-dead-first": {
		reports.Warn, []string{"first-server-dead"},
		"it takes the first of authorization_servers: after three 404 it tried /register there, and nothing went to the second",
	},
	"client-no-guessed-endpoints": {
		reports.Warn, []string{"metadata-missing"},
		"it keeps the default endpoints of 2025-03-26 for whatever issuer has no metadata: it registered and asked for a code there",
	},
	"client-prereg-mismatch-error": {
		reports.Warn, []string{"configured-elsewhere"},
		"the fixture is told the issuer of its credentials and does not tell the SDK, which would compare it: client_id went to the other server",
	},
}

// sdkOddities are the situations in which the grid says so, too.
var sdkOddities = []string{
	"odd-challenge", "call-redirected-port", "iss-twice", "first-server-dead", "metadata-missing", "configured-elsewhere",
	"drip-fed-metadata",
	"callback-other-state", "callback-other-path", "callback-twice", "asks-to-open-page", // it listens for no callback, and cannot ask its user anything
}

// sdkUnknown are the scenarios that it does not implement: told of one, it prints
// the list of those that it does and exits with 1, before it sends anything.
var sdkUnknown = []string{
	"auth/client-credentials-basic", "auth/client-credentials-jwt", "auth/enterprise-managed-authorization",
	"auth/dpop", "auth/dpop-nonce", "auth/wif-jwt-bearer",
}

// knows tells whether it implements the scenario of a situation.
func knows(s *Situation) bool { return !slices.Contains(sdkUnknown, s.contract()) }

// TestSDKClient judges the Go SDK's client on the wires with sessions and on the one
// without.
func TestSDKClient(t *testing.T) {
	client := built(t, sdkClient)
	for _, revision := range []suites.Revision{suites.V20250326, suites.V20251125, suites.V20260728} {
		report, grid, err := Run(t.Context(), Options{Client: client, Name: "everything-client", Revision: revision, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		for i := range report.Results {
			r := &report.Results[i]
			p, pinned := sdkPin(r.ID, revision)
			pinned = pinned && len(Find(r.ID).situations(revision)) > 0
			switch {
			case !slices.ContainsFunc(Find(r.ID).situations(revision), knows) && r.Outcome != reports.NotApplicable:
				t.Errorf("%s: it implements no scenario of this: %s", revision, describe(r))
			case !pinned && r.Outcome != reports.Pass && r.Outcome != reports.NotApplicable:
				t.Errorf("%s: nobody expected this: %s", revision, describe(r))
			case pinned && r.Outcome != p.outcome:
				t.Errorf("%s: %q was expected, since %s: %s", revision, p.outcome, p.why, describe(r))
			case pinned && !slices.Equal(failedIn(r), p.in):
				t.Errorf("%s: expected in %q only: %s", revision, p.in, describe(r))
			}
		}
		for id, cell := range grid {
			odd := cell != CellWorks && cell != CellRefuses
			if !knows(Situations()[slices.IndexFunc(Situations(), func(s *Situation) bool { return s.ID == id })]) {
				odd = cell != CellNotReached
			}
			if pinned := slices.Contains(sdkOddities, id) || sdkStops(id, revision); odd != pinned {
				t.Errorf("%s: %s: %s", revision, id, cell)
			}
		}
	}
}

// failedIn are the ids of the situations that decided against the client.
func failedIn(r *reports.Result) []string {
	var ids []string
	for _, f := range r.Facets {
		for _, s := range Situations() {
			if f.Outcome == r.Outcome && strings.HasSuffix(f.Title, " that "+s.Doc) {
				ids = append(ids, s.ID)
			}
		}
	}
	return ids
}
