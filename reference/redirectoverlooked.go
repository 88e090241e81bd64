package reference

import (
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// mismatchOverlooked tells whether a fault takes a wrong redirect URI for the
// registered one. Without faults it never does.
func (s *AuthServer) mismatchOverlooked(asked, registered string) bool {
	mistakes := redirectMistakes
	if !webURI(registered) {
		mistakes = privateMistakes
	}
	for f := range s.faults {
		if matches, ok := mistakes[f]; ok && matches(asked, registered) {
			return true
		}
	}
	return false
}

// redirectMistakes are wrong ways to compare a redirect URI with a registered web
// URI. Each is found in the field; none goes further than its fault says.
var redirectMistakes = map[fault.Fault]func(asked, registered string) bool{
	fault.RedirectAny:        func(string, string) bool { return true },
	fault.RedirectHostCase:   folded(func(u *url.URL) { u.Host = strings.ToLower(u.Host) }),
	fault.RedirectSchemeCase: equalFoldScheme,
	fault.RedirectScheme: parsed(func(a, r *url.URL) bool {
		a.Scheme = r.Scheme
		return a.String() == r.String()
	}),
	fault.RedirectHostDot: folded(func(u *url.URL) { u.Host = joinPort(strings.TrimSuffix(u.Hostname(), "."), u.Port()) }),
	fault.RedirectDefaultPort: folded(func(u *url.URL) {
		if u.Scheme == "https" && (u.Port() == "443" || strings.HasSuffix(u.Host, ":")) {
			u.Host = u.Hostname()
		}
	}),
	fault.RedirectHostBeginning: sameButHost(strings.HasPrefix),
	fault.RedirectHostEnd:       sameButHost(strings.HasSuffix),
	fault.RedirectSubdomain:     sameButHost(func(a, r string) bool { return strings.HasSuffix(a, "."+r) }),
	fault.RedirectSibling: sameButHost(func(a, r string) bool {
		_, parent, _ := strings.Cut(r, ".")
		return strings.Contains(parent, ".") && (a == parent || strings.HasSuffix(a, "."+parent))
	}),
	fault.RedirectContains: func(asked, registered string) bool {
		return strings.Contains(asked, withoutScheme(registered))
	},
	fault.RedirectUserinfo:     folded(func(u *url.URL) { u.User = nil }),
	fault.RedirectUserinfoHost: userinfoForHost,
	fault.RedirectPort:         folded(func(u *url.URL) { u.Host = u.Hostname() }),
	fault.RedirectHomograph:    func(asked, registered string) bool { return lookAlike(asked) == lookAlike(registered) },

	fault.RedirectPath:          folded(func(u *url.URL) { u.Path, u.RawPath = "", "" }),
	fault.RedirectPathCase:      folded(func(u *url.URL) { u.Path, u.RawPath = strings.ToLower(u.EscapedPath()), "" }),
	fault.RedirectTrailingSlash: folded(func(u *url.URL) { u.Path, u.RawPath = strings.TrimRight(u.EscapedPath(), "/"), "" }),
	fault.RedirectPrefix:        strings.HasPrefix,
	fault.RedirectParent: parsed(func(a, r *url.URL) bool {
		return a.Scheme == r.Scheme && a.Host == r.Host && a.User == nil && a.RawQuery == "" && a.Fragment == "" &&
			strings.HasSuffix(a.Path, "/") && strings.HasPrefix(r.Path, a.Path)
	}),
	fault.RedirectMatrix: folded(func(u *url.URL) {
		u.Path, _, _ = strings.Cut(u.EscapedPath(), ";")
		u.RawPath = ""
	}),
	fault.RedirectSlashes: folded(func(u *url.URL) { u.Path, u.RawPath = manySlashes.ReplaceAllString(u.EscapedPath(), "/"), "" }),
	fault.RedirectDotSegments: folded(func(u *url.URL) {
		if strings.Contains(u.EscapedPath(), "/.") {
			u.Path, u.RawPath = path.Clean(u.EscapedPath()), ""
		}
	}),
	fault.RedirectTraversal: traversal,
	fault.RedirectDecoded:   func(asked, registered string) bool { return decoded(asked) == decoded(registered) },
	fault.RedirectQuery:     folded(func(u *url.URL) { u.RawQuery, u.ForceQuery = "", false }),
	fault.RedirectQueryAdded: func(asked, registered string) bool {
		rest, ok := strings.CutPrefix(asked, registered)
		return ok && rest != "" && (rest[0] == '&' && strings.Contains(registered, "?") || rest[0] == '?' && !strings.Contains(registered, "?"))
	},
	fault.RedirectFragment: func(asked, registered string) bool {
		before, _, _ := strings.Cut(asked, "#")
		return before == registered
	},

	fault.RedirectBackslash: backslashMisread,
	fault.RedirectControl:   func(asked, registered string) bool { return printableOnly(asked) == registered },
	fault.RedirectTrimmed:   func(asked, registered string) bool { return strings.TrimSpace(asked) == registered },
	fault.RedirectNull:      endedAt("\x00", "%00"),
	fault.RedirectList:      endedAt(",", " "),
	fault.RedirectRelative: func(asked, registered string) bool {
		a, err := url.Parse(asked)
		r, wrong := url.Parse(registered)
		return err == nil && wrong == nil && (a.Scheme == "" || a.Host == "") && strings.HasSuffix(a.Path+a.Opaque, r.Path)
	},
	fault.RedirectHostDelimiter: hostDelimited,
	fault.RedirectWildcard:      wildcard,
	fault.RedirectRegexp: func(asked, registered string) bool {
		pattern, err := regexp.Compile("^" + registered + "$")
		return err == nil && pattern.MatchString(asked)
	},

	fault.LoopbackPath:      loopbackBut(func(u *url.URL) { u.Path, u.RawPath = "", "" }),
	fault.LoopbackQuery:     loopbackBut(func(u *url.URL) { u.RawQuery, u.ForceQuery = "", false }),
	fault.LoopbackScheme:    loopbackBut(func(u *url.URL) { u.Scheme = "http" }),
	fault.LoopbackHosts:     loopbackBut(func(u *url.URL) { u.Host = oneLoopback(u.Host) }),
	fault.LoopbackNumbers:   loopbackBut(func(u *url.URL) { u.Host = numbered(u.Hostname()) }),
	fault.LoopbackBeginning: loopbackBeginning,
}

// privateMistakes are the same for private-use schemes.
var privateMistakes = map[fault.Fault]func(asked, registered string) bool{
	fault.RedirectAny: func(string, string) bool { return true },
	fault.PrivateSchemeBeginning: privateBut(func(a, r string) bool {
		return strings.HasPrefix(a, r) || strings.HasPrefix(r, a)
	}),
	fault.PrivateSchemeCase: equalFoldScheme,
	fault.PrivateSchemePath: func(asked, registered string) bool {
		a, _, _ := strings.Cut(asked, ":")
		r, _, _ := strings.Cut(registered, ":")
		return a == r
	},
}

// parsed compares parsed URIs. What parsing itself forgives is not forgiven: the
// case of the scheme and an empty fragment.
func parsed(matches func(a, r *url.URL) bool) func(string, string) bool {
	return func(asked, registered string) bool {
		a, err := url.Parse(asked)
		r, wrong := url.Parse(registered)
		return err == nil && wrong == nil && strings.HasPrefix(asked, a.Scheme) &&
			strings.Contains(asked, "#") == (a.Fragment != "") && matches(a, r)
	}
}

// folded compares URIs after the same change to both.
func folded(fold func(*url.URL)) func(string, string) bool {
	return parsed(func(a, r *url.URL) bool {
		fold(a)
		fold(r)
		return a.String() == r.String()
	})
}

// sameButHost compares host names in its own way and all else exactly.
func sameButHost(matches func(asked, registered string) bool) func(string, string) bool {
	return parsed(func(a, r *url.URL) bool {
		if !matches(a.Hostname(), r.Hostname()) || a.Port() != r.Port() || strings.HasSuffix(a.Host, ":") {
			return false
		}
		a.Host = r.Host
		return a.String() == r.String()
	})
}

func joinPort(host, port string) string {
	if port == "" {
		return host
	}
	return host + ":" + port
}

func equalFoldScheme(asked, registered string) bool {
	a, restA, _ := strings.Cut(asked, ":")
	r, restR, _ := strings.Cut(registered, ":")
	return strings.EqualFold(a, r) && restA == restR
}

var manySlashes = regexp.MustCompile(`/+`)

// splitText splits a web URI as a careless parser does: what stands between the
// slashes, and the rest.
func splitText(uri string) (scheme, host, rest string) {
	scheme, after, ok := strings.Cut(uri, "://")
	if !ok {
		return "", "", uri
	}
	end := strings.IndexAny(after, "/?#")
	if end < 0 {
		end = len(after)
	}
	return scheme, after[:end], after[end:]
}

// userinfoForHost reads the host up to the first @ or colon, encoded or not.
func userinfoForHost(asked, registered string) bool {
	scheme, host, rest := splitText(asked)
	wantScheme, wantHost, wantRest := splitText(registered)
	before, _, ok := strings.Cut(strings.Replace(host, "%40", "@", 1), "@")
	before, _, _ = strings.Cut(before, ":")
	return ok && scheme == wantScheme && rest == wantRest && before == wantHost
}

// backslashMisread takes a backslash for an ordinary character of user
// information, or for the end of the host; browsers take it for a slash.
func backslashMisread(asked, registered string) bool {
	scheme, host, rest := splitText(asked)
	if scheme == "" { // https:\\host
		return strings.ReplaceAll(asked, `\`, "/") == registered || strings.Contains(asked, `:\\`) &&
			strings.HasSuffix(asked, afterHost(registered))
	}
	wantScheme, wantHost, wantRest := splitText(registered)
	before, after, ok := strings.Cut(host, `\@`)
	return ok && scheme == wantScheme && rest == wantRest && (before == wantHost || after == wantHost)
}

func afterHost(uri string) string {
	_, _, rest := splitText(uri)
	return rest
}

// hostDelimited ends the host where no host ends.
func hostDelimited(asked, registered string) bool {
	scheme, host, rest := splitText(asked)
	wantScheme, wantHost, wantRest := splitText(registered)
	before, _, _ := strings.Cut(host, ";")
	inside := ""
	if strings.HasPrefix(host, "[") {
		inside, _, _ = strings.Cut(host[1:], "]")
	}
	return scheme == wantScheme && (rest == wantRest || rest == "/") && host != wantHost && (before == wantHost || inside == wantHost)
}

// traversal accepts dot segments below the registered path.
func traversal(asked, registered string) bool {
	rest, ok := strings.CutPrefix(asked, registered+"/")
	return ok && dotSegment.MatchString(rest)
}

// dotSegment finds two dots, plain, encoded once or twice, or in overlong UTF-8.
var dotSegment = regexp.MustCompile(`(?i)^(\.|%2e|%252e|%c0%ae){2}([/\\]|%2f|%252f|%5c|$)`)

// decoded undoes percent-encoding, twice at most.
func decoded(uri string) string {
	for range 2 {
		plain, err := url.PathUnescape(uri)
		if err != nil {
			return uri
		}
		uri = plain
	}
	return uri
}

// printableOnly drops control characters.
func printableOnly(uri string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return -1
		}
		return c
	}, uri)
}

// endedAt looks at what stands before the first mark.
func endedAt(marks ...string) func(string, string) bool {
	return func(asked, registered string) bool {
		for _, mark := range marks {
			scheme, host, _ := splitText(asked)
			wantScheme, wantHost, _ := splitText(registered)
			before, _, found := strings.Cut(asked, mark)
			if found && before == registered {
				return true
			}
			if cut, _, inHost := strings.Cut(host, mark); inHost && scheme == wantScheme && cut == wantHost {
				return true
			}
		}
		return false
	}
}

// lookAlike makes one of characters that look, or are, alike.
func lookAlike(uri string) string {
	uri = norm.NFKC.String(uri)
	if scheme, host, rest := splitText(uri); strings.Contains(host, "xn--") {
		if shown, err := idna.Punycode.ToUnicode(host); err == nil {
			uri = scheme + "://" + shown + rest
		}
	}
	return strings.NewReplacer("\u00ad", "", "。", ".", "．", ".", "＠", "@", "а", "a", "с", "c", "е", "e",
		"о", "o", "р", "p", "х", "x", "у", "y", "ѕ", "s", "і", "i", "ԁ", "d").Replace(uri)
}

// wildcard takes an asterisk of the registered URI for any characters.
func wildcard(asked, registered string) bool {
	if !strings.Contains(registered, "*") {
		return false
	}
	pattern, err := regexp.Compile("^" + strings.ReplaceAll(regexp.QuoteMeta(registered), `\*`, ".*") + "$")
	return err == nil && pattern.MatchString(asked)
}

// loopbackBut compares loopback URIs after the same change to both, besides the
// port, which is free anyway.
func loopbackBut(fold func(*url.URL)) func(string, string) bool {
	return func(asked, registered string) bool {
		if !loopbackURI(registered) {
			return false
		}
		a, err := url.Parse(asked)
		r, wrong := url.Parse(registered)
		if err != nil || wrong != nil || a.User != nil {
			return false
		}
		for _, u := range []*url.URL{a, r} {
			fold(u)
			if i := strings.LastIndex(u.Host, ":"); i > strings.LastIndex(u.Host, "]") {
				u.Host = u.Host[:i]
			}
		}
		return a.String() == r.String()
	}
}

// oneLoopback spells the three names of the loopback host in one way.
func oneLoopback(host string) string {
	for _, name := range []string{"localhost", "[::1]"} {
		if strings.HasPrefix(host, name) {
			return "127.0.0.1" + host[len(name):]
		}
	}
	return host
}

// numbered reads a host as inet_aton does, and takes all of 127.0.0.0/8 and
// 0.0.0.0 for 127.0.0.1.
func numbered(host string) string {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		addr, err = shortAddr(host)
	}
	if err != nil {
		return host
	}
	if addr = addr.Unmap(); addr.IsLoopback() && addr.Is4() || addr.IsUnspecified() {
		return "127.0.0.1"
	}
	if addr.Is6() {
		return "[" + addr.String() + "]"
	}
	return addr.String()
}

// shortAddr reads IPv4 addresses of fewer than four parts.
func shortAddr(host string) (addr netip.Addr, err error) {
	var number uint64
	parts := strings.Split(host, ".")
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 0, 32)
		if err != nil {
			return addr, err
		}
		if i < len(parts)-1 {
			n <<= 8 * (3 - i)
		}
		number += n
	}
	return netip.AddrFrom4([4]byte{byte(number >> 24), byte(number >> 16), byte(number >> 8), byte(number)}), nil
}

// loopbackBeginning frees the port by cutting at the colon, and with it all that
// follows up to the path.
func loopbackBeginning(asked, registered string) bool {
	for _, host := range loopbackHosts {
		if strings.HasPrefix(asked, host) && strings.HasPrefix(registered, host) {
			return afterHost(asked) == afterHost(registered)
		}
	}
	return false
}

// privateBut compares the schemes of private-use URIs in its own way.
func privateBut(matches func(asked, registered string) bool) func(string, string) bool {
	return func(asked, registered string) bool {
		a, restA, _ := strings.Cut(asked, ":")
		r, restR, _ := strings.Cut(registered, ":")
		return restA == restR && strings.Contains(a, ".") && matches(a, r)
	}
}

func webURI(uri string) bool {
	return strings.HasPrefix(uri, "http://") || strings.HasPrefix(uri, "https://")
}
