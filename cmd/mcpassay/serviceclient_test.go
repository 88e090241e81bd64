package main

import (
	"os/exec"
	"testing"
	"time"

	shipped "github.com/mcpassay/mcpassay/fixtures/clients"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
	"github.com/mcpassay/mcpassay/suites/client"
)

// TestServiceClient puts the client credentials of @modelcontextprotocol/sdk 1.32.2
// in front of the deployments that are there for them. What is not pinned passes.
func TestServiceClient(t *testing.T) {
	dir := shipped.ForTest(t)
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err)
	}
	c := shippingCase{name: "sdk-machine", pins: map[string]shippingPin{
		"client-cc-resource-and-discovery": {
			reports.Fail, []string{"client-credentials-issuer-foreign"},
			"the SDK compares no issuer with the URL that the metadata came from, not even where the application names the expected one: a token request with the secret followed",
		},
	}}
	report, grid, err := client.Run(t.Context(), client.Options{
		Client: &command{line: "cd " + shellQuote(dir) + " && exec " + shellQuote(node) + " sdk-machine.mjs", timeout: 30 * time.Second},
		Name:   c.name, Revision: suites.V20251125, Only: []string{"client-cc-auth-method", "client-cc-resource-and-discovery", "client-ext-declared"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, surprise := range c.surprises(report) {
		t.Error(surprise)
	}
	for _, id := range []string{"client-credentials-basic", "client-credentials-jwt", "client-credentials-odd", "client-credentials-jwt-path"} {
		if grid[id] != client.CellWorks {
			t.Errorf("%s: %s", id, grid[id])
		}
	}
}
