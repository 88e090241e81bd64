package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/certs"
	"github.com/mcpassay/mcpassay/probes/launch"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// A Client is what is under test. Connect takes it to a deployment and says how it
// ended; the error is for a client that could not be started at all.
type Client interface {
	Connect(ctx context.Context, o Offer) (*launch.Exit, error)
}

// An Offer is a deployment that a client is to connect to.
type Offer struct {
	URL       string // of the MCP server
	Contract  string // name of the situation that test fixtures know
	Situation string // our own
	Revision  suites.Revision
	Context   ContextOf // with the contract's name under "name"; nil: none

	Authority []byte // certificate of the authority that the client is to trust, in PEM; nil: nobody's
	Proxy     string // URL of a proxy for what is not on this machine; empty: none
	// Callbacks are by which URLs the user comes back, if the user is somebody who
	// was started with the client; nil: the authorization response alone.
	Callbacks func(response *url.URL) []*url.URL
}

// Variables are the environment of a test fixture (the contract of the official
// conformance tool), and the id of our own case beside it.
func (o *Offer) Variables() ([]string, error) {
	vars := []string{
		"MCP_CONFORMANCE_SCENARIO=" + o.Contract,
		"MCP_CONFORMANCE_PROTOCOL_VERSION=" + string(o.Revision),
		"MCPASSAY_SITUATION=" + o.Situation,
	}
	if o.Context != nil {
		said, err := json.Marshal(o.Context)
		if err != nil {
			return nil, err
		}
		vars = append(vars, "MCP_CONFORMANCE_CONTEXT="+string(said))
	}
	if o.Proxy != "" {
		for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
			vars = append(vars, name+"="+o.Proxy)
		}
		vars = append(vars, "NO_PROXY="+thisMachine, "no_proxy="+thisMachine, "NODE_USE_ENV_PROXY=1")
	}
	return vars, nil
}

// Options say what to judge.
type Options struct {
	Client      Client
	Redirects   []string          // redirect URIs of the client, for where an operator is to register it
	Attended    bool              // somebody signs in and agrees: the deployments show their pages
	Name        string            // of the client, for the report
	Revision    suites.Revision   // default: the newest
	Only        []string          // ids of checks; empty: all
	Profiles    []string          // ids of those whose situations the client is put in; empty: all situations
	Declared    map[string]string // situations in which the client refuses on purpose, and why
	Seed        uint64            // of the quirks that are left to chance
	Concurrency int               // situations at once; default DefaultConcurrency
	Tool        string
	Settled     func(reports.Result)

	Hosted    bool                  // the client runs on a server, for others than its operator
	Authority *certs.Authority      // issues the certificates of deployments that speak https; nil: one for each
	Documents reference.DocumentLab // where the client's own document and pages may be, beside the public network
}

// DefaultConcurrency is how many situations a client is in at once, if nobody says.
const DefaultConcurrency = 2

// A Grid is how far a client got in each situation.
type Grid map[string]Cell

// Run puts the client into every situation that the checks ask for, each once and
// each in front of a deployment of its own, and judges what it did.
func Run(ctx context.Context, o Options) (*reports.Report, Grid, error) {
	if o.Revision == "" {
		o.Revision = suites.Revisions[len(suites.Revisions)-1]
	}
	checks, err := o.Checks()
	if err != nil {
		return nil, nil, err
	}
	report := &reports.Report{Seed: o.Seed, Tool: o.Tool, Target: o.Name, Revision: string(o.Revision), UserAgent: o.userAgent(), Start: time.Now()}
	traces, troubles := o.collect(ctx, o.needed(checks))
	grid := o.judge(report, checks, traces, troubles)
	report.Interrupted = ctx.Err() != nil
	report.Took = time.Since(report.Start)
	return report, grid, nil
}

// userAgent is what takes users through authorization requests, for the report.
func (o *Options) userAgent() string {
	if o.Attended {
		return "browser"
	}
	return "none"
}

// judge fills the report with what the checks say of the traces.
func (o *Options) judge(report *reports.Report, checks []*Check, traces map[string]*Trace, troubles map[string]error) Grid {
	grid := Grid{}
	for _, t := range traces {
		t.others = traces
	}
	for id, t := range traces {
		t.Declared = o.Declared[id]
		grid[id] = t.cell()
		report.Chain = max(report.Chain, t.Exit.Took)
	}
	report.Situations = settings(traces)
	verdicts := map[string]map[string]Verdict{} // by check, then situation
	for _, c := range checks {
		verdicts[c.ID] = c.verdicts(o.situations(c), traces)
	}
	for _, c := range checks {
		if c.Consequence {
			blame(c, verdicts)
		}
		r := c.result(o.Revision, o.situations(c), verdicts[c.ID], traces, troubles)
		report.Results = append(report.Results, r)
		if o.Settled != nil {
			o.Settled(r)
		}
	}
	return grid
}

func chosen(ids []string) ([]*Check, error) {
	if len(ids) == 0 {
		return Catalogue(), nil
	}
	var all []*Check
	for _, id := range ids {
		c := Find(id)
		if c == nil {
			return nil, fmt.Errorf("no check on clients is called %q", id)
		}
		all = append(all, c)
	}
	return all, nil
}

// collect runs the client in the situations, some at once.
func (o *Options) collect(ctx context.Context, in []*Situation) (map[string]*Trace, map[string]error) {
	traces, troubles := map[string]*Trace{}, map[string]error{}
	var mu sync.Mutex
	var all sync.WaitGroup
	turns := make(chan struct{}, max(cmp.Or(o.Concurrency, DefaultConcurrency), 1))
	for _, s := range slowFirst(in) {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			t, err := o.stage(ctx, s)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				troubles[s.ID] = err
				return
			}
			traces[s.ID] = t
		})
	}
	all.Wait()
	return traces, troubles
}

// cell is how far the client got.
func (t *Trace) cell() Cell {
	switch reached := len(t.Seen)+len(t.Handshakes) > 0 && (t.Situation.Reached == nil || t.Situation.Reached(t)); {
	case !reached:
		return CellNotReached
	case t.Situation.Ends == Works && t.Served():
		return CellWorks
	case t.declined(), t.stopped():
		return CellRefuses
	case t.Situation.Ends == Works:
		return CellGivesUp
	case t.Situation.Proceeded != nil && t.Situation.Proceeded(t), t.Situation.Proceeded == nil && t.Served():
		return CellProceeds
	}
	return CellRefuses
}

// verdicts judges what the client did in each situation of the check.
func (c *Check) verdicts(in []*Situation, traces map[string]*Trace) map[string]Verdict {
	all := map[string]Verdict{}
	for _, s := range in {
		if t := traces[s.ID]; t != nil {
			v := c.judge(t)
			if base := traces[s.baseID()]; base != nil && !base.servedAtLast() && v.Outcome == reports.Fail {
				v = notReached("the client does not get through before a deployment that " + base.Situation.Doc)
			}
			if v.Outcome == reports.Fail && c.Level != suites.Must {
				v.Outcome = reports.Warn
			}
			if t.declined() && (c.Tolerance && v.Outcome != reports.Pass || v.Outcome == reports.Inconclusive) {
				v = notApplicable("the client declares that it refuses here: " + t.Declared)
			}
			all[s.ID] = v
		}
	}
	c.discount(all, traces)
	excuse(all, traces)
	return all
}

// blame makes the failures of a check that are consequences of others depend on
// those.
func blame(c *Check, verdicts map[string]map[string]Verdict) {
	for situation, v := range verdicts[c.ID] {
		if v.Outcome != reports.Fail && v.Outcome != reports.Warn {
			continue
		}
		for _, other := range slices.Sorted(maps.Keys(verdicts)) {
			if o := verdicts[other][situation]; other != c.ID && (o.Outcome == reports.Fail || o.Outcome == reports.Warn) {
				verdicts[c.ID][situation] = Verdict{Outcome: reports.Inconclusive, Message: "blocked by " + other + ": " + o.Message, blockedBy: other}
				break
			}
		}
	}
}

// result makes the verdict on a check of those in its situations.
func (c *Check) result(r suites.Revision, in []*Situation, verdicts map[string]Verdict, traces map[string]*Trace, troubles map[string]error) reports.Result {
	result := reports.Result{
		ID: c.ID, Title: c.Title, Area: string(c.Area), Role: "client", Level: string(c.Level), Severity: string(c.Severity),
		Since: string(c.Since), Cites: c.Cites, Covers: c.Covers, Remedy: c.Remedy,
	}
	if len(in) == 0 {
		result.Outcome, result.Message = reports.NotApplicable, "does not bind in MCP "+string(r)
		return result
	}
	for _, s := range in {
		f := reports.Facet{Title: "before a deployment that " + s.Doc, Situation: s.ID}
		v, judged := verdicts[s.ID]
		if !judged {
			v = Verdict{Outcome: reports.Inconclusive, Message: errorText(troubles[s.ID])}
			if errors.Is(troubles[s.ID], errAbsent) {
				v.Outcome = reports.NotApplicable
			}
		} else {
			result.Took = max(result.Took, traces[s.ID].Exit.Took)
		}
		f.Outcome, f.Message = v.Outcome, v.Message
		result.Facets = append(result.Facets, f)
	}
	settle(&result, c.In == nil)
	if i := slices.IndexFunc(result.Facets, func(f reports.Facet) bool { return f.Outcome == result.Outcome }); i >= 0 {
		if result.Outcome == reports.Inconclusive {
			result.BlockedBy = verdicts[in[i].ID].blockedBy
		}
		if t := traces[in[i].ID]; t != nil {
			result.Evidence = t.evidence()
		}
	}
	return result
}

// settle makes the verdict on a check of those in its situations. One that is
// judged wherever the client gets through is settled by any such situation; one
// with situations of its own does not pass while one of them is undecided.
func settle(r *reports.Result, anywhere bool) {
	order := []reports.Outcome{reports.Fail, reports.Warn, reports.Review, reports.Inconclusive, reports.Pass, reports.NotApplicable}
	if anywhere {
		order[3], order[4] = order[4], order[3]
	}
	for _, o := range order {
		for _, f := range r.Facets {
			if f.Outcome != o {
				continue
			}
			r.Outcome = o
			r.Message, _, _ = strings.Cut(f.Message, "\n")
			switch o {
			case reports.Fail, reports.Warn, reports.Review, reports.Inconclusive:
				r.Owner = reports.Client
			}
			return
		}
	}
}

// errorText says why a situation was not judged.
func errorText(err error) string {
	switch {
	case err == nil:
		err = errors.New("the run ended before")
	case errors.Is(err, errUntried), errors.Is(err, errNearby):
		return err.Error()
	}
	return "the client could not be started: " + err.Error()
}
