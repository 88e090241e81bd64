package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/mcpassay/mcpassay/probes/signin"
)

//go:embed drive.js
var drive string

// How long a page must not change before it is looked at. A page on which there
// is something to do is looked at soon. One that would end the visit, because
// it asks for nothing or asks again, may only be between two states: it has to
// stay so for longer. A page that never rests is taken as it is in the end.
const (
	short    = 50 * time.Millisecond
	long     = 700 * time.Millisecond
	patience = 3 * time.Second
	loading  = time.Second // for what a parsed page still loads, such as fonts
)

// errReplaced says that the page went away while it was being looked at.
var errReplaced = errors.New("the page was replaced")

// do calls a function of drive.js in the tab's document.
func do[T any](ctx context.Context, t *tab, call string, args ...any) (T, error) {
	var zero T
	world, err := cdp.Call(ctx, t, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{
		FrameID: t.top(), WorldName: "mcpassay",
	})
	if err != nil {
		return zero, replaced(ctx, err)
	}
	encoded, err := json.Marshal(append([]any{}, args...))
	if err != nil {
		return zero, err
	}
	expression := fmt.Sprintf("%s;\nmcpassay.%s(...%s)", drive, call, encoded)
	value, err := chromedp.Evaluate[T](expression, func(p *runtime.EvaluateParams) {
		p.ContextID = world.ExecutionContextID
		p.AwaitPromise, p.UserGesture = new(true), new(true)
	})(ctx, t.Target)
	if thrown := (*chromedp.ExceptionError)(nil); errors.As(err, &thrown) {
		return zero, fmt.Errorf("%s: %w", call, err)
	}
	return value, replaced(ctx, err)
}

// replaced tells a page that went away from a browser that did, or a caller.
func replaced(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("%w: %w", errReplaced, err)
}

// look waits until the tab has settled and describes what it shows.
func (t *tab) look(ctx context.Context, quiet time.Duration) (*signin.View, cdp.LoaderID, error) {
	if err := t.idle(ctx); err != nil {
		return nil, "", err
	}
	changed, _, _ := t.pending()
	view, err := do[*signin.View](ctx, t, "look", quiet.Milliseconds(), patience.Milliseconds(), loading.Milliseconds())
	if errors.Is(err, errReplaced) {
		select { // the new document is told of next; an old renderer may say so twice
		case <-changed:
		case <-time.After(2 * short):
		}
	}
	if err != nil {
		return nil, "", err
	}
	if _, _, busy := t.pending(); busy {
		return nil, "", errReplaced
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failure != "" && t.failure != "net::ERR_ABORTED" {
		return nil, "", fmt.Errorf("leave %s: %s", signin.Where(view.URL, view.Title), t.failure)
	}
	return view, t.document, nil
}

// act makes a move on the view that was looked at last.
func (t *tab) act(ctx context.Context, m signin.Move) error {
	type move struct {
		Fill  []signin.Entry `json:"fill"`
		Tick  []int          `json:"tick"`
		Press int            `json:"press"`
	}
	t.touched()
	made := move{Fill: append([]signin.Entry{}, m.Fill...), Tick: append([]int{}, m.Tick...), Press: m.Press}
	_, err := do[chromedp.Void](ctx, t, "act", made)
	return err
}
