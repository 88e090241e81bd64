package opener

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// plain is a user agent without cookies that follows nothing by itself, and trusts
// the authorities that the system trusts.
var plain = agent(nil)

func agent(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Timeout:       10 * time.Second,
		Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

const (
	maxHops = 10
	maxPage = 1 << 20
	// maxAnswer bounds what is kept of a page.
	maxAnswer = 64 << 10
	// patience is how long the client may take to listen for its callback.
	patience = 5 * time.Second
)

// Follow takes an authorization request of a server that asks nobody anything
// through its redirects, to the client's callback.
func Follow(ctx context.Context, request *url.URL) (*url.URL, error) {
	return follow(ctx, plain, request)
}

// Following does the same where servers have certificates of these authorities.
func Following(roots *x509.CertPool) Visitor {
	trusting := agent(roots)
	return func(ctx context.Context, request *url.URL) (*url.URL, error) { return follow(ctx, trusting, request) }
}

func follow(ctx context.Context, through *http.Client, request *url.URL) (*url.URL, error) {
	callback := request.Query().Get("redirect_uri")
	at := request
	for range maxHops {
		answer, _, err := get(ctx, through, at) //nolint:bodyclose // get has closed it
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

// get reads an answer to its end, as a browser does, and returns the beginning.
func get(ctx context.Context, through *http.Client, u *url.URL) (*http.Response, []byte, error) {
	if err := Local(u); err != nil {
		return nil, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, nil, errors.New("a URL that cannot be requested")
	}
	request.Header.Set("Accept", "text/html,*/*;q=0.8")
	answer, err := through.Do(request)
	if err != nil {
		var failed *url.Error // its text shows the URL, and what is in that
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return nil, nil, fmt.Errorf("GET %s: %w", u.Host, err)
	}
	defer answer.Body.Close() //nolint:errcheck // read as far as wanted
	page, err := io.ReadAll(io.LimitReader(answer.Body, maxPage))
	return answer, page[:min(len(page), maxAnswer)], err
}
