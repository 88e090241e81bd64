package client

import (
	"cmp"
	"slices"

	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/suites"
)

// A Profile is a shape that real deployments have: several legal oddities that
// occur together. A client that keeps the rules works with each.
type Profile struct {
	ID  string // stable, in kebab case; names the shape
	Doc string // completes the sentence "a deployment shaped like one …"

	what          profiled
	plain, badDay *Situation
}

// profiled says how the deployment of a profile is made, and what clients are told
// of it.
type profiled struct {
	contract string
	since    suites.Revision
	shape    func(*Lab)
	context  func(*Stage) ContextOf
}

var profiles []*Profile

// shapedLike adds a profile with its two situations: one that is as it should be,
// and one on a bad day.
func shapedLike(id, doc string, what profiled) *Profile {
	p := &Profile{ID: id, Doc: doc, what: what}
	profiles = append(profiles, p)
	p.plain = p.declare(Situation{ID: id, Doc: "is shaped like one " + doc, Ends: Works})
	p.badDay = p.declare(Situation{
		ID: id + "-bad-day", Doc: "is shaped like one " + doc + ", on a bad day", Ends: Works, Apart: true, Base: p.plain, Chance: true,
	})
	return p
}

// declare adds a situation of the profile. Its shape comes on top of the profile's.
func (p *Profile) declare(s Situation) *Situation {
	s.Profile = p.ID
	if s.Contract == "" {
		s.Contract, s.Context = p.what.contract, p.what.context
	}
	// Deployments of these shapes are found by their resource metadata.
	s.Since = cmp.Or(s.Since, p.what.since, suites.V20250618)
	further := s.Shape
	s.Shape = func(l *Lab) {
		p.what.shape(l)
		if further != nil {
			further(l)
		}
	}
	return Declare(s)
}

// Profiles returns every profile, in the order of their declaration.
func Profiles() []*Profile { return slices.Clone(profiles) }

// FindProfile returns the profile with the id, or nil.
func FindProfile(id string) *Profile {
	for _, p := range profiles {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// Options are those of a deployment of the profile that people sign in to.
func (p *Profile) Options() reference.Options {
	s := &Stage{Lab: &Lab{Revision: suites.Revisions[len(suites.Revisions)-1], Options: reference.Options{ForClients: &reference.ClientLab{}}}}
	p.what.shape(s.Lab)
	if s.Lab.Front != nil {
		s.Lab.Around = s.around(s.Lab.Front)
	}
	return s.Lab.Options
}
