package probes

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sync"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// An edge is how a firewall before the deployment answers what it takes for an
// attack: in the server's place, so that its refusals are not the server's.
type edge struct {
	status int
	mark   string
}

// hostile is a query that means nothing to a metadata document and that every
// firewall knows.
var hostile = url.Values{"mcpassay": {"<script>alert(1)</script>", "../../../../etc/passwd", "' OR 1=1--"}}

// edgeStatuses are those that firewalls answer with.
var edgeStatuses = []int{
	http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusTooManyRequests,
	http.StatusNotImplemented, http.StatusServiceUnavailable,
}

// learnEdges asks for the metadata documents once more, with a query that only
// something before the servers can mind.
func (d *Deployment) learnEdges(ctx context.Context, x *Discovery) {
	for _, document := range []*Fetched{x.PRM, x.AS} {
		if document == nil {
			continue
		}
		u, err := url.Parse(document.URL)
		if err != nil {
			continue
		}
		u.RawQuery = hostile.Encode()
		res, err := d.Get(ctx, u.String(), http.Header{"Accept": {"application/json"}})
		if err == nil && slices.Contains(edgeStatuses, res.Status) {
			d.edges.add(edge{res.Status, edgeMark(string(res.Body))})
		}
	}
}

// varying are the parts of a page that differ from one answer to the next.
var varying = regexp.MustCompile(`[0-9A-Fa-f-]{4,}|[0-9]+`)

// edgeMark is what two answers of one firewall have in common.
func edgeMark(body string) string {
	body = varying.ReplaceAllString(body, "#")
	return body[:min(len(body), 400)]
}

// AtEdge counts the attacks among the exchanges that a firewall answered.
func (d *Deployment) AtEdge(exchanges []*wire.Exchange) int {
	known := d.edges.all()
	if len(known) == 0 {
		return 0
	}
	n := 0
	for _, x := range exchanges {
		if x.Purpose == "attack" && slices.Contains(known, edge{x.Status, edgeMark(x.Answer.Body)}) {
			n++
		}
	}
	return n
}

// edges are the firewalls that are known.
type edges struct {
	mu    sync.Mutex
	known []edge
}

func (e *edges) add(one edge) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.known = append(e.known, one)
}

func (e *edges) all() []edge {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.known)
}
