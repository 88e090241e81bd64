package browser

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/mcpassay/mcpassay/probes/signin"
)

// How long a tab counts as busy. What a script still requests so long after the
// user acted is taken for a poll for news; a navigation that a script asked for
// has been prevented if it has not begun by then.
const (
	scriptRequest       = 5 * time.Second
	requestedNavigation = time.Second
)

// wanted is the key of a navigation that the page has asked for but that has
// not begun.
const wanted network.RequestID = "wanted"

// A tab is one page of a visit: the one it began in, or a popup. It keeps count
// of what its top frame is still waiting for.
type tab struct {
	*chromedp.Target
	ctx   context.Context // chromedp keeps the target in it
	visit *visit
	frame cdp.FrameID // if it stands for a frame within its page

	mu       sync.Mutex
	acted    time.Time // when the user last did something, or the document came
	sent     map[network.RequestID]sent
	document cdp.LoaderID // what the tab shows
	failure  string       // why the latest navigation brought no document
	changed  chan struct{}
}

// sent is a request that has not been answered in full.
type sent struct {
	until      time.Time // when it stops counting; zero: never
	navigation bool
	began      cdp.MonotonicTime
	step       int // in the visit's steps
}

// top is the id of the tab's top frame.
func (t *tab) top() cdp.FrameID { return cmp.Or(t.frame, cdp.FrameID(t.TargetID)) }

// watch follows the events of the tab. They come in order, and one at a time.
func (t *tab) watch() error {
	return chromedp.Listen(t.ctx, func(ev any) {
		switch ev := ev.(type) {
		case *network.EventRequestWillBeSent:
			t.requested(ev)
		case *network.EventResponseReceivedExtraInfo:
			t.visit.headers(ev)
		case *network.EventResponseReceived:
			t.answered(ev)
		case *network.EventLoadingFinished:
			t.finished(ev.RequestID, "")
		case *network.EventLoadingFailed:
			t.finished(ev.RequestID, ev.ErrorText)
		case *page.EventFrameRequestedNavigation:
			if ev.FrameID == t.top() {
				t.expect()
			}
		case *page.EventFrameNavigated:
			if ev.Frame.ID == t.top() {
				t.navigated(ev.Frame.LoaderID)
			}
		case *page.EventNavigatedWithinDocument:
			if ev.FrameID == t.top() {
				t.finished(wanted, "")
			}
		case *page.EventWindowOpen:
			t.opens(ev.URL)
		case *runtime.EventBindingCalled:
			t.visit.told(ev)
		case *page.EventJavascriptDialogOpening:
			go t.dismiss(ev)
		}
	})
}

// requested notes a request, and the end of the visit if the top frame leaves
// the deployment: by whichever means, this event tells of it.
func (t *tab) requested(ev *network.EventRequestWillBeSent) {
	navigation := ev.Type == network.ResourceTypeDocument && ev.FrameID == t.top()
	u, err := url.Parse(ev.Request.URL + ev.Request.URLFragment)
	if navigation && ev.RedirectResponse != nil {
		t.mu.Lock()
		previous, ok := t.sent[ev.RequestID]
		t.mu.Unlock()
		if ok {
			t.visit.status(previous.step, ev.RedirectResponse.Status, header(ev.RedirectResponse.Headers))
		}
		if spelt, lerr := url.Parse(header(ev.RedirectResponse.Headers).Get("Location")); lerr == nil && spelt.IsAbs() {
			u, err = spelt, nil // the browser's own spelling may differ
		}
	}
	if navigation && err == nil && t.visit.Leaves(u) {
		t.visit.leave(u, ev.Request)
		return
	}
	s := sent{navigation: navigation, began: ev.Timestamp}
	switch {
	case navigation:
		s.step = t.visit.did(signin.Request(ev.Request.Method, ev.Request.URL+ev.Request.URLFragment, contentType(ev.Request), body(ev.Request)))
	case ev.LoaderID == "":
		return // for a worker: how it ends is not told here
	case ev.Type == network.ResourceTypeXHR, ev.Type == network.ResourceTypeFetch, ev.Type == network.ResourceTypeScript:
		s.until = t.lastAct().Add(scriptRequest)
	default:
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if navigation {
		delete(t.sent, wanted)
		t.failure = ""
	}
	t.sent[ev.RequestID] = s
	t.notify()
}

// opens notes a window that the page opens at a URL of a scheme that makes no
// request: nothing else tells of it.
func (t *tab) opens(ref string) {
	u, err := url.Parse(ref)
	if err == nil && u.Scheme != "http" && u.Scheme != "https" && t.visit.Leaves(u) {
		t.visit.leave(u, &network.Request{Method: http.MethodGet})
	}
}

// touched notes that the user does something.
func (t *tab) touched() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.acted = time.Now()
}

func (t *tab) lastAct() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.acted
}

// expect notes that a navigation is about to begin.
func (t *tab) expect() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent[wanted] = sent{until: time.Now().Add(requestedNavigation)}
	t.notify()
}

// answered notes the response to a navigation.
func (t *tab) answered(ev *network.EventResponseReceived) {
	t.mu.Lock()
	s, ok := t.sent[ev.RequestID]
	t.mu.Unlock()
	if ok && s.navigation {
		took := time.Duration((ev.Timestamp - s.began) * cdp.MonotonicTime(time.Second))
		t.visit.status(s.step, ev.Response.Status, nil)
		t.visit.document(ev, took)
	}
}

// finished forgets a request. A navigation that failed leaves its reason; one
// that succeeded is done only when its document is shown.
func (t *tab) finished(id network.RequestID, failure string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.sent[id]
	if !ok || s.navigation && failure == "" {
		return
	}
	delete(t.sent, id)
	if s.navigation {
		t.failure = failure
	}
	t.notify()
}

// navigated notes that the tab shows a new document. What the old one was
// waiting for counts no longer.
func (t *tab) navigated(document cdp.LoaderID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.document, t.acted = document, time.Now()
	for id, s := range t.sent {
		if !s.navigation || cdp.LoaderID(id) == document {
			delete(t.sent, id)
		}
	}
	t.notify()
}

// notify wakes who waits for a change. The lock is held.
func (t *tab) notify() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// pending tells what the tab waits for: nothing, or something until the channel
// closes or the time has come.
func (t *tab) pending() (changed <-chan struct{}, until time.Time, busy bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for _, s := range t.sent {
		switch {
		case s.navigation:
			busy = true
		case s.until.After(now):
			busy = true
			if until.IsZero() || s.until.Before(until) {
				until = s.until
			}
		}
	}
	return t.changed, until, busy
}

// idle waits until the tab waits for nothing.
func (t *tab) idle(ctx context.Context) error {
	for {
		changed, until, busy := t.pending()
		if !busy {
			return nil
		}
		timer := time.NewTimer(time.Hour)
		if !until.IsZero() {
			timer.Reset(time.Until(until))
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// dismiss closes a dialog, which would stop the page for ever.
func (t *tab) dismiss(ev *page.EventJavascriptDialogOpening) {
	_, _ = chromedp.Call(t.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{
		Accept: true, PromptText: ev.DefaultPrompt,
	})
}

// header converts headers from the form in which the browser tells them.
func header(headers network.Headers) http.Header {
	h := http.Header{}
	for name, value := range headers {
		if s, ok := value.(string); ok {
			for line := range strings.SplitSeq(s, "\n") {
				h.Add(name, line)
			}
		}
	}
	return h
}

func contentType(r *network.Request) string { return header(r.Headers).Get("Content-Type") }

func body(r *network.Request) []byte {
	var all []byte
	for _, entry := range r.PostDataEntries {
		all = append(all, entry.Bytes...)
	}
	return all
}
