// Package launch starts clients under test as processes and sees them to their
// end, whatever they leave behind.
package launch

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"time"
)

// A Command is how a client is started: by the shell, with the URL of the MCP
// server as the last argument.
type Command struct {
	Shell   string        // command line
	URL     string        // appended as the last argument
	Env     []string      // besides our own
	Timeout time.Duration // after which it is killed with everything it started
}

// An Exit is how a client ended.
type Exit struct {
	Code     int    // of the process; -1 if a signal ended it
	Signal   string // that ended it, other than ours
	TimedOut bool   // it was killed
	Left     bool   // it ended, and left processes running, which were killed
	Output   string // of both streams, at most maxOutput bytes
	Took     time.Duration
}

// OK tells whether the client says that all went well.
func (e *Exit) OK() bool { return e.Code == 0 && !e.TimedOut && e.Signal == "" }

// maxOutput bounds what is kept of a client's output.
const maxOutput = 256 << 10

// Run starts the client and waits for its end. The error is for a client that
// could not be started.
func Run(ctx context.Context, c Command) (*Exit, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	process := exec.Command("sh", "-c", c.Shell+` "$0"`, c.URL)
	process.Env = append(os.Environ(), c.Env...)
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
	start := time.Now()
	if err := process.Start(); err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- process.Wait() }()
	exit := &Exit{}
	select {
	case err = <-done:
		exit.Left = killGroup(process)
	case <-ctx.Done():
		killGroup(process)
		err = <-done
		exit.TimedOut = true
	}
	exit.Took = time.Since(start)
	exit.Output = output.String()
	exit.Code = process.ProcessState.ExitCode()
	if !exit.TimedOut {
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
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := maxOutput - t.b.Len(); room > 0 {
		t.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}
