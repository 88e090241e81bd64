package reference

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// The ways in which clients of MCP 2025-03-26 find the authorization server from
// the server's own base URL: its metadata is there, or the endpoints are, under
// their default paths.
const (
	BaseURLMetadata = "metadata"
	BaseURLDefaults = "defaults"
)

// oldestVersion is the revision whose clients look nowhere else.
const oldestVersion = "2025-03-26"

// serveBaseURL has the base URL of the MCP server answer for the authorization
// server, as a gateway in front of both would (MCP 2025-03-26, Authorization Base URL).
func (rs *ResourceServer) serveBaseURL(way, issuer string, site Site) {
	target, err := url.Parse(issuer)
	if err != nil || way == "" {
		return
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	if site != nil {
		forward.Transport = site
	}
	paths := []string{"/.well-known/oauth-authorization-server"}
	if way == BaseURLDefaults {
		paths = []string{"/authorize", "/token", "/register"}
	}
	if rs.faults.Has(fault.BaseURLIncomplete) {
		paths = paths[:2]
	}
	for _, path := range paths {
		if !rs.faults.Has(fault.BaseURLSilent) {
			rs.metadata[path] = forward
		}
	}
}

// asOldest makes a handshake one for the oldest revision, the only one that is
// spoken where clients look at the base URL.
func (e *endpoint) asOldest(r *http.Request, m messages) {
	if !e.oldest || m.first().method != methodInitialize {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	body = bytes.Replace(body, []byte(`"protocolVersion":"2025-11-25"`), []byte(`"protocolVersion":"`+oldestVersion+`"`), 1)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}
