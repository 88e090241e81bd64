package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
)

// browserClient is the bundled client as a program that opens a browser, for
// scripts:
//
//	browserclient URL
func browserClient() {
	if err := browse(os.Args[len(os.Args)-1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func browse(mcp string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	arrived := make(chan *url.URL, 1)
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/callback" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintln(w, "You may close this window.") //nolint:errcheck // nobody reads it
		select {
		case arrived <- r.URL:
		default: // it has been here before
		}
	})}
	defer server.Close()      //nolint:errcheck // the program ends
	go server.Serve(listener) //nolint:errcheck // always ErrServerClosed
	return testclient.Run(context.Background(), testclient.Options{
		URL: mcp, Revision: os.Getenv("MCP_CONFORMANCE_PROTOCOL_VERSION"), Redirect: "http://" + listener.Addr().String() + "/callback",
		Visit: func(ctx context.Context, request *url.URL) (*url.URL, error) {
			if err := exec.CommandContext(ctx, os.Getenv("BROWSER"), request.String()).Run(); err != nil {
				return nil, err
			}
			select {
			case callback := <-arrived:
				return callback, nil
			case <-time.After(time.Minute):
				return nil, errors.New("nobody came back from the browser")
			}
		},
	})
}
