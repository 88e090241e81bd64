package probes

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
)

func TestTellingRegistrationsGoFirst(t *testing.T) {
	var e enrolling
	ctx := t.Context()
	if err := e.enter(ctx, Last); err != nil {
		t.Fatal(err)
	}
	order := make(chan Turn, 4)
	for i, turn := range []Turn{Last, Then, First, Then} {
		go func() {
			if err := e.enter(ctx, turn); err == nil {
				order <- turn
				e.leave()
			}
		}()
		queued(t, &e, i+1)
	}
	e.leave()
	var got []Turn
	for range 4 {
		got = append(got, <-order)
	}
	if want := []Turn{First, Then, Then, Last}; !slices.Equal(got, want) {
		t.Errorf("the turns were %v, want %v", got, want)
	}
}

// queued waits until n are waiting for their turn.
func queued(t *testing.T, e *enrolling, n int) {
	t.Helper()
	for t.Context().Err() == nil {
		e.mu.Lock()
		waiting := len(e.waiting)
		e.mu.Unlock()
		if waiting == n {
			return
		}
		runtime.Gosched()
	}
}

func TestWhoeverGivesUpLosesItsPlace(t *testing.T) {
	var e enrolling
	if err := e.enter(t.Context(), First); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("gave up")
	cancel(reason)
	if err := e.enter(gone, First); !errors.Is(err, reason) {
		t.Errorf("entering ended with %v, want %v", err, reason)
	}
	e.leave()
	if err := e.enter(t.Context(), Last); err != nil {
		t.Errorf("the next one cannot enter: %v", err)
	}
}

func TestSuccessAfterwardsIsTheControl(t *testing.T) {
	var e enrolling
	attack := time.Now()
	if done, err := e.since(t.Context(), attack); done || err != nil {
		t.Errorf("with nobody registering, since is %v, %v", done, err)
	}
	if err := e.enter(t.Context(), First); err != nil {
		t.Fatal(err)
	}
	e.success(attack.Add(-time.Second))
	if e.after(attack) {
		t.Error("a registration before the attack is taken for one after it")
	}
	answer := make(chan bool)
	go func() {
		done, err := e.since(t.Context(), attack)
		answer <- done && err == nil
	}()
	e.success(attack.Add(time.Second))
	if !<-answer {
		t.Error("the registration after the attack was not noticed")
	}
}

func TestLimitEndsRegistration(t *testing.T) {
	var e enrolling
	e.failed(errors.New("connection reset"))
	if err := e.full(); err != nil {
		t.Errorf("one failure ends registration: %v", err)
	}
	e.failed(fmt.Errorf("POST /register: %w", wire.ErrLimited))
	if err := e.full(); !errors.Is(err, wire.ErrLimited) {
		t.Errorf("after a 429, full is %v", err)
	}
}
