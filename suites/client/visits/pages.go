package visits

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
	"github.com/mcpassay/mcpassay/suites/client"
)

// A landing is the page that visitors come to.
type landing struct {
	Title, Problem   string
	Name, Redirect   string
	Attended         bool
	Revisions        []suites.Revision
	Revision         suites.Revision
	Lifetime, Idle   string
	Situations, Most int
	Tool             string
}

func (s *Server) landing(p profile, problem string) *landing {
	if p.revision == "" {
		p.revision = s.Revision
	}
	page := &landing{
		Title: "Put your MCP client to the test", Problem: problem, Name: p.name, Attended: p.attended, Revision: p.revision,
		Revisions: slices.Clone(suites.Revisions), Lifetime: spell(s.Lifetime), Idle: spell(s.Idle),
		Situations: len(s.grounds.Situations(s.Revision)), Tool: s.Tool,
	}
	slices.Reverse(page.Revisions)
	if len(p.redirects) > 0 {
		page.Redirect = p.redirects[0]
	}
	return page
}

// An overview is a tenant's page with all situations.
type overview struct {
	Title, Name, Path string
	Revision          suites.Revision
	Until             string
	Idle              string
	Tried, All        int
	Groups            []group
	Broken            []finding
	Statement         bool // there are statements
	Open              int  // situations under way
}

// A group is the situations that are to end alike.
type group struct {
	Title, Doc string
	Rows       []row
}

// A row is a situation and how far the client got in it.
type row struct{ Path, Title, Word, Mark string }

// A finding is a check that fails somewhere.
type finding struct {
	Title, Said, Remedy, Word, Where, Path string
}

func (s *Server) showOverview(w http.ResponseWriter, _ *http.Request, t *tenant) {
	page := &overview{
		Title: "Situations", Name: visible(t.name, maxName), Path: t.path(), Revision: t.revision, Until: clock(t.until()),
		Idle: spell(s.Idle), Statement: s.Seal != nil,
		Groups: []group{
			{"Your client is to get through", "What is unusual here is legal. Your client signs in, lists the tools and calls one.", nil},
			{"Your client is to stop", "Something is wrong here, or hostile. Your client is right if it refuses to go on.", nil},
		},
	}
	for _, in := range s.situations(t) {
		r := row{Path: t.situationPath(in), Title: docOf(in), Word: "not tried yet", Mark: markNeutral}
		page.All++
		if v := t.visit(in); v != nil {
			now := v.look()
			r.Word, r.Mark = now.Word, now.Mark
			page.Tried++
			if now.Open {
				page.Open++
			}
			page.Broken = append(page.Broken, findings(now, r)...)
		}
		g := &page.Groups[0]
		if in.Ends == client.Refuses {
			g = &page.Groups[1]
		}
		g.Rows = append(g.Rows, r)
	}
	s.show(w, http.StatusOK, "overview.html", page)
}

// situations are those of a tenant. The sound one comes first: a client that does
// not get through there is not ready for the others.
func (s *Server) situations(t *tenant) []*client.Situation {
	all := s.grounds.Situations(t.revision)
	slices.SortStableFunc(all, func(a, b *client.Situation) int {
		switch client.Sound {
		case a:
			return -1
		case b:
			return 1
		}
		return 0
	})
	return all
}

// findings are what failed in a situation.
func findings(now *shown, in row) []finding {
	var all []finding
	for _, c := range now.Checks {
		if c.Mark == markBad {
			all = append(all, finding{c.Title, c.Said, c.Remedy, c.Word, in.Title, in.Path})
		}
	}
	return all
}

// docOf says what a situation is.
func docOf(in *client.Situation) string { return "A deployment that " + in.Doc }

// A situationPage is what a visitor sees of one situation.
type situationPage struct {
	Title, Path, Overview string
	Refuses, Attended     bool
	Registers, Redirects  bool
	Started               bool
	URL                   string
	User                  reference.User
	Told                  []told
	Now                   *shown
	Next                  *row // to go to afterwards
}

// told is something that the client has to be configured with.
type told struct{ Name, Value string }

func (s *Server) showSituation(w http.ResponseWriter, _ *http.Request, t *tenant, in *client.Situation) {
	page := &situationPage{
		Title: docOf(in), Path: t.situationPath(in), Overview: t.path(), Refuses: in.Ends == client.Refuses, Attended: t.attended,
		Registers: in.Registers(), Redirects: len(t.redirects) > 0, User: t.users[0], Next: s.after(t, in),
	}
	if v := t.visit(in); v != nil {
		page.Started, page.URL, page.Now, page.Told = true, v.offer.URL, v.look(), toldOf(v.offer)
	}
	s.show(w, http.StatusOK, "situation.html", page)
}

// after is the next situation that the client was not taken to, in the order of
// the overview.
func (s *Server) after(t *tenant, in *client.Situation) *row {
	var first, next *row
	passed := false
	for _, ends := range []client.Ending{client.Works, client.Refuses} {
		for _, other := range s.situations(t) {
			switch {
			case other.Ends != ends:
			case other == in:
				passed = true
			case t.visit(other) != nil:
			case passed && next == nil:
				next = &row{Path: t.situationPath(other), Title: docOf(other)}
			case first == nil:
				first = &row{Path: t.situationPath(other), Title: docOf(other)}
			}
		}
	}
	if next == nil {
		next = first
	}
	return next
}

// toldOf is what fixtures find in their context.
func toldOf(o client.Offer) []told {
	var all []told
	for name, value := range o.Context {
		if name != "name" {
			all = append(all, told{name, value})
		}
	}
	slices.SortFunc(all, func(a, b told) int { return compare(a.Name, b.Name) })
	return all
}

// compare puts what everybody needs first.
func compare(a, b string) int {
	rank := func(name string) int {
		return max(slices.Index([]string{"", "client_id", "client_secret", "issuer"}, name), 0)
	}
	if x, y := rank(a), rank(b); x != y {
		if x == 0 || y == 0 {
			return y - x
		}
		return x - y
	}
	if a < b {
		return -1
	}
	return 1
}

// spell says a duration as a person would.
func spell(d interface{ Minutes() float64 }) string {
	switch m := int(d.Minutes()); {
	case m <= 0:
		return "less than a minute"
	case m == 1:
		return "1 minute"
	case m == 60:
		return "1 hour"
	case m > 60 && m%60 == 0:
		return fmt.Sprintf("%d hours", m/60)
	default:
		return fmt.Sprintf("%d minutes", m)
	}
}

// report judges everything that the tenant has done.
func (t *tenant) report() *reports.Report {
	var traces []*client.Trace
	open := false
	for _, v := range t.all() {
		if trace := v.soFar(); trace != nil {
			traces = append(traces, trace)
		}
		open = open || v.underWay()
	}
	name := t.name
	if name == "" {
		name = "a client"
	}
	r := t.server.grounds.Judge(client.Options{Name: visible(name, maxName), Revision: t.revision, Tool: t.server.Tool}, t.began, traces)
	r.Interrupted = open // what is under way may come out otherwise
	return r
}
