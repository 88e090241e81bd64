package reference

import (
	"encoding/json"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// The error code of RFC 9101, section 7.
const invalidRequestObject = "invalid_request_object"

// maxRequestObjectLifetime bounds how long a request object can be used again.
const maxRequestObjectLifetime = time.Hour

// unpack returns the parameters of an authorization request: those of its request
// object, if it has one, and then no others (RFC 9101, section 6.3). The object
// is signed with a key that the client has registered.
func (s *AuthServer) unpack(p params) (params, *denial) {
	object := p.get("request")
	if object == "" {
		return p, nil
	}
	client := s.client(p.get("client_id"))
	switch {
	case client == nil:
		return p, nil // which is told as for any other request
	case len(client.jwks) == 0 || len(p["request"]) > 1 || p.get("request_uri") != "":
		return nil, refuse(invalidRequestObject, "The application has registered no key to sign its request with.")
	}
	t, err := tokens.Parse(object)
	if err != nil {
		return nil, refuse(invalidRequestObject, "The request cannot be read.")
	}
	if err := tokens.SignedBy(object, client.jwks); err != nil && !s.signatureOverlooked(t, client) {
		return nil, refuse(invalidRequestObject, "The request is not signed by the application.")
	}
	if problem := s.objectRefused(t, client); problem != nil {
		return nil, problem
	}
	return s.unpacked(t, p, client), nil
}

// objectRefused checks what a request object says of itself: who made it, for
// whom and for how long. A sub makes it a client's assertion, and not a request
// (RFC 9101, section 10.8).
func (s *AuthServer) objectRefused(t *tokens.Token, client *Client) *denial {
	issuer, _ := t.String("iss")
	named, _ := t.String("client_id")
	audience, err := t.Audience()
	expires, expErr := t.Time("exp")
	now := s.now()
	_, critical := t.Header["crit"]
	_, assertion := t.Claims["sub"]
	switch {
	case err != nil || expErr != nil || critical || t.Claims["request"] != nil || t.Claims["request_uri"] != nil:
		return refuse(invalidRequestObject, "The request cannot be read.")
	case (assertion || !requestType(t)) && !s.faults.Has(fault.RequestObjectAssertion):
		return refuse(invalidRequestObject, "The token is no authorization request.")
	case issuer != client.ID, named != client.ID && !s.faults.Has(fault.RequestObjectClient) && !s.faults.Has(fault.RequestObjectAssertion):
		return refuse(invalidRequestObject, "The request is another application's.")
	case !contains(audience, s.issuer) && !s.faults.Has(fault.RequestObjectAudience) && !s.faults.Has(fault.RequestObjectAssertion):
		return refuse(invalidRequestObject, "The request is for another server.")
	case expires.IsZero() || !now.Before(expires) || expires.After(now.Add(maxRequestObjectLifetime)):
		if !s.faults.Has(fault.RequestObjectEternal) {
			return refuse(invalidRequestObject, "The request is no longer valid.")
		}
	}
	return nil
}

// requestType tells whether the type of a token, if it has one, is that of a
// request object or says nothing (RFC 9101, section 10.8).
func requestType(t *tokens.Token) bool {
	var typ string
	if raw, ok := t.Header["typ"]; ok && json.Unmarshal(raw, &typ) != nil {
		return false
	}
	typ = strings.TrimPrefix(strings.ToLower(typ), "application/")
	return typ == "" || typ == "jwt" || typ == "oauth-authz-req+jwt"
}

// signatureOverlooked holds the faults that take what the client has not signed.
func (s *AuthServer) signatureOverlooked(t *tokens.Token, client *Client) bool {
	return s.faults.Has(fault.RequestObjectUnsigned) && strings.EqualFold(t.Algorithm(), "none") ||
		s.faults.Has(fault.RequestObjectAnyKey) && t.Algorithm() != "none" && !strings.HasPrefix(t.Algorithm(), "HS") ||
		s.faults.Has(fault.RequestObjectHMAC) && t.VerifyHMAC([]byte(client.ID))
}

// unpacked are the parameters that a request object holds.
func (s *AuthServer) unpacked(t *tokens.Token, beside params, client *Client) params {
	all := params{}
	for name, raw := range t.Claims {
		var text string
		var number float64
		var many []string
		switch {
		case contains([]string{"iss", "aud", "exp", "nbf", "iat", "jti", "sub"}, name):
		case json.Unmarshal(raw, &text) == nil:
			all[name] = []string{text}
		case json.Unmarshal(raw, &number) == nil:
			all[name] = []string{strconv.Itoa(int(number))}
		case json.Unmarshal(raw, &many) == nil:
			all[name] = many
		}
	}
	all["client_id"] = []string{client.ID}
	fills := s.faults.Has(fault.RequestObjectFilled) || s.faults.Has(fault.RequestObjectAssertion)
	for name, values := range maps.Clone(url.Values(beside)) {
		_, held := all[name]
		if name != "request" && (fills && !held || s.faults.Has(fault.RequestObjectReplaced)) {
			all[name] = values
		}
	}
	return all
}
