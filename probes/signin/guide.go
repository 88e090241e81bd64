package signin

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/mcpassay/mcpassay/probes"
)

// maxPages is how many pages a visit may go through. The longest real sign-in
// seen, with a separate page for each question, took seven.
const maxPages = 12

// A Guide says what the user does on each page of one visit, in order.
type Guide struct {
	visit    *probes.Visit
	moves    int
	signedIn bool            // by other means than ours
	named    map[string]bool // by origin: the user name was given
	known    map[string]bool // by origin: the password was given
	sent     map[string]bool // forms that were sent
}

// Begin returns the guide for a visit.
func Begin(v *probes.Visit) *Guide {
	return &Guide{visit: v, named: map[string]bool{}, known: map[string]bool{}, sent: map[string]bool{}}
}

// SignedIn tells the guide that the credentials were given by other means, so
// that any login page is one that came back.
func (g *Guide) SignedIn() { g.signedIn = true }

// Next says what the user does on the page. The Purpose Stay ends the visit
// there. It fails where going on would be pointless.
func (g *Guide) Next(v *View) (Move, error) {
	if v.Captcha {
		return Move{}, nil
	}
	m, err := g.next(v)
	if err == nil && m.Purpose != Stay && g.moves >= maxPages {
		return Move{}, fmt.Errorf("%s: %w (%d)", v.where(), probes.ErrLost, maxPages)
	}
	return m, err
}

// Made tells the guide that the move has been made.
func (g *Guide) Made(m Move) {
	g.moves++
	switch m.Purpose {
	case Name:
		g.named[m.at] = true
	case Login:
		g.named[m.at], g.known[m.at] = true, true
	default:
		g.sent[m.at] = true
	}
}

func (g *Guide) next(v *View) (Move, error) {
	if l, ok := v.login(); ok {
		return g.login(v, l)
	}
	want := approves
	if g.visit.Deny {
		want = denies
	}
	if i, asks := v.answer(want); i != None {
		purpose := Onward
		if asks {
			purpose = Consent
		}
		return g.press(v, i, purpose, want), nil
	}
	if g.visit.Deny && v.best(approves) != None {
		if _, asks := v.answer(approves); asks {
			return Move{}, nil // it cannot be refused here
		}
		return g.press(v, v.best(approves), Onward, approves), nil
	}
	if i := v.onward(g.visit.Answers, g.visit.Deny); i != None {
		return g.press(v, i, Onward, want), nil
	}
	return Move{}, nil
}

// login fills in and sends a login form, once at each origin: a chain of
// authorization servers may ask at each link.
func (g *Guide) login(v *View, l login) (Move, error) {
	at := origin(v.URL)
	if g.signedIn || g.known[at] || l.password == None && g.named[at] {
		return Move{}, fmt.Errorf("%s: %w", v.where(), probes.ErrCredentialsRefused)
	}
	m := Move{Purpose: Login, Press: v.sender(l.form), at: at}
	var filled []string
	enter := func(i int, value, what string) {
		if i != None && !v.Controls[i].ReadOnly && !v.Controls[i].Disabled {
			m.Fill = append(m.Fill, Entry{Control: i, Value: value})
			filled = append(filled, what)
		}
	}
	enter(l.name, g.visit.User.Name, "user name")
	enter(l.password, g.visit.User.Password, "password")
	if l.password == None {
		m.Purpose = Name
	}
	if len(filled) > 0 {
		m.Said = append(m.Said, "filled in "+strings.Join(filled, " and "))
	}
	fill, tick := v.settle(l.form, approves, false)
	m.Fill, m.Tick = append(fill, m.Fill...), tick
	m.Said = append(m.Said, v.said(m)...)
	return m, nil
}

// press presses a control, after ticking what its form needs. A form that comes
// back as it was gets every box ticked.
func (g *Guide) press(v *View, i int, purpose Purpose, want answer) Move {
	c := &v.Controls[i]
	m := Move{Purpose: purpose, Press: i, at: strings.Join([]string{v.Title, c.Action, c.Name, c.Label}, "\x00")}
	if c.Kind == Button {
		m.Fill, m.Tick = v.settle(c.Form, want, want == approves && (c.Disabled || g.sent[m.at]))
	}
	m.Said = v.said(m)
	return m
}

// said puts a move into words, without what was typed.
func (v *View) said(m Move) (said []string) {
	for _, i := range m.Tick {
		said = append(said, "ticked "+v.Controls[i].called())
	}
	switch {
	case m.Press == None:
		said = append(said, "pressed the Enter key")
	case v.Controls[m.Press].Kind == Link:
		said = append(said, "followed "+v.Controls[m.Press].called())
	default:
		said = append(said, "pressed "+v.Controls[m.Press].called())
	}
	return said
}

// called is what a user would call the control.
func (c *Control) called() string {
	for _, name := range []string{c.Label, c.Value, c.Name} {
		if name = strings.Join(strings.Fields(name), " "); name != "" {
			if r := []rune(name); len(r) > 60 {
				name = string(r[:60]) + "…"
			}
			return "“" + name + "”"
		}
	}
	return "a nameless " + string(c.Kind)
}

// where names a page in an error.
func (v *View) where() string { return Where(v.URL, v.Title) }

// Where names a page, by URL without its query, which may hold a secret, and
// by title.
func Where(page, title string) string {
	page, _, _ = strings.Cut(page, "?")
	page, _, _ = strings.Cut(page, "#")
	if title == "" {
		return page
	}
	return fmt.Sprintf("%s (“%s”)", page, title)
}

func origin(page string) string {
	u, err := url.Parse(page)
	if err != nil {
		return page
	}
	return probes.Origin(u)
}
