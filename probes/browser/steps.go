package browser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/signin"
)

// stepPatience is how long a settled page may take to show what a configured
// step needs.
const stepPatience = 3 * time.Second

// configured goes through the steps of the configuration. A first step that
// does not fit the page means that this visit shows no login page; a later one
// that does not fit is stuck.
func (v *visit) configured(ctx context.Context) error {
	for i, step := range v.Steps {
		selector := cmp.Or(step.Fill, step.Click, step.WaitFor)
		t, view, err := v.seek(ctx, selector)
		switch {
		case err != nil:
			return err
		case t == nil && i == 0:
			return nil
		case t == nil:
			return fmt.Errorf("%s: %w waiting for %s", signin.Where(view.URL, view.Title), probes.ErrStuck, selector)
		}
		if err := v.do(ctx, t, step); err != nil && !errors.Is(err, errReplaced) {
			return err
		}
	}
	if len(v.Steps) > 0 {
		v.guide.SignedIn()
		if slices.ContainsFunc(v.Steps, func(s probes.LoginStep) bool { return s.Fill != "" }) {
			v.made(signin.Move{Purpose: signin.Login})
		}
	}
	return nil
}

// seek waits for an element to show and returns its tab, or none.
func (v *visit) seek(ctx context.Context, selector string) (*tab, *signin.View, error) {
	quiet := short
	for deadline := time.Now().Add(stepPatience); ; quiet = long {
		view, _, err := v.look(ctx, quiet)
		if err != nil {
			return nil, nil, err
		}
		t := v.front()
		found, err := do[bool](ctx, t, "has", selector)
		switch {
		case errors.Is(err, errReplaced):
			continue
		case err != nil:
			return nil, nil, err
		case found:
			return t, view, nil
		case time.Now().After(deadline):
			return nil, view, nil
		}
	}
}

// do carries out a step on an element that shows.
func (v *visit) do(ctx context.Context, t *tab, step probes.LoginStep) (err error) {
	t.touched()
	switch {
	case step.Fill != "":
		_, err = do[chromedp.Void](ctx, t, "fill", step.Fill, step.Text(v.User))
		v.did("filled in " + step.Fill)
	case step.Click != "":
		_, err = do[chromedp.Void](ctx, t, "press", step.Click)
		v.did("pressed " + step.Click)
	default:
		v.did("saw " + step.WaitFor)
	}
	return err
}
