package probes

import (
	"context"
	"encoding/json"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// A Cached is a result that says who may cache it.
type Cached struct {
	Name    string
	Scope   string // cacheScope
	Differs bool   // between the users, and not from one time to the next
}

// maxResources bounds how many resources are read.
const maxResources = 5

// CacheScopes are the results that two users get to the same requests, and who may
// cache them (MCP 2026-07-28, Caching).
func (d *Deployment) CacheScopes(ctx context.Context) ([]Cached, error) {
	token, err := d.FirstCall(ctx)
	if err != nil {
		return nil, err
	}
	second, err := d.SecondUserToken(ctx)
	if err != nil {
		return nil, err
	}
	type request struct {
		method string
		params map[string]any
	}
	requests := []request{{"tools/list", nil}, {"prompts/list", nil}, {"resources/templates/list", nil}, {"resources/list", nil}}
	var all []Cached
	for i := 0; i < len(requests); i++ {
		r := requests[i]
		var answers [3]*Answer
		for n, t := range []string{token, second, token} {
			if answers[n], err = d.CallMethod(wire.For(ctx, "control"), t, r.method, r.params); err != nil {
				return nil, err
			}
		}
		if r.method == "resources/list" {
			for _, uri := range urisIn(answers[0]) {
				requests = append(requests, request{"resources/read", map[string]any{"uri": uri}})
			}
		}
		var said struct {
			Scope *string `json:"cacheScope"`
		}
		if !answers[0].Served() || json.Unmarshal(answers[0].Result, &said) != nil || said.Scope == nil {
			continue
		}
		name := r.method
		if uri, ok := r.params["uri"].(string); ok {
			name += " of " + uri
		}
		first, other, again := answers[0].content(), answers[1].content(), answers[2].content()
		all = append(all, Cached{Name: name, Scope: *said.Scope, Differs: first == again && first != other})
	}
	return all, nil
}

func urisIn(a *Answer) []string {
	var result struct {
		Resources []struct {
			URI string `json:"uri"`
		} `json:"resources"`
	}
	if a == nil || json.Unmarshal(a.Result, &result) != nil {
		return nil
	}
	var uris []string
	for _, r := range result.Resources[:min(len(result.Resources), maxResources)] {
		uris = append(uris, r.URI)
	}
	return uris
}
