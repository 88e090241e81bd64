package authserver

import (
	"context"
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// documentKeys needs documents that declare private_key_jwt.
func documentKeys(ctx context.Context, d *probes.Deployment) (bool, string) {
	_, err := d.DocumentKeyClient(ctx, false)
	switch {
	case errors.Is(err, probes.ErrNoKeyClient), errors.Is(err, probes.ErrNoDocuments):
		return false, err.Error()
	}
	return true, probes.ErrNoKeyClient.Error()
}

// asDocumentKey is that client.
func asDocumentKey(d *probes.Deployment) func(context.Context) (*probes.Client, error) {
	return func(ctx context.Context) (*probes.Client, error) {
		k, err := d.DocumentKeyClient(ctx, false)
		if err != nil {
			return nil, err
		}
		return k.Client, nil
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-keys",
	Title:    "A client whose document declares a key has to prove that it has it",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    append(cimd("8"), cited("OAuth 2.1, 3.2.1", "RFC 7523, 3")...),
	Since:    suites.V20251125,
	Covers:   []string{"as-cimd-private-key-jwt-enforced", "cimd-key-auth-enforced"},
	Remedy:   "Decide by the document whether a client has to authenticate, and let only an assertion that a key of its key set verifies do, for codes and refresh tokens alike.",
	Needs:    []suites.Need{suites.Documents, documentKeys},
	Faults:   []fault.Fault{fault.DocumentKeyOptional, fault.DocumentKeyAny, fault.DocumentKeyRefreshOnly},
	Specs: func(d *probes.Deployment) {
		with := func(name string, key func(*probes.KeyClient) *tokens.Signer) *probes.Future[[]probes.Tried] {
			return probes.Start(d, func(ctx context.Context) ([]probes.Tried, error) {
				k, err := d.DocumentKeyClient(ctx, false)
				if err != nil {
					return nil, err
				}
				return d.Trials(ctx, asDocumentKey(d), []probes.Trial{{
					Name: name, Redemption: []probes.Mutation{probes.AssertedBy(key(k), k.Audience)},
				}})
			})
		}
		none := with("no assertion", func(*probes.KeyClient) *tokens.Signer { return nil })
		other := with("an assertion signed by another key", func(k *probes.KeyClient) *tokens.Signer { return k.Other })
		refreshes := probes.Start(d, func(ctx context.Context) (*probes.Tokens, error) {
			k, err := d.DocumentKeyClient(ctx, false)
			if err != nil {
				return nil, err
			}
			t, err := d.Refreshable(ctx, k.Client)
			if err != nil {
				return nil, err
			}
			return d.RefreshWith(wire.For(ctx, "attack"), t, probes.AssertedBy(nil, ""))
		})

		It("by an assertion", refused(d, none))
		It("of its own", refused(d, other))
		It("when it refreshes tokens as well", func(ctx SpecContext) {
			t, err := refreshes.Await(ctx)
			if errors.Is(err, probes.ErrNoRefreshToken) {
				_ = d.TakeTrouble() // it is judged here
				suites.NotApplicable("%v", probes.ErrNoRefreshToken)
			}
			Expect(err).NotTo(HaveOccurred())
			Expect(t).To(suites.BeRefused(), "a refresh without an assertion")
		})
	},
})
