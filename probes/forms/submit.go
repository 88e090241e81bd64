package forms

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/signin"
)

// act makes a move on the latest view and returns the request it causes.
func (d *document) act(m signin.Move) (submission, error) {
	var last *html.Node
	for _, e := range m.Fill {
		last = d.controls[e.Control]
		fill(last, e.Value)
	}
	for _, i := range m.Tick {
		d.tick(d.controls[i])
	}
	if m.Press == signin.None {
		if last == nil {
			return submission{}, d.needsBrowser("there is nothing to send")
		}
		return d.send(d.formOf(last), nil)
	}
	return d.press(d.controls[m.Press])
}

// press returns the request that pressing a control causes.
func (d *document) press(n *html.Node) (submission, error) {
	switch {
	case has(n, "onclick"):
		return submission{}, d.needsBrowser("a script reacts to the control")
	case n.DataAtom == atom.A && has(n, "href"):
		u, err := d.base.Parse(attr(n, "href"))
		if err != nil {
			return submission{}, fmt.Errorf("follow a link: %w", err)
		}
		if u.Scheme == "javascript" || strings.HasPrefix(attr(n, "href"), "#") {
			return submission{}, d.needsBrowser("a script reacts to the link")
		}
		return submission{method: http.MethodGet, url: u}, nil
	case d.submits(n):
		return d.send(d.formOf(n), n)
	}
	return submission{}, d.needsBrowser("the button sends no form")
}

func (d *document) needsBrowser(why string) error {
	return fmt.Errorf("%s: %w: %s", signin.Where(d.url.String(), d.title()), probes.ErrNeedsBrowser, why)
}

// send returns the request that sends a form, as by the button, which may be nil.
func (d *document) send(form, button *html.Node) (submission, error) {
	if form == nil {
		return submission{}, d.needsBrowser("the button sends no form")
	}
	option := func(name string) string {
		if button != nil && has(button, "form"+name) {
			return attr(button, "form"+name)
		}
		return attr(form, name)
	}
	fields, secret := d.fields(form, button)
	action, err := d.base.Parse(strings.TrimSpace(option("action")))
	if option("action") == "" {
		action, err = d.url, nil
	}
	post := strings.EqualFold(option("method"), http.MethodPost)
	switch {
	case err != nil:
		return submission{}, fmt.Errorf("form action: %w", err)
	case has(form, "onsubmit") || action.Scheme == "javascript":
		return submission{}, d.needsBrowser("a script sends the form")
	case d.scripted && secret && !post:
		return submission{}, d.needsBrowser("the form would put the password into the URL")
	}
	to := *action
	if !post {
		to.RawQuery = encode(fields)
		return submission{method: http.MethodGet, url: &to}, nil
	}
	s := submission{method: http.MethodPost, url: &to, contentType: "application/x-www-form-urlencoded"}
	s.body = []byte(encode(fields))
	if strings.EqualFold(option("enctype"), "multipart/form-data") {
		s.contentType, s.body = parts(fields)
	}
	return s, nil
}

// A field is one name and value of a form.
type field struct{ name, value string }

// fields are the name and value pairs that sending the form submits, in order:
// the form's entry list of the HTML standard. It also tells whether a password
// is among them.
func (d *document) fields(form, button *html.Node) (fields []field, secret bool) {
	for _, n := range d.nodes {
		name := attr(n, "name")
		if d.formOf(n) != form || d.disabled(n) || name == "" {
			continue
		}
		switch n.DataAtom {
		case atom.Input:
			switch t := inputType(n); t {
			case "submit", "image", "button", "reset", "file":
				if n != button {
					continue
				}
			case "checkbox", "radio":
				if !has(n, "checked") {
					continue
				}
			default:
				secret = secret || t == "password"
			}
			fields = append(fields, field{name, valueOf(n)})
		case atom.Button:
			if n == button {
				fields = append(fields, field{name, valueOf(n)})
			}
		case atom.Textarea:
			fields = append(fields, field{name, valueOf(n)})
		case atom.Select:
			for _, o := range chosen(n) {
				fields = append(fields, field{name, valueOf(o)})
			}
		}
	}
	return fields, secret
}

func encode(fields []field) string {
	pairs := make([]string, len(fields))
	for i, f := range fields {
		pairs[i] = url.QueryEscape(f.name) + "=" + url.QueryEscape(f.value)
	}
	return strings.Join(pairs, "&")
}

func parts(fields []field) (contentType string, body []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		_ = w.WriteField(f.name, f.value) // a buffer takes everything
	}
	_ = w.Close()
	return w.FormDataContentType(), b.Bytes()
}

// submitting matches scripts that send a form.
func submitting(code string) bool {
	return strings.Contains(strings.Join(strings.Fields(code), ""), "submit(")
}

// sendsItself returns the request of a page whose only purpose is to send a
// form by script, as for response_mode=form_post of OAuth 2.0 Form Post
// Response Mode, section 2. Nothing else on it is for the user.
func (d *document) sendsItself() *submission {
	var form *html.Node
	sends := false
	for _, n := range d.nodes {
		switch {
		case n.DataAtom == atom.Form && form == nil:
			form = n
		case n.DataAtom == atom.Form:
			return nil
		case n.DataAtom == atom.Body && submitting(attr(n, "onload")), n.DataAtom == atom.Script && submitting(content(n)):
			sends = true
		case kindOf(n) != "" && d.seen(n) && ancestor(n, atom.Noscript) == nil:
			return nil
		}
	}
	if form == nil || !sends {
		return nil
	}
	s, err := d.send(form, nil)
	if err != nil {
		return nil
	}
	return &s
}
