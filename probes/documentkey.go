package probes

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
)

// AssertedBy makes a token request bring an assertion of the client that is signed
// with the key (RFC 7523, section 3). A nil key leaves it out.
func AssertedBy(key *tokens.Signer, audience string) Mutation {
	return func(f *Form) {
		f.Values.Del("client_assertion")
		f.Values.Del("client_assertion_type")
		if key == nil {
			return
		}
		c := &Client{ID: f.Values.Get("client_id"), Signer: key, Audience: audience}
		if assertion, err := c.Assertion(); err == nil { // without one it is refused
			asserted(f, c, assertion)
		}
	}
}

// A KeyClient is a client whose document declares private_key_jwt.
type KeyClient struct {
	*Client
	Other    *tokens.Signer // is in no key set
	Document *Document
	KeySet   *Document // where its keys are published; nil: in the document itself
}

// ErrNoKeyClient says that the server takes no document with keys, as it may.
var ErrNoKeyClient = errors.New("an authorization server that takes metadata documents which declare private_key_jwt")

// DocumentKeyClient publishes a document that declares private_key_jwt, with its
// keys in a document of their own or in itself, and takes its client through a
// sound flow.
func (d *Deployment) DocumentKeyClient(ctx context.Context, apart bool) (*KeyClient, error) {
	return Once(d, fmt.Sprint("document key client ", apart), func(ctx context.Context) (*KeyClient, error) {
		return d.view(ctx).newKeyClient(ctx, apart)
	}).Get(ctx)
}

func (d *Deployment) newKeyClient(ctx context.Context, apart bool) (*KeyClient, error) {
	if _, err := d.DocumentClient(ctx); err != nil {
		return nil, err
	}
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	supported, _ := metadata.Strings("token_endpoint_auth_signing_alg_values_supported")
	alg, ok := tokens.ChooseAlgorithm(supported)
	if !ok {
		return nil, ErrNoKeyClient
	}
	k := &KeyClient{}
	if k.Other, err = tokens.NewSigner(alg); err != nil {
		return nil, err
	}
	d.keepTime(k.Other)
	p, err := d.published(ctx, Publication{})
	if err != nil {
		return nil, err
	}
	k.Client, k.Document = p.Client, p.Document
	k.Method = assertionMethod
	if k.Signer, err = tokens.NewSigner(alg); err != nil {
		return nil, err
	}
	d.keepTime(k.Signer)
	if apart {
		h, err := d.documentHost(ctx)
		if err != nil {
			return nil, err
		}
		k.KeySet = h.publish("", nil)
	}
	if err := k.publishKeys(ctx, d); err != nil {
		return nil, err
	}
	err = d.settleAudience(ctx, k.Client, metadata)
	if b := (*Blocked)(nil); errors.As(err, &b) && b.By == "as-code-flow" {
		return nil, fmt.Errorf("%w: %w", ErrNoKeyClient, b.Err)
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

// publishKeys makes the key of the client the one in its document.
func (k *KeyClient) publishKeys(ctx context.Context, d *Deployment) error {
	set, err := k.Signer.JWKS()
	if err != nil {
		return err
	}
	change := map[string]any{
		"redirect_uris": k.RedirectURIs, "token_endpoint_auth_method": assertionMethod, "token_endpoint_auth_signing_alg": k.Signer.Algorithm(),
	}
	if k.KeySet != nil {
		k.KeySet.Serve(As(http.StatusOK, "application/json", set))
		change["jwks_uri"] = k.KeySet.URL
	} else {
		change["jwks"] = set
	}
	k.Document.Serve(AsJSON(d.document(ctx, k.ID, change)))
	return nil
}
