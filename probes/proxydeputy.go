package probes

import (
	"context"
	"slices"
)

// A Deputy is what became of a client that is new to a user who has approved
// another one.
type Deputy struct {
	First *Authorization // of the client that was approved
	Sent  *SentOn        // of the new one
	After *Authorization // what followed if the browser was sent on unasked; nil if it was not
}

// Asked tells whether the user was asked about the new client before the browser
// was sent on.
func (y *Deputy) Asked() bool { return y.Sent.Landing.Consented }

// Confuse has a user approve a client and then, in the same browser, follow a
// link of another client, between two sound flows.
func (d *Deployment) Confuse(ctx context.Context) (*Deputy, error) {
	y := &Deputy{}
	_, err := d.proxiedBy(ctx, func(ctx context.Context, s *Sitting, c *Client) (*Authorization, error) {
		other, err := d.SecondClient(ctx)
		if err != nil {
			return nil, err
		}
		if y.First, err = s.approve(ctx, c); err != nil {
			return nil, err
		}
		return nil, y.meet(ctx, s, other, d.user())
	})
	return y, err
}

// ConfuseUsers has one user approve a client and another one, in another browser,
// follow a link of the same client.
func (d *Deployment) ConfuseUsers(ctx context.Context) (*Deputy, error) {
	y := &Deputy{}
	_, err := d.proxiedBy(ctx, func(ctx context.Context, first *Sitting, _ *Client) (*Authorization, error) {
		c, err := d.WebClient(ctx)
		if err != nil {
			return nil, err
		}
		if y.First, err = first.approve(ctx, c); err != nil {
			return nil, err
		}
		return seated(ctx, d, func(second *Sitting) (*Authorization, error) {
			return nil, y.meet(ctx, second, c, d.Target.Users[1])
		})
	})
	return y, err
}

// approve takes a client to its code.
func (s *Sitting) approve(ctx context.Context, c *Client) (*Authorization, error) {
	r, err := s.d.NewRequest(ctx, c)
	if err != nil {
		return nil, err
	}
	a, err := s.Authorize(ctx, r)
	if err == nil && a.Code == "" {
		err = s.d.noCode(ctx, a)
	}
	return a, err
}

// meet sends a user to the server with a request of the client.
func (y *Deputy) meet(ctx context.Context, s *Sitting, c *Client, user User) error {
	r, err := s.d.NewRequest(ctx, c)
	if err != nil {
		return err
	}
	r.User = user
	delete(r.Values, "prompt") // which no attacker would send
	if y.Sent, err = s.SendOn(ctx, r); err != nil || y.Sent.Hop == nil || y.Asked() {
		return err
	}
	y.After, err = s.Open(ctx, y.Sent.Hop.String(), r)
	return err
}

// Owned tells whether the server showed a page of its own after the browser had
// come back.
func (y *Deputy) Owned(server string) bool {
	return y.After != nil && slices.ContainsFunc(ownPages(y.After), func(p Page) bool { return originOf(p.URL) == server })
}
