package outbound

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/fault"
)

// memoryDNS answers in memory, as name servers do over TCP.
type memoryDNS struct {
	net.Conn

	server *fakeDNS
	reply  bytes.Buffer
}

func (m *memoryDNS) Write(query []byte) (int, error) {
	answer := m.server.answer(query[2:])
	m.reply.Write(binary.BigEndian.AppendUint16(nil, uint16(len(answer))))
	m.reply.Write(answer)
	return len(query), nil
}

func (m *memoryDNS) Read(p []byte) (int, error)     { return m.reply.Read(p) }
func (*memoryDNS) SetDeadline(time.Time) error      { return nil }
func (*memoryDNS) Close() error                     { return nil }
func (*memoryDNS) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*memoryDNS) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*memoryDNS) SetReadDeadline(time.Time) error  { return nil }
func (*memoryDNS) SetWriteDeadline(time.Time) error { return nil }

// zone gives every name some addresses, always the same ones: half of the names
// are public through and through.
func zone(name string) []string {
	pool := [][]string{
		{publicAddress},
		{publicAddress6},
		{publicAddress, publicAddress6},
		{"198.41.0.4", publicAddress},
		{"2001:503:ba3e::2:30"},
		{"1.1.1.1"},
		{"127.0.0.1"},
		{publicAddress, "10.0.0.1"},
		{"::1", publicAddress6},
		{"::ffff:169.254.169.254"},
		{"64:ff9b::7f00:1"},
		{},
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(strings.ToLower(strings.TrimSuffix(name, "."))))
	return pool[h.Sum32()%uint32(len(pool))]
}

// watched is a guard of production whose every connection ends at the verdict.
func watched() (g *Guard, letOut func() []netip.AddrPort) {
	var mu sync.Mutex
	var let []netip.AddrPort
	g = NewCustomer()
	g.resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return &memoryDNS{server: &fakeDNS{zone: zone}}, nil
	}}
	g.connect = func(ctx context.Context, d *net.Dialer, network, addr string) (net.Conn, error) {
		verdict, probe := d.Control, *d
		probe.Control = func(network, address string, c syscall.RawConn) error {
			if err := verdict(network, address, c); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			let = append(let, netip.MustParseAddrPort(address))
			return syscall.ECONNREFUSED
		}
		return probe.DialContext(ctx, network, addr)
	}
	return g, func() []netip.AddrPort {
		mu.Lock()
		defer mu.Unlock()
		out := let
		let = nil
		return out
	}
}

// isPublic says it in other words than the guard does. Where a zone is of no
// meaning, the kernel passes it over.
func isPublic(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	special := []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"240.0.0.0/4", "168.63.129.16/32", "::/3", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "4000::/2", "8000::/1",
	}
	return !slices.ContainsFunc(special, func(p string) bool { return netip.MustParsePrefix(p).Contains(a) })
}

// Whatever is asked for, the guard lets out only to public addresses on the two
// ports. What CheckURL takes has one spelling, and is let out wherever it leads.
func FuzzCheckURL(f *testing.F) {
	for _, rows := range allTricks() {
		for _, row := range rows {
			f.Add(row.url)
			f.Add(row.called())
		}
	}
	for _, seed := range []string{
		"https://a.example:8443/hook?x=%2f", "https://bücher.example/", "https://[2606:4700::1111]/", "https://93.184.215.14/é",
		"https://1.1.1.1:443?q", "https://xn--bcher-kva.example/{}", "https://a_b.example//..", "https://ａ.example", "https://a.example:08443",
		"https://[2000::1%25lo]/",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		g, letOut := watched()
		client := g.DeliveryClient()
		address, err := g.CheckURL(t.Context(), raw)
		checkVerdict(t, g, address, err)
		asked := send(t, client, raw)
		dialled := letOut()
		for _, to := range dialled {
			if !isPublic(to.Addr()) || to.Port() != 443 && to.Port() != 8443 {
				t.Errorf("%q was let out to %s", raw, to)
			}
		}
		if err != nil {
			return
		}
		if !send(t, client, address) {
			t.Errorf("%q is taken as %q, which is no request", raw, address)
		}
		kept := letOut()
		if len(kept) == 0 {
			t.Errorf("%q is taken as %q, and not let out", raw, address)
		}
		if asked && !slices.Equal(sorted(dialled), sorted(kept)) {
			t.Errorf("%q leads to %v, and to %v as %q", raw, dialled, kept, address)
		}
	})
}

// checkVerdict looks at what CheckURL said.
func checkVerdict(t *testing.T, g *Guard, address string, err error) {
	t.Helper()
	if err != nil {
		if !strings.HasPrefix(refusal(err), "url must ") || address != "" {
			t.Errorf("refused as %q with %v", address, err)
		}
		return
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || strings.ContainsAny(address, "# \\") || u.Port() != "" && u.Port() != "8443" {
		t.Errorf("taken as %q, %v", address, err)
		return
	}
	if len(address) > MaxURL || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f }) || u.Path == "" {
		t.Errorf("taken as %q", address)
	}
	if host := u.Hostname(); host != strings.ToLower(host) || strings.HasSuffix(host, ".") || strings.ContainsAny(host, "%@/") {
		t.Errorf("host %q", host)
	}
	again, err := g.CheckURL(t.Context(), address)
	if err != nil || again != address {
		t.Errorf("%q is taken as %q, %v", address, again, err)
	}
	resolved, err := g.resolver.LookupNetIP(t.Context(), "ip", u.Hostname())
	if err != nil || len(resolved) == 0 || !allPublic(resolved) {
		t.Errorf("%q resolves to %v, %v", address, resolved, err)
	}
}

func allPublic(list []netip.Addr) bool {
	return !slices.ContainsFunc(list, func(a netip.Addr) bool { return !isPublic(a) })
}

func sorted(list []netip.AddrPort) []netip.AddrPort {
	list = slices.Clone(list)
	slices.SortFunc(list, netip.AddrPort.Compare)
	return list
}

// send reports whether address made a request at all.
func send(t *testing.T, client *http.Client, address string) bool {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, http.NoBody)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err == nil {
		_ = response.Body.Close()
		t.Fatalf("%q was answered", address)
	}
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, ErrNotAllowed)
}

// The text of every refusal fits the face that shows it.
func TestRefusalsAreOneSentence(t *testing.T) {
	t.Parallel()
	for _, must := range []string{
		mustBeAbsolute, mustBeURL, mustPrint, mustNotUser, mustNotPart, mustHaveHost, mustNotEndDot, mustBePublic,
		mustBeShort(), NewCustomer().mustHavePort(), NewCustomerDev(nil).mustHavePort(),
	} {
		f := fault.From(bad(must, errors.New(canary)))
		if f.Code != fault.Invalid || !strings.HasPrefix(f.Text, "url must ") || strings.Contains(f.Text, canary) || strings.Contains(f.Lasting(), canary) {
			t.Errorf("%+v", f)
		}
	}
}
