package fault

// Faults of a server whose clients start from its base URL (MCP 2025-03-26).
var (
	BaseURLSilent     = declare("base-url-silent", "publishes neither metadata nor endpoints at its base URL")
	BaseURLIncomplete = declare("base-url-incomplete", "has no registration endpoint under the default path of its base URL")
)
