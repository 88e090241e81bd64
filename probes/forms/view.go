package forms

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/mcpassay/mcpassay/probes/signin"
)

// maxControls is how many controls of a page are considered.
const maxControls = 500

// view describes the document to the guide, by the same rules by which the
// browser's script does.
func (d *document) view() *signin.View {
	v := &signin.View{URL: d.url.String(), Title: d.title(), Text: d.text()}
	d.controls = nil
	var forms []*html.Node
	for _, n := range d.nodes {
		d.notice(v, n)
		kind := kindOf(n)
		if kind == "" || len(d.controls) >= maxControls || !d.seen(n) {
			continue
		}
		form := d.formOf(n)
		c := d.describe(n, kind, form)
		c.Form = signin.None
		if form != nil {
			if !slices.Contains(forms, form) {
				forms = append(forms, form)
			}
			c.Form = slices.Index(forms, form)
		}
		d.controls = append(d.controls, n)
		v.Controls = append(v.Controls, c)
	}
	return v
}

// notice notes what an element says about the page as a whole.
func (d *document) notice(v *signin.View, n *html.Node) {
	if n.DataAtom == atom.Meta && strings.EqualFold(attr(n, "http-equiv"), "refresh") && (!d.scripted || ancestor(n, atom.Noscript) == nil) {
		if m := refresh.FindStringSubmatch(attr(n, "content")); m != nil && m[2] != "" {
			delay, _ := strconv.ParseFloat(m[1], 64)
			v.Refresh = &signin.Refresh{URL: d.absolute(m[2]), Delay: delay}
		}
	}
	if !d.seen(n) {
		return
	}
	for class := range strings.FieldsSeq(attr(n, "class")) {
		invisible := attr(n, "data-size") == "invisible"
		v.Captcha = v.Captcha || class == "h-captcha" || class == "cf-turnstile" || class == "g-recaptcha" && !invisible
	}
	if n.DataAtom == atom.Input && !strings.EqualFold(attr(n, "type"), "hidden") {
		v.Captcha = v.Captcha || strings.Contains(strings.ToLower(attr(n, "name")), "captcha")
	}
}

func kindOf(n *html.Node) signin.Kind {
	button := attr(n, "role") == "button"
	switch n.DataAtom {
	case atom.Input:
		switch inputType(n) {
		case "hidden", "file", "range", "color", "reset":
			return ""
		case "checkbox":
			return signin.Checkbox
		case "radio":
			return signin.Radio
		case "submit", "image", "button":
			return signin.Button
		}
		return signin.Field
	case atom.Textarea:
		return signin.Field
	case atom.Select:
		return signin.Choice
	case atom.Button:
		if inputType(n) == "reset" {
			return ""
		}
		return signin.Button
	case atom.A:
		if has(n, "href") && !button {
			return signin.Link
		}
	}
	if button {
		return signin.Button
	}
	return ""
}

// inputType is the type of a control as HTML defaults it.
func inputType(n *html.Node) string {
	t := strings.ToLower(attr(n, "type"))
	switch {
	case t != "":
		return t
	case n.DataAtom == atom.Button:
		return "submit"
	case n.DataAtom == atom.Input:
		return "text"
	}
	return ""
}

// describe describes one control, without saying to which form it belongs.
func (d *document) describe(n *html.Node, kind signin.Kind, form *html.Node) signin.Control {
	c := signin.Control{
		Kind: kind, Type: inputType(n), Name: attr(n, "name"), Value: shorten(valueOf(n), 200), Label: d.label(n, kind),
		Autocomplete: lastWord(strings.ToLower(attr(n, "autocomplete"))),
		Required:     has(n, "required") || attr(n, "aria-required") == "true",
		Checked:      has(n, "checked"),
		Disabled:     d.disabled(n) || attr(n, "aria-disabled") == "true",
		ReadOnly:     has(n, "readonly"),
	}
	switch {
	case d.submits(n) && form != nil:
		c.Submits = true
		c.Method = strings.ToLower(first(attr(n, "formmethod"), attr(form, "method"), "get"))
		c.Action = d.absolute(first(attr(n, "formaction"), attr(form, "action"), d.url.String()))
	case n.DataAtom == atom.A:
		c.Method, c.Action = "get", d.absolute(attr(n, "href"))
	}
	if kind == signin.Choice {
		for _, o := range options(n) {
			c.Options = append(c.Options, valueOf(o))
		}
	}
	return c
}

// label is the text by which the user knows a control.
func (d *document) label(n *html.Node, kind signin.Kind) string {
	var parts []string
	if kind == signin.Button || kind == signin.Link {
		if n.DataAtom == atom.Input {
			parts = append(parts, attr(n, "value"))
		} else {
			parts = append(parts, content(n))
		}
		for c := range n.Descendants() {
			if c.DataAtom == atom.Img {
				parts = append(parts, attr(c, "alt"))
			}
		}
		parts = append(parts, attr(n, "alt"))
	}
	for _, l := range d.nodes {
		if l.DataAtom == atom.Label && (has(l, "for") && attr(l, "for") == attr(n, "id") || !has(l, "for") && ancestor(n, atom.Label) == l) {
			parts = append(parts, content(l))
		}
	}
	for id := range strings.FieldsSeq(attr(n, "aria-labelledby")) {
		parts = append(parts, content(d.byID(id)))
	}
	parts = append(parts, attr(n, "aria-label"))
	if kind != signin.Button && kind != signin.Link {
		parts = append(parts, attr(n, "placeholder"))
		if strings.TrimSpace(strings.Join(parts, "")) == "" {
			parts = append(parts, before(n))
		}
	}
	return first(shorten(strings.Join(parts, " "), 200), attr(n, "title"))
}

// before is the text that stands before a field without a label.
func before(n *html.Node) string {
	for p := n.PrevSibling; p != nil && kindOf(p) == ""; p = p.PrevSibling {
		if words := shorten(content(p), 80); words != "" {
			return words
		}
	}
	cell := ancestor(n, atom.Td)
	if cell == nil {
		return ""
	}
	for p := cell.PrevSibling; p != nil; p = p.PrevSibling {
		if p.Type == html.ElementNode {
			return shorten(content(p), 80)
		}
	}
	return ""
}

func (d *document) byID(id string) *html.Node {
	for _, n := range d.nodes {
		if attr(n, "id") == id {
			return n
		}
	}
	return nil
}

func lastWord(s string) string {
	words := strings.Fields(s)
	if len(words) == 0 {
		return ""
	}
	return words[len(words)-1]
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
