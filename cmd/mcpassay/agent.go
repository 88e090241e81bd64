package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/browser"
	"github.com/mcpassay/mcpassay/probes/forms"
	"github.com/mcpassay/mcpassay/probes/wire"
)

// The user agents to choose from.
const (
	inBrowser = "browser"
	inForms   = "forms"
	auto      = "auto"
)

// startBrowser starts a browser, which the caller closes.
func startBrowser(ctx context.Context, o browser.Options) (*browser.Browser, error) {
	b, err := browser.Launch(ctx, o)
	if errors.Is(err, browser.ErrNoBrowser) {
		return nil, fmt.Errorf("%w with --browser; --user-agent forms needs none", err)
	}
	if err != nil {
		return nil, fmt.Errorf("start the browser: %w", err)
	}
	return b, nil
}

// openAgent starts the user agent that takes users through authorization
// requests.
func openAgent(ctx context.Context, kind string, o browser.Options, client *wire.Client) (agent probes.UserAgent, done func() error, err error) {
	if kind == inForms {
		return forms.New(client), func() error { return nil }, nil
	}
	b, err := startBrowser(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	if kind == inBrowser {
		return b, b.Close, nil
	}
	return &fastFirst{fast: forms.New(client), browser: b}, b.Close, nil
}

// fastFirst fills in forms without a browser, and takes a visit that needs one
// there from its beginning. Refused credentials are not tried again: that would
// bring the user nearer to being locked out.
type fastFirst struct{ fast, browser probes.UserAgent }

func (f *fastFirst) Authorize(ctx context.Context, v probes.Visit) (*probes.Landing, error) {
	landing, err := f.fast.Authorize(ctx, v)
	for _, beyond := range []error{probes.ErrNeedsBrowser, probes.ErrLost, probes.ErrStuck} {
		if errors.Is(err, beyond) {
			return f.browser.Authorize(ctx, v)
		}
	}
	return landing, err
}
