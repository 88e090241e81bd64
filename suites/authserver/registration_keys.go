package authserver

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// assertions needs clients that authenticate with keys of their own.
func assertions(ctx context.Context, d *probes.Deployment) (bool, string) {
	const want = "an authorization server that supports private_key_jwt"
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return true, want
	}
	methods, _ := metadata.Strings("token_endpoint_auth_methods_supported")
	return slices.Contains(methods, "private_key_jwt"), want
}

// keySet is a client's key set with an EC key, and with a symmetric one if the
// EC key is private.
func keySet(private bool) (map[string]any, error) {
	owner, err := tokens.NewIssuer("https://client.mcpassay.example")
	if err != nil {
		return nil, err
	}
	raw, err := owner.PrivateJWK()
	if err != nil {
		return nil, err
	}
	var key map[string]any
	if err := json.Unmarshal(raw, &key); err != nil {
		return nil, err
	}
	if !private {
		delete(key, "d")
		return map[string]any{"keys": []any{key}}, nil
	}
	symmetric := map[string]any{"kty": "oct", "kid": "symmetric", "alg": "HS256", "k": base64.RawURLEncoding.EncodeToString(make([]byte, 32))}
	return map[string]any{"keys": []any{key, symmetric}}, nil
}

// registerKeys registers a client that authenticates with keys.
func registerKeys(d *probes.Deployment, private bool, more map[string]any) *probes.Future[*probes.Registration] {
	return probes.Start(d, func(ctx context.Context) (*probes.Registration, error) {
		keys, err := keySet(private)
		if err != nil {
			return nil, err
		}
		change := map[string]any{"token_endpoint_auth_method": "private_key_jwt", "jwks": keys}
		maps.Copy(change, more)
		all, err := d.RegisterBetween(ctx, probes.Last, change)
		if err != nil {
			return nil, err
		}
		return all[0], nil
	})
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-keys",
	Title:    "The keys of a client are registered once, and only public ones",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 7591", Section: "2"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-key-metadata"},
	Remedy:   "Refuse registrations with both jwks and jwks_uri, and key sets with a private or symmetric key.",
	Needs:    []suites.Need{openRegistration, assertions},
	Faults:   []fault.Fault{fault.RegisterTwoKeySets, fault.RegisterPrivateKeys},
	Specs: func(d *probes.Deployment) {
		both := registerKeys(d, false, map[string]any{"jwks_uri": "https://client.mcpassay.example/jwks"})
		private := registerKeys(d, true, nil)

		It("by value or by reference, not both", func(ctx SpecContext) {
			r, err := both.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(r.Client != nil && r.Document.Has("jwks") && r.Document.Has("jwks_uri")).To(BeFalse(), "a client was registered with jwks and with jwks_uri")
		})
		It("and not a private or a symmetric key", func(ctx SpecContext) {
			r, err := private.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if r.Client == nil {
				return
			}
			stored := string(r.Document.Members["jwks"])
			if stored == "" {
				d.Note("a key set with a private and a symmetric key was accepted; the answer does not say what was stored")
				return
			}
			Expect(stored).NotTo(Or(ContainSubstring(`"d"`), ContainSubstring(`"k"`)), "a private or symmetric key was registered")
		})
	},
})
