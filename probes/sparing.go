package probes

import (
	"context"
	"errors"
	"sync"
)

// Sparing is a user agent that spares the browser: it takes the first visit in the browser, and goes through plain forms once
// that visit has come to an answer there. A visit that needs a browser is taken
// there from its beginning; where forms do not do, it stops trying them. Refused
// credentials are not tried again: that would bring the user nearer to being
// locked out.
func Sparing(fast, browser UserAgent) UserAgent { return &sparing{fast: fast, browser: browser} }

type sparing struct {
	fast, browser UserAgent

	first    sync.Once
	rehearse error // why the first visit came to nothing
	mu       sync.Mutex
	failures int // of visits through forms, since one succeeded
}

// maxFailures is how many visits in a row may fail before forms are given up.
const maxFailures = 3

func (s *sparing) Authorize(ctx context.Context, v Visit) (*Landing, error) {
	var landing *Landing
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
	for _, beyond := range []error{ErrNeedsBrowser, ErrLost, ErrStuck} {
		if errors.Is(err, beyond) {
			s.count(1)
			return s.browser.Authorize(ctx, v)
		}
	}
	if errors.Is(err, ErrCredentialsRefused) {
		s.count(maxFailures) // the browser was let in
	}
	if err == nil {
		s.count(0)
	}
	return landing, err
}

func (s *sparing) givenUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures >= maxFailures
}

// count counts failures in a row; none ends the row.
func (s *sparing) count(failures int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if failures == 0 && s.failures < maxFailures {
		s.failures = 0
		return
	}
	s.failures += failures
}
