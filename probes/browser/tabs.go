package browser

import (
	"context"
	"slices"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Popups beyond this number are contained like all others, but not shown.
const maxPopups = 4

// attaching is how long it may take to watch a popup.
const attaching = 3 * time.Second

// A popup is a tab that a page has opened.
type popup struct {
	watched chan struct{} // closed once it is watched, or cannot be
	gone    bool          // it has been closed
}

// show puts a tab in front.
func (v *visit) show(ctx context.Context) error {
	t := &tab{
		ctx: ctx, Target: chromedp.FromContext(ctx).Target, visit: v, acted: time.Now(),
		sent: map[network.RequestID]sent{}, changed: make(chan struct{}),
	}
	if err := t.watch(); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if p := v.popups[t.TargetID]; p == nil || !p.gone {
		v.tabs = append(v.tabs, t)
	}
	return nil
}

// front is the tab that the user looks at.
func (v *visit) front() *tab {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.tabs[len(v.tabs)-1]
}

// opened puts a popup in front. It can only be watched once its first request
// is under way; until then the containment watches it.
func (v *visit) opened(id target.ID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.popups) >= maxPopups {
		v.popups[id] = &popup{watched: make(chan struct{}), gone: true}
		return
	}
	p := &popup{watched: make(chan struct{})}
	v.popups[id] = p
	go func() {
		defer close(p.watched)
		ctx, cancel := chromedp.NewContext(v.main, chromedp.WithTargetID(id))
		timer := time.AfterFunc(attaching, cancel)
		defer timer.Stop()
		if chromedp.Do(ctx) != nil || v.show(ctx) != nil {
			cancel() // it has been closed again; else it closes with the first tab
		}
	}()
}

// gone puts what was behind a closed popup back in front.
func (v *visit) gone(id target.ID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if p := v.popups[id]; p != nil {
		p.gone = true
	}
	if i := slices.IndexFunc(v.tabs, func(t *tab) bool { return t.TargetID == id }); i > 0 {
		v.tabs = slices.Delete(v.tabs, i, i+1)
	}
}

// unwatched tells whether the frame is of a popup that is not watched yet.
func (v *visit) unwatched(top cdp.FrameID) bool {
	v.mu.Lock()
	p := v.popups[target.ID(top)]
	v.mu.Unlock()
	if p == nil {
		return false
	}
	select {
	case <-p.watched:
		return false
	default:
		return true
	}
}

// awaitAll waits until all popups are watched.
func (v *visit) awaitAll() {
	v.mu.Lock()
	var all []*popup
	for _, p := range v.popups {
		if p.gone {
			continue
		}
		all = append(all, p)
	}
	v.mu.Unlock()
	for _, p := range all {
		<-p.watched
	}
}
