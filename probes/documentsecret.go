package probes

import "context"

// BelievedSecrets publishes documents that hold a secret, and returns the methods
// by which that secret, and no other, authenticates their clients. A server that
// ignores the secret takes any, since the client is public to it.
func (d *Deployment) BelievedSecrets(ctx context.Context) ([]string, error) {
	return WithDocuments(ctx, d, func(ctx context.Context) ([]string, error) {
		var believed []string
		for _, method := range []string{"client_secret_post", "client_secret_basic"} {
			secret := NewVerifier()
			d.wire.Redactor.Learn("client_secret", secret)
			p, err := d.published(ctx, Publication{Change: map[string]any{"token_endpoint_auth_method": method, "client_secret": secret}})
			if err != nil {
				return nil, err
			}
			right, err := d.Attempt(ctx, p.Client, nil, nil)
			if err != nil {
				return nil, err
			}
			if !right.Issued() {
				continue
			}
			other := *p.Client
			other.Secret = NewVerifier()
			d.wire.Redactor.Learn("client_secret", other.Secret)
			wrong, err := d.Attempt(ctx, p.Client, nil, []Mutation{AsClient(other)})
			if err != nil {
				return nil, err
			}
			if !wrong.Issued() {
				believed = append(believed, method)
			}
		}
		return believed, nil
	})
}
