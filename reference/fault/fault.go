// Package fault names every deliberate defect of the reference deployment. Each
// breaks one requirement, so that a check which claims to notice it can be shown
// to do so. A fault is declared in the file of its subject and acted upon in a
// single branch, where the correct behaviour lives.
package fault

import (
	"fmt"
	"slices"
	"strings"
)

// A Fault is one deliberate defect. Faults are comparable.
type Fault struct {
	ID  string // stable, in kebab case
	Doc string // completes the sentence "a deployment that …"
}

var (
	all       []Fault
	alsoFails = map[Fault][]string{}
)

// declare registers a fault. The checks in also rightly fail on it as well as
// the ones that claim it; any other check that fails on it is a false finding.
func declare(id, doc string, also ...string) Fault {
	f := Fault{ID: id, Doc: doc}
	if slices.ContainsFunc(all, func(g Fault) bool { return g.ID == id }) {
		panic("fault declared twice: " + id)
	}
	all = append(all, f)
	alsoFails[f] = also
	return f
}

// All returns every fault, sorted by id.
func All() []Fault {
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b Fault) int { return strings.Compare(a.ID, b.ID) })
	return sorted
}

// AlsoFails returns the ids of checks that rightly fail on f without claiming it.
func (f Fault) AlsoFails() []string { return alsoFails[f] }

func (f Fault) String() string { return f.ID }

// Find returns the fault with the id.
func Find(id string) (Fault, error) {
	for _, f := range all {
		if f.ID == id {
			return f, nil
		}
	}
	return Fault{}, fmt.Errorf("no fault is called %q", id)
}

// A Set holds the faults that are switched on. The nil Set has none.
type Set map[Fault]bool

// Of returns the set of the faults.
func Of(faults ...Fault) Set {
	s := Set{}
	for _, f := range faults {
		s[f] = true
	}
	return s
}

// Has tells whether f is switched on.
func (s Set) Has(f Fault) bool { return s[f] }
