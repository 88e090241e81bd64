package probes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
)

// ErrNoKeysByReference says that no client can be had whose keys are read from a
// jwks_uri: none is registered, or ours cannot be read.
var ErrNoKeysByReference = errors.New("an authorization server that registers clients for private_key_jwt with a jwks_uri, and can read that of this run")

// ReplacedKeys is what came of a client's assertions after it had published
// another key in place of the first.
type ReplacedKeys struct {
	New *Tokens // by the other key, tried for as long as the run may wait
	Old *Tokens // by the first one, after that; nil if the other one was refused
}

// ReplaceKeys registers a client with a jwks_uri, publishes another key there when
// the first has worked, and uses both.
func (d *Deployment) ReplaceKeys(ctx context.Context) (*ReplacedKeys, error) {
	c, set, err := d.referringClient(ctx)
	if err != nil {
		return nil, err
	}
	next := *c
	if next.Signer, err = tokens.NewSigner(c.Signer.Algorithm()); err != nil {
		return nil, err
	}
	d.keepTime(next.Signer)
	jwks, err := next.Signer.JWKS()
	if err != nil {
		return nil, err
	}
	set.Serve(As(http.StatusOK, "application/json", jwks))
	r := &ReplacedKeys{}
	if r.New, err = d.redeemUntil(wire.For(ctx, "control"), &next, true); err != nil || !r.New.Issued() {
		return r, err
	}
	r.Old, err = d.redeemUntil(wire.For(ctx, "attack"), c, false)
	return r, err
}

// redeemUntil takes a client to its code and on to tokens, again and again until
// they are issued, or not, or time is up: servers need not look for new keys all
// the time.
func (d *Deployment) redeemUntil(ctx context.Context, c *Client, issued bool) (*Tokens, error) {
	const tries = 4
	began := time.Now()
	for try := 1; ; try++ {
		a, err := d.Code(ctx, c)
		if err != nil {
			return nil, err
		}
		t, err := d.Redeem(ctx, a)
		if err != nil || t.Issued() == issued || try == tries {
			return t, err
		}
		if err := d.pauseUntil(ctx, began.Add(d.Target.Wait*time.Duration(try)/(tries-1))); err != nil {
			return nil, err
		}
	}
}

// referringClient registers a client whose key is at a jwks_uri, and takes it
// through a sound flow.
func (d *Deployment) referringClient(ctx context.Context) (*Client, *Document, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, nil, err
	}
	methods, _ := metadata.Strings("token_endpoint_auth_methods_supported")
	supported, _ := metadata.Strings("token_endpoint_auth_signing_alg_values_supported")
	alg, ok := tokens.ChooseAlgorithm(supported)
	if !ok || !slices.Contains(methods, assertionMethod) || !d.Registers(ctx) {
		return nil, nil, ErrNoKeysByReference
	}
	h, err := d.documentHost(ctx)
	if errors.Is(err, ErrNoDocuments) {
		return nil, nil, ErrNoKeysByReference
	}
	if err != nil {
		return nil, nil, err
	}
	signer, err := tokens.NewSigner(alg)
	if err != nil {
		return nil, nil, err
	}
	d.keepTime(signer)
	jwks, err := signer.JWKS()
	if err != nil {
		return nil, nil, err
	}
	set := h.publish("", As(http.StatusOK, "application/json", jwks))
	change := d.NativeClient(ctx)
	change["token_endpoint_auth_method"], change["jwks_uri"] = assertionMethod, set.URL
	r, err := d.Register(ctx, change)
	if err != nil {
		return nil, nil, err
	}
	if r.Client == nil || r.Client.Method != assertionMethod {
		return nil, nil, ErrNoKeysByReference
	}
	c := r.Client
	c.Signer = signer
	err = d.settleAudience(ctx, c, metadata)
	if b := (*Blocked)(nil); errors.As(err, &b) && b.By == "as-assertion-accepted" {
		return nil, nil, fmt.Errorf("%w: %w", ErrNoKeysByReference, b.Err)
	}
	return c, set, err
}
