package reference

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// The response modes: the redirect, and the message to a page that has opened or
// framed the request.
const (
	modeQuery      = "query"
	modeWebMessage = "web_message"
)

// responseModes are those that are served.
func (s *AuthServer) responseModes() []string {
	if s.variants.Has(variant.WebMessage) {
		return []string{modeQuery, modeWebMessage}
	}
	return []string{modeQuery}
}

// A posting is how a response is sent as a message. A target is the only origin
// whose pages a browser hands the message to (HTML, section on posting messages).
type posting struct {
	toOpener, toParent string // targets
	framedBy           string // the origin that may show the page in a frame
}

// postingOf says where the response to a request is posted, if it is to be: to
// the origin of the redirect URI, which is the registered one.
func (s *AuthServer) postingOf(r *http.Request, p params, redirectURI string) (*posting, *denial) {
	if p.get("response_mode") != modeWebMessage {
		return nil, nil
	}
	u, err := url.Parse(redirectURI)
	if err != nil || !plainHost.MatchString(u.Host) || !strings.HasPrefix(u.Scheme, "http") {
		return nil, refuse(invalidRequest, "response_mode=web_message needs a redirect URI with an origin")
	}
	registered := originOf(redirectURI)
	posts := &posting{toOpener: registered, toParent: registered, framedBy: registered}
	switch {
	case s.faults.Has(fault.WebMessageAnyOrigin):
		posts.toOpener = "*"
	case s.faults.Has(fault.WebMessageOriginAsked) && p.get("origin") != "":
		posts.toOpener = p.get("origin")
	case s.faults.Has(fault.WebMessageOriginReferrer) && r.Referer() != "":
		posts.toOpener = originOf(r.Referer())
	case s.faults.Has(fault.WebMessageFramed):
		posts.toParent, posts.framedBy = "*", "*"
	}
	return posts, nil
}

// A messagePage posts the response, and says so to whoever looks at it.
type messagePage struct {
	frame
	Response           map[string]string
	ToOpener, ToParent string
}

// postToClient sends the client the response as a message.
func (s *AuthServer) postToClient(posts *posting, response url.Values) step {
	page := &messagePage{
		frame:    frame{Title: "Going back to the application"},
		Response: map[string]string{}, ToOpener: posts.toOpener, ToParent: posts.toParent,
	}
	for name := range response {
		page.Response[name] = response.Get(name)
	}
	return step{page: "webmessage.html", script: true, data: page, framedBy: posts.framedBy}
}

// letFrame lets pages of the step's origin, and no others, show it in a frame.
func letFrame(h http.Header, next step) {
	if next.framedBy == "" {
		return
	}
	h.Del("X-Frame-Options") // which cannot name an origin
	policy := h.Get("Content-Security-Policy")
	h.Set("Content-Security-Policy", strings.Replace(policy, "frame-ancestors 'none'", "frame-ancestors "+policySource(next.framedBy), 1))
}
