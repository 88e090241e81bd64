package browser

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// landed is what the browser is shown in place of a page outside the deployment.
const landed = "<!doctype html><title>mcpassay</title><p>The visit ends here."

// A containment lets no request out of the browser that a visit does not allow.
// It listens to the browser as a whole: pages, frames, workers and popups.
type containment struct {
	ctx context.Context // the browser's

	mu     sync.Mutex
	visits map[cdp.BrowserContextID]*visit
	pages  map[cdp.FrameID]cdp.BrowserContextID // by top frame, which is named as its page is
}

// contain starts to contain the browser of the context.
func contain(ctx context.Context) (*containment, error) {
	c := &containment{
		ctx:    ctx,
		visits: map[cdp.BrowserContextID]*visit{},
		pages:  map[cdp.FrameID]cdp.BrowserContextID{},
	}
	// Pages are noted in order with the requests, so that a popup is known
	// before its first request is.
	err := chromedp.ListenBrowser(ctx, func(ev any) {
		switch ev := ev.(type) {
		case *target.EventTargetCreated:
			c.opened(ev.TargetInfo)
		case *target.EventTargetDestroyed:
			c.gone(ev.TargetID)
		case *fetch.EventRequestPaused:
			go c.answer(ev)
		}
	})
	if err != nil {
		return nil, err
	}
	if _, err := chromedp.CallBrowser(ctx, fetch.Enable, fetch.EnableParams{}); err != nil {
		return nil, err
	}
	_, err = chromedp.CallBrowser(ctx, target.SetDiscoverTargets, target.SetDiscoverTargetsParams{Discover: true})
	return c, err
}

// admit makes the browser context follow the rules of the visit, until release.
func (c *containment) admit(id cdp.BrowserContextID, v *visit) (release func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.visits[id] = v
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.visits, id)
	}
}

// opened notes a new page.
func (c *containment) opened(info *target.Info) {
	if info.Type != "page" {
		return
	}
	c.mu.Lock()
	c.pages[cdp.FrameID(info.TargetID)] = info.BrowserContextID
	v := c.visits[info.BrowserContextID]
	c.mu.Unlock()
	if v != nil {
		v.opened(info.TargetID)
	}
}

// gone forgets a page.
func (c *containment) gone(id target.ID) {
	c.mu.Lock()
	browserContext := c.pages[cdp.FrameID(id)]
	v := c.visits[browserContext]
	delete(c.pages, cdp.FrameID(id))
	c.mu.Unlock()
	if v != nil {
		v.gone(id)
	}
}

// answer lets a request through, answers it in the server's stead, or fails it.
func (c *containment) answer(ev *fetch.EventRequestPaused) {
	u, err := url.Parse(ev.Request.URL)
	if err != nil {
		c.fail(ev)
		return
	}
	c.mu.Lock()
	browserContext, top := c.pages[ev.FrameID]
	v := c.visits[browserContext]
	allowed := false
	if !top { // a frame or a worker, of any of the visits
		for _, other := range c.visits {
			allowed = allowed || !other.Leaves(u)
		}
	}
	c.mu.Unlock()

	if v != nil && v.stages(u) {
		c.show(ev, v.stage.document)
		return
	}
	if v != nil && ev.ResponseStatusCode == 0 && !v.Inside(u) {
		v.loads(u, ev)
	}
	inside := v != nil && v.Inside(u)
	page := ev.ResourceType == network.ResourceTypeDocument
	switch {
	case ev.ResponseStatusCode != 0:
		c.pass(ev, v, u)
	case !top && allowed, inside && !page:
		c.proceed(ev, false)
	case inside && !v.Leaves(u):
		c.proceed(ev, v.unwatched(ev.FrameID))
	case v != nil && page:
		if v.unwatched(ev.FrameID) {
			v.leave(withFragment(u, ev.Request), ev.Request)
		}
		c.show(ev, landed)
	default:
		c.fail(ev)
	}
}

// show answers a request with a document of ours.
func (c *containment) show(ev *fetch.EventRequestPaused, document string) {
	_, _ = chromedp.CallBrowser(c.ctx, fetch.FulfillRequest, fetch.FulfillRequestParams{
		RequestID: ev.RequestID, ResponseCode: 200, Body: []byte(document),
		ResponseHeaders: []*fetch.HeaderEntry{{Name: "Content-Type", Value: "text/html"}},
	})
}

// pass looks at the answer to a request of a popup that is not watched yet. If
// it redirects to a scheme that makes no request, nothing else tells of it.
func (c *containment) pass(ev *fetch.EventRequestPaused, v *visit, from *url.URL) {
	for _, h := range ev.ResponseHeaders {
		if !strings.EqualFold(h.Name, "Location") || v == nil {
			continue
		}
		to, err := from.Parse(h.Value)
		if err == nil && v.Leaves(to) {
			v.leave(to, &network.Request{Method: http.MethodGet})
			c.fail(ev)
			return
		}
	}
	c.proceed(ev, false)
}

// proceed lets a request go on, to be stopped again at its answer or not.
func (c *containment) proceed(ev *fetch.EventRequestPaused, again bool) {
	_, _ = chromedp.CallBrowser(c.ctx, fetch.ContinueRequest, fetch.ContinueRequestParams{
		RequestID: ev.RequestID, InterceptResponse: &again,
	})
}

func (c *containment) fail(ev *fetch.EventRequestPaused) {
	_, _ = chromedp.CallBrowser(c.ctx, fetch.FailRequest, fetch.FailRequestParams{
		RequestID: ev.RequestID, ErrorReason: network.ErrorReasonBlockedByClient,
	})
}

// withFragment adds the fragment, which requests carry apart.
func withFragment(u *url.URL, r *network.Request) *url.URL {
	if whole, err := url.Parse(r.URL + r.URLFragment); err == nil {
		return whole
	}
	return u
}
