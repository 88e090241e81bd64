package reference

import (
	"context"
	"encoding/json"
	"iter"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// state is what an endpoint keeps for its callers between requests.
type state struct {
	carts    carts
	tasks    tasks
	sealer   *sealer
	tenants  []string
	accounts connections
	crowd    crowd // gathers only for fault.AnswersCrossed
}

// addState adds the tools and methods that rest on it.
func (e *endpoint) addState(o *Options) error {
	e.carts.opened, e.tasks.known = map[string]cart{}, map[string]*task{}
	e.sealer = newSealer(o.RequestStateLifetime, e.faults)
	e.addCartTools()
	e.addRoundTool()
	e.addTenantTool()
	e.addConnectTool()
	e.addProfile()
	return e.addTasks()
}

// addProfile adds a resource whose content depends on who reads it.
func (e *endpoint) addProfile() {
	const uri = "notes://me"
	e.server.AddResource(&mcp.Resource{URI: uri, Name: "me", Description: "Whom the access token speaks for.", MIMEType: "application/json"},
		func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			admitted, ok := req.Extra.TokenInfo.Extra["admission"].(*admission)
			if !ok {
				return nil, mcp.ResourceNotFoundError(uri)
			}
			said, err := json.Marshal(map[string]string{"sub": admitted.who.Subject})
			if err != nil {
				return nil, err
			}
			return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: uri, MIMEType: "application/json", Text: string(said)}}}, nil
		})
}

// cacheable keeps every result with whom it was made for. Some depend on the
// user, and the default of the protocol is public (MCP 2026-07-28, Caching).
func (e *endpoint) cacheable(_ context.Context, _ mcp.Request, c *mcp.Cacheable) {
	c.CacheScope = "private"
	if e.faults.Has(fault.CacheScopePublic) {
		c.CacheScope, c.TTLMs = "public", 60_000
	}
}

// eventStore keeps the events of streams, so that their owners can resume them.
func (e *endpoint) eventStore() mcp.EventStore {
	kept := mcp.NewMemoryEventStore(&mcp.MemoryEventStoreOptions{})
	if e.faults.Has(fault.ReplayAcrossSessions) {
		return &sharedEvents{EventStore: kept}
	}
	return kept
}

// sharedEvents keeps streams by their own ids, whichever session asks for them.
type sharedEvents struct{ mcp.EventStore }

func (s *sharedEvents) Open(ctx context.Context, _, stream string) error {
	return s.EventStore.Open(ctx, everySession, stream)
}

func (s *sharedEvents) Append(ctx context.Context, _, stream string, data []byte) error {
	return s.EventStore.Append(ctx, everySession, stream, data)
}

func (s *sharedEvents) After(ctx context.Context, _, stream string, index int) iter.Seq2[[]byte, error] {
	return s.EventStore.After(ctx, everySession, stream, index)
}

func (s *sharedEvents) SessionClosed(context.Context, string) error { return nil }

const everySession = "every"

// namedCart is the cart that a request without a token names. Only
// fault.HandleAuthenticates looks.
func (e *endpoint) namedCart(m messages) bool {
	var params struct {
		Arguments readCartIn `json:"arguments"`
	}
	return m.first().tool == "read_cart" && json.Unmarshal(m.first().params, &params) == nil &&
		strings.TrimSpace(params.Arguments.Cart) != "" && e.carts.knows(params.Arguments.Cart)
}
