package reference

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// A Document is what was found at a URL that somebody else had chosen.
type Document struct {
	URL    string
	Status int // of the answer; 0: there was none
	Header http.Header
	Body   []byte
}

// FetchDocument fetches a URL that a client named, as careful authorization servers
// do: from the public network or the lab only, without redirects, proxy or
// credentials, and within limits of size and time. Its error does not say what
// stood in the way.
func FetchDocument(ctx context.Context, lab DocumentLab, address string) (*Document, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil {
		return nil, errFetch
	}
	const (
		patience = 5 * time.Second
		largest  = 1 << 20 // pages are larger than documents
	)
	o := newOutbound(nil, patience)
	o.limit = largest
	o.trust(lab)
	got, err := o.answerOf(ctx, u)
	if err != nil {
		return nil, err
	}
	return &Document{URL: address, Status: got.status, Header: got.header, Body: got.body}, nil
}
