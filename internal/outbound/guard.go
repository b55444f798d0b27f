package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

const (
	// dialTimeout bounds name, connection and TLS handshake together.
	dialTimeout = 10 * time.Second
	// maxHeader bounds the headers of an answer, in bytes.
	maxHeader = 64 << 10
	// idleTimeout is how long an unused connection is kept. Servers close theirs
	// after 5 s to 75 s, and a request that meets that moment is lost.
	idleTimeout = 15 * time.Second
	// idlePerHost is how many unused connections are kept for one host.
	idlePerHost = 8
)

// ErrNotAllowed answers a call to an address that the policy does not let out.
var ErrNotAllowed = errors.New("address not allowed")

// Guard dials under a Policy. Its clients use no proxy: a proxy would dial for
// us, unwatched.
type Guard struct {
	policy    Policy
	public    *ssrf.Guardian
	resolver  *net.Resolver // nil: the system's
	transport *http.Transport
	// connect looks up and connects as its dialer says. In tests it puts a
	// listener of theirs behind an address that the dialer's Control let out.
	connect func(ctx context.Context, d *net.Dialer, network, addr string) (net.Conn, error)
}

// New returns the guard of a policy. Most callers want NewOperator or NewCustomer.
func New(p Policy) *Guard {
	g := &Guard{policy: p, public: p.guardian(), connect: connect}
	g.transport = g.Transport()
	return g
}

// Client returns a client for ordinary calls. It follows no redirect: the
// redirect is the answer; a switch to another protocol is an error. The time-out
// covers the reading of the body too. All clients of a guard share their
// connections.
func (g *Guard) Client(timeout time.Duration) *http.Client {
	return &http.Client{Transport: &unswitched{g.transport}, CheckRedirect: noRedirect, Timeout: timeout}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Transport returns a transport of its own: HTTP/1.1, no proxy, TLS 1.2 or newer,
// headers of answers up to 64 KiB. It keeps connections open.
func (g *Guard) Transport() *http.Transport {
	return &http.Transport{
		DialContext:            g.DialPlain,
		DialTLSContext:         g.DialTLS,
		Protocols:              http1(),
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTimeout,
	}
}

func http1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// DialContext connects to an address that the policy lets out. It is for
// protocols that bring their own TLS, such as mail.
func (g *Guard) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return g.dial(ctx, network, addr, g.check)
}

// DialPlain connects for speaking in clear, http or mail: only to an address in the list.
func (g *Guard) DialPlain(ctx context.Context, network, addr string) (net.Conn, error) {
	return g.dial(ctx, network, addr, g.checkPlain)
}

// DialTLS connects to an address that the policy lets out, and shakes hands for
// HTTP/1.1 with the host that addr names.
func (g *Guard) DialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &dialError{err: err}
	}
	raw, err := g.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, &tls.Config{
		ServerName: host,
		RootCAs:    g.policy.Roots,
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, &dialError{tls: true, err: fmt.Errorf("TLS with %s: %w", addr, err)}
	}
	return conn, nil
}

type check func(network, address string) error

// dial connects where check agrees. The check runs after the name was resolved
// and before the first packet, for each address tried.
func (g *Guard) dial(ctx context.Context, network, addr string, agrees check) (net.Conn, error) {
	d := net.Dialer{
		Timeout:  dialTimeout,
		Resolver: g.resolver,
		Control:  func(network, address string, _ syscall.RawConn) error { return agrees(network, address) },
	}
	conn, err := g.connect(ctx, &d, network, addr)
	if err != nil {
		return nil, &dialError{err: err}
	}
	return conn, nil
}

func connect(ctx context.Context, d *net.Dialer, network, addr string) (net.Conn, error) {
	return d.DialContext(ctx, network, addr) //nolint:wrapcheck // dial wraps it
}

// check refuses an address that is neither public nor in the list.
func (g *Guard) check(network, address string) error {
	ap, err := dialled(network, address)
	if err != nil {
		return err
	}
	if err := g.public.SafeAddrPort(ap); err != nil {
		return fmt.Errorf("%w: %w", ErrNotAllowed, err)
	}
	if isISATAP(ap.Addr()) && !g.policy.lists(ap.Addr()) {
		return fmt.Errorf("%w: %s holds an IPv4 address", ErrNotAllowed, ap.Addr())
	}
	return nil
}

// checkPlain refuses besides what check refuses an address outside the list.
func (g *Guard) checkPlain(network, address string) error {
	if err := g.check(network, address); err != nil {
		return err
	}
	ap, err := dialled(network, address)
	if err != nil {
		return err
	}
	if !g.policy.Plain && !g.policy.lists(ap.Addr()) {
		return fmt.Errorf("%w: unencrypted to %s, which NOTPANEL_OUTBOUND_ALLOW does not list", ErrNotAllowed, ap.Addr())
	}
	return nil
}

// dialled reads the address that the kernel is about to be given. IPv4 inside
// IPv6 is IPv4, and a zone doesn't take an address out of its network.
func dialled(network, address string) (netip.AddrPort, error) {
	if network != "tcp4" && network != "tcp6" {
		return netip.AddrPort{}, fmt.Errorf("%w: network %q", ErrNotAllowed, network)
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return ap, fmt.Errorf("%w: %w", ErrNotAllowed, err)
	}
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port()), nil
}
