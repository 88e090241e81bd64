package probes

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// GuessedSecrets is what a row of wrong client secrets came to.
type GuessedSecrets struct{ Limited bool }

// GuessSecrets tries wrong secrets for a client registered for it.
func (d *Deployment) GuessSecrets(ctx context.Context) (*GuessedSecrets, error) {
	c, err := d.RegisterConfidential(ctx, "client_secret_basic", "client_secret_post")
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*GuessedSecrets, error) {
		first := 0
		for range 2 * guessTries {
			wrong := *c
			wrong.Secret = NewVerifier()
			t, err := d.TokenRequest(ctx, &wrong, url.Values{"grant_type": {"authorization_code"}, "code": {NewVerifier()}})
			if errors.Is(err, wire.ErrLimited) {
				return &GuessedSecrets{Limited: true}, nil
			}
			if err != nil {
				return nil, err
			}
			if first == 0 {
				first = t.Response.Status
			}
			if t.Response.Status != first {
				return &GuessedSecrets{Limited: true}, nil
			}
		}
		return &GuessedSecrets{}, nil
	})
}

// Provoked are the answers of the authorization server to requests that are
// broken in unusual ways.
func (d *Deployment) Provoked(ctx context.Context) ([]*wire.Response, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	const form, object = "application/x-www-form-urlencoded", "application/json"
	var all []*wire.Response
	for _, p := range []struct{ endpoint, media, body string }{
		{"token_endpoint", form, "grant_type=authorization_code&code=%00%27%22%29%3B--&client_id=%27&redirect_uri=%zz"},
		{"token_endpoint", form, "grant_type[]=x&grant_type[$ne]=y&client_id[]=z"},
		{"token_endpoint", object, `{"grant_type": {"$gt": ""}, "client_id": null}`},
		{"token_endpoint", form, "grant_type=authorization_code&client_id=mcpassay-unknown&code=" + strings.Repeat("A", 9000)},
		{"token_endpoint", "multipart/form-data", "--x"},
		{"registration_endpoint", object, `{"redirect_uris": `},
		{"registration_endpoint", object, `{"redirect_uris": {"a": 1}, "client_name": [[]]}`},
		{"revocation_endpoint", form, "token=%00&client_id=%27"},
		{"introspection_endpoint", form, "token[]=%00"},
		{"authorization_endpoint", "", "response_type=%00&client_id=%27%3B--&redirect_uri=http%3A%2F%2F%5B&scope=%ff"},
	} {
		endpoint, ok := metadata.String(p.endpoint)
		if !ok {
			continue
		}
		res, err := d.provoke(ctx, endpoint, p.media, p.body)
		if errors.Is(err, wire.ErrLimited) {
			return nil, err
		}
		if err == nil { // a server that hangs up tells nothing
			all = append(all, res)
		}
	}
	return all, nil
}

func (d *Deployment) provoke(ctx context.Context, endpoint, media, body string) (*wire.Response, error) {
	if media == "" {
		return d.Get(ctx, endpoint+"?"+body, http.Header{})
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", media)
	return d.wire.Do(req)
}

// A Telling is two answers that tell what exists, if they differ.
type Telling struct{ Unknown, Foreign string }

// ForeignCode presents a code that does not exist, and one of another client.
func (d *Deployment) ForeignCode(ctx context.Context) (*Telling, error) {
	owner, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	other, err := d.SecondClient(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, owner, func(ctx context.Context) (*Telling, error) {
		a, err := d.Code(ctx, owner)
		if err != nil {
			return nil, err
		}
		foreign, err := d.RedeemAs(ctx, a, other)
		if err != nil {
			return nil, err
		}
		unknown, err := d.RedeemAs(ctx, a, other, With("code", NewVerifier()))
		return telling(unknown, foreign), err
	})
}

// ForeignRefresh does the same with refresh tokens.
func (d *Deployment) ForeignRefresh(ctx context.Context) (*Telling, error) {
	owner, err := d.DisposableClient(ctx)
	if err != nil {
		return nil, err
	}
	other, err := d.SecondClient(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, owner, func(ctx context.Context) (*Telling, error) {
		t, err := d.Refreshable(ctx, owner)
		if err != nil {
			return nil, err
		}
		foreign, err := d.RefreshWith(ctx, t, AsClient(*other))
		if err != nil {
			return nil, err
		}
		unknown, err := d.RefreshWith(ctx, t, AsClient(*other), With("refresh_token", NewVerifier()))
		return telling(unknown, foreign), err
	})
}

func telling(unknown, foreign *Tokens) *Telling {
	if unknown == nil || foreign == nil {
		return nil
	}
	say := func(t *Tokens) string {
		if t.Issued() {
			return "tokens"
		}
		description, _ := t.Document.String("error_description")
		return http.StatusText(t.Response.Status) + " " + t.Error + " " + description
	}
	return &Telling{say(unknown), say(foreign)}
}

// WrongLogins gives the name of nobody, and of somebody with a wrong password.
func (d *Deployment) WrongLogins(ctx context.Context) (*Telling, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	somebody := d.user()
	if len(d.Target.Users) > 1 {
		somebody = d.Target.Users[1]
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Telling, error) {
		s, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		try := func(name string) (string, error) {
			a, err := s.tryLogin(ctx, c, User{name, NewVerifier()[:10]})
			if err != nil || a.Landing.Page == nil {
				return "", err
			}
			p := a.Landing.Page
			return strings.ReplaceAll(http.StatusText(p.Status)+" "+p.Title+" "+p.Text, name, "(name)"), nil
		}
		t := &Telling{}
		if t.Unknown, err = try("mcpassay-" + NewVerifier()[:8]); err != nil {
			return nil, err
		}
		t.Foreign, err = try(somebody.Name)
		return t, err
	})
}

// A CrossOrigin is how an endpoint answers the script of another origin, and
// what it lets that do.
type CrossOrigin struct {
	Name                string
	Origin, Credentials string // Access-Control-Allow-Origin and -Credentials
}

// CrossOrigins asks the endpoints that clients in a browser use.
func (d *Deployment) CrossOrigins(ctx context.Context, origin string) ([]CrossOrigin, error) {
	x, err := d.Discovery(ctx)
	if err != nil {
		return nil, err
	}
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	targets := map[string]string{"metadata": x.AS.URL}
	for _, name := range []string{"jwks_uri", "token_endpoint", "registration_endpoint", "revocation_endpoint"} {
		if endpoint, ok := metadata.String(name); ok {
			targets[name] = endpoint
		}
	}
	var all []CrossOrigin
	for name, target := range targets {
		for _, method := range []string{http.MethodOptions, http.MethodGet} {
			req, err := http.NewRequestWithContext(ctx, method, target, http.NoBody)
			if err != nil {
				return nil, err
			}
			req.Header.Set("Origin", origin)
			if method == http.MethodOptions {
				req.Header.Set("Access-Control-Request-Method", http.MethodPost)
				req.Header.Set("Access-Control-Request-Headers", "content-type")
			}
			res, err := d.wire.Do(req)
			if err != nil {
				return nil, err
			}
			all = append(all, CrossOrigin{
				name, res.Header.Get("Access-Control-Allow-Origin"), res.Header.Get("Access-Control-Allow-Credentials"),
			})
		}
	}
	return all, nil
}
