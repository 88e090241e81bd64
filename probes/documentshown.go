package probes

import (
	"context"
	"net/url"
	"strings"
)

// ShownDocuments is what users were shown of two clients of documents: one that
// is answered on the user's computer only, and one that is answered at a host.
type ShownDocuments struct {
	Local, Web *Published
}

// ShownDocuments takes both through a flow.
func (d *Deployment) ShownDocuments(ctx context.Context) (*ShownDocuments, error) {
	return Once(d, "shown documents", func(ctx context.Context) (*ShownDocuments, error) {
		all, err := d.view(ctx).Publications(ctx, []Publication{
			{Name: "on the user's computer", Change: map[string]any{"redirect_uris": []string{LoopbackRedirect}}},
			{Name: "at a host", Change: map[string]any{"redirect_uris": []string{WebRedirect}, "application_type": "web"}},
		})
		if err != nil {
			return nil, err
		}
		return &ShownDocuments{Local: &all[0], Web: &all[1]}, nil
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
