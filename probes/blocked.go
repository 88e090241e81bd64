package probes

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

const ownerMcpassay = reports.Mcpassay

// Blocked is the error of a probe that could not be carried out. It says what
// stood in the way and whose trouble that is; it never says that the deployment
// is wrong.
type Blocked struct {
	By    string // id of the check that judges what stood in the way, or a short name for it
	Owner reports.Owner
	Err   error
}

func (b *Blocked) Error() string {
	if b.By == "" {
		return b.Err.Error()
	}
	return fmt.Sprintf("blocked by %s: %v", b.By, b.Err)
}

func (b *Blocked) Unwrap() error { return b.Err }

// Trouble describes the error of a probe: whose it is and what it waits for.
func Trouble(err error) *Blocked {
	var b *Blocked
	var netErr net.Error
	switch {
	case errors.As(err, &b):
		return b
	case errors.Is(err, wire.ErrLimited):
		return &Blocked{By: "rate limit", Owner: reports.Edge, Err: err}
	case errors.Is(err, context.Canceled):
		return &Blocked{By: "interruption", Owner: reports.Configuration, Err: errors.New("the run was interrupted")}
	case errors.Is(err, ErrCredentialsRefused), errors.Is(err, ErrLost), errors.Is(err, ErrStuck), errors.Is(err, ErrNeedsBrowser):
		return &Blocked{By: "login", Owner: reports.Configuration, Err: err}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr):
		return &Blocked{By: "network", Owner: reports.Network, Err: err}
	}
	return &Blocked{Owner: reports.Mcpassay, Err: err}
}

// Unserved describes a control that was not answered as it should be. A tool may
// itself call what limits our rate, and its failing then says nothing else.
func (d *Deployment) Unserved(by string, owner reports.Owner, call string, a *Answer) *Blocked {
	err := fmt.Errorf("%s: %s", call, a.Said())
	if d.RateLimited() {
		by, owner, err = "rate limit", reports.Edge, fmt.Errorf("%w; the deployment has limited the rate of requests, and what it calls itself may have met the same", err)
	}
	return &Blocked{By: by, Owner: owner, Err: err}
}

// RateLimited tells whether the deployment has answered 429 (RFC 6585, section 4)
// in this run.
func (d *Deployment) RateLimited() bool { return d.wire.Spent().RateLimited > 0 }
