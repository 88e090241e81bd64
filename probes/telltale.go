package probes

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/reports"
)

// A Telltale is what a user was shown because something could not be fetched.
type Telltale struct {
	What, Text string
}

// marker is a text that stands nowhere but in what our host answers.
const marker = "mcpassay-was-here-4711"

// Telltales gives client ids whose documents cannot be had for different reasons,
// and returns what was shown, without addresses and numbers.
func (d *Deployment) Telltales(ctx context.Context) ([]Telltale, error) {
	return WithDocuments(ctx, d, func(ctx context.Context) ([]Telltale, error) {
		answers := map[string]Answering{
			"status 404":    As(http.StatusNotFound, "text/plain", []byte(marker)),
			"status 500":    As(http.StatusInternalServerError, "text/html", []byte("<h1>"+marker+"</h1>")),
			"a page":        As(http.StatusOK, "text/html", []byte("<h1>"+marker+"</h1>")),
			"text for JSON": As(http.StatusOK, "application/json", []byte(marker)),
		}
		var all []Telltale
		show := func(what string, c *Client) error {
			a, err := d.Attempt(ctx, c, nil, nil)
			if err == nil {
				all = append(all, Telltale{what, plainly(a.Authorization.Shown(), c.ID)})
			}
			return err
		}
		for what, answer := range answers {
			p, err := d.published(ctx, Publication{Serve: func([]byte) Answering { return answer }})
			if err != nil {
				return nil, err
			}
			if err := show(what, p.Client); err != nil {
				return nil, err
			}
		}
		if d.LocalServer(ctx) {
			open, err := d.Canary(ctx)
			if err != nil {
				return nil, err
			}
			closed, err := closedPort()
			if err != nil {
				return nil, err
			}
			for what, c := range map[string]*Canary{"an open port": open, "a closed port": {Port: closed}} {
				if err := show(what, &Client{ID: c.Under("https", "127.0.0.1"), Method: "none", RedirectURI: LoopbackRedirect}); err != nil {
					return nil, err
				}
			}
		}
		slices.SortFunc(all, func(a, b Telltale) int { return strings.Compare(a.What, b.What) })
		return all, nil
	})
}

// Echoes tells whether the text shows what the host answered.
func (t Telltale) Echoes() bool { return strings.Contains(t.Text, marker) }

// plainly leaves out of a text what differs between requests anyway.
func plainly(text, id string) string {
	text = strings.ReplaceAll(text, id, "")
	if u, err := url.Parse(id); err == nil {
		text = strings.ReplaceAll(strings.ReplaceAll(text, u.Host, ""), u.Path, "")
	}
	return strings.Join(strings.Fields(text), " ")
}

// closedPort is a port of loopback on which nobody listens.
func closedPort() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", &Blocked{Owner: reports.Mcpassay, Err: err}
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// Strangely tells whether a document was fetched from a server whose certificate
// nobody vouches for; offered is false where there is no such server.
func (d *Deployment) Strangely(ctx context.Context) (fetched, offered bool, err error) {
	all, err := d.Publications(ctx, []Publication{{Name: "a certificate that nobody vouches for", Base: Untrusted}})
	if err != nil || len(all) == 0 {
		return false, false, err
	}
	return all[0].Fetched(), true, nil
}

// Brought are the header fields that hold credentials, of the requests for a
// document and for a key set.
func (d *Deployment) Brought(ctx context.Context) ([]string, error) {
	return WithDocuments(ctx, d, func(ctx context.Context) ([]string, error) {
		c, err := d.NewChanging(ctx, Version{})
		if err != nil {
			return nil, err
		}
		if _, err := d.Grant(ctx, c.Client); err != nil {
			return nil, err
		}
		fetches := c.Document.Fetches()
		if k, err := d.DocumentKeyClient(ctx, true); err == nil {
			fetches = append(fetches, k.KeySet.Fetches()...)
		}
		var brought []string
		for _, f := range fetches {
			for name := range f.Header {
				if secretive(name) && !slices.Contains(brought, name) {
					brought = append(brought, name)
				}
			}
		}
		return brought, nil
	})
}

// secretive tells whether a header field holds a credential by its name.
func secretive(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"authorization", "cookie", "token", "secret", "api-key", "credential", "session"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
