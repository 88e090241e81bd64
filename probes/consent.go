package probes

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// AttackerOrigin is where the pages of an attacker stand. It exists only within
// the user agent.
const AttackerOrigin = "https://attacker.mcpassay.example"

// quietly leaves out what makes servers ask although they remember.
func quietly(more ...Mutation) []Mutation { return append([]Mutation{Without("prompt")}, more...) }

// AtConsent sits a user down and takes a request up to the page that asks for
// consent. Without such a page, or with one that is sent by script, the error is
// an ErrNoConsentForm. The caller closes the sitting.
func (d *Deployment) AtConsent(ctx context.Context, c *Client, mutations ...Mutation) (*Sitting, *Authorization, error) {
	s, err := d.Sit(ctx)
	if err != nil {
		return nil, nil, err
	}
	a, err := s.AtConsent(ctx, c, mutations...)
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	return s, a, nil
}

// ErrNoConsentForm says that no page asks for consent, or not by a form.
var ErrNoConsentForm = errors.New("no page of its own asks for consent by a form")

// AtConsent takes another request of the same user to that page.
func (s *Sitting) AtConsent(ctx context.Context, c *Client, mutations ...Mutation) (*Authorization, error) {
	r, err := s.d.NewRequest(ctx, c, mutations...)
	if err != nil {
		return nil, err
	}
	a, err := s.Authorize(ctx, r, Until(BeforeConsent))
	if err != nil {
		return nil, err
	}
	if a.Landing.Asks != AsksConsent || a.Landing.Forms.Approve == nil {
		return nil, ErrNoConsentForm
	}
	return a, nil
}

// SignIn sits a user down and takes a request to its end, so that the browser
// has what signing in gives. The caller closes the sitting.
func (d *Deployment) SignIn(ctx context.Context, c *Client, mutations ...Mutation) (*Sitting, *Authorization, error) {
	s, err := d.Sit(ctx)
	if err != nil {
		return nil, nil, err
	}
	r, err := d.NewRequest(ctx, c, mutations...)
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	a, err := s.Authorize(ctx, r)
	if err == nil && a.Code == "" {
		err = d.noCode(ctx, a)
	}
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	return s, a, nil
}

// Finish redeems the code of an authorization, if it has one.
func (d *Deployment) Finish(ctx context.Context, a *Authorization) (*Attempt, error) {
	result := &Attempt{Authorization: a}
	if a.Code == "" {
		return result, nil
	}
	var err error
	result.Tokens, err = d.Redeem(ctx, a)
	return result, err
}

// look sends a request whose user does nothing but look.
func (s *Sitting) look(ctx context.Context, c *Client, how []Manner, mutations ...Mutation) (*Attempt, error) {
	r, err := s.d.NewRequest(ctx, c, quietly(mutations...)...)
	if err != nil {
		return nil, err
	}
	a, err := s.Authorize(ctx, r, append([]Manner{Until(LookOnly)}, how...)...)
	if err != nil {
		return nil, err
	}
	return s.d.Finish(ctx, a)
}

// Unapproved is a client that no user ever approves in this run.
func (d *Deployment) Unapproved(ctx context.Context) (*Client, error) {
	return Once(d, "unapproved client", func(ctx context.Context) (*Client, error) {
		return d.RegisterSoundly(ctx, nil)
	}).Get(ctx)
}

// Silent is what requests come to in the browser of a user who has signed in, is
// led there by another site, and does nothing.
type Silent struct {
	Asked bool     // somebody was asked when the user signed in
	New   *Attempt // of a client that the user never approved; nil if none can be had
	Again *Attempt // of the client approved before
}

// SilentRequests finds out.
func (d *Deployment) SilentRequests(ctx context.Context) (*Silent, error) {
	return Once(d, "silent requests", func(ctx context.Context) (*Silent, error) {
		c, err := d.Client(ctx)
		if err != nil {
			return nil, err
		}
		return Controlled(ctx, d, c, func(ctx context.Context) (*Silent, error) { return d.silent(ctx, c) })
	}).Get(ctx)
}

func (d *Deployment) silent(ctx context.Context, c *Client) (*Silent, error) {
	s, first, err := d.SignIn(ctx, c, quietly()...)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	result := &Silent{Asked: first.Landing.LoggedIn || first.Landing.Consented}
	led := []Manner{StartedBy(AttackerOrigin)}
	if result.Again, err = s.look(ctx, c, led); err != nil || !d.Registers(ctx) {
		return result, err
	}
	unapproved, err := d.Unapproved(ctx)
	if err != nil {
		return nil, err
	}
	result.New, err = s.look(ctx, unapproved, led)
	return result, err
}

// Forgeries are what came of approvals that the user did not give.
type Forgeries struct {
	Elsewhere *Attempt // sent by a page of another site, without what that cannot know
	Borrowed  *Attempt // the form of another browser, sent by a page of another site
}

// ForgeApprovals sends them, in the browser of a user who has signed in.
func (d *Deployment) ForgeApprovals(ctx context.Context) (*Forgeries, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Forgeries, error) {
		victim, a, err := d.AtConsent(ctx, c)
		if err != nil {
			return nil, err
		}
		defer victim.Close()
		f := &Forgeries{}
		if f.Elsewhere, err = d.sendForm(ctx, victim, a, a.Landing.Forms.Approve.guessable(a.Request)); err != nil {
			return nil, err
		}
		attacker, b, err := d.AtConsent(ctx, c)
		if err != nil {
			return nil, err
		}
		defer attacker.Close()
		f.Borrowed, err = d.sendForm(ctx, victim, b, b.Landing.Forms.Approve)
		return f, err
	})
}

// sendForm sends a form from the attacker's site, and redeems what comes of it.
func (d *Deployment) sendForm(ctx context.Context, s *Sitting, of *Authorization, f *PageForm) (*Attempt, error) {
	a, err := s.Send(ctx, f, of.Request, StartedBy(AttackerOrigin))
	if err != nil {
		return nil, err
	}
	return d.Finish(ctx, a)
}

// long is how many characters make a value that nobody guesses.
const long = 12

// guessable is the form without what only the user's browser was told.
func (f *PageForm) guessable(r *Request) *PageForm {
	c := f.Clone()
	known := r.Values.Encode()
	for name, values := range c.Fields {
		if len(values) > 0 && len(values[0]) >= long && !strings.Contains(known, url.QueryEscape(values[0])) {
			c.Fields.Del(name)
		}
	}
	return c
}

// Tampered is what came of approvals whose form says other things than the page.
type Tampered struct {
	Asked    []string // the scopes of the request
	Scope    *Attempt // the form asks for all scopes; nil if there are no others
	Redirect *Attempt // the form asks for another redirect URI
}

// TamperWithForm sends them.
func (d *Deployment) TamperWithForm(ctx context.Context) (*Tampered, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	scopes, err := d.AllScopes(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Tampered, error) {
		t := &Tampered{}
		tamper := func(name, value string, mutations ...Mutation) (*Attempt, error) {
			s, a, err := d.AtConsent(ctx, c, mutations...)
			if err != nil {
				return nil, err
			}
			defer s.Close()
			form := a.Landing.Forms.Approve.Clone()
			form.Fields.Set(name, value)
			sent, err := s.Send(ctx, form, a.Request)
			if err != nil {
				return nil, err
			}
			return d.Finish(ctx, sent)
		}
		if len(scopes) > 1 {
			t.Asked = d.withOffline(ctx, scopes[0])
			if t.Scope, err = tamper("scope", strings.Join(scopes, " "), d.OnlyScopes(ctx, scopes[0])); err != nil {
				return nil, err
			}
		}
		t.Redirect, err = tamper("redirect_uri", AttackerOrigin+"/callback")
		return t, err
	})
}

// Denial is what came of a refusal by the user.
type Denial struct {
	Refused *Authorization
	After   *Attempt // the approval of the same page, sent after the refusal; nil if there is no form for it
}

// ErrNoDenial says that the page has no way to refuse.
var ErrNoDenial = errors.New("the consent page has no form or link to refuse")

// Deny refuses consent.
func (d *Deployment) Deny(ctx context.Context) (*Denial, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Denial, error) {
		s, a, err := d.AtConsent(ctx, c)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		if a.Landing.Forms.Deny == nil {
			return nil, ErrNoDenial
		}
		result := &Denial{}
		if result.Refused, err = s.Send(ctx, a.Landing.Forms.Deny, a.Request); err != nil {
			return nil, err
		}
		late, err := s.Send(ctx, a.Landing.Forms.Approve, a.Request)
		if err != nil {
			return nil, err
		}
		result.After, err = d.Finish(ctx, late)
		return result, err
	})
}

// ConsentPage is what a consent page says, and about whom.
type ConsentPage struct {
	Client   *Client
	Name     string // of the client, as registered; empty if not known
	User     User
	Resource string
	Page     *Page
}

// ShowConsent takes a request to its consent page.
func (d *Deployment) ShowConsent(ctx context.Context) (*ConsentPage, error) {
	c, err := d.RedirectClient(ctx)
	if err != nil {
		return nil, err
	}
	s, a, err := d.AtConsent(ctx, c)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	p := &ConsentPage{Client: c, User: a.Request.User, Resource: a.Request.Values.Get("resource"), Page: a.Landing.Page}
	p.Name, _ = c.Metadata.String("client_name")
	return p, nil
}

// ShowName registers a client of the name and takes it to its consent page. The
// text is empty if the server does not register such a client.
func (d *Deployment) ShowName(ctx context.Context, name string) (string, error) {
	metadata := d.NativeClient(ctx)
	metadata["client_name"] = name
	r, err := d.Register(ctx, metadata)
	if err != nil || r.Client == nil {
		return "", err
	}
	s, a, err := d.AtConsent(ctx, r.Client)
	if err != nil {
		return "", err
	}
	defer s.Close()
	return a.Landing.Page.Text, nil
}

// Wider is what came of requests for more than was approved, where an approval
// is remembered.
type Wider struct {
	Same     *Attempt // for just what was approved
	Approved []string // scopes
	Scope    *Attempt // nil if there are no other scopes
	Resource *Attempt // nil if there is no other resource
	Redirect *Attempt // nil if there is no other redirect URI
}

// otherWebRedirect is a second redirect URI, on another host than the first.
const otherWebRedirect = "https://other-client.mcpassay.example/callback"

// AskForMore approves a client and asks for more than that.
func (d *Deployment) AskForMore(ctx context.Context) (*Wider, error) {
	web, err := d.WithRedirects(ctx, "web", WebRedirect, otherWebRedirect)
	if refused := (*NotRegistered)(nil); errors.As(err, &refused) {
		web, err = d.RedirectClient(ctx)
	}
	if err != nil {
		return nil, err
	}
	scopes, err := d.AllScopes(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, web, func(ctx context.Context) (*Wider, error) {
		narrow := Without() // whatever is asked for
		w := &Wider{}
		if len(scopes) > 0 {
			narrow = With("scope", scopes[0])
			w.Approved = scopes[:1]
		}
		s, _, err := d.SignIn(ctx, web, quietly(narrow)...)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		if w.Same, err = s.look(ctx, web, nil, narrow); err != nil || !w.Same.Issued() {
			return w, err
		}
		if len(scopes) > 1 {
			if w.Scope, err = s.look(ctx, web, nil, With("scope", strings.Join(scopes, " "))); err != nil {
				return nil, err
			}
		}
		if d.Target.OtherResource != "" {
			if w.Resource, err = s.look(ctx, web, nil, narrow, With("resource", d.Target.OtherResource)); err != nil {
				return nil, err
			}
		}
		if slices.Contains(web.RedirectURIs, otherWebRedirect) {
			w.Redirect, err = s.look(ctx, web, nil, narrow, With("redirect_uri", otherWebRedirect))
		}
		return w, err
	})
}

// Reminders is what came of cookies that say what was approved.
type Reminders struct {
	Names     []string // of cookies that name the approved client
	Rewritten *Attempt // one of them rewritten for another client; nil if there are none
	Moved     *Attempt // the same cookies in the browser of another user; nil if there is none
}

// ForgeReminders looks for cookies that remember an approval, and forges them.
func (d *Deployment) ForgeReminders(ctx context.Context) (*Reminders, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Reminders, error) {
		endpoint, err := d.ServerEndpoint(ctx, "authorization_endpoint")
		if err != nil {
			return nil, err
		}
		first, _, err := d.SignIn(ctx, c)
		if err != nil {
			return nil, err
		}
		defer first.Close()
		cookies, err := first.Cookies(ctx, endpoint)
		if err != nil {
			return nil, err
		}
		return d.forgeReminders(ctx, c, endpoint, cookies)
	})
}

func (d *Deployment) forgeReminders(ctx context.Context, c *Client, endpoint string, cookies []*http.Cookie) (*Reminders, error) {
	r := &Reminders{}
	naming := slices.DeleteFunc(cookies, func(k *http.Cookie) bool { return rewritten(k.Value, c.ID, "x") == k.Value })
	for _, k := range naming {
		r.Names = append(r.Names, k.Name)
	}
	if len(naming) == 0 {
		return r, nil
	}
	try := func(u User, target *Client, planted []*http.Cookie) (*Attempt, error) {
		s, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		request, err := d.NewRequest(ctx, target, quietly()...)
		if err != nil {
			return nil, err
		}
		if _, err := s.Authorize(ctx, request, By(u), Until(BeforeConsent)); err != nil { // signs in and approves nothing
			return nil, err
		}
		if err := s.Plant(ctx, endpoint, planted); err != nil {
			return nil, err
		}
		return s.look(ctx, target, nil)
	}
	var err error
	if len(d.Target.Users) > 1 {
		if r.Moved, err = try(d.Target.Users[1], c, naming); err != nil {
			return nil, err
		}
	}
	other, err := d.Unapproved(ctx)
	if err != nil {
		return nil, err
	}
	var forged []*http.Cookie
	for _, k := range naming {
		f := *k
		f.Value = rewritten(k.Value, c.ID, other.ID)
		forged = append(forged, &f)
	}
	r.Rewritten, err = try(d.user(), other, forged)
	return r, err
}

// rewritten replaces a word in a cookie's value, also where it is encoded.
func rewritten(value, old, replacement string) string {
	if plain, err := url.QueryUnescape(value); err == nil && strings.Contains(plain, old) {
		if plain == value {
			return strings.ReplaceAll(value, old, replacement)
		}
		return url.QueryEscape(strings.ReplaceAll(plain, old, replacement))
	}
	for _, encoding := range []*base64.Encoding{base64.RawURLEncoding, base64.URLEncoding, base64.StdEncoding, base64.RawStdEncoding} {
		if decoded, err := encoding.DecodeString(value); err == nil && strings.Contains(string(decoded), old) {
			return encoding.EncodeToString([]byte(strings.ReplaceAll(string(decoded), old, replacement)))
		}
	}
	return value
}
