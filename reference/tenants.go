package reference

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpassay/mcpassay/reference/fault"
)

type tenantIn struct {
	Tenant string `json:"tenant"`
}

// addTenantTool adds a tool whose argument is mirrored in a header field, so that
// a gateway can route by it. The header is the caller's word, and so is the body:
// whether the tenant is the caller's own is decided by the token alone (MCP
// 2026-07-28, Streamable HTTP, Server Validation; SEP-2243). A tenant is called
// after the user it belongs to.
func (e *endpoint) addTenantTool() {
	const name = "read_tenant"
	e.scopes[name] = nil
	mcp.AddTool(e.server, &mcp.Tool{
		Name: name, Description: "Reads the settings of your tenant, which is called like you.",
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true},
		InputSchema: json.RawMessage(`{"type":"object","properties":{"tenant":{"type":"string","x-mcp-header":"Tenant"}},"required":["tenant"]}`),
	}, func(_ context.Context, req *mcp.CallToolRequest, in tenantIn) (*mcp.CallToolResult, any, error) {
		who, err := admittedTo(req, name)
		if err != nil {
			return nil, nil, err
		}
		if !e.isTenant(in.Tenant) || in.Tenant != who.Subject && !e.faults.Has(fault.MirroredTenantTrusted) {
			return nil, nil, errors.New("there is no such tenant")
		}
		return textResult("settings of " + in.Tenant), nil, nil
	})
}

func (e *endpoint) isTenant(name string) bool { return contains(e.tenants, name) }
