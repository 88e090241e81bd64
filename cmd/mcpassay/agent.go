package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

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
func startBrowser(ctx context.Context, path string) (*browser.Browser, error) {
	b, err := browser.Launch(ctx, browser.Options{Path: path})
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
func openAgent(ctx context.Context, kind, path string, client *wire.Client) (agent probes.UserAgent, done func() error, err error) {
	if kind == inForms {
		return forms.New(client), func() error { return nil }, nil
	}
	b, err := startBrowser(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	if kind == inBrowser {
		return b, b.Close, nil
	}
	return &sparing{fast: forms.New(client), browser: b}, b.Close, nil
}

// sparing takes the first visit in the browser, and goes through plain forms once
// that visit has come to an answer there. A visit that needs a browser is taken
// there from its beginning; where forms do not do, it stops trying them. Refused
// credentials are not tried again: that would bring the user nearer to being
// locked out.
type sparing struct {
	fast, browser probes.UserAgent

	first    sync.Once
	rehearse error // why the first visit came to nothing
	mu       sync.Mutex
	failures int // of visits through forms, since one succeeded
}

// patience is how many visits in a row forms may fail before they are given up.
const patience = 3

func (s *sparing) Authorize(ctx context.Context, v probes.Visit) (*probes.Landing, error) {
	var landing *probes.Landing
	here := false
	s.first.Do(func() {
		here = true
		landing, s.rehearse = s.browser.Authorize(ctx, v)
	})
	if here {
		return landing, s.rehearse
	}
	if s.rehearse != nil || s.givenUp() {
		return s.browser.Authorize(ctx, v)
	}
	landing, err := s.fast.Authorize(ctx, v)
	for _, beyond := range []error{probes.ErrNeedsBrowser, probes.ErrLost, probes.ErrStuck} {
		if errors.Is(err, beyond) {
			s.count(1)
			return s.browser.Authorize(ctx, v)
		}
	}
	if errors.Is(err, probes.ErrCredentialsRefused) {
		s.count(patience) // the browser was let in
	}
	if err == nil {
		s.count(0)
	}
	return landing, err
}

func (s *sparing) givenUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures >= patience
}

// count counts failures in a row; none ends the row.
func (s *sparing) count(failures int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if failures == 0 && s.failures < patience {
		s.failures = 0
		return
	}
	s.failures += failures
}
