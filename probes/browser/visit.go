package browser

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/signin"
)

// A visit is a probes.Visit under way, in a browser context of its own.
type visit struct {
	probes.Visit
	*record
	guide *signin.Guide
	main  context.Context // chromedp keeps the first tab in it
	stage *stage          // the page that starts the visit, if there is one
	ear   string          // the function by which that page tells of messages; empty: it hears none

	mu     sync.Mutex
	tabs   []*tab // the last is in front
	popups map[target.ID]*popup
}

// Authorize takes a user through the authorization request of the visit.
func (b *Browser) Authorize(ctx context.Context, v probes.Visit) (*probes.Landing, error) {
	alone, err := b.Browse(ctx)
	if err != nil {
		return nil, err
	}
	defer alone.Close()
	return alone.Visit(ctx, v)
}

// discard closes the tabs of a visit with the browser context they are in. To
// close them one by one, as cancel would, takes half a second each.
func discard(browser, main context.Context, cancel context.CancelFunc) {
	ctx, done := context.WithTimeout(browser, closeGrace)
	defer done()
	if id := chromedp.FromContext(main).BrowserContextID; id != "" {
		_, _ = chromedp.CallBrowser(ctx, target.DisposeBrowserContext, target.DisposeBrowserContextParams{BrowserContextID: id})
	}
	cancel()
}

// run goes through the pages of the visit. It ends with the caller, with the
// browser, when the time is up, or when the visit leaves the deployment.
func (v *visit) run(caller context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(v.main, limit)
	defer cancel()
	defer context.AfterFunc(caller, cancel)()
	go func() {
		select {
		case <-v.left:
			cancel()
		case <-ctx.Done():
		}
	}()
	res, err := chromedp.Call(ctx, page.Navigate, page.NavigateParams{URL: v.begins()})
	if err != nil {
		return err
	}
	if res.ErrorText != "" && res.ErrorText != "net::ERR_ABORTED" {
		return fmt.Errorf("open %s: %s", signin.Where(v.URL, ""), res.ErrorText)
	}
	if v.Framed {
		return v.framed(ctx)
	}
	if v.Popup {
		if err := v.awaitPopup(ctx); err != nil {
			return err
		}
	}
	if v.Until < probes.BeforeLogin {
		if err := v.configured(ctx); err != nil {
			return err
		}
	}
	return v.follow(ctx)
}

// follow does on each page what the guide says, until that is to stay.
func (v *visit) follow(ctx context.Context) error {
	quiet := short
	var last, pressed string
	for {
		view, mark, err := v.look(ctx, quiet)
		if err != nil {
			return err
		}
		if mark != last {
			quiet = short
		}
		move, verdict := v.guide.Next(view)
		stops := v.guide.Stops(view, move)
		if stops && v.Until == probes.LookOnly {
			move, verdict = signin.Move{}, nil
		}
		final := verdict != nil || move.Purpose == signin.Stay || mark == pressed
		certain := view.Inert && mark != pressed && !v.refreshes() // a second look would show the same
		if final && !certain && (quiet == short || mark != last) {
			quiet, last = long, mark
			continue
		}
		last = mark
		if stops {
			return v.offered(ctx, view)
		}
		switch {
		case verdict != nil:
			return verdict
		case move.Purpose == signin.Stay && view.Refresh != nil && view.Refresh.Delay <= 10:
			if err := v.linger(ctx); err != nil {
				return err
			}
			continue
		case move.Purpose == signin.Stay:
			return nil
		}
		if err := v.front().act(ctx, move); errors.Is(err, errReplaced) {
			continue
		} else if err != nil {
			return err
		}
		v.guide.Made(move)
		v.made(move)
		quiet, pressed = short, mark
	}
}

// look describes the page in front once it has settled, and marks it so that
// another look at the same page can be known.
func (v *visit) look(ctx context.Context, quiet time.Duration) (*signin.View, string, error) {
	for {
		v.awaitAll()
		t := v.front()
		view, document, err := t.look(ctx, quiet)
		switch {
		case errors.Is(err, errReplaced):
			continue
		case err != nil:
			return nil, "", err
		case t != v.front():
			continue
		}
		v.describe(document, view)
		return view, fmt.Sprint(document, view.Title, view.Controls), nil
	}
}

// linger waits until the page in front goes somewhere else.
func (v *visit) linger(ctx context.Context) error {
	changed, _, _ := v.front().pending()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end says where the visit ended, given why it went no further.
func (v *visit) end(caller context.Context, landing *probes.Landing, err error) (*probes.Landing, error) {
	timeUp := errors.Is(err, context.DeadlineExceeded) || errors.Is(caller.Err(), context.DeadlineExceeded)
	switch {
	case landing.Redirect != nil || err == nil:
		return landing, nil
	case timeUp:
		where := signin.Where(v.URL, "")
		if landing.Page != nil {
			where = signin.Where(landing.Page.URL, landing.Page.Title)
		}
		return nil, fmt.Errorf("%s: %w waiting for the page to settle", where, probes.ErrStuck)
	case caller.Err() != nil:
		return nil, context.Cause(caller)
	}
	return nil, err
}
