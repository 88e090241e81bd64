package reference

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mcpassay/mcpassay/reference/fault"
)

const (
	maxFetched = 5 << 10 // bytes; what the CIMD draft recommends, section 8.6
	maxFetches = 8       // under way at once
)

// errFetch says that something could not be fetched. Why is nobody's business:
// the answers of hosts that only we can reach would tell what is there.
var errFetch = errors.New("it could not be fetched")

// A DocumentLab is a host of client documents beside the deployment, which it could not
// reach otherwise: it is on loopback, with a certificate of its own authority.
type DocumentLab struct {
	Addresses []netip.AddrPort // that may be connected to although they are not public
	Roots     *x509.CertPool   // that are trusted in place of the system's; nil: those

	// Resolve finds the addresses of the lab's names, and knows no others; nil: it
	// has none.
	Resolve func(host string) (addresses []netip.Addr, known bool)
}

// outbound fetches what clients name by URL. Whoever can make a server send
// requests can make it send them where only the server gets (CWE-918), so the
// address is checked when it is connected to: after every name has been resolved
// and every spelling read. No redirect is followed, no proxy asked, no credential
// sent, and neither size nor time nor number is without a limit.
type outbound struct {
	faults  fault.Set
	timeout time.Duration
	slots   chan struct{}
	limit   int64 // bytes of an answer

	mu     sync.RWMutex
	lab    DocumentLab
	client *http.Client
}

func newOutbound(faults fault.Set, timeout time.Duration) *outbound {
	o := &outbound{faults: faults, timeout: timeout, slots: make(chan struct{}, maxFetches), limit: maxFetched}
	o.trust(DocumentLab{})
	return o
}

// trust names the lab. Every other address that is not public stays refused.
func (o *outbound) trust(lab DocumentLab) {
	dialer := &net.Dialer{Timeout: o.timeout, ControlContext: o.control}
	transport := &http.Transport{
		Proxy: nil, // it would resolve and connect in our stead
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return o.dial(ctx, dialer, network, address)
		},
		TLSClientConfig:        &tls.Config{RootCAs: lab.Roots, MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.faults.Has(fault.FetchUnverified)}, //nolint:gosec // only with that fault
		DisableKeepAlives:      true,
		DisableCompression:     true, // nothing gets larger than it is
		MaxResponseHeaderBytes: 16 << 10,
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lab = lab
	o.client = &http.Client{Transport: transport, Timeout: o.timeout, CheckRedirect: o.redirect}
	if o.faults.Has(fault.DocumentUntimed) {
		o.client.Timeout = 0
	}
}

// redirect follows none: the draft forbids it (CIMD, section 5), and a redirect
// is one more address to be led to.
func (o *outbound) redirect(req *http.Request, via []*http.Request) error {
	if o.faults.Has(fault.FetchRedirectsAny) {
		*req = *req.WithContext(unchecked(req.Context()))
	}
	if len(via) < 5 && (o.faults.Has(fault.FetchRedirects) || o.faults.Has(fault.FetchRedirectsAny)) {
		return nil
	}
	return http.ErrUseLastResponse
}

type uncheckedKey struct{}

// unchecked marks requests whose address only a fault does not check.
func unchecked(ctx context.Context) context.Context {
	return context.WithValue(ctx, uncheckedKey{}, true)
}

// control is called with the address that is about to be connected to.
func (o *outbound) control(ctx context.Context, _, address string, _ syscall.RawConn) error {
	if ctx.Value(uncheckedKey{}) != nil || o.faults.Has(fault.FetchAnyAddress) || o.faults.Has(fault.FetchAddressText) {
		return nil
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%q is no address", address)
	}
	if !o.mayConnect(at) {
		return errors.New("the address is not public")
	}
	return nil
}

func (o *outbound) mayConnect(at netip.AddrPort) bool {
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	o.mu.RLock()
	defer o.mu.RUnlock()
	return slices.Contains(o.lab.Addresses, at) || public(at.Addr())
}

// special are the address blocks that are not for everybody (RFC 6890), beyond
// those that netip knows, and those that hold other addresses in them.
var special = prefixes(
	"0.0.0.0/8", "::/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
	"3fff::/20", "5f00::/16", "fec0::/10",
)

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// public tells whether an address is one of the public network.
func public(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	for _, p := range special {
		if p.Contains(addr) {
			return false
		}
	}
	return true
}

// A fetched document is an answer of status 200, and what came with it.
type fetched struct {
	header http.Header
	status int
	body   []byte
}

// get fetches a URL. Its error is errFetch, but with faults.
func (o *outbound) get(ctx context.Context, u *url.URL) (*fetched, error) {
	got, err := o.answerOf(ctx, u)
	if err == nil && got.status != http.StatusOK && !o.faults.Has(fault.DocumentStatusIgnored) {
		return nil, o.describe(got.status, got.body)
	}
	return got, err
}

// answerOf fetches whatever a URL is answered with.
func (o *outbound) answerOf(ctx context.Context, u *url.URL) (*fetched, error) {
	if almostAddress(u.Hostname()) || o.faults.Has(fault.FetchAddressText) && looksInternal(u.Hostname()) && !o.named(u.Host) {
		return nil, errFetch
	}
	select {
	case o.slots <- struct{}{}:
		defer func() { <-o.slots }()
	case <-ctx.Done():
		return nil, errFetch
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errFetch
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "mcpassay-reference")
	if o.faults.Has(fault.FetchCredentials) {
		req.Header.Set("Authorization", "Bearer "+secret())
	}
	o.mu.RLock()
	client := o.client
	o.mu.RUnlock()
	res, err := client.Do(req)
	if err != nil {
		return nil, o.explain(err)
	}
	defer res.Body.Close() //nolint:errcheck // read as far as we want
	limit := o.limit
	if o.faults.Has(fault.DocumentUnbounded) {
		limit = 1 << 30
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil || int64(len(body)) > limit {
		return nil, errFetch
	}
	return &fetched{header: res.Header, status: res.StatusCode, body: body}, nil
}

func (o *outbound) explain(err error) error {
	if o.faults.Has(fault.FetchErrorDetailed) {
		return err
	}
	return errFetch
}

func (o *outbound) describe(status int, body []byte) error {
	switch {
	case o.faults.Has(fault.FetchErrorEchoed):
		return fmt.Errorf("the answer was %q", body)
	case o.faults.Has(fault.FetchErrorDetailed):
		return fmt.Errorf("the answer had the status %d", status)
	}
	return errFetch
}

// looksInternal is how a filter fails that looks at texts.
func looksInternal(host string) bool {
	for _, beginning := range []string{"localhost", "127.0.0.1", "::1", "10.", "192.168.", "169.254."} {
		if host == beginning || strings.HasSuffix(beginning, ".") && strings.HasPrefix(host, beginning) {
			return true
		}
	}
	return false
}

// almostAddress tells whether a host is no address as we read it, and one as
// others do: numbers in other bases, or fewer of them (URL Standard, section 3.5).
func almostAddress(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last != "" && (strings.Trim(last, "0123456789") == "" || strings.HasPrefix(strings.ToLower(last), "0x"))
}

// named tells whether a host is one of the lab's, by its address.
func (o *outbound) named(host string) bool {
	at, err := netip.ParseAddrPort(host)
	o.mu.RLock()
	defer o.mu.RUnlock()
	return err == nil && slices.Contains(o.lab.Addresses, at)
}
