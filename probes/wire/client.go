package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Limits of what is sent and read. The zero value means the defaults.
type Limits struct {
	Concurrency int           // requests under way at once; default 16
	Rate        float64       // requests started per second; 0: not limited
	Timeout     time.Duration // of one exchange; default 20 s
	Body        int64         // bytes kept of an answer; default 1 MiB
	Patience    time.Duration // the longest Retry-After that is waited for; default 30 s
}

func (l *Limits) setDefaults() {
	if l.Concurrency <= 0 {
		l.Concurrency = 16
	}
	if l.Timeout <= 0 {
		l.Timeout = 20 * time.Second
	}
	if l.Body <= 0 {
		l.Body = 1 << 20
	}
	if l.Patience <= 0 {
		l.Patience = 30 * time.Second
	}
}

// idle is how long an unused connection is kept. Many servers close theirs after
// five seconds, and a POST that meets that closing is lost: it cannot be told
// from one that was carried out.
const idle = 4 * time.Second

// evidenceBody is how much of a body is kept as evidence, in bytes.
const evidenceBody = 16 << 10

// A Client sends requests within its limits and records them in the transcript
// of their context. It follows no redirects and keeps no cookies.
type Client struct {
	Redactor *Redactor

	limits  Limits
	slots   chan struct{}
	limiter *rate.Limiter
	base    http.RoundTripper

	mu    sync.Mutex
	until time.Time // no request before, because a server asked for patience

	sent, limited, peak, busy atomic.Int64
}

// NewClient makes a client. A nil TLS configuration is the system's.
func NewClient(limits Limits, config *tls.Config) *Client {
	limits.setDefaults()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config
	transport.MaxIdleConnsPerHost = limits.Concurrency
	transport.MaxResponseHeaderBytes = 256 << 10
	transport.ResponseHeaderTimeout = limits.Timeout
	transport.IdleConnTimeout = idle
	limit := rate.Inf
	if limits.Rate > 0 {
		limit = rate.Limit(limits.Rate)
	}
	return &Client{
		Redactor: NewRedactor(),
		limits:   limits,
		slots:    make(chan struct{}, limits.Concurrency),
		limiter:  rate.NewLimiter(limit, 1),
		base:     transport,
	}
}

// Close drops the idle connections.
func (c *Client) Close() { c.base.(*http.Transport).CloseIdleConnections() }

// Spent says what was sent so far.
type Spent struct {
	Requests    int64 `json:"requests"`
	RateLimited int64 `json:"rate_limited"` // answers with status 429
	Peak        int64 `json:"peak"`         // most requests under way at once
}

// Spent says what was sent so far.
func (c *Client) Spent() Spent {
	return Spent{c.sent.Load(), c.limited.Load(), c.peak.Load()}
}

// A Response is an answer, read to its end or to the limit.
type Response struct {
	From      string // method and URL of the request, redacted
	Status    int
	Header    http.Header
	Body      []byte
	Truncated bool
	At        time.Time
	Took      time.Duration
}

// ErrLimited is wrapped when the target kept answering 429: what was asked
// remains undecided.
var ErrLimited = errors.New("the server limits the rate of requests (429)")

// Do sends the request and reads the answer. It waits for a free slot, for the
// rate, and once for a Retry-After within the patience (RFC 9110, section
// 10.2.3). An error means that there was no answer.
func (c *Client) Do(req *http.Request) (*Response, error) {
	res, err := c.once(req)
	if err != nil || res.Status != http.StatusTooManyRequests {
		return res, err
	}
	c.limited.Add(1)
	wait := retryAfter(res)
	if wait > c.limits.Patience || (req.Body != nil && req.GetBody == nil) {
		return nil, fmt.Errorf("%s: %w", res.From, ErrLimited)
	}
	c.pause(wait)
	again := req.Clone(req.Context())
	if req.GetBody != nil {
		if again.Body, err = req.GetBody(); err != nil {
			return nil, fmt.Errorf("%s: %w", res.From, err)
		}
	}
	if res, err = c.once(again); err == nil && res.Status == http.StatusTooManyRequests {
		c.limited.Add(1)
		return nil, fmt.Errorf("%s: %w", res.From, ErrLimited)
	}
	return res, err
}

// retryAfter is how long a 429 asks to wait; one second when it does not say.
func retryAfter(res *Response) time.Duration {
	value := res.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 1<<20)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at))
	}
	return time.Second
}

func (c *Client) pause(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if until := time.Now().Add(d); until.After(c.until) {
		c.until = until
	}
}

// turn waits until a request may be sent. The caller calls done afterwards.
func (c *Client) turn(ctx context.Context) (done func(), err error) {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if err := c.Pace(ctx, 1); err != nil {
		<-c.slots
		return nil, err
	}
	busy := c.busy.Add(1)
	for {
		peak := c.peak.Load()
		if busy <= peak || c.peak.CompareAndSwap(peak, busy) {
			break
		}
	}
	return func() { c.busy.Add(-1); <-c.slots }, nil
}

// Pace waits until n more requests may be sent, as far as the rate and a server's
// Retry-After are concerned. Whoever sends them by other means, as a browser
// does, asks here first.
func (c *Client) Pace(ctx context.Context, n int) error {
	c.mu.Lock()
	wait := time.Until(c.until)
	c.mu.Unlock()
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for range n {
		if err := c.limiter.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) once(req *http.Request) (*Response, error) {
	body, err := readBody(req)
	if err != nil {
		return nil, err
	}
	done, err := c.turn(req.Context())
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) && c.Spent().RateLimited > 0 { // it is the server that had us wait
			return nil, fmt.Errorf("waiting to send a request: %w: %w", ErrLimited, err)
		}
		return nil, fmt.Errorf("waiting to send a request: %w", err)
	}
	defer done()
	ctx, cancel := c.timed(req.Context())
	defer cancel()
	c.sent.Add(1)

	x := &Exchange{
		At: time.Now(), Actor: "client", Purpose: purpose(ctx), Method: req.Method, URL: c.Redactor.URL(req.URL.String()),
		Request: Message{Header: c.Redactor.Header(req.Header)},
	}
	x.Request.Body, x.Request.Truncated = c.evidence(req.Header, body)
	res := &Response{From: x.Method + " " + x.URL, At: x.At}
	res.Took, err = c.roundTrip(req.WithContext(ctx), res)
	x.Took = res.Took
	Spend(ctx, res.Took)
	if err != nil {
		if errors.Is(context.Cause(ctx), ErrUnanswered) {
			err = fmt.Errorf("%w: %w", ErrUnanswered, err)
		}
		x.Error = c.Redactor.String(err.Error())
		record(ctx, x)
		return nil, fmt.Errorf("%s: %w", res.From, err)
	}
	x.Status = res.Status
	x.Answer.Body, x.Answer.Truncated = c.evidence(res.Header, res.Body)
	x.Answer.Truncated = x.Answer.Truncated || res.Truncated
	x.Answer.Header = c.Redactor.Header(res.Header)
	record(ctx, x)
	return res, nil
}

type withinKey struct{}

// ErrUnanswered is wrapped when a request was sent and not answered in the time
// that Within leaves.
var ErrUnanswered = errors.New("no answer in the time left for it")

// Within returns a context whose requests are answered within d of being sent,
// or before the client's time limit, or fail with ErrUnanswered. How long they wait for their turn does not count.
func Within(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, withinKey{}, d)
}

// timed bounds one exchange. The error that ends it says whose bound it was.
func (c *Client) timed(ctx context.Context) (context.Context, context.CancelFunc) {
	if d, ok := ctx.Value(withinKey{}).(time.Duration); ok {
		return context.WithTimeoutCause(ctx, min(d, c.limits.Timeout), ErrUnanswered)
	}
	return context.WithTimeout(ctx, c.limits.Timeout)
}

type transportKey struct{}

// Alone returns a context whose requests share one connection that no other
// request uses. The caller calls done when they are over.
func (c *Client) Alone(ctx context.Context) (alone context.Context, done func()) {
	own := c.base.(*http.Transport).Clone()
	own.MaxConnsPerHost = 1
	return context.WithValue(ctx, transportKey{}, http.RoundTripper(own)), own.CloseIdleConnections
}

// transport is what carries the requests of ctx.
func (c *Client) transport(ctx context.Context) http.RoundTripper {
	if own, ok := ctx.Value(transportKey{}).(http.RoundTripper); ok {
		return own
	}
	return c.base
}

func (c *Client) roundTrip(req *http.Request, into *Response) (time.Duration, error) {
	// The answer may say keep-alive all the same, and then the transport would
	// send another request where the server takes no more.
	req.Close = req.Close || strings.EqualFold(req.Header.Get("Connection"), "close")
	start := time.Now()
	res, err := c.transport(req.Context()).RoundTrip(req)
	if err != nil {
		return time.Since(start), err
	}
	defer res.Body.Close() //nolint:errcheck // nothing depends on it
	into.Status, into.Header = res.StatusCode, res.Header
	into.Body, err = c.read(req.Context(), res)
	into.Truncated = int64(len(into.Body)) > c.limits.Body
	if into.Truncated {
		into.Body = into.Body[:c.limits.Body]
	}
	return time.Since(start), err
}

// read reads a body to its end or its limit. An event stream is read up to the
// end of its first response: it need never end.
func (c *Client) read(_ context.Context, res *http.Response) ([]byte, error) {
	limited := io.LimitReader(res.Body, c.limits.Body+1)
	if !isEventStream(res.Header) {
		body, err := io.ReadAll(limited)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = nil // a short body is the server's trouble and a fact about it
		}
		return body, err
	}
	return readEvents(limited)
}

func (c *Client) evidence(header http.Header, body []byte) (string, bool) {
	cut := body[:min(len(body), evidenceBody)]
	return c.Redactor.Body(header.Get("Content-Type"), cut), len(cut) < len(body)
}

// RoundTrip lets a Client be the transport of an http.Client, such as a user
// agent's. The answer's body is what was read within the limit.
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status: strconv.Itoa(res.Status) + " " + http.StatusText(res.Status), StatusCode: res.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: res.Header,
		Body: io.NopCloser(bytes.NewReader(res.Body)), ContentLength: int64(len(res.Body)), Request: req,
	}, nil
}

// RecordStep records something a browser did or asked for.
func (c *Client) RecordStep(ctx context.Context, at time.Time, step string, status int) {
	record(ctx, &Exchange{At: at, Actor: "browser", Purpose: purpose(ctx), Step: c.Redactor.URL(step), Status: status})
}

// RecordArrival records a request that the deployment sent to the run.
func (c *Client) RecordArrival(ctx context.Context, at time.Time, what string) {
	record(ctx, &Exchange{At: at, Actor: "authorization server", Purpose: purpose(ctx), Step: c.Redactor.String(what)})
}

func record(ctx context.Context, x *Exchange) {
	if t := transcript(ctx); t != nil {
		t.add(x)
	}
}

// readBody reads the body of a request so that it can be recorded and resent.
func readBody(req *http.Request) ([]byte, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, fmt.Errorf("request body: %w", err)
	}
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, _ = req.GetBody()
	return body, nil
}

// Concurrency is how many requests may be under way at once.
func (c *Client) Concurrency() int { return c.limits.Concurrency }
