package reference

import (
	"context"
	"slices"
)

// A ClientLab is what a deployment has only when it stands in front of clients
// under test.
type ClientLab struct {
	// Unattended signs the first user in and agrees for him without showing a page,
	// since nobody is there who would look at one.
	Unattended bool
	// Revision is the only one of MCP that the resource server speaks; empty: all.
	Revision string
	// TestToolScopes are needed to call the tool that every test fixture calls.
	TestToolScopes []string
	// AuthMethods are all that the metadata says of how clients authenticate; nil:
	// the truth.
	AuthMethods []string
	// NeverEnough makes every call of that tool lack a scope, whatever the token.
	NeverEnough bool
}

// testTool is the tool that test fixtures for MCP clients call.
const testTool = "test-tool"

func (e *endpoint) addTestTool(lab *ClientLab) {
	e.insatiable = lab.NeverEnough
	addTool(e, testTool, "Answers with a word.", lab.TestToolScopes,
		func(context.Context, *caller, nothing) (string, error) { return "test", nil })
}

// neverEnough tells whether the messages call the tool for which no token will do.
func (e *endpoint) neverEnough(m messages) bool {
	return e.insatiable && slices.ContainsFunc(m, func(one message) bool { return one.tool == testTool })
}

// unattended tells whether nobody is there who would look at a page.
func (s *AuthServer) unattended() bool {
	return s.options.ForClients != nil && s.options.ForClients.Unattended
}
