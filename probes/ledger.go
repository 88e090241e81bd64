package probes

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/mcpassay/mcpassay/reports"
)

// ledger keeps every spelling seen of the resource's and the issuer's identity.
type ledger struct {
	mu      sync.Mutex
	entries []reports.Entry
}

func (l *ledger) add(of, where, value string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	entry := reports.Entry{Of: of, Where: where, Value: value}
	if value != "" && !slices.Contains(l.entries, entry) && len(l.entries) < 100 {
		l.entries = append(l.entries, entry)
	}
}

// comparisons are who holds which spelling against which.
var comparisons = map[string]struct{ by, with string }{
	"PRM resource":              {"the client, with the URL that it called (RFC 9728, section 3.3)", "server URL"},
	"resource sent":             {"the authorization server, with the resources that it knows (RFC 8707, section 2)", "PRM resource"},
	"token aud":                 {"the resource server, with its own identifier (RFC 9068, section 4)", "resource sent"},
	"metadata issuer":           {"the client, with the issuer that it looked for (RFC 8414, section 3.3)", "PRM authorization_servers"},
	"iss parameter":             {"the client, with the issuer of the metadata (RFC 9207, section 2.4)", "metadata issuer"},
	"token iss":                 {"the resource server, with the issuer of the metadata (RFC 9068, section 4)", "metadata issuer"},
	"client_id of the document": {"the authorization server, with the URL of the document", "URL of the document"},
}

// Ledger returns every spelling seen so far, with who compares it and how it
// differs from what it is compared with.
func (d *Deployment) Ledger() []reports.Entry {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	all := slices.Clone(d.ledger.entries)
	for i := range all {
		c, ok := comparisons[all[i].Where]
		if !ok {
			continue
		}
		all[i].ComparedBy = c.by
		with := slices.IndexFunc(all, func(e reports.Entry) bool { return e.Where == c.with })
		if with >= 0 && all[with].Value != all[i].Value {
			all[i].Differs = difference(c.with, all[with].Value, all[i].Value)
		}
	}
	return all
}

// difference says where two spellings part.
func difference(name, known, spelt string) string {
	at := 0
	for at < len(known) && at < len(spelt) && known[at] == spelt[at] {
		at++
	}
	rest := func(s string) string {
		if at == len(s) {
			return "nothing"
		}
		return fmt.Sprintf("%q", s[at:min(len(s), at+40)])
	}
	said := fmt.Sprintf("from byte %d on it has %s where the %s has %s", at, rest(spelt), name, rest(known))
	if Equivalent(known, spelt) {
		said += ", which means the same to many URL libraries and not to a comparison of strings"
	}
	return said
}

// Equivalent tells whether two URLs differ in nothing that a URL library would
// keep apart: the case of scheme and host, a default port, a slash at the end.
func Equivalent(a, b string) bool { return normal(a) == normal(b) }

func normal(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return raw
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	for scheme, port := range map[string]string{"http": ":80", "https": ":443"} {
		if u.Scheme == scheme {
			u.Host = strings.TrimSuffix(u.Host, port)
		}
	}
	return strings.TrimSuffix(u.String(), "/")
}

// Identities fills the ledger with what an ordinary flow shows, and returns it.
func (d *Deployment) Identities(ctx context.Context) ([]reports.Entry, error) {
	if _, err := d.Baseline(ctx); err != nil {
		return nil, err
	}
	return d.Ledger(), nil
}

// A SlashedResource is what came of asking for the resource with a slash at its
// end, or without the one it has.
type SlashedResource struct {
	Asked string
	*Bound
	Call    *Answer // with the token; nil if none was issued
	Anybody bool    // resources that nobody knows get tokens as well
}

// SlashResource asks for it.
func (d *Deployment) SlashResource(ctx context.Context) (*SlashedResource, error) {
	resource, err := d.Resource(ctx)
	if err != nil {
		return nil, err
	}
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	x := &SlashedResource{Asked: resource + "/"}
	if strings.HasSuffix(resource, "/") {
		x.Asked = strings.TrimSuffix(resource, "/")
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*SlashedResource, error) {
		a, err := d.Attempt(ctx, c, []Mutation{With("resource", x.Asked)}, nil)
		if err != nil {
			return nil, err
		}
		x.Bound = bind(a)
		if !a.Issued() {
			return x, nil
		}
		if x.Call, err = d.Call(ctx, a.Tokens.Access); err != nil || x.Call.Served() {
			return x, err
		}
		other, err := d.Attempt(ctx, c, []Mutation{With("resource", strings.TrimSuffix(resource, "/")+"/mcpassay-unknown")}, nil)
		x.Anybody = err == nil && other.Issued()
		return x, err
	})
}
