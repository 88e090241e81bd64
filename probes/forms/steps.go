package forms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/net/html"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/signin"
)

// configured goes through the steps of the configuration. A first step that
// does not fit the page means that this visit shows no login page.
func (v *visit) configured(ctx context.Context) error {
	for i, step := range v.Steps {
		if v.page == nil {
			return nil
		}
		n, err := v.page.find(cmp.Or(step.Fill, step.Click, step.WaitFor))
		switch {
		case errors.Is(err, errSelector):
			return fmt.Errorf("%w: %w", probes.ErrNeedsBrowser, err)
		case n == nil && v.page.scripted:
			return v.stay()
		case n == nil && i == 0:
			return nil
		case n == nil:
			where := signin.Where(v.page.url.String(), v.page.title())
			return fmt.Errorf("%s: %w waiting for %s", where, probes.ErrStuck, cmp.Or(step.Fill, step.Click, step.WaitFor))
		}
		if err := v.do(ctx, n, step); err != nil {
			return err
		}
	}
	if len(v.Steps) > 0 {
		v.guide.SignedIn()
		v.landing.LoggedIn = slices.ContainsFunc(v.Steps, func(s probes.LoginStep) bool { return s.Fill != "" })
	}
	return nil
}

// do carries out a step on an element.
func (v *visit) do(ctx context.Context, n *html.Node, step probes.LoginStep) error {
	switch {
	case step.Fill != "":
		fill(n, step.Text(v.User))
		v.did("filled in "+step.Fill, 0)
	case step.Click != "" && (kindOf(n) == signin.Checkbox || kindOf(n) == signin.Radio):
		v.page.tick(n)
		v.did("ticked "+step.Click, 0)
	case step.Click != "":
		next, err := v.page.press(n)
		if err != nil {
			return err
		}
		v.did("pressed "+step.Click, 0)
		return v.open(ctx, next)
	default:
		v.did("saw "+step.WaitFor, 0)
	}
	return nil
}

// find returns the first element that the user sees and the selector means.
func (d *document) find(text string) (*html.Node, error) {
	s, err := compile(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	for _, n := range d.nodes {
		if s.matches(n) && d.seen(n) {
			return n, nil
		}
	}
	return nil, nil
}
