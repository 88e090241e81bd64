package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/runtime"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/signin"
)

// maxMessages bounds how many messages of one visit are kept.
const maxMessages = 50

// told notes what a page tells by a function of ours: the page that started the
// visit by its ear, any other by the canary.
func (v *visit) told(ev *runtime.EventBindingCalled) {
	if v.ear == "" || ev.Name != v.ear {
		v.record.told(ev)
		return
	}
	var m probes.PageMessage
	if json.Unmarshal([]byte(ev.Payload), &m) != nil {
		return
	}
	v.did(fmt.Sprintf("a page of %s was sent a message by %s", v.From, m.Origin))
	v.record.mu.Lock()
	defer v.record.mu.Unlock()
	if !v.closed && len(v.landing.Messages) < maxMessages {
		v.landing.Messages = append(v.landing.Messages, m)
	}
}

// awaitPopup waits until the page that starts the visit has opened its window.
func (v *visit) awaitPopup(ctx context.Context) error {
	again := time.NewTicker(short / 5)
	defer again.Stop()
	for limit := time.After(attaching); ; {
		v.mu.Lock()
		opened := len(v.popups) > 0
		v.mu.Unlock()
		if opened {
			return nil
		}
		select {
		case <-again.C:
		case <-limit:
			return fmt.Errorf("%s: %w waiting for the window to open", signin.Where(v.URL, ""), probes.ErrStuck)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
