package forms

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// errSelector says that a selector is beyond this package; a browser may know it.
var errSelector = errors.New("not a selector that can be told without a browser")

// A selector is a part of CSS selectors: types, ids, classes and attributes,
// below one another or listed. It holds one chain for each item of the list.
type selector [][]compound

// A compound is what one element has to be, and how it lies below the element
// before it in the chain.
type compound struct {
	child bool // directly
	tag   string
	has   []condition
}

// A condition is on an attribute. The operator is that of CSS, empty for any value.
type condition struct{ name, operator, value string }

var (
	combinator = regexp.MustCompile(`\s*>\s*|\s+`)
	compounds  = regexp.MustCompile(`^(\*|[A-Za-z][\w-]*)?((?:[#.][\w-]+|\[[^\]]*\])*)$`)
	conditions = regexp.MustCompile(`([#.])([\w-]+)|\[\s*([\w-]+)\s*(?:([~^$*]?=)\s*(?:"([^"]*)"|'([^']*)'|([^\]\s]+))\s*)?\]`)
	quoted     = regexp.MustCompile(`"[^"]*"|'[^']*'`)
)

// compile reads a selector.
func compile(text string) (selector, error) {
	// Text in quotes may hold what separates selectors elsewhere.
	if slices.ContainsFunc(quoted.FindAllString(text, -1), func(q string) bool { return strings.ContainsAny(q, ",> ]") }) {
		return nil, errSelector
	}
	var s selector
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		var chain []compound
		for i, joint := range append([][]int{{0, 0}}, combinator.FindAllStringIndex(item, -1)...) {
			end := len(item)
			if all := combinator.FindAllStringIndex(item, -1); i < len(all) {
				end = all[i][0]
			}
			c, err := compileOne(item[joint[1]:end])
			if err != nil {
				return nil, err
			}
			c.child = strings.Contains(item[joint[0]:joint[1]], ">")
			chain = append(chain, c)
		}
		s = append(s, chain)
	}
	return s, nil
}

func compileOne(text string) (compound, error) {
	m := compounds.FindStringSubmatch(text)
	if m == nil || text == "" {
		return compound{}, errSelector
	}
	c := compound{tag: strings.ToLower(m[1])}
	if c.tag == "*" {
		c.tag = ""
	}
	rest := m[2]
	for _, p := range conditions.FindAllStringSubmatch(rest, -1) {
		rest = strings.Replace(rest, p[0], "", 1)
		switch p[1] {
		case "#":
			c.has = append(c.has, condition{"id", "=", p[2]})
		case ".":
			c.has = append(c.has, condition{"class", "~=", p[2]})
		default:
			c.has = append(c.has, condition{strings.ToLower(p[3]), p[4], p[5] + p[6] + p[7]})
		}
	}
	if rest != "" {
		return compound{}, errSelector
	}
	return c, nil
}

// matches tells whether the element is one that the selector means.
func (s selector) matches(n *html.Node) bool {
	return slices.ContainsFunc(s, func(chain []compound) bool { return below(chain, n) })
}

// below matches the last of the chain against n, and the others against what n lies in.
func below(chain []compound, n *html.Node) bool {
	last := chain[len(chain)-1]
	if !last.matches(n) {
		return false
	}
	if len(chain) == 1 {
		return true
	}
	for p := n.Parent; p != nil; p = p.Parent {
		if below(chain[:len(chain)-1], p) {
			return true
		}
		if last.child {
			return false
		}
	}
	return false
}

func (c compound) matches(n *html.Node) bool {
	if n.Type != html.ElementNode || c.tag != "" && c.tag != n.Data {
		return false
	}
	return !slices.ContainsFunc(c.has, func(want condition) bool { return !want.holds(n) })
}

func (c condition) holds(n *html.Node) bool {
	value := attr(n, c.name)
	switch c.operator {
	case "":
		return has(n, c.name)
	case "=":
		return has(n, c.name) && value == c.value
	case "~=":
		return slices.Contains(strings.Fields(value), c.value)
	}
	if c.value == "" {
		return false
	}
	switch c.operator {
	case "^=":
		return strings.HasPrefix(value, c.value)
	case "$=":
		return strings.HasSuffix(value, c.value)
	}
	return strings.Contains(value, c.value)
}
