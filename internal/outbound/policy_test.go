package outbound

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func TestParseAllow(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                "[]",
		" , ":                             "[]",
		"10.0.0.0/8":                      "[10.0.0.0/8]",
		"10.1.2.3/8":                      "[10.0.0.0/8]",
		"127.0.0.1, ::1":                  "[127.0.0.1/32 ::1/128]",
		"127.0.0.0/8,fd00::/8,":           "[127.0.0.0/8 fd00::/8]",
		"::ffff:10.0.0.1":                 "[10.0.0.1/32]",
		"::ffff:10.0.0.0/104":             "[10.0.0.0/8]",
		"0.0.0.0/0,::/0":                  "[0.0.0.0/0 ::/0]",
		"\t192.168.1.10\n,192.168.2.0/24": "[192.168.1.10/32 192.168.2.0/24]",
	} {
		got, err := ParseAllow(in)
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("ParseAllow(%q) = %v, %v; want %s", in, got, err, want)
		}
	}
}

func TestParseAllowNamesTheBadItem(t *testing.T) {
	t.Parallel()
	for in, bad := range map[string]string{
		"localhost":              "localhost",
		"10.0.0.0/8, 10.0.0/8":   "10.0.0/8",
		"10.0.0.0/33":            "10.0.0.0/33",
		"10.0.0.0/8 10.1.0.0/16": "10.0.0.0/8 10.1.0.0/16",
		"10.0.0.0/8;10.1.0.0/16": "10.0.0.0/8;10.1.0.0/16",
		"127.1":                  "127.1",
		"010.0.0.1":              "010.0.0.1",
		"0x7f000001":             "0x7f000001",
		"127.0.0.1:8080":         "127.0.0.1:8080",
		"[::1]":                  "[::1]",
		"fe80::1%eth0":           "fe80::1%eth0",
		"fe80::%eth0/64":         "fe80::%eth0/64",
		"http://10.0.0.1":        "http://10.0.0.1",
		"::ffff:0.0.0.0/80":      "::ffff:0.0.0.0/80",
		"*":                      "*",
	} {
		list, err := ParseAllow(in)
		if err == nil {
			t.Errorf("ParseAllow(%q) = %v, want an error", in, list)
			continue
		}
		if !strings.Contains(err.Error(), fmt.Sprintf("%q", bad)) {
			t.Errorf("ParseAllow(%q): %v; want it to name %q", in, err, bad)
		}
	}
}

// special are addresses that lead nowhere public. Each is let out only by the list.
func special() []string {
	return []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
		"169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1",
		"198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "100::1", "2001::1", "2001:db8::1", "2001:20::1",
		"2002:7f00:1::1", "2002:a9fe:a9fe::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%lo", "fec0::1",
		"ff02::1", "ff0e::1", "192.0.0.192", "192.31.196.1", "192.52.193.1", "192.175.48.1", "168.63.129.16", "100.100.100.200",
		"2001:0:5db8:d70e::80ff:fffe", "2001:2::1", "2620:4f:8000::1", "4000::1", "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:7f00:1",
	}
}

func TestSpecialAddressesAreLetOutByTheListOnly(t *testing.T) {
	t.Parallel()
	strict := NewOperator(nil)
	for _, s := range special() {
		address := netip.AddrPortFrom(netip.MustParseAddr(s), 443).String()
		if err := strict.check("tcp6", address); Class(err) != classNotAllowed {
			t.Errorf("%s without a list: %v", s, err)
		}
		bare, _, _ := strings.Cut(s, "%")
		allow, err := ParseAllow(bare)
		if err != nil {
			t.Fatal(err)
		}
		listed := NewOperator(allow)
		if err := listed.check("tcp6", address); err != nil {
			t.Errorf("%s in the list: %v", s, err)
		}
		if err := listed.checkPlain("tcp6", address); err != nil {
			t.Errorf("%s in the list, in clear: %v", s, err)
		}
	}
}

func TestPublicAddressesAreLetOutByPolicy(t *testing.T) {
	t.Parallel()
	allow, err := ParseAllow("93.184.215.14")
	if err != nil {
		t.Fatal(err)
	}
	operator, listing := NewOperator(nil), NewOperator(allow)
	customer, dev := NewCustomer(), NewCustomerDev(nil)
	for _, c := range []struct {
		name    string
		guard   *Guard
		address string
		tls     bool
		plain   bool
	}{
		{"operator", operator, "93.184.215.14:443", true, false},
		{"operator, no ISATAP", operator, "[2606:4700::5eff:7f00:1]:443", true, false},
		{"operator, Azure's neighbour", operator, "168.63.129.17:443", true, false},
		{"operator, any port", operator, "93.184.215.14:2525", true, false},
		{"operator, IPv6", operator, "[2606:4700::1111]:443", true, false},
		{"operator, listed", listing, "93.184.215.14:80", true, true},
		{"operator, neighbour of a listed one", listing, "93.184.215.15:80", true, false},
		{"customer, 443", customer, "93.184.215.14:443", true, false},
		{"customer, 8443", customer, "93.184.215.14:8443", true, false},
		{"customer, 80", customer, "93.184.215.14:80", false, false},
		{"customer, 22", customer, "93.184.215.14:22", false, false},
		{"customer in development", dev, "93.184.215.14:80", true, true},
		{"customer in development, private", dev, "10.0.0.1:80", false, false},
	} {
		if err := c.guard.check("tcp4", c.address); (err == nil) != c.tls {
			t.Errorf("%s with TLS: %v", c.name, err)
		}
		if err := c.guard.checkPlain("tcp4", c.address); (err == nil) != c.plain {
			t.Errorf("%s in clear: %v", c.name, err)
		}
	}
}

func TestOnlyTCPIsDialled(t *testing.T) {
	t.Parallel()
	everything, err := ParseAllow("0.0.0.0/0,::/0")
	if err != nil {
		t.Fatal(err)
	}
	g := NewOperator(everything)
	for network, address := range map[string]string{
		"udp4": "93.184.215.14:443", "unix": "/run/docker.sock", "ip4": "93.184.215.14", "tcp4": "not an address",
	} {
		if err := g.check(network, address); Class(err) != classNotAllowed {
			t.Errorf("%s %s: %v", network, address, err)
		}
		if conn, err := g.DialContext(t.Context(), network, address); err == nil {
			_ = conn.Close()
			t.Errorf("%s %s: connected", network, address)
		}
	}
}
