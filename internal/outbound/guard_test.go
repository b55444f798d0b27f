package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const patience = 20 * time.Second

// loopback is the list that lets tests reach their own servers.
func loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// trusting returns a guard that reaches loopback and knows the server's CA.
func trusting(server *httptest.Server) *Guard {
	p := Policy{Allow: loopback()}
	if server.TLS != nil {
		p.Roots = x509.NewCertPool()
		p.Roots.AddCert(server.Certificate())
	}
	return New(p)
}

// door counts the connections that reach a port on every loopback address.
type door struct {
	port  string
	knock atomic.Int64
}

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{}
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	d.watch(t, l)
	_, d.port, _ = net.SplitHostPort(l.Addr().String())
	if six, err := net.Listen("tcp6", "[::]:"+d.port); err == nil { // not every machine has IPv6
		d.watch(t, six)
	}
	return d
}

func (d *door) watch(t *testing.T, l net.Listener) {
	t.Helper()
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			d.knock.Add(1)
			_ = conn.Close()
		}
	}()
}

// spellings of a host that lead, by one way or another, to where the panel must
// not go, and the address that a resolver may take each for. Some C libraries read
// the odd numbers themselves; the fake name server stands for them.
func spellings() (hosts []string, names map[string][]string) {
	names = map[string][]string{
		"2130706433.example":         {"127.0.0.1"}, // decimal
		"0x7f000001":                 {"127.0.0.1"}, // hexadecimal
		"0x7f.0x0.0x0.0x1":           {"127.0.0.1"},
		"0x7f.1":                     {"127.0.0.1"},
		"0177.0.0.1.example":         {"127.0.0.1"}, // octal
		"metadata.google.internal":   {"169.254.169.254"},
		"127.0.0.1.nip.example":      {"127.0.0.1"},
		"private.example":            {"10.0.0.1"},
		"trailing-dot.example":       {"127.0.0.1"},
		"mapped.example":             {"::ffff:127.0.0.1"},
		"v6.example":                 {"::1"},
		"both.example":               {"127.0.0.1", "::1"},
		"cgnat.example":              {"100.64.0.1"},
		"nat64.example":              {"64:ff9b::7f00:1"},
		"unique-local.example":       {"fd00:ec2::254"},
		"broadcast.example":          {"255.255.255.255"},
		"zero.example":               {"0.0.0.0"},
		"zero6.example":              {"::"},
		"xn--lclhst-tve.example":     {"127.0.0.1"},
		"a-very-long-chain.example":  {"192.168.1.1", "172.16.0.1", "10.0.0.1", "127.0.0.1"},
		"docker.internal.example":    {"172.17.0.1"},
		"kubernetes.default.svc.dns": {"10.96.0.1"},
	}
	hosts = []string{
		"2130706433", "017700000001", "0177.0.0.1", "127.1", "127.0.1", "0", "00000000", "localhost", "localhost.", "LOCALHOST",
		"127.0.0.1", "127.0.0.53", "127.255.255.254", "0.0.0.0", "10.0.0.1", "169.254.169.254", "100.64.0.1", "100.100.100.200",
		"192.168.0.1", "172.16.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "127.0.0.1.", "127。0。0。1", "①②⑦.⓪.⓪.①",
		"[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:169.254.169.254]",
		"[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fe80::1]",
		"[fe80::1%25lo]", "[::1%25lo]", "[fd00:ec2::254]", "[fec0::1]", "[ff02::1]", "trailing-dot.example.",
	}
	for name := range names {
		hosts = append(hosts, name)
	}
	return hosts, names
}

// However a private address is written or resolved, nothing reaches it, and the
// text is that of a name that does not exist.
func TestNoSpellingLeadsIntoThePrivateNetwork(t *testing.T) {
	t.Parallel()
	hosts, names := spellings()
	d := newDoor(t)
	g := NewOperator(nil)
	g.resolver = newFakeDNS(t, names, nil)
	client := g.Client(patience)
	for _, host := range append(hosts, "does-not-exist.example") {
		for _, scheme := range []string{"http", "https"} {
			address := scheme + "://" + host + ":" + d.port + "/"
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
			if err != nil {
				t.Errorf("%s: %v", address, err)
				continue
			}
			_, err = call(client, request)
			if Class(err) != classNotAllowed {
				t.Errorf("%s: %v, class %q", address, err, Class(err))
			}
		}
	}
	if n := d.knock.Load(); n != 0 {
		t.Errorf("%d connections came through", n)
	}
}

// The same spellings get through, where they lead to a loopback address, once
// that is in the list: it was the address that decided.
func TestLoopbackIsReachedOnceListed(t *testing.T) {
	t.Parallel()
	_, names := spellings()
	d := newDoor(t)
	g := NewOperator(loopback())
	g.resolver = newFakeDNS(t, names, nil)
	for _, host := range []string{"127.0.0.1", "127.0.0.2", "localhost", "::ffff:127.0.0.1", "0x7f.1", "trailing-dot.example.", "both.example"} {
		for _, dial := range []dialFunc{g.DialContext, g.DialPlain} {
			conn, err := dial(t.Context(), "tcp", net.JoinHostPort(host, d.port))
			if err != nil {
				t.Errorf("%s: %v", host, err)
				continue
			}
			_ = conn.Close()
		}
	}
}

// A name may be public when it is looked at and private when it is dialled.
func TestTheAddressDialledDecides(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	g := NewOperator(nil)
	g.resolver = newFakeDNS(t,
		map[string][]string{"rebind.example": {"93.184.215.14"}},
		map[string][]string{"rebind.example": {"127.0.0.1"}})
	looked, err := g.resolver.LookupNetIP(t.Context(), "ip4", "rebind.example")
	if err != nil || len(looked) != 1 || g.check("tcp4", looked[0].String()+":443") != nil {
		t.Fatalf("looked up %v, %v; want a public address", looked, err)
	}
	_, err = g.DialContext(t.Context(), "tcp", "rebind.example:"+d.port)
	if Class(err) != classNotAllowed || d.knock.Load() != 0 {
		t.Errorf("dialled: %v, %d connections", err, d.knock.Load())
	}
}

// Of a name with several addresses only those that are let out are tried.
func TestOnlyTheListedAddressOfANameIsDialled(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp4", "127.0.0.2:0")
	if err != nil {
		t.Skip("only 127.0.0.1 is loopback here")
	}
	defer func() { _ = l.Close() }()
	g := NewOperator([]netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")})
	g.resolver = newFakeDNS(t, map[string][]string{"two.example": {"127.0.0.1", "127.0.0.2"}}, nil)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	conn, err := g.DialPlain(t.Context(), "tcp", "two.example:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got := conn.RemoteAddr().String(); got != l.Addr().String() {
		t.Errorf("dialled %s", got)
	}
}

// A public address is spoken to with TLS only, by both clients.
func TestPlainHTTPToAPublicAddressIsRefused(t *testing.T) {
	t.Parallel()
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	defer plain.Close()
	defer secure.Close()
	g := trusting(secure)
	g.policy.Allow = nil // loopback is now public for g.public, and not in the list
	s := soon()
	for name, client := range map[string]*http.Client{"ordinary": g.Client(patience), "submission": g.SubmissionClient(s, patience)} {
		if _, err := call(client, form(t, plain.URL)); Class(err) != classNotAllowed {
			t.Errorf("%s, in clear: %v", name, err)
		}
	}
	if s.Sent() {
		t.Error("sent")
	}
	for name, client := range map[string]*http.Client{"ordinary": g.Client(patience), "submission": g.SubmissionClient(soon(), patience)} {
		if _, err := call(client, form(t, secure.URL)); err != nil {
			t.Errorf("%s, with TLS: %v", name, err)
		}
	}
}

func TestRedirectsAreAnswers(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	g := trusting(server)
	for name, client := range map[string]*http.Client{
		"ordinary":   g.Client(patience),
		"submission": g.SubmissionClient(soon(), patience),
	} {
		asked.Store(0)
		got, err := call(client, form(t, server.URL))
		if err != nil || got.status != http.StatusTemporaryRedirect || asked.Load() != 1 {
			t.Errorf("%s: %v, status %d after %d requests", name, err, got.status, asked.Load())
		}
	}
}

// answer is what came of a call, its body read and closed.
type answer struct {
	status    int
	body      string
	truncated bool
}

func call(client *http.Client, request *http.Request) (answer, error) {
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, truncated, err := ReadBody(response.Body, 1<<20)
	return answer{response.StatusCode, string(body), truncated}, err
}

func form(t *testing.T, address string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader("key=k&action=add"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return request
}

// A proxy would dial for us, and the address dialled would be the proxy's.
func TestNoProxyIsUsed(t *testing.T) {
	t.Parallel()
	for name, g := range map[string]*Guard{"operator": NewOperator(nil), "customer": NewCustomer()} {
		if g.Transport().Proxy != nil || g.transport.Proxy != nil {
			t.Errorf("%s: the transport has a proxy", name)
		}
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	if _, err := call(trusting(server).Client(patience), form(t, server.URL)); err != nil {
		t.Errorf("known CA: %v", err)
	}
	_, err := call(NewOperator(loopback()).Client(patience), form(t, server.URL))
	if Class(err) != classTLS {
		t.Errorf("unknown CA: %v, class %q", err, Class(err))
	}
	wrongName := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	_, err = call(trusting(server).Client(patience), form(t, wrongName))
	if Class(err) != classTLS {
		t.Errorf("another name: %v, class %q", err, Class(err))
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	defer server.Close()
	_, err := call(trusting(server).Client(patience), form(t, server.URL))
	if Class(err) != classTLS {
		t.Errorf("TLS 1.1: %v, class %q", err, Class(err))
	}
}

func TestHugeHeadersAreRefused(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size := 60 << 10
		if r.URL.Path == "/huge" {
			size = 70 << 10
		}
		w.Header().Set("X-Padding", strings.Repeat("x", size))
	}))
	defer server.Close()
	client := trusting(server).Client(patience)
	if _, err := call(client, form(t, server.URL+"/large")); err != nil {
		t.Errorf("60 KiB of headers: %v", err)
	}
	_, err := call(client, form(t, server.URL+"/huge"))
	if err == nil || Class(err) != classOther {
		t.Errorf("70 KiB of headers: %v, class %q", err, Class(err))
	}
}

func TestReadBodyStopsAtTheLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in        string
		limit     int64
		want      string
		truncated bool
	}{
		{"", 5, "", false},
		{"1234", 5, "1234", false},
		{"12345", 5, "12345", false},
		{"123456", 5, "12345", true},
		{"1", 0, "", true},
		{"", 0, "", false},
	} {
		body, truncated, err := ReadBody(strings.NewReader(c.in), c.limit)
		if string(body) != c.want || truncated != c.truncated || err != nil {
			t.Errorf("ReadBody(%q, %d) = %q, %v, %v", c.in, c.limit, body, truncated, err)
		}
	}
	broken := io.MultiReader(strings.NewReader("123"), errReader{io.ErrUnexpectedEOF})
	body, truncated, err := ReadBody(broken, 5)
	if string(body) != "123" || truncated || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a broken body: %q, %v, %v", body, truncated, err)
	}
}

// The bound counts what a compressed body unpacks to.
func TestReadBodyBoundsWhatIsUnpacked(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			t.Error("an ordinary call does not ask for gzip")
		}
		w.Header().Set("Content-Encoding", "gzip")
		writeBomb(w, 8<<20)
	}))
	defer server.Close()
	got, err := call(trusting(server).Client(patience), form(t, server.URL))
	if len(got.body) != 1<<20 || !got.truncated || err != nil {
		t.Errorf("%d bytes, truncated %v, %v", len(got.body), got.truncated, err)
	}
}

func TestTheTimeoutCoversTheBody(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "begun")
		_ = http.NewResponseController(w).Flush()
		<-release
	}))
	defer server.Close()
	defer close(release)
	got, err := call(trusting(server).Client(2*time.Second), form(t, server.URL))
	if got.body != "begun" || Class(err) != classTimeout {
		t.Errorf("%q, %v, class %q", got.body, err, Class(err))
	}
}

// A request that its caller gives up is not a failure of the other side.
func TestCanceledIsItsOwnClass(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-release
	}))
	defer server.Close()
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	_, err := call(trusting(server).Client(patience), form(t, server.URL).WithContext(ctx))
	if Class(err) != classCanceled {
		t.Errorf("%v, class %q", err, Class(err))
	}
}
