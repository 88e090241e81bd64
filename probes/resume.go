package probes

import (
	"bytes"
	"context"
	"net/http"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// A Resumption is what those got who asked for the rest of a stream.
type Resumption struct {
	Numbered bool // its events had ids
	Replayed bool // its owner got something
	Other    bool // the second user got something of it; nobody asked without one
	Bare     bool // somebody without a token did
}

// Resume lets a stream be resumed by the one it belongs to, by the second user in
// a session of their own, and without a token (MCP 2025-11-25, Transports,
// Resumability and Redelivery).
func (d *Deployment) Resume(ctx context.Context) (*Resumption, error) {
	token, err := d.FirstCall(ctx)
	if err != nil {
		return nil, err
	}
	s, err := d.OpenSession(ctx, token)
	if err != nil {
		return nil, err
	}
	defer s.End(ctx)
	method, params := d.protected()
	answer, err := s.call(wire.For(ctx, "control"), token, method, params, nil)
	if err != nil {
		return nil, err
	}
	ids, message := eventIDs(answer.Response), answer.Message()
	x := &Resumption{Numbered: len(ids) > 0 && len(message) > 0}
	if !x.Numbered {
		return x, nil
	}
	rest := func(ctx context.Context, s *Session, token string) (bool, error) {
		m := legacyCall(&session{s.ID, s.Version}, "", nil)
		m.HTTPMethod, m.Body = http.MethodGet, []byte{}
		m.Header.Set("Accept", "text/event-stream")
		m.Header.Set("Last-Event-ID", ids[0])
		bearer(m, token)
		a, err := d.ask(wire.Within(ctx, streamPatience), m)
		if err != nil {
			return false, err
		}
		return bytes.Contains(a.Body, message), nil
	}
	if x.Replayed, err = rest(wire.For(ctx, "control"), s, token); err != nil || !x.Replayed {
		return x, err
	}
	if len(d.Target.Users) > 1 {
		second, err := d.SecondUserToken(ctx)
		if err != nil {
			return nil, err
		}
		own, err := d.OpenSession(ctx, second)
		if err != nil {
			return nil, err
		}
		defer own.End(ctx)
		if x.Other, err = rest(wire.For(ctx, "attack"), own, second); err != nil {
			return nil, err
		}
	}
	if x.Bare, err = rest(wire.For(ctx, "attack"), s, ""); err != nil {
		return nil, err
	}
	again, err := rest(wire.For(ctx, "control"), s, token)
	x.Replayed = x.Replayed && again
	return x, err
}

// eventIDs are the ids of the events in a stream, in order.
func eventIDs(r *wire.Response) []string {
	var ids []string
	for line := range bytes.Lines(r.Body) {
		if id, ok := bytes.CutPrefix(bytes.TrimRight(line, "\r\n"), []byte("id:")); ok {
			ids = append(ids, string(bytes.TrimSpace(id)))
		}
	}
	return ids
}
