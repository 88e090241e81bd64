package probes

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
)

// A FramedPage is what a page of another site could show in a frame.
type FramedPage struct {
	Name  string // of what it was asked to show
	Shown string // URL of the document in the frame; empty if the browser showed none
	Asks  string // what the document asks for
	Title string
}

// FramePages shows the pages of the server in frames of another site: to a
// browser that nobody has signed in at, and to one where somebody has.
func (d *Deployment) FramePages(ctx context.Context) ([]FramedPage, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) ([]FramedPage, error) {
		fresh, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer fresh.Close()
		in, _, err := d.SignIn(ctx, c)
		if err != nil {
			return nil, err
		}
		defer in.Close()
		var all []FramedPage
		for _, p := range []struct {
			name    string
			sitting *Sitting
			change  []Mutation
		}{
			{"the login page", fresh, nil},
			{"the consent page", in, []Mutation{With("prompt", "consent")}},
			{"an error page", fresh, []Mutation{With("client_id", "mcpassay-unknown")}},
		} {
			r, err := d.NewRequest(ctx, c, p.change...)
			if err != nil {
				return nil, err
			}
			a, err := p.sitting.Authorize(ctx, r, StartedBy(AttackerOrigin), Framed)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			f := FramedPage{Name: p.name, Shown: a.Landing.Framed, Asks: a.Landing.Asks}
			if f.Shown != "" {
				f.Title = a.Landing.Pages[len(a.Landing.Pages)-1].Title
			}
			all = append(all, f)
		}
		return all, nil
	})
}

// canaryName is the function that injected scripts call. Nobody else knows it.
var canaryName = "mcpassay" + rand.Text()[:8]

// injections are texts that run a script if a page takes them for markup, each
// for another place that a page may put them in. The script says which it is.
func injections(where string) []string {
	call := func(how string) string { return fmt.Sprintf("%s('%s, %s')", canaryName, where, how) }
	return []string{
		`<img src=x onerror="` + call("as an element") + `">`,
		`"><svg onload="` + call("within an attribute") + `">`,
		`'-` + call("within a script") + `-'`,
		`</script></title></textarea><script>` + call("after another element") + `</script>`,
	}
}

// An Injection is a page that was shown with such a text in it.
type Injection struct {
	What    string
	Stored  bool     // the server took the text
	Scripts []string // what ran
}

// InjectMetadata registers clients that describe themselves by such texts, and
// opens their pages: login, consent, and that of an error.
func (d *Deployment) InjectMetadata(ctx context.Context) ([]Injection, error) {
	script := "javascript:" + canaryName + "('a link of the client, followed')"
	var all []Injection
	for _, m := range []struct {
		what    string
		members map[string]any
	}{
		{"client_name", map[string]any{"client_name": strings.Join(injections("client_name"), " ")}},
		{"client_uri", map[string]any{"client_uri": script}},
		{"logo_uri", map[string]any{"logo_uri": `https://client.mcpassay.example/"onerror="` + canaryName + `('logo_uri, within an attribute')`}},
		{"policy_uri and tos_uri", map[string]any{"policy_uri": script, "tos_uri": script}},
	} {
		metadata := d.NativeClient(ctx)
		for name, value := range m.members {
			metadata[name] = value
		}
		r, err := d.Register(ctx, metadata)
		if err != nil {
			return nil, err
		}
		injected := Injection{What: m.what, Stored: r.Client != nil}
		if injected.Stored {
			if injected.Scripts, err = d.scriptsOf(ctx, r.Client); err != nil {
				return nil, err
			}
		}
		all = append(all, injected)
	}
	return all, nil
}

// scriptsOf opens the pages of a client and says which of its scripts ran.
func (d *Deployment) scriptsOf(ctx context.Context, c *Client) ([]string, error) {
	s, err := d.Sit(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var ran []string
	for _, stage := range []Stage{LookOnly, BeforeConsent} {
		r, err := d.NewRequest(ctx, c)
		if err != nil {
			return nil, err
		}
		a, err := s.Authorize(ctx, r, Until(stage), Listening(canaryName))
		if err != nil {
			return nil, err
		}
		ran = append(ran, a.Landing.Scripts...)
	}
	return ran, nil
}

// InjectParameters opens authorization requests that are wrong in one parameter
// and carry such texts in all of them, and one that is right but for its state.
func (d *Deployment) InjectParameters(ctx context.Context) ([]Injection, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	all := func(f *Form) {
		for _, name := range []string{"state", "scope", "response_type", "nonce", "login_hint", "error", "error_description"} {
			f.Values.Set(name, strings.Join(injections(name), " "))
		}
	}
	soundButState := func(f *Form) {
		for _, name := range []string{"state", "login_hint", "error", "error_description", "ui_locales"} {
			f.Values.Set(name, strings.Join(injections(name), " "))
		}
	}
	var found []Injection
	for _, p := range []struct {
		what   string
		change []Mutation
	}{
		{"an unknown client", []Mutation{all, With("client_id", strings.Join(injections("client_id"), " "))}},
		{"a strange redirect URI", []Mutation{all, With("redirect_uri", AttackerOrigin+"/"+strings.Join(injections("redirect_uri"), " "))}},
		{"a redirect URI that is a script", []Mutation{all, With("redirect_uri", "javascript:"+canaryName+"('redirect_uri, followed')")}},
		{"a strange response type", []Mutation{all}},
		{"a sound request", []Mutation{soundButState}},
	} {
		s, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		scripts, err := func() ([]string, error) {
			defer s.Close()
			r, err := d.NewRequest(ctx, c, p.change...)
			if err != nil {
				return nil, err
			}
			a, err := s.Authorize(ctx, r, Until(BeforeConsent), Listening(canaryName))
			if err != nil {
				return nil, err
			}
			return a.Landing.Scripts, nil
		}()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.what, err)
		}
		found = append(found, Injection{What: p.what, Stored: true, Scripts: scripts})
	}
	return found, nil
}
