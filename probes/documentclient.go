package probes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// DocumentClient is a client that nobody registered: its id is the URL of a
// Client ID Metadata Document that the run publishes. A sound flow has shown that
// the authorization server takes it. If there can be none, the error is
// ErrNoDocuments with the reason.
func (d *Deployment) DocumentClient(ctx context.Context) (*Client, error) {
	return Once(d, "document client", d.firstDocumentClient).Get(ctx)
}

// AnnouncesDocuments tells whether the metadata says that documents are read.
func (d *Deployment) AnnouncesDocuments(ctx context.Context) (bool, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return false, err
	}
	offered, _ := metadata.Bool("client_id_metadata_document_supported")
	return offered, nil
}

func (b *bench) firstDocumentClient(ctx context.Context) (*Client, error) {
	d := b.view(ctx)
	offered, err := d.AnnouncesDocuments(ctx)
	if err != nil {
		return nil, err
	}
	if !offered {
		return nil, fmt.Errorf("%w, and its metadata announces none (client_id_metadata_document_supported)", ErrNoDocuments)
	}
	// Some servers want redirect URIs on the document's own host: legal, and the
	// loopback ones of native applications are more usual.
	c, err := d.tryDocumentClient(ctx, LoopbackRedirect)
	if errors.Is(err, ErrNoDocuments) {
		if other, again := d.tryDocumentClient(ctx, WebRedirect); again == nil {
			return other, nil
		}
	}
	return c, err
}

// tryDocumentClient publishes a sound document and takes its client through a
// sound flow.
func (d *Deployment) tryDocumentClient(ctx context.Context, redirects ...string) (*Client, error) {
	c, x, err := d.publishClient(ctx, redirects...)
	if err != nil {
		return nil, err
	}
	r, err := d.NewRequest(ctx, c)
	if err != nil {
		return nil, err
	}
	a, err := d.Authorize(alone(wire.For(ctx, "control")), r)
	if err != nil {
		return nil, err
	}
	if a.Code == "" {
		if a.Params.Get("error") == "invalid_target" {
			if err := d.noCode(ctx, a); Trouble(err).By != "as-code-flow" {
				return nil, err
			}
		}
		return nil, d.unread(ctx, x, a)
	}
	t, err := d.Redeem(wire.For(ctx, "control"), a)
	if err != nil {
		return nil, err
	}
	if !t.Issued() {
		return nil, &Blocked{By: "as-code-flow", Owner: reports.AuthServer,
			Err: fmt.Errorf("the token request of a client with a document was answered %d %s", t.Response.Status, t.Error)}
	}
	return c, nil
}

// publishClient publishes a sound document, which is kept for a while, and
// returns its client. Nothing is sent.
func (d *Deployment) publishClient(ctx context.Context, redirects ...string) (*Client, *Document, error) {
	h, err := d.documentHost(ctx)
	if err != nil {
		return nil, nil, err
	}
	x := h.publish("", nil)
	members := d.document(ctx, x.URL, map[string]any{"redirect_uris": redirects})
	x.Serve(AsJSON(members, "max-age=300"))
	return clientOf(x.URL, members), x, nil
}

// document is a sound Client ID Metadata Document with the members changed as
// given. A nil value leaves a member out.
func (d *Deployment) document(ctx context.Context, id string, change map[string]any) map[string]any {
	members := d.NativeClient(ctx)
	members["client_id"] = id
	members["token_endpoint_auth_method"] = "none"
	maps.Copy(members, change)
	maps.DeleteFunc(members, func(_ string, value any) bool { return value == nil })
	return members
}

// clientOf is the client that a document describes.
func clientOf(id string, members map[string]any) *Client {
	c := &Client{ID: id, Method: "none"}
	if method, ok := members["token_endpoint_auth_method"].(string); ok {
		c.Method = method
	}
	c.Secret, _ = members["client_secret"].(string)
	c.RedirectURIs, _ = members["redirect_uris"].([]string)
	if len(c.RedirectURIs) > 0 {
		c.RedirectURI = c.RedirectURIs[0]
	}
	return c
}

// A DocumentRefused says that the server announces documents and does not go by
// a sound one of ours.
type DocumentRefused struct {
	Reachable bool // it could have read it, as far as we know
	Why       string
}

func (e *DocumentRefused) Error() string { return ErrNoDocuments.Error() + ": " + e.Why }
func (e *DocumentRefused) Unwrap() error { return ErrNoDocuments }

// unread says why a sound document did not make a client, as far as its host
// could see.
func (d *Deployment) unread(ctx context.Context, x *Document, a *Authorization) error {
	h, err := d.documentHost(ctx)
	if err != nil {
		return err
	}
	const configure = "; say where it can and with which certificate (documents in the configuration)"
	fetched := len(x.Fetches()) > 0
	e := &DocumentRefused{Reachable: fetched || d.Target.Documents.told()}
	switch {
	case fetched:
		e.Why = "it fetched ours and did not go by it, for a policy of its own perhaps: " + a.Ended()
	case h.connected.Load() > 0:
		e.Why = "it connected to our host and did not ask for ours, as if it refused the address or did not trust the certificate" + configure
	default:
		e.Why = fmt.Sprintf("it did not even connect to our host at %s%s", h.base.Host, configure)
	}
	return e
}

// told tells whether the server has been told of our documents, so that it can
// read them.
func (s *Documents) told() bool {
	u, err := url.Parse(s.URL)
	return s.Trust != nil || s.URL != "" && err == nil && !IsLoopback(u)
}

// UnannouncedDocument tries to act as the client of a sound document at a server
// whose metadata does not say that it reads any, between sound flows.
func (d *Deployment) UnannouncedDocument(ctx context.Context) (*Attempt, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	if offered, ok := metadata.Bool("client_id_metadata_document_supported"); offered || !ok && metadata.Has("client_id_metadata_document_supported") {
		return nil, fmt.Errorf("%w: they are announced", ErrNoDocuments)
	}
	c, x, err := d.publishClient(ctx, LoopbackRedirect)
	if err != nil {
		return nil, err
	}
	usual, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	a, err := Controlled(ctx, d, usual, func(ctx context.Context) (*Attempt, error) { return d.Attempt(ctx, c, nil, nil) })
	if err == nil && len(x.Fetches()) == 0 && !d.Target.Documents.told() {
		err = fmt.Errorf("%w: it has not been told to trust our host", ErrNoDocuments)
	}
	return a, err
}
