package forms

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// formOf returns the form that a control belongs to: the one it names, else the
// one it stands in.
func (d *document) formOf(n *html.Node) *html.Node {
	if has(n, "form") && n.DataAtom != atom.Form {
		if f := d.byID(attr(n, "form")); f != nil && f.DataAtom == atom.Form {
			return f
		}
		return nil
	}
	return ancestor(n, atom.Form)
}

// submits tells whether pressing the control sends a form.
func (d *document) submits(n *html.Node) bool {
	t := inputType(n)
	return (n.DataAtom == atom.Input || n.DataAtom == atom.Button) && (t == "submit" || t == "image") && d.formOf(n) != nil
}

// disabled tells whether the control, or a group it stands in, is disabled.
func (d *document) disabled(n *html.Node) bool {
	return has(n, "disabled") || has(ancestorOr(n, atom.Fieldset), "disabled")
}

// ancestorOr is ancestor, but never nil.
func ancestorOr(n *html.Node, kind atom.Atom) *html.Node {
	if found := ancestor(n, kind); found != nil {
		return found
	}
	return n
}

// valueOf is what the control submits.
func valueOf(n *html.Node) string {
	switch n.DataAtom {
	case atom.Textarea:
		return text(n)
	case atom.Select:
		for _, o := range chosen(n) {
			return valueOf(o)
		}
		return ""
	case atom.Option:
		if !has(n, "value") {
			return strings.Join(strings.Fields(text(n)), " ")
		}
	case atom.Input:
		if t := inputType(n); !has(n, "value") && (t == "checkbox" || t == "radio") {
			return "on"
		}
	}
	return attr(n, "value")
}

// text is the text inside an element, as it is.
func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

// fill puts a value into a field, or chooses it from a list.
func fill(n *html.Node, value string) {
	switch n.DataAtom {
	case atom.Select:
		for _, o := range options(n) {
			drop(o, "selected")
			if valueOf(o) == value {
				set(o, "selected", "")
			}
		}
	case atom.Textarea:
		for n.FirstChild != nil {
			n.RemoveChild(n.FirstChild)
		}
		n.AppendChild(&html.Node{Type: html.TextNode, Data: value})
	default:
		set(n, "value", value)
	}
}

// tick ticks a box, or chooses a radio button among those of its name.
func (d *document) tick(n *html.Node) {
	if inputType(n) == "radio" {
		for _, other := range d.nodes {
			if inputType(other) == "radio" && attr(other, "name") == attr(n, "name") && d.formOf(other) == d.formOf(n) {
				drop(other, "checked")
			}
		}
	}
	set(n, "checked", "")
}

func options(list *html.Node) (all []*html.Node) {
	for n := range list.Descendants() {
		if n.DataAtom == atom.Option {
			all = append(all, n)
		}
	}
	return all
}

// chosen are the options of a list that are submitted. Of a list that allows
// one, that is the first unless the page says otherwise.
func chosen(list *html.Node) (some []*html.Node) {
	all := options(list)
	for _, o := range all {
		if has(o, "selected") && !has(o, "disabled") {
			some = append(some, o)
		}
	}
	if has(list, "multiple") {
		return some
	}
	if len(some) == 0 {
		for _, o := range all {
			if !has(o, "disabled") {
				return []*html.Node{o}
			}
		}
		return nil
	}
	return some[len(some)-1:]
}
