// Package outbound is how the panel calls others: two kinds of guarded clients,
// one for addresses that the operator names, one for those that customers name.
// The address actually dialled decides, so neither an odd spelling nor a name
// that changes its mind leads into a private network.
//
// It also owns the one-shot client of an order's submission, which knows whether
// a byte went out and lets none out late. It knows nothing of what is sent.
package outbound

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"code.dny.dev/ssrf"
)

// Policy says which addresses may be dialled. Public ones always may, unless the
// port forbids it.
type Policy struct {
	// Allow lists further addresses that may be dialled. Only addresses in it may
	// be spoken to in clear.
	Allow []netip.Prefix
	// Ports that may be dialled. Empty: any.
	Ports []uint16
	// Plain lets http be spoken with every address that may be dialled.
	Plain bool
	// Roots verify the servers' certificates. Nil: those of the system.
	Roots *x509.CertPool
}

// NewOperator returns the guard of what the operator names: providers, payment
// gateways, the mail server. Any port; https unless the address is in allow.
func NewOperator(allow []netip.Prefix) *Guard { return New(Policy{Allow: allow}) }

// NewCustomer returns the guard of what customers name: webhooks. Https to
// public addresses on ports 443 and 8443.
func NewCustomer() *Guard { return New(Policy{Ports: []uint16{443, 8443}}) }

// NewCustomerDev returns NewCustomer as NOTPANEL_DEV=1 loosens it: http, any port
// and the operator's list.
func NewCustomerDev(allow []netip.Prefix) *Guard { return New(Policy{Allow: allow, Plain: true}) }

// ParseAllow reads NOTPANEL_OUTBOUND_ALLOW: networks in CIDR form or single
// addresses, separated by commas. Empty text is an empty list.
func ParseAllow(s string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for item := range strings.SplitSeq(s, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		p, err := parseNetwork(item)
		if err != nil {
			return nil, fmt.Errorf("%q is no address or network such as 10.0.0.0/8 or ::1", item)
		}
		list = append(list, p)
	}
	return list, nil
}

func parseNetwork(item string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(item)
	if err != nil {
		var addr netip.Addr
		if addr, err = netip.ParseAddr(item); err != nil || addr.Zone() != "" {
			return p, fmt.Errorf("zone or no address: %w", err)
		}
		p = netip.PrefixFrom(addr, addr.BitLen())
	}
	return unmap(p)
}

// mappedBits is the length of ::ffff:0:0/96, which holds IPv4 inside IPv6.
const mappedBits = 96

// unmap returns p in the form that dialled addresses are compared in.
func unmap(p netip.Prefix) (netip.Prefix, error) {
	if !p.Addr().Is4In6() {
		return p.Masked(), nil
	}
	if p.Bits() < mappedBits {
		return p, fmt.Errorf("%s is wider than all of IPv4", p)
	}
	return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mappedBits).Masked(), nil
}

// reserved lists addresses that are public by the registries and yet lead into a
// private network.
func reserved() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("168.63.129.16/32"), // in every network of Azure: its platform, with the secrets of a machine's set-up
	}
}

// isISATAP reports whether the lower half of an IPv6 address holds an IPv4
// address to which a tunnel may lead (RFC 5214, section 6.1). No registry lists
// such addresses, as the upper half may be anybody's.
func isISATAP(addr netip.Addr) bool {
	b := addr.As16()
	return addr.Is6() && b[8]&^0x02 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

// guardian translates the policy for the list of public addresses, which knows
// the IANA registries.
func (p Policy) guardian() *ssrf.Guardian {
	v4 := slices.DeleteFunc(slices.Clone(p.Allow), func(n netip.Prefix) bool { return !n.Addr().Is4() })
	v6 := slices.DeleteFunc(slices.Clone(p.Allow), func(n netip.Prefix) bool { return n.Addr().Is4() })
	return ssrf.New(ssrf.WithPorts(p.Ports...), ssrf.WithDeniedV4Prefixes(reserved()...),
		ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
}

// lists reports whether addr is in the operator's list.
func (p Policy) lists(addr netip.Addr) bool {
	return slices.ContainsFunc(p.Allow, func(n netip.Prefix) bool { return n.Contains(addr) })
}
