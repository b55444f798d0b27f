package clientaddr

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// The proxies of these tests: one beside the panel, and a network of them before
// it, which speak IPv4 and IPv6.
var proxies = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8:f::/48"),
}

// request is one from a peer with X-Forwarded-For lines as they came.
func request(peer string, lines ...string) *http.Request {
	r := &http.Request{RemoteAddr: peer, Header: http.Header{}}
	for _, line := range lines {
		r.Header.Add("X-Forwarded-For", line)
	}
	return r
}

const (
	proxy  = "127.0.0.1:4711"
	client = "203.0.113.7"
)

var garbage = strings.Repeat("x", 10_000)

// forms are requests by what they look like: the peer, the header's lines, and the
// address that comes of it.
type forms map[string]struct {
	peer  string
	lines []string
	want  string
}

func (f forms) check(t *testing.T) {
	t.Helper()
	for name, c := range f {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := New(proxies, nil).Of(request(c.peer, c.lines...)); got.String() != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// Without a trusted proxy the address is the peer's, whatever the header says.
func TestPeer(t *testing.T) {
	t.Parallel()
	forms{
		"no header":                          {"198.51.100.1:4711", nil, "198.51.100.1"},
		"no header, IPv6":                    {"[2001:db8::1]:4711", nil, "2001:db8::1"},
		"no header, IPv4 as IPv6":            {"[::ffff:198.51.100.1]:4711", nil, "198.51.100.1"},
		"no header, a zone":                  {"[fe80::1%eth0]:4711", nil, "fe80::1"},
		"no header, from the proxy":          {proxy, nil, "127.0.0.1"},
		"an untrusted peer's header":         {"198.51.100.1:4711", []string{client}, "198.51.100.1"},
		"an untrusted private peer's header": {"192.168.0.9:4711", []string{client}, "192.168.0.9"},
		"next to a trusted network":          {"10.2.0.1:4711", []string{client}, "10.2.0.1"},
		"a peer without an address":          {"@", []string{client}, "invalid IP"},
		"no peer":                            {"", nil, "invalid IP"},
	}.check(t)
}

// A trusted proxy's entry is believed in every way to write an address.
func TestEntryOfAProxy(t *testing.T) {
	t.Parallel()
	forms{
		"one entry":                           {proxy, []string{client}, client},
		"one entry, the proxy as IPv6":        {"[::ffff:127.0.0.1]:4711", []string{client}, client},
		"one entry, from the other network":   {"10.1.2.3:4711", []string{client}, client},
		"one entry, from an IPv6 proxy":       {"[2001:db8:f::1]:4711", []string{client}, client},
		"one entry of a private network":      {proxy, []string{"192.168.0.9"}, "192.168.0.9"},
		"spaces around":                       {proxy, []string{"  " + client + " \t"}, client},
		"a port":                              {proxy, []string{client + ":4711"}, client},
		"IPv6":                                {proxy, []string{"2001:db8::1"}, "2001:db8::1"},
		"IPv6 in capitals, written out":       {proxy, []string{"2001:0DB8:0:0:0:0:0:1"}, "2001:db8::1"},
		"IPv6 in brackets":                    {proxy, []string{"[2001:db8::1]"}, "2001:db8::1"},
		"IPv6 with a port":                    {proxy, []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		"IPv4 as IPv6":                        {proxy, []string{"::ffff:203.0.113.7"}, client},
		"IPv4 as IPv6 in hexadecimal":         {proxy, []string{"::ffff:cb00:7107"}, client},
		"IPv4 as IPv6 in brackets and a port": {proxy, []string{"[::ffff:203.0.113.7]:4711"}, client},
	}.check(t)
}

// The right-most untrusted entry over all lines counts: what stands left of it is
// what the client wrote.
func TestClientBehindProxies(t *testing.T) {
	t.Parallel()
	forms{
		"spoofed before it":             {proxy, []string{"192.0.2.1, " + client}, client},
		"spoofed without a space":       {proxy, []string{"192.0.2.1," + client}, client},
		"many spoofed":                  {proxy, []string{"192.0.2.1, 192.0.2.2, 192.0.2.3, " + client}, client},
		"a trusted address spoofed":     {proxy, []string{"10.1.0.1, 127.0.0.1, " + client}, client},
		"garbage before it":             {proxy, []string{"unknown, <script>, " + client}, client},
		"empty entries before it":       {proxy, []string{", ,, " + client}, client},
		"a long header before it":       {proxy, []string{garbage + ", " + client}, client},
		"many entries before it":        {proxy, []string{strings.Repeat("192.0.2.1, ", 1000) + client}, client},
		"spoofed on a line of its own":  {proxy, []string{"192.0.2.1", client}, client},
		"garbage on a line of its own":  {proxy, []string{"unknown", client}, client},
		"an empty line before it":       {proxy, []string{"", client}, client},
		"several lines and entries":     {proxy, []string{"192.0.2.1, 192.0.2.2", "192.0.2.3", "192.0.2.4, " + client}, client},
		"the client is before a proxy":  {proxy, []string{"192.0.2.1, " + client + ", 10.1.0.1"}, client},
		"before several":                {proxy, []string{client + ", 10.1.0.1, 2001:db8:f::9, [2001:db8:f::8]:443, 10.1.9.9:80"}, client},
		"before several, on lines":      {proxy, []string{"192.0.2.1", client, "10.1.0.1", "10.1.0.2"}, client},
		"before one that is untrusted":  {proxy, []string{client + ", 10.2.0.1"}, "10.2.0.1"},
		"before one written as IPv6":    {proxy, []string{client + ", ::ffff:10.1.0.1"}, client},
		"a client that is one of them":  {proxy, []string{"192.0.2.1, 10.2.0.1, 10.1.0.1"}, "10.2.0.1"},
		"the same twice":                {proxy, []string{client + ", " + client}, client},
		"as many proxies as there may":  {proxy, []string{client + strings.Repeat(", 10.1.0.1", maxHops-1)}, client},
		"more proxies than there may":   {proxy, []string{client + strings.Repeat(", 10.1.0.1", maxHops)}, "127.0.0.1"},
		"more, on lines of their own":   {proxy, append([]string{client}, strings.Split(strings.Repeat("10.1.0.1 ", maxHops-1)+"10.1.0.1", " ")...), "127.0.0.1"},
		"a line without a client":       {proxy, []string{client, "10.1.0.1, 10.1.0.2"}, client},
		"all trusted":                   {proxy, []string{"10.1.0.1, 10.1.0.2"}, "127.0.0.1"},
		"all trusted, on several lines": {"10.1.0.9:1", []string{"10.1.0.1", "127.0.0.1"}, "10.1.0.9"},
	}.check(t)
}

// What a proxy wrote and we do not understand hides everything left of it: the
// address is the peer's.
func TestMalformedEntry(t *testing.T) {
	t.Parallel()
	forms{
		"nothing":                          {proxy, []string{""}, "127.0.0.1"},
		"blanks":                           {proxy, []string{" \t "}, "127.0.0.1"},
		"a comma":                          {proxy, []string{","}, "127.0.0.1"},
		"an empty entry at the end":        {proxy, []string{client + ","}, "127.0.0.1"},
		"an empty line at the end":         {proxy, []string{client, ""}, "127.0.0.1"},
		"an empty entry between proxies":   {proxy, []string{client + ", , 10.1.0.1"}, "127.0.0.1"},
		"unknown":                          {proxy, []string{"unknown"}, "127.0.0.1"},
		"unknown at the end":               {proxy, []string{client + ", unknown"}, "127.0.0.1"},
		"unknown before a proxy":           {proxy, []string{client + ", unknown, 10.1.0.1"}, "127.0.0.1"},
		"a hidden name":                    {proxy, []string{"_hidden"}, "127.0.0.1"},
		"a host's name":                    {proxy, []string{"client.example"}, "127.0.0.1"},
		"a socket":                         {proxy, []string{"unix:"}, "127.0.0.1"},
		"in quotes":                        {proxy, []string{`"203.0.113.7"`}, "127.0.0.1"},
		"as Forwarded writes it":           {proxy, []string{"for=203.0.113.7"}, "127.0.0.1"},
		"a zone":                           {proxy, []string{"fe80::1%eth0"}, "127.0.0.1"},
		"a zone in brackets":               {proxy, []string{"[fe80::1%25eth0]"}, "127.0.0.1"},
		"a zone and a port":                {proxy, []string{"[fe80::1%eth0]:4711"}, "127.0.0.1"},
		"a zone behind IPv4 as IPv6":       {proxy, []string{"::ffff:203.0.113.7%eth0"}, "127.0.0.1"},
		"a network":                        {proxy, []string{"203.0.113.0/24"}, "127.0.0.1"},
		"leading zeros":                    {proxy, []string{"203.0.113.007"}, "127.0.0.1"},
		"three parts":                      {proxy, []string{"203.0.113"}, "127.0.0.1"},
		"a number":                         {proxy, []string{"3405803783"}, "127.0.0.1"},
		"hexadecimal":                      {proxy, []string{"0xcb.0.0x71.7"}, "127.0.0.1"},
		"a port without a number":          {proxy, []string{client + ":"}, "127.0.0.1"},
		"a port that is too large":         {proxy, []string{client + ":65536"}, "127.0.0.1"},
		"a port that is none":              {proxy, []string{client + ":http"}, "127.0.0.1"},
		"two ports":                        {proxy, []string{client + ":1:2"}, "127.0.0.1"},
		"IPv4 in brackets":                 {proxy, []string{"[203.0.113.7]"}, "127.0.0.1"},
		"IPv4 in brackets and a port":      {proxy, []string{"[203.0.113.7]:80"}, "127.0.0.1"},
		"a bracket that is not closed":     {proxy, []string{"[2001:db8::1"}, "127.0.0.1"},
		"a bracket that is not opened":     {proxy, []string{"2001:db8::1]"}, "127.0.0.1"},
		"brackets twice":                   {proxy, []string{"[[2001:db8::1]]"}, "127.0.0.1"},
		"nothing in brackets":              {proxy, []string{"[]"}, "127.0.0.1"},
		"IPv6 that is too long":            {proxy, []string{"1:2:3:4:5:6:7:8:9"}, "127.0.0.1"},
		"a blank inside":                   {proxy, []string{"203.0. 113.7"}, "127.0.0.1"},
		"separated by blanks":              {proxy, []string{"192.0.2.1 " + client}, "127.0.0.1"},
		"separated by a semicolon":         {proxy, []string{"192.0.2.1; " + client}, "127.0.0.1"},
		"a line feed":                      {proxy, []string{client + "\n"}, "127.0.0.1"},
		"other digits":                     {proxy, []string{"٢٠٣.0.113.7"}, "127.0.0.1"},
		"a long entry":                     {proxy, []string{garbage}, "127.0.0.1"},
		"a long entry that begins well":    {proxy, []string{client + strings.Repeat("0", 10_000)}, "127.0.0.1"},
		"a long entry behind a fine one":   {proxy, []string{client + ", " + garbage}, "127.0.0.1"},
		"a long entry after leading zeros": {proxy, []string{strings.Repeat("0", 100) + ":1"}, "127.0.0.1"},
	}.check(t)
}

// Other headers that say where a request comes from are not looked at.
func TestOtherHeadersAreIgnored(t *testing.T) {
	t.Parallel()
	r := request("127.0.0.1:4711")
	for _, name := range []string{"X-Real-Ip", "Forwarded", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip", "X-Forwarded"} {
		r.Header.Set(name, "203.0.113.7")
	}
	if got := New(proxies, nil).Of(r); got.String() != "127.0.0.1" {
		t.Errorf("%s", got)
	}
}

// A header from a private peer that nobody named is told of; one from the network
// at large is what anybody may send.
func TestForgottenProxyIsTold(t *testing.T) {
	t.Parallel()
	for peer, told := range map[string]bool{
		"192.168.0.9:1": true, "172.16.0.1:1": true, "10.2.0.1:1": true, "127.0.0.2:1": true, "[::1]:1": true,
		"[fd00::1]:1": true, "[fe80::1%eth0]:1": true, "[::ffff:192.168.0.9]:1": true, "169.254.1.1:1": true,
		"127.0.0.1:1": false, "10.1.0.1:1": false, "203.0.113.9:1": false, "[2001:db8::1]:1": false, "@": false,
	} {
		var of []netip.Addr
		f := New(proxies, func(peer netip.Addr) { of = append(of, peer) })
		f.Of(request(peer))
		if len(of) != 0 || f.Ignored() != 0 {
			t.Errorf("%s: told of without the header", peer)
		}
		f.Of(request(peer, "203.0.113.7"))
		if (len(of) == 1) != told || (f.Ignored() == 1) != told {
			t.Errorf("%s: told of %v, counted %d", peer, of, f.Ignored())
		}
		if told && of[0] != New(nil, nil).Of(request(peer)) {
			t.Errorf("%s: told of %s", peer, of[0])
		}
	}
}

// ThroughProxy looks at the peer alone.
func TestThroughProxy(t *testing.T) {
	t.Parallel()
	for peer, want := range map[string]bool{
		"127.0.0.1:1": true, "[::ffff:127.0.0.1]:1": true, "10.1.255.255:1": true, "[2001:db8:f:1::1]:1": true,
		"127.0.0.2:1": false, "[2001:db8::1]:1": false, "": false, "127.0.0.1": false,
	} {
		if got := New(proxies, nil).ThroughProxy(request(peer)); got != want {
			t.Errorf("%q: %v", peer, got)
		}
	}
	if New(nil, nil).ThroughProxy(request("127.0.0.1:1")) {
		t.Error("somebody is trusted without being named")
	}
}

// Whatever the header holds, the address is the peer's or stands in the header,
// and is in the form that limits count by.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"", "203.0.113.7", "192.0.2.1, 10.1.0.1", "[2001:db8::1]:4711,unknown", "::ffff:203.0.113.7", "fe80::1%eth0, ,"} {
		f.Add(seed)
	}
	finder := New(proxies, nil)
	f.Fuzz(func(t *testing.T, line string) {
		got := finder.Of(request("127.0.0.1:4711", line))
		if !got.IsValid() || got.Is4In6() || got.Zone() != "" {
			t.Fatalf("%q: %s", line, got)
		}
		if got.String() != "127.0.0.1" && finder.trusts(got) {
			t.Fatalf("%q: %s is a proxy", line, got)
		}
	})
}

func BenchmarkAddress(b *testing.B) {
	f := New(proxies, nil)
	for name, r := range map[string]*http.Request{
		"peer":  request("203.0.113.7:4711"),
		"proxy": request("127.0.0.1:4711", "192.0.2.1, 203.0.113.7, 10.1.0.1"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.Of(r)
			}
		})
	}
}
