package outbound

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// receivers are servers with certificates for whatever name they are asked for.
type receivers struct {
	roots *x509.CertPool
	tls   *tls.Config
}

func newReceivers(t *testing.T) *receivers {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	r := &receivers{roots: x509.NewCertPool()}
	r.roots.AddCert(root)
	r.tls = &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		leaf := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: root.NotAfter, DNSNames: []string{hello.ServerName}}
		cert, err := x509.CreateCertificate(rand.Reader, leaf, root, key.Public(), key)
		return &tls.Certificate{Certificate: [][]byte{cert}, PrivateKey: key}, err
	}}
	return r
}

// serve starts a receiver that speaks HTTP/2 where it is asked for.
func (r *receivers) serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.TLS, server.EnableHTTP2 = r.tls.Clone(), true
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// guard returns the guard of production, which knows the receivers' authority.
func (r *receivers) guard(l *line, resolver *net.Resolver) *Guard {
	g := behind(NewCustomer(), l, resolver)
	g.policy.Roots = r.roots
	return g
}

// lenient returns a guard that lets everything out.
func (r *receivers) lenient(l *line, resolver *net.Resolver) *Guard {
	g := behind(NewCustomerDev([]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}), l, resolver)
	g.policy.Roots = r.roots
	return g
}

// A receiver that sends us on is answered for what it said; nobody goes there.
// The guard would not let a client go that follows, either, and only the guard
// keeps it from there.
func TestARedirectLeadsNowhere(t *testing.T) {
	t.Parallel()
	targets := map[string]string{
		"an address":       "https://10.0.0.1/",
		"loopback":         "https://[::1]:8443/",
		"metadata in http": "http://169.254.169.254/latest/meta-data/",
		"a name":           "https://private.example/",
		"no scheme":        "//private.example/",
		"another port":     "https://public.example:22/",
		"http":             "http://public.example/",
	}
	for name, target := range targets {
		for _, status := range []int{301, 302, 303, 307, 308} {
			t.Run(name+"/"+http.StatusText(status), func(t *testing.T) {
				t.Parallel()
				redirects(t, target, status)
			})
		}
	}
}

func redirects(t *testing.T, target string, status int) {
	t.Helper()
	requireIPv6(t)
	r, private := newReceivers(t), newGate(t)
	var heard atomic.Int64
	server := r.serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if heard.Add(1) > 1 {
			t.Error("the receiver was asked again")
		}
		w.Header().Set("Location", target)
		w.Header().Set("Refresh", "0; url="+target)
		w.WriteHeader(status)
	})
	resolver := func() *net.Resolver {
		return newFakeDNS(t, map[string][]string{"public.example": {publicAddress}, "private.example": {"10.0.0.1"}}, nil)
	}
	newLine := func() *line {
		return &line{to: private.addr, ways: map[string]string{publicAddress: server.Listener.Addr().String()}}
	}
	l := newLine()
	g := r.guard(l, resolver())
	address, err := g.CheckURL(t.Context(), "https://public.example/hook")
	if err != nil {
		t.Fatal(err)
	}
	got, err := deliver(t, g.DeliveryClient(), address)
	if err != nil || got.status != status || !slices.Equal(l.letOut(), []string{publicAddress}) || private.spoke.Load() != 0 {
		t.Errorf("answer %d, %v; let out to %v, private heard %d times", got.status, err, l.letOut(), private.spoke.Load())
	}

	following := r.guard(newLine(), resolver()).DeliveryClient()
	following.CheckRedirect = nil
	heard.Store(0)
	if _, err := deliver(t, following, address); !errors.Is(err, ErrNotAllowed) || private.spoke.Load() != 0 {
		t.Errorf("followed: %v, private heard %d times", err, private.spoke.Load())
	}

	if strings.Contains(target, "public") { // its way leads to the receiver itself
		return
	}
	free := r.lenient(newLine(), resolver()).DeliveryClient()
	free.CheckRedirect = nil
	heard.Store(0)
	_, err = deliver(t, free, address)
	if private.spoke.Load() != 1 {
		t.Errorf("followed and let out, and private heard %d times: %v", private.spoke.Load(), err)
	}
}

// A name that is public when it is registered and private when it is called is
// refused then.
func TestARebindingNameIsRefusedWhenItIsCalled(t *testing.T) {
	t.Parallel()
	first := map[string][]string{"IPv4": {publicAddress}, "IPv6": {publicAddress6}, "both": {publicAddress, publicAddress6}}
	then := map[string][]string{
		"loopback": {"127.0.0.1"}, "loopback, IPv6": {"::1"}, "metadata": {"169.254.169.254"}, "private": {"10.0.0.1", "fd00::1"},
		"mapped": {"::ffff:10.0.0.1"}, "NAT64": {"64:ff9b::7f00:1"}, "another name": {"private.example"},
	}
	for before, from := range first {
		for after, to := range then {
			t.Run(before+"/"+after, func(t *testing.T) {
				t.Parallel()
				requireIPv6(t)
				rebinds(t, from, to)
			})
		}
	}
}

func rebinds(t *testing.T, from, to []string) {
	t.Helper()
	r, private := newReceivers(t), newGate(t)
	names := map[string][]string{"rebind.example": from, "private.example": {"192.168.0.1"}}
	later := map[string][]string{"rebind.example": to}
	l := &line{to: private.addr}
	g := r.guard(l, newFakeDNS(t, names, later))
	address, err := g.CheckURL(t.Context(), "https://rebind.example/")
	if err != nil {
		t.Fatal(err)
	}
	_, err = deliver(t, g.DeliveryClient(), address)
	if !errors.Is(err, ErrNotAllowed) || len(l.letOut()) != 0 || private.spoke.Load() != 0 {
		t.Errorf("called: %v, let out to %v, heard %d times", err, l.letOut(), private.spoke.Load())
	}
	if _, err := g.CheckURL(t.Context(), address); refusal(err) != "url "+mustBePublic {
		t.Errorf("registered again: %v", err)
	}
	free := r.lenient(l, newFakeDNS(t, names, later))
	if _, err := free.CheckURL(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	_, err = deliver(t, free.DeliveryClient(), address)
	if private.spoke.Load() != 1 {
		t.Errorf("let out, and heard %d times: %v", private.spoke.Load(), err)
	}
}

// A connection that is kept leads where the guard let it. What the name means
// since then counts for the next one.
func TestAKeptConnectionStaysWhereItWasLetOut(t *testing.T) {
	t.Parallel()
	r, private := newReceivers(t), newGate(t)
	server := r.serve(t, func(http.ResponseWriter, *http.Request) {})
	l := &line{to: private.addr, ways: map[string]string{publicAddress: server.Listener.Addr().String()}}
	g := r.guard(l, newFakeDNS(t, map[string][]string{"rebind.example": {publicAddress}}, map[string][]string{"rebind.example": {"10.0.0.1"}}))
	client := g.DeliveryClient()
	for range 3 {
		if got, err := deliver(t, client, "https://rebind.example/"); err != nil || got.status != http.StatusOK {
			t.Errorf("answer %d, %v", got.status, err)
		}
	}
	if !slices.Equal(l.letOut(), []string{publicAddress}) {
		t.Errorf("let out to %v: the connection was not kept", l.letOut())
	}
	client.CloseIdleConnections()
	_, err := deliver(t, client, "https://rebind.example/")
	if !errors.Is(err, ErrNotAllowed) || len(l.letOut()) != 1 || private.spoke.Load() != 0 {
		t.Errorf("a new connection: %v, let out to %v, private heard %d times", err, l.letOut(), private.spoke.Load())
	}
}

// A name with a public and a private address is not registered. Where it became
// so later, the public one alone is called, even if nobody answers there.
func TestOfTwoAddressesOnlyThePublicOneIsCalled(t *testing.T) {
	t.Parallel()
	for name, addresses := range map[string][]string{
		"public first":          {publicAddress, "10.0.0.1"},
		"private first":         {"10.0.0.1", publicAddress},
		"private IPv6":          {publicAddress, "fd00::1"},
		"public IPv6":           {"127.0.0.1", publicAddress6},
		"loopback IPv6":         {publicAddress6, "::1"},
		"three":                 {"169.254.169.254", publicAddress, "fe80::1"},
		"by way of a name":      {"private.example", publicAddress},
		"by way of two names":   {"chain.example", publicAddress},
		"unspecified":           {"0.0.0.0", publicAddress},
		"IPv4 inside IPv6":      {"::ffff:127.0.0.1", publicAddress},
		"platform of Azure":     {"168.63.129.16", publicAddress},
		"IPv4 inside an ISATAP": {"2606:4700::5efe:a00:1", publicAddress6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireIPv6(t)
			picksThePublicOne(t, addresses)
		})
	}
}

func picksThePublicOne(t *testing.T, addresses []string) {
	t.Helper()
	r, private := newReceivers(t), newGate(t)
	server := r.serve(t, func(http.ResponseWriter, *http.Request) {})
	names := map[string][]string{"two.example": addresses, "chain.example": {"private.example"}, "private.example": {"10.0.0.1"}}
	public := server.Listener.Addr().String()
	ways := map[string]string{publicAddress: public, publicAddress6: public}
	down := map[string]bool{publicAddress: true, publicAddress6: true}

	l := &line{to: private.addr, ways: ways}
	g := r.guard(l, newFakeDNS(t, maps.Clone(names), nil))
	if _, err := g.CheckURL(t.Context(), "https://two.example/"); refusal(err) != "url "+mustBePublic {
		t.Errorf("registered: %v", err)
	}
	if got, err := deliver(t, g.DeliveryClient(), "https://two.example/"); err != nil || got.status != http.StatusOK {
		t.Errorf("called: %d, %v", got.status, err)
	}
	if let := l.letOut(); len(let) != 1 || ways[let[0]] == "" {
		t.Errorf("let out to %v", let)
	}

	l = &line{to: private.addr, ways: ways, down: down}
	_, err := deliver(t, r.guard(l, newFakeDNS(t, maps.Clone(names), nil)).DeliveryClient(), "https://two.example/")
	if err == nil || len(l.letOut()) != 0 || private.spoke.Load() != 0 {
		t.Errorf("nobody at the public one: %v, let out to %v, private heard %d times", err, l.letOut(), private.spoke.Load())
	}

	free := r.lenient(l, newFakeDNS(t, maps.Clone(names), nil))
	if _, err := free.CheckURL(t.Context(), "https://two.example/"); err != nil {
		t.Errorf("let out, and not registered: %v", err)
	}
	_, err = deliver(t, free.DeliveryClient(), "https://two.example/")
	if private.spoke.Load() != 1 {
		t.Errorf("let out, and the private one heard %d times: %v", private.spoke.Load(), err)
	}
}

// A name may stand for another, and that for a third; some go in circles.
func TestANameThatStandsForAnotherIsWhereThatLeads(t *testing.T) {
	t.Parallel()
	r, private := newReceivers(t), newGate(t)
	server := r.serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") })
	l := &line{to: private.addr, ways: map[string]string{publicAddress: server.Listener.Addr().String()}}
	g := r.guard(l, newFakeDNS(t, map[string][]string{
		"good.example": {"middle.example"}, "middle.example": {"end.example"}, "end.example": {publicAddress},
		"bad.example": {"worse.example"}, "worse.example": {"private.example"}, "private.example": {"10.0.0.1"},
		"circle.example": {"round.example"}, "round.example": {"circle.example"}, "dangling.example": {"nowhere.example"},
	}, nil))
	if _, err := g.CheckURL(t.Context(), "https://good.example/"); err != nil {
		t.Errorf("good: %v", err)
	}
	if got, err := deliver(t, g.DeliveryClient(), "https://good.example/"); err != nil || got.body != "here" {
		t.Errorf("good: %q, %v", got.body, err)
	}
	for _, host := range []string{"bad.example", "circle.example", "dangling.example", "nowhere.example"} {
		if _, err := g.CheckURL(t.Context(), "https://"+host+"/"); refusal(err) != "url "+mustBePublic {
			t.Errorf("%s registered: %v", host, err)
		}
		if _, err := deliver(t, g.DeliveryClient(), "https://"+host+"/"); Class(err) != classNotAllowed {
			t.Errorf("%s called: %v", host, err)
		}
	}
	if !slices.Equal(l.letOut(), []string{publicAddress}) || private.spoke.Load() != 0 {
		t.Errorf("let out to %v", l.letOut())
	}
}
