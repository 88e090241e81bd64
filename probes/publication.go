package probes

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// A Publication is a Client ID Metadata Document, and how it differs from a sound
// one.
type Publication struct {
	Name string // what is different, in a few words

	Base  Base                            // where it is published
	Place string                          // below that; empty: a place of its own
	Spelt func(base, place string) string // the client id; nil: base and place, one after the other

	Change map[string]any              // members, other than in a sound document; nil: left out
	Serve  func(body []byte) Answering // nil: as JSON, not to be kept

	rename func(id string) any // the client_id in it; nil: the client id

	Request []Mutation // of the authorization request
	Redeem  []Mutation // of the token request
}

// Base is one of the ways in which documents are published.
type Base int

// The bases.
const (
	Secure    Base = iota // https, as it should be
	Cleartext             // http
	Untrusted             // https, with a certificate that nobody vouches for
)

// Published is what came of a flow whose client is known by a publication.
type Published struct {
	Publication
	Document *Document
	Client   *Client
	*Attempt
}

// Fetched tells whether a server has asked for the document.
func (p *Published) Fetched() bool { return len(p.Document.Fetches()) > 0 }

// Publish takes the clients of the publications through a flow each, one after
// the other, between sound flows of the document client.
func (d *Deployment) Publish(all ...Publication) *Future[[]Published] {
	return Start(d, func(ctx context.Context) ([]Published, error) { return d.Publications(ctx, all) })
}

// Publications is Publish within a probe. Publications for which there is no
// place are left out.
func (d *Deployment) Publications(ctx context.Context, all []Publication) ([]Published, error) {
	return WithDocuments(ctx, d, func(ctx context.Context) ([]Published, error) {
		var done []Published
		for _, p := range all {
			one, err := d.published(ctx, p)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.Name, err)
			}
			if one.Document == nil {
				continue
			}
			if one.Attempt, err = d.Attempt(ctx, one.Client, p.Request, p.Redeem); err != nil {
				return nil, fmt.Errorf("%s: %w", p.Name, err)
			}
			d.recordFetches(ctx, one.Document)
			done = append(done, one)
		}
		return done, nil
	})
}

// WithDocuments runs an attack between sound flows of the document client.
func WithDocuments[T any](ctx context.Context, d *Deployment, attack func(context.Context) (T, error)) (T, error) {
	var none T
	c, err := d.DocumentClient(ctx)
	if err != nil {
		return none, err
	}
	result, err := attack(wire.For(ctx, "attack"))
	if err != nil {
		return none, err
	}
	if err := d.ControlFlow(ctx, c); err != nil {
		return none, fmt.Errorf("the control after the attack failed: %w", err)
	}
	return result, nil
}

// A Naming is a document that names itself by another string than its URL.
type Naming struct {
	Name   string
	Change func(id string) string // nil: none
	List   bool                   // as the one string in a list
}

// PublishNaming publishes documents that name themselves so.
func (d *Deployment) PublishNaming(all ...Naming) *Future[[]Published] {
	return Start(d, func(ctx context.Context) ([]Published, error) {
		var publications []Publication
		for _, n := range all {
			publications = append(publications, Publication{Name: n.Name, rename: n.rename})
		}
		return d.Publications(ctx, publications)
	})
}

func (n *Naming) rename(id string) any {
	if n.Change != nil {
		id = n.Change(id)
	}
	if n.List {
		return []string{id}
	}
	return id
}

// published publishes, and returns the client. Nothing is sent.
func (d *Deployment) published(ctx context.Context, p Publication) (Published, error) {
	done := Published{Publication: p}
	h, err := d.documentHost(ctx)
	if err != nil {
		return done, err
	}
	base := map[Base]string{Secure: h.base.String()}
	if h.plain != nil {
		base[Cleartext], base[Untrusted] = h.plain.String(), h.untrusted.String()
	}
	if base[p.Base] == "" {
		return done, nil
	}
	sound, err := d.DocumentClient(ctx)
	if err != nil {
		return done, err
	}
	done.Document = h.publish(p.Place, nil)
	place := strings.TrimPrefix(done.Document.URL, h.base.String())
	id := base[p.Base] + place
	if p.Spelt != nil {
		id = p.Spelt(base[p.Base], place)
	}
	change := map[string]any{"redirect_uris": sound.RedirectURIs}
	for name, value := range p.Change {
		change[name] = value
	}
	if p.rename != nil {
		change["client_id"] = p.rename(id)
	}
	members := d.document(ctx, id, change)
	answer := AsJSON(members)
	if p.Serve != nil {
		body, err := json.Marshal(members)
		if err != nil {
			return done, err
		}
		answer = p.Serve(body)
	}
	done.Document.Serve(answer)
	done.Client = clientOf(id, members)
	if done.Client.RedirectURI == "" {
		done.Client.RedirectURI = sound.RedirectURI
	}
	return done, nil
}

// recordFetches makes what the servers asked for part of the evidence.
func (d *Deployment) recordFetches(ctx context.Context, x *Document) {
	for _, f := range x.Fetches() {
		d.wire.RecordArrival(ctx, f.At, "fetched "+x.URL)
	}
}

// A Version is one state of a document that changes.
type Version struct {
	Change     map[string]any
	Directives []string // of Cache-Control
	Status     int      // if not 200
}

// A Changing document is one whose client stays the same while it changes.
type Changing struct {
	Document *Document
	Client   *Client

	d *Deployment
}

// NewChanging publishes a document that can be changed, in its first version.
func (d *Deployment) NewChanging(ctx context.Context, v Version) (*Changing, error) {
	p, err := d.published(ctx, Publication{Change: v.Change})
	if err != nil {
		return nil, err
	}
	c := &Changing{Document: p.Document, Client: p.Client, d: d}
	c.Become(ctx, v)
	return c, nil
}

// Become changes the document.
func (c *Changing) Become(ctx context.Context, v Version) {
	c.Document.Serve(c.answering(ctx, v))
}

// BecomeAfter answers the first n requests by one version and later ones by
// another.
func (c *Changing) BecomeAfter(ctx context.Context, n int, first, later Version) {
	before, after := c.answering(ctx, first), c.answering(ctx, later)
	c.Document.Serve(func(w http.ResponseWriter, r *http.Request, i int) {
		if i <= n {
			before(w, r, i)
			return
		}
		after(w, r, i)
	})
}

func (c *Changing) answering(ctx context.Context, v Version) Answering {
	if v.Status != 0 {
		return As(v.Status, "application/json", []byte(`{"error":"`+http.StatusText(v.Status)+`"}`))
	}
	change := map[string]any{"redirect_uris": slices.Clone(c.Client.RedirectURIs)}
	for name, value := range v.Change {
		change[name] = value
	}
	return AsJSON(c.d.document(ctx, c.Client.ID, change), v.Directives...)
}
