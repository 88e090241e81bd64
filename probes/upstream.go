package probes

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// An UpstreamVisit is what reached the upstream when the tool that calls it was
// called with a token that was used for nothing else.
type UpstreamVisit struct {
	Token    string  // the client's
	Answer   *Answer // of the tool
	Received []UpstreamCredential

	Next []UpstreamCredential // what reached it at another call, with another token of the same user
}

// UpstreamVisit calls the upstream through the resource server, once for all checks.
func (d *Deployment) UpstreamVisit(ctx context.Context) (*UpstreamVisit, error) {
	return d.visit.Get(ctx)
}

func (b *bench) visitUpstream(ctx context.Context) (*UpstreamVisit, error) {
	d := b.view(ctx)
	if d.Target.Upstream == nil {
		return nil, &Blocked{By: "upstream", Owner: reports.Configuration, Err: errors.New("what reaches the upstream cannot be seen")}
	}
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	scopes, err := d.upstreamScopes(ctx)
	if err != nil {
		return nil, err
	}
	t, err := d.Grant(wire.For(ctx, "control"), c, With("scope", strings.Join(scopes, " ")))
	if err != nil {
		return nil, err
	}
	v := &UpstreamVisit{Token: t.Access}
	if v.Answer, v.Received, err = d.callUpstream(ctx, v.Token); err != nil {
		return nil, err
	}
	if another, err := d.Grant(wire.For(ctx, "control"), c, With("scope", strings.Join(scopes, " "))); err == nil {
		_, v.Next, err = d.callUpstream(ctx, another.Access)
		return v, err
	}
	return v, nil
}

// callUpstream makes the resource server call the upstream, and returns what
// reached that meanwhile.
func (d *Deployment) callUpstream(ctx context.Context, token string) (*Answer, []UpstreamCredential, error) {
	before, err := d.Target.Upstream.Credentials(ctx)
	if err != nil {
		return nil, nil, err
	}
	answer, err := d.CallTool(wire.For(ctx, "attack"), token, d.Target.Upstream.Tool())
	if err != nil {
		return nil, nil, err
	}
	after, err := d.Target.Upstream.Credentials(ctx)
	if err != nil {
		return nil, nil, err
	}
	received := after[min(len(before), len(after)):]
	for _, c := range received {
		if c.isCredential() {
			d.wire.Redactor.Learn("upstream credential", c.Token)
		}
	}
	return answer, received, nil
}

// credentialNames are parts of the names of fields that hold credentials.
var credentialNames = []string{"authorization", "cookie", "token", "key", "secret", "auth", "credential", "signature"}

// isCredential tells whether what was received stands where credentials do, and
// is not just a path, a body or a header that any client sends.
func (c UpstreamCredential) isCredential() bool {
	where, name, _ := strings.Cut(strings.ToLower(c.In), " ")
	return (where == "header" || where == "query") &&
		slices.ContainsFunc(credentialNames, func(part string) bool { return strings.Contains(name, part) })
}

// upstreamScopes are what to ask for so that the upstream tool may be called: what
// the user says it needs, else everything there is.
func (d *Deployment) upstreamScopes(ctx context.Context) ([]string, error) {
	for _, o := range d.Target.Operations {
		if o.Name == d.Target.Upstream.Tool().Name && len(o.Scopes) > 0 {
			return o.Scopes, nil
		}
	}
	_, published, err := d.KnownScopes(ctx)
	return published, err
}

// Carries tells whether value holds the token: as it is, percent-encoded, or in
// base64.
func Carries(value, token string) bool {
	if strings.Contains(value, token) || strings.Contains(value, url.QueryEscape(token)) {
		return true
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		// Whatever stands before the token, its encoding without the ends, which
		// depend on the neighbours, occurs at one of three alignments.
		for shift := range 3 {
			encoded := strings.TrimRight(encoding.EncodeToString([]byte(strings.Repeat("-", shift)+token)), "=")
			inner := encoded[min(4, len(encoded)):max(4, len(encoded)-2)]
			if len(inner) > 16 && strings.Contains(value, inner) {
				return true
			}
		}
	}
	return false
}

// Carrying returns what was received that carries the client's token, described by
// where it was.
func (v *UpstreamVisit) Carrying(where func(in string) bool) []string {
	var found []string
	for _, c := range v.Received {
		if where(c.In) && Carries(c.Token, v.Token) && !slices.Contains(found, c.In) {
			found = append(found, c.In)
		}
	}
	return found
}

// Own returns the credentials received that are not the client's token in any form.
func (v *UpstreamVisit) Own() []UpstreamCredential {
	return slices.DeleteFunc(slices.Clone(v.Received), func(c UpstreamCredential) bool {
		return !c.isCredential() || Carries(c.Token, v.Token)
	})
}

// Again tells whether the same credential came with another token of the client.
func (v *UpstreamVisit) Again(c UpstreamCredential) bool {
	return slices.ContainsFunc(v.Next, func(next UpstreamCredential) bool { return next.In == c.In && next.Token == c.Token })
}

// Silent tells whether no credential reached the upstream.
func (v *UpstreamVisit) Silent() bool {
	return len(v.Own()) == 0 && len(v.Carrying(func(string) bool { return true })) == 0
}

// CallWithUpstreamTokens makes the protected call with each credential that the
// server sent upstream, between two sound calls. A token that says it is for this
// server too is left out.
func (d *Deployment) CallWithUpstreamTokens(ctx context.Context) ([]*Answer, error) {
	v, err := d.UpstreamVisit(ctx)
	if err != nil {
		return nil, err
	}
	resource, err := d.Resource(ctx)
	if err != nil {
		return nil, err
	}
	var answers []*Answer
	for _, c := range v.Own()[:min(len(v.Own()), 4)] {
		jwt, ok := DecodeJWT(c.Token)
		if c.In != "header Authorization" || ok && slices.Contains(jwt.Audience(), resource) {
			continue
		}
		a, err := d.GuardedCall(ctx, func(ctx context.Context, _ string) (*Answer, error) { return d.Call(ctx, c.Token) })
		if err != nil {
			return nil, err
		}
		answers = append(answers, a)
	}
	return answers, nil
}

// maxTools is how many tools are called to see what they return.
const maxTools = 10

// ToolsShowingToken calls the tools that may be called without harm, and tells of
// each whether its answer carries the token of the call.
func (d *Deployment) ToolsShowingToken(ctx context.Context) (map[string]bool, error) {
	scoping, err := d.Scoping(ctx)
	if err != nil {
		return nil, err
	}
	safe, err := d.SafeTools(ctx, scoping.Full.Token)
	if err != nil {
		return nil, err
	}
	showing := map[string]bool{}
	for _, tool := range safe[:min(len(safe), maxTools)] {
		a, err := d.CallTool(ctx, scoping.Full.Token, tool)
		if err != nil {
			return nil, err
		}
		showing[tool.Name] = Carries(string(a.Body), scoping.Full.Token)
	}
	return showing, nil
}
