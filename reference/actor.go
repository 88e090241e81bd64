package reference

import (
	"encoding/json"
	"errors"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// checkActor is the check of act.
const checkActor = "actor"

// hasReadableActor wants act to be an object that names somebody, if it is there
// (RFC 8693, section 4.1). Whom it names never becomes the user; what is nested
// in it is history and decides nothing.
func hasReadableActor(t *tokens.Token) error {
	raw, present := t.Claims["act"]
	if !present {
		return nil
	}
	act, err := tokens.ParseObject(raw)
	if err != nil {
		return errors.New("act is no object")
	}
	var subject string
	if json.Unmarshal(act["sub"], &subject) != nil || subject == "" {
		return errors.New("act names nobody")
	}
	return nil
}

// mistakeActor holds the faults that take an actor for the user.
func (v *verifier) mistakeActor(who *caller, t *tokens.Token) {
	if len(v.faults) == 0 {
		return
	}
	act, err := tokens.ParseObject(t.Claims["act"])
	if err != nil {
		return
	}
	for v.faults.Has(fault.ActorNestedIsUser) {
		inner, err := tokens.ParseObject(act["act"])
		if err != nil {
			break
		}
		act = inner
		_ = json.Unmarshal(act["sub"], &who.Subject) // else it stays
	}
	if v.faults.Has(fault.ActorIsUser) {
		_ = json.Unmarshal(act["sub"], &who.Subject) // else it stays
	}
}
