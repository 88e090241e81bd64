package forms

import (
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync"

	"github.com/mcpassay/mcpassay/probes"
)

// A jar keeps cookies as browsers do, with two things that cookiejar leaves out:
// it gives Secure cookies to loopback, and knows which requests of another
// site's pages have to do without (RFC 6265bis, section 5.2).
type jar struct {
	kept *cookiejar.Jar

	mu         sync.Mutex
	attributes map[string]http.Cookie // by origin and name: as they were set
}

func newJar() (*jar, error) {
	kept, err := cookiejar.New(nil)
	return &jar{kept: kept, attributes: map[string]http.Cookie{}}, err
}

func (j *jar) set(u *url.URL, cookies []*http.Cookie) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var stored []*http.Cookie
	for _, c := range cookies {
		j.attributes[u.Host+" "+c.Name] = *c
		plain := *c
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			plain.Secure = false
		}
		stored = append(stored, &plain)
	}
	j.kept.SetCookies(u, stored)
}

// get returns the cookies for a request to u that a page of the origin starts,
// if there is such a page.
func (j *jar) get(u *url.URL, method, from string) []*http.Cookie {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []*http.Cookie
	for _, c := range j.kept.Cookies(u) {
		set := j.attributes[u.Host+" "+c.Name]
		withheld := set.SameSite == http.SameSiteStrictMode || set.SameSite == http.SameSiteLaxMode && method != http.MethodGet
		if from != "" && from != probes.Origin(u) && withheld {
			continue
		}
		all = append(all, c)
	}
	return all
}

// described are the cookies for u with the attributes that they were set with.
func (j *jar) described(u *url.URL) []*http.Cookie {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []*http.Cookie
	for _, c := range j.kept.Cookies(u) {
		set := j.attributes[u.Host+" "+c.Name]
		set.Name, set.Value = c.Name, c.Value
		all = append(all, &set)
	}
	return all
}
