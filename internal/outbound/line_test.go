package outbound

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// line is what lies beyond the guard in tests of addresses that no test can
// listen at. The guard resolves, chooses and judges as in production: net.Dialer
// itself calls the guard's Control with the address that the kernel is about to
// be given. Only then, in the place of connect(2), the line takes over: what was
// let out is noted and led to a listener of the test.
type line struct {
	to    string              // the listener of what is not in ways
	ways  map[string]string   // address → listener
	down  map[string]bool     // addresses at which nobody answers
	reads map[string][]string // what another resolver takes a host for

	mu  sync.Mutex
	let []string // addresses that the guard let out
}

func (l *line) connect(ctx context.Context, d *net.Dialer, network, addr string) (net.Conn, error) {
	verdict, reached := d.Control, ""
	var mu sync.Mutex // addresses of two families are tried at the same time
	probe := *d
	probe.Control = func(network, address string, c syscall.RawConn) error {
		if err := verdict(network, address, c); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if host := hostOf(address); !l.down[host] && reached == "" {
			reached = host
			l.note(host)
		}
		return syscall.ECONNREFUSED
	}
	var failure error
	for _, address := range l.resolved(addr) {
		conn, err := probe.DialContext(ctx, network, address)
		if err == nil {
			_ = conn.Close()
			return nil, errors.New("the line was passed by")
		}
		failure = errors.Join(failure, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if reached == "" {
		return nil, failure
	}
	to, found := l.ways[reached]
	if !found {
		to = l.to
	}
	return new(net.Dialer).DialContext(ctx, "tcp", to)
}

// resolved stands for the resolvers of other systems, which read numbers that
// Go's takes for no name at all.
func (l *line) resolved(addr string) []string {
	host, port, _ := net.SplitHostPort(addr)
	others, odd := l.reads[host]
	if !odd {
		return []string{addr}
	}
	list := make([]string, len(others))
	for i, other := range others {
		list[i] = net.JoinHostPort(other, port)
	}
	return list
}

func (l *line) note(host string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.let = append(l.let, host)
}

// letOut returns the addresses that the guard let out so far.
func (l *line) letOut() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.let)
}

func hostOf(address string) string {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return address
	}
	return ap.Addr().Unmap().WithZone("").String()
}

// behind puts the line behind a guard, and the name server before it.
func behind(g *Guard, l *line, resolver *net.Resolver) *Guard {
	g.resolver, g.connect = resolver, l.connect
	return g
}

// gate counts who came as far as to say something.
type gate struct {
	addr  string
	spoke atomic.Int64
}

func newGate(t *testing.T) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g, done := &gate{addr: l.Addr().String()}, make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if n, _ := conn.Read(make([]byte, 1)); n == 1 {
				g.spoke.Add(1)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return g
}

// deliver sends a delivery as production does.
func deliver(t *testing.T, client *http.Client, address string) (answer, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(`{"type":"ping"}`))
	if err != nil {
		t.Fatalf("no request for %q: %v", address, err)
	}
	return call(client, request)
}

// requireIPv6 skips a test where the kernel has no IPv6 at all, which is a
// failure where everything must be tested. An address is not needed.
func requireIPv6(t *testing.T) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET6, syscall.SOCK_STREAM, 0)
	if err == nil {
		_ = syscall.Close(fd)
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("no IPv6 sockets: %v", err)
	}
	t.Skipf("no IPv6 sockets: %v", err)
}
