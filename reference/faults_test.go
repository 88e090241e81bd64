package reference

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// hindering are the faults that stand in the way of a sound client.
var hindering = map[fault.Fault]bool{
	fault.RefuseEverything:         true,
	fault.TokenEndpointFails:       true,
	fault.LoopbackPortFixed:        true,
	fault.ResourceRefused:          true,
	fault.RegisterOptionalRequired: true,
	fault.RegisterLoopbackRefused:  true,
	fault.RegisterWebByDefault:     true,
}

// faultFiles declare the faults of the authorization server.
var faultFiles = []string{
	"pkce.go", "redirect.go", "resource.go", "refresh.go", "code.go", "issuer.go", "metadata.go", "registration.go", "lifetime.go",
}

var declared = regexp.MustCompile(`declare\("([^"]+)"`)

// faultsOf reads the ids of the faults that a file declares.
func faultsOf(t *testing.T, file string) []fault.Fault {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("fault", file))
	if err != nil {
		t.Fatal(err)
	}
	var faults []fault.Fault
	for _, match := range declared.FindAllSubmatch(source, -1) {
		f, err := fault.Find(string(match[1]))
		if err != nil {
			t.Fatal(err)
		}
		faults = append(faults, f)
	}
	return faults
}

// TestFaultsSpareSoundClients shows that a deployment with one fault of the
// authorization server still serves a client that does everything right: what a
// check finds is then the fault, not a broken deployment.
func TestFaultsSpareSoundClients(t *testing.T) {
	for _, file := range faultFiles {
		for _, f := range faultsOf(t, file) {
			if hindering[f] {
				continue
			}
			t.Run(f.ID, func(t *testing.T) {
				s := start(t, Options{Faults: []fault.Fault{f}})
				r := registerClient(t, s, testClient)
				if r.StatusCode != http.StatusCreated && f != fault.RegisterStatus {
					t.Fatalf("registration: %d %s", r.StatusCode, r.raw)
				}
				flow := &flow{t: t, s: s, b: browse(t, s), id: r.text("client_id")}
				wantOK(t, flow.tokens())
			})
		}
	}
}
