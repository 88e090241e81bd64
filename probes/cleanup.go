package probes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/mcpassay/mcpassay/reports"
)

// created remembers what a run created, to remove it at the end.
type created struct {
	mu      sync.Mutex
	clients []*Client
	grants  []*Tokens
	removed map[string]bool // client ids already gone
}

func (c *created) client(client *Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clients = append(c.clients, client)
}

func (c *created) grant(t *Tokens) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.grants = append(c.grants, t)
}

// Removed says that a check has already deleted the client.
func (d *Deployment) Removed(c *Client) {
	d.created.mu.Lock()
	defer d.created.mu.Unlock()
	if d.created.removed == nil {
		d.created.removed = map[string]bool{}
	}
	d.created.removed[c.ID] = true
}

// Clean revokes every grant (RFC 7009) and deletes every client (RFC 7592,
// section 2.3) that the run created, and returns what is left.
func (d *Deployment) Clean(ctx context.Context) []reports.Residue {
	defer d.aftermath.over.Store(true)
	d.created.mu.Lock()
	clients, grants := slices.Clone(d.created.clients), slices.Clone(d.created.grants)
	removed := maps.Clone(d.created.removed)
	d.created.mu.Unlock()
	var left []reports.Residue
	clients = slices.DeleteFunc(clients, func(c *Client) bool {
		if !d.keeps(c) {
			return false
		}
		left = append(left, reports.Residue{Kind: "client", Name: c.ID, Why: KeptForLater})
		return true
	})
	grants = slices.DeleteFunc(grants, func(t *Tokens) bool { return d.keeps(t.Client) })
	// Nobody can revoke what a deleted client had: it went with the client.
	grants = slices.DeleteFunc(grants, func(t *Tokens) bool { return removed[t.Client.ID] })

	left = append(left, d.revokeAll(ctx, grants)...)
	results := make([]error, len(clients))
	var group sync.WaitGroup
	for i, c := range clients {
		if !removed[c.ID] {
			group.Go(func() { results[i] = d.deleteClient(ctx, c) })
		}
	}
	group.Wait()
	for i, err := range results {
		if err != nil {
			left = append(left, reports.Residue{Kind: "client", Name: clients[i].ID, Why: d.Redact(err.Error())})
		}
	}
	return left
}

// revokeAll revokes refresh tokens, which end their grants, and the access
// tokens of grants without one.
func (d *Deployment) revokeAll(ctx context.Context, grants []*Tokens) []reports.Residue {
	if len(grants) == 0 {
		return nil
	}
	all := func(why string) []reports.Residue {
		return []reports.Residue{{Kind: "grant", Name: fmt.Sprintf("%d grants", len(grants)), Why: why}}
	}
	if _, err := d.ServerEndpoint(ctx, "revocation_endpoint"); err != nil {
		return all("the authorization server names no revocation endpoint; the tokens die when they expire")
	}
	failed, mortal := make([]bool, len(grants)), make([]bool, len(grants))
	var group sync.WaitGroup
	for i, t := range grants {
		group.Go(func() {
			token, hint := t.Access, "access_token"
			if t.Refresh != "" {
				token, hint = t.Refresh, "refresh_token"
			}
			res, err := d.Revoke(ctx, t.Client, token, hint)
			failed[i] = err != nil || res.Status >= 300
			mortal[i] = failed[i] && err == nil && strings.Contains(string(res.Body), "unsupported_token_type")
		})
	}
	group.Wait()
	refused, unsupported := 0, 0
	for i := range failed {
		switch {
		case mortal[i]:
			unsupported++
		case failed[i]:
			refused++
		}
	}
	var left []reports.Residue
	if unsupported > 0 {
		left = append(left, reports.Residue{Kind: "grant", Name: fmt.Sprintf("%d access tokens without a refresh token", unsupported),
			Why: "the authorization server revokes no access tokens (unsupported_token_type); they die when they expire"})
	}
	if refused > 0 {
		left = append(left, reports.Residue{Kind: "grant", Name: fmt.Sprintf("%d of %d grants", refused, len(grants)),
			Why: "the revocation endpoint refused; the tokens die when they expire"})
	}
	return left
}

func (d *Deployment) deleteClient(ctx context.Context, c *Client) error {
	res, err := d.Manage(ctx, c, http.MethodDelete, nil)
	switch {
	case err != nil:
		return err
	case res.Status == http.StatusUnauthorized:
		return errors.New("its registration access token is no longer good (401)")
	case res.Status >= 300 && res.Status != http.StatusNotFound:
		return fmt.Errorf("the deletion was answered %d", res.Status)
	}
	return nil
}
