package outbound

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/fault"
)

// anywhere answers every name that ends in .example with a public address.
func anywhere(t *testing.T, hosts ...string) *Guard {
	t.Helper()
	names := map[string][]string{}
	for _, host := range hosts {
		names[host] = []string{publicAddress}
	}
	g := NewCustomer()
	g.resolver = newFakeDNS(t, names, nil)
	return g
}

func TestCheckURLReturnsTheOneSpelling(t *testing.T) {
	t.Parallel()
	long := "https://a.example/" + strings.Repeat("x", MaxURL-len("https://a.example/"))
	g := anywhere(t, "a.example", "xn--bcher-kva.example", "a_b.example", "r3---x.example", "123.example")
	for in, want := range map[string]string{
		"https://a.example":                      "https://a.example/",
		"https://a.example/":                     "https://a.example/",
		"HTTPS://A.Example/Hook":                 "https://a.example/Hook",
		"https://a.example:443/hook":             "https://a.example/hook",
		"https://a.example:8443/hook":            "https://a.example:8443/hook",
		"https://a.example?b=c":                  "https://a.example/?b=c",
		"https://a.example/?b=c&d=%2f%26":        "https://a.example/?b=c&d=%2f%26",
		"https://a.example/a/../b//c/.":          "https://a.example/a/../b//c/.",
		"https://a.example/a%2Fb/{id}/é":         "https://a.example/a%2Fb/%7Bid%7D/%C3%A9",
		"https://a.example/hook?to=https://b@c/": "https://a.example/hook?to=https://b@c/",
		"https://a.example/?q=é|\"":              "https://a.example/?q=%C3%A9%7C%22",
		"https://bücher.example/":                "https://xn--bcher-kva.example/",
		"https://XN--BCHER-KVA.example/":         "https://xn--bcher-kva.example/",
		"https://a_b.example/":                   "https://a_b.example/",
		"https://r3---x.example/":                "https://r3---x.example/",
		"https://123.example/":                   "https://123.example/",
		"https://93.184.215.14/":                 "https://93.184.215.14/",
		"https://[2606:4700:0:0::1111]:8443/":    "https://[2606:4700::1111]:8443/",
		"https://[2606:4700::5DB8:D70E]":         "https://[2606:4700::5db8:d70e]/",
		long:                                     long,
	} {
		got, err := g.CheckURL(t.Context(), in)
		if err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", in, got, err, want)
			continue
		}
		if again, err := g.CheckURL(t.Context(), got); err != nil || again != got {
			t.Errorf("%s, again: %q, %v", got, again, err)
		}
	}
}

func TestCheckURLNamesTheFlaw(t *testing.T) {
	t.Parallel()
	g := anywhere(t, "a.example")
	label := strings.Repeat("a", 63)
	for in, want := range map[string]string{
		"":          mustBeAbsolute,
		"a.example": mustBeAbsolute,
		"://a":      mustBeAbsolute,
		"https://":  mustBeAbsolute,
		"https:///": mustBeAbsolute,
		"https://?": mustBeAbsolute,
		"https://a.example/" + strings.Repeat("x", MaxURL):   "must have at most 2048 characters",
		"https://a.example/" + strings.Repeat("é", MaxURL/4): "must have at most 2048 characters", // once escaped
		"https://a.example/a b":                              mustPrint,
		"https://a.example/a\\b":                             mustPrint,
		"https://a.example/a\x7f":                            mustPrint,
		"https://a.example/\xff":                             mustPrint,
		"https://a.example/\u2028":                           mustPrint,
		"https://a.example/#":                                mustNotPart,
		"https://a.example/#top":                             mustNotPart,
		"https://u@a.example/":                               mustNotUser,
		"https://a.example/%zz":                              mustBeURL,
		"https://a.example./":                                mustNotEndDot,
		"https://./":                                         mustNotEndDot,
		"https://[/":                                         mustHaveHost,
		"https://[]/":                                        mustHaveHost,
		"https://[2606:4700::1111/":                          mustHaveHost,
		"https://[2606:4700::1111]x/":                        mustHaveHost,
		"https://a[b].example/":                              mustHaveHost,
		"https://a'b.example/":                               mustHaveHost,
		"https://*.example/":                                 mustHaveHost,
		"https://-a.example/":                                mustHaveHost,
		"https://a" + label + ".example/":                    mustHaveHost,
		"https://" + strings.Repeat(label+".", 4) + "a/":     mustHaveHost,
		"https://xn--a.example/":                             mustHaveHost,
		"https://a.example:/":                                "must have port 443 or 8443",
		"https://a.example:http/":                            "must have port 443 or 8443",
		"http://a.example/":                                  "must be https",
		"httpss://a.example/":                                "must be https",
		"https://nowhere.example/":                           mustBePublic,
		"https://93.184.215.14.example/":                     mustBePublic,
	} {
		got, err := g.CheckURL(t.Context(), in)
		if refusal(err) != "url "+want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
			continue
		}
		if f := fault.From(err); f.Reason != fault.BadField || len(f.Args) != 1 || f.Args[0] != "url" {
			t.Errorf("%q: reason %q of %v", in, f.Reason, f.Args)
		}
	}
}

func TestInDevelopmentTheListAndHTTPAreLet(t *testing.T) {
	t.Parallel()
	g := NewCustomerDev([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")})
	g.resolver = newFakeDNS(t, map[string][]string{"a.example": {publicAddress}, "b.example": {"127.0.0.1"}, "c.example": {"10.0.0.1"}}, nil)
	for in, want := range map[string]string{
		"http://127.0.0.1:3000/hook": "http://127.0.0.1:3000/hook",
		"http://[::1]:80/":           "http://[::1]/",
		"http://a.example:443/":      "http://a.example:443/",
		"https://b.example:80/":      "https://b.example:80/",
		"https://b.example:65535/":   "https://b.example:65535/",
	} {
		if got, err := g.CheckURL(t.Context(), in); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"http://c.example/":        mustBePublic,
		"http://10.0.0.1/":         mustBePublic,
		"ftp://b.example/":         "must be http or https",
		"http://b.example:0/":      "must have a port from 1 to 65535",
		"http://b.example:65536/":  "must have a port from 1 to 65535",
		"http://u:p@b.example/":    mustNotUser,
		"http://2130706433:3000/":  mustHaveHost,
		"http://nowhere.example/x": mustBePublic,
	} {
		if got, err := g.CheckURL(t.Context(), in); refusal(err) != "url "+want {
			t.Errorf("%s: %q, %v; want %q", in, got, err, want)
		}
	}
}

// A private address and a name that is nobody's can't be told apart, but in the log.
func TestAPrivateNameAndNoNameAreToldAlike(t *testing.T) {
	t.Parallel()
	g := NewCustomer()
	g.resolver = newFakeDNS(t, map[string][]string{"private.example": {"10.20.30.40"}, "empty.example": {}}, nil)
	for host, cause := range map[string]string{"private.example": "10.20.30.40", "nowhere.example": "no such host", "empty.example": "no such host", "10.20.30.40": "10.20.30.40"} {
		_, err := g.CheckURL(t.Context(), "https://"+host+"/")
		if refusal(err) != "url must lead to a public address" || !strings.Contains(err.Error(), cause) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// silent is a resolver whose name server never answers.
func silent() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
}

// A name server that does not answer is no reason to wait for long. Resolvers
// alone would try for 10 s or more.
func TestCheckURLWaitsFiveSecondsForAName(t *testing.T) {
	t.Parallel()
	g := NewCustomer()
	g.resolver = silent()
	begin := time.Now()
	_, err := g.CheckURL(t.Context(), "https://a.example/")
	if took := time.Since(begin); refusal(err) != "url "+mustBePublic || took < lookupTimeout || took >= 2*lookupTimeout {
		t.Errorf("%v after %s", err, took)
	}
}

// Who gives up has not named a bad address.
func TestCheckURLThatIsGivenUpIsNoRefusal(t *testing.T) {
	t.Parallel()
	g := NewCustomer()
	g.resolver = silent()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := g.CheckURL(ctx, "https://a.example/")
	if !errors.Is(err, context.Canceled) || fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
}
