package reference

import (
	"net/http"
	"strings"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// isOurHost refuses names that are not ours, under which a page elsewhere would
// be same-origin with us after it rebound its name to our address (MCP
// 2026-07-28, Transports, Security Warning).
func (rs *ResourceServer) isOurHost(host string) bool {
	return strings.ToLower(host) == hostOf(rs.origin) || rs.faults.Has(fault.HostIgnored)
}

// admitsOrigin lets requests through that no browser made, and those our own
// pages made; it answers 403 to any other. It never sends CORS headers: no page
// elsewhere has any business here.
func (rs *ResourceServer) admitsOrigin(w http.ResponseWriter, r *http.Request) bool {
	origins := r.Header.Values("Origin")
	foreign := len(origins) > 1 || len(origins) == 1 && !rs.isOurs(origins[0])
	if rs.faults.Has(fault.OriginReflected) && len(origins) == 1 {
		w.Header().Set("Access-Control-Allow-Origin", origins[0])
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		return true
	}
	status := http.StatusForbidden
	if rs.faults.Has(fault.OriginOtherStatus) {
		status = http.StatusBadRequest
	}
	if foreign && !rs.faults.Has(fault.OriginIgnored) || len(origins) == 0 && rs.faults.Has(fault.OriginRequired) {
		writeRPCError(w, status, rpcError{Code: rpcInvalidRequest, Message: "origin not allowed"})
		return false
	}
	return true
}

func (rs *ResourceServer) isOurs(origin string) bool {
	return origin == rs.origin ||
		rs.faults.Has(fault.OriginNullAllowed) && origin == "null" ||
		rs.faults.Has(fault.OriginPrefixMatch) && strings.HasPrefix(origin, rs.origin)
}
