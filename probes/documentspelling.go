package probes

import (
	"context"
	"net/http"
	"strings"
)

// BorrowedCode gets a code as the client of one document and redeems it as that
// of another, whose URL is another spelling of the same place. Each spelling gets
// the document that names it.
func (d *Deployment) BorrowedCode(ctx context.Context) (*Attempt, error) {
	return WithDocuments(ctx, d, func(ctx context.Context) (*Attempt, error) {
		c, err := d.NewChanging(ctx, Version{})
		if err != nil {
			return nil, err
		}
		other := *c.Client
		other.ID = strings.Replace(c.Client.ID, "/client.json", "/%63lient.json", 1)
		own, borrower := d.document(ctx, c.Client.ID, nil), d.document(ctx, other.ID, nil)
		own["redirect_uris"], borrower["redirect_uris"] = c.Client.RedirectURIs, c.Client.RedirectURIs
		c.Document.Serve(func(w http.ResponseWriter, r *http.Request, n int) {
			if strings.Contains(r.RequestURI, "%63") {
				AsJSON(borrower)(w, r, n)
				return
			}
			AsJSON(own)(w, r, n)
		})
		a := &Attempt{}
		if a.Authorization, err = d.Code(ctx, c.Client); err != nil {
			return nil, err
		}
		a.Tokens, err = d.Redeem(ctx, a.Authorization, AsClient(other))
		return a, err
	})
}

// A Snapshot is what came of a flow during which the document changed: after it
// was first fetched.
type Snapshot struct {
	Fetches       int
	Authorization *Authorization
	First, Later  string // names in the versions
	ListedFirst   string // redirect URI that only the first version lists
	ListedLater   string
}

// ChangeWithin publishes a document that nobody may keep and that changes its
// name and redirect URI after the first fetch, and asks for the first.
func (d *Deployment) ChangeWithin(ctx context.Context) (*Snapshot, error) {
	return WithDocuments(ctx, d, func(ctx context.Context) (*Snapshot, error) {
		c, err := d.NewChanging(ctx, Version{})
		if err != nil {
			return nil, err
		}
		s := &Snapshot{
			First: ClientName + " early reading", Later: ClientName + " late reading",
			ListedFirst: c.Client.RedirectURI, ListedLater: c.Client.RedirectURI + "/late",
		}
		early := Version{Change: map[string]any{"client_name": s.First}}
		late := Version{Change: map[string]any{"client_name": s.Later, "redirect_uris": []string{s.ListedLater}}}
		c.BecomeAfter(ctx, 1, early, late)
		defer c.Become(ctx, early) // for whoever revokes
		r, err := d.NewRequest(ctx, c.Client)
		if err != nil {
			return nil, err
		}
		if s.Authorization, err = d.Authorize(ctx, r); err != nil {
			return nil, err
		}
		d.recordFetches(ctx, c.Document)
		s.Fetches = len(c.Document.Fetches())
		return s, nil
	})
}

// Shown is the text of all the pages of a visit.
func (a *Authorization) Shown() string {
	var texts []string
	for _, page := range a.Landing.Pages {
		texts = append(texts, page.Title, page.Text)
	}
	return strings.Join(texts, "\n")
}
