package probes

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// maxAsked bounds what an observer remembers.
const maxAsked = 100

// An observer is a server of ours on loopback, to see whether somebody who has
// only been told of its address comes and asks.
type observer struct {
	url       string
	documents map[string][]byte
	server    *http.Server

	mu       sync.Mutex
	requests []string
}

// observe starts an observer that serves the documents that make gives for its address.
func observe(make func(address string) map[string][]byte) (*observer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen on loopback: %w", err)
	}
	o := &observer{url: "http://" + l.Addr().String()}
	o.documents = make(o.url)
	o.server = &http.Server{Handler: o, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second}
	go o.server.Serve(l) //nolint:errcheck // always ErrServerClosed
	return o, nil
}

func (o *observer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	if what := r.Method + " " + r.URL.Path; len(o.requests) < maxAsked && !slices.Contains(o.requests, what) {
		o.requests = append(o.requests, what)
	}
	o.mu.Unlock()
	document, ok := o.documents[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(document) // whoever asked has gone: nothing to do
}

// asked is what was asked for, once each.
func (o *observer) asked() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.requests)
}

func (o *observer) close() { _ = o.server.Close() } // nothing depends on it
