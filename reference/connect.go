package reference

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// Where users connect an account, and where the authorization server sends them
// back to.
const (
	connectPath   = "/connect/"
	connectedPath = "/connect/callback"
)

// connections are the accounts that users connect on a page of the server's, to
// which a tool sends them (URL-mode elicitation). The URL is only a pointer: whoever
// opens it has to sign in, and has to turn out to be the user whose call it came
// from. Else an attacker could have another's account connected to their own
// session (MCP 2026-07-28, Elicitation, Identifying the User).
type connections struct {
	mu        sync.Mutex
	asked     map[string]*connecting // by the id in the URL
	connected map[string]bool        // by subject
}

type connecting struct {
	subject  string // whom it is for
	verifier string // of the sign-in under way
	state    string
	browser  string // the cookie of whoever is signing in
	expires  time.Time
}

const connectTime = 5 * time.Minute

// ask makes a URL for the caller.
func (c *connections) ask(who *caller) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, old := range c.asked {
		if time.Now().After(old.expires) || len(c.asked) >= maxRemembered {
			delete(c.asked, id)
		}
	}
	id := rand.Text()
	c.asked[id] = &connecting{subject: who.Subject, expires: time.Now().Add(connectTime)}
	return id
}

func (c *connections) has(subject string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.connected[subject]
}

// begin starts a sign-in for the URL.
func (c *connections) begin(id string, f fault.Set) (connecting, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one, ok := c.asked[id]
	if !ok || time.Now().After(one.expires) {
		return connecting{}, false
	}
	one.verifier, one.state, one.browser = secret(), rand.Text(), rand.Text()
	if f.Has(fault.ElicitedURLGrants) {
		c.connected[one.subject] = true
	}
	return *one, true
}

// take finds the sign-in that a browser comes back from, and ends it.
func (c *connections) take(state, browser string) (connecting, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, one := range c.asked {
		if one.state != "" && one.state == state && one.browser == browser {
			delete(c.asked, id)
			return *one, true
		}
	}
	return connecting{}, false
}

func (c *connections) finish(subject string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.connected) < maxRemembered {
		c.connected[subject] = true
	}
}

// addConnectTool adds a tool that needs an account which the user connects in a
// browser.
func (e *endpoint) addConnectTool() {
	const name = "link_account"
	e.scopes[name] = nil
	e.accounts.asked, e.accounts.connected = map[string]*connecting{}, map[string]bool{}
	mcp.AddTool(e.server, &mcp.Tool{Name: name, Description: "Links your account, on a page where you sign in."},
		func(_ context.Context, req *mcp.CallToolRequest, _ nothing) (*mcp.CallToolResult, any, error) {
			who, err := admittedTo(req, name)
			switch {
			case err != nil:
				return nil, nil, err
			case e.accounts.has(who.Subject):
				return textResult("linked"), nil, nil
			case req.Params.InputResponses != nil:
				return nil, nil, errors.New("not linked yet")
			case !canBeAsked(req):
				return nil, nil, errors.New("this needs a client that can ask you")
			}
			id := e.accounts.ask(who)
			address := originOf(e.url) + connectPath + id
			if e.faults.Has(fault.ElicitedURLTells) {
				address += "?" + url.Values{"user": {who.Subject}, "access_token": {who.token}}.Encode()
			}
			return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"link": &mcp.ElicitParams{
				Mode: "url", Message: "Sign in to link your account.", URL: address, ElicitationID: id,
			}}}, nil, nil
		})
}

// serveConnect is the page. It shows nothing before the user has signed in at the
// authorization server, in this browser.
func (e *endpoint) serveConnect(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	if r.Method != http.MethodGet {
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	if r.URL.Path == connectedPath {
		e.finishConnect(w, r)
		return
	}
	one, ok := e.accounts.begin(strings.TrimPrefix(r.URL.Path, connectPath), e.faults)
	if !ok {
		http.NotFound(w, r)
		return
	}
	address, err := e.authority.signIn(r.Context(), originOf(e.url)+connectedPath, one, e.url)
	if err != nil {
		notNow(w, err, "nobody can sign in now", http.StatusBadGateway)
		return
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // not Secure: the deployment has no TLS, being on loopback
		Name: "connect", Value: one.browser, Path: connectPath, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	http.Redirect(w, r, address, http.StatusFound)
}

// finishConnect learns who has signed in.
func (e *endpoint) finishConnect(w http.ResponseWriter, r *http.Request) {
	cookie, err := r.Cookie("connect")
	if err != nil {
		http.Error(w, "this did not begin in this browser", http.StatusForbidden)
		return
	}
	one, ok := e.accounts.take(r.URL.Query().Get("state"), cookie.Value)
	if !ok {
		http.Error(w, "this did not begin in this browser", http.StatusForbidden)
		return
	}
	token, err := e.authority.redeem(r.Context(), r.URL.Query().Get("code"), originOf(e.url)+connectedPath, one.verifier, e.url)
	if err != nil {
		notNow(w, err, "you are not signed in", http.StatusForbidden)
		return
	}
	who, err := e.verifier.verify(r.Context(), token)
	if err != nil {
		notNow(w, err, "you are not signed in", http.StatusForbidden)
		return
	}
	if who.Subject != one.subject && !e.faults.Has(fault.ElicitedForAnyone) {
		http.Error(w, "this link was made for another user", http.StatusForbidden)
		return
	}
	e.accounts.finish(one.subject)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte("<!doctype html><title>Linked</title><p>Your account is linked.</p>")) // the browser has gone: nothing to do
}

// notNow tells why the user cannot go on: the authorization server is busy, or
// what is said.
func notNow(w http.ResponseWriter, err error, says string, status int) {
	if errors.Is(err, errBusy) {
		w.Header().Set("Retry-After", "1")
		says, status = "please try again in a moment", http.StatusServiceUnavailable
	}
	http.Error(w, says, status)
}

// signIn is the authorization request that has a user sign in.
func (a *authority) signIn(ctx context.Context, redirectURI string, one connecting, resource string) (string, error) {
	a.mu.Lock()
	m, err := a.describe(ctx)
	a.mu.Unlock()
	if err != nil {
		return "", err
	}
	asked, err := a.push(ctx, m, url.Values{
		"response_type": {"code"}, "client_id": {a.client}, "redirect_uri": {redirectURI}, "scope": {scopeRead}, "resource": {resource},
		"state": {one.state}, "code_challenge": {challengeFor(one.verifier)}, "code_challenge_method": {"S256"},
	})
	if err != nil {
		return "", err
	}
	return m.Authorization + "?" + asked.Encode(), nil
}

// push lodges an authorization request with the authorization server, where that
// takes pushed ones, and returns what is left for the browser (RFC 9126, sections
// 2 and 4): as a client that can prove who it is we leave nothing to be changed
// on the way.
func (a *authority) push(ctx context.Context, m *authorityMetadata, request url.Values) (url.Values, error) {
	if m.Pushed == "" {
		return request, nil
	}
	body, err := a.post(ctx, func(m *authorityMetadata) string { return m.Pushed }, request, "application/json", http.StatusCreated)
	if err != nil {
		return nil, err
	}
	var answer struct {
		URI string `json:"request_uri"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.URI == "" {
		return nil, fmt.Errorf("%w: the pushed request got no request_uri", errUnavailable)
	}
	return url.Values{"client_id": {a.client}, "request_uri": {answer.URI}}, nil
}

// redeem exchanges the code of a sign-in for the access token that tells who it was.
func (a *authority) redeem(ctx context.Context, code, redirectURI, verifier, resource string) (string, error) {
	var answer struct {
		Token string `json:"access_token"`
	}
	err := a.ask(ctx, func(m *authorityMetadata) string { return m.Token }, url.Values{
		"grant_type": {grantCode}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier}, "resource": {resource},
	}, &answer)
	if err == nil && answer.Token == "" {
		err = errors.New("no token was issued")
	}
	return answer.Token, err
}
