package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/mcpassay/mcpassay/reports"
)

// An interruption ends a run in two steps: the first signal ends its context, so
// that what was created is removed and the reports are written; the second ends
// the process.
type interruption struct {
	signals chan os.Signal
	done    chan struct{}
}

// interruptible returns a context that ends with the first signal. The caller
// calls listen before each run and close when nothing is left to interrupt. What
// has to be done before a second signal ends the process, abandon does.
func interruptible(abandon func()) (context.Context, *interruption) {
	ctx, cancel := context.WithCancel(context.Background())
	i := &interruption{signals: make(chan os.Signal, 2), done: make(chan struct{})}
	i.listen()
	go func() {
		defer cancel()
		select {
		case <-i.signals:
			cancel()
		case <-i.done:
			return
		}
		select {
		case <-i.signals:
			abandon()
			os.Exit(reports.ExitInterrupted)
		case <-i.done:
		}
	}()
	return ctx, i
}

// listen makes signals arrive here, also after a run, which resets them.
func (i *interruption) listen() { signal.Notify(i.signals, os.Interrupt, syscall.SIGTERM) }

func (i *interruption) close() {
	signal.Stop(i.signals)
	close(i.done)
}
