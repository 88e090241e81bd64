package reference

import (
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

const tokenTypeAccess = "urn:ietf:params:oauth:token-type:access_token"

// An exchangeRight is what one client may exchange: tokens that were meant for
// what it stands for, and so reached it rightly, and for which targets.
type exchangeRight struct{ accepts, reaches []string }

// exchangeRight is the operator's policy. Nobody else exchanges anything.
func (s *AuthServer) exchangeRight(client *Client) exchangeRight {
	switch client.ID {
	case ResourceServerClient:
		return exchangeRight{[]string{s.endpoint, s.otherEndpoint}, []string{s.upstream}}
	case OtherAgentClient:
		return exchangeRight{[]string{s.otherEndpoint}, []string{s.endpoint}}
	case AgentClient:
		return exchangeRight{[]string{s.endpoint}, []string{s.otherEndpoint, s.upstream}}
	}
	if s.faults.Has(fault.ExchangeAnyClient) || s.faults.Has(fault.ExchangePublicClient) {
		return exchangeRight{[]string{s.endpoint}, []string{s.otherEndpoint, s.upstream}}
	}
	return exchangeRight{}
}

// maxActors bounds a chain of delegation.
const maxActors = 4

// exchangeToken gives a client a token for another target, in place of one that
// it was called with (RFC 8693). The new token says who acts for whom, all the
// way back; it has no scope that the old one lacked, and ends with it.
func (s *AuthServer) exchangeToken(client *Client, p params) (map[string]any, *denial) {
	if p.get("requested_token_type") == tokenTypeIDJAG {
		return s.issueIdentity(client, p)
	}
	if client.AuthMethod == authNone && !s.faults.Has(fault.ExchangePublicClient) {
		return nil, refuse(invalidClient, "a client has to prove who it is to exchange tokens")
	}
	if wanted := p.get("requested_token_type"); wanted != "" && wanted != tokenTypeAccess && !s.faults.Has(fault.ExchangeTypeMisnamed) {
		return nil, s.exchangeProblem("only access tokens and identity assertions are issued")
	}
	right := s.exchangeRight(client)
	subject, problem := s.exchangeSubject(right, p)
	if problem != nil {
		return nil, problem
	}
	actor, problem := s.exchangeActor(client, p)
	if problem != nil {
		return nil, problem
	}
	if subject.mayAct != "" && subject.mayAct != actor && !s.faults.Has(fault.MayActIgnored) {
		return nil, s.exchangeProblem("the subject token lets another act")
	}
	target, problem := s.exchangeTarget(right, p)
	if problem != nil {
		return nil, problem
	}
	scopes, problem := s.exchangeScopes(client, subject, target, p.get("scope"))
	if problem != nil {
		return nil, problem
	}
	request := accessRequest{
		grant: subject.grant, client: client.ID, scopes: scopes, resource: target,
		actors: s.exchangeActors(actor, subject), until: subject.expires, source: subject,
	}
	if len(request.actors) > maxActors && !s.faults.Has(fault.ActUnbounded) {
		return nil, s.exchangeProblem("too many have acted already")
	}
	return s.exchanged(request, p)
}

// exchanged answers with what was issued, and says what it is.
func (s *AuthServer) exchanged(request accessRequest, p params) (map[string]any, *denial) {
	if s.faults.Has(fault.ExchangeRenews) {
		request.until = time.Time{}
	}
	if s.faults.Has(fault.ExchangeOutlives) {
		detached := *request.grant
		detached.key = ""
		request.grant, request.source = s.allow(&detached), nil
	}
	access, err := s.issueAccess(request)
	if err != nil {
		return nil, refuse(serverError, "the token cannot be signed")
	}
	response := s.accessResponse(access, request.scopes)
	if !request.until.IsZero() {
		response["expires_in"] = int(request.until.Sub(s.now()) / time.Second)
	}
	response["issued_token_type"] = tokenTypeAccess
	switch wanted := p.get("requested_token_type"); {
	case s.faults.Has(fault.ExchangeTypeMisnamed) && wanted != "":
		response["issued_token_type"] = wanted
	case s.faults.Has(fault.ExchangeTypeUnnamed):
		delete(response, "issued_token_type")
	}
	return response, nil
}

// exchangeProblem is how an exchange fails that is not about its target (RFC
// 8693, section 2.2.2).
func (s *AuthServer) exchangeProblem(description string) *denial {
	if s.faults.Has(fault.ExchangeErrorCode) {
		return refuse(serverError, "%s", description)
	}
	return refuse(invalidRequest, "%s", description)
}

// exchangeSubject finds the subject token: an access token of ours that lives
// and that was meant for the client.
func (s *AuthServer) exchangeSubject(right exchangeRight, p params) (*accessToken, *denial) {
	kind := p.get("subject_token_type")
	if kind != tokenTypeAccess && !s.faults.Has(fault.ExchangeTypeUnchecked) &&
		(kind != tokenTypeID || !s.faults.Has(fault.ExchangeIDToken)) {
		return nil, s.exchangeProblem("subject_token_type has to be that of an access token")
	}
	subject, known := s.accesses.get(digest(p.get("subject_token")), s.now())
	if !known {
		subject, known = s.subjectBelieved(p.get("subject_token"))
	}
	if !known {
		return nil, s.exchangeProblem("the subject token is not known")
	}
	if !subject.alive(s.now()) && !s.faults.Has(fault.ExchangeRevoked) {
		return nil, s.exchangeProblem("the subject token has ended")
	}
	if !s.options.lab && !contains(right.accepts, subject.resource) && !s.faults.Has(fault.ExchangeAnyAudience) {
		return nil, s.exchangeProblem("the subject token was not meant for the client")
	}
	return subject, nil
}

// subjectBelieved holds the faults that take other subject tokens than ours.
func (s *AuthServer) subjectBelieved(token string) (*accessToken, bool) {
	t, err := tokens.Parse(token)
	if err != nil || !s.faults.Has(fault.ExchangeUnverified) && !s.faults.Has(fault.ExchangeIDToken) {
		return nil, false
	}
	_, isAccess := t.String("client_id")
	key, err := s.ownKey(t.KeyID())
	believed := isAccess && s.faults.Has(fault.ExchangeUnverified) ||
		!isAccess && s.faults.Has(fault.ExchangeIDToken) && err == nil && key.Verify(t) == nil
	if !believed {
		return nil, false
	}
	user, _ := t.String("sub")
	expires := s.now().Add(s.options.AccessTokenLifetime)
	g := s.allow(&grant{client: ResourceServerClient, user: user, scopes: openScopes, resources: []string{s.endpoint}})
	return &accessToken{grant: g, client: g.client, scopes: g.scopes, resource: s.endpoint, issued: s.now(), expires: expires}, true
}

// exchangeActor is who acts: the client, which may prove with an actor token
// what its own authentication says already, and nobody else.
func (s *AuthServer) exchangeActor(client *Client, p params) (string, *denial) {
	token, kind := p.get("actor_token"), p.get("actor_token_type")
	switch {
	case p.get("act") != "" && s.faults.Has(fault.ActorFromForm):
		return p.get("act"), nil
	case token == "" && kind == "":
		return client.ID, nil
	case token == "", kind != tokenTypeAccess && (kind != "" || !s.faults.Has(fault.ActorTypeMissing)):
		return "", s.exchangeProblem("actor_token and actor_token_type of an access token go together")
	}
	actor, ok := s.agentOf(token)
	if t, err := tokens.Parse(token); err == nil && !ok && s.faults.Has(fault.ActorUnverified) {
		actor, ok = t.String("sub")
	}
	if !ok || actor != client.ID && !s.faults.Has(fault.ActorOfAnother) && !s.faults.Has(fault.ActorUnverified) {
		return "", s.exchangeProblem("the actor token is not the client's own")
	}
	return actor, nil
}

// agentOf is the client that speaks for itself by a token of ours.
func (s *AuthServer) agentOf(token string) (string, bool) {
	t, known := s.accesses.get(digest(token), s.now())
	if !known || !t.alive(s.now()) || len(t.actors) > 0 || t.grant.user != t.client {
		return "", false
	}
	return t.client, true
}

// exchangeActors is the chain of those who act, the newest first.
func (s *AuthServer) exchangeActors(actor string, subject *accessToken) []string {
	switch {
	case s.faults.Has(fault.ActDropped) && len(subject.actors) > 0:
		return nil
	case s.faults.Has(fault.ActForgotten):
		return []string{actor}
	}
	return append([]string{actor}, subject.actors...)
}

// exchangeTarget is what the new token is for: one target that the client's right
// reaches, whether it is called resource or audience.
func (s *AuthServer) exchangeTarget(right exchangeRight, p params) (any, *denial) {
	resources, audiences := p.list("resource"), p.list("audience")
	asked := append(resources, audiences...) //nolint:gocritic // neither is used again
	if len(asked) == 0 && len(right.reaches) > 0 {
		return right.reaches[0], nil
	}
	if s.faults.Has(fault.ExchangeAudienceBlind) && len(resources) == 1 && contains(right.reaches, resources[0]) {
		return asked, nil
	}
	for _, target := range asked {
		if !s.options.lab && !contains(right.reaches, target) && !s.faults.Has(fault.ExchangeAnyTarget) || target != asked[0] {
			return nil, refuse(invalidTarget, "the client cannot exchange tokens for %q", target)
		}
	}
	if len(asked) == 0 {
		return nil, refuse(invalidTarget, "the client cannot exchange tokens")
	}
	return asked[0], nil
}

// exchangeScopes are what is asked for, of what the subject token has and what
// means something at the target.
func (s *AuthServer) exchangeScopes(client *Client, subject *accessToken, target any, asked string) ([]string, *denial) {
	if s.faults.Has(fault.ExchangeScopeWidens) && asked != "" {
		return strings.Fields(asked), nil
	}
	if s.faults.Has(fault.ExchangeScopeDefault) && asked == "" {
		return knownScopes, nil
	}
	if s.options.lab {
		return s.scopeNarrowed(asked, subject.scopes)
	}
	var available []string
	for _, scope := range subject.scopes {
		if contains(client.Scopes, scope) && (scope == scopeUpstream) == (target == s.upstream) {
			available = append(available, scope)
		}
	}
	if len(available) == 0 {
		return nil, refuse(invalidScope, "the user has not allowed anything that the target knows")
	}
	return s.scopeNarrowed(asked, available)
}
