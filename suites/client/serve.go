package client

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/mcpassay/mcpassay/probes/launch"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// Grounds are where the deployments of situations are reached that clients of
// other people are taken to.
type Grounds struct {
	// Sites makes the site of the next deployment.
	Sites func() (reference.Site, error)
	// Named says that each origin has a host name of its own; else they differ by
	// port.
	Named bool
	// Remote says that clients may come from other machines.
	Remote bool
	// Heard is told about how many bytes are kept of each request that is seen; nil:
	// nobody is.
	Heard func(bytes int)
}

// limited are the situations that there are not on all grounds.
var limited = map[*Situation]func(*Grounds) bool{
	toAnotherHost: func(g *Grounds) bool { return g.Named || !g.Remote }, // the other name is that of the client's own machine
	toAnotherPort: func(g *Grounds) bool { return !g.Named },
}

// Situations are those that can be had on the grounds in a revision, sorted by id.
// None is among them that only a client can be put in which we have started.
func (g *Grounds) Situations(r suites.Revision) []*Situation {
	all := &Options{Revision: r}
	return slices.DeleteFunc(all.needed(Catalogue()), func(in *Situation) bool {
		can := limited[in]
		return in.Nearby || can != nil && !can(g)
	})
}

// site is where the next deployment is reached; nil: it listens for itself.
func (s *Stage) site() (reference.Site, error) {
	if s.Lab.Grounds == nil {
		return nil, nil //nolint:nilnil // it needs none
	}
	return s.Lab.Grounds.Sites()
}

func (g *Grounds) named() bool { return g != nil && g.Named }

func (g *Grounds) heard(bytes int) {
	if g != nil && g.Heard != nil {
		g.Heard(bytes)
	}
}

// A Visit is a situation that a person takes a client to.
type Visit struct {
	Offer

	in      *Situation
	stage   *Stage
	started time.Time
}

// Invite starts the deployment of a situation on the grounds, for users who sign in
// there. Of the options it takes Redirects, Attended and Revision. The caller ends
// it.
func (g *Grounds) Invite(in *Situation, o Options, users []reference.User) (*Visit, error) {
	v := &Visit{in: in, stage: o.shape(in), started: time.Now()}
	v.stage.Lab.Grounds, v.stage.Lab.Users = g, users
	if err := v.stage.begin(); err != nil {
		return nil, errors.Join(err, v.stage.end())
	}
	v.Offer = o.offer(v.stage, in)
	return v, nil
}

// End stops the deployment. What was seen stays.
func (v *Visit) End() error { return v.stage.end() }

// Seen is how many requests were seen so far, and about how many bytes are kept of
// them.
func (v *Visit) Seen() (requests, bytes int) {
	v.stage.mu.Lock()
	defer v.stage.mu.Unlock()
	return len(v.stage.seen), v.stage.kept
}

// weight is about how many bytes an observation takes.
func weight(x *reference.Observation) int {
	n := 500 + len(x.Body) + len(x.AnswerBody) + len(x.URL.Path) + len(x.URL.RawQuery)
	for _, header := range []map[string][]string{x.Header, x.Answer} {
		for name, values := range header {
			n += len(name) + 50
			for _, value := range values {
				n += len(value)
			}
		}
	}
	return n
}

// Trace is what the client did so far. As nobody saw how it ended, it counts as
// having ended well; what it shows only its user knows.
func (v *Visit) Trace() *Trace {
	return v.stage.trace(v.in, v.Offer, &launch.Exit{Unheard: true, Took: time.Since(v.started)})
}

// A Sighting is a request that was seen, without the secrets in it. What the
// client chose is hostile still.
type Sighting struct {
	At    time.Time
	Party reference.Party
	*wire.Exchange
}

// Sightings are the requests, in the order in which they were received, but for
// those that the deployment sent itself.
func (t *Trace) Sightings() []Sighting {
	var all []Sighting
	exchanges := t.evidence()
	for i, x := range t.Seen {
		if x.Header.Get("User-Agent") != reference.UserAgent {
			all = append(all, Sighting{x.At, x.Party, exchanges[i]})
		}
	}
	return all
}

// A Judgement is what a check says of a client in one situation.
type Judgement struct {
	*Check
	Verdict
}

// Judgements are what the checks say of the client in this situation alone, by the
// id of the check.
func (t *Trace) Judgements() []Judgement {
	verdicts := map[string]map[string]Verdict{}
	here := map[string]*Trace{t.Situation.ID: t}
	for _, c := range catalogue {
		if in := c.situations(t.Revision); slices.Contains(in, t.Situation) {
			verdicts[c.ID] = c.verdicts(in, here)
		}
	}
	var all []Judgement
	for _, id := range slices.Sorted(maps.Keys(verdicts)) {
		c := Find(id)
		if c.Consequence {
			blame(c, verdicts)
		}
		all = append(all, Judgement{c, verdicts[id][t.Situation.ID]})
	}
	return all
}

// Cell is how far the client got.
func (t *Trace) Cell() Cell { return t.cell() }

// Registers tells whether the operator of the situation's deployment registers the
// client by hand, and so has to know its redirect URI.
func (s *Situation) Registers() bool {
	var o Options
	return len(o.shape(s).Lab.Clients) > 0
}

// Why a situation is not judged that nobody went to.
var (
	errUntried = errors.New("nobody has taken the client there")
	errNearby  = errors.New("only a client that is started here can be put there: mcpassay client -- COMMAND")
	errAbsent  = errors.New("where these servers are reached there is no such situation; the others of its kind stand for it")
)

// Judge reports on what a client did in the situations that it was taken to.
func (g *Grounds) Judge(o Options, start time.Time, traces []*Trace) *reports.Report {
	report := &reports.Report{
		Tool: o.Tool, Target: o.Name, Revision: string(o.Revision), UserAgent: o.userAgent(), Start: start, Took: time.Since(start),
	}
	tried, untried := map[string]*Trace{}, map[string]error{}
	for _, in := range Situations() {
		untried[in.ID] = errUntried
		if in.Nearby {
			untried[in.ID] = errNearby
		}
		if can := limited[in]; can != nil && !can(g) {
			untried[in.ID] = errAbsent
		}
	}
	for _, t := range traces {
		tried[t.Situation.ID] = t
	}
	o.judge(report, Catalogue(), tried, untried)
	return report
}
