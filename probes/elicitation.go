package probes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// AnonymousRound makes the call that the server asks something about without a
// token, and answers what it may ask then. The same with a token is the control.
func (d *Deployment) AnonymousRound(ctx context.Context) (*Answer, error) {
	q, err := d.Asking(ctx)
	if err != nil || q == nil {
		return nil, err
	}
	t, err := d.firstTalk(ctx)
	if err != nil {
		return nil, err
	}
	attack := wire.For(ctx, "attack")
	a, err := t.sayAs(attack, "", "tools/call", toolParams(q.Call), Capable(canAnswer))
	if err != nil {
		return nil, err
	}
	if asked := questionIn(a, q.Call); asked != nil {
		params := toolParams(q.Call)
		params["inputResponses"] = asked.answers()
		if asked.State != "" {
			params["requestState"] = asked.State
		}
		if a, err = t.sayAs(attack, "", "tools/call", params, Capable(canAnswer)); err != nil {
			return nil, err
		}
	}
	again, err := t.ask(ctx, q.Call)
	if err == nil && again == nil {
		a = nil // it asks at one time and not at another
	}
	return a, err
}

// A Linking is what came of a URL that the server asks a user to open.
type Linking struct {
	URL    string
	Opened bool // opening it, without signing in, was enough for the user's account
	Other  bool // the second user signing in there was; nobody did without one
}

// Link lets others open the URL that a user is asked to open: somebody without
// cookies, and the second user, who signs in there. That the user themself gets
// somewhere by it is the control. No such URL: nil.
func (d *Deployment) Link(ctx context.Context) (*Linking, error) {
	return Once(d, "link", func(ctx context.Context) (*Linking, error) { return d.view(ctx).link(ctx) }).Get(ctx)
}

// linkURL is where the server asks the user of a talk to go, if it does.
func (t *talk) linkURL(ctx context.Context) (string, error) {
	q, err := t.ask(ctx, *t.d.Target.State.Link)
	if err != nil || q == nil {
		return "", err
	}
	for _, asked := range q.Requests {
		if asked.Params.Mode == "url" {
			return asked.Params.URL, nil
		}
	}
	return "", nil
}

func (d *Deployment) link(ctx context.Context) (*Linking, error) {
	if d.Target.State.Link == nil {
		return nil, nil
	}
	era, err := d.Era(ctx)
	if err != nil || !era.IsModern() {
		return nil, err
	}
	t, err := d.firstTalk(ctx)
	if err != nil {
		return nil, err
	}
	x := &Linking{}
	if x.URL, err = t.linkURL(ctx); err != nil || x.URL == "" {
		return nil, err
	}
	req, err := http.NewRequestWithContext(wire.For(ctx, "attack"), http.MethodGet, x.URL, nil)
	if err != nil {
		return nil, &Blocked{By: "link", Owner: reports.ResourceServer, Err: fmt.Errorf("the URL to open cannot be opened: %w", err)}
	}
	if _, err = d.wire.Do(req); err != nil {
		return nil, err
	}
	again, err := t.linkURL(ctx)
	if err != nil {
		return nil, err
	}
	if x.Opened = again == ""; x.Opened {
		return x, nil
	}
	if len(d.Target.Users) > 1 {
		if again, err = t.linkAs(wire.For(ctx, "attack"), again, d.Target.Users[1]); err != nil {
			return nil, err
		}
		if x.Other = again == ""; x.Other {
			return x, nil
		}
	}
	if again, err = t.linkAs(wire.For(ctx, "control"), again, d.user()); err == nil && again != "" {
		err = &Blocked{By: "link", Owner: reports.Configuration, Err: errors.New("the user who was asked signed in at the URL, and is asked again")}
	}
	return x, err
}

// linkAs has somebody open the URL and sign in, and returns where the user of the
// talk is asked to go then: nowhere, if that was enough.
func (t *talk) linkAs(ctx context.Context, address string, who User) (string, error) {
	v := Visit{URL: address, RedirectURI: LoopbackRedirect, User: who, Steps: t.d.Target.Steps}
	landing, err := t.d.visitBy(ctx, v, t.d.agent.Authorize)
	if err != nil {
		return "", t.d.authorizeTrouble(err)
	}
	// The resource server asks the authorization server in turn, and may have been
	// the one that was told to wait.
	if landing != nil && landing.Page != nil && slices.Contains([]int{http.StatusTooManyRequests, http.StatusServiceUnavailable}, landing.Page.Status) {
		return "", fmt.Errorf("signing in at the URL ended with status %d: %w", landing.Page.Status, wire.ErrLimited)
	}
	return t.linkURL(ctx)
}
