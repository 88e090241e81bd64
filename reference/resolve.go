package reference

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// dial resolves a name once and connects to what came of it, so that the address
// which is checked is the one that is used, whatever the name leads to next (DNS
// rebinding).
func (o *outbound) dial(ctx context.Context, dialer *net.Dialer, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addresses, err := o.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	if o.faults.Has(fault.FetchResolvedTwice) && o.mayConnectAll(addresses, port) {
		if addresses, err = o.resolve(ctx, host); err != nil {
			return nil, err
		}
		ctx = unchecked(ctx)
	}
	err = errors.New("the name has no address")
	for _, at := range addresses {
		var conn net.Conn
		if conn, err = dialer.DialContext(ctx, network, net.JoinHostPort(at.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// resolve finds the addresses of a host, which may be one itself.
func (o *outbound) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if at, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{at}, nil
	}
	o.mu.RLock()
	lab := o.lab.Resolve
	o.mu.RUnlock()
	if lab != nil {
		if addresses, known := lab(host); known {
			return addresses, nil
		}
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// mayConnectAll holds the check of a fault, which is too early.
func (o *outbound) mayConnectAll(addresses []netip.Addr, port string) bool {
	for _, at := range addresses {
		if to, err := netip.ParseAddrPort(net.JoinHostPort(at.String(), port)); err != nil || !o.mayConnect(to) {
			return false
		}
	}
	return true
}
