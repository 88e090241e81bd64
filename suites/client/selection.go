package client

import (
	"cmp"
	"fmt"
	"slices"
)

// Checks are those to make: those that were asked for, and with profiles those of
// them that are judged in a situation of a profile.
func (o *Options) Checks() ([]*Check, error) {
	checks, err := chosen(o.Only)
	if err != nil {
		return nil, err
	}
	if err := o.checkDeclared(); err != nil {
		return nil, err
	}
	for _, id := range o.Profiles {
		if FindProfile(id) == nil {
			return nil, fmt.Errorf("no profile is called %q", id)
		}
	}
	if len(o.Profiles) == 0 {
		return checks, nil
	}
	checks = slices.DeleteFunc(slices.Clone(checks), func(c *Check) bool { return len(o.situations(c)) == 0 })
	if len(checks) == 0 {
		return nil, fmt.Errorf("none of the checks is judged before %q in MCP %s", o.Profiles, o.Revision)
	}
	return checks, nil
}

// situations are those that a check is judged in.
func (o *Options) situations(c *Check) []*Situation {
	in := c.situations(o.Revision)
	if len(o.Profiles) == 0 {
		return in
	}
	return slices.DeleteFunc(in, func(s *Situation) bool { return !slices.Contains(o.Profiles, s.Profile) })
}

// slowFirst has situations that take long begin before the others, which then run
// beside them.
func slowFirst(in []*Situation) []*Situation {
	sorted := slices.Clone(in)
	slices.SortStableFunc(sorted, func(a, b *Situation) int {
		switch slow := a.Slow || a.Chance; {
		case slow == (b.Slow || b.Chance):
			return 0
		case slow:
			return -1
		}
		return 1
	})
	return sorted
}

// needed are the situations of the checks, each once.
func (o *Options) needed(checks []*Check) []*Situation {
	var all []*Situation
	for _, c := range checks {
		in := o.situations(c)
		if len(in) > 0 {
			in = slices.Concat(in, c.Beside)
		}
		for _, s := range in {
			all = append(all, s)
			if s.Base != nil {
				all = append(all, s.Base)
			}
		}
	}
	slices.SortFunc(all, func(a, b *Situation) int { return cmp.Compare(a.ID, b.ID) })
	return slices.Compact(all)
}
