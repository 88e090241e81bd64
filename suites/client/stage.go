package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/mcpassay/mcpassay/reference"
)

// A Stage is the deployment of a situation while a client is in front of it.
type Stage struct {
	Lab    *Lab
	Server *reference.Server
	Other  *reference.Server // a second deployment, behind the same resource server's name; nil if the situation has none

	Provider *reference.Server // the identity provider; nil if the situation has none

	surroundings

	mu   sync.Mutex
	seen []*reference.Observation
}

// The parties of a second deployment, as they appear in a trace.
const (
	PartyOtherAuthServer reference.Party = "other authorization server"
	PartyOtherUpstream   reference.Party = "elsewhere"
)

// maxSeen bounds what is kept of a client that never stops asking.
const maxSeen = 2000

func (s *Stage) observe(x *reference.Observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) < maxSeen {
		s.seen = append(s.seen, x)
	}
}

// sightings are what was seen so far, in the order in which it was received.
func (s *Stage) sightings() []*reference.Observation {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.seen)
	slices.SortStableFunc(all, func(a, b *reference.Observation) int { return a.At.Compare(b.At) })
	return all
}

// begin starts the deployment, and a second one if the situation has one.
func (s *Stage) begin() error {
	s.Lab.Observe = s.observe
	if err := s.surround(); err != nil {
		return err
	}
	around := func(f front) func(reference.Party, http.Handler) http.Handler {
		if f == nil {
			return nil
		}
		return func(party reference.Party, next http.Handler) http.Handler { return f(s, party, next) }
	}
	s.Lab.Around = around(s.Lab.Front)
	var err error
	if s.Server, err = reference.Start(s.Lab.Options); err != nil {
		return err
	}
	if s.Lab.Provider != nil {
		if err := s.provide(); err != nil {
			return err
		}
	}
	if !s.Lab.Moves {
		return nil
	}
	endpoint, err := url.Parse(s.Server.ResourceServer.Endpoint())
	if err != nil {
		return err
	}
	s.Other, err = reference.Start(reference.Options{
		Host: s.Lab.Host, Origin: endpoint.Scheme + "://" + endpoint.Host, ForClients: s.Lab.ForClients, Around: around(s.Lab.OtherFront),
		Observe: func(x *reference.Observation) {
			switch x.Party {
			case reference.PartyAuthServer:
				x.Party = PartyOtherAuthServer
			case reference.PartyUpstream:
				x.Party = PartyOtherUpstream
			}
			s.observe(x)
		},
	})
	return err
}

// end stops it.
func (s *Stage) end() error {
	errs := []error{s.clear()}
	for _, server := range []*reference.Server{s.Server, s.Other, s.Provider} {
		if server != nil {
			errs = append(errs, server.Close())
		}
	}
	return errors.Join(errs...)
}

// stage puts the client in front of one deployment.
func (o *Options) stage(ctx context.Context, in *Situation) (trace *Trace, err error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	s := &Stage{Lab: &Lab{Revision: o.Revision, Options: reference.Options{
		Host: "localhost", ForClients: &reference.ClientLab{Unattended: !o.Attended, Revision: string(o.Revision), Authority: o.Authority},
	}}}
	if in.Shape != nil {
		in.Shape(s.Lab)
	}
	for i := range s.Lab.Clients {
		s.Lab.Clients[i].RedirectURIs = slices.Concat(s.Lab.Clients[i].RedirectURIs, o.Redirects)
	}
	if s.Lab.Provider != nil {
		s.Lab.Provider.redirects = o.Redirects
	}
	defer func() { err = errors.Join(err, s.end()) }()
	if err := s.begin(); err != nil {
		return nil, err
	}
	offer := Offer{URL: s.Server.ResourceServer.Endpoint(), Contract: in.contract(), Situation: in.ID, Revision: o.Revision}
	s.offer(&offer, in)
	if in.Context != nil {
		offer.Context = in.Context(s)
		offer.Context["name"] = offer.Contract
		if offer.Context["client_id"] != "" && offer.Context["issuer"] == "" {
			offer.Context["issuer"] = s.Server.AuthServer.Issuer() // credentials belong to one
		}
	}
	exit, err := o.Client.Connect(ctx, offer)
	if err != nil {
		return nil, err
	}
	trace = &Trace{
		Situation: in, Revision: o.Revision, Resource: offer.URL, Issuer: s.Server.AuthServer.Issuer(),
		Context: offer.Context, Exit: exit, Seen: s.sightings(),
	}
	if s.Other != nil {
		trace.OtherIssuer = s.Other.AuthServer.Issuer()
	}
	s.tell(trace)
	o.look(ctx, trace)
	return trace, nil
}
