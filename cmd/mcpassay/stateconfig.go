package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mcpassay/mcpassay/probes"
)

// A State says where the server keeps something for its users between requests.
type State struct {
	Identity Tool     `yaml:"identity" json:"identity,omitzero" jsonschema:"a harmless tool whose result differs between users; default: one is looked for among the tools that say they only read"`
	Handles  Handles  `yaml:"handles" json:"handles,omitzero" jsonschema:"tools that mint and take state handles, such as a cart's id"`
	Rounds   Rounds   `yaml:"rounds" json:"rounds,omitzero" jsonschema:"a harmless tool that asks the user something and returns requestState (MCP 2026-07-28); default: as for identity"`
	Mirrored Mirrored `yaml:"mirrored" json:"mirrored,omitzero" jsonschema:"a tool with an argument that a header field repeats (x-mcp-header)"`
	Link     Tool     `yaml:"link" json:"link,omitzero" jsonschema:"a tool that asks the user to sign in at a URL (URL-mode elicitation), until that was done; the test users' accounts get linked"`
	Task     Tool     `yaml:"task" json:"task,omitzero" jsonschema:"a harmless tool whose call becomes a task; default: as for identity"`
}

// Handles are a tool that mints a handle and one that takes it.
type Handles struct {
	Create   Tool   `yaml:"create" json:"create,omitzero" jsonschema:"the tool that mints a handle"`
	Use      Tool   `yaml:"use" json:"use,omitzero" jsonschema:"a tool that takes it"`
	Argument string `yaml:"argument" json:"argument,omitempty" jsonschema:"the argument that takes it"`
	Result   string `yaml:"result" json:"result,omitempty" jsonschema:"the member of the first tool's result that holds it; default: called as the argument"`
}

// Rounds are a tool that asks the user something.
type Rounds struct {
	Tool     Tool          `yaml:"tool" json:"tool,omitzero" jsonschema:"the tool"`
	Lifetime time.Duration `yaml:"lifetime" json:"lifetime,omitempty" jsonschema:"how long its requestState is good for, such as 10m, if that is known"`
}

// Mirrored is a tool with an argument that a header field repeats.
type Mirrored struct {
	Tool     Tool   `yaml:"tool" json:"tool,omitzero" jsonschema:"the tool"`
	Argument string `yaml:"argument" json:"argument,omitempty" jsonschema:"the argument"`
	Own      string `yaml:"own" json:"own,omitempty" jsonschema:"a value that the first user may name"`
	Other    string `yaml:"other" json:"other,omitempty" jsonschema:"a value that only the second user may name"`
}

func (s *State) validate() error {
	h, m := s.Handles, s.Mirrored
	switch {
	case (h.Create.Name != "" || h.Use.Name != "" || h.Argument != "") && (h.Create.Name == "" || h.Use.Name == "" || h.Argument == ""):
		return errors.New("state.handles: create, use and argument go together")
	case (m.Tool.Name != "" || m.Argument != "" || m.Own != "" || m.Other != "") && (m.Tool.Name == "" || m.Argument == "" || m.Own == "" || m.Other == ""):
		return errors.New("state.mirrored: tool, argument, own and other go together")
	case s.Rounds.Lifetime < 0:
		return errors.New("state.rounds: the lifetime cannot be negative")
	case s.Rounds.Lifetime > 0 && s.Rounds.Tool.Name == "":
		return errors.New("state.rounds: the lifetime is that of a tool's requestState, and no tool is named")
	}
	for name, tool := range map[string]Tool{
		"identity": s.Identity, "handles.create": h.Create, "handles.use": h.Use,
		"rounds.tool": s.Rounds.Tool, "mirrored.tool": m.Tool, "task": s.Task, "link": s.Link,
	} {
		if tool.Name == "" && tool.Arguments != nil {
			return fmt.Errorf("state.%s: arguments are given but no name", name)
		}
		if _, err := json.Marshal(tool.Arguments); err != nil {
			return fmt.Errorf("state.%s: the arguments cannot be sent as JSON: %w", name, err)
		}
	}
	return nil
}

// probed is the same for the probes.
func (s *State) probed() probes.State {
	known := probes.State{Identity: s.Identity.probed(), Rounds: s.Rounds.Tool.probed(), Rounded: s.Rounds.Lifetime, Task: s.Task.probed(), Link: s.Link.probed()}
	if h := s.Handles; h.Create.Name != "" {
		known.Handles = &probes.Handles{Create: probes.ToolCall(h.Create), Use: probes.ToolCall(h.Use), Argument: h.Argument, Result: h.Result}
	}
	if m := s.Mirrored; m.Tool.Name != "" {
		known.Mirrored = &probes.Mirrored{Call: probes.ToolCall(m.Tool), Argument: m.Argument, Own: m.Own, Other: m.Other}
	}
	return known
}

// probed is the tool's call for the probes, or nil if none was named.
func (t Tool) probed() *probes.ToolCall {
	if t.Name == "" {
		return nil
	}
	return &probes.ToolCall{Name: t.Name, Arguments: t.Arguments}
}
