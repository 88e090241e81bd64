package probes

import "context"

// seated puts a user in front of a new browser for as long as something takes.
func seated[T any](ctx context.Context, d *Deployment, do func(*Sitting) (T, error)) (T, error) {
	s, err := d.Sit(ctx)
	if err != nil {
		var none T
		return none, err
	}
	defer s.Close()
	return do(s)
}
