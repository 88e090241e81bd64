package probes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// DeadEndpoints sends the smallest request to each endpoint that the metadata
// advertises for machines, and returns those where nothing is, with what was
// answered. Anything but 404, 405 or a page shows that something is there.
func (d *Deployment) DeadEndpoints(ctx context.Context) ([]string, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	var dead []string
	for _, name := range []string{
		"token_endpoint", "registration_endpoint", "revocation_endpoint", "introspection_endpoint", "pushed_authorization_request_endpoint",
	} {
		endpoint, ok := metadata.String(name)
		if !ok {
			continue
		}
		res, err := d.knock(ctx, name, endpoint)
		if err != nil {
			return nil, err
		}
		if res.Status == http.StatusNotFound || res.Status == http.StatusMethodNotAllowed || (res.Status < 300 && res.MediaType() == "text/html") {
			dead = append(dead, fmt.Sprintf("%s (%s) answered %d", name, endpoint, res.Status))
		}
	}
	return dead, nil
}

// knock sends an endpoint a request that says nothing.
func (d *Deployment) knock(ctx context.Context, name, endpoint string) (*wire.Response, error) {
	if name == "registration_endpoint" {
		r, err := d.Register(ctx, map[string]any{})
		if err != nil {
			return nil, err
		}
		return r.Response, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	return d.wire.Do(req)
}

// Reflects fetches a document with each of the headers by which proxies say what
// host was asked for, set to forged, and returns those after which forged stands
// in the document. A query keeps the answers out of caches that others use.
func (d *Deployment) Reflects(ctx context.Context, target, forged string) ([]string, error) {
	plain, err := d.Get(ctx, target, http.Header{})
	if err != nil {
		return nil, err
	}
	if strings.Contains(string(plain.Body), forged) {
		return nil, &Blocked{Owner: reports.Mcpassay, Err: errors.New("the document names the forged host by itself")}
	}
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	var reflected []string
	for i, header := range []http.Header{
		{"X-Forwarded-Host": {forged}},
		{"Forwarded": {"host=" + forged + ";proto=https"}},
		{"X-Original-Host": {forged}},
		{"X-Host": {forged}},
		{"X-Forwarded-Server": {forged}},
	} {
		query := u.Query()
		query.Set("mcpassay", NewVerifier()[:8]+fmt.Sprint(i))
		u.RawQuery = query.Encode()
		res, err := d.Get(ctx, u.String(), header)
		if err != nil {
			return nil, err
		}
		if strings.Contains(string(res.Body), forged) {
			for name := range header {
				reflected = append(reflected, name)
			}
		}
	}
	return reflected, nil
}
