package main

import (
	"errors"
	"testing"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

func fastReport() *reports.Report {
	return &reports.Report{
		Results: []reports.Result{{ID: "a", Outcome: reports.Fail}, {ID: "b", Outcome: reports.Pass}, {ID: "c", Outcome: reports.Warn}, {ID: "d", Outcome: reports.Fail}},
		Budget:  reports.Budget{Spent: wire.Spent{Requests: 10}, Registrations: 2, Flows: 3},
	}
}

func TestConfirm(t *testing.T) {
	report, asked := fastReport(), ""
	err := confirm(report, func(filter string) (*reports.Report, error) {
		asked = filter
		return &reports.Report{
			Results: []reports.Result{{ID: "a", Outcome: reports.Fail, Message: "seen again"}, {ID: "c", Outcome: reports.Pass}},
			Budget:  reports.Budget{Spent: wire.Spent{Requests: 14}, Registrations: 1, Flows: 1},
			Residue: []reports.Residue{{Kind: "client"}},
		}, nil
	})
	if err != nil || asked != "a || c || d" {
		t.Fatalf("asked for %q (%v)", asked, err)
	}
	for id, want := range map[string]reports.Outcome{"a": reports.Fail, "b": reports.Pass, "c": reports.Pass, "d": reports.Inconclusive} {
		if got := report.Find(id).Outcome; got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	if a, c := report.Find("a"), report.Find("c"); a.Message != "seen again" || len(a.Notes) != 0 || len(c.Notes) != 1 {
		t.Errorf("results: %+v, %+v", a, c)
	}
	if b := report.Budget; b.Requests != 14 || b.Registrations != 3 || b.Flows != 4 || len(report.Residue) != 1 {
		t.Errorf("budget %+v, residue %v", b, report.Residue)
	}
}

func TestConfirmStopped(t *testing.T) {
	report := fastReport()
	err := confirm(report, func(string) (*reports.Report, error) {
		return &reports.Report{Stopped: &reports.Stop{Owner: reports.Network, Message: "gone"}}, nil
	})
	if a := report.Find("a"); err != nil || a.Outcome != reports.Inconclusive || a.Owner != reports.Network {
		t.Errorf("%+v (%v)", a, err)
	}
}

func TestConfirmNothing(t *testing.T) {
	report := &reports.Report{Results: []reports.Result{{ID: "b", Outcome: reports.Pass}}}
	if err := confirm(report, func(string) (*reports.Report, error) { return nil, errors.New("asked") }); err != nil {
		t.Error(err)
	}
}
