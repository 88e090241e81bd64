package probes

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// A Carriage is how the parameters of a token request travel.
type Carriage string

// Ways that are not the one of RFC 6749, section 3.2.
const (
	InURLOfGet  Carriage = "the parameters in the URL of a GET"
	InURLOfPost Carriage = "the parameters in the URL of a POST"
	InJSON      Carriage = "the parameters in a JSON object"
)

// TryCarriage redeems a sound code of the client, with the parameters carried
// otherwise than in a form-encoded POST, between two sound flows.
func (d *Deployment) TryCarriage(how Carriage) *Future[*Attempt] {
	return Start(d, func(ctx context.Context) (*Attempt, error) {
		c, err := d.Client(ctx)
		if err != nil {
			return nil, err
		}
		return Controlled(ctx, d, c, func(ctx context.Context) (*Attempt, error) {
			a, err := d.Code(ctx, c)
			if err != nil {
				return nil, err
			}
			t, err := d.redeemBy(ctx, a, how)
			return &Attempt{Authorization: a, Tokens: t}, err
		})
	})
}

func (d *Deployment) redeemBy(ctx context.Context, a *Authorization, how Carriage) (*Tokens, error) {
	endpoint, err := d.ServerEndpoint(ctx, "token_endpoint")
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	form := &Form{Values: redemption(a), Header: http.Header{"Accept": {"application/json"}}}
	if err := authenticate(form, a.Request.Client); err != nil {
		return nil, err
	}
	method, body := http.MethodPost, ""
	if how == InJSON {
		members := map[string]string{}
		for name := range form.Values {
			members[name] = form.Values.Get(name)
		}
		encoded, err := json.Marshal(members)
		if err != nil {
			return nil, err
		}
		body = string(encoded)
		form.Header.Set("Content-Type", "application/json")
	} else {
		query := u.Query()
		for name, values := range form.Values {
			query[name] = values
		}
		u.RawQuery = query.Encode()
		form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if how == InURLOfGet {
		method = http.MethodGet
		form.Header.Del("Content-Type")
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = form.Header
	res, err := d.wire.Do(req)
	if err != nil {
		return nil, err
	}
	return d.readTokens(res, a.Request.Client), nil
}
