// Package launch starts clients under test as processes and sees them to their
// end, whatever they leave behind.
package launch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Command is how a client is started: by the shell, with the URL of the MCP
// server as the last argument.
type Command struct {
	Shell   string        // command line
	URL     string        // appended as the last argument
	Bare    bool          // the URL is not appended: the client has it from elsewhere
	Env     []string      // besides our own
	Without []string      // variables of our own that it does not get
	Timeout time.Duration // after which it is killed with everything it started

	// Hear is told all that the client has written so far, at the start and each
	// time that it writes more. It answers with what to write to its stdin, and
	// whether the client has done what it was started for and may be ended.
	Hear func(said string) (say string, enough bool)
}

// An Exit is how a client ended.
type Exit struct {
	Code     int    // of the process; -1 if a signal ended it
	Signal   string // that ended it, other than ours
	TimedOut bool   // it was killed
	Stopped  bool   // it was killed once it had done what it was started for
	Left     bool   // it ended, and left processes running, which were killed
	Output   string // of both streams, at most maxOutput bytes
	Unheard  bool   // what it says cannot be read: it runs elsewhere
	Took     time.Duration
	Here     bool // it ran on this machine, so that it can reach what only this machine reaches

	Intercepted bool     // it was started with an opener that catches what it wants a browser to show
	Opened      []string // what it handed to that opener; hostile, and it holds secrets
	Answers     []Answer // of its callback, in the order in which it was called
}

// An Answer is what a client's callback answered. It is hostile, and its URL holds
// secrets.
type Answer struct {
	URL    string // that was called
	Status int
	Header http.Header
	Body   []byte // its beginning
}

// OK tells whether the client says that all went well.
func (e *Exit) OK() bool { return e.Stopped || e.Code == 0 && !e.TimedOut && e.Signal == "" }

// maxOutput bounds what is kept of a client's output.
const maxOutput = 256 << 10

// Run starts the client and waits for its end. The error is for a client that
// could not be started.
func Run(ctx context.Context, c Command) (*Exit, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	line := c.Shell + ` "$0"`
	if c.Bare {
		line = c.Shell
	}
	process := exec.Command("sh", "-c", line, c.URL)
	process.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(c.Without, name)
	})
	process.Env = append(process.Env, c.Env...)
	ownGroup(process)
	output := &tail{}
	process.Stdout, process.Stderr = output, output
	// Whoever inherits the streams may outlive the client: it is not waited for.
	process.WaitDelay = 100 * time.Millisecond
	stdin, err := process.StdinPipe() // open and silent, as the contract has it
	if err != nil {
		return nil, err
	}
	defer stdin.Close() //nolint:errcheck // nobody reads it any more
	enough := make(chan struct{})
	if c.Hear != nil {
		var once sync.Once
		output.heard = func(said string) {
			say, done := c.Hear(said)
			_, _ = io.WriteString(stdin, say) // a client that has gone does not read
			if done {
				once.Do(func() { close(enough) })
			}
		}
	}
	start := time.Now()
	if err := process.Start(); err != nil {
		return nil, err
	}
	_, _ = output.Write(nil)
	done := make(chan error, 1)
	go func() { done <- process.Wait() }()
	exit := &Exit{Here: true}
	select {
	case err = <-done:
		exit.Left = killGroup(process)
	case <-enough:
		killGroup(process)
		err = <-done
		exit.Stopped = true
	case <-ctx.Done():
		killGroup(process)
		err = <-done
		exit.TimedOut = true
	}
	exit.Took = time.Since(start)
	exit.Output = output.String()
	exit.Code = process.ProcessState.ExitCode()
	if !exit.TimedOut && !exit.Stopped {
		exit.Signal = signalOf(process.ProcessState)
	}
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) && !errors.Is(err, exec.ErrWaitDelay) {
		return nil, err
	}
	return exit, nil
}

// tail keeps the beginning of what several streams write.
type tail struct {
	mu    sync.Mutex
	b     bytes.Buffer
	heard func(said string) // told all of it after each write; may be nil
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := maxOutput - t.b.Len(); room > 0 {
		t.b.Write(p[:min(room, len(p))])
	}
	if t.heard != nil {
		t.heard(t.b.String())
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}
