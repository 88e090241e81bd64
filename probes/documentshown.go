package probes

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ShownDocuments is what users were shown of two clients of documents: one that
// is answered on the user's computer only, and one that is answered at a host.
type ShownDocuments struct {
	Local, Web *Published
	Logo       *Document // that both name
}

// ShownDocuments takes both through a flow.
func (d *Deployment) ShownDocuments(ctx context.Context) (*ShownDocuments, error) {
	return Once(d, "shown documents", func(ctx context.Context) (*ShownDocuments, error) {
		h, err := d.documentHost(ctx)
		if err != nil {
			return nil, err
		}
		logo := h.publish("", As(http.StatusOK, "image/gif", smallestImage))
		all, err := d.view(ctx).Publications(ctx, []Publication{
			{Name: "on the user's computer", Change: map[string]any{"redirect_uris": []string{LoopbackRedirect}, "logo_uri": logo.URL}},
			{Name: "at a host", Change: map[string]any{"redirect_uris": []string{WebRedirect}, "application_type": "web", "logo_uri": logo.URL}},
		})
		if err != nil {
			return nil, err
		}
		return &ShownDocuments{Local: &all[0], Web: &all[1], Logo: logo}, nil
	}).Get(ctx)
}

// Asked tells whether the user was shown anything before the client got its code.
func (p *Published) Asked() bool { return p.Authorization.Landing.Consented }

// HostShown tells whether the pages name the host of a URL: with its port, or
// without it if the deployment has nothing else of that name.
func (d *Deployment) HostShown(ctx context.Context, text, raw string) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return false
	}
	if strings.Contains(text, u.Host) {
		return true
	}
	own, err := d.origins(ctx)
	if err != nil {
		return false
	}
	for _, origin := range own {
		if o, err := url.Parse(origin); err == nil && o.Hostname() == u.Hostname() {
			return false
		}
	}
	return strings.Contains(text, u.Hostname())
}

// smallestImage is a GIF of one transparent point.
var smallestImage = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")

// LogoLinked tells whether a page loads the logo from where the document says.
func (s *ShownDocuments) LogoLinked() bool {
	return slices.ContainsFunc([]*Published{s.Local, s.Web}, func(p *Published) bool {
		return slices.Contains(p.Authorization.Landing.Loads, s.Logo.URL)
	})
}

// A Reminder is what a user was asked on three visits: twice for a client as its
// document describes it first, and once when it had changed.
type Reminder struct {
	First, Again, Changed bool // whether the user was asked
	Answered              bool // the changed client got a code
}

// ChangedSince takes one user through those visits.
func (d *Deployment) ChangedSince(ctx context.Context) (*Reminder, error) {
	return WithDocuments(ctx, d, func(ctx context.Context) (*Reminder, error) {
		c, err := d.NewChanging(ctx, Version{})
		if err != nil {
			return nil, err
		}
		sitting, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer sitting.Close()
		visit := func() (*Authorization, error) {
			r, err := d.NewRequest(ctx, c.Client, quietly()...)
			if err != nil {
				return nil, err
			}
			return sitting.Authorize(ctx, r)
		}
		r := &Reminder{}
		for _, asked := range []*bool{&r.First, &r.Again} {
			a, err := visit()
			if err != nil {
				return nil, err
			}
			if a.Code == "" {
				return nil, d.noCode(ctx, a)
			}
			if _, err := d.Redeem(ctx, a); err != nil {
				return nil, err
			}
			*asked = a.Landing.Consented
		}
		moved := "http://127.0.0.1:47813/moved"
		if c.Client.RedirectURI == WebRedirect {
			moved = "https://moved.mcpassay.example/callback"
		}
		c.Client.RedirectURI, c.Client.RedirectURIs = moved, []string{moved}
		c.Become(ctx, Version{Change: map[string]any{"client_name": ClientName + " under another name"}})
		a, err := visit()
		if err != nil {
			return nil, err
		}
		r.Changed, r.Answered = a.Landing.Consented, a.Code != ""
		return r, nil
	})
}
