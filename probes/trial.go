package probes

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/mcpassay/mcpassay/reports"
)

// A Trial is one attack of a family: a flow that is mutated at its authorization
// request, at its token request, or at both.
type Trial struct {
	Name          string // what is different, in a few words
	Authorization []Mutation
	Redemption    []Mutation
}

// Tried is what came of a trial.
type Tried struct {
	Trial
	*Attempt
}

// Filtered tells whether the token request was refused as only something in
// front of the server refuses: a bare status, and no word of OAuth.
func (t *Tried) Filtered() bool {
	if t.Tokens == nil || t.Tokens.Document != nil {
		return false
	}
	status := t.Tokens.Response.Status
	return status == http.StatusForbidden || status == http.StatusNotAcceptable
}

// Try carries out the trials of a client, one after the other and each with a
// code of its own, between two sound flows.
func (d *Deployment) Try(client func(context.Context) (*Client, error), trials ...Trial) *Future[[]Tried] {
	return Start(d, func(ctx context.Context) ([]Tried, error) { return d.Trials(ctx, client, trials) })
}

// TryAs does the same where the trials depend on the client.
func (d *Deployment) TryAs(client func(context.Context) (*Client, error), trials func(*Client) []Trial) *Future[[]Tried] {
	return Start(d, func(ctx context.Context) ([]Tried, error) {
		c, err := client(ctx)
		if err != nil {
			return nil, err
		}
		return d.Trials(ctx, client, trials(c))
	})
}

// TryPKCE does the same where what is tried can only come to something if
// verifiers are compared in the first place. If any verifier will do, one check
// says so, and it is useless to try particular ones.
func (d *Deployment) TryPKCE(trials ...Trial) *Future[[]Tried] {
	return Start(d, func(ctx context.Context) ([]Tried, error) {
		all, err := d.Trials(ctx, d.Client, trials)
		if err != nil {
			return nil, err
		}
		for _, t := range all {
			if t.Issued() {
				return all, d.verifiersCompared(ctx)
			}
		}
		return all, nil
	})
}

// Trials is Try within a probe.
func (d *Deployment) Trials(ctx context.Context, client func(context.Context) (*Client, error), trials []Trial) ([]Tried, error) {
	c, err := client(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) ([]Tried, error) {
		var all []Tried
		for _, t := range trials {
			a, err := d.Attempt(ctx, c, t.Authorization, t.Redemption)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", t.Name, err)
			}
			all = append(all, Tried{t, a})
		}
		return all, nil
	})
}

// WrongVerifier is what comes of redeeming a sound code with a verifier that has
// nothing to do with its challenge.
func (d *Deployment) WrongVerifier(ctx context.Context) (*Attempt, error) {
	return Once(d, "wrong verifier", func(ctx context.Context) (*Attempt, error) {
		all, err := d.Trials(ctx, d.Client, []Trial{{Redemption: []Mutation{With("code_verifier", NewVerifier())}}})
		if err != nil {
			return nil, err
		}
		return all[0].Attempt, nil
	}).Get(ctx)
}

// verifiersCompared errs if the server does not look at verifiers at all.
func (d *Deployment) verifiersCompared(ctx context.Context) error {
	wrong, err := d.WrongVerifier(ctx)
	if err == nil && wrong.Issued() {
		err = &Blocked{By: "as-pkce-wrong-verifier", Owner: reports.AuthServer, Err: errors.New("any code verifier will do")}
	}
	return err
}

// Readable tells whether what is looked for stands in a part of an encoded value,
// such as a JWT, that anybody can decode.
func Readable(value, wanted string) bool {
	for part := range strings.SplitSeq(value, ".") {
		for _, encoding := range []*base64.Encoding{base64.RawURLEncoding, base64.RawStdEncoding} {
			decoded, err := encoding.DecodeString(strings.TrimRight(part, "="))
			if err == nil && strings.Contains(string(decoded), wanted) {
				return true
			}
		}
	}
	return false
}
