package probes

import (
	"slices"
	"sync"

	"github.com/mcpassay/mcpassay/reports"
)

// ledger keeps every spelling seen of the resource's and the issuer's identity.
type ledger struct {
	mu      sync.Mutex
	entries []reports.Entry
}

func (l *ledger) add(of, where, value string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	entry := reports.Entry{Of: of, Where: where, Value: value}
	if value != "" && !slices.Contains(l.entries, entry) && len(l.entries) < 100 {
		l.entries = append(l.entries, entry)
	}
}

// Ledger returns every spelling seen so far.
func (d *Deployment) Ledger() []reports.Entry {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	return slices.Clone(d.ledger.entries)
}
