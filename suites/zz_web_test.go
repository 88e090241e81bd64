package suites_test

import (
	"os"
	"testing"

	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
)

func TestZZ(t *testing.T) {
	var o reference.Options
	if id := os.Getenv("ZZFAULT"); id != "" {
		f, err := fault.Find(id)
		if err != nil {
			t.Fatal(err)
		}
		o.Faults = []fault.Fault{f}
	}
	run := inBrowser
	switch os.Getenv("ZZAGENT") {
	case "forms":
		run = against
	case "auto":
		run = sparingly
	}
	r := run(t, o, os.Getenv("ZZ"))
	for i := range r.Results {
		t.Log(describe(&r.Results[i]))
	}
	t.Log(r.Took, r.Chain, r.Budget)
}
