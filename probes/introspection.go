package probes

import (
	"context"
	"errors"
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

// ErrNoIntrospector says that no client is known that may introspect.
var ErrNoIntrospector = errors.New("no client is known that may introspect")

// An asker is a client that may introspect, and a good token that it may ask about.
type asker struct {
	client *Client
	good   *Tokens
	own    bool // the token is the client's own
}

// asker is the resource server's own client, where it is known; else one with a
// secret that asks about tokens of its own.
func (d *Deployment) asker(ctx context.Context) (*asker, error) {
	return Once(d, "introspector", func(ctx context.Context) (*asker, error) {
		if d.Target.Introspector != nil {
			t, err := d.Baseline(ctx)
			return &asker{client: d.Target.Introspector.client(), good: t}, err
		}
		c, err := d.ConfidentialClient(ctx)
		if errors.Is(err, ErrNoSecret) {
			return nil, ErrNoIntrospector
		}
		if err != nil {
			return nil, err
		}
		t, err := d.Grant(wire.For(ctx, "control"), c)
		if err != nil {
			return nil, err
		}
		a := &asker{client: c, good: t, own: true}
		if _, _, err := d.knownActive(wire.For(ctx, "control"), a, t.Access); errors.As(err, new(*Blocked)) {
			return nil, ErrNoIntrospector
		} else if err != nil {
			return nil, err
		}
		return a, nil
	}).Get(ctx)
}

// Introspector errs with ErrNoIntrospector if no client is known that may introspect.
func (d *Deployment) Introspector(ctx context.Context) error {
	_, err := d.asker(ctx)
	return err
}

// askAbout introspects as the client that may.
func (d *Deployment) askAbout(ctx context.Context, by *asker, token string) (*wire.Response, *wire.Document, error) {
	res, err := d.Introspect(ctx, by.client, token)
	if err != nil {
		return nil, nil, err
	}
	document, err := wire.ParseDocument(res.Body)
	if err != nil {
		return res, nil, nil //nolint:nilerr // that there is no document says enough
	}
	return res, document, nil
}

// knownActive errs if introspection does not know a token that is good.
func (d *Deployment) knownActive(ctx context.Context, by *asker, token string) (*wire.Response, *wire.Document, error) {
	res, document, err := d.askAbout(ctx, by, token)
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
	by, err := d.asker(ctx)
	if err != nil {
		return nil, err
	}
	if _, _, err := d.knownActive(wire.For(ctx, "control"), by, by.good.Access); err != nil {
		return nil, err
	}
	dead, err := d.deadTokens(ctx, by)
	if err != nil {
		return nil, err
	}
	var all []DeadIntrospection
	for _, c := range dead {
		res, document, err := d.askAbout(wire.For(ctx, "attack"), by, c.value)
		if err != nil {
			return nil, err
		}
		all = append(all, DeadIntrospection{c.name, res, document})
	}
	_, _, err = d.knownActive(wire.For(ctx, "control"), by, by.good.Access)
	return all, err
}

// deadTokens are tokens that nobody may take for good.
func (d *Deployment) deadTokens(ctx context.Context, by *asker) ([]credential, error) {
	t := by.good
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
	ended, err := d.endedTokens(ctx, by)
	return append(all, ended...), err
}

// endedTokens are a revoked access token and a refresh token that was exchanged
// for another.
func (d *Deployment) endedTokens(ctx context.Context, by *asker) ([]credential, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil || !metadata.Has("revocation_endpoint") {
		return nil, err
	}
	c := by.client
	if !by.own {
		if c, err = d.revokedClient(ctx); err != nil {
			return nil, err
		}
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
	by, err := d.asker(ctx)
	if err != nil {
		return nil, err
	}
	live := &LiveIntrospection{}
	if live.Response, live.Document, err = d.knownActive(wire.For(ctx, "control"), by, by.good.Access); err != nil {
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
	form.Values.Set("token", by.good.Access)
	if err := authenticate(form, by.client); err != nil {
		return nil, err
	}
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
