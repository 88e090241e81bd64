package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
)

// testClient is the bundled client as a program, for scripts:
//
//	testclient [DEFECT…] URL
func testClient() {
	o := testclient.Options{URL: os.Args[len(os.Args)-1], Revision: os.Getenv("MCP_CONFORMANCE_PROTOCOL_VERSION")}
	if said := os.Getenv("MCP_CONFORMANCE_CONTEXT"); said != "" {
		if err := json.Unmarshal([]byte(said), &o.Context); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	for _, id := range os.Args[1 : len(os.Args)-1] {
		d, err := testclient.Find(id)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		o.Defects = append(o.Defects, d)
	}
	if err := testclient.Run(context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
