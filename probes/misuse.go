package probes

import (
	"context"
	"crypto/rand"
	"net/url"
	"slices"
	"strings"
)

// An Artifact is something that an authorization server issues to a client.
type Artifact string

// The artifacts.
const (
	CodeArtifact         Artifact = "a code"
	RefreshToken         Artifact = "a refresh token"
	AccessTokenArtifact  Artifact = "an access token"
	IDToken              Artifact = "an ID token"
	RegistrationArtifact Artifact = "a registration access token"
)

// Misuse presents an artifact of a client in place of another, as code or as
// refresh_token, between sound flows. The answer is nil if the server issues no
// such artifact.
func (d *Deployment) Misuse(what Artifact, as string) *Future[*Tokens] {
	return Start(d, func(ctx context.Context) (*Tokens, error) {
		c, err := d.DisposableClient(ctx)
		if err != nil {
			return nil, err
		}
		return Controlled(ctx, d, c, func(ctx context.Context) (*Tokens, error) {
			value, verifier, err := d.artifact(ctx, c, what)
			if err != nil || value == "" {
				return nil, err
			}
			d.wire.Redactor.Learn("token", value)
			if as == "code" {
				return d.TokenRequest(ctx, c, url.Values{
					"grant_type": {"authorization_code"}, "code": {value}, "redirect_uri": {c.RedirectURI}, "code_verifier": {verifier},
				})
			}
			return d.TokenRequest(ctx, c, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {value}})
		})
	})
}

// artifact obtains what the server issues to the client, with the verifier of
// its flow.
func (d *Deployment) artifact(ctx context.Context, c *Client, what Artifact) (value, verifier string, err error) {
	if what == RegistrationArtifact {
		_, value, _ = c.Management()
		// The client needs a grant, or the token could stand for nothing.
		_, err = d.Grant(ctx, c)
		return value, NewVerifier(), err
	}
	var mutations []Mutation
	if what == IDToken {
		if mutations, err = d.askingWho(ctx); err != nil || mutations == nil {
			return "", "", err
		}
	}
	a, err := d.Code(ctx, c, mutations...)
	if err != nil {
		return "", "", err
	}
	if what == CodeArtifact {
		return a.Code, a.Request.Verifier, nil
	}
	t, err := d.Redeem(ctx, a)
	if err != nil {
		return "", "", err
	}
	switch what {
	case RefreshToken:
		value = t.Refresh
	case AccessTokenArtifact:
		value = t.Access
	case IDToken:
		value = t.ID
	}
	return value, a.Request.Verifier, nil
}

// askingWho makes an authorization request ask for an ID token, if the server
// says that it issues them.
func (d *Deployment) askingWho(ctx context.Context) ([]Mutation, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	if scopes, _ := metadata.Strings("scopes_supported"); !slices.Contains(scopes, "openid") {
		return nil, nil
	}
	withOpenID := func(scope string) string {
		asked := strings.Fields(scope)
		if !slices.Contains(asked, "openid") {
			asked = append(asked, "openid")
		}
		return strings.Join(asked, " ")
	}
	return []Mutation{Change("scope", withOpenID), With("nonce", rand.Text())}, nil
}
