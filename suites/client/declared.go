package client

import "fmt"

// declined tells whether the client did not go on where its maker says that it
// does not, on purpose: it is stricter than it need be. Whoever crashes has not
// decided anything.
func (t *Trace) declined() bool {
	crashed := t.Exit.Signal != "" && !t.Exit.TimedOut && !t.Exit.Stopped
	return t.Declared != "" && t.Situation.Ends == Works && !t.servedAtLast() && !crashed
}

// checkDeclared refuses declarations that would hide what a client does: only that
// it goes no further where it might can be declared.
func (o *Options) checkDeclared() error {
	for id, why := range o.Declared {
		s := FindSituation(id)
		switch {
		case s == nil:
			return fmt.Errorf("no situation is called %q", id)
		case why == "":
			return fmt.Errorf("why does the client refuse in the situation %q?", id)
		case s == Sound || s.Ends != Works:
			return fmt.Errorf("nothing can be declared of the situation %q", id)
		}
	}
	return nil
}

// FindSituation returns the situation with the id, or nil.
func FindSituation(id string) *Situation {
	for _, s := range situations {
		if s.ID == id {
			return s
		}
	}
	return nil
}
