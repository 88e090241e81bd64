package probes

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
)

// RunsScripts says that there is a browser for what needs one.
func (s *sparing) RunsScripts() bool {
	agent, ok := s.browser.(interface{ RunsScripts() bool })
	return ok && agent.RunsScripts()
}

// Browse begins a browsing through forms, where they do, which goes on in the
// browser from the first visit on that needs it.
func (s *sparing) Browse(ctx context.Context) (Browsing, error) {
	fast, fine := s.fast.(BrowsingAgent)
	slow, also := s.browser.(BrowsingAgent)
	if !fine || !also {
		return nil, ErrNoBrowsing
	}
	if s.givenUp() {
		return slow.Browse(ctx)
	}
	b, err := fast.Browse(ctx)
	if err != nil {
		return nil, err
	}
	return &sparingBrowsing{now: b, browser: slow}, nil
}

// A sparingBrowsing takes its cookies along when it goes on in the browser.
type sparingBrowsing struct {
	browser BrowsingAgent

	mu      sync.Mutex
	now     Browsing
	visited []string // origins
	moved   bool
}

func (s *sparingBrowsing) Visit(ctx context.Context, v Visit) (*Landing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.visited = append(s.visited[:0], append([]string{sittingOrigin(v.URL)}, v.Origins...)...)
	if !s.moved && v.Until != ToTheEnd { // what a page shows and loads, only a browser knows
		if err := s.move(ctx); err != nil {
			return nil, err
		}
	}
	landing, err := s.now.Visit(ctx, v)
	if s.moved || err == nil || !errors.Is(err, ErrNeedsBrowser) && !errors.Is(err, ErrStuck) && !errors.Is(err, ErrLost) {
		return landing, err
	}
	if err := s.move(ctx); err != nil {
		return nil, err
	}
	return s.now.Visit(ctx, v)
}

// move goes on in the browser.
func (s *sparingBrowsing) move(ctx context.Context) error {
	next, err := s.browser.Browse(ctx)
	if err != nil {
		return err
	}
	for _, origin := range s.visited {
		u, err := url.Parse(origin + "/")
		if err != nil {
			continue
		}
		cookies, err := s.now.Cookies(ctx, u)
		if err == nil && len(cookies) > 0 {
			err = next.Plant(ctx, u, cookies)
		}
		if err != nil {
			next.Close()
			return err
		}
	}
	s.now.Close()
	s.now, s.moved = next, true
	return nil
}

func (s *sparingBrowsing) Cookies(ctx context.Context, u *url.URL) ([]*http.Cookie, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.Cookies(ctx, u)
}

func (s *sparingBrowsing) Plant(ctx context.Context, u *url.URL, cookies []*http.Cookie) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.Plant(ctx, u, cookies)
}

func (s *sparingBrowsing) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Close()
}
