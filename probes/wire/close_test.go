package wire

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"testing"
)

// TestClientClosesWhatItSaidItWould has a server that answers keep-alive to
// whoever asks it to close, and then takes nothing more, as Node.js does.
func TestClientClosesWhatItSaidItWould(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // nothing depends on it
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go keepAliveAfterClose(conn)
		}
	}()
	client := NewClient(Limits{}, nil)
	defer client.Close()
	for range 5 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Connection", "close")
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if res.Status != http.StatusOK {
			t.Fatalf("answered %d: the connection was used again", res.Status)
		}
	}
}

func keepAliveAfterClose(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // nothing depends on it
	in := bufio.NewReader(conn)
	for status := "200 OK"; ; status = "400 Bad Request" {
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		if _, err := fmt.Fprintf(conn, "HTTP/1.1 %s\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", status); err != nil {
			return
		}
	}
}
