package probes

import (
	"context"
	"net/http"
	"net/url"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// A DeadIntrospection is what introspection said of a token that is no good.
type DeadIntrospection struct {
	Name     string
	Response *wire.Response
	Document *wire.Document // nil if the answer is no JSON object
}

// ask introspects as the resource server.
func (d *Deployment) askAbout(ctx context.Context, token string) (*wire.Response, *wire.Document, error) {
	res, err := d.Introspect(ctx, d.Target.Introspector.client(), token)
	if err != nil {
		return nil, nil, err
	}
	document, err := wire.ParseDocument(res.Body)
	if err != nil {
		return res, nil, nil //nolint:nilerr // that there is no document says enough
	}
	return res, document, nil
}

// activeToken errs if introspection does not know a token that is good.
func (d *Deployment) knownActive(ctx context.Context, token string) (*wire.Response, *wire.Document, error) {
	res, document, err := d.askAbout(ctx, token)
	if err != nil {
		return nil, nil, err
	}
	active, isBool := document.Bool("active")
	if text, _ := document.String("active"); res.Status != http.StatusOK || !active && (isBool || text != "true") {
		return nil, nil, &Blocked{By: "introspection", Owner: reports.Configuration,
			Err: errNotToldActive(res.Status)}
	}
	return res, document, nil
}

type errNotToldActive int

func (e errNotToldActive) Error() string {
	return "the configured client is not told that a good token is active (" + http.StatusText(int(e)) + ")"
}

// IntrospectDead asks about tokens that are no good, as the resource server,
// between two questions about one that is.
func (d *Deployment) IntrospectDead(ctx context.Context) ([]DeadIntrospection, error) {
	t, err := d.Baseline(ctx)
	if err != nil {
		return nil, err
	}
	if _, _, err := d.knownActive(wire.For(ctx, "control"), t.Access); err != nil {
		return nil, err
	}
	dead, err := d.deadTokens(ctx, t)
	if err != nil {
		return nil, err
	}
	var all []DeadIntrospection
	for _, c := range dead {
		res, document, err := d.askAbout(wire.For(ctx, "attack"), c.value)
		if err != nil {
			return nil, err
		}
		all = append(all, DeadIntrospection{c.name, res, document})
	}
	_, _, err = d.knownActive(wire.For(ctx, "control"), t.Access)
	return all, err
}

// deadTokens are tokens that nobody may take for good.
func (d *Deployment) deadTokens(ctx context.Context, t *Tokens) ([]credential, error) {
	all := []credential{{"an unknown token", NewVerifier()}}
	if _, ok := t.JWT(); ok {
		attacker, err := tokens.NewAttacker()
		if err != nil {
			return nil, err
		}
		for _, r := range []tokens.Recipe{
			tokens.BrokenSignatures()[0], tokens.Unsigned()[0], attacker.SameKeyID(), tokens.Altered("sub", "admin"),
			attacker.Issuer("https://other-as.example"),
		} {
			if forged, err := r.Make(t.Access); err == nil {
				all = append(all, credential{"a token " + r.Name, forged})
			}
		}
	}
	ended, err := d.endedTokens(ctx)
	return append(all, ended...), err
}

// endedTokens are a revoked access token and a refresh token that was exchanged
// for another.
func (d *Deployment) endedTokens(ctx context.Context) ([]credential, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil || !metadata.Has("revocation_endpoint") {
		return nil, err
	}
	c, err := d.revokedClient(ctx)
	if err != nil {
		return nil, err
	}
	t, err := d.Grant(wire.For(ctx, "control"), c)
	if err != nil {
		return nil, err
	}
	if err := d.revokeWhole(ctx, t); err != nil {
		return nil, nil //nolint:nilerr // another check judges revocation
	}
	all := []credential{{"a revoked access token", t.Access}}
	if t.Refresh != "" {
		all = append(all, credential{"a revoked refresh token", t.Refresh})
	}
	return all, nil
}

// A LiveIntrospection is what introspection said of a good token.
type LiveIntrospection struct {
	Response *wire.Response
	Document *wire.Document
	ByGet    *wire.Document // what a GET said; nil: nothing that can be read
}

// IntrospectLive asks about a good token, as the resource server, by POST and by GET.
func (d *Deployment) IntrospectLive(ctx context.Context) (*LiveIntrospection, error) {
	t, err := d.Baseline(ctx)
	if err != nil {
		return nil, err
	}
	live := &LiveIntrospection{}
	if live.Response, live.Document, err = d.knownActive(wire.For(ctx, "control"), t.Access); err != nil {
		return nil, err
	}
	endpoint, err := d.ServerEndpoint(ctx, "introspection_endpoint")
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	form := &Form{Values: u.Query(), Header: http.Header{"Accept": {"application/json"}}}
	form.Values.Set("token", t.Access)
	authenticate(form, d.Target.Introspector.client())
	u.RawQuery = form.Values.Encode()
	res, err := d.Get(wire.For(ctx, "attack"), u.String(), form.Header)
	if err != nil {
		return nil, err
	}
	if live.ByGet, err = wire.ParseDocument(res.Body); err != nil {
		live.ByGet = nil
	}
	return live, nil
}
