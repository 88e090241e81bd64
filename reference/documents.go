package reference

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// A documented client is known by the document that its id is the URL of (OAuth
// Client ID Metadata Document, CIMD). It was read once, at the beginning of a
// flow, and the whole flow goes by what was read then.
type documented struct {
	client *Client // nil: it could not be read
	fresh  time.Time
}

// maxFreshness bounds how long a document is not asked for again, whatever its
// server says (CIMD, section 5.2).
const maxFreshness = time.Hour

// TrustDocuments lets the server read the client documents of a lab.
func (s *AuthServer) TrustDocuments(lab DocumentLab) { s.outbound.trust(lab) }

// readsDocuments tells whether the server supports client ID metadata documents.
func (s *AuthServer) readsDocuments() bool {
	if lab := s.options.ForClients; lab != nil && !lab.Documents {
		return false
	}
	return !s.options.lab && !s.faults.Has(fault.DocumentsUnsupported)
}

// namesDocument tells whether a client id is meant to be the URL of a document.
// None that this server gives out is.
func namesDocument(id string) bool { return strings.Contains(id, "://") }

// meet makes a client known that a document describes, before anything is asked
// of it. A refusal says that there is no such client: its document could not be
// read, or was none. Bad results are not kept (CIMD, section 5.2).
func (s *AuthServer) meet(ctx context.Context, id string) *denial {
	if !s.readsDocuments() || s.faults.Has(fault.DocumentsUnread) || !namesDocument(id) {
		return nil
	}
	if id == TestDocument && s.options.ForClients != nil {
		return undescribed(nil) // whoever asks vouches for it
	}
	s.mu.Lock()
	_, registered := s.clients.get(id, s.now())
	known, ok := s.documents.get(id, s.now())
	s.mu.Unlock()
	forever := s.faults.Has(fault.DocumentCachedForever)
	switch {
	case registered: // only with fault.RegisterURLIDs
		return nil
	case ok && known.client != nil && (s.now().Before(known.fresh) || forever) && !s.faults.Has(fault.DocumentUncached):
		return nil
	case ok && known.client == nil && s.faults.Has(fault.DocumentErrorsCached):
		return undescribed(nil)
	}
	client, lasts, err := s.readDocument(ctx, id)
	s.mu.Lock()
	s.documents.put(id, &documented{client, s.now().Add(lasts)}, s.now().Add(clientLifetime))
	s.mu.Unlock()
	if err != nil {
		return s.undescribed(err)
	}
	return nil
}

// meetSender does the same for a form that a client has sent. The client of a
// code is the one that was read when it was asked for.
func (s *AuthServer) meetSender(ctx context.Context, p params) {
	id := p.get("client_id")
	if id == "" {
		id = tokens.UnverifiedSubject(p.get("client_assertion"))
	}
	if !namesDocument(id) || s.askedFor(id, p) != nil {
		return
	}
	if s.meet(ctx, id) != nil && s.notRead(p) == nil {
		s.vouch(id, p) // else whoever looks for the client finds none
	}
}

// askedFor is the client as it was when the code of a token request was asked
// for; nil for any other request.
func (s *AuthServer) askedFor(id string, p params) *Client {
	if p.get("code") == "" || !namesDocument(id) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot(id, p)
}

// snapshot is askedFor for whoever holds the lock.
func (s *AuthServer) snapshot(id string, p params) *Client {
	code, ok := s.codes.get(digest(p.get("code")), s.now())
	if !ok || code.document == nil || code.document.ID != id {
		return nil
	}
	return code.document
}

// describedClient is the client of a document that was read, or nil.
func (s *AuthServer) describedClient(id string) *Client {
	if d, ok := s.documents.get(id, s.now()); ok {
		return d.client
	}
	return nil
}

// undescribed refuses a client whose document is no good. What was wrong stays
// here: the document may not be where anybody could read it.
func undescribed(err error) *denial {
	const problem = "The application does not describe itself where it says it does."
	if err == nil {
		return refuse(invalidRequest, problem)
	}
	return refuse(invalidRequest, "%s (%v)", problem, err)
}

func (s *AuthServer) undescribed(err error) *denial {
	if s.faults.Has(fault.FetchErrorDetailed) || s.faults.Has(fault.FetchErrorEchoed) {
		return undescribed(err)
	}
	return undescribed(nil)
}

// readDocument fetches a document and makes a client of it. It may be kept for
// as long as its server says, within bounds.
func (s *AuthServer) readDocument(ctx context.Context, id string) (*Client, time.Duration, error) {
	u, err := s.documentURL(id)
	if err != nil {
		return nil, 0, err
	}
	got, err := s.outbound.get(ctx, u)
	if err != nil {
		return nil, 0, err
	}
	if !s.isJSON(got.header.Get("Content-Type")) {
		return nil, 0, errFetch
	}
	members, err := s.parseDocument(got.body)
	if err != nil {
		return nil, 0, errFetch
	}
	client, problem := s.describedBy(id, &clientMetadata{members: members}, func(u *url.URL) (json.RawMessage, error) { return s.keySet(ctx, u) })
	if problem != nil {
		return nil, 0, errFetch
	}
	client.host = u.Host
	if s.faults.Has(fault.FetchDescription) {
		s.fetchAll(ctx, members)
	}
	return client, freshness(got.header), nil
}

// isJSON tells whether a media type is that of a JSON document (CIMD, section 4).
func (s *AuthServer) isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return s.faults.Has(fault.DocumentTypeIgnored) ||
		err == nil && (kind == "application/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json"))
}

// parseDocument reads a document that has one reading.
func (s *AuthServer) parseDocument(body []byte) (map[string]json.RawMessage, error) {
	if s.faults.Has(fault.DocumentSyntaxLoose) {
		return salvage(body)
	}
	return tokens.ParseObject(body)
}

// salvage takes the first object that it finds in what is no object.
func salvage(body []byte) (members map[string]json.RawMessage, err error) {
	if begin := strings.IndexByte(string(body), '{'); begin >= 0 {
		body = body[begin:]
	}
	err = json.NewDecoder(strings.NewReader(string(body))).Decode(&members)
	return members, err
}

// freshness is how long a document need not be asked for again (RFC 9111,
// section 4.2.1). Without a word about it that is not at all.
func freshness(h http.Header) time.Duration {
	var lasts time.Duration
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			if seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
				lasts = time.Duration(seconds) * time.Second
			}
		}
	}
	if age, err := strconv.ParseUint(h.Get("Age"), 10, 31); err == nil {
		lasts -= time.Duration(age) * time.Second
	}
	return max(0, min(lasts, maxFreshness))
}

// keySet fetches the key set that a document names, under the same limits.
func (s *AuthServer) keySet(ctx context.Context, u *url.URL) (json.RawMessage, error) {
	if s.faults.Has(fault.FetchKeySetAny) {
		ctx = unchecked(ctx)
	}
	got, err := s.outbound.get(ctx, u)
	if err != nil {
		return nil, err
	}
	return got.body, nil
}

// fetchAll is the fault of fetching whatever has a URL.
func (s *AuthServer) fetchAll(ctx context.Context, members map[string]json.RawMessage) {
	for _, raw := range members {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			continue
		}
		if u, err := url.Parse(text); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
			_, _ = s.outbound.get(unchecked(ctx), u)
		}
	}
}

// describeAsker reads the document of whoever sends a user, if there is one. If
// it cannot be read the user is told, and nobody else: nothing vouches for the
// redirect URI of the request.
func (s *AuthServer) describeAsker(ctx context.Context, p params) *step {
	if len(p["client_id"]) != 1 {
		return nil
	}
	if uri := p.get("request_uri"); uri != "" && s.faults.Has(fault.FetchRequestURI) {
		if u, err := url.Parse(uri); err == nil {
			_, _ = s.outbound.get(unchecked(ctx), u)
		}
	}
	problem := s.meet(ctx, p.get("client_id"))
	if problem == nil || s.notRead(p) != nil || s.vouch(p.get("client_id"), p) {
		return nil
	}
	next := s.errorPage(problem)
	if s.faults.Has(fault.DocumentFailureAnswered) && p.get("redirect_uri") != "" {
		next = s.answer(&authRequest{redirectURI: p.get("redirect_uri"), state: p.get("state")}, url.Values{"error": {problem.code}})
	}
	return &next
}

// documentOf is the client as a document described it, or nil.
func documentOf(client *Client) *Client {
	if client.host == "" {
		return nil
	}
	return client
}

// clientShown is the client as users see it: as the flow began with it.
func (s *AuthServer) clientShown(client *Client) *Client {
	if client.host != "" && s.faults.Has(fault.DocumentReread) {
		if again, _, err := s.readDocument(context.Background(), client.ID); err == nil {
			return again
		}
	}
	return client
}

// fetchNamed is what a fault does with a URL that a client names.
func (s *AuthServer) fetchNamed(f fault.Fault, named json.RawMessage) {
	if s.faults.Has(f) {
		s.fetchAll(context.Background(), map[string]json.RawMessage{"": named})
	}
}
