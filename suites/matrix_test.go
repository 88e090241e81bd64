package suites_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/browser"
	"github.com/mcpassay/mcpassay/probes/forms"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
	_ "github.com/mcpassay/mcpassay/suites/authserver"
	_ "github.com/mcpassay/mcpassay/suites/resourceserver"
)

// against judges a reference deployment by the checks that filter selects.
func against(t testing.TB, o reference.Options, filter string, change ...func(*probes.Target)) *reports.Report {
	t.Helper()
	return judgeBy(t, o, filter, func(client *wire.Client) (probes.UserAgent, string) { return forms.New(client), "forms" }, change)
}

// inBrowser does the same through a real browser.
func inBrowser(t testing.TB, o reference.Options, filter string, change ...func(*probes.Target)) *reports.Report {
	t.Helper()
	b := launch(t)
	defer b.Close() //nolint:errcheck // nothing depends on it
	return judgeBy(t, o, filter, func(*wire.Client) (probes.UserAgent, string) { return b, "browser" }, change)
}

// sparingly does it as a run of the program does by default.
func sparingly(t testing.TB, o reference.Options, filter string, change ...func(*probes.Target)) *reports.Report {
	t.Helper()
	b := launch(t)
	defer b.Close() //nolint:errcheck // nothing depends on it
	return judgeBy(t, o, filter, func(c *wire.Client) (probes.UserAgent, string) { return probes.Sparing(forms.New(c), b), "auto" }, change)
}

func launch(t testing.TB) *browser.Browser {
	t.Helper()
	b, err := browser.Launch(t.Context(), browser.Options{})
	if err != nil {
		if os.Getenv("MCPASSAY_REQUIRE_BROWSER") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return b
}

func judgeBy(t testing.TB, o reference.Options, filter string, agent func(*wire.Client) (probes.UserAgent, string), change []func(*probes.Target)) *reports.Report {
	t.Helper()
	server, err := reference.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close() //nolint:errcheck // nothing depends on it
	target := probes.Reference(server)
	target.MaxRegistrations = 1000
	target.Wait = 2 * time.Second
	for _, c := range change {
		c(&target)
	}
	if filter == "" {
		filter = os.Getenv("MCPASSAY_CHECK") // for whoever works on one
	}
	client := wire.NewClient(wire.Limits{}, trusting(server))
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	userAgent, name := agent(client)
	d, err := probes.Open(ctx, target, client, userAgent)
	if err != nil {
		t.Fatal(err)
	}
	report, err := suites.Run(ctx, d, suites.Options{Filter: filter, Agent: name})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// settings are how a reference deployment must be for checks that its plain shape
// makes inapplicable, by check.
var settings = map[string]reference.Options{
	"rs-modern-get-delete":         {Variants: []variant.Variant{variant.ModernOnly}},
	"rs-initialize-names-versions": {Variants: []variant.Variant{variant.ModernOnly}},

	"rs-prm-signing-algorithms": {Variants: []variant.Variant{variant.ExtraClaims}},
	"rs-prm-keys-over-tls":      {Variants: []variant.Variant{variant.ExtraClaims}},
	"rs-prm-signed-metadata":    {Variants: []variant.Variant{variant.ExtraClaims}},

	"as-code-lifetime":         {CodeLifetime: time.Second},
	"as-revocation-ends-grant": {Variants: []variant.Variant{variant.OpaqueTokens}},
}

// describe says what came of a check, for a test's failure.
func describe(r *reports.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %s", r.ID, r.Outcome, r.Message)
	for _, f := range r.Facets {
		fmt.Fprintf(&b, "\n\t%s: %s: %s", f.Outcome, f.Title, f.Message)
	}
	return b.String()
}

// judgedBad tells whether a check noticed something. What a person is asked to
// look at counts: nobody is asked about the sound reference.
func judgedBad(o reports.Outcome) bool {
	return o == reports.Fail || o == reports.Warn || o == reports.Review
}

// TestSoundReference shows that nothing is wrong where nothing is wrong.
func TestSoundReference(t *testing.T) {
	report := against(t, reference.Options{}, "")
	if report.Stopped != nil {
		t.Fatalf("stopped: %+v", report.Stopped)
	}
	for i := range report.Results {
		r := &report.Results[i]
		_, elsewhere := settings[r.ID]
		elsewhere = elsewhere || judgedInBrowser[r.ID]
		if fine := r.Outcome == reports.Pass || r.Outcome == reports.NotApplicable && elsewhere; !fine {
			t.Error(describe(r))
		}
	}
	if len(report.Residue) > 0 {
		t.Errorf("left behind: %+v", report.Residue)
	}
	for id, o := range settings {
		if r := against(t, o, id).Find(id); r == nil || r.Outcome != reports.Pass {
			t.Errorf("in its own setting: %s", describe(r))
		}
	}
}

// TestMutants runs every check against every fault: those that claim the fault
// notice it, and no other fails unless the fault's declaration names it. Every
// assertion of every check is made to fail by one of the check's faults.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("the kill matrix takes a minute; make mutants runs it")
	}
	claims := map[fault.Fault][]string{fault.RefuseEverything: nil} // see TestRefusalNeedsControl
	for _, c := range suites.Catalogue() {
		for _, f := range c.Faults {
			claims[f] = append(claims[f], c.ID)
		}
	}
	only := os.Getenv("MCPASSAY_FAULT") // for whoever works on one
	var chosen []fault.Fault
	for _, f := range fault.All() {
		if _, ok := claims[f]; !ok {
			t.Errorf("no check claims to catch %s: a deployment that %s", f.ID, f.Doc)
		}
		if strings.Contains(f.ID, only) {
			chosen = append(chosen, f)
		}
	}
	m := newMatrix()
	if shard, sharded := thisShard(t); sharded {
		for i, f := range chosen {
			if shard.has(i) {
				t.Run(f.ID, func(t *testing.T) { m.mutant(t, f, claims[f]) })
			}
		}
		shard.write(t, m)
		return
	}
	if only == "" {
		m.inShards(t)
		m.everyAssertion(t)
	} else {
		for _, f := range chosen {
			t.Run(f.ID, func(t *testing.T) { m.mutant(t, f, claims[f]) })
		}
	}
	m.print(t)
}

// matrix is which check noticed which fault.
type matrix struct {
	Runs, Kills, Declared, Missed, Unexpected int

	Killed map[string]map[string]bool // by fault, then check
	Facets map[string]map[string]bool // by check, then assertion: made to fail by a claimed fault
}

func newMatrix() *matrix {
	return &matrix{Killed: map[string]map[string]bool{}, Facets: map[string]map[string]bool{}}
}

func (m *matrix) mutant(t *testing.T, f fault.Fault, claimed []string) {
	m.Runs++
	report := against(t, reference.Options{Faults: []fault.Fault{f}}, around(f, claimed))
	for _, id := range claimed {
		if o, ok := settings[id]; ok {
			o.Faults = []fault.Fault{f}
			special := against(t, o, id)
			if r := special.Find(id); r != nil {
				report.Results = append(slices.DeleteFunc(report.Results, func(r reports.Result) bool { return r.ID == id }), *r)
			}
		}
	}
	m.Killed[f.ID] = map[string]bool{}
	for i := range report.Results {
		r := &report.Results[i]
		isClaimed := slices.Contains(claimed, r.ID) && !judgedInBrowser[r.ID]
		m.note(r, isClaimed)
		switch bad := judgedBad(r.Outcome); {
		case bad && isClaimed:
			m.Kills++
			m.Killed[f.ID][r.ID] = true
		case isClaimed:
			m.Missed++
			t.Errorf("does not notice a deployment that %s\n%s", f.Doc, describe(r))
		case bad && slices.Contains(f.AlsoFails(), r.ID):
			m.Declared++
			m.Killed[f.ID][r.ID] = true
		case bad:
			m.Unexpected++
			t.Errorf("fails on a deployment that %s, which does not name it\n%s", f.Doc, describe(r))
		}
	}
	for _, id := range f.AlsoFails() {
		if !m.Killed[f.ID][id] {
			t.Errorf("%s is said to fail too, and does not", id)
		}
	}
	if report.Stopped != nil && len(claimed) > 0 {
		t.Errorf("stopped: %s", report.Stopped.Message)
	}
}

// around is the filter for a fault: every check if the whole matrix is wanted
// (make mutants), else those that are to fail on it and their neighbours, where
// false findings are most to be feared.
func around(f fault.Fault, claimed []string) string {
	if os.Getenv("MCPASSAY_MATRIX") == "all" || os.Getenv("MCPASSAY_FAULT") != "" {
		return ""
	}
	var labels []string
	for _, id := range slices.Concat(claimed, f.AlsoFails()) {
		labels = append(labels, id)
		if c := suites.Find(id); c != nil {
			labels = append(labels, string(c.Area))
		}
	}
	return strings.Join(labels, " || ")
}

// note remembers which assertions of a check a fault that it claims made fail.
func (m *matrix) note(r *reports.Result, claimed bool) {
	for _, facet := range r.Facets {
		if m.Facets[r.ID] == nil {
			m.Facets[r.ID] = map[string]bool{}
		}
		m.Facets[r.ID][facet.Title] = m.Facets[r.ID][facet.Title] || claimed && judgedBad(facet.Outcome)
	}
}

func (m *matrix) everyAssertion(t *testing.T) {
	for _, c := range suites.Catalogue() {
		if !provenInBrowser(c) {
			m.everyAssertionOf(t, c.ID)
		}
	}
}

func (m *matrix) everyAssertionOf(t *testing.T, id string) {
	t.Helper()
	for title, failed := range m.Facets[id] {
		if !failed && title != "applies" {
			t.Errorf("nothing shows that %q of %s can fail", title, id)
		}
	}
}

func (m *matrix) print(t *testing.T) {
	for _, f := range fault.All() {
		if m.Killed[f.ID] == nil {
			continue // was not run
		}
		ids := []string{}
		for id := range m.Killed[f.ID] {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		t.Logf("%-40s %s", f.ID, strings.Join(ids, " "))
	}
	assertions := 0
	for _, titles := range m.Facets {
		assertions += len(titles)
	}
	t.Logf("%d checks, %d assertions, %d faults, %d tolerance variants", len(suites.Catalogue()), assertions, m.Runs, len(variant.All()))
	t.Logf("kill rate %s: %d claimed kills, %d missed; %d declared ones, %d unexpected",
		rate(m.Kills, m.Kills+m.Missed), m.Kills, m.Missed, m.Declared, m.Unexpected)
}

func rate(part, whole int) string {
	if whole == 0 {
		return "of nothing"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

// TestRefusalNeedsControl shows that a deployment which refuses everything passes
// no check by it.
func TestRefusalNeedsControl(t *testing.T) {
	sound := against(t, reference.Options{}, "")
	refusing := against(t, reference.Options{Faults: []fault.Fault{fault.RefuseEverything}}, "")
	for i := range refusing.Results {
		r := &refusing.Results[i]
		if r.Outcome == reports.Pass && usesControl(sound.Find(r.ID)) {
			t.Errorf("passes although everything is refused\n%s", describe(r))
		}
	}
}

// usesControl tells whether a check's verdict rests on a flow or a call that must
// succeed, rather than on public documents alone.
func usesControl(r *reports.Result) bool {
	return r != nil && slices.ContainsFunc(r.Evidence, func(x *wire.Exchange) bool { return x.Purpose == "attack" })
}
