package probes

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// Keys fetches the authorization server's key set (RFC 7517, section 5), each
// key raw. A server that publishes none has none: nil without an error.
func (d *Deployment) Keys(ctx context.Context) ([]*wire.Document, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	if !metadata.Has("jwks_uri") {
		return nil, nil
	}
	endpoint, err := d.ServerEndpoint(ctx, "jwks_uri")
	if err != nil {
		return nil, err
	}
	fetched := d.fetch(ctx, "jwks", endpoint)
	if fetched.Err != nil {
		return nil, &Blocked{By: "as-metadata-endpoints-answer", Owner: reports.AuthServer, Err: fmt.Errorf("jwks_uri: %w", fetched.Err)}
	}
	var members []json.RawMessage
	if err := json.Unmarshal(fetched.Document.Members["keys"], &members); err != nil {
		return nil, &Blocked{By: "as-metadata-endpoints-answer", Owner: reports.AuthServer, Err: fmt.Errorf("the key set has no array of keys")}
	}
	var keys []*wire.Document
	for _, member := range members {
		key, err := wire.ParseDocument(member)
		if err != nil {
			return nil, &Blocked{By: "as-metadata-endpoints-answer", Owner: reports.AuthServer, Err: fmt.Errorf("a key: %w", err)}
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// KeySet is the authorization server's key set as it serves it; empty if it
// publishes none.
func (d *Deployment) KeySet(ctx context.Context) (json.RawMessage, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	if !metadata.Has("jwks_uri") {
		return json.RawMessage(`{"keys":[]}`), nil
	}
	endpoint, err := d.ServerEndpoint(ctx, "jwks_uri")
	if err != nil {
		return nil, err
	}
	fetched := d.fetch(ctx, "jwks", endpoint)
	if fetched.Err != nil {
		return nil, &Blocked{By: "as-metadata-endpoints-answer", Owner: reports.AuthServer, Err: fmt.Errorf("jwks_uri: %w", fetched.Err)}
	}
	return fetched.Response.Body, nil
}
