package probes

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
)

// Posted is what came of codes that were asked for by message (response_mode=
// web_message), by a page that opened or framed the request. Each attempt counts
// only what a message brought that page.
type Posted struct {
	Before, After *Attempt // a page of the redirect URI's origin asked
	Foreign       *Attempt // a page of another site did
}

// Sound tells whether the page of the registered origin was sent codes, each time.
func (p *Posted) Sound() bool { return p.Before.Issued() && p.After.Issued() }

// ErrNoWebOrigin says that the client is answered where no web page can be.
var ErrNoWebOrigin = errors.New("the client's redirect URI has no web origin")

// originParameters are names by which requests say which page is to be posted to.
var originParameters = []string{
	"origin", "target_origin", "targetOrigin", "web_message_uri", "web_message_target", "opener_origin", "parent_origin",
	"post_message_origin", "postMessageOrigin", "relay_origin",
}

// byMessage asks for the answer as a message.
var byMessage = With("response_mode", "web_message")

// PostToOpener lets pages open a window, in which the user signs in and approves.
// If it is to be named, the request of the other site says where it wants the
// message.
func (d *Deployment) PostToOpener(ctx context.Context, named bool) (*Posted, error) {
	return d.postCodes(ctx, func(ctx context.Context, c *Client, origin string) (*Attempt, error) {
		s, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		change := []Mutation{byMessage}
		if named && origin == AttackerOrigin {
			for _, name := range originParameters {
				change = append(change, With(name, origin))
			}
		}
		return s.askByMessage(ctx, c, change, StartedBy(origin), InWindow)
	})
}

// PostToFrames lets pages frame a silent request of a user who has approved the
// client before.
func (d *Deployment) PostToFrames(ctx context.Context) (*Posted, error) {
	return d.postCodes(ctx, func(ctx context.Context, c *Client, origin string) (*Attempt, error) {
		silent := []Mutation{Without("prompt"), Change("scope", withoutOffline)}
		s, _, err := d.SignIn(ctx, c, silent...)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		return s.askByMessage(ctx, c, append(silent, With("prompt", "none"), byMessage), StartedBy(origin), Framed)
	})
}

// postCodes asks on behalf of a page of the registered origin, of one of another
// site, and of the first again.
func (d *Deployment) postCodes(ctx context.Context, ask func(ctx context.Context, c *Client, origin string) (*Attempt, error)) (*Posted, error) {
	c, err := d.RedirectClient(ctx)
	if err != nil {
		return nil, err
	}
	registered := sittingOrigin(c.RedirectURI)
	if !strings.HasPrefix(registered, "http") {
		return nil, ErrNoWebOrigin
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Posted, error) {
		p := &Posted{}
		for _, page := range []struct {
			origin string
			result **Attempt
		}{{registered, &p.Before}, {AttackerOrigin, &p.Foreign}, {registered, &p.After}} {
			if *page.result, err = ask(ctx, c, page.origin); err != nil {
				return nil, err
			}
		}
		return p, nil
	})
}

// askByMessage sends the user through a request, and redeems the code that
// reached the page which started it by message. One that was sent to the redirect
// URI reached nobody else.
func (s *Sitting) askByMessage(ctx context.Context, c *Client, change []Mutation, how ...Manner) (*Attempt, error) {
	r, err := s.d.NewRequest(ctx, c, change...)
	if err != nil {
		return nil, err
	}
	a, err := s.Authorize(ctx, r, how...)
	if err != nil {
		return nil, err
	}
	posted := &Authorization{Request: r, Landing: &Landing{Page: a.Landing.Page, Messages: a.Landing.Messages}, Params: url.Values{}}
	for _, m := range a.Landing.Messages {
		response := responseIn(m.Data, messageDepth)
		code := response.Get("code")
		s.d.wire.Redactor.Learn("code", code)
		if code != "" && (posted.Code == "" || response.Get("state") == r.Values.Get("state")) {
			posted.Params, posted.Code = response, code
		}
	}
	return s.d.Finish(ctx, posted)
}

// messageDepth is how deep in a message the response is looked for.
const messageDepth = 6

// responseIn finds the authorization response in a message, whatever its shape,
// for no standard says: an object, one within another, JSON as text, a query.
func responseIn(data string, depth int) url.Values {
	var value any
	if json.Unmarshal([]byte(data), &value) == nil {
		if _, isText := value.(string); !isText {
			return responseWithin(value, depth)
		}
	}
	if i := strings.IndexAny(data, "?#"); i >= 0 {
		data = data[i+1:]
	}
	if query, err := url.ParseQuery(data); err == nil && (query.Has("code") || query.Has("error")) {
		return query
	}
	return nil
}

func responseWithin(value any, depth int) url.Values {
	if depth == 0 {
		return nil
	}
	var members []any
	switch v := value.(type) {
	case string:
		return responseIn(v, depth-1)
	case []any:
		members = v
	case map[string]any:
		response := url.Values{}
		for name, member := range v {
			members = append(members, member)
			if text, ok := member.(string); ok {
				response.Set(name, text)
			}
		}
		if response.Has("code") || response.Has("error") {
			return response
		}
	}
	for _, member := range members {
		if response := responseWithin(member, depth-1); response != nil {
			return response
		}
	}
	return nil
}
