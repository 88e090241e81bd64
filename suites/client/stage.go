package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/mcpassay/mcpassay/probes/launch"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/suites"
)

// A Stage is the deployment of a situation while a client is in front of it.
type Stage struct {
	Lab    *Lab
	Server *reference.Server
	Other  *reference.Server // a second deployment, behind the same resource server's name; nil if the situation has none

	Provider *reference.Server // the identity provider; nil if the situation has none
	quirks   []quirk           // that chance has drawn

	surroundings

	mu   sync.Mutex
	seen []*reference.Observation
	kept int // bytes of them, about
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
		s.kept += weight(x)
		s.Lab.Grounds.heard(weight(x))
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

func (s *Stage) around(f front) func(reference.Party, http.Handler) http.Handler {
	if f == nil {
		return nil
	}
	return func(party reference.Party, next http.Handler) http.Handler { return f(s, party, next) }
}

// begin starts the deployment, and a second one if the situation has one.
func (s *Stage) begin() error {
	s.Lab.Observe = s.observe
	if err := s.surround(); err != nil {
		return err
	}
	if s.Lab.BaseURL != "" {
		s.Lab.stand(describedAtBase)
	}
	s.Lab.Around = s.around(s.Lab.Front)
	var err error
	if s.Lab.Site, err = s.site(); err != nil {
		return err
	}
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
	site, err := s.site()
	if err != nil {
		return err
	}
	s.Other, err = reference.Start(reference.Options{
		Host: s.Lab.Host, Site: site, Users: s.Lab.Users, Origin: endpoint.Scheme + "://" + endpoint.Host, ForClients: s.Lab.ForClients, Around: s.around(s.Lab.OtherFront),
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
	s := o.shape(in)
	defer func() { err = errors.Join(err, s.end()) }()
	if err := s.begin(); err != nil {
		return nil, err
	}
	offer := o.offer(s, in)
	exit, err := o.Client.Connect(ctx, offer)
	if err != nil {
		return nil, err
	}
	trace = s.trace(in, offer, exit)
	o.look(ctx, trace)
	return trace, nil
}

// shape makes the stage of a situation, as far as it can be made before it begins.
func (o *Options) shape(in *Situation) *Stage {
	s := &Stage{Lab: &Lab{Revision: o.Revision, Options: reference.Options{
		Host: "localhost", ForClients: &reference.ClientLab{Unattended: !o.Attended, Revision: string(o.Revision), Authority: o.Authority},
	}}}
	if o.Revision == suites.V20250326 {
		s.Lab.atBaseURL()
	}
	if in.Shape != nil {
		in.Shape(s.Lab)
	}
	s.quirks = o.draw(in)
	for _, q := range s.quirks {
		s.Lab.stand(q.front())
	}
	for i := range s.Lab.Clients {
		s.Lab.Clients[i].RedirectURIs = slices.Concat(s.Lab.Clients[i].RedirectURIs, o.Redirects)
	}
	if s.Lab.Provider != nil {
		s.Lab.Provider.redirects = o.Redirects
	}
	return s
}

// offer is what the client is told of a stage that has begun.
func (o *Options) offer(s *Stage, in *Situation) Offer {
	offer := Offer{URL: s.Server.ResourceServer.Endpoint(), Contract: in.contract(), Situation: in.ID, Revision: o.Revision}
	s.offer(&offer, in)
	if in.Context != nil {
		offer.Context = in.Context(s)
		offer.Context["name"] = offer.Contract
		if offer.Context["client_id"] != "" && offer.Context["issuer"] == "" {
			offer.Context["issuer"] = s.Server.AuthServer.Issuer() // credentials belong to one
		}
	}
	return offer
}

// trace is what was seen of the client so far.
func (s *Stage) trace(in *Situation, offer Offer, exit *launch.Exit) *Trace {
	trace := &Trace{
		Situation: in, Revision: offer.Revision, Resource: offer.URL, Issuer: s.Server.AuthServer.Issuer(),
		Layout: s.Lab.Layout, Quirks: idsOf(s.quirks), Context: offer.Context, Exit: exit, Seen: s.sightings(),
	}
	if s.Other != nil {
		trace.OtherIssuer = s.Other.AuthServer.Issuer()
	}
	s.tell(trace)
	return trace
}
