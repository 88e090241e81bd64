package reference

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// addTestTool adds the tool that test fixtures for MCP clients call.
func (e *endpoint) addTestTool(lab *ClientLab) {
	e.insatiable = lab.NeverEnough
	e.scopes[testTool] = lab.TestToolScopes
	tool := &mcp.Tool{Name: testTool, Description: "Answers with a word.", Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true}}
	for _, source := range lab.Icons {
		if source[0] == '/' {
			source = originOf(e.url) + source
		}
		tool.Icons = append(tool.Icons, mcp.Icon{Source: source, MIMEType: "image/png"})
	}
	mcp.AddTool(e.server, tool, func(_ context.Context, req *mcp.CallToolRequest, _ nothing) (*mcp.CallToolResult, any, error) {
		if _, err := admittedTo(req, testTool); err != nil {
			return nil, nil, err
		}
		if lab.AskURL != "" && canBeAsked(req) && req.Params.InputResponses == nil {
			return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"page": &mcp.ElicitParams{
				Mode: "url", Message: "Please read this page first.", URL: lab.AskURL, ElicitationID: "page",
			}}}, nil, nil
		}
		return textResult("test"), nil, nil
	})
}
