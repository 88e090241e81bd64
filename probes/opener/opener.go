// Package opener stands in for the user of a client that opens a browser: it
// catches the URLs that the client wants opened and goes where they lead, up to
// the client's own callback.
package opener

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcpassay/mcpassay/probes/launch"
)

// names are the programs that clients open URLs with.
var names = []string{
	"xdg-open", "open", "x-www-browser", "www-browser", "sensible-browser", "gnome-open", "kde-open", "gio", "wslview",
	"google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "firefox",
}

// Desktop are the variables that lead clients past the programs of this package,
// to a desktop that the user of this machine sits at.
var Desktop = []string{
	"DISPLAY", "WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP", "DESKTOP_SESSION", "KDE_FULL_SESSION", "KDE_SESSION_VERSION",
	"GNOME_DESKTOP_SESSION_ID", "WSL_DISTRO_NAME", "WSL_INTEROP",
}

// A Visitor takes the user through an authorization request and returns the
// callback that it led to.
type Visitor func(ctx context.Context, request *url.URL) (callback *url.URL, err error)

// An Opener is the browser of one client.
type Opener struct {
	bin, spool string
	visit      Visitor
	stop       context.CancelFunc
	all        sync.WaitGroup

	mu      sync.Mutex
	opened  []string
	answers []launch.Answer
	lead    func(callback *url.URL) []*url.URL
	errs    []error
}

const (
	// maxOpened bounds what is kept and visited for a client that never stops.
	maxOpened = 50
	// maxURL bounds one.
	maxURL = 64 << 10
	// pause between two looks at what the client handed over.
	pause = 20 * time.Millisecond
)

// Start puts the stand-ins into a folder, which is the caller's to remove after
// Close. Each URL is visited as soon as it is handed over.
func Start(ctx context.Context, dir string, visit Visitor) (*Opener, error) {
	o := Within(visit)
	o.bin, o.spool = filepath.Join(dir, "bin"), filepath.Join(dir, "spool")
	for _, d := range []string{o.bin, o.spool} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(o.bin, name), []byte(o.script()), 0o700); err != nil { //nolint:gosec // a program
			return nil, err
		}
	}
	ctx, o.stop = context.WithCancel(ctx)
	o.all.Go(func() { o.watch(ctx) })
	return o, nil
}

// Within is the browser of a client within this process, which calls Browse.
func Within(visit Visitor) *Opener { return &Opener{visit: visit, stop: func() {}} }

// script hands its arguments over in a file. They are data: no shell looks at what
// is in them.
func (o *Opener) script() string {
	spool := "'" + strings.ReplaceAll(o.spool, "'", `'\''`) + "'"
	return `#!/bin/sh
umask 077
draft=$(mktemp ` + spool + `/XXXXXXXX) || exit 1
for word do printf '%s\0' "$word"; done >"$draft"
mv "$draft" "$draft.opened"
`
}

// Variables are what the client's environment needs.
func (o *Opener) Variables() []string {
	return []string{
		"PATH=" + o.bin + string(os.PathListSeparator) + os.Getenv("PATH"),
		"BROWSER=" + filepath.Join(o.bin, "xdg-open"),
	}
}

func (o *Opener) watch(ctx context.Context) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		o.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look takes what was handed over since the last time.
func (o *Opener) look(ctx context.Context) {
	files, err := filepath.Glob(filepath.Join(o.spool, "*.opened"))
	if err != nil {
		return
	}
	for _, file := range files {
		content, err := head(file)
		if err != nil || os.Remove(file) != nil {
			continue
		}
		words := bytes.Split(bytes.TrimSuffix(content, []byte{0}), []byte{0})
		// Options and the verb of gio come before it.
		o.Open(ctx, string(words[len(words)-1]), true)
	}
}

func head(file string) ([]byte, error) {
	f, err := os.Open(file) //nolint:gosec // in a folder of our own
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	content := make([]byte, maxURL)
	n, err := f.Read(content)
	if n == 0 && err != nil {
		return nil, nil // it was called without arguments
	}
	return content[:n], nil
}

// Open visits a URL. Handed tells that the client gave it to an opener, rather
// than show it to the user.
func (o *Opener) Open(ctx context.Context, target string, handed bool) {
	u := o.take(target, handed)
	if u == nil {
		return
	}
	o.all.Go(func() {
		if err := o.browse(ctx, u); err != nil && ctx.Err() == nil {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.errs = append(o.errs, err)
		}
	})
}

// take notes a URL, and returns it if it is to be visited.
func (o *Opener) take(target string, handed bool) *url.URL {
	o.mu.Lock()
	defer o.mu.Unlock()
	full := len(o.opened) >= maxOpened
	if handed && !full {
		o.opened = append(o.opened, target)
	}
	u, err := url.Parse(target)
	if full || err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil // that it was opened is what counts
	}
	return u
}

// Close ends the visits, takes what was handed over until now, and returns it, and
// what was in the way of a visit.
func (o *Opener) Close() (opened []string, trouble error) {
	o.stop()
	o.all.Wait()
	if o.spool != "" {
		ended, stop := context.WithCancel(context.Background())
		stop()
		o.look(ended)
	}
	o.all.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.opened), errors.Join(o.errs...)
}

// Local refuses a URL that leads off this machine: deployments for clients are on
// loopback.
func Local(u *url.URL) error {
	switch u.Hostname() {
	case "localhost", "127.0.0.1", "::1":
		return nil
	}
	return fmt.Errorf("a URL leads to %q, which is not this machine: not visited", u.Host)
}
