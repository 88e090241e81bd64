package forms

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"

	"github.com/mcpassay/mcpassay/probes/signin"
)

// A document is what a visit shows. What the user fills in is kept in its tree.
type document struct {
	url      *url.URL
	base     *url.URL
	root     *html.Node // nil unless it is HTML
	plain    string     // its text, if it is not
	scripted bool       // it has scripts
	nodes    []*html.Node
	controls []*html.Node // of the latest view, by index
}

// parse reads the tree. Markup for user agents without scripts is read as such:
// whether it counts is decided later.
func (d *document) parse(body []byte, contentType string) error {
	decoded, err := charset.NewReader(bytes.NewReader(body), contentType)
	if err != nil {
		return err
	}
	root, err := html.ParseWithOptions(decoded, html.ParseOptionEnableScripting(false))
	if err != nil {
		return err
	}
	d.root, d.base = root, d.url
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		d.nodes = append(d.nodes, n)
		switch {
		case n.DataAtom == atom.Script && runs(n):
			d.scripted = true
		case n.DataAtom == atom.Base && has(n, "href"):
			if u, err := d.url.Parse(attr(n, "href")); err == nil {
				d.base = u
			}
		}
	}
	return nil
}

// runs tells a script from data in a script element.
func runs(script *html.Node) bool {
	t := strings.ToLower(attr(script, "type"))
	return t == "" || t == "module" || strings.Contains(t, "javascript")
}

// absolute resolves a reference, or returns nothing if it is none.
func (d *document) absolute(ref string) string {
	u, err := d.base.Parse(strings.TrimSpace(ref))
	if err != nil {
		return ""
	}
	return u.String()
}

func (d *document) title() string {
	for _, n := range d.nodes {
		if n.DataAtom == atom.Title {
			return shorten(content(n), 200)
		}
	}
	return ""
}

// text is what the user reads on the page.
func (d *document) text() string {
	if d.root == nil {
		return shorten(d.plain, signin.MaxText)
	}
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if b.Len() > 8*signin.MaxText || n.Type == html.ElementNode && (unseen(n) || n.DataAtom == atom.Noscript && d.scripted) {
			return
		}
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
			b.WriteByte(' ')
		}
		for c := range n.ChildNodes() {
			walk(c)
		}
	}
	walk(d.root)
	return shorten(b.String(), signin.MaxText)
}

// away matches styles that keep an element out of sight.
var away = regexp.MustCompile(`(?i)display\s*:\s*none|visibility\s*:\s*hidden|(left|top)\s*:\s*-\d{3,}`)

// unseen tells whether the element itself is out of sight, as far as its markup
// says. Style sheets are not read.
func unseen(n *html.Node) bool {
	switch n.DataAtom {
	case atom.Head, atom.Script, atom.Style, atom.Template:
		return true
	}
	return has(n, "hidden") || away.MatchString(attr(n, "style"))
}

// seen tells whether the user sees the element.
func (d *document) seen(n *html.Node) bool {
	for ; n != nil; n = n.Parent {
		if n.Type == html.ElementNode && (unseen(n) || n.DataAtom == atom.Noscript && d.scripted) {
			return false
		}
	}
	return true
}

// refresh matches the content of a refreshing meta element.
var refresh = regexp.MustCompile(`(?i)^\s*([\d.]+)\s*[;,]?\s*(?:url\s*=\s*)?["']?([^"']*)`)

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name && a.Namespace == "" {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name && a.Namespace == "" {
			return true
		}
	}
	return false
}

// set sets an attribute.
func set(n *html.Node, name, value string) {
	drop(n, name)
	n.Attr = append(n.Attr, html.Attribute{Key: name, Val: value})
}

// drop removes an attribute.
func drop(n *html.Node, name string) {
	for i := len(n.Attr) - 1; i >= 0; i-- {
		if n.Attr[i].Key == name {
			n.Attr = append(n.Attr[:i], n.Attr[i+1:]...)
		}
	}
}

// ancestor returns the nearest element of the kind around n, or n itself.
func ancestor(n *html.Node, kind atom.Atom) *html.Node {
	for ; n != nil; n = n.Parent {
		if n.DataAtom == kind {
			return n
		}
	}
	return nil
}

// content is the text inside a node.
func content(n *html.Node) string {
	if n == nil {
		return ""
	}
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// shorten collapses white space and keeps so many characters.
func shorten(s string, limit int) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ")
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit])
}
