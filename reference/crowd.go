package reference

import (
	"sync"
	"time"
)

// A crowd brings calls with the same JSON-RPC id together and takes them all for
// the first caller's. Only fault.AnswersCrossed has one.
type crowd struct {
	mu    sync.Mutex
	first map[string]*caller
}

// together is how long a call waits for others like it.
const together = 200 * time.Millisecond

func (c *crowd) join(id string, who *caller) *caller {
	c.mu.Lock()
	if first := c.first[id]; first != nil {
		c.mu.Unlock()
		return first
	}
	if c.first == nil {
		c.first = map[string]*caller{}
	}
	c.first[id] = who
	c.mu.Unlock()
	<-time.After(together)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.first, id)
	return who
}
