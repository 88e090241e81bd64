package reference

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"time"
)

// A Party is one of the servers of a deployment.
type Party string

// The parties.
const (
	PartyAuthServer     Party = "authorization server"
	PartyResourceServer Party = "resource server"
	PartyUpstream       Party = "upstream"
)

// An Observation is a request that a party received, and how it was answered.
// It holds secrets: whoever shows it redacts it first.
type Observation struct {
	At     time.Time
	Took   time.Duration
	Party  Party
	Method string
	URL    *url.URL // absolute
	Header http.Header
	Body   []byte // at most maxObserved bytes

	Status     int
	Answer     http.Header
	AnswerBody []byte // at most maxObserved bytes
}

// maxObserved bounds what is kept of a body.
const maxObserved = 64 << 10

// between puts what the options want between the network and a party's handler.
func (o *Options) between(party Party, h http.Handler) http.Handler {
	if o.Around != nil {
		h = o.Around(party, h)
	}
	return o.Observed(party, h)
}

// Observed reports every request to the options' observer, once it is answered.
func (o *Options) Observed(party Party, h http.Handler) http.Handler {
	if o.Observe == nil {
		return h
	}
	scheme := o.schemeOf(party)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &Observation{At: time.Now(), Party: party, Method: r.Method, Header: r.Header.Clone()}
		u := *r.URL
		u.Scheme, u.Host = scheme, r.Host
		x.URL = &u
		body, answer := &head{}, &head{}
		r.Body = &tee{ReadCloser: r.Body, head: body}
		seen := &observedWriter{ResponseWriter: w, body: answer}
		defer func() {
			_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxObserved)) // what the handler did not want to read
			x.Body, x.AnswerBody = body.Bytes(), answer.Bytes()
			x.Status, x.Answer, x.Took = max(seen.status, http.StatusOK), w.Header().Clone(), time.Since(x.At)
			o.Observe(x)
		}()
		h.ServeHTTP(seen, r)
	})
}

// head keeps the beginning of what is written to it.
type head struct{ bytes.Buffer }

func (h *head) Write(p []byte) (int, error) {
	if room := maxObserved - h.Len(); room > 0 {
		h.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// tee is a request body whose beginning is kept.
type tee struct {
	io.ReadCloser
	head *head
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	_, _ = t.head.Write(p[:n]) // never fails
	return n, err
}

// An observedWriter keeps the status and the beginning of the body.
type observedWriter struct {
	http.ResponseWriter
	status int
	body   *head
}

func (w *observedWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *observedWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	_, _ = w.body.Write(p) // never fails
	return w.ResponseWriter.Write(p)
}

// Unwrap lets handlers flush.
func (w *observedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush lets handlers that ask for http.Flusher flush.
func (w *observedWriter) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }
