package reference

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/mcpassay/mcpassay/reference/fault"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// A presented client is what a request says of its client: who it is, and how it
// proves it.
type presented struct {
	id, method, proof string
}

// authenticate finds the client of a request and has it prove who it is, by the
// one method it is registered for (OAuth 2.1, section 2.4). The caller holds the
// lock.
func (s *AuthServer) authenticate(r *http.Request, p params) (*Client, *denial) {
	shown, problem := s.credentials(r, p)
	if problem == nil && shown.method == authPost && s.faults.Has(fault.ClientPostRefused) {
		problem = refuse(invalidClient, "the secret belongs into the Authorization header")
	}
	if problem != nil {
		return nil, problem
	}
	client := s.client(shown.id)
	if asked := s.snapshot(shown.id, p); asked != nil {
		client = asked
	}
	if client != nil && s.excused(shown, p) {
		return client, nil
	}
	if client == nil {
		return nil, refuse(invalidClient, "the client is not known here")
	}
	if !s.methodAllowed(shown.method, client) {
		return nil, refuse(invalidClient, "the client does not authenticate by %s", shown.method)
	}
	if !s.proofHolds(shown, client) {
		return nil, refuse(invalidClient, "the client's credentials are wrong")
	}
	if named := s.client(p.get("client_id")); named != nil && s.faults.Has(fault.ClientIdentityMixed) {
		return named, nil
	}
	return client, nil
}

// excused holds the faults that spare a client its proof.
func (s *AuthServer) excused(shown presented, p params) bool {
	return shown.method == authNone &&
		(s.faults.Has(fault.ClientUnauthenticated) ||
			s.faults.Has(fault.RefreshUnauthenticated) && p.get("grant_type") == grantRefresh ||
			namesDocument(shown.id) && s.keyOverlooked(p))
}

func (s *AuthServer) methodAllowed(method string, client *Client) bool {
	return method == client.AuthMethod ||
		s.faults.Has(fault.ClientAnyMethod) && usesSecret(method) && usesSecret(client.AuthMethod)
}

// credentials reads what the request shows. More than one method is refused
// (RFC 6749, section 2.3).
func (s *AuthServer) credentials(r *http.Request, p params) (presented, *denial) {
	var all []presented
	if header := r.Header.Get("Authorization"); header != "" {
		shown, ok := basic(header)
		if !ok {
			return presented{}, refuse(invalidClient, "the Authorization header cannot be read")
		}
		all = append(all, shown)
	}
	if p.get("client_secret") != "" {
		all = append(all, presented{p.get("client_id"), authPost, p.get("client_secret")})
	}
	if p.get("client_assertion") != "" || p.get("client_assertion_type") != "" {
		if p.get("client_assertion_type") != assertionType {
			return presented{}, refuse(invalidClient, "client_assertion_type is not known")
		}
		all = append(all, presented{s.assertedBy(p), authAssertion, p.get("client_assertion")})
	}
	switch {
	case len(all) > 1 && !s.faults.Has(fault.ClientTwoMethods):
		return presented{}, refuse(invalidRequest, "a client authenticates by one method")
	case len(all) > 0 && p.get("client_id") != "" && p.get("client_id") != all[0].id && !s.faults.Has(fault.ClientIdentityMixed):
		return presented{}, refuse(invalidRequest, "client_id is another client's")
	case len(all) > 0:
		return all[0], nil
	case p.get("client_id") == "":
		return presented{}, refuse(invalidClient, "the client does not say who it is")
	}
	return presented{id: p.get("client_id"), method: authNone}, nil
}

// basic reads client id and secret, which are form-encoded before they are
// joined (RFC 6749, section 2.3.1).
func basic(header string) (presented, bool) {
	scheme, encoded, _ := strings.Cut(header, " ")
	joined, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if !strings.EqualFold(scheme, "Basic") || err != nil {
		return presented{}, false
	}
	name, password, ok := strings.Cut(string(joined), ":")
	id, idErr := url.QueryUnescape(name)
	proof, proofErr := url.QueryUnescape(password)
	return presented{id, authBasic, proof}, ok && idErr == nil && proofErr == nil
}

// proofHolds tells whether the client is who it says.
func (s *AuthServer) proofHolds(shown presented, client *Client) bool {
	switch shown.method {
	case authNone:
		return true
	case authBasic, authPost:
		unusable := s.faults.Has(fault.RegisterSecretUnusable) && client.SelfRegistered
		return client.Secret != "" && !unusable && !s.secretExpired(client) && (same(shown.proof, client.Secret) || s.secretOverlooked(shown.proof, client))
	case authAssertion:
		return s.assertionHolds(shown.proof, client)
	}
	return false
}

// secretExpired tells whether the secret of a self-registered client has ended
// (RFC 7591, section 3.2.1).
func (s *AuthServer) secretExpired(client *Client) bool {
	end := client.registered.Add(s.options.SecretLifetime)
	return client.SelfRegistered && !s.now().Before(end) && !s.faults.Has(fault.SecretOutlasts)
}

// secretOverlooked holds the faults that let a wrong secret pass.
func (s *AuthServer) secretOverlooked(proof string, client *Client) bool {
	switch {
	case s.faults.Has(fault.ClientSecretIgnored):
		return proof != ""
	case s.faults.Has(fault.ClientSecretBeginning):
		return len(proof) >= 8 && proof[:8] == client.Secret[:8]
	case s.faults.Has(fault.ClientSecretOfAnother):
		for _, kept := range s.clients.values {
			if kept.value.Secret != "" && same(proof, kept.value.Secret) {
				return true
			}
		}
	}
	return false
}
