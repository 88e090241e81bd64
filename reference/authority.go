package reference

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// errUnavailable says that the authorization server could not be asked, so that
// nothing is known of the token. Nobody is let in on that account.
var errUnavailable = errors.New("the authorization server cannot be asked")

// errBusy says that it asked to be left alone for a while.
var errBusy = errors.New("the authorization server is busy")

const (
	maxDocument     = 1 << 20          // of what the authorization server may answer
	askTimeout      = 5 * time.Second  // for each request to it
	keysFreshFor    = 5 * time.Minute  // after which a removed key is refused
	keysFetchedOnce = time.Second      // at most, however many unknown key ids arrive
	metadataFresh   = 10 * time.Minute // its endpoints rarely move
)

// An authority is the authorization server as a resource server sees it: where
// keys come from, and whom to ask to exchange or introspect a token.
type authority struct {
	issuer string
	client string // that we are there
	secret string // of the client
	http   *http.Client
	faults fault.Set
	cache  *introspectionCache // nil: none

	transport *http.Transport // of http

	mu          sync.Mutex
	metadata    *authorityMetadata
	metadataAt  time.Time
	keys        tokens.KeySet
	keysAt      time.Time
	jwks        json.RawMessage
	lastAttempt time.Time
}

// authorityMetadata are the members of RFC 8414, section 2, that are used here.
type authorityMetadata struct {
	Issuer        string `json:"issuer"`
	JWKS          string `json:"jwks_uri"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	Introspection string `json:"introspection_endpoint"`
	Pushed        string `json:"pushed_authorization_request_endpoint"`
}

func newAuthority(issuer, secret string) *authority {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	return &authority{issuer: issuer, client: ResourceServerClient, secret: secret, transport: transport, http: &http.Client{
		Transport: introduced{transport},
		Timeout:   askTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("metadata and keys do not move") // following would be SSRF by proxy
		},
	}}
}

func (a *authority) close() { a.http.CloseIdleConnections() }

// key finds a key by id. An unknown id may be a new key, so the set is fetched
// again, but not for every forged token.
func (a *authority) key(ctx context.Context, kid string) (tokens.Key, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key, known := a.keys[kid]
	fresh := time.Since(a.keysAt) < keysFreshFor
	if known && fresh {
		return key, nil
	}
	if a.keys != nil && a.faults.Has(fault.KeysNeverFetched) {
		return tokens.Key{}, errors.New("signed by an unknown key")
	}
	if !fresh || time.Since(a.lastAttempt) > keysFetchedOnce {
		if err := a.refresh(ctx); err != nil {
			return tokens.Key{}, err
		}
	}
	if key, known = a.keys[kid]; !known {
		return tokens.Key{}, errors.New("signed by an unknown key")
	}
	return key, nil
}

// refresh fetches the key set. The caller holds the lock, which makes others
// wait for this one fetch rather than make their own.
func (a *authority) refresh(ctx context.Context) error {
	a.lastAttempt = time.Now()
	m, err := a.describe(ctx)
	if err != nil {
		return err
	}
	jwks, err := a.fetch(ctx, m.JWKS)
	if err != nil {
		return err
	}
	keys, err := tokens.ParseKeySet(jwks)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnavailable, err)
	}
	if a.faults.Has(fault.KeysNeverDropped) {
		for kid, key := range a.keys {
			keys[kid] = key
		}
	}
	a.keys, a.keysAt, a.jwks = keys, time.Now(), jwks
	return nil
}

// published is the key set as the authorization server serves it.
func (a *authority) published(ctx context.Context) json.RawMessage {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.jwks == nil && a.refresh(ctx) != nil {
		return nil
	}
	return a.jwks
}

// fetchKeys fetches a key set from anywhere, which only faults do.
func (a *authority) fetchKeys(ctx context.Context, address string) (tokens.KeySet, error) {
	jwks, err := a.fetch(ctx, address)
	if err != nil {
		return nil, err
	}
	return tokens.ParseKeySet(jwks)
}

// describe fetches the metadata of the issuer, at the RFC 8414 URI or at one of
// the OpenID Connect ones, and believes it only if it is the issuer's own (RFC
// 8414, section 3.3). The caller holds the lock.
func (a *authority) describe(ctx context.Context) (*authorityMetadata, error) {
	if a.metadata != nil && time.Since(a.metadataAt) < metadataFresh {
		return a.metadata, nil
	}
	var errs []error
	for _, address := range []string{
		wellKnown(a.issuer, "/.well-known/oauth-authorization-server"),
		wellKnown(a.issuer, "/.well-known/openid-configuration"),
		strings.TrimSuffix(a.issuer, "/") + "/.well-known/openid-configuration",
	} {
		body, err := a.fetch(ctx, address)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		var m authorityMetadata
		if err := json.Unmarshal(body, &m); err != nil || m.Issuer != a.issuer {
			errs = append(errs, fmt.Errorf("%w: %s is not the metadata of the issuer", errUnavailable, address))
			continue
		}
		if m.Introspection == "" {
			m.Introspection = strings.TrimSuffix(a.issuer, "/") + "/introspect"
		}
		a.metadata, a.metadataAt = &m, time.Now()
		return a.metadata, nil
	}
	return nil, errors.Join(errs...)
}

// exchange trades the caller's token for one that is meant for another resource
// and names the same user (RFC 8693, section 2.1).
func (a *authority) exchange(ctx context.Context, token, resource, scope string) (string, error) {
	var answer struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
	}
	err := a.ask(ctx, func(m *authorityMetadata) string { return m.Token }, url.Values{
		"grant_type":           {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token":        {token},
		"subject_token_type":   {"urn:ietf:params:oauth:token-type:access_token"},
		"requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"resource":             {resource},
		"scope":                {scope},
	}, &answer)
	if err != nil {
		return "", err
	}
	if answer.Token == "" || answer.Token == token || !strings.EqualFold(answer.Type, "Bearer") {
		return "", errors.New("the token was not exchanged")
	}
	return answer.Token, nil
}

// introspect asks what a token stands for (RFC 7662, section 2). Only active:
// true is active; anything else, errors included, is not.
func (a *authority) introspect(ctx context.Context, token string) (*tokens.Token, error) {
	if t, kept := a.cache.get(token); kept {
		return t, nil
	}
	answer, err := a.askFor(ctx, introspection, url.Values{"token": {token}}, "application/json")
	if err != nil {
		return nil, err
	}
	claims, err := tokens.ParseObject(answer)
	if err != nil && a.faults.Has(fault.IntrospectionStatus) {
		claims, err = map[string]json.RawMessage{"active": json.RawMessage("true")}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnavailable, err)
	}
	if !a.isActive(claims) {
		return nil, errors.New("not active")
	}
	if _, named := claims["iss"]; !named { // optional, and it is the issuer who answers
		if claims["iss"], err = json.Marshal(a.issuer); err != nil {
			return nil, err
		}
	}
	t := &tokens.Token{Claims: claims}
	a.cache.put(token, t)
	return t, nil
}

func introspection(m *authorityMetadata) string { return m.Introspection }

// isActive tells whether active is the boolean true, and nothing like it.
func (a *authority) isActive(claims map[string]json.RawMessage) bool {
	active, present := claims["active"]
	switch {
	case a.faults.Has(fault.IntrospectionStatus):
		return string(active) != "false"
	case a.faults.Has(fault.IntrospectionTruthy):
		return present && string(active) != "false"
	case a.faults.Has(fault.IntrospectionText) && string(active) == `"true"`:
		return true
	}
	return string(active) == "true"
}

// ask posts a form to an endpoint as the resource server's own client.
func (a *authority) ask(ctx context.Context, endpoint func(*authorityMetadata) string, form url.Values, answer any) error {
	body, err := a.askFor(ctx, endpoint, form, "application/json")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("%w: %w", errUnavailable, err)
	}
	return nil
}

// askFor does the same for an answer of any media type.
func (a *authority) askFor(ctx context.Context, endpoint func(*authorityMetadata) string, form url.Values, accept string) ([]byte, error) {
	return a.post(ctx, endpoint, form, accept, http.StatusOK)
}

// post does the same where another status than 200 means that it worked.
func (a *authority) post(ctx context.Context, endpoint func(*authorityMetadata) string, form url.Values, accept string, status int) ([]byte, error) {
	a.mu.Lock()
	m, err := a.describe(ctx)
	a.mu.Unlock()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint(m), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnavailable, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", accept)
	req.SetBasicAuth(url.QueryEscape(a.client), url.QueryEscape(a.secret)) // RFC 6749, section 2.3.1
	return a.do(req, status)
}

func (a *authority) fetch(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnavailable, err)
	}
	req.Header.Set("Accept", "application/json")
	return a.do(req, http.StatusOK)
}

// do returns the bounded body of an answer with the status.
func (a *authority) do(req *http.Request, status int) ([]byte, error) {
	res, err := a.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnavailable, err)
	}
	defer res.Body.Close() //nolint:errcheck // read to its end or given up
	body, err := io.ReadAll(io.LimitReader(res.Body, maxDocument))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnavailable, err)
	}
	switch res.StatusCode {
	case status:
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return nil, fmt.Errorf("%w: %w: %s answered %d", errUnavailable, errBusy, req.URL.Path, res.StatusCode)
	default:
		return nil, fmt.Errorf("%w: %s answered %d", errUnavailable, req.URL.Path, res.StatusCode)
	}
	return body, nil
}
