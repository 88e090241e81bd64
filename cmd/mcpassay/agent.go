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

	byRedirects = "redirects" // for clients under test: nobody has to sign in
)

// startBrowser starts a browser, which the caller closes. Where there is none, the
// error names the user agent that needs none.
func startBrowser(ctx context.Context, o browser.Options, without string) (*browser.Browser, error) {
	b, err := browser.Launch(ctx, o)
	if errors.Is(err, browser.ErrNoBrowser) {
		return nil, fmt.Errorf("%w with --browser; --user-agent %s needs none", err, without)
	}
	if err != nil {
		return nil, fmt.Errorf("start the browser: %w", err)
	}
	return b, nil
}

// agents are what takes users through authorization requests.
type agents struct {
	first     probes.UserAgent
	authority probes.UserAgent // confirms what was found with the first; nil if that needs no confirmation
	close     func() error
}

// openAgents starts the user agents of a kind.
func openAgents(ctx context.Context, kind string, o browser.Options, client *wire.Client) (*agents, error) {
	if kind == inForms {
		return &agents{first: forms.New(client), close: func() error { return nil }}, nil
	}
	b, err := startBrowser(ctx, o, inForms)
	if err != nil {
		return nil, err
	}
	if kind == inBrowser {
		return &agents{first: b, close: b.Close}, nil
	}
	return &agents{first: probes.Sparing(forms.New(client), b), authority: b, close: b.Close}, nil
}
