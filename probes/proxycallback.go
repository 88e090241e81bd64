package probes

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"strings"

	"github.com/mcpassay/mcpassay/reports"
)

// withState returns a URL with its state replaced, or left out if it is empty.
func withState(u *url.URL, value string) *url.URL {
	const name = "state"
	changed := *u
	query := maps.Clone(u.Query())
	if query.Del(name); value != "" {
		query.Set(name, value)
	}
	changed.RawQuery = query.Encode()
	return &changed
}

// A Return is one way to come back from the identity provider that ought to lead
// nowhere.
type Return struct {
	Name string
	// make carries it out in a browser that has been sent on and has signed in
	// upstream, and returns what came of it.
	make func(ctx context.Context, s *Sitting, sent *SentOn, callback *url.URL) (*Authorization, error)
}

// The ways to come back.
var (
	ReturnWithoutState = Return{"without state", func(ctx context.Context, s *Sitting, sent *SentOn, callback *url.URL) (*Authorization, error) {
		return s.Open(ctx, withState(callback, "").String(), sent.Request)
	}}
	ReturnWithOtherState = Return{"with a state of the same form that was never sent", func(ctx context.Context, s *Sitting, sent *SentOn, callback *url.URL) (*Authorization, error) {
		state := callback.Query().Get("state")
		return s.Open(ctx, withState(callback, respelt(state)).String(), sent.Request)
	}}
	ReturnTwice = Return{"a second time", func(ctx context.Context, s *Sitting, sent *SentOn, callback *url.URL) (*Authorization, error) {
		first, err := s.Open(ctx, callback.String(), sent.Request)
		if err != nil {
			return nil, err
		}
		if first.Code == "" {
			return nil, &Blocked{By: "as-code-flow", Owner: reports.AuthServer, Err: fmt.Errorf("coming back led to no code: %s", first.Ended())}
		}
		return s.Open(ctx, callback.String(), sent.Request)
	}}
	ReturnInjected = Return{"with the identity provider's code of another flow", func(ctx context.Context, s *Sitting, sent *SentOn, callback *url.URL) (*Authorization, error) {
		second, err := s.SentTo(ctx, sent.Request.Client)
		if err != nil {
			return nil, err
		}
		injected := withState(callback, second.Hop.Get("state"))
		return s.Open(ctx, injected.String(), second.Request)
	}}
)

// respelt is a text of the same length and alphabet in which every other
// character is another.
func respelt(text string) string {
	changed := []byte(text)
	for i := 0; i < len(changed); i += 2 {
		switch c := changed[i]; {
		case c >= '0' && c < '9', c >= 'a' && c < 'z', c >= 'A' && c < 'Z':
			changed[i]++
		case c == '9', c == 'z', c == 'Z':
			changed[i]--
		}
	}
	return string(changed)
}

// ComeBack tries a way to come back, between two sound flows.
func (d *Deployment) ComeBack(way Return) *Future[*Authorization] {
	return Start(d, func(ctx context.Context) (*Authorization, error) {
		return d.proxiedBy(ctx, func(ctx context.Context, s *Sitting, c *Client) (*Authorization, error) {
			sent, err := s.SentTo(ctx, c)
			if err != nil {
				return nil, err
			}
			callback, err := s.SignInUpstream(ctx, sent.Hop, sent.Request.User)
			if err != nil {
				return nil, err
			}
			return way.make(ctx, s, sent, callback)
		})
	})
}

// ComeBackElsewhere has one browser approve and be sent on, and another one, of
// another user if there is one, follow the URL that it was sent to.
func (d *Deployment) ComeBackElsewhere(ctx context.Context) (*Authorization, error) {
	return d.proxiedBy(ctx, func(ctx context.Context, attacker *Sitting, c *Client) (*Authorization, error) {
		sent, err := attacker.SentTo(ctx, c)
		if err != nil {
			return nil, err
		}
		return seated(ctx, d, func(victim *Sitting) (*Authorization, error) {
			r := *sent.Request
			r.User = d.Target.Users[len(d.Target.Users)-1]
			return victim.Open(ctx, sent.Hop.String(), &r)
		})
	})
}

// A ForgedState is a state in which the client's redirect URI could be read, and
// what came of replacing it by another.
type ForgedState struct {
	Readable bool
	To       string // the redirect URI that was put in
	*Authorization
}

// ForgeState looks for the redirect URI in the state and replaces it.
func (d *Deployment) ForgeState(ctx context.Context) (*ForgedState, error) {
	f := &ForgedState{To: "https://attacker.mcpassay.example/callback"}
	a, err := d.proxiedBy(ctx, func(ctx context.Context, s *Sitting, c *Client) (*Authorization, error) {
		sent, err := s.SentTo(ctx, c)
		if err != nil {
			return nil, err
		}
		forged, readable := replaceWithin(sent.Hop.Get("state"), sent.Request.RedirectURI(), f.To)
		if f.Readable = readable; !readable {
			return sent.Authorization, nil
		}
		callback, err := s.SignInUpstream(ctx, sent.Hop, sent.Request.User)
		if err != nil {
			return nil, err
		}
		return s.Open(ctx, withState(callback, forged).String(), sent.Request)
	})
	f.Authorization = a
	return f, err
}

// replaceWithin replaces a text in a value, or in a part of it that is base64.
func replaceWithin(value, old, replacement string) (string, bool) {
	if strings.Contains(value, old) {
		return strings.ReplaceAll(value, old, replacement), true
	}
	parts := strings.Split(value, ".")
	for i, part := range parts {
		for _, encoding := range []*base64.Encoding{base64.RawURLEncoding, base64.RawStdEncoding} {
			text, err := encoding.DecodeString(strings.TrimRight(part, "="))
			if err == nil && strings.Contains(string(text), old) {
				parts[i] = encoding.EncodeToString([]byte(strings.ReplaceAll(string(text), old, replacement)))
				return strings.Join(parts, "."), true
			}
		}
	}
	return "", false
}
