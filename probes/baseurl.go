package probes

import (
	"bytes"
	"context"
	"net/http"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// Oldest is the revision of MCP whose clients start from the server's base URL.
const Oldest = "2025-03-26"

// A BaseURL is what a client of the oldest revision finds at the MCP server's
// base URL (MCP 2025-03-26, Authorization Base URL and Fallbacks for Servers
// without Metadata Discovery).
type BaseURL struct {
	Metadata Fetched
	Answers  []string // default paths that answer as their endpoints do
	Silent   []string // those that do not
}

// BaseURL looks there, without using any of it.
func (d *Deployment) BaseURL(ctx context.Context) (*BaseURL, error) {
	base := origin(d.Endpoint)
	b := &BaseURL{Metadata: d.Fetch(ctx, base+"/.well-known/oauth-authorization-server")}
	nowhere, err := d.Get(ctx, base+"/mcpassay-"+NewVerifier()[:8], http.Header{})
	if err != nil {
		return nil, err
	}
	for _, endpoint := range []struct {
		path, method, kind, body string
		answers                  func(*wire.Response) bool
	}{
		{"/authorize", http.MethodGet, "", "", func(res *wire.Response) bool {
			return res.Status != http.StatusNotFound && res.Status != http.StatusMethodNotAllowed &&
				(res.Status != nowhere.Status || !bytes.Equal(res.Body, nowhere.Body))
		}},
		{"/token", http.MethodPost, "application/x-www-form-urlencoded", "", speaksOAuth},
		{"/register", http.MethodPost, "application/json", "{}", speaksOAuth},
	} {
		req, err := http.NewRequestWithContext(ctx, endpoint.method, base+endpoint.path, bytes.NewReader([]byte(endpoint.body)))
		if err != nil {
			return nil, err
		}
		if endpoint.kind != "" {
			req.Header.Set("Content-Type", endpoint.kind)
		}
		req.Header.Set("Accept", "application/json, text/html")
		res, err := d.Do(req)
		switch {
		case err != nil:
			return nil, err
		case endpoint.answers(res):
			b.Answers = append(b.Answers, endpoint.path)
		default:
			b.Silent = append(b.Silent, endpoint.path)
		}
	}
	return b, nil
}

// speaksOAuth tells whether an answer is a refusal as OAuth endpoints word it.
func speaksOAuth(res *wire.Response) bool {
	document, err := wire.ParseDocument(res.Body)
	return err == nil && res.Status >= 400 && res.Status < 500 && res.Status != http.StatusNotFound && document.Has("error")
}
