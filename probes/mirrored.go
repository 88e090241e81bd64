package probes

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// MirroredTools are the tools with arguments that a header field repeats, each as
// tool and argument: those whose schema says x-mcp-header (SEP-2243).
func (d *Deployment) MirroredTools(ctx context.Context) (map[string]map[string]string, error) {
	return Once(d, "mirrored tools", func(ctx context.Context) (map[string]map[string]string, error) {
		return d.view(ctx).findMirrored(ctx)
	}).Get(ctx)
}

func (d *Deployment) findMirrored(ctx context.Context) (map[string]map[string]string, error) {
	token, err := d.FirstCall(ctx)
	if err != nil {
		return nil, err
	}
	a, err := d.CallMethod(wire.For(ctx, "control"), token, "tools/list", nil)
	if err != nil {
		return nil, err
	}
	var result struct {
		Tools []struct {
			Name   string `json:"name"`
			Schema struct {
				Properties map[string]json.RawMessage `json:"properties"`
			} `json:"inputSchema"`
		} `json:"tools"`
	}
	_ = json.Unmarshal(a.Result, &result) // what cannot be read mirrors nothing
	all := map[string]map[string]string{}
	for _, tool := range result.Tools {
		for argument, schema := range tool.Schema.Properties {
			var property struct {
				Header string `json:"x-mcp-header"`
			}
			if json.Unmarshal(schema, &property) != nil || property.Header == "" {
				continue
			}
			if all[tool.Name] == nil {
				all[tool.Name] = map[string]string{}
			}
			all[tool.Name][argument] = property.Header
		}
	}
	return all, nil
}

// mirroring repeats an argument in its header field, as a client has to.
func mirroring(header, value string) MessageMutation {
	if strings.ContainsFunc(value, func(r rune) bool { return r < '!' || r > '~' }) {
		value = "=?base64?" + base64.StdEncoding.EncodeToString([]byte(value)) + "?="
	}
	return func(m *Message) { m.Header.Set("Mcp-Param-"+header, value) }
}

// NameOther lets the first user name, in a mirrored argument, what belongs to the
// second, who can do so. That each can name their own is the control.
func (d *Deployment) NameOther(ctx context.Context) (*HandleNaming, error) {
	mirrored := d.Target.State.Mirrored
	tools, err := d.MirroredTools(ctx)
	if err != nil {
		return nil, err
	}
	header := tools[mirrored.Call.Name][mirrored.Argument]
	if header == "" {
		return nil, &Blocked{By: "mirrored", Owner: reports.Configuration,
			Err: fmt.Errorf("the tool %s has no argument %s with x-mcp-header", mirrored.Call.Name, mirrored.Argument)}
	}
	token, err := d.FirstCall(ctx)
	if err != nil {
		return nil, err
	}
	second, err := d.SecondUserToken(ctx)
	if err != nil {
		return nil, err
	}
	name := func(ctx context.Context, token, value string) (*Answer, error) {
		return d.CallTool(ctx, token, mirrored.Call.with(mirrored.Argument, value), mirroring(header, value))
	}
	for value, token := range map[string]string{mirrored.Own: token, mirrored.Other: second} {
		a, err := name(wire.For(ctx, "control"), token, value)
		if err != nil {
			return nil, err
		}
		if !a.Served() {
			return nil, &Blocked{By: "mirrored", Owner: reports.Configuration,
				Err: fmt.Errorf("the tool %s with the %s %q of its own user was %s", mirrored.Call.Name, mirrored.Argument, value, a.Said())}
		}
	}
	n := &HandleNaming{realID: mirrored.Other, madeUpID: madeUp(mirrored.Other)}
	if n.Made, err = name(wire.For(ctx, "attack"), token, n.madeUpID); err != nil {
		return nil, err
	}
	if n.Real, err = name(wire.For(ctx, "attack"), token, mirrored.Other); err != nil {
		return nil, err
	}
	return n, d.ControlCall(ctx)
}
