package suites

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/extensions/globals"
	"github.com/onsi/ginkgo/v2/formatter"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/fixtures/requirements"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reports"
)

// Options say what to run and who wants to hear of it.
type Options struct {
	Filter   string               // label filter; empty: everything
	Tool     string               // name and version, for the report
	Agent    string               // which user agent is used, for the report
	Started  func(total int)      // how many checks will be judged
	Waiting  func(id string)      // a check is waited for
	Progress func(reports.Result) // a check is settled
	Leave    bool                 // do not remove what was created
}

// Select returns the checks that a label filter selects, sorted by id.
func Select(filter string) ([]*Check, error) {
	formatter.SingletonFormatter = formatter.New(formatter.ColorModeNone) // its errors are coloured
	selects, err := types.ParseLabelFilter(filter)                        // RunSpecs would exit the process
	if err != nil {
		return nil, fmt.Errorf("filter %q: %w", filter, err)
	}
	var chosen []*Check
	for _, c := range Catalogue() {
		if selects(c.Labels()) {
			chosen = append(chosen, c)
		}
	}
	return chosen, nil
}

// Ginkgo keeps its suite in package variables, so one run at a time.
var running sync.Mutex

// Run judges a deployment by the selected checks. The error is for bad options
// only: what goes wrong with the deployment is in the report.
func Run(ctx context.Context, d *probes.Deployment, o Options) (*reports.Report, error) {
	checks, err := Select(o.Filter)
	if err != nil {
		return nil, err
	}
	running.Lock()
	defer running.Unlock()
	defer signal.Reset(os.Interrupt, syscall.SIGTERM) // RunSpecs leaves its handler behind

	report := &reports.Report{Tool: o.Tool, UserAgent: o.Agent, Target: d.Subject(), Start: time.Now()}
	if report.Stopped = d.Preflight(ctx); report.Stopped == nil {
		r := &run{ctx: ctx, d: d, o: o, report: report, revision: revisionOf(ctx, d), judged: map[string]*judged{}}
		report.Revision = string(r.revision)
		report.Requirements = requirementSet(r.revision)
		if o.Started != nil {
			o.Started(len(checks))
		}
		r.judge(checks)
	}
	if discovery, err := d.Discovery(ctx); err == nil && discovery.AS != nil {
		report.Issuer = discovery.Issuer
	}
	d.Quiet()
	if !o.Leave {
		// The run's context may have ended: what it created is removed all the same.
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		report.Residue = d.Clean(clean)
	}
	report.Interrupted = ctx.Err() != nil
	report.Ledger, report.Budget = d.Ledger(), d.Budget()
	report.Took = time.Since(report.Start)
	return report, nil
}

// requirementSet names what a run for the revision is held to.
func requirementSet(r Revision) *reports.RequirementSet {
	set := requirements.SetFor(string(r))
	return &reports.RequirementSet{ID: set.ID, SHA256: set.SHA256, Rows: len(set.Rows)}
}

// revisionOf is the revision that the user asked for, else the newest that the
// server speaks; the newest of all when that could not be found out.
func revisionOf(ctx context.Context, d *probes.Deployment) Revision {
	if d.Target.Spec != "" {
		return Revision(d.Target.Spec)
	}
	era, err := d.Era(ctx)
	if err != nil {
		return Revisions[len(Revisions)-1]
	}
	return Revision(era.Version)
}

// run is one run of the checks.
type run struct {
	ctx      context.Context
	d        *probes.Deployment
	o        Options
	report   *reports.Report
	revision Revision
	judged   map[string]*judged
	current  *judged
}

// judged is a check and what was found so far.
type judged struct {
	check    *Check
	view     *probes.Deployment
	facets   []reports.Facet
	troubles []*probes.Blocked
}

func (r *run) judge(checks []*Check) {
	globals.Reset()
	formatter.ColorableStdOut = io.Discard
	gomega.RegisterFailHandler(ginkgo.Fail)
	ginkgo.ReportBeforeEach(func(s types.SpecReport) {
		if r.o.Waiting != nil {
			r.o.Waiting(s.ContainerHierarchyTexts[1])
		}
	})
	ginkgo.ReportAfterEach(r.after)
	ginkgo.Describe("mcpassay", func() {
		for _, c := range checks {
			j := &judged{check: c, view: r.d.For(r.ctx)}
			r.judged[c.ID] = j
			// Ginkgo orders specs by where they stand, and a check may have some from
			// a function of another file: its place is its id, which keeps it together.
			place := types.CodeLocation{FileName: c.ID, LineNumber: 1}
			ginkgo.Describe(c.ID, place, func() { r.declare(j) })
		}
		r.d.Declared()
	})
	suite, reporter := types.NewDefaultSuiteConfig(), types.NewDefaultReporterConfig()
	suite.RandomSeed = 1
	suite.Timeout = 24 * time.Hour // the probes have time-outs of their own
	ginkgo.RunSpecs(verdict{}, "mcpassay", suite, reporter)
	r.settle()
	for _, result := range r.report.Results {
		r.report.Chain = max(r.report.Chain, result.Took)
	}
}

// verdict is where Ginkgo reports failure; the report already says it.
type verdict struct{}

func (verdict) Fail() {}

// declare makes the specs of one check, whose probes start at once.
func (r *run) declare(j *judged) {
	if reason := r.inapplicable(j); reason != "" {
		ginkgo.It("applies", func() { ginkgo.Skip(reason) })
		return
	}
	j.check.Specs(j.view)
	ginkgo.AfterEach(func() {
		j.troubles = append(j.troubles, trouble(j.view))
	})
}

func trouble(view *probes.Deployment) *probes.Blocked {
	if err := view.TakeTrouble(); err != nil {
		return probes.Trouble(err)
	}
	return nil
}

func (r *run) inapplicable(j *judged) string {
	if discovery, err := r.d.Discovery(r.ctx); err == nil && r.d.Unprotected(discovery) {
		return "the server asks for no authorization: the protected call is carried out for anybody"
	}
	if reason := standsIn(r.d, j.check.Role); reason != "" {
		return reason
	}
	if j.check.Since > r.revision {
		return fmt.Sprintf("binds from revision %s on, and the server speaks %s", j.check.Since, r.revision)
	}
	// A server that speaks several revisions is held to all of them, unless the
	// user asked for one.
	if until := j.check.Until; r.d.Target.Spec != "" && until != "" && until <= r.revision {
		return fmt.Sprintf("binds in revisions before %s only, and the run is for %s", until, r.revision)
	}
	for _, need := range j.check.Needs {
		if offered, want := need(r.ctx, j.view); !offered {
			return "needs " + want
		}
	}
	return ""
}

// after notes what came of one assertion.
func (r *run) after(s types.SpecReport) {
	j := r.judged[s.ContainerHierarchyTexts[1]]
	if r.current != j {
		r.settle()
		r.current = j
	}
	var t *probes.Blocked
	if n := len(j.facets); n < len(j.troubles) {
		t = j.troubles[n]
	} else {
		j.troubles = append(j.troubles, nil)
	}
	if t == nil {
		t = unexpected(s.Failure.Message)
		j.troubles[len(j.facets)] = t
	}
	j.facets = append(j.facets, facet(j, s, t, r.revision))
}

// settle makes the result of the check whose last assertion was seen.
func (r *run) settle() {
	if r.current == nil {
		return
	}
	result := r.current.result(r.revision)
	r.report.Results = append(r.report.Results, result)
	if r.o.Progress != nil {
		r.o.Progress(result)
	}
	r.current = nil
}
