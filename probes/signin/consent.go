package signin

import (
	"net/url"
	"slices"
)

// answer finds the control that gives the wanted answer. It reports whether the
// page really asks: whether it also has a control for the other answer, or this
// one says more than that the user should go on.
func (v *View) answer(want answer) (control int, asks bool) {
	other := approves
	if want == approves {
		other = denies
	}
	if i := v.choosing(want); i != None {
		return i, true
	}
	control, opposite := v.best(want), v.best(other)
	if control == None && opposite != None {
		control = v.remaining(opposite)
	}
	if control == None {
		return None, false
	}
	c := &v.Controls[control]
	return control, opposite != None || c.Kind == Button && !merely.in(c.Label)
}

// best finds the control that most clearly gives the answer, the first among
// equals. Buttons that send a form count more than others, links least; links
// only ever refuse, because agreeing changes something at the server.
func (v *View) best(want answer) int {
	best, points := None, 0
	for i, c := range v.Controls {
		if c.Kind != Button && c.Kind != Link || c.tells() != want {
			continue
		}
		if c.Kind == Link && want == approves || c.Submits && v.unanswered(c.Form) {
			continue
		}
		p := 1
		if c.Kind == Button {
			p += 2
		}
		if c.Submits {
			p += 2
		}
		if c.Method == "post" {
			p += 4
		}
		if tells(c.Label) == want {
			p++
		}
		if !merely.in(c.Label) {
			p++
		}
		if p > points {
			best, points = i, p
		}
	}
	return best
}

// choosing finds the button of a form in which the answer is a radio button.
func (v *View) choosing(want answer) int {
	for _, c := range v.Controls {
		if c.Kind == Radio && c.tells() == want {
			return v.sender(c.Form)
		}
	}
	return None
}

// remaining finds the one other button that sends a form: on a page with two,
// of which one is known, the other gives the other answer.
func (v *View) remaining(known int) int {
	found := None
	for i, c := range v.Controls {
		if i == known || c.Kind != Button || !c.Submits || c.Method != "post" || elsewhere.in(c.Label) {
			continue
		}
		if found != None {
			return None
		}
		found = i
	}
	return found
}

// onward finds the control that leads on from a page without fields: a link
// back to the client, or a button that only says to sign in.
func (v *View) onward(answers func(*url.URL) bool, deny bool) int {
	for i, c := range v.Controls {
		u, err := url.Parse(c.Action)
		if c.Kind != Link || err != nil || c.Action == "" || !answers(u) {
			continue
		}
		if refusal := c.tells() == denies || u.Query().Has("error"); refusal == deny || !refusal {
			return i
		}
	}
	if slices.ContainsFunc(v.Controls, func(c Control) bool { return c.Kind == Field }) {
		return None
	}
	for _, kind := range []Kind{Button, Link} {
		for i, c := range v.Controls {
			if c.Kind == kind && (signing.in(c.Label) || entering.in(c.Label)) && !elsewhere.in(c.Label) && c.tells() != denies {
				return i
			}
		}
	}
	return None
}

// settle ticks and chooses what a form wants before it is sent: every box that
// must be ticked (each one, if all), the radio button with the wanted answer,
// and something from every list that has nothing chosen.
func (v *View) settle(form int, want answer, all bool) (fill []Entry, tick []int) {
	groups := map[string][]int{}
	var names []string
	for i, c := range v.Controls {
		if c.Form != form || c.Disabled {
			continue
		}
		switch {
		case c.Kind == Checkbox && !c.Checked && (c.Required || all):
			tick = append(tick, i)
		case c.Kind == Choice && c.Required && c.Value == "":
			if j := slices.IndexFunc(c.Options, func(o string) bool { return o != "" }); j >= 0 {
				fill = append(fill, Entry{Control: i, Value: c.Options[j]})
			}
		case c.Kind == Radio:
			if groups[c.Name] == nil {
				names = append(names, c.Name)
			}
			groups[c.Name] = append(groups[c.Name], i)
		}
	}
	for _, name := range names {
		group := groups[name]
		is := func(f func(Control) bool) int {
			return slices.IndexFunc(group, func(i int) bool { return f(v.Controls[i]) })
		}
		choice := is(func(c Control) bool { return c.tells() == want })
		if choice < 0 && is(func(c Control) bool { return c.Checked }) < 0 {
			choice = 0
		}
		if choice >= 0 && !v.Controls[group[choice]].Checked {
			tick = append(tick, group[choice])
		}
	}
	return fill, tick
}
