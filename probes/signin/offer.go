package signin

import "github.com/mcpassay/mcpassay/probes"

// An Offer is what a page asks for, and the moves that would answer it.
type Offer struct {
	Asks                 string // as a probes.Landing says
	Login, Approve, Deny *Move
}

// Offer says what the page asks for without answering it.
func (g *Guide) Offer(v *View) Offer {
	var o Offer
	if l, ok := v.login(); ok {
		o.Asks = probes.AsksLogin
		fresh := Begin(g.visit) // whatever was sent before
		if m, err := fresh.login(v, l); err == nil {
			o.Login = &m
		}
	}
	for _, want := range []answer{approves, denies} {
		i, asks := v.answer(want)
		if i == None {
			continue
		}
		m := g.press(v, i, Consent, want)
		if want == denies {
			o.Deny = &m
			continue
		}
		o.Approve = &m
		if asks && o.Asks == "" {
			o.Asks = probes.AsksConsent
		}
	}
	return o
}

// Stops tells whether the visit is to end on the page, before the move.
func (g *Guide) Stops(v *View, m Move) bool {
	switch g.visit.Until {
	case probes.LookOnly:
		leaves := m.Purpose == Stay && v.Refresh != nil && v.Refresh.Delay <= 10
		return !leaves
	case probes.BeforeLogin:
		_, login := v.login()
		return login || m.Purpose == Consent
	case probes.BeforeConsent:
		return m.Purpose == Consent
	}
	return false
}
