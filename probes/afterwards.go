package probes

import (
	"context"
	"sync/atomic"
	"time"
)

// cleaning is longer than the removal of what a run has created may take.
const cleaning = 40 * time.Second

// aftermath says whether the removal of what was created is over, which still
// needs what the run serves.
type aftermath struct{ over atomic.Bool }

// afterwards calls end when the run is over, which is when its context has ended
// and what it created is gone.
func (b *bench) afterwards(end func()) {
	context.AfterFunc(b.root, func() {
		if b.aftermath.over.Load() {
			end()
			return
		}
		time.AfterFunc(cleaning, end)
	})
}
