package suites_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/forms"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// judged is one run of a check against a deployment that outlives it.
func judged(t *testing.T, target probes.Target, check string) (*reports.Report, []probes.Parked) {
	t.Helper()
	client := wire.NewClient(wire.Limits{}, nil)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	d, err := probes.Open(ctx, target, client, forms.New(client))
	if err != nil {
		t.Fatal(err)
	}
	report, err := suites.Run(ctx, d, suites.Options{Filter: check})
	if err != nil {
		t.Fatal(err)
	}
	return report, d.ParkedProbes()
}

// TestParking parks what a run may not wait for, and tries it in another run when
// it is due. A client that something was parked of stays until then.
func TestParking(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for things to expire")
	}
	soon := reference.Options{CodeLifetime: time.Second, RefreshTokenLifetime: 3 * time.Second, SecretLifetime: 3 * time.Second, PushLifetime: 2 * time.Second}
	for _, c := range []struct {
		check  string
		fault  fault.Fault
		opaque bool
		sound  bool          // the fault is another party's
		hasten time.Duration // how much sooner it is tried than it asks for
	}{
		{check: "as-code-lifetime", fault: fault.CodeEternal},
		{check: "as-refresh-expired-refused", fault: fault.RefreshOutlasts},
		{check: "as-client-secret-expires", fault: fault.SecretOutlasts},
		{check: "as-par-expiry", fault: fault.ParEternal},
		{check: "rs-revoked-token-refused", fault: fault.IntrospectionKept, opaque: true, hasten: time.Hour},
		{check: "rs-401-expired-token", opaque: true, sound: true, hasten: time.Hour},
	} {
		for _, faulty := range []bool{false, true} {
			if faulty && c.sound {
				continue
			}
			name, o := c.check, soon
			if c.check != "as-refresh-expired-refused" {
				o.RefreshTokenLifetime = 0
			}
			if faulty {
				name, o.Faults = name+" "+c.fault.ID, []fault.Fault{c.fault}
			}
			if c.opaque {
				o.Variants = []variant.Variant{variant.OpaqueTokens}
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				parkAndResume(t, o, c.check, c.hasten, faulty)
			})
		}
	}
}

func parkAndResume(t *testing.T, o reference.Options, check string, hasten time.Duration, faulty bool) {
	if hasten > 0 {
		o.AccessTokenLifetime = 2 * time.Second
	}
	server, err := reference.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close() //nolint:errcheck // nothing depends on it
	target := probes.Reference(server)
	target.Lab, target.Wait, target.Park = nil, 10*time.Millisecond, true
	target.Contract.RevocationMax = 0
	first, aside := judged(t, target, check)
	r := first.Find(check)
	if r.Outcome == reports.Pass && !faulty && len(aside) == 0 && check == "rs-revoked-token-refused" {
		return // it was refused at once
	}
	if r.Outcome != reports.Inconclusive || r.BlockedBy != "time" || len(aside) != 1 || aside[0].Check != check {
		t.Fatalf("%s, %d parked", describe(r), len(aside))
	}
	if len(first.Residue) != 1 || first.Residue[0].Name != aside[0].Client.ID || !strings.Contains(first.Residue[0].Why, "parked") {
		t.Errorf("left behind: %+v", first.Residue)
	}
	aside[0].Due = aside[0].Due.Add(-hasten)
	if hasten > 0 { // it asks for minutes, so that clocks may differ
		aside[0].Ended = aside[0].Ended.Add(-hasten)
		<-time.After(2*time.Second + 100*time.Millisecond)
	}
	<-time.After(time.Until(aside[0].Due))
	target.Park, target.Parked = false, aside
	second, left := judged(t, target, check)
	r = second.Find(check)
	if len(left) > 0 || len(second.Residue) > 0 || judgedBad(r.Outcome) != faulty || !faulty && r.Outcome != reports.Pass {
		t.Errorf("faulty %v, %d parked, left %+v\n%s", faulty, len(left), second.Residue, describe(r))
	}
}
