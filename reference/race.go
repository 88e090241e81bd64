package reference

import (
	"sync"
	"time"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// crossing is where faults make two requests meet between looking at something
// and using it, as happens by chance where a server does the two in separate
// transactions. Nothing is left to chance here: a request waits for another one
// for as long as any is on its way.
type crossing struct {
	mu      sync.Mutex
	coming  int // requests that were begun and have neither met, given up nor ended
	waiting map[string]waiting
}

// A waiting request is of some kind, if only one of another kind will do.
type waiting struct {
	kind string
	met  chan struct{}
}

const (
	// crossingPatience is how long a request waits at least: others may be on
	// their way that have not been seen yet.
	crossingPatience = 50 * time.Millisecond
	crossingLimit    = 2 * time.Second
)

// enter counts a request, until left is called.
func (c *crossing) enter() (left func()) {
	c.count(1)
	return func() { c.count(-1) }
}

func (c *crossing) count(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.coming += n
}

// meet waits for another request about the same thing, of another kind if there
// are kinds, and tells whether one came.
func (c *crossing) meet(key, kind string) bool {
	c.mu.Lock()
	if other, ok := c.waiting[key]; ok {
		defer c.mu.Unlock()
		if kind != "" && kind == other.kind {
			return false
		}
		delete(c.waiting, key)
		close(other.met)
		return true
	}
	if c.waiting == nil {
		c.waiting = map[string]waiting{}
	}
	met := make(chan struct{})
	c.waiting[key] = waiting{kind, met}
	c.coming--
	c.mu.Unlock()
	defer c.count(1)
	for begun := time.Now(); ; {
		select {
		case <-met:
			return true
		case <-time.After(time.Millisecond):
		}
		c.mu.Lock()
		waited := time.Since(begun)
		over := c.waiting[key].met == met && (c.coming <= 0 && waited > crossingPatience || waited > crossingLimit)
		if over {
			delete(c.waiting, key)
		}
		c.mu.Unlock()
		if over {
			return false
		}
	}
}

// races lets go of the store between looking and using, if the fault is on, and
// tells whether another request has looked meanwhile, of another kind if there are
// kinds. The caller holds s.mu.
func (s *AuthServer) races(f fault.Fault, key, kind string) bool {
	if !s.faults.Has(f) || key == "" {
		return false
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	return s.crossing.meet(key, kind)
}

// raceWindow is how long after a refresh the same token may come again without
// ending the grant, as long as its successor is unused: a client that refreshes
// twice at once is no thief. It gets nothing for the second one either.
const raceWindow = 2 * time.Second

// hasty tells whether a used refresh token comes again because its client sent
// two requests at once (OAuth 2.1, section 4.3.1, is about replays).
func (s *AuthServer) hasty(token *refreshToken) bool {
	return s.now().Sub(token.usedAt) < raceWindow && token.next != nil && !token.next.used &&
		!s.faults.Has(fault.RefreshRaceEnds)
}
