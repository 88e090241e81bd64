package authserver

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// An owner manages a registration with its own token. The server may replace the
// token with any answer (RFC 7592, section 3).
type owner struct {
	d      *probes.Deployment
	client *probes.Client
}

// ask manages the registration, and keeps what the answer says of it.
func (o owner) ask(ctx context.Context, method string, metadata map[string]any) (*wire.Response, *wire.Document, error) {
	res, err := o.d.Manage(ctx, o.client, method, metadata)
	if err != nil {
		return nil, nil, err
	}
	doc, err := wire.ParseDocument(res.Body)
	if err != nil || res.Status >= 300 {
		return res, nil, nil //nolint:nilerr // no document is a fact, not an error
	}
	if _, _, ok := (&probes.Client{Metadata: doc}).Management(); ok {
		o.client.Metadata = doc
	}
	return res, doc, nil
}

// read returns the registration as it stands; nil if the server does not show it.
func (o owner) read(ctx context.Context) (*wire.Document, error) {
	res, doc, err := o.ask(ctx, http.MethodGet, nil)
	if err != nil {
		return nil, err
	}
	if id, _ := doc.String("client_id"); res.Status != http.StatusOK || id != o.client.ID {
		return nil, nil
	}
	return doc, nil
}

// ownMembers are those that the server decides on and that an update may not
// hold (RFC 7592, section 2.2).
var ownMembers = []string{"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at", "client_secret"}

// update is the registration as its client would send it back, with the members
// changed. A nil value leaves a member out.
func update(doc *wire.Document, change map[string]any) map[string]any {
	all := map[string]any{}
	for name, value := range doc.Members {
		if !slices.Contains(ownMembers, name) {
			all[name] = value
		}
	}
	maps.Copy(all, change)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	return all
}

// A stranger is somebody who wants to manage a registration that is not theirs.
type stranger struct{ name, token string }

// An intrusion is what strangers achieved, by name.
type intrusion struct {
	unreadable bool // the owner cannot read the registration either, so nothing can be told
	achieved   map[string][]string
}

// intrude registers a victim and lets strangers read, change and delete its
// registration. Only what the owner then sees counts.
func intrude(ctx context.Context, d *probes.Deployment) (*intrusion, error) {
	if _, err := d.OrdinaryFlow(ctx); err != nil {
		return nil, err
	}
	victim, err := d.RegisterSoundly(wire.For(ctx, "control"), nil)
	if err != nil {
		return nil, err
	}
	if _, _, ok := victim.Management(); !ok {
		return &intrusion{unreadable: true}, nil
	}
	grant, err := d.Grant(wire.For(ctx, "control"), victim)
	if err != nil {
		return nil, err
	}
	// A client of its own: a server should end a token that turns up elsewhere
	// (RFC 7592, section 2), and its client cannot be managed any more.
	other, err := d.RegisterSoundly(wire.For(ctx, "control"), nil)
	if err != nil {
		return nil, err
	}
	_, othersToken, _ := other.Management()
	x := &intrusion{achieved: map[string][]string{}}
	o := owner{d, victim}
	doc, err := o.read(wire.For(ctx, "control"))
	if err != nil || doc == nil {
		x.unreadable = true
		return x, err
	}
	for _, s := range []stranger{{noToken, ""}, {noToken, "mcpassay-unknown-token"}, {othersManager, othersToken}, {ownAccess, grant.Access}} {
		if s.token == "" && s.name != noToken {
			continue
		}
		if err := x.tryReadAndChange(ctx, o, s, doc); err != nil {
			return nil, err
		}
	}
	if err := x.trySpellings(ctx, o); err != nil {
		return nil, err
	}
	for _, s := range []stranger{{noToken, ""}, {othersManager, othersToken}, {ownAccess, grant.Access}} {
		gone, err := x.tryDelete(ctx, o, s)
		if err != nil || gone {
			return x, err
		}
	}
	return x, nil
}

// The strangers.
const (
	noToken       = "nobody"
	othersManager = "another client"
	ownAccess     = "access token"
	otherSpelling = "other spelling"
)

func (x *intrusion) tryReadAndChange(ctx context.Context, o owner, s stranger, doc *wire.Document) error {
	endpoint, _, _ := o.client.Management()
	attack := wire.For(ctx, "attack")
	res, err := o.d.ManageAt(attack, endpoint, s.token, http.MethodGet, nil)
	if err != nil {
		return err
	}
	if reveals(res, o.client) {
		x.achieved[s.name] = append(x.achieved[s.name], "read it")
	}
	name := probes.ClientName + " changed by " + s.name
	if _, err := o.d.ManageAt(attack, endpoint, s.token, http.MethodPut, update(doc, map[string]any{"client_name": name})); err != nil {
		return err
	}
	after, err := o.read(wire.For(ctx, "control"))
	if err != nil {
		return err
	}
	if now, _ := after.String("client_name"); after == nil || now == name {
		x.achieved[s.name] = append(x.achieved[s.name], "changed it")
	}
	return nil
}

func (x *intrusion) tryDelete(ctx context.Context, o owner, s stranger) (gone bool, err error) {
	endpoint, _, _ := o.client.Management()
	if _, err := o.d.ManageAt(wire.For(ctx, "attack"), endpoint, s.token, http.MethodDelete, nil); err != nil {
		return false, err
	}
	after, err := o.read(wire.For(ctx, "control"))
	if err == nil && after == nil {
		gone = true
		x.achieved[s.name] = append(x.achieved[s.name], "deleted it")
	}
	return gone, err
}

// trySpellings reads the registration without a token under other spellings of
// its URL, which a guard by path may not know.
func (x *intrusion) trySpellings(ctx context.Context, o owner) error {
	endpoint, _, _ := o.client.Management()
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil //nolint:nilerr // the client could not have been read, then
	}
	path := u.EscapedPath()
	cut := strings.LastIndex(path, "/")
	for _, spelt := range []string{
		path + "/", path + ";x", path + "%20", "/" + path, path[:cut] + "/" + path[cut:], path[:cut] + "/." + path[cut:],
		path[:cut] + "/x/.." + path[cut:], strings.ToUpper(path[:cut]) + path[cut:], path[:cut] + "%2F" + path[cut+1:],
	} {
		target := u.Scheme + "://" + u.Host + spelt
		if u.RawQuery != "" {
			target += "?" + u.RawQuery
		}
		res, err := o.d.ManageAt(wire.For(ctx, "attack"), target, "", http.MethodGet, nil)
		if err != nil {
			return err
		}
		if reveals(res, o.client) {
			x.achieved[otherSpelling] = append(x.achieved[otherSpelling], "read it at "+spelt)
		}
	}
	return nil
}

// reveals tells whether an answer holds the registration of the client, rather
// than its id alone, which whoever asks knows.
func reveals(res *wire.Response, c *probes.Client) bool {
	if res.Status >= 300 {
		return false
	}
	text := strings.ReplaceAll(string(res.Body), `\/`, "/")
	token, _ := c.Metadata.String("registration_access_token")
	for _, known := range []string{c.RedirectURI, c.Secret, token} {
		if known != "" && strings.Contains(text, known) {
			return true
		}
	}
	return false
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-management-guarded",
	Title:    "A registration is read, changed and deleted with its own token only",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "RFC 7592", Section: "2, 2.1, 2.2, 2.3, 3"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-management-needs-its-token", "endpoint-path-variants"},
	Remedy: "At the client configuration endpoint, look the registration access token up and compare the client it belongs to with the one " +
		"in the URL; do that in the handler, not by path in front of it.",
	Needs:  []suites.Need{openRegistration, suites.Management},
	Faults: []fault.Fault{fault.ManageUnguarded, fault.ManageOtherToken, fault.ManageAccessToken, fault.ManageOtherSpelling},
	Specs: func(d *probes.Deployment) {
		probe := probes.Start(d, func(ctx context.Context) (*intrusion, error) { return intrude(ctx, d) })
		refused := func(ctx SpecContext, name string) {
			GinkgoHelper()
			x, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if x.unreadable {
				suites.NotApplicable("clients cannot read their own registration, so what strangers do to it cannot be seen")
			}
			Expect(x.achieved[name]).To(BeEmpty(), "it was not refused")
		}

		It("and not without a token or with one that is made up", func(ctx SpecContext) { refused(ctx, noToken) })
		It("and not with the token of another client", func(ctx SpecContext) { refused(ctx, othersManager) })
		It("and not with an access token of the client", func(ctx SpecContext) { refused(ctx, ownAccess) })
		It("however its URL is spelt", func(ctx SpecContext) { refused(ctx, otherSpelling) })
	},
})
