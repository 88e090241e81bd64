package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mcpassay/mcpassay/probes/browser"
	"github.com/mcpassay/mcpassay/reference"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"mcpassay": main, "testclient": testClient, "browserclient": browserClient})
}

// TestScripts types commands as a user does: see testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir) // browsers keep files there
			env.Setenv("MCPASSAY_BROWSER", os.Getenv("MCPASSAY_BROWSER"))
			return nil
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "root":
				return os.Geteuid() == 0, nil
			case "browser":
				_, err := browser.Find()
				return err == nil || os.Getenv("MCPASSAY_BROWSER") != "" || os.Getenv("MCPASSAY_REQUIRE_BROWSER") != "", nil
			}
			return false, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"serve": serve, "interrupt": interrupt},
	})
}

// serve starts a reference deployment for the rest of the script, and sets
// TARGET and ISSUER to its URLs. If it speaks https, its authority is in ca.pem.
//
//	serve [--variant ID]
func serve(ts *testscript.TestScript, neg bool, args []string) {
	var variants []string
	if len(args) == 2 && args[0] == "--variant" {
		variants = args[1:]
	} else if neg || len(args) > 0 {
		ts.Fatalf("usage: serve [--variant ID]")
	}
	server, err := startReference(nil, variants, "")
	ts.Check(err)
	ts.Defer(func() { stop(ts, server) })
	ts.Setenv("TARGET", server.ResourceServer.Endpoint())
	ts.Setenv("ISSUER", server.AuthServer.Issuer())
	if authority := server.Authority(); authority != nil {
		ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), authority, 0o600))
	}
}

func stop(ts *testscript.TestScript, server *reference.Server) {
	if err := server.Close(); err != nil {
		ts.Logf("stop the reference: %v", err)
	}
}

// interrupt runs a program and sends it SIGINT when a line of its output matches
// the first expression, another when one matches the second, and so on. It wants
// the program to end with exit code 130, or 0 if it had nothing to lose.
//
//	interrupt REGEXP… -- PROGRAM ARG…
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	dashes := slices.Index(args, "--")
	if neg || dashes < 1 || len(args) < dashes+3 {
		ts.Fatalf("usage: interrupt REGEXP… -- PROGRAM ARG…")
	}
	lines, command := args[:dashes], args[dashes+1:]
	path, err := exec.LookPath(command[0])
	ts.Check(err)
	var stdout, stderr bytes.Buffer
	toOut, toErr := []io.Writer{&stdout}, []io.Writer{&stderr}
	var watchers []*watcher
	for _, line := range lines {
		w := &watcher{line: regexp.MustCompile("(?m)" + line), found: make(chan struct{})}
		watchers = append(watchers, w)
		toOut, toErr = append(toOut, w), append(toErr, w)
	}
	cmd := exec.Command(path, command[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Stdout, cmd.Stderr = io.MultiWriter(toOut...), io.MultiWriter(toErr...)
	ts.Check(cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // the exit code is looked at below
	}()
	patience := time.After(60 * time.Second)
	for i, w := range watchers {
		select {
		case <-w.found:
			ts.Check(cmd.Process.Signal(os.Interrupt))
		case <-ended:
			ts.Fatalf("ended (%v) before %q was seen\n%s%s", cmd.ProcessState, lines[i], stdout.String(), stderr.String())
		case <-patience:
			ts.Check(cmd.Process.Kill())
			ts.Fatalf("%q was not seen", lines[i])
		}
	}
	select {
	case <-ended:
	case <-patience:
		ts.Check(cmd.Process.Kill())
		ts.Fatalf("did not end")
	}
	if code := cmd.ProcessState.ExitCode(); code != 130 && (command[1] == "run" || code != 0) {
		ts.Fatalf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
	for name, text := range map[string]string{"stdout": stdout.String(), "stderr": stderr.String()} {
		ts.Check(os.WriteFile(ts.MkAbs(name+".txt"), []byte(text), 0o644))
	}
}

// A watcher closes found when what was written to it has a line that matches.
type watcher struct {
	line  *regexp.Regexp
	found chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
	done bool
}

func (w *watcher) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if !w.done && w.line.Match(w.text.Bytes()) {
		w.done = true
		close(w.found)
	}
	return len(p), nil
}
