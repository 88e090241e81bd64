package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A Window is one page of a browser of its own, with a person at the keyboard. It
// goes anywhere: it is for pages of ours, and no deployment under test is shown
// in it.
type Window struct {
	ctx   context.Context
	close func() error

	mu        sync.Mutex
	requested []string // URLs, in order
	documents []string // those that were to be shown
	troubles  []string // that the browser reported
}

// A Look is how a window shows pages.
type Look struct {
	Width, Height int64
	Phone         bool // small, and touched
	Dark          bool // the person prefers dark colours
	NoScripts     bool
}

// OpenWindow starts a browser for one window. The context bounds the life of both;
// the caller closes it.
func OpenWindow(ctx context.Context, opts Options, look Look) (*Window, error) {
	path, err := locate(opts.Path)
	if err != nil {
		return nil, err
	}
	profile, err := os.MkdirTemp("", "mcpassay-browser-")
	if err != nil {
		return nil, fmt.Errorf("make a browser profile: %w", err)
	}
	b := &Browser{opts: opts, path: path, profile: profile}
	allocator, release := chromedp.NewExecAllocator(ctx, b.flags()...)
	silent := chromedp.WithBrowserOption(chromedp.WithBrowserLogf(func(string, ...any) {}))
	w := &Window{}
	var cancel context.CancelFunc
	w.ctx, cancel = chromedp.NewContext(allocator, silent)
	w.close = func() error {
		last, stop := context.WithTimeout(w.ctx, closeGrace)
		_ = chromedp.Cancel(last) // what does not close in time is killed
		stop()
		cancel()
		release()
		return remove(profile)
	}
	if err := w.prepare(look); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *Window) prepare(look Look) error {
	if err := chromedp.Do(w.ctx); err != nil {
		return err
	}
	err := chromedp.Listen(w.ctx, w.hear)
	if err != nil {
		return err
	}
	scheme := "light"
	if look.Dark {
		scheme = "dark"
	}
	size := emulation.SetDeviceMetricsOverrideParams{Width: look.Width, Height: look.Height, DeviceScaleFactor: 1, Mobile: look.Phone}
	_, err1 := chromedp.Call(w.ctx, emulation.SetDeviceMetricsOverride, size)
	_, err2 := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	_, err3 := chromedp.Call(w.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: look.NoScripts})
	_, err4 := chromedp.Call(w.ctx, log.Enable, cdp.Empty{})
	return errors.Join(err1, err2, err3, err4)
}

// maxHeard bounds what is kept of a window's life.
const maxHeard = 10_000

func (w *Window) hear(ev any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		if len(w.requested) < maxHeard {
			w.requested = append(w.requested, ev.Request.URL)
			if ev.Type == network.ResourceTypeDocument {
				w.documents = append(w.documents, ev.Request.URL)
			}
		}
	case *log.EventEntryAdded:
		if ev.Entry.Level == log.EntryLevelError && len(w.troubles) < maxHeard {
			w.troubles = append(w.troubles, ev.Entry.Text+" "+ev.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		if len(w.troubles) < maxHeard {
			w.troubles = append(w.troubles, ev.ExceptionDetails.Text)
		}
	}
}

// Close ends the browser.
func (w *Window) Close() error { return w.close() }

// Go opens a URL.
func (w *Window) Go(url string) error {
	return chromedp.Do(w.ctx, chromedp.Navigate(url))
}

// The keys that are no characters.
const (
	Tab   = "\t"
	Enter = kb.Enter
	Down  = kb.ArrowDown
)

// Press presses keys, one after the other.
func (w *Window) Press(keys string) error { return chromedp.Do(w.ctx, chromedp.KeyEvent(keys)) }

// Ask evaluates an expression in the page.
func Ask[T any](w *Window, expression string) (T, error) {
	return chromedp.Run(w.ctx, chromedp.Evaluate[T](expression))
}

// Await waits until an expression holds in the page, whichever page that is by
// then. The context bounds the wait.
func (w *Window) Await(ctx context.Context, expression string) error {
	again := time.NewTicker(short)
	defer again.Stop()
	for {
		holds, err := Ask[bool](w, "!!("+expression+")")
		if err == nil && holds {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("%s does not come true: %w", expression, errors.Join(err, context.Cause(ctx)))
		}
	}
}

// AwaitDocument waits until the window was to show a document whose URL begins so,
// whether or not there was one, and returns the URL.
func (w *Window) AwaitDocument(ctx context.Context, prefix string) (string, error) {
	again := time.NewTicker(short)
	defer again.Stop()
	for {
		w.mu.Lock()
		i := slices.IndexFunc(w.documents, func(u string) bool { return strings.HasPrefix(u, prefix) })
		if i >= 0 {
			defer w.mu.Unlock()
			return w.documents[i], nil
		}
		w.mu.Unlock()
		select {
		case <-again.C:
		case <-ctx.Done():
			return "", fmt.Errorf("the window never went to %s: %w", prefix, context.Cause(ctx))
		}
	}
}

// Requested are the URLs that the window has asked for, and what it reported as an
// error.
func (w *Window) Requested() (urls, troubles []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.requested), slices.Clone(w.troubles)
}

// Picture is the whole page as PNG.
func (w *Window) Picture() ([]byte, error) {
	beyond := true
	metrics, err := chromedp.Call(w.ctx, page.GetLayoutMetrics, cdp.Empty{})
	if err != nil {
		return nil, err
	}
	size := metrics.CSSContentSize
	shot, err := chromedp.Call(w.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		CaptureBeyondViewport: &beyond, Clip: &page.Viewport{Width: size.Width, Height: size.Height, Scale: 1},
	})
	return shot.Data, err
}
