package opener

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"syscall"
	"time"

	"github.com/mcpassay/mcpassay/probes/launch"
)

// Lead makes the user's browser come to the client's callback by other URLs than
// the authorization response, or by more of them, in their order. Nil leads to the
// response alone. It is for before the client starts.
func (o *Opener) Lead(lead func(response *url.URL) []*url.URL) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lead = lead
}

// Answers are those of the client's callback so far.
func (o *Opener) Answers() []launch.Answer {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.answers)
}

// Browse visits a URL that the client hands over, and returns once the client has
// been answered, or cannot be.
func (o *Opener) Browse(ctx context.Context, target string) error {
	if u := o.take(target, true); u != nil {
		return o.browse(ctx, u)
	}
	return errors.New("nothing opens this URL")
}

func (o *Opener) browse(ctx context.Context, request *url.URL) error {
	response, err := o.visit(ctx, request)
	if err != nil || response == nil {
		return err
	}
	o.mu.Lock()
	lead := o.lead
	o.mu.Unlock()
	callbacks := []*url.URL{response}
	if lead != nil {
		callbacks = lead(response)
	}
	for i, callback := range callbacks {
		wait := time.Duration(0)
		if i == 0 {
			wait = patience
		}
		answer, err := deliver(ctx, callback, wait)
		switch {
		case err != nil && i == 0:
			return err
		case err == nil:
			o.mu.Lock()
			o.answers = append(o.answers, *answer)
			o.mu.Unlock()
		} // a client that has what it wanted need not listen for more
	}
	return nil
}

// deliver calls the client's callback. A client may begin to listen after it has
// shown the URL, since a user takes longer: that is waited for.
func deliver(ctx context.Context, callback *url.URL, wait time.Duration) (*launch.Answer, error) {
	if callback.Scheme != "http" && callback.Scheme != "https" {
		return nil, fmt.Errorf("a callback with the scheme %q, which no browser of this machine delivers", callback.Scheme)
	}
	for late := time.Now().Add(wait); ; {
		answer, page, err := get(ctx, plain, callback) //nolint:bodyclose // get has closed it
		if err == nil {
			return &launch.Answer{URL: callback.String(), Status: answer.StatusCode, Header: answer.Header, Body: page}, nil
		}
		if !errors.Is(err, syscall.ECONNREFUSED) || time.Now().After(late) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(5 * pause):
		}
	}
}
