package probes

import (
	"context"
	"errors"

	"github.com/mcpassay/mcpassay/reports"
)

// ErrNoSecondUser says that the configuration names one user only.
var ErrNoSecondUser = errors.New("no second user is known (users in the configuration)")

// SecondUserToken is a sound access token of the second user, from one flow for
// all who ask while it lives.
func (d *Deployment) SecondUserToken(ctx context.Context) (string, error) {
	if len(d.Target.Users) < 2 {
		return "", &Blocked{By: "second user", Owner: reports.Configuration, Err: ErrNoSecondUser}
	}
	kept, err := Once(d, "second user's tokens", func(context.Context) (*fresh, error) { return &fresh{}, nil }).Get(ctx)
	if err != nil {
		return "", err
	}
	t, err := kept.get(func() (*Tokens, error) { return d.GrantOf(ctx, d.Target.Users[1]) })
	if err != nil {
		return "", err
	}
	return t.Access, nil
}
