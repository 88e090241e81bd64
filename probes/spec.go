package probes

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// versionHeaderSince is the first revision whose requests carry
// MCP-Protocol-Version.
const versionHeaderSince = "2025-06-18"

// NotSpoken is the error of a server that does not speak the revision it is to
// be held to.
type NotSpoken struct {
	Asked  string
	Offers string // what it answered instead; empty: nothing
}

func (e *NotSpoken) Error() string {
	if e.Offers == "" {
		return fmt.Sprintf("the server does not speak MCP %s", e.Asked)
	}
	return fmt.Sprintf("the server does not speak MCP %s: asked for it, it offers %s", e.Asked, e.Offers)
}

// agreeOn makes sure that the server speaks a revision.
func (b *bench) agreeOn(ctx context.Context, token, revision string) (*Era, error) {
	if revision >= Modern {
		m := modernCall("tools/list", nil)
		bearer(m, token)
		a, err := b.ask(wire.For(ctx, "control"), m)
		if err != nil {
			return nil, err
		}
		var result struct {
			ResultType string `json:"resultType"`
		}
		switch {
		case a.Served() && json.Unmarshal(a.Result, &result) == nil && result.ResultType != "":
			return &Era{revision}, nil
		case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
			return nil, b.view(ctx).soundRefused(ctx, token, a)
		}
		return nil, &NotSpoken{Asked: revision}
	}
	s, a, err := b.initialize(wire.For(ctx, "control"), token, nil)
	switch {
	case err != nil:
		return nil, err
	case s == nil && (a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden):
		return nil, b.view(ctx).soundRefused(ctx, token, a)
	case s == nil:
		return nil, &NotSpoken{Asked: revision}
	}
	b.endSession(ctx, s, token)
	if s.version != revision {
		return nil, &NotSpoken{Asked: revision, Offers: s.version}
	}
	return &Era{revision}, nil
}

// handshakeVersion is the revision that initialize asks for.
func (b *bench) handshakeVersion() string {
	if spec := b.Target.Spec; spec != "" && spec < Modern {
		return spec
	}
	return Legacy
}

// alone is a request outside any session, in the wire of the revision under test:
// the newest if none was named, since what answers it without a token is the same.
func (b *bench) alone(method string, params map[string]any) *Message {
	if spec := b.Target.Spec; spec != "" && spec < Modern {
		return legacyCall(&session{version: spec}, method, params)
	}
	return modernCall(method, params)
}
