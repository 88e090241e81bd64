// Package browser is the user agent that is a browser: it drives Chromium
// through authorization requests, and is the authority on what a deployment
// does to a user. It is the only package that knows chromedp.
package browser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/chromedp"
	"golang.org/x/net/http/httpproxy"
)

// closeGrace is how long a browser may take to shut down before it is killed.
const closeGrace = 5 * time.Second

// ErrClosed is the error of a visit with a browser that has been closed.
var ErrClosed = errors.New("the browser is closed")

// Options are how to launch a browser. The zero value is good.
type Options struct {
	Path        string        // of the executable; empty: look for one
	UserDataDir string        // profile directory to use and keep; empty: a new one, removed by Close
	TrustedKeys []string      // base64 SHA-256 of public keys that make a certificate good, for local https
	Timeout     time.Duration // of one visit; 0: 20 seconds
}

// A Browser is a running browser. Visits share it but nothing else: each has
// cookies and storage of its own.
type Browser struct {
	opts    Options
	path    string
	profile string
	slots   chan struct{}  // one per visit at a time
	closing sync.WaitGroup // tabs being torn down

	mu      sync.Mutex
	running *process
	closed  bool
}

// A process is one life of the browser.
type process struct {
	ctx  context.Context // chromedp keeps the browser in it; ends with the browser
	stop context.CancelFunc
	*containment
}

// Concurrency is how many visits can be under way at once.
func (b *Browser) Concurrency() int { return cap(b.slots) }

// RunsScripts says that it is a browser.
func (b *Browser) RunsScripts() bool { return true }

// Launch starts a browser. The context bounds the start, not the life.
func Launch(ctx context.Context, opts Options) (*Browser, error) {
	path, err := locate(opts.Path)
	if err != nil {
		return nil, err
	}
	if opts.Timeout == 0 {
		opts.Timeout = 20 * time.Second
	}
	// More visits at once than processors make all of them slower.
	b := &Browser{opts: opts, path: path, profile: opts.UserDataDir, slots: make(chan struct{}, runtime.GOMAXPROCS(0)+1)}
	if b.profile == "" {
		if b.profile, err = os.MkdirTemp("", "mcpassay-browser-"); err != nil {
			return nil, fmt.Errorf("make a browser profile: %w", err)
		}
	}
	if _, err := b.process(ctx); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// process returns the running browser, and starts another if it has died.
func (b *Browser) process(ctx context.Context) (*process, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, ErrClosed
	}
	if b.running != nil && b.running.ctx.Err() == nil {
		return b.running, nil
	}
	if b.running != nil {
		b.running.stop()
		b.running = nil
	}
	p, err := b.start(ctx)
	if err != nil {
		return nil, fmt.Errorf("launch %s: %w", b.path, err)
	}
	b.running = p
	return p, nil
}

func (b *Browser) start(ctx context.Context) (*process, error) {
	allocator, release := chromedp.NewExecAllocator(context.Background(), b.flags()...)
	silent := chromedp.WithBrowserOption(chromedp.WithBrowserLogf(func(string, ...any) {}))
	browserCtx, cancel := chromedp.NewContext(allocator, silent)
	p := &process{ctx: browserCtx, stop: sync.OnceFunc(func() { cancel(); release() })}

	// The life of the browser is bound to the context of its first use, so that
	// must not be the caller's.
	unbind := context.AfterFunc(ctx, p.stop)
	err := chromedp.Do(browserCtx)
	if err == nil {
		p.containment, err = contain(browserCtx)
	}
	if !unbind() || err != nil {
		p.stop()
		return nil, errors.Join(err, context.Cause(ctx))
	}
	return p, nil
}

// flags are the browser's command line. chromedp itself adds --no-sandbox where
// Chromium would not start otherwise, which is for root, and --headless.
func (b *Browser) flags() []chromedp.ExecAllocatorOption {
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(b.path),
		chromedp.UserDataDir(b.profile),
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("dns-prefetch-disable", true),
		chromedp.Flag("no-pings", true),
		// Pages of ours that start a visit have no address: the browser would ask
		// before it lets them lead to a deployment on loopback.
		chromedp.Flag("disable-features", "Translate,BlinkGenPropertyTrees,LocalNetworkAccessChecks"),
	)
	servers, bypass := proxies(httpproxy.FromEnvironment())
	opts = append(opts, chromedp.Flag("proxy-server", servers), chromedp.Flag("proxy-bypass-list", bypass))
	if len(b.opts.TrustedKeys) > 0 {
		keys := strings.Join(b.opts.TrustedKeys, ",")
		opts = append(opts, chromedp.Flag("ignore-certificate-errors-spki-list", keys))
	}
	return opts
}

// proxies are the proxies of the environment as the browser's flags name them.
// The containment does not hear of web sockets, but they prefer a SOCKS proxy
// over all others, so they get one where nobody listens. For that, loopback must
// not bypass proxies; where it has to, because there are real ones, only web
// sockets to loopback stay possible.
func proxies(env *httpproxy.Config) (servers, bypass string) {
	rule := func(scheme, proxy string) string { return scheme + "=" + cmp.Or(proxy, "direct://") + ";" }
	servers = rule("http", env.HTTPProxy) + rule("https", env.HTTPSProxy) + "socks=socks5://0.0.0.0:1"
	if env.HTTPProxy == "" && env.HTTPSProxy == "" {
		return servers, "<-loopback>"
	}
	return servers, strings.ReplaceAll(env.NoProxy, ",", ";")
}

// Close ends the browser and every visit in it, and removes its profile.
func (b *Browser) Close() error {
	b.mu.Lock()
	p, closed := b.running, b.closed
	b.running, b.closed = nil, true
	b.mu.Unlock()
	if closed {
		return nil
	}
	if p != nil {
		ctx, cancel := context.WithTimeout(p.ctx, closeGrace)
		_ = chromedp.Cancel(ctx) // what does not close in time is killed by stop
		cancel()
		p.stop()
	}
	b.closing.Wait()
	if b.opts.UserDataDir != "" {
		return nil
	}
	return remove(b.profile)
}

// remove deletes a profile directory. Children of the browser outlive it by a
// moment and may still write there.
func remove(dir string) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for limit := time.After(closeGrace); ; {
		err := os.RemoveAll(dir)
		if _, gone := os.Stat(dir); errors.Is(gone, fs.ErrNotExist) {
			return nil
		}
		select {
		case <-again.C:
		case <-limit:
			return errors.Join(fmt.Errorf("the browser profile %s does not go away", dir), err)
		}
	}
}
