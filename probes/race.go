package probes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// How races are run. A server that loses one only now and then is given several
// chances to; the first lost race decides.
const (
	raceSize   = 8
	raceRounds = 3
	pair       = 2 // requests of a race that a client gets into by accident, and of a smaller one if a volley was too much
)

// errVolley says that too many requests at once were not taken for what they are.
var errVolley = errors.New("requests that were sent at once were answered with server errors, or all refused")

// A Race is what came of sending one thing that works once several times at one
// moment, in several rounds up to the first that was lost.
type Race struct {
	Rounds int
	Size   int       // requests at once, in the last round
	Issued []*Tokens // answers of the last round that issued tokens
	Living []*Tokens // those of them that were really good, each for something different

	// Open says what keeps us from telling whether a race was lost.
	Open *Blocked

	over bool // another round would tell no more
}

// Lost tells whether more than one request of a round got something of its own.
func (r *Race) Lost() bool { return len(r.Living) > 1 }

// Distinct are the answers that issued tokens, without those that issued the same
// ones as another.
func (r *Race) Distinct() []*Tokens {
	var distinct []*Tokens
	for _, t := range r.Issued {
		if !slices.ContainsFunc(distinct, func(o *Tokens) bool { return o.Access == t.Access && o.Refresh == t.Refresh }) {
			distinct = append(distinct, t)
		}
	}
	return distinct
}

// raceClient is the client that races: nobody else needs its grants.
func (d *Deployment) raceClient(ctx context.Context) (*Client, error) {
	return Once(d, "race client", d.replayClient).Get(ctx)
}

// volley sends token requests at one moment, and returns the answers. Those of
// an overwhelmed server, or of one that slows us down, are an error.
func (d *Deployment) volley(ctx context.Context, c *Client, forms []url.Values, mutations ...Mutation) ([]*Tokens, error) {
	requests := make([]*http.Request, len(forms))
	for i, form := range forms {
		var err error
		if requests[i], err = d.formRequest(ctx, "token_endpoint", c, copied(form), mutations); err != nil {
			return nil, err
		}
	}
	answers, errs := d.wire.Together(wire.For(ctx, "attack"), requests)
	all := make([]*Tokens, len(answers))
	for i, res := range answers {
		switch {
		case errs[i] != nil:
			return nil, errs[i]
		case res.Status == http.StatusTooManyRequests:
			return nil, fmt.Errorf("%s: %w", res.From, wire.ErrLimited)
		}
		all[i] = d.readTokens(res, c)
	}
	return all, nil
}

func copied(form url.Values) url.Values {
	c := url.Values{}
	for name, values := range form {
		c[name] = slices.Clone(values)
	}
	return c
}

func times(n int, form url.Values) []url.Values {
	all := make([]url.Values, n)
	for i := range all {
		all[i] = form
	}
	return all
}

// race runs rounds until one was lost. Each makes something that works once and
// returns the form that uses it. A volley out of which nothing comes is sent once
// more, as a pair, with something new: a server may take many requests at once
// for an attack and end what they are about, and that is no answer.
func (d *Deployment) race(ctx context.Context, c *Client, fresh func(context.Context) (url.Values, error),
	living func(context.Context, *Race) error, mutations ...Mutation,
) (*Race, error) {
	r := &Race{Size: min(raceSize, d.wire.Concurrency())}
	if r.Size < pair {
		return nil, &Blocked{By: "concurrency", Owner: reports.Configuration, Err: errors.New("a race needs two requests under way at once (--concurrency)")}
	}
	for r.Rounds < raceRounds && !r.over {
		form, err := fresh(ctx)
		if err != nil {
			return nil, err
		}
		answers, err := d.volley(ctx, c, times(r.Size, form), mutations...)
		if err != nil {
			return nil, err
		}
		r.Issued = slices.DeleteFunc(answers, func(t *Tokens) bool { return !t.Issued() })
		if len(r.Issued) == 0 {
			if r.Size == pair {
				return nil, &Blocked{Owner: reports.AuthServer, Err: errVolley}
			}
			r.Size = pair
			continue
		}
		r.Rounds++
		if err := living(ctx, r); err != nil || r.Lost() {
			return r, err
		}
	}
	return r, nil
}

// RaceCode redeems each of several codes many times at one moment.
func (d *Deployment) RaceCode(ctx context.Context) (*Race, error) {
	c, err := d.raceClient(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Race, error) {
		var form url.Values
		return d.race(ctx, c, func(ctx context.Context) (url.Values, error) {
			a, err := d.Code(ctx, c)
			if err != nil {
				return nil, err
			}
			form = redemption(a)
			return form, nil
		}, func(ctx context.Context, r *Race) error {
			if err := d.servedTokens(ctx, r); err != nil || len(r.Issued) < 2 {
				return err
			}
			r.over = true
			again, err := d.TokenRequest(ctx, c, copied(form))
			if err == nil && again.Issued() {
				r.Open = &Blocked{By: "as-code-single-use", Owner: reports.AuthServer, Err: errors.New("a code is redeemed again at any time")}
			}
			return err
		})
	})
}

// servedTokens finds the access tokens of a race that the resource server takes.
func (d *Deployment) servedTokens(ctx context.Context, r *Race) error {
	r.Living = nil
	distinct := r.Distinct()
	if len(distinct) == 1 {
		return nil
	}
	for _, t := range distinct {
		a, err := d.Call(ctx, t.Access)
		if err != nil {
			return err
		}
		if a.Served() && !slices.ContainsFunc(r.Living, func(o *Tokens) bool { return o.Access == t.Access }) {
			r.Living = append(r.Living, t)
		}
	}
	return nil
}

// A RefreshRace is a race of refreshes.
type RefreshRace struct {
	Race
	Rotated bool // the first refresh gave another refresh token
	Family  bool // the last round gave several that live and die together
	Pair    *Pairing
}

// A Pairing is what became of a client that refreshed twice at one moment.
type Pairing struct {
	Issued  []*Tokens
	Refresh *Tokens // use of the refresh token that worked, if any did; else of the last one
	Call    *Answer // the protected call with what came of that, or with an access token of the pair
}

// RaceRefresh uses each of several refresh tokens many times at one moment, and
// looks which of the answers are the beginning of something that lives on.
func (d *Deployment) RaceRefresh(ctx context.Context) (*RefreshRace, error) {
	return Once(d, "race of refreshes", d.raceRefresh).Get(ctx)
}

func (d *Deployment) raceRefresh(ctx context.Context) (*RefreshRace, error) {
	c, err := d.raceClient(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*RefreshRace, error) {
		t, err := d.Refreshable(ctx, c)
		if err != nil {
			return nil, err
		}
		result := &RefreshRace{}
		next, err := d.soundRefresh(ctx, t)
		if err != nil {
			return nil, err
		}
		result.Rotated = next.Refresh != "" && next.Refresh != t.Refresh
		if !result.Rotated {
			return result, nil
		}
		if result.Pair, err = d.pairOff(ctx, next); err != nil {
			return nil, err
		}
		var raced string
		r, err := d.race(ctx, c, func(ctx context.Context) (url.Values, error) {
			t, err := d.Refreshable(ctx, c)
			if err != nil {
				return nil, err
			}
			raced = t.Refresh
			return d.refreshForm(ctx, t)
		}, func(ctx context.Context, r *Race) error { return d.branches(ctx, r, raced, result) })
		if r != nil {
			result.Race = *r
		}
		return result, err
	})
}

// pairOff refreshes twice at one moment, as a client with two windows does, and
// then uses what it got.
func (d *Deployment) pairOff(ctx context.Context, t *Tokens) (*Pairing, error) {
	form, err := d.refreshForm(ctx, t)
	if err != nil {
		return nil, err
	}
	answers, err := d.volley(ctx, t.Client, times(pair, form))
	if err != nil {
		return nil, err
	}
	p := &Pairing{}
	for _, t := range answers {
		if t.Issued() {
			p.Issued = append(p.Issued, t)
		}
	}
	if len(p.Issued) == 0 {
		return p, nil
	}
	for _, t := range p.Issued {
		if p.Call, err = d.Call(ctx, t.Access); err != nil {
			return nil, err
		}
		if t.Refresh == "" {
			continue
		}
		if p.Refresh, err = d.RefreshWith(ctx, t); err != nil || p.Refresh.Issued() {
			return p, err
		}
	}
	return p, nil
}

// branches finds out which refresh tokens of a race live on, independently of one
// another. Those that can be used twice more do live; if the replay of a used one
// ends them all, they are one family, whose thief is noticed as ever.
func (d *Deployment) branches(ctx context.Context, r *Race, raced string, into *RefreshRace) error {
	r.Living = nil
	var used, newest []*Tokens
	for _, t := range r.Distinct() {
		if t.Refresh == "" || t.Refresh == raced || slices.ContainsFunc(used, func(o *Tokens) bool { return o.Refresh == t.Refresh }) {
			continue
		}
		last, err := d.twice(ctx, t)
		if err != nil {
			return err
		}
		if last != nil {
			used, newest = append(used, t), append(newest, last)
		}
	}
	if len(newest) < 2 {
		return nil
	}
	r.over = true // one round was lost
	accepted, err := d.replayedLate(ctx, used[0])
	if err != nil {
		return err
	}
	alive := make([]bool, len(newest))
	for i, t := range newest {
		after, err := d.RefreshWith(ctx, t)
		if err != nil {
			return err
		}
		alive[i] = after.Issued()
	}
	switch {
	case accepted:
		r.Open = &Blocked{By: "as-refresh-used-token-refused", Owner: reports.AuthServer, Err: errors.New("a used refresh token is still accepted")}
	case alive[0]:
		r.Open = &Blocked{By: "as-refresh-reuse-ends-grant", Owner: reports.AuthServer, Err: errors.New("the replay of a used refresh token ends nothing")}
	case slices.Contains(alive, true):
		r.Living = used
	default:
		into.Family = true
	}
	return nil
}

// replayedLate uses a refresh token that was used before, if need be once more
// after the time that the user allows to wait, and tells whether that works.
func (d *Deployment) replayedLate(ctx context.Context, t *Tokens) (bool, error) {
	began := time.Now()
	again, err := d.RefreshWith(ctx, t)
	if err != nil || !again.Issued() {
		return false, err
	}
	if err := d.pauseUntil(ctx, began.Add(d.Target.Wait)); err != nil {
		return false, err
	}
	again, err = d.RefreshWith(ctx, t)
	return err == nil && again.Issued(), err
}

// twice uses a refresh token and its successor, and returns what the latter gave;
// nil if either was refused.
func (d *Deployment) twice(ctx context.Context, t *Tokens) (*Tokens, error) {
	for range 2 {
		next, err := d.RefreshWith(ctx, t)
		if err != nil || !next.Issued() {
			return nil, err
		}
		if next.Refresh != "" {
			t = next
		}
	}
	return t, nil
}

// A RevocationRace is what came of revoking refresh tokens at the moment when
// they were used.
type RevocationRace struct {
	Rounds    int
	Refreshed int     // rounds in which the refresh still issued something
	Survivor  *Tokens // use of a refresh token that came out of such a round; nil if none did
	Survived  bool    // and it issued tokens
}

// revocationRounds is more than raceRounds: which of the two requests comes
// first differs from round to round.
const revocationRounds = 4

// RaceRevocation revokes a refresh token and uses it at one moment.
func (d *Deployment) RaceRevocation(ctx context.Context) (*RevocationRace, error) {
	c, err := d.revokedClient(ctx)
	if err != nil {
		return nil, err
	}
	if d.wire.Concurrency() < pair {
		return nil, &Blocked{By: "concurrency", Owner: reports.Configuration, Err: errors.New("a race needs two requests under way at once (--concurrency)")}
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*RevocationRace, error) {
		r := &RevocationRace{}
		for r.Rounds < revocationRounds && !r.Survived {
			if err := d.revocationRound(ctx, c, r); err != nil {
				return nil, err
			}
			r.Rounds++
		}
		return r, nil
	})
}

func (d *Deployment) revocationRound(ctx context.Context, c *Client, r *RevocationRace) error {
	t, err := d.Refreshable(ctx, c)
	if err != nil {
		return err
	}
	form, err := d.refreshForm(ctx, t)
	if err != nil {
		return err
	}
	refresh, err := d.formRequest(ctx, "token_endpoint", c, form, nil)
	if err != nil {
		return err
	}
	revoke, err := d.formRequest(ctx, "revocation_endpoint", c, url.Values{"token": {t.Refresh}, "token_type_hint": {"refresh_token"}}, nil)
	if err != nil {
		return err
	}
	volley := []*http.Request{refresh, revoke}
	if r.Rounds%2 == 1 { // who writes first may matter
		slices.Reverse(volley)
	}
	answers, errs := d.wire.Together(wire.For(ctx, "attack"), volley)
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if r.Rounds%2 == 1 {
		slices.Reverse(answers)
	}
	for _, res := range answers {
		if res.Status == http.StatusTooManyRequests {
			return fmt.Errorf("%s: %w", res.From, wire.ErrLimited)
		}
	}
	if answers[1].Status >= 300 {
		return &Blocked{By: "as-revocation-works", Owner: reports.AuthServer, Err: fmt.Errorf("the revocation was answered %d", answers[1].Status)}
	}
	next := d.readTokens(answers[0], c)
	if !next.Issued() {
		return nil
	}
	r.Refreshed++
	if next.Refresh == "" {
		next.Refresh = t.Refresh
	}
	r.Survivor, err = d.RefreshWith(ctx, next)
	r.Survived = err == nil && r.Survivor.Issued()
	return err
}
