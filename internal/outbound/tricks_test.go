package outbound

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/fault"
)

// trick is an address by which somebody hopes to reach what is not public.
type trick struct {
	name  string
	url   string
	leads []string // the addresses that it leads to
	flaw  string   // of its form; none: where it leads to is all that is wrong
	// number: the host is one that Go's resolver takes for no name at all, and
	// others for leads. Most such are numbers.
	number bool
	// calls is the address as another program reads it, where net/http makes no
	// request of url or one that is harmless.
	calls string
}

// called is the address that is dialled where nobody looked at the form.
func (c trick) called() string {
	if c.calls != "" {
		return c.calls
	}
	return c.url
}

// resolver is the name server of the row, in a stranger's hands.
func (c trick) resolver(t *testing.T) (names map[string][]string) {
	t.Helper()
	u, err := url.Parse(c.called())
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]string{strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")): c.leads, u.Hostname(): c.leads}
}

// allow lists where the row leads to, and nothing else.
func (c trick) allow() (list []netip.Prefix) {
	for _, address := range c.leads {
		a := netip.MustParseAddr(address).Unmap()
		list = append(list, netip.PrefixFrom(a, a.BitLen()))
		if a == netip.IPv6Unspecified() { // package net tries both where it is the only one
			list = append(list, netip.PrefixFrom(netip.IPv4Unspecified(), 32))
		}
	}
	return list
}

// leadsTo reports whether address, as the line notes it, is one of the row's.
func (c trick) leadsTo(address string) bool {
	return slices.ContainsFunc(c.leads, func(a string) bool { return netip.MustParseAddr(a).Unmap().String() == address })
}

const publicAddress, publicAddress6 = "93.184.215.14", "2606:4700::1111"

// names lead by the ordinary way to addresses that are not public.
func names() []trick {
	return []trick{
		{name: "loopback", url: "https://a.example/hook", leads: []string{"127.0.0.1"}},
		{name: "loopback, another", url: "https://a.example:8443/hook", leads: []string{"127.8.8.8"}},
		{name: "loopback, its last", url: "https://a.example/", leads: []string{"127.255.255.254"}},
		{name: "loopback, IPv6", url: "https://a.example/", leads: []string{"::1"}},
		{name: "loopback, both", url: "https://a.example/", leads: []string{"127.0.0.1", "::1"}},
		{name: "private, both", url: "https://a.example/", leads: []string{"10.0.0.1", "fd00::1"}},
		{name: "four private", url: "https://a.example/", leads: []string{"192.168.1.1", "172.16.0.1", "10.0.0.1", "127.0.0.1"}},
		{name: "unspecified", url: "https://a.example/", leads: []string{"0.0.0.0"}},
		{name: "unspecified, IPv6", url: "https://a.example/", leads: []string{"::"}},
		{name: "this network", url: "https://a.example/", leads: []string{"0.1.2.3"}},
		{name: "10/8", url: "https://a.example/", leads: []string{"10.255.255.255"}},
		{name: "172.16/12", url: "https://a.example/", leads: []string{"172.31.255.255"}},
		{name: "Docker's bridge", url: "https://host.docker.internal/", leads: []string{"172.17.0.1"}},
		{name: "192.168/16", url: "https://a.example/", leads: []string{"192.168.0.1"}},
		{name: "carrier's NAT", url: "https://a.example/", leads: []string{"100.64.0.1"}},
		{name: "a cluster's service", url: "https://kubernetes.default.svc.cluster.local/", leads: []string{"10.96.0.1"}},
		{name: "link-local", url: "https://a.example/", leads: []string{"169.254.0.1"}},
		{name: "link-local, IPv6", url: "https://a.example/", leads: []string{"fe80::1"}},
		{name: "unique local", url: "https://a.example/", leads: []string{"fc00::1"}},
		{name: "site-local", url: "https://a.example/", leads: []string{"fec0::1"}},
		{name: "metadata", url: "https://metadata.example/latest/meta-data/", leads: []string{"169.254.169.254"}},
		{name: "metadata of AWS, IPv6", url: "https://a.example/", leads: []string{"fd00:ec2::254"}},
		{name: "metadata of AWS's containers", url: "https://a.example/", leads: []string{"169.254.170.2"}},
		{name: "metadata of Google", url: "https://metadata.google.internal/", leads: []string{"169.254.169.254"}},
		{name: "metadata of Google, IPv6", url: "https://a.example/", leads: []string{"fd20:ce::254"}},
		{name: "metadata of Alibaba", url: "https://a.example/", leads: []string{"100.100.100.200"}},
		{name: "metadata of Oracle", url: "https://a.example/", leads: []string{"192.0.0.192"}},
		{name: "platform of Azure", url: "https://a.example/", leads: []string{"168.63.129.16"}},
		{name: "IETF protocols", url: "https://a.example/", leads: []string{"192.0.0.8"}},
		{name: "documentation 1", url: "https://a.example/", leads: []string{"192.0.2.1"}},
		{name: "documentation 2", url: "https://a.example/", leads: []string{"198.51.100.1"}},
		{name: "documentation 3", url: "https://a.example/", leads: []string{"203.0.113.1"}},
		{name: "documentation, IPv6", url: "https://a.example/", leads: []string{"2001:db8::1"}},
		{name: "documentation, IPv6, new", url: "https://a.example/", leads: []string{"3fff::1"}},
		{name: "benchmarks", url: "https://a.example/", leads: []string{"198.19.255.255"}},
		{name: "benchmarks, IPv6", url: "https://a.example/", leads: []string{"2001:2::1"}},
		{name: "6to4 relay", url: "https://a.example/", leads: []string{"192.88.99.1"}},
		{name: "AS112", url: "https://a.example/", leads: []string{"192.175.48.1"}},
		{name: "multicast", url: "https://a.example/", leads: []string{"224.0.0.1"}},
		{name: "multicast, IPv6", url: "https://a.example/", leads: []string{"ff0e::1"}},
		{name: "class E", url: "https://a.example/", leads: []string{"240.0.0.1"}},
		{name: "broadcast", url: "https://a.example/", leads: []string{"255.255.255.255"}},
		{name: "discard", url: "https://a.example/", leads: []string{"100::1"}},
		{name: "segment routing", url: "https://a.example/", leads: []string{"5f00::1"}},
		{name: "ORCHID", url: "https://a.example/", leads: []string{"2001:20::1"}},
		{name: "no network at all", url: "https://a.example/", leads: []string{"4000::1"}},
		{name: "mapped", url: "https://a.example/", leads: []string{"::ffff:127.0.0.1"}},
		{name: "mapped metadata", url: "https://a.example/", leads: []string{"::ffff:169.254.169.254"}},
		{name: "compatible", url: "https://a.example/", leads: []string{"::127.0.0.1"}},
		{name: "translated", url: "https://a.example/", leads: []string{"::ffff:0:7f00:1"}},
		{name: "NAT64", url: "https://a.example/", leads: []string{"64:ff9b::7f00:1"}},
		{name: "NAT64 of metadata", url: "https://a.example/", leads: []string{"64:ff9b::a9fe:a9fe"}},
		{name: "NAT64, local use", url: "https://a.example/", leads: []string{"64:ff9b:1::7f00:1"}},
		{name: "6to4", url: "https://a.example/", leads: []string{"2002:7f00:1::1"}},
		{name: "6to4 of metadata", url: "https://a.example/", leads: []string{"2002:a9fe:a9fe::1"}},
		{name: "Teredo", url: "https://a.example/", leads: []string{"2001:0:5db8:d70e::80ff:fffe"}},
		{name: "ISATAP", url: "https://a.example/", leads: []string{"2606:4700::5efe:7f00:1"}},
		{name: "ISATAP, unique", url: "https://a.example/", leads: []string{"2606:4700::200:5efe:a00:1"}},
		{name: "ISATAP, link-local", url: "https://a.example/", leads: []string{"fe80::5efe:7f00:1"}},
		{name: "the address in the name", url: "https://127.0.0.1.nip.example/", leads: []string{"127.0.0.1"}},
		{name: "a number in the name", url: "https://2130706433.example/", leads: []string{"127.0.0.1"}},
		{name: "foreign letters", url: "https://пример.example/", leads: []string{"127.0.0.1"}, calls: "https://xn--e1afmkfd.example/"},
		{name: "large letters", url: "HTTPS://LOCALHOST.EXAMPLE/", leads: []string{"127.0.0.1"}, calls: "https://localhost.example/"},
		{name: "underscore", url: "https://_intern.example/", leads: []string{"10.0.0.1"}},
		{name: "the longest label", url: "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example/", leads: []string{"127.0.0.1"}},
		{name: "of one label", url: "https://intranet/", leads: []string{"10.0.0.1"}},
		{name: "localhost", url: "https://localhost/", leads: []string{"127.0.0.1", "::1"}},
	}
}

// literals write the address itself.
func literals() []trick {
	return []trick{
		{name: "127.0.0.1", url: "https://127.0.0.1/", leads: []string{"127.0.0.1"}},
		{name: "127.0.0.53", url: "https://127.0.0.53:8443/", leads: []string{"127.0.0.53"}},
		{name: "0.0.0.0", url: "https://0.0.0.0/", leads: []string{"0.0.0.0"}},
		{name: "10.0.0.1", url: "https://10.0.0.1/", leads: []string{"10.0.0.1"}},
		{name: "169.254.169.254", url: "https://169.254.169.254/latest/", leads: []string{"169.254.169.254"}},
		{name: "255.255.255.255", url: "https://255.255.255.255/", leads: []string{"255.255.255.255"}},
		{name: "168.63.129.16", url: "https://168.63.129.16/", leads: []string{"168.63.129.16"}},
		{name: "[::1]", url: "https://[::1]/", leads: []string{"::1"}},
		{name: "[::]", url: "https://[::]:8443/", leads: []string{"::"}},
		{name: "[0:0:0:0:0:0:0:1]", url: "https://[0:0:0:0:0:0:0:1]/", leads: []string{"::1"}},
		{name: "[::127.0.0.1]", url: "https://[::127.0.0.1]/", leads: []string{"::7f00:1"}},
		{name: "[64:ff9b::127.0.0.1]", url: "https://[64:ff9b::127.0.0.1]/", leads: []string{"64:ff9b::7f00:1"}},
		{name: "[64:ff9b:1::]", url: "https://[64:ff9b:1::a00:1]/", leads: []string{"64:ff9b:1::a00:1"}},
		{name: "[2002::]", url: "https://[2002:7f00:1::]/", leads: []string{"2002:7f00:1::"}},
		{name: "[fd00:ec2::254]", url: "https://[fd00:ec2::254]/", leads: []string{"fd00:ec2::254"}},
		{name: "[fe80::1]", url: "https://[fe80::1]/", leads: []string{"fe80::1"}},
		{name: "[ff02::1]", url: "https://[ff02::1]/", leads: []string{"ff02::1"}},

		{name: "mapped", url: "https://[::ffff:127.0.0.1]/", leads: []string{"127.0.0.1"}, flaw: mustHaveHost},
		{name: "mapped, hexadecimal", url: "https://[::ffff:a9fe:a9fe]/", leads: []string{"169.254.169.254"}, flaw: mustHaveHost},
		{name: "mapped, in full", url: "https://[0:0:0:0:0:ffff:7f00:0001]/", leads: []string{"127.0.0.1"}, flaw: mustHaveHost},
		{name: "zone", url: "https://[fe80::1%25lo]/", leads: []string{"fe80::1"}, flaw: mustHaveHost},
		{name: "zone of loopback", url: "https://[::1%25lo]/", leads: []string{"::1"}, flaw: mustHaveHost},
		{name: "zone, not escaped", url: "https://[fe80::1%lo]/", leads: []string{"fe80::1"}, flaw: mustHaveHost, calls: "https://[fe80::1]/"},
		{name: "IPv4 in brackets", url: "https://[127.0.0.1]/", leads: []string{"127.0.0.1"}, flaw: mustHaveHost, calls: "https://127.0.0.1/"},
		{name: "IPv6 without brackets", url: "https://::1/", leads: []string{"::1"}, flaw: mustHaveHost, calls: "https://[::1]/"},

		{name: "decimal", url: "https://2130706433/", leads: []string{"127.0.0.1"}, flaw: mustHaveHost, number: true},
		{name: "decimal of metadata", url: "https://2852039166/", leads: []string{"169.254.169.254"}, flaw: mustHaveHost, number: true},
		{name: "decimal, too large by 2^32", url: "https://6425673729/", leads: []string{"127.0.0.1"}, flaw: mustHaveHost, number: true},
		{name: "zero", url: "https://0/", leads: []string{"0.0.0.0"}, flaw: mustHaveHost, number: true},
		{name: "octal", url: "https://017700000001/", leads: []string{"127.0.0.1"}, flaw: mustHaveHost, number: true},
		{name: "octal, dotted", url: "https://0177.0.0.1/", leads: []string{"127.0.0.1"}, flaw: mustHaveHost, number: true},
		{name: "octal, one part of four", url: "https://169.0376.169.254/", leads: []string{"169.254.169.254"}, flaw: mustHaveHost, number: true},
		{name: "octal, padded", url: "https://0000000127.0.0.1/", leads: []string{"127.0.0.1"}, flaw: mustHaveHost, number: true},
		{name: "short", url: "https://127.1/", leads: []string{"127.0.0.1"}, flaw: mustHaveHost, number: true},
		{name: "short, three parts", url: "https://127.0.1/", leads: []string{"127.0.0.1"}, flaw: mustHaveHost, number: true},
		{name: "short, private", url: "https://10.1/", leads: []string{"10.0.0.1"}, flaw: mustHaveHost, number: true},
		{name: "five parts", url: "https://127.0.0.0.1/", leads: []string{"127.0.0.1"}, flaw: mustHaveHost, number: true},
		{name: "a part over 255", url: "https://127.0.0.257/", leads: []string{"127.0.0.1"}, flaw: mustHaveHost, number: true},
		{name: "hexadecimal", url: "https://0x7f000001/", leads: []string{"127.0.0.1"}, flaw: mustHaveHost},
		{name: "hexadecimal, large", url: "https://0X7F000001/", leads: []string{"127.0.0.1"}, flaw: mustHaveHost},
		{name: "hexadecimal, dotted", url: "https://0x7f.0x0.0x0.0x1/", leads: []string{"127.0.0.1"}, flaw: mustHaveHost},
		{name: "hexadecimal, short", url: "https://0x7f.1/", leads: []string{"127.0.0.1"}, flaw: mustHaveHost},
		{name: "hexadecimal, nothing behind x", url: "https://127.0.0.0x/", leads: []string{"127.0.0.0"}, flaw: mustHaveHost},
		{name: "all three", url: "https://0x7f.0.0.01/", leads: []string{"127.0.0.1"}, flaw: mustHaveHost},
	}
}

// forms are spellings that two programs read in two ways, and ways out of https.
func forms() []trick {
	loopback, public := []string{"127.0.0.1"}, []string{publicAddress}
	return []trick{
		{name: "dot at the end of an address", url: "https://127.0.0.1./", leads: loopback, flaw: mustNotEndDot, number: true},
		{name: "localhost.", url: "https://localhost./", leads: []string{"127.0.0.1", "::1"}, flaw: mustNotEndDot},
		{name: "dot at the end of a name", url: "https://a.example./", leads: loopback, flaw: mustNotEndDot, calls: "https://a.example/"},
		{name: "ideographic dots", url: "https://127。0。0。1/", leads: loopback, flaw: mustHaveHost},
		{name: "dots of full width", url: "https://127．0．0．1/", leads: loopback, flaw: mustHaveHost},
		{name: "dots of half width", url: "https://127｡0｡0｡1/", leads: loopback, flaw: mustHaveHost},
		{name: "ideographic dot in a name", url: "https://a。example/", leads: loopback, flaw: mustHaveHost, calls: "https://a.example/"},
		{name: "digits in circles", url: "https://①②⑦.⓪.⓪.①/", leads: loopback, flaw: mustHaveHost},
		{name: "digits of full width", url: "https://１２７.0.0.1/", leads: loopback, flaw: mustHaveHost},
		{name: "letters of full width", url: "https://ｌｏｃａｌｈｏｓｔ/", leads: []string{"127.0.0.1", "::1"}, flaw: mustHaveHost, calls: "https://localhost/"},
		{name: "letters in circles", url: "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", leads: []string{"127.0.0.1", "::1"}, flaw: mustHaveHost, calls: "https://localhost/"},
		{name: "the Kelvin sign", url: "https://\u212a8s.example/", leads: []string{"10.96.0.1"}, flaw: mustHaveHost, calls: "https://k8s.example/"},
		{name: "soft hyphen", url: "https://local\u00adhost/", leads: []string{"127.0.0.1", "::1"}, flaw: mustPrint, calls: "https://localhost/"},
		{name: "no width", url: "https://local\u200bhost/", leads: []string{"127.0.0.1", "::1"}, flaw: mustPrint, calls: "https://localhost/"},
		{name: "from right to left", url: "https://a\u202e.example/", leads: loopback, flaw: mustPrint, calls: "https://a.example/"},
		{name: "escaped digits", url: "https://%31%32%37.0.0.1/", leads: loopback, flaw: mustHaveHost, calls: "https://127.0.0.1/"},
		{name: "escaped dots", url: "https://127%2e0%2e0%2e1/", leads: loopback, flaw: mustHaveHost, calls: "https://127.0.0.1/"},
		{name: "escaped letters", url: "https://%6cocalhost/", leads: []string{"127.0.0.1", "::1"}, flaw: mustHaveHost, calls: "https://localhost/"},
		{name: "escaped circles", url: "https://%E2%91%A027.0.0.1/", leads: loopback, flaw: mustHaveHost, calls: "https://127.0.0.1/"},
		{name: "escaped end", url: "https://127.0.0.1%2f.a.example/", leads: loopback, flaw: mustHaveHost, calls: "https://127.0.0.1/"},
		{name: "escaped NUL", url: "https://127.0.0.1%00.a.example/", leads: loopback, flaw: mustHaveHost, calls: "https://127.0.0.1/"},
		{name: "NUL", url: "https://127.0.0.1\x00.a.example/", leads: loopback, flaw: mustPrint, calls: "https://127.0.0.1/"},
		{name: "empty label", url: "https://a..example/", leads: loopback, flaw: mustHaveHost, calls: "https://a.example/"},
		{name: "dot before", url: "https://.127.0.0.1/", leads: loopback, flaw: mustHaveHost, calls: "https://127.0.0.1/"},
		{name: "two hosts", url: "https://a.example,127.0.0.1/", leads: loopback, flaw: mustHaveHost, calls: "https://127.0.0.1/"},
		{name: "punycode of nothing", url: "https://xn--/", leads: loopback, flaw: mustHaveHost, calls: "https://127.0.0.1/"},
		{name: "punycode of an ASCII name", url: "https://xn--localhost-.example/", leads: loopback, flaw: mustHaveHost, number: true},
		{name: "hyphen at the end of a label", url: "https://a-.example/", leads: loopback, number: true, flaw: mustHaveHost},

		{name: "user is a host", url: "https://a.example@127.0.0.1/", leads: loopback, flaw: mustNotUser},
		{name: "user with a port", url: "https://a.example:443@127.0.0.1/", leads: loopback, flaw: mustNotUser},
		{name: "user and password", url: "https://user:secret@a.example/", leads: []string{"10.0.0.1"}, flaw: mustNotUser},
		{name: "no user before the @", url: "https://@127.0.0.1/", leads: loopback, flaw: mustNotUser},
		{name: "two @", url: "https://a@a.example@127.0.0.1/", leads: loopback, flaw: mustNotUser, calls: "https://127.0.0.1/"},
		{name: "user behind a backslash", url: `https://a.example\@127.0.0.1/`, leads: loopback, flaw: mustPrint, calls: "https://127.0.0.1/"},
		{name: "user before a backslash", url: `https://127.0.0.1\@a.example/`, leads: loopback, flaw: mustPrint, calls: "https://127.0.0.1/"},
		{name: "user behind a fragment", url: "https://a.example#@127.0.0.1/", leads: loopback, flaw: mustNotPart, calls: "https://127.0.0.1/"},

		{name: "backslashes", url: `https:\\127.0.0.1\`, leads: loopback, flaw: mustPrint, calls: "https://127.0.0.1/"},
		{name: "no slashes", url: "https:127.0.0.1/", leads: loopback, flaw: mustBeAbsolute, calls: "https://127.0.0.1/"},
		{name: "one slash", url: "https:/127.0.0.1/", leads: loopback, flaw: mustBeAbsolute, calls: "https://127.0.0.1/"},
		{name: "three slashes", url: "https:///127.0.0.1/", leads: loopback, flaw: mustBeAbsolute, calls: "https://127.0.0.1/"},
		{name: "no scheme", url: "//127.0.0.1/", leads: loopback, flaw: mustBeAbsolute, calls: "https://127.0.0.1/"},
		{name: "host alone", url: "127.0.0.1", leads: loopback, flaw: mustBeAbsolute, calls: "https://127.0.0.1/"},
		{name: "tab in the scheme", url: "ht\ttps://127.0.0.1/", leads: loopback, flaw: mustPrint, calls: "https://127.0.0.1/"},
		{name: "line end in the host", url: "https://127.0.\r\n0.1/", leads: loopback, flaw: mustPrint, calls: "https://127.0.0.1/"},
		{name: "blank before", url: " https://127.0.0.1/", leads: loopback, flaw: mustPrint, calls: "https://127.0.0.1/"},

		{name: "http", url: "http://a.example/", leads: public, flaw: "must be https"},
		{name: "http on 443", url: "http://a.example:443/", leads: public, flaw: "must be https"},
		{name: "http to loopback", url: "http://127.0.0.1:8443/", leads: loopback, flaw: "must be https"},
		{name: "ftp", url: "ftp://127.0.0.1/", leads: loopback, flaw: "must be https", calls: "https://127.0.0.1/"},
		{name: "gopher", url: "gopher://127.0.0.1:6379/_INFO", leads: loopback, flaw: "must be https", calls: "https://127.0.0.1:6379/_INFO"},
		{name: "port of ssh", url: "https://a.example:22/", leads: public, flaw: "must have port 443 or 8443"},
		{name: "port of mail", url: "https://a.example:25/", leads: public, flaw: "must have port 443 or 8443"},
		{name: "port of http", url: "https://a.example:80/", leads: public, flaw: "must have port 443 or 8443"},
		{name: "port of Docker", url: "https://a.example:2376/", leads: public, flaw: "must have port 443 or 8443"},
		{name: "port of Redis", url: "https://[2606:4700::1111]:6379/", leads: []string{publicAddress6}, flaw: "must have port 443 or 8443"},
		{name: "port of Kubernetes", url: "https://a.example:6443/", leads: public, flaw: "must have port 443 or 8443"},
		{name: "port 0", url: "https://a.example:0/", leads: public, flaw: "must have port 443 or 8443"},
		{name: "port with a zero", url: "https://127.0.0.1:0443/", leads: loopback, flaw: "must have port 443 or 8443"},
		{name: "empty port", url: "https://127.0.0.1:/", leads: loopback, flaw: "must have port 443 or 8443"},
		{name: "port 443 + 2^16", url: "https://127.0.0.1:65979/", leads: loopback, flaw: "must have port 443 or 8443", calls: "https://127.0.0.1/"},
		{name: "port with a sign", url: "https://127.0.0.1:+443/", leads: loopback, flaw: "must have port 443 or 8443", calls: "https://127.0.0.1/"},
		{name: "two ports", url: "https://127.0.0.1:443:22/", leads: loopback, flaw: "must have port 443 or 8443", calls: "https://127.0.0.1:22/"},
		{name: "port of other digits", url: "https://127.0.0.1:４４３/", leads: loopback, flaw: "must have port 443 or 8443", calls: "https://127.0.0.1/"},
	}
}

func allTricks() map[string][]trick {
	return map[string][]trick{"name": names(), "literal": literals(), "form": forms()}
}

// Every trick is refused twice, each time by itself: where it is registered, and
// where it is dialled though nobody looked at it before. The listener behind it
// hears nothing, and hears something as soon as the address is in the list: it
// was the guard that kept it out. See line for what is of the test in that.
func TestTricksAreRefusedAndNothingElseKeepsThemOut(t *testing.T) {
	t.Parallel()
	for group, rows := range allTricks() {
		for _, row := range rows {
			t.Run(group+"/"+row.name, func(t *testing.T) {
				t.Parallel()
				needsIPv6(t, row.leads)
				refuses(t, row)
				reaches(t, row)
			})
		}
	}
}

// refuses runs a row as in production.
func refuses(t *testing.T, row trick) {
	t.Helper()
	g, l, listener := guarded(t, NewCustomer(), row)
	want := "url " + mustBePublic
	if row.flaw != "" {
		want = "url " + row.flaw
	}
	if got, err := g.CheckURL(t.Context(), row.url); refusal(err) != want {
		t.Errorf("registered as %q, %v; want %q", got, err, want)
	}
	_, err := deliver(t, g.DeliveryClient(), row.called())
	if !errors.Is(err, ErrNotAllowed) || Class(err) != classNotAllowed {
		t.Errorf("dialled: %v, class %q", err, Class(err))
	}
	if let, n := l.letOut(), listener.spoke.Load(); len(let) != 0 || n != 0 {
		t.Errorf("let out to %v, heard %d times", let, n)
	}
}

// reaches runs the same row where the addresses that it leads to are in the list.
func reaches(t *testing.T, row trick) {
	t.Helper()
	g, l, listener := guarded(t, NewCustomerDev(row.allow()), row)
	if row.flaw == "" {
		if _, err := g.CheckURL(t.Context(), row.url); err != nil {
			t.Errorf("in the list, and not registered: %v", err)
		}
	}
	_, err := deliver(t, g.DeliveryClient(), row.called())
	if n := listener.spoke.Load(); n != 1 {
		t.Errorf("in the list, and heard %d times: %v", n, err)
	}
	if let := l.letOut(); len(let) != 1 || !row.leadsTo(let[0]) {
		t.Errorf("in the list, and let out to %v; want one of %v", let, row.leads)
	}
}

// guarded puts the row's listener and name server around a guard.
func guarded(t *testing.T, g *Guard, row trick) (*Guard, *line, *gate) {
	t.Helper()
	listener := newGate(t)
	l := &line{to: listener.addr}
	names := row.resolver(t)
	if row.number {
		l.reads = names
	}
	return behind(g, l, newFakeDNS(t, names, nil)), l, listener
}

// refusal returns what the customer is told.
func refusal(err error) string {
	if !fault.Is(err, fault.Invalid) {
		return ""
	}
	return fault.From(err).Text
}

// needsIPv6 skips a test of addresses for which this machine makes no socket.
func needsIPv6(t *testing.T, addresses []string) {
	t.Helper()
	if !slices.ContainsFunc(addresses, func(a string) bool { return netip.MustParseAddr(a).Unmap().Is6() }) {
		return
	}
	requireIPv6(t)
}

func TestThereAreTricksEnough(t *testing.T) {
	t.Parallel()
	seen, count := map[string]string{}, 0
	for group, rows := range allTricks() {
		for _, row := range rows {
			key := row.url + " " + row.called() + " " + row.leads[0]
			if other, twice := seen[key]; twice {
				t.Errorf("%s/%s is %s", group, row.name, other)
			}
			seen[key] = group + "/" + row.name
			count++
		}
	}
	if count < 80 {
		t.Errorf("%d rows", count)
	}
}
