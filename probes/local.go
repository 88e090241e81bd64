package probes

import (
	"context"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// dialPatience is how long an address of this machine may take to answer.
const dialPatience = 2 * time.Second

// maxAddresses bounds how many addresses are tried.
const maxAddresses = 16

// IsLocal tells whether the server was named by an address of loopback.
func (d *Deployment) IsLocal() bool { return IsLoopback(d.Endpoint) }

// hostAddresses are the addresses of the server's machine that others can reach.
func (d *Deployment) hostAddresses() []string {
	if len(d.Target.HostAddresses) > 0 {
		return d.Target.HostAddresses
	}
	return reachable()
}

// HasNeighbours tells whether others could reach the machine of a server on loopback.
func (d *Deployment) HasNeighbours() bool { return len(d.hostAddresses()) > 0 }

// Elsewhere are the addresses of the machine, other than loopback, at which the
// server answers as it does there.
func (d *Deployment) Elsewhere(ctx context.Context) ([]string, error) {
	x, err := d.Discovery(ctx)
	if err != nil {
		return nil, err
	}
	hosts := d.hostAddresses()
	port := d.Endpoint.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[d.Endpoint.Scheme]
	}
	var found []string
	for _, host := range hosts[:min(len(hosts), maxAddresses)] {
		address := net.JoinHostPort(host, port)
		if !listens(ctx, address) {
			continue
		}
		there := *d.Endpoint
		there.Host = address
		m := d.NewMessage()
		m.URL = there.String()
		m.Header.Set("Host", d.Endpoint.Host)
		a, err := d.ask(wire.For(ctx, "attack"), m)
		if err != nil {
			continue // what listens there does not speak HTTP
		}
		same := a.Status == x.Anonymous.Status &&
			slices.Equal(a.Header.Values("WWW-Authenticate"), x.Anonymous.Header.Values("WWW-Authenticate"))
		if same || a.Status == http.StatusMisdirectedRequest {
			found = append(found, address)
		}
	}
	return found, nil
}

func listens(ctx context.Context, address string) bool {
	dialer := net.Dialer{Timeout: dialPatience}
	c, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	_ = c.Close() // nothing was said
	return true
}

// reachable are the addresses of this machine that others can reach.
func reachable() []string {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var hosts []string
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			hosts = append(hosts, n.IP.String())
		}
	}
	return hosts
}
