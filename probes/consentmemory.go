package probes

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Wider is what came of requests for more than was approved, where an approval
// is remembered.
type Wider struct {
	Same     *Attempt // for just what was approved
	Approved []string // scopes
	Scope    *Attempt // nil if there are no other scopes
	Resource *Attempt // nil if there is no other resource
	Redirect *Attempt // nil if there is no other redirect URI
}

// otherWebRedirect is a second redirect URI, on another host than the first.
const otherWebRedirect = "https://other-client.mcpassay.example/callback"

// AskForMore approves a client and asks for more than that.
func (d *Deployment) AskForMore(ctx context.Context) (*Wider, error) {
	web, err := d.WithRedirects(ctx, "web", WebRedirect, otherWebRedirect)
	if refused := (*NotRegistered)(nil); errors.As(err, &refused) {
		web, err = d.RedirectClient(ctx)
	}
	if err != nil {
		return nil, err
	}
	scopes, err := d.AllScopes(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, web, func(ctx context.Context) (*Wider, error) {
		narrow := Without() // whatever is asked for
		w := &Wider{}
		if len(scopes) > 0 {
			narrow = With("scope", scopes[0])
			w.Approved = scopes[:1]
		}
		s, _, err := d.SignIn(ctx, web, quietly(narrow)...)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		if w.Same, err = s.look(ctx, web, nil, narrow); err != nil || !w.Same.Issued() {
			return w, err
		}
		if len(scopes) > 1 {
			if w.Scope, err = s.look(ctx, web, nil, With("scope", strings.Join(scopes, " "))); err != nil {
				return nil, err
			}
		}
		if d.Target.OtherResource != "" {
			if w.Resource, err = s.look(ctx, web, nil, narrow, With("resource", d.Target.OtherResource)); err != nil {
				return nil, err
			}
		}
		if slices.Contains(web.RedirectURIs, otherWebRedirect) {
			w.Redirect, err = s.look(ctx, web, nil, narrow, With("redirect_uri", otherWebRedirect))
		}
		return w, err
	})
}

// Reminders is what came of cookies that say what was approved.
type Reminders struct {
	Names     []string // of cookies that name the approved client
	Rewritten *Attempt // one of them rewritten for another client; nil if there are none
	Moved     *Attempt // the same cookies in the browser of another user; nil if there is none
}

// ForgeReminders looks for cookies that remember an approval, and forges them.
func (d *Deployment) ForgeReminders(ctx context.Context) (*Reminders, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Reminders, error) {
		endpoint, err := d.ServerEndpoint(ctx, "authorization_endpoint")
		if err != nil {
			return nil, err
		}
		first, _, err := d.SignIn(ctx, c)
		if err != nil {
			return nil, err
		}
		defer first.Close()
		cookies, err := first.Cookies(ctx, endpoint)
		if err != nil {
			return nil, err
		}
		return d.forgeReminders(ctx, c, endpoint, cookies)
	})
}

func (d *Deployment) forgeReminders(ctx context.Context, c *Client, endpoint string, cookies []*http.Cookie) (*Reminders, error) {
	r := &Reminders{}
	naming := slices.DeleteFunc(cookies, func(k *http.Cookie) bool { return rewritten(k.Value, c.ID, "x") == k.Value })
	for _, k := range naming {
		r.Names = append(r.Names, k.Name)
	}
	if len(naming) == 0 {
		return r, nil
	}
	try := func(u User, target *Client, planted []*http.Cookie) (*Attempt, error) {
		s, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		request, err := d.NewRequest(ctx, target, quietly()...)
		if err != nil {
			return nil, err
		}
		if _, err := s.Authorize(ctx, request, By(u), Until(BeforeConsent)); err != nil { // signs in and approves nothing
			return nil, err
		}
		if err := s.Plant(ctx, endpoint, planted); err != nil {
			return nil, err
		}
		return s.look(ctx, target, nil)
	}
	var err error
	if len(d.Target.Users) > 1 {
		if r.Moved, err = try(d.Target.Users[1], c, naming); err != nil {
			return nil, err
		}
	}
	other, err := d.Unapproved(ctx)
	if err != nil {
		return nil, err
	}
	var forged []*http.Cookie
	for _, k := range naming {
		f := *k
		f.Value = rewritten(k.Value, c.ID, other.ID)
		forged = append(forged, &f)
	}
	r.Rewritten, err = try(d.user(), other, forged)
	return r, err
}

// rewritten replaces a word in a cookie's value, also where it is encoded.
func rewritten(value, old, replacement string) string {
	if plain, err := url.QueryUnescape(value); err == nil && strings.Contains(plain, old) {
		if plain == value {
			return strings.ReplaceAll(value, old, replacement)
		}
		return url.QueryEscape(strings.ReplaceAll(plain, old, replacement))
	}
	for _, encoding := range []*base64.Encoding{base64.RawURLEncoding, base64.URLEncoding, base64.StdEncoding, base64.RawStdEncoding} {
		if decoded, err := encoding.DecodeString(value); err == nil && strings.Contains(string(decoded), old) {
			return encoding.EncodeToString([]byte(strings.ReplaceAll(string(decoded), old, replacement)))
		}
	}
	return value
}
