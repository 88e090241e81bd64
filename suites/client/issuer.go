package client

import (
	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// with makes a deployment with faults.
func with(faults ...fault.Fault) func(*Lab) {
	return func(l *Lab) { l.Faults = append(l.Faults, faults...) }
}

// answered tells whether the client was answered at the authorization endpoint.
func answered(t *Trace) bool { return len(t.Authorizations()) > 0 }

// The situations of the iss parameter.
var (
	issMissing = Declare(Situation{
		ID: "iss-missing", Doc: "leaves iss out although its metadata promises it", Ends: Refuses,
		Contract: "auth/iss-supported-missing", Since: suites.V20260728, Shape: with(fault.IssMissing), Reached: answered,
	})
	issForeign = Declare(Situation{
		ID: "iss-foreign", Doc: "sends another issuer's iss", Ends: Refuses,
		Contract: "auth/iss-wrong-issuer", Since: suites.V20260728, Shape: with(fault.IssForeign), Reached: answered,
	})
	issSlash = Declare(Situation{
		ID: "iss-slash", Doc: "sends iss with a slash at its end", Ends: Refuses,
		Contract: "auth/iss-normalized", Since: suites.V20260728, Shape: with(fault.IssSlash), Reached: answered,
	})
	issTwice = Declare(Situation{
		ID: "iss-twice", Doc: "sends two different iss", Ends: Refuses,
		Since: suites.V20260728, Shape: func(l *Lab) { l.Front = secondIssuer }, Reached: answered,
	})
	issUnpromised = Declare(Situation{
		ID: "iss-not-advertised", Doc: "neither promises nor sends iss", Ends: Works,
		Contract: "auth/iss-not-advertised", Shape: with(fault.IssNotOffered), Reached: answered,
	})
)

// keepsCode passes if no code was redeemed after an authorization response that is
// to be discarded.
func keepsCode(why string) func(*Trace) Verdict {
	return func(t *Trace) Verdict {
		switch {
		case !answered(t):
			return notReached(noAuthorization)
		case len(t.Redemptions()) > 0:
			return fails("%s, and the client redeemed the code all the same", why)
		}
		return passes()
	}
}

func issCheck(id, title string, row string, in *Situation, why string, defects ...testclient.Defect) *Check { //nolint:unparam // a declaration
	return Register(Check{
		ID: id, Title: title, Area: suites.IssuerCheck, Level: suites.Must, Severity: suites.High, Since: in.Since,
		Cites: []suites.Cite{{Doc: "RFC 9207", Section: "2.4"}, {Doc: spec, Section: auth}}, Covers: []string{row},
		Remedy: "Compare iss with the issuer that the request went to, as strings, before the code is used.",
		In:     []*Situation{in}, Defects: defects, Judge: keepsCode(why),
	})
}

var (
	_ = issCheck("client-rejects-iss-mismatch", "A response with another issuer's iss is discarded", "client-rejects-iss-mismatch",
		issForeign, "iss named another server", testclient.IssUnchecked)
	_ = issCheck("client-rejects-missing-iss", "A response without the promised iss is discarded", "client-rejects-missing-iss",
		issMissing, "the promised iss was missing", testclient.IssMissingAccepted, testclient.IssUnchecked)
	_ = issCheck("client-iss-no-normalisation", "iss is compared as a plain string", "client-iss-no-normalisation",
		issSlash, "iss differed by a slash", testclient.IssNormalized, testclient.IssUnchecked)
	_ = issCheck("client-rejects-duplicate-iss", "A response with two iss is discarded", "iss-client-checks",
		issTwice, "iss was sent twice", testclient.IssFirstTaken, testclient.IssUnchecked)
)

var _ = Register(Check{
	ID: "client-proceeds-without-iss", Title: "Without iss and without a promise of it the client goes on", Area: suites.IssuerCheck,
	Level: suites.Must, Severity: suites.Low, Cites: []suites.Cite{{Doc: "RFC 9207", Section: "2.4"}},
	Covers: []string{"client-proceeds-without-iss"}, Remedy: "Require iss only of servers whose metadata promises it.",
	In: []*Situation{issUnpromised}, Beside: []*Situation{Sound}, Defects: []testclient.Defect{testclient.IssRequired}, Tolerance: true,
	Judge: func(t *Trace) Verdict {
		switch sound := t.in(Sound); {
		case !t.sentCode():
			return notReached("the client never got a code")
		case len(t.Redemptions()) == 0 && sound != nil && len(sound.Redemptions()) == 0:
			return notReached("the client redeems no code of a sound deployment either")
		case len(t.Redemptions()) == 0:
			return fails("the client discarded the response")
		}
		return passes()
	},
})

var metadataIssuer = Declare(Situation{
	ID: "metadata-issuer-foreign", Doc: "publishes metadata that names another issuer", Ends: Refuses,
	Contract: "auth/metadata-issuer-mismatch", Shape: with(fault.DiscoveryIssuerForeign), Reached: sawMetadata,
	Proceeded: usedEndpoints,
})

// usedEndpoints tells whether the client sent the authorization server anything
// but requests for its metadata.
func usedEndpoints(t *Trace) bool {
	return len(t.Authorizations())+len(t.Registrations())+len(t.TokenRequests()) > 0
}

// sawMetadata tells whether the client was given authorization server metadata.
func sawMetadata(t *Trace) bool { return len(t.metadataRequests()) > 0 }

var _ = Register(Check{
	ID: "client-asm-issuer-validated", Title: "Metadata that names another issuer is not used", Area: suites.IssuerCheck,
	Level: suites.Must, Severity: suites.High, Cites: []suites.Cite{{Doc: "RFC 8414", Section: "3.3"}},
	Covers: []string{"client-asm-issuer-validated", "discovery-client-issuer-mismatch"},
	Remedy: "Compare issuer in the metadata with the identifier that the URL was made from.",
	In:     []*Situation{metadataIssuer, issuerElsewhere, issuerIsName}, Defects: []testclient.Defect{testclient.IssuerUnchecked, testclient.IssuerHostCompared},
	Judge: func(t *Trace) Verdict {
		switch {
		case !sawMetadata(t):
			return notReached("the client never fetched the metadata")
		case usedEndpoints(t):
			return fails("the client used endpoints of metadata that name another issuer")
		}
		return passes()
	},
})
