package browser_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mcpassay/mcpassay/probes/browser"
	"github.com/mcpassay/mcpassay/probes/rehearsal"
)

// processes are the ids of the processes that have the text in their command
// line, the browser's own first.
func processes(t *testing.T, text string) (ids []int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("processes are counted in /proc")
	}
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(line, []byte(text)) {
			continue
		}
		id, err := strconv.Atoi(strings.Split(file, "/")[2])
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(line, []byte("--type=")) {
			ids = append(ids, id)
		} else {
			ids = append([]int{id}, ids...)
		}
	}
	return ids
}

// eventually waits for what a process that is ending still has to do.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for limit := time.After(5 * time.Second); !holds(); {
		select {
		case <-again.C:
		case <-limit:
			t.Fatal(what)
		}
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	server := serve(t, "plain")
	before := goleak.IgnoreCurrent()
	b := launch(t, browser.Options{})
	if len(processes(t, dir)) == 0 {
		t.Fatal("no process has the profile in its command line")
	}
	if _, err := b.Authorize(t.Context(), rehearsal.Visit(server.URL, rehearsal.Client)); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("Close left %v, %v", left, err)
	}
	eventually(t, "Close left a process", func() bool { return len(processes(t, dir)) == 0 })
	server.CloseClientConnections()
	goleak.VerifyNone(t, before, goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"))

	if _, err := b.Authorize(t.Context(), rehearsal.Visit(server.URL, rehearsal.Client)); !errors.Is(err, browser.ErrClosed) {
		t.Errorf("a visit after Close: %v, want %v", err, browser.ErrClosed)
	}
}

func TestDeadBrowserIsLaunchedAgain(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	b := launch(t, browser.Options{})
	server := serve(t, "plain")
	ids := processes(t, dir)
	if len(ids) == 0 {
		t.Fatal("no process has the profile in its command line")
	}
	if err := syscall.Kill(ids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the browser outlives its death", func() bool {
		landing, err := b.Authorize(t.Context(), rehearsal.Visit(server.URL, rehearsal.Client))
		return err == nil && landing.Consented
	})
}

func TestLaunchEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := browser.Launch(ctx, browser.Options{}); !errors.Is(err, context.Canceled) && !errors.Is(err, browser.ErrNoBrowser) {
		t.Errorf("launched with a context that has ended: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("a launch that came to nothing left %v, %v", left, err)
	}
}

func TestNoBrowser(t *testing.T) {
	_, err := browser.Launch(t.Context(), browser.Options{Path: filepath.Join(t.TempDir(), "chromium")})
	if !errors.Is(err, browser.ErrNoBrowser) || !strings.Contains(err.Error(), "install") {
		t.Errorf("the error does not say what to install: %v", err)
	}
}

func TestWrappersAreSeenThrough(t *testing.T) {
	path, err := browser.Find()
	if errors.Is(err, browser.ErrNoBrowser) {
		t.Skip(err)
	}
	content, err := os.ReadFile(path)
	if err != nil || bytes.HasPrefix(content, []byte("#!")) {
		t.Errorf("%s is a script, or not readable: %v", path, err)
	}
}
