package reference

import (
	"slices"

	"github.com/mcpassay/mcpassay/fixtures/certs"
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
	// the truth. If it is one, whoever registers is registered for that.
	AuthMethods []string
	// RefreshForAll registers everybody for refresh tokens.
	RefreshForAll bool
	// Documents makes the authorization server accept clients by the URL of a
	// document, even of one that it cannot read from where it stands.
	Documents bool
	// NeverEnough makes every call of that tool lack a scope, whatever the token.
	NeverEnough bool
	// Icons are URLs, or paths on the resource server, of the icons of that tool.
	Icons []string
	// AskURL is what the user is to be asked to open before that tool answers, where
	// the client can ask; empty: nothing.
	AskURL string

	// Authority issues the certificates of a deployment that speaks https; nil: one
	// of its own.
	Authority *certs.Authority
	// Certificates are what is wrong with them, by party.
	Certificates map[Party]CertificateFlaw
	// Hello hears of each handshake that somebody begins with a party; nil: nobody
	// does.
	Hello func(Party)

	ExtensionLab
}

// testTool is the tool that test fixtures for MCP clients call.
const testTool = "test-tool"

// neverEnough tells whether the messages call the tool for which no token will do.
func (e *endpoint) neverEnough(m messages) bool {
	return e.insatiable && slices.ContainsFunc(m, func(one message) bool { return one.tool == testTool })
}

// unattended tells whether nobody is there who would look at a page.
func (s *AuthServer) unattended() bool {
	return s.options.ForClients != nil && s.options.ForClients.Unattended
}

// register makes what a client asked to be registered for what the lab has.
func (l *ClientLab) register(client *Client) {
	if l == nil {
		return
	}
	if len(l.AuthMethods) == 1 {
		client.AuthMethod = l.AuthMethods[0]
	}
	if l.RefreshForAll && !slices.Contains(client.GrantTypes, grantRefresh) {
		if len(client.GrantTypes) == 0 {
			client.GrantTypes = []string{grantCode}
		}
		client.GrantTypes = append(client.GrantTypes, grantRefresh)
	}
}
