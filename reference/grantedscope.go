package reference

import (
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// Scopes beyond those that the resource server's tools need.
const (
	scopeAdmin   = "admin"
	scopeOffline = "offline_access"
	scopeOpenID  = "openid"
)

var (
	// openScopes are what anybody who registers may ask users for.
	openScopes  = []string{scopeRead, scopeWrite, scopeNotes, scopeUpstream, scopeOffline, scopeOpenID}
	knownScopes = append(slices.Clone(openScopes), scopeAdmin)
)

// KnownScopes are all the scopes that a deployment knows.
func KnownScopes() []string { return slices.Clone(knownScopes) }

// scopeMeanings are what the consent page tells the user.
var scopeMeanings = map[string]string{
	scopeRead:     "Read your notes",
	scopeWrite:    "Create and change your notes",
	scopeNotes:    "Read and change your notes",
	scopeUpstream: "Read your data at the upstream service",
	scopeAdmin:    "Administer the notes of everybody",
	scopeOffline:  "Keep access while you are away",
	scopeOpenID:   "Know who you are",
}

// scopeGranted returns the scopes that a client gets for what it asked for.
// Asking for nothing means the least there is (RFC 6749, section 3.3), never all
// that the client could have. A server may also refuse it, as the variant does.
func (s *AuthServer) scopeGranted(asked string, client *Client) ([]string, *denial) {
	if strings.TrimSpace(asked) == "" {
		if s.variants.Has(variant.ScopeRequired) {
			return nil, refuse(invalidScope, "a scope has to be asked for")
		}
		return s.scopeDefault(client), nil
	}
	var granted []string
	for _, scope := range strings.Fields(asked) {
		if !contains(client.Scopes, scope) && s.faults.Has(fault.ScopeUnknownDropped) {
			continue
		}
		if !contains(client.Scopes, scope) && !s.unknownGranted(scope) && !s.options.lab {
			return nil, refuse(invalidScope, "scope %q is unknown or not for this client", scope)
		}
		if !contains(granted, scope) {
			granted = append(granted, scope)
		}
	}
	return granted, nil
}

// scopeDefault is what a client gets that asks for nothing in particular.
func (s *AuthServer) scopeDefault(client *Client) []string {
	switch {
	case s.faults.Has(fault.ScopeDefaultAll):
		return client.Scopes
	case s.faults.Has(fault.ScopeDefaultUnscoped):
		return nil
	}
	return s.leastScopes()
}

// unknownGranted holds the fault that grants whatever it does not know.
func (s *AuthServer) unknownGranted(scope string) bool {
	return s.faults.Has(fault.ScopeUnknownGranted) && !contains(knownScopes, scope)
}

// scopeNarrowed returns the part of what was granted that is asked for now. It
// never grows (RFC 6749, section 6).
func (s *AuthServer) scopeNarrowed(asked string, granted []string) ([]string, *denial) {
	wanted := strings.Fields(asked)
	if len(wanted) == 0 {
		return granted, nil
	}
	for _, scope := range wanted {
		if !contains(granted, scope) {
			return nil, refuse(invalidScope, "scope %q was not granted", scope)
		}
	}
	return wanted, nil
}
