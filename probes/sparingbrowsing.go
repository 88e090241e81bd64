package probes

import "context"

// RunsScripts says that there is a browser for what needs one.
func (s *sparing) RunsScripts() bool {
	agent, ok := s.browser.(interface{ RunsScripts() bool })
	return ok && agent.RunsScripts()
}

// Browse begins a browsing in the browser: what pages show and load, and what
// happens to cookies, nothing else knows.
func (s *sparing) Browse(ctx context.Context) (Browsing, error) {
	slow, fine := s.browser.(BrowsingAgent)
	if !fine {
		return nil, ErrNoBrowsing
	}
	return slow.Browse(ctx)
}
