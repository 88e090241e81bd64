package reference

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// Carts are state that outlives a request, under handles that the server mints.
// A handle is not a secret, and knowing one opens nothing: each cart belongs to
// the caller whose token opened it, and for anybody else does not exist (MCP
// 2026-07-28, Security Best Practices, State Handle Hijacking).
type carts struct {
	mu     sync.Mutex
	opened map[string]cart
	number atomic.Int64 // counted only for fault.HandleSequential
}

type cart struct{ owner, label string }

var errNoCart = errors.New("there is no such cart")

type (
	openCartIn struct {
		Label string `json:"label,omitempty" jsonschema:"what to call the cart"`
	}
	readCartIn struct {
		Cart string `json:"cart_id" jsonschema:"the cart's id, from open_cart"`
	}
)

func (c *carts) open(f fault.Set, who *caller, label string) (string, error) {
	if len(label) > maxNote {
		return "", errors.New("the label is too long")
	}
	handle := rand.Text()
	if f.Has(fault.HandleSequential) {
		handle = fmt.Sprintf("cart-%d", c.number.Add(1))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for old := range c.opened {
		if len(c.opened) < maxRemembered {
			break
		}
		delete(c.opened, old)
	}
	c.opened[handle] = cart{owner: who.identity(), label: label}
	return handle, nil
}

func (c *carts) read(f fault.Set, who *caller, handle string) (cart, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.opened[handle]
	stranger := who.identity() == anonymous().identity() // no token was needed
	opens := f.Has(fault.HandleUnbound) || stranger && f.Has(fault.HandleAuthenticates)
	if !ok || found.owner != who.identity() && !opens {
		return cart{}, errNoCart
	}
	return found, nil
}

// knows tells whether a handle was minted here. Only fault.HandleAuthenticates asks.
func (c *carts) knows(handle string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.opened[handle]
	return ok
}

// addCartTools adds the tools that keep state between requests.
func (e *endpoint) addCartTools() {
	addTool(e, "open_cart", "Opens a cart and returns its id.", nil,
		func(_ context.Context, who *caller, in openCartIn) (string, error) {
			handle, err := e.carts.open(e.faults, who, in.Label)
			if err != nil {
				return "", err
			}
			said, err := json.Marshal(map[string]string{"cart_id": handle})
			return string(said), err
		})
	addTool(e, "read_cart", "Reads a cart of yours.", nil,
		func(_ context.Context, who *caller, in readCartIn) (string, error) {
			found, err := e.carts.read(e.faults, who, in.Cart)
			if err != nil {
				return "", err
			}
			said, err := json.Marshal(map[string]string{"cart_id": in.Cart, "label": found.label})
			return string(said), err
		})
}
