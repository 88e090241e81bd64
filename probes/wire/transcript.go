// Package wire sends requests on behalf of checks. It bounds how many are under
// way and how fast they go, bounds what is read, and records each exchange, with
// its secrets redacted, as evidence of the check that caused it.
package wire

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// An Exchange is one request and its answer, as recorded: secrets redacted,
// bodies bounded.
type Exchange struct {
	At      time.Time     `json:"at"`
	Took    time.Duration `json:"took_ns,omitempty"`
	Actor   string        `json:"actor"`             // client, browser or authorization server
	Purpose string        `json:"purpose,omitempty"` // control, attack or what the probe was about
	Method  string        `json:"method,omitempty"`
	URL     string        `json:"url,omitempty"`
	Request Message       `json:"request,omitzero"`
	Status  int           `json:"status,omitempty"` // 0 if there was no answer
	Answer  Message       `json:"answer,omitzero"`
	Error   string        `json:"error,omitempty"` // why there was no answer
	Step    string        `json:"step,omitempty"`  // what the user did, for a browser step that is no request
}

// A Message is the header and body of a request or an answer.
type Message struct {
	Header    http.Header `json:"header,omitempty"`
	Body      string      `json:"body,omitempty"`
	Truncated bool        `json:"truncated,omitempty"`
}

// A Transcript collects the exchanges of one check, in the order they began.
type Transcript struct {
	mu        sync.Mutex
	exchanges []*Exchange
	cited     map[*Transcript]bool
}

// maxExchanges bounds the evidence of one check.
const maxExchanges = 400

func (t *Transcript) add(x *Exchange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.exchanges) < maxExchanges {
		t.exchanges = append(t.exchanges, x)
	}
}

// Exchanges returns what was recorded so far, cited transcripts included.
func (t *Transcript) Exchanges() []*Exchange {
	t.mu.Lock()
	all := slices.Clone(t.exchanges)
	cited := make([]*Transcript, 0, len(t.cited))
	for c := range t.cited {
		cited = append(cited, c)
	}
	t.mu.Unlock()
	for _, c := range cited {
		all = append(all, c.Exchanges()...)
	}
	slices.SortStableFunc(all, func(a, b *Exchange) int { return a.At.Compare(b.At) })
	return slices.Compact(all)
}

// Cite makes the exchanges of source part of the evidence of ctx's transcript.
func Cite(ctx context.Context, source *Transcript) {
	t := transcript(ctx)
	if t == nil || source == nil || t == source {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cited == nil {
		t.cited = map[*Transcript]bool{}
	}
	t.cited[source] = true
}

type (
	transcriptKey struct{}
	purposeKey    struct{}
	chainKey      struct{}
)

// Record returns a context whose exchanges go into t.
func Record(ctx context.Context, t *Transcript) context.Context {
	return context.WithValue(ctx, transcriptKey{}, t)
}

func transcript(ctx context.Context) *Transcript {
	t, _ := ctx.Value(transcriptKey{}).(*Transcript)
	return t
}

// For returns a context whose exchanges are marked with a purpose, such as
// "control".
func For(ctx context.Context, purpose string) context.Context {
	return context.WithValue(ctx, purposeKey{}, purpose)
}

func purpose(ctx context.Context) string {
	p, _ := ctx.Value(purposeKey{}).(string)
	return p
}

// A Chain adds up how long the exchanges of one probe took one after the other,
// without the time they waited for their turn: what a run could not be faster than.
type Chain struct {
	mu    sync.Mutex
	spent time.Duration
}

// Follow returns a context whose exchanges lengthen c.
func Follow(ctx context.Context, c *Chain) context.Context {
	return context.WithValue(ctx, chainKey{}, c)
}

// Spent is the length of the chain so far.
func (c *Chain) Spent() time.Duration {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spent
}

// Spend adds d to the chain of ctx.
func Spend(ctx context.Context, d time.Duration) {
	if c, ok := ctx.Value(chainKey{}).(*Chain); ok {
		c.mu.Lock()
		c.spent += d
		c.mu.Unlock()
	}
}

// Join makes the chain of ctx at least as long as other, which it waited for.
func Join(ctx context.Context, other *Chain) {
	c, ok := ctx.Value(chainKey{}).(*Chain)
	if !ok || c == other {
		return
	}
	spent := other.Spent()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spent = max(c.spent, spent)
}
