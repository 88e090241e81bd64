package browser

import (
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/signin"
)

// A record is what has happened on a visit so far. Events of several tabs add to
// it until it is closed.
type record struct {
	mu      sync.Mutex
	landing probes.Landing
	shown   []cdp.LoaderID                    // landing.Pages
	raw     map[network.RequestID]http.Header // headers as they came, with cookies
	staged  string                            // URL of a page of ours, which is not the deployment's
	closed  bool
	left    chan struct{} // closed when the visit leaves the deployment
}

func newRecord() *record {
	return &record{raw: map[network.RequestID]http.Header{}, left: make(chan struct{})}
}

// did notes a step and returns its number.
func (r *record) did(what string) (step int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return -1
	}
	r.landing.Steps = append(r.landing.Steps, probes.Step{At: time.Now(), What: what})
	return len(r.landing.Steps) - 1
}

// status notes the answer to the request of a step, and if it redirects its header.
func (r *record) status(step int, status int64, redirect http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed && step >= 0 {
		r.landing.Steps[step].Status, r.landing.Steps[step].Header = int(status), redirect
	}
}

// made notes a move.
func (r *record) made(m signin.Move) {
	for _, said := range m.Said {
		r.did(said)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.landing.LoggedIn = r.landing.LoggedIn || m.Purpose == signin.Login
	r.landing.Consented = r.landing.Consented || m.Purpose == signin.Consent
}

// leave notes the request with which the visit leaves the deployment. The first
// counts.
func (r *record) leave(u *url.URL, req *network.Request) {
	sent := signin.Request(req.Method, u.String(), contentType(req), body(req))
	form, posted := signin.Form(contentType(req), body(req))
	r.did(sent)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.landing.Redirect != nil {
		return
	}
	r.landing.Redirect, r.landing.Method = u, req.Method
	if posted && req.Method == http.MethodPost {
		r.landing.Form = form
	}
	close(r.left)
}

// headers notes the headers of a response as they came over the wire: the
// response itself is told of without cookies. Either may come first.
func (r *record) headers(ev *network.EventResponseReceivedExtraInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.raw[ev.RequestID] = header(ev.Headers)
	for i, id := range r.shown {
		if string(id) == string(ev.RequestID) && int64(r.landing.Pages[i].Status) == ev.StatusCode {
			r.landing.Pages[i].Header = r.raw[ev.RequestID]
		}
	}
}

// document notes a document. The request of a navigation and the document it
// brings have the same id.
func (r *record) document(ev *network.EventResponseReceived, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.landing.Redirect != nil || ev.Response.URL == r.staged { // then it is one of ours
		return
	}
	p := probes.Page{URL: ev.Response.URL, Status: int(ev.Response.Status), Header: header(ev.Response.Headers), Took: took}
	if raw := r.raw[ev.RequestID]; ev.HasExtraInfo && raw != nil {
		p.Header = raw
	}
	r.shown = append(r.shown, cdp.LoaderID(ev.RequestID))
	r.landing.Pages = append(r.landing.Pages, p)
}

// describe notes what a document looks like by now.
func (r *record) describe(document cdp.LoaderID, view *signin.View) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.landing.Redirect != nil || view.URL == r.staged {
		return
	}
	last := len(r.shown) - 1
	if last < 0 || r.shown[last] != document {
		// A document that came without a request of its own, or before its tab was watched.
		r.shown = append(r.shown, document)
		r.landing.Pages = append(r.landing.Pages, probes.Page{})
		last++
	}
	p := &r.landing.Pages[last]
	p.URL, p.Title, p.Text = view.URL, view.Title, view.Text
}

// refreshes tells whether the last document was sent with a Refresh header, by
// which it leaves by itself although nothing in it says so.
func (r *record) refreshes() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.landing.Pages)
	return n == 0 || r.landing.Pages[n-1].Header.Get("Refresh") != ""
}

// close ends the record and returns what it holds.
func (r *record) close() *probes.Landing {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if n := len(r.landing.Pages); n > 0 {
		r.landing.Page = &r.landing.Pages[n-1]
	}
	return &r.landing
}
