package opener

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// plain is a user agent without cookies that follows nothing by itself.
var plain = &http.Client{
	Timeout:       10 * time.Second,
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

const (
	maxHops = 10
	maxPage = 1 << 20
	// patience is how long the client may take to listen for its callback.
	patience = 5 * time.Second
)

// Follow takes an authorization request of a server that asks nobody anything
// through its redirects, to the client's callback.
func Follow(ctx context.Context, request *url.URL) (*url.URL, error) {
	callback := request.Query().Get("redirect_uri")
	at := request
	for range maxHops {
		answer, err := get(ctx, at) //nolint:bodyclose // get has closed it
		if err != nil {
			return nil, err
		}
		location := answer.Header.Get("Location")
		if answer.StatusCode < 300 || answer.StatusCode > 399 || location == "" {
			return nil, nil //nolint:nilnil // it was answered with a page, which nobody looks at
		}
		if at, err = at.Parse(location); err != nil {
			return nil, errors.New("a redirect leads to no URL")
		}
		if Leads(at, callback) {
			return at, nil
		}
	}
	return nil, errors.New("the redirects do not end")
}

// Leads tells whether a URL is the callback, with whatever parameters.
func Leads(u *url.URL, callback string) bool {
	want, err := url.Parse(callback)
	return callback != "" && err == nil && u.Scheme == want.Scheme && strings.EqualFold(u.Host, want.Host) && u.Path == want.Path
}

// Deliver takes an authorization response to the client.
func Deliver(ctx context.Context, callback *url.URL) error {
	if callback.Scheme != "http" && callback.Scheme != "https" {
		return fmt.Errorf("a callback with the scheme %q, which no browser of this machine delivers", callback.Scheme)
	}
	// A client may begin to listen after it has shown the URL: a user takes longer.
	for late := time.Now().Add(patience); ; {
		_, err := get(ctx, callback) //nolint:bodyclose // get has closed it
		if !errors.Is(err, syscall.ECONNREFUSED) || time.Now().After(late) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(5 * pause):
		}
	}
}

// get reads an answer to its end, as a browser does.
func get(ctx context.Context, u *url.URL) (*http.Response, error) {
	if err := Local(u); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, errors.New("a URL that cannot be requested")
	}
	request.Header.Set("Accept", "text/html,*/*;q=0.8")
	answer, err := plain.Do(request)
	if err != nil {
		var failed *url.Error // its text shows the URL, and what is in that
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return nil, fmt.Errorf("GET %s: %w", u.Host, err)
	}
	defer answer.Body.Close() //nolint:errcheck // read as far as wanted
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, maxPage))
	return answer, err
}
