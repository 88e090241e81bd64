package signin

import "slices"

// A role is what a field is for.
type role int

const (
	otherRole role = iota
	nameRole
	passwordRole
)

// role tells what a text field takes. What the page declares for password
// managers counts most, then the type, then the names.
func (c *Control) role() role {
	if c.Kind != Field {
		return otherRole
	}
	switch c.Autocomplete {
	case "current-password":
		return passwordRole
	case "username", "email":
		return nameRole
	case "new-password", "one-time-code":
		return otherRole
	}
	text := c.Name + " " + c.Label
	switch {
	case c.Type == "password":
		if otherWords.in(text) && !passwordWords.in(text) {
			return otherRole // a PIN, a one-time code
		}
		return passwordRole
	case c.Type != "" && c.Type != "text" && c.Type != "email":
		return otherRole
	case otherWords.in(text):
		return otherRole
	case passwordWords.in(text):
		return passwordRole
	case c.Type == "email" || nameWords.in(text):
		return nameRole
	}
	return otherRole
}

// A login is a form, or a part of a page outside any form, that takes a user
// name, a password, or both.
type login struct {
	form           int
	name, password int // None if it has none
}

// login finds where to sign in. A form with a password wins over one with only
// a name; a form with two passwords is for registering or for changing one.
func (v *View) login() (login, bool) {
	found := login{form: None, name: None, password: None}
	for form := range v.forms() {
		l := login{form: form, name: None, password: None}
		passwords, fallback := 0, None
		for i, c := range v.Controls {
			if c.Form != form || c.Kind != Field {
				continue
			}
			switch r := c.role(); {
			case r == passwordRole:
				l.password = i
				passwords++
			case r == nameRole && l.name == None:
				l.name = i
			case (c.Type == "text" || c.Type == "") && l.password == None && !otherWords.in(c.Name+" "+c.Label):
				fallback = i
			}
		}
		if l.name == None && l.password != None {
			l.name = fallback // the field before the password, whatever it is called
		}
		if passwords > 1 || l.name == None && l.password == None {
			continue
		}
		if found.password == None && (found.name == None || l.password != None) {
			found = l
		}
	}
	return found, found.name != None || found.password != None
}

// forms yields the forms that have controls, in the order of the page.
func (v *View) forms() func(func(int) bool) {
	return func(yield func(int) bool) {
		var seen []int
		for _, c := range v.Controls {
			if slices.Contains(seen, c.Form) {
				continue
			}
			seen = append(seen, c.Form)
			if !yield(c.Form) {
				return
			}
		}
	}
}

// sender finds the button that sends a login form: the one that says so, else
// the first that submits and says nothing else. A page without one is sent as
// by the Enter key.
func (v *View) sender(form int) int {
	best, points := None, 0
	for i, c := range v.Controls {
		if c.Kind != Button || c.Form != form || elsewhere.in(c.Label) {
			continue
		}
		p := 1
		if c.Submits {
			p += 2
		}
		switch {
		case signing.in(c.Label):
			p += 5
		case entering.in(c.Label):
			p += 4
		case denying.in(c.Label) || denying.in(c.Value):
			continue
		case c.tells() == approves:
			p++
		case !c.Submits && c.Form >= 0:
			continue // a button that does something else in the form
		}
		if p > points {
			best, points = i, p
		}
	}
	return best
}

// unanswered tells whether the form has an empty field that this package does
// not know how to fill in: a device code, a one-time password.
func (v *View) unanswered(form int) bool {
	return slices.ContainsFunc(v.Controls, func(c Control) bool {
		return c.Kind == Field && c.Form == form && c.Value == "" && !c.ReadOnly && c.Type != "search"
	})
}
