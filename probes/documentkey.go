package probes

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
)

// assertionType is what client_assertion_type says (RFC 7523, section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// AssertedBy makes a token request bring a client assertion that is signed with
// the key (RFC 7523, section 3). A nil key leaves it out.
func AssertedBy(key *tokens.Issuer, audience string) Mutation {
	return func(f *Form) {
		f.Values.Del("client_assertion")
		f.Values.Del("client_assertion_type")
		if key == nil {
			return
		}
		id := f.Values.Get("client_id")
		now := time.Now()
		assertion, err := key.Sign("JWT", tokens.Claims{
			"iss": id, "sub": id, "aud": audience, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
		})
		if err != nil {
			return // the request stays without one, and is refused
		}
		f.Values.Set("client_assertion_type", assertionType)
		f.Values.Set("client_assertion", assertion)
	}
}

// A KeyClient is a client whose document declares private_key_jwt.
type KeyClient struct {
	*Client
	Key, Other *tokens.Issuer // Other is in no key set
	Audience   string         // of its assertions
	Document   *Document
	KeySet     *Document // where its keys are published; nil: in the document itself
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
	discovery, err := d.Discovery(ctx)
	if err != nil {
		return nil, err
	}
	k := &KeyClient{Audience: discovery.Issuer}
	if k.Key, err = tokens.NewIssuer("client"); err != nil {
		return nil, err
	}
	if k.Other, err = tokens.NewIssuer("other"); err != nil {
		return nil, err
	}
	p, err := d.published(ctx, Publication{})
	if err != nil {
		return nil, err
	}
	k.Client, k.Document = p.Client, p.Document
	k.Client.Method = "private_key_jwt"
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
	k.Client.prove = AssertedBy(k.Key, k.Audience)
	a, err := d.Attempt(ctx, k.Client, nil, nil)
	switch {
	case err != nil:
		return nil, err
	case !a.Issued():
		return nil, fmt.Errorf("%w (with an assertion signed by ES256: %s)", ErrNoKeyClient, a.Ended())
	}
	return k, nil
}

// publishKeys makes the key of the client the one in its document.
func (k *KeyClient) publishKeys(ctx context.Context, d *Deployment) error {
	set, err := k.Key.JWKS()
	if err != nil {
		return err
	}
	change := map[string]any{
		"redirect_uris": k.RedirectURIs, "token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256",
	}
	if k.KeySet != nil {
		k.KeySet.Serve(As(http.StatusOK, "application/json", set))
		change["jwks_uri"] = k.KeySet.URL
	} else {
		change["jwks"] = json.RawMessage(set)
	}
	k.Document.Serve(AsJSON(d.document(ctx, k.ID, change)))
	return nil
}
