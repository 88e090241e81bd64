package probes

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// TryDocumentRedirect asks for a redirect URI as the document client, between
// sound flows.
func (d *Deployment) TryDocumentRedirect(uri func(*Client) string) *Future[*Attempt] {
	return Start(d, func(ctx context.Context) (*Attempt, error) {
		return WithDocuments(ctx, d, func(ctx context.Context) (*Attempt, error) {
			c, err := d.DocumentClient(ctx)
			if err != nil {
				return nil, err
			}
			return d.Attempt(ctx, c, []Mutation{With("redirect_uri", uri(c))}, nil)
		})
	})
}

// Unreadable publishes documents that cannot be read, and asks for a redirect URI
// that only they would list.
func (d *Deployment) Unreadable() *Future[[]Published] {
	ask := []Mutation{With("redirect_uri", StrangeRedirect)}
	lists := map[string]any{"redirect_uris": []string{StrangeRedirect}}
	broken := func(name string, serve Answering) Publication {
		return Publication{Name: name, Change: lists, Request: ask, Serve: func([]byte) Answering { return serve }}
	}
	return d.Publish(
		broken("status 404", As(http.StatusNotFound, "text/plain", []byte("not found"))),
		broken("status 500", As(http.StatusInternalServerError, "text/plain", []byte("no"))),
		broken("no JSON", As(http.StatusOK, "application/json", []byte("{"))),
		broken("a connection that breaks", func(w http.ResponseWriter, _ *http.Request, _ int) {
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = c.Close() // that is what it is for
			}
		}),
	)
}

// Unlisted asks for redirect URIs that a sound document does not list.
func (d *Deployment) Unlisted() *Future[[]Published] {
	ask := func(name, uri string) Publication {
		return Publication{Name: name, Change: map[string]any{"redirect_uris": []string{WebRedirect}}, Request: []Mutation{With("redirect_uri", uri)}}
	}
	return d.Publish(
		ask("on another host", StrangeRedirect),
		ask("on a longer path", WebRedirect+"/more"),
		ask("with a query", WebRedirect+"?x=1"),
		ask("by http", strings.Replace(WebRedirect, "https", "http", 1)),
	)
}

// SentAway says where the user was sent with an answer, if that is where the
// request wanted and nobody has vouched for it; empty if nowhere.
func (p *Published) SentAway() string {
	a := p.Authorization
	asked := a.Request.RedirectURI()
	if !a.Redirected() || !samePlace(a.Landing.Redirect, asked) {
		return ""
	}
	return fmt.Sprintf("%s: %s", p.Name, a.Ended())
}
