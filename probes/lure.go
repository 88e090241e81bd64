package probes

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
)

// pageMembers are the members of client metadata that name pages for people.
var pageMembers = []string{"logo_uri", "client_uri", "tos_uri", "policy_uri"}

// LuredByDocument publishes documents whose members name canaries: pages and the
// key set.
func (d *Deployment) LuredByDocument(ctx context.Context) ([]Lure, error) {
	return WithDocuments(ctx, d, func(ctx context.Context) ([]Lure, error) {
		var all []Lure
		for _, member := range append(slices.Clone(pageMembers), "jwks_uri") {
			for _, scheme := range []string{"https", "http"} {
				l, err := d.lure(ctx, member+" by "+scheme, func(c *Canary) error {
					change := map[string]any{member: c.Under(scheme, "127.0.0.1")}
					if member == "jwks_uri" {
						change["token_endpoint_auth_method"] = assertionMethod
					}
					p, err := d.published(ctx, Publication{Change: change})
					if err != nil {
						return err
					}
					p.Client.Method = "none"
					_, err = d.Attempt(ctx, p.Client, nil, nil)
					return err
				})
				if err != nil {
					return nil, err
				}
				all = append(all, l)
			}
		}
		return all, nil
	})
}

// registeredMembers are the members of a registration that name URLs (RFC 7591,
// section 2; OpenID Connect Dynamic Client Registration, section 2, and the
// logout specifications).
var registeredMembers = append(slices.Clone(pageMembers),
	"sector_identifier_uri", "initiate_login_uri", "backchannel_logout_uri", "frontchannel_logout_uri",
	"request_uris", "post_logout_redirect_uris")

// LuredByRegistration registers clients whose members name canaries, and takes
// each that was registered through a flow.
func (d *Deployment) LuredByRegistration(ctx context.Context) ([]Lure, error) {
	if _, err := d.OrdinaryFlow(ctx); err != nil {
		return nil, err
	}
	ctx = wire.For(ctx, "attack")
	canaries := map[string]*Canary{}
	change := map[string]any{}
	for _, member := range registeredMembers {
		c, err := d.Canary(ctx)
		if err != nil {
			return nil, err
		}
		canaries[member] = c
		change[member] = c.Under("https", "127.0.0.1")
		if strings.HasSuffix(member, "s") {
			change[member] = []string{c.Under("https", "127.0.0.1")}
		}
	}
	var all []Lure
	// Together, and what is often refused by itself.
	for _, members := range append([][]string{pageMembers, registeredMembers[len(pageMembers):]}, []string{"sector_identifier_uri"}) {
		some := map[string]any{}
		for _, member := range members {
			some[member] = change[member]
		}
		r, err := d.RegisterChanged(ctx, some)
		if err != nil {
			return nil, err
		}
		if r.Client == nil {
			continue
		}
		if _, err := d.Attempt(ctx, r.Client, nil, nil); err != nil {
			return nil, err
		}
	}
	for _, member := range registeredMembers {
		hit := canaries[member].Hits() > 0
		if hit {
			d.wire.RecordArrival(ctx, time.Now(), "connected to the canary: "+member)
		}
		all = append(all, Lure{member, hit})
	}
	return all, nil
}

// LuredByRequest names a canary as request_uri, for a client that registered none.
func (d *Deployment) LuredByRequest(ctx context.Context) ([]Lure, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) ([]Lure, error) {
		var all []Lure
		for _, scheme := range []string{"https", "http"} {
			l, err := d.lure(ctx, scheme, func(canary *Canary) error {
				_, err := d.Attempt(ctx, c, []Mutation{With("request_uri", canary.Under(scheme, "127.0.0.1"))}, nil)
				return err
			})
			if err != nil {
				return nil, err
			}
			all = append(all, l)
		}
		return all, nil
	})
}

// LuredByKeys registers clients that authenticate with the keys at a canary, and
// has each of them send a token request.
func (d *Deployment) LuredByKeys(ctx context.Context) ([]Lure, error) {
	if _, err := d.OrdinaryFlow(ctx); err != nil {
		return nil, err
	}
	var all []Lure
	for _, scheme := range []string{"https", "http"} {
		l, err := d.lure(ctx, "jwks_uri by "+scheme, func(c *Canary) error {
			r, err := d.RegisterChanged(wire.For(ctx, "attack"), map[string]any{
				"token_endpoint_auth_method": assertionMethod, "jwks_uri": c.Under(scheme, "127.0.0.1"),
			})
			if err != nil || r.Client == nil {
				return err
			}
			if r.Client.Signer, err = tokens.NewSigner("RS256"); err != nil {
				return err
			}
			endpoint, err := d.ServerEndpoint(ctx, "token_endpoint")
			if err != nil {
				return err
			}
			r.Client.Method, r.Client.Audience = assertionMethod, endpoint
			_, err = d.TokenRequest(wire.For(ctx, "attack"), r.Client, url.Values{"grant_type": {"authorization_code"}, "code": {NewVerifier()}})
			return err
		})
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}
