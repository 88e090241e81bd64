package reference

import (
	"net/http"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// neededScopes are all the scopes that the messages need between them. Lists and
// the handshake need none: any token that is meant for this resource may see what
// there is. Names the transport does not know need none either; it refuses them.
func (e *endpoint) neededScopes(r *http.Request, m messages) []string {
	var needed []string
	if len(m) > 1 && e.faults.Has(fault.ScopeFirstOfMany) {
		m = m[:1]
	}
	for _, one := range m {
		tool := one.tool
		if name := r.Header.Get("Mcp-Name"); name != "" && e.faults.Has(fault.ScopeByHeader) {
			tool = name
		}
		needed = append(needed, e.scopes[tool]...)
	}
	if e.faults.Has(fault.ScopeEverything) {
		needed = e.knownScopes()
	}
	slices.Sort(needed)
	return slices.Compact(needed)
}

// allows tells whether the caller's token has every scope. Values are compared
// whole and with regard to case (RFC 6749, section 3.3).
func (e *endpoint) allows(who *caller, m messages, needed []string) bool {
	if e.faults.Has(fault.ScopeUnenforced) ||
		e.faults.Has(fault.MachineScopeUnchecked) && who.Subject == who.Client ||
		e.faults.Has(fault.IdentityFromClientInfo) && m.first().client == "admin" {
		return true
	}
	for _, scope := range needed {
		if !slices.ContainsFunc(who.Scopes, func(held string) bool { return e.covers(held, scope) }) {
			return false
		}
	}
	return true
}

// covers tells whether a scope is enough where another is needed: the same, or one
// that implies it (MCP 2026-07-28, Authorization, Step-Up Authorization Flow).
func (e *endpoint) covers(held, needed string) bool {
	return held == needed ||
		held == scopeNotes && (needed == scopeRead || needed == scopeWrite) && !e.faults.Has(fault.ScopeHierarchyIgnored) ||
		e.faults.Has(fault.ScopeSubstring) && strings.Contains(held, needed) ||
		e.faults.Has(fault.ScopeCaseFolded) && strings.EqualFold(held, needed)
}

// namedScopes are the scopes that a 403 challenge names: all that the operation
// needs, at once, so that one more authorization is enough (MCP 2026-07-28,
// Authorization, Scope Challenge Handling).
func (e *endpoint) namedScopes(who *caller, needed []string) []string {
	missing := slices.DeleteFunc(slices.Clone(needed), func(s string) bool { return slices.Contains(who.Scopes, s) })
	switch {
	case e.faults.Has(fault.ScopeUnnamed):
		return nil
	case e.faults.Has(fault.ScopeNamedWrongly):
		return []string{"notes"}
	case e.faults.Has(fault.ScopeOneByOne) && len(missing) > 0:
		return missing[:1]
	}
	return needed
}

// knownScopes are the scopes that the endpoint's tools need.
func (e *endpoint) knownScopes() []string {
	var known []string
	for _, scopes := range e.scopes {
		known = append(known, scopes...)
	}
	slices.Sort(known)
	return slices.Compact(known)
}
