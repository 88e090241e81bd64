// Package forms is the user agent that is no browser: it follows redirects and
// sends forms over plain HTTP, and runs no scripts. It is a thousand times
// faster than a browser, and says so when a page needs one.
package forms

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/signin"
)

// maxDelay is how late a page may refresh itself for that to belong to the
// sign-in, in seconds. It is not waited for.
const maxDelay = 10

// An Agent is a user agent over a transport. Visits share nothing but that.
type Agent struct{ transport http.RoundTripper }

// New returns an agent that sends its requests through the transport.
func New(transport http.RoundTripper) *Agent { return &Agent{transport: transport} }

// A visit is a probes.Visit under way, with cookies of its own.
type visit struct {
	probes.Visit
	transport http.RoundTripper
	jar       *jar
	from      string // origin of the page that starts the next request; empty: none of another site
	guide     *signin.Guide
	landing   *probes.Landing
	page      *document // the one shown; nil once the visit has left
}

// Authorize takes a user through the authorization request of the visit.
func (a *Agent) Authorize(ctx context.Context, v probes.Visit) (*probes.Landing, error) {
	alone, err := a.Browse(ctx)
	if err != nil {
		return nil, err
	}
	return alone.Visit(ctx, v)
}

// follow does on each page what the guide says, until that is to stay or the
// visit has left the deployment.
func (v *visit) follow(ctx context.Context) error {
	for v.page != nil {
		if sends := v.page.sendsItself(); sends != nil {
			if err := v.open(ctx, *sends); err != nil {
				return err
			}
			continue
		}
		view := v.page.view()
		move, err := v.guide.Next(view)
		if v.stops(view, move) {
			return v.unguided(err)
		}
		if err != nil && v.page.scripted {
			return fmt.Errorf("%w, by scripts perhaps: %w", err, probes.ErrNeedsBrowser)
		}
		if err != nil {
			return err
		}
		if move.Purpose == signin.Stay {
			if view.Refresh == nil || view.Refresh.Delay > maxDelay {
				return v.stay()
			}
			if err := v.visit(ctx, view.Refresh.URL); err != nil {
				return err
			}
			continue
		}
		if err := v.make(ctx, move); err != nil {
			return err
		}
	}
	return nil
}

// stay ends the visit on its page, if that is all there is to it.
func (v *visit) stay() error {
	if v.page.scripted {
		return fmt.Errorf("%s: %w", signin.Where(v.page.url.String(), v.page.title()), probes.ErrNeedsBrowser)
	}
	return nil
}

// make makes a move on the page.
func (v *visit) make(ctx context.Context, m signin.Move) error {
	next, err := v.page.act(m)
	if err != nil {
		return err
	}
	v.guide.Made(m)
	for _, said := range m.Said {
		v.did(said, 0)
	}
	v.landing.LoggedIn = v.landing.LoggedIn || m.Purpose == signin.Login
	v.landing.Consented = v.landing.Consented || m.Purpose == signin.Consent
	return v.open(ctx, next)
}

// visit goes to a URL as a link does.
func (v *visit) visit(ctx context.Context, ref string) error {
	u, err := url.Parse(ref)
	if err != nil {
		return err
	}
	return v.open(ctx, submission{method: http.MethodGet, url: u})
}

// did notes a step.
func (v *visit) did(what string, status int) {
	v.landing.Steps = append(v.landing.Steps, probes.Step{At: time.Now(), What: what, Status: status})
}

// sent notes a request. The transport, if it is a wire.Client, has recorded it.
func (v *visit) sent(s submission, status int) {
	v.did(s.said(), status)
	v.landing.Steps[len(v.landing.Steps)-1].Recorded = true
}
