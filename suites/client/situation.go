// Package client judges MCP clients: it puts the reference deployment in front of
// a client, sound or with a fault, and looks at what the client sent and what it
// refused to send.
package client

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/suites"
)

// An Ending is how far a client that keeps the rules gets in a situation.
type Ending string

// The endings.
const (
	Works   Ending = "works"   // it calls the tool, whatever is unusual
	Refuses Ending = "refuses" // it stops before the harm is done
)

// A Situation is one deployment that a client is put in front of.
type Situation struct {
	ID   string // stable, in kebab case
	Doc  string // completes the sentence "a deployment that …"
	Ends Ending

	// Profile is the shape of deployments that the situation is about; empty: it
	// has one fault or one oddity.
	Profile string
	// Apart says that only checks that name the situation are judged in it: a
	// client need not cope with it to keep the rules.
	Apart bool
	// Base is the situation that this one differs from in a single respect: whoever
	// fails there already is not judged here by the checks that stand apart.
	Base *Situation
	// Chance draws quirks from the seed of the run.
	Chance bool
	// Slow says that the situation takes long however fast the client is, so that it
	// begins before others.
	Slow bool

	// Contract is the name under which test fixtures know the situation. They
	// exit on names they do not know, so a situation of ours that the contract
	// does not have borrows a general one.
	Contract string

	// MayRefuse tells of a situation in which clients work whether one stopped where
	// it may, by another reading of the rules; nil: nowhere.
	MayRefuse func(*Trace) bool

	Since, Until suites.Revision        // of MCP; empty: from the first, to the newest
	Shape        func(*Lab)             // makes the deployment; nil: a sound one
	Reached      func(*Trace) bool      // tells whether the client met what is special; nil: once it met the deployment at all
	Proceeded    func(*Trace) bool      // tells whether the client went too far; nil: if it was served
	Context      func(*Stage) ContextOf // what fixtures are told; nil: nothing

	// Callbacks are by which URLs the user's browser comes to the client's callback,
	// in place of the authorization response alone; nil: that.
	Callbacks func(response *url.URL) []*url.URL

	// Nearby says that only a client which runs on this machine, as a process that we
	// started, can be put in it and seen.
	Nearby bool
	// Extension is what a client has to use to get anywhere here. No client has to:
	// those that go another way are not judged.
	Extension *Extension
}

// ContextOf is what a fixture is told beside the URL.
type ContextOf map[string]string

const anyContract = "auth/metadata-default"

func (s *Situation) contract() string {
	if s.Contract == "" {
		return anyContract
	}
	return s.Contract
}

// binds tells whether the situation exists in a revision.
func (s *Situation) binds(r suites.Revision) bool {
	return (s.Since == "" || r >= s.Since) && (s.Until == "" || r <= s.Until)
}

func (s *Situation) baseID() string {
	if s.Base == nil {
		return ""
	}
	return s.Base.ID
}

var situations []*Situation

// Declare adds a situation. It panics on one that is not complete, since that is
// a mistake in the program.
func Declare(s Situation) *Situation {
	switch {
	case s.ID == "" || s.Doc == "" || s.Ends == "":
		panic(fmt.Sprintf("situation %q: id, doc and ending are all needed", s.ID))
	case slices.ContainsFunc(situations, func(other *Situation) bool { return other.ID == s.ID }):
		panic(fmt.Sprintf("situation %q is declared twice", s.ID))
	}
	situations = append(situations, &s)
	return &s
}

// Situations returns every situation, sorted by id.
func Situations() []*Situation {
	sorted := slices.Clone(situations)
	slices.SortFunc(sorted, func(a, b *Situation) int { return strings.Compare(a.ID, b.ID) })
	return sorted
}

// A Lab is the deployment of a situation while it is being made.
type Lab struct {
	reference.Options
	Revision suites.Revision

	// Front stands before the party's handler and may answer in its stead.
	Front func(s *Stage, party reference.Party, next http.Handler) http.Handler
	// Moves starts a second deployment under the same resource server's name, for
	// Front to lead requests to.
	Moves bool
	// OtherFront is Front of the second deployment.
	OtherFront func(s *Stage, party reference.Party, next http.Handler) http.Handler

	Canary  http.Handler   // answers on other addresses of this machine; nil: nobody does
	Ready   func(s *Stage) // finishes the lab once its canary listens; nil: it is finished
	Proxied bool           // the client is told of a proxy for what is not on this machine
	Marked  bool           // there is a file that whatever a client has a shell evaluate would make
	// Provider is the identity provider of the client's company; nil: there is none.
	Provider *ProviderLab
	// Grounds are where the deployments are reached; nil: they listen for themselves.
	Grounds *Grounds
}
