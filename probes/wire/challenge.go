package wire

import (
	"fmt"
	"net/http"
	"strings"
)

// A Challenge is one authentication challenge of a WWW-Authenticate header
// (RFC 9110, section 11.6.1).
type Challenge struct {
	Scheme  string
	Token68 string
	Params  []Param // in order, duplicates kept
}

// A Param is one auth-param. Its name is in lower case.
type Param struct{ Name, Value string }

// Get returns the first value of the parameter, and whether it is there.
func (c *Challenge) Get(name string) (string, bool) {
	for _, p := range c.Params {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

// Is tells whether the challenge is of the scheme, whose case does not matter.
func (c *Challenge) Is(scheme string) bool { return strings.EqualFold(c.Scheme, scheme) }

// Challenges parses every WWW-Authenticate line of h. What cannot be parsed is
// skipped, never guessed at, and described in wrong.
func Challenges(h http.Header) (challenges []Challenge, wrong []string) {
	for _, line := range h.Values("WWW-Authenticate") {
		p := parser{rest: line}
		p.parse()
		challenges = append(challenges, p.challenges...)
		wrong = append(wrong, p.wrong...)
	}
	return challenges, wrong
}

// Bearer returns the challenges of the scheme Bearer.
func Bearer(challenges []Challenge) []Challenge {
	var bearer []Challenge
	for _, c := range challenges {
		if c.Is("Bearer") {
			bearer = append(bearer, c)
		}
	}
	return bearer
}

type parser struct {
	rest       string
	challenges []Challenge
	wrong      []string
}

func (p *parser) parse() {
	for {
		p.skip(" \t,")
		if p.rest == "" {
			return
		}
		word := p.token()
		if word == "" {
			p.complain("unexpected %q", p.rest[:1])
			p.toComma()
			continue
		}
		gap := p.skip(" \t")
		if p.peek('=') && p.isParam() {
			p.param(word)
			continue
		}
		p.challenges = append(p.challenges, Challenge{Scheme: word})
		if gap {
			p.token68()
		}
	}
}

// isParam tells "name = value" from a token68 that ends in "=".
func (p *parser) isParam() bool {
	after := strings.TrimLeft(p.rest[1:], " \t")
	return after != "" && after[0] != ',' && after[0] != '='
}

func (p *parser) param(name string) {
	p.rest = p.rest[1:] // the "="
	p.skip(" \t")
	value, ok := p.value()
	if !ok {
		p.complain("parameter %q has no valid value", name)
		p.toComma()
		return
	}
	if len(p.challenges) == 0 {
		p.complain("parameter %q belongs to no scheme", name)
		return
	}
	c := &p.challenges[len(p.challenges)-1]
	name = strings.ToLower(name)
	if _, twice := c.Get(name); twice {
		p.complain("parameter %q is given twice", name)
	}
	c.Params = append(c.Params, Param{name, value})
	p.skip(" \t")
	if p.rest != "" && !p.peek(',') {
		p.complain("no comma after parameter %q", name)
	}
}

func (p *parser) value() (string, bool) {
	if !p.peek('"') {
		value := p.token()
		return value, value != ""
	}
	var value strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch ch := p.rest[i]; {
		case ch == '"':
			p.rest = p.rest[i+1:]
			return value.String(), true
		case ch == '\\' && i+1 < len(p.rest):
			i++
			value.WriteByte(p.rest[i])
		default:
			value.WriteByte(ch)
		}
	}
	p.rest = ""
	return "", false // the quote never closes
}

// token68 reads the credentials-like form of a challenge, such as Negotiate's.
func (p *parser) token68() {
	end := strings.IndexFunc(p.rest, func(r rune) bool { return !isToken68(r) })
	if end < 0 {
		end = len(p.rest)
	}
	for end < len(p.rest) && p.rest[end] == '=' {
		end++
	}
	candidate, after := p.rest[:end], strings.TrimLeft(p.rest[end:], " \t")
	if candidate == "" || (after != "" && after[0] != ',') {
		return
	}
	p.challenges[len(p.challenges)-1].Token68 = candidate
	p.rest = after
}

func (p *parser) token() string {
	end := strings.IndexFunc(p.rest, func(r rune) bool { return !isTokenChar(r) })
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return word
}

func (p *parser) skip(chars string) bool {
	before := len(p.rest)
	p.rest = strings.TrimLeft(p.rest, chars)
	return len(p.rest) < before
}

func (p *parser) peek(ch byte) bool { return p.rest != "" && p.rest[0] == ch }

func (p *parser) toComma() {
	if i := strings.IndexByte(p.rest, ','); i >= 0 {
		p.rest = p.rest[i:]
		return
	}
	p.rest = ""
}

func (p *parser) complain(format string, args ...any) {
	if len(p.wrong) < 20 {
		p.wrong = append(p.wrong, fmt.Sprintf(format, args...))
	}
}

func isTokenChar(r rune) bool {
	return r < 0x7f && r > 0x20 && !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}

func isToken68(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~+/", r)
}
