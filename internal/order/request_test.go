package order_test

import (
	"bytes"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

// parse reads a request from fields.
func parse(fields map[string]string) (order.Request, error) {
	return order.ParseRequest(func(name string) string { return fields[name] })
}

// with returns the fields of a good request, changed by pairs of name and value.
func with(pairs ...string) map[string]string {
	fields := map[string]string{"service": "7", "request_id": "first", "link": "https://example.com/a", "quantity": "1000"}
	for i := 0; i+1 < len(pairs); i += 2 {
		fields[pairs[i]] = pairs[i+1]
	}
	return fields
}

// hash parses a request that must be good.
func hash(t interface{ Fatalf(string, ...any) }, fields map[string]string) string {
	r, err := parse(fields)
	if err != nil {
		t.Fatalf("%v: %v", fields, err)
	}
	return r.Hash()
}

func TestParseRequest(t *testing.T) {
	t.Parallel()
	r, err := parse(with("max_charge", "1.5", "quantity", "0100", "link", "https://example.com/É?a=%20#x"))
	if err != nil {
		t.Fatal(err)
	}
	if r.RequestID != "first" || r.Service != 7 || r.Quantity != 100 || r.Link != "https://example.com/É?a=%20#x" ||
		r.MaxCharge == nil || *r.MaxCharge != 1_500_000 {
		t.Errorf("%+v", r)
	}
	// What the service's type asks for is not known yet, so it may be absent here.
	r, err = parse(map[string]string{"service": "7", "request_id": "first"})
	if err != nil || r.Link != "" || r.Quantity != 0 || r.MaxCharge != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

// Every error that needs no catalogue, with its text.
func TestParseRequestErrors(t *testing.T) {
	t.Parallel()
	const (
		wholeService  = "service must be a whole number of at most 15 digits"
		wholeQuantity = "quantity must be a whole number of at most 15 digits"
		requestID     = "request_id must have 1 to 128 printable ASCII characters without spaces"
		link          = "link must be an http or https URL"
		maxCharge     = "max_charge must be an amount between 0 and 1000000000 with at most 6 decimals, such as 0.50"
	)
	for _, c := range []struct{ name, value, want string }{
		{"service", "", "Missing required parameter: service"},
		{"request_id", "", "Missing required parameter: request_id"},
		{"service", "x", wholeService},
		{"service", "-7", wholeService},
		{"service", "+7", wholeService},
		{"service", "7.0", wholeService},
		{"service", "7 ", wholeService},
		{"service", "٧", wholeService},
		{"service", "1000000000000000", wholeService},
		{"quantity", "x", wholeQuantity},
		{"quantity", "-1", wholeQuantity},
		{"quantity", "1e3", wholeQuantity},
		{"quantity", "1,000", wholeQuantity},
		{"quantity", "0x10", wholeQuantity},
		{"quantity", "1000000000000000", wholeQuantity},
		{"quantity", "99999999999999999999999999", wholeQuantity},
		{"request_id", " ", requestID},
		{"request_id", "a b", requestID},
		{"request_id", "a\n", requestID},
		{"request_id", "a\x7f", requestID},
		{"request_id", "é", requestID},
		{"request_id", strings.Repeat("a", 129), requestID},
		{"link", "example.com", link},
		{"link", "//example.com", link},
		{"link", "ftp://example.com", link},
		{"link", "https://", link},
		{"link", "https:///path", link},
		{"link", "https://:80/", link},
		{"link", "http:example.com", link},
		{"link", "https://example.com/a b", link},
		{"link", "https://example.com/a\r\nb", link},
		{"link", "https://example.com/\u00a0", link},
		{"link", "https://example.com/%zz", link},
		{"link", "https://[::1", link},
		{"link", "javascript:alert(1)", link},
		{"link", "https://" + strings.Repeat("長", 980), link},
		{"link", "https://" + strings.Repeat("a", 64) + ".example/", link},
		{"link", "https://xn--zz--.ｅxample.com/", link},
		{"link", "https://example.com/" + strings.Repeat("é", 981), "link must have at most 1000 characters"},
		{"max_charge", "x", maxCharge},
		{"max_charge", "-0.01", maxCharge},
		{"max_charge", "1,5", maxCharge},
		{"max_charge", "1e3", maxCharge},
		{"max_charge", ".5", maxCharge},
		{"max_charge", "0.0000001", maxCharge},
		{"max_charge", "1000000000.01", maxCharge},
	} {
		t.Run(c.name+" "+c.value[:min(len(c.value), 30)], func(t *testing.T) {
			t.Parallel()
			_, err := parse(with(c.name, c.value))
			if !fault.Is(err, fault.Invalid) || err.Error() != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// The bounds themselves are inside.
func TestParseRequestBounds(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"service":    "999999999999999",
		"quantity":   "0000000000000000000999999999999999",
		"request_id": strings.Repeat("~", order.MaxRequestID),
		"link":       "HTTPS://example.com/" + strings.Repeat("é", order.MaxLink-len("HTTPS://example.com/")),
		"max_charge": "1000000000.000000000",
	} {
		if _, err := parse(with(name, value)); err != nil {
			t.Errorf("%s %s: %v", name, value, err)
		}
	}
	for _, value := range []string{"http://localhost:8080", "https://user:pw@example.com/?q=%20#a#b", "http://[::1]/", "https://münchen.example/", "https://example.com/🎯"} {
		if _, err := parse(with("link", value)); err != nil {
			t.Errorf("link %s: %v", value, err)
		}
	}
}

// What two requests may differ in and still be the same.
func TestHashIsTheSame(t *testing.T) {
	t.Parallel()
	base := hash(t, with())
	for name, fields := range map[string]map[string]string{
		"leading zeros":        with("quantity", "0001000", "service", "07"),
		"another request_id":   with("request_id", "second"),
		"fields without value": with("runs", "", "coupon", "", "max_charge", ""),
		"unknown fields":       with("note", "x", "key", "np_live_x", "action", "add", "Quantity", "5"),
	} {
		if got := hash(t, fields); got != base {
			t.Errorf("%s: %s, want %s", name, got, base)
		}
	}
	lines := hash(t, with("comments", "one\ntwo\n\nthree"))
	for _, ends := range []string{"one\r\ntwo\r\n\r\nthree", "one\rtwo\r\rthree", "one\ntwo\r\n\rthree"} {
		if got := hash(t, with("comments", ends)); got != lines {
			t.Errorf("%q differs from LF", ends)
		}
	}
	zero := hash(t, with("runs", "0"))
	if got := hash(t, with("runs", "000")); got != zero || got == base {
		t.Error("zero, written in two ways, differs, or is absent")
	}
}

// What makes two requests different ones: above all what is behind the link's
// host, which a canonical form would throw away.
func TestHashDiffers(t *testing.T) {
	t.Parallel()
	variants := map[string]map[string]string{
		"the request":        with(),
		"service":            with("service", "8"),
		"quantity":           with("quantity", "1001"),
		"path":               with("link", "https://example.com/b"),
		"path's case":        with("link", "https://example.com/A"),
		"host's case":        with("link", "https://EXAMPLE.com/a"),
		"slash at the end":   with("link", "https://example.com/a/"),
		"query":              with("link", "https://example.com/a?b"),
		"fragment":           with("link", "https://example.com/a#b"),
		"another fragment":   with("link", "https://example.com/a#c"),
		"escape":             with("link", "https://example.com/%61"),
		"scheme":             with("link", "http://example.com/a"),
		"no link":            with("link", ""),
		"max_charge":         with("max_charge", "5"),
		"max_charge, longer": with("max_charge", "5.0"),
		"coupon":             with("coupon", "7"),
		"coupon with zeros":  with("coupon", "007"),
		"comments":           with("comments", "7"),
		"a comment 007":      with("comments", "007"),
		"another line":       with("comments", "7\n"),
		"username":           with("username", "7"),
		"hashtag":            with("hashtag", "7"),
		"hashtags":           with("hashtags", "7"),
	}
	for _, name := range order.Fields {
		if variants[name] == nil && name != "link" {
			variants[name] = with(name, "3")
		}
	}
	seen := map[string]string{}
	for name, fields := range variants {
		h := hash(t, fields)
		if other, twice := seen[h]; twice {
			t.Errorf("%s and %s are taken for the same", name, other)
		}
		seen[h] = name
	}
}

// A value can't pass for the end of its field and the beginning of another.
func TestHashKeepsFieldsApart(t *testing.T) {
	t.Parallel()
	if hash(t, with("comments", "a8:username1:b")) == hash(t, with("comments", "a", "username", "b")) {
		t.Error("a value passes for another field")
	}
	if hash(t, with("hashtag", "ab")) == hash(t, with("hashtag", "a", "hashtags", "b")) {
		t.Error("two values pass for one")
	}
}

// The hash has the form in which it is stored, and stays what it was: a change
// would make every repeat that is under way a different request.
func TestHashIsStable(t *testing.T) {
	t.Parallel()
	for want, fields := range map[string]map[string]string{
		"a6cb2fda37b6404454371d1765692828528e0dd42984b3c7bd1664a2ba7c0e50": with(),
		"5431f769d56e80a10e8f6e101482be6b8a7604611c7a8c5ed6afca8c2f071161": with("max_charge", "2.50", "comments", "one\r\ntwo"),
	} {
		if got := hash(t, fields); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// Of any two requests the hashes are equal exactly when the fields are.
func TestHashProperty(t *testing.T) {
	t.Parallel()
	values := map[string]*rapid.Generator[string]{
		"quantity": rapid.StringMatching(`0{0,2}[1-9][0-9]{0,3}`),
		"comments": rapid.StringMatching("[ab\r\n0:8]{0,6}"),
		"coupon":   rapid.StringMatching("[ab0]{0,3}"),
		"link":     rapid.StringMatching(`https://e\.example/[ab#?]{0,3}`),
		"runs":     rapid.StringMatching("0{0,2}[0-9]?"),
	}
	names := slices.Sorted(maps.Keys(values))
	draw := func(t *rapid.T, label string) map[string]string {
		fields := with()
		for _, name := range names {
			fields[name] = values[name].Draw(t, label+name)
		}
		return fields
	}
	canonical := func(fields map[string]string) string {
		v := url.Values{}
		for name, value := range fields {
			value = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(value)
			if (name == "quantity" || name == "runs") && value != "" {
				value = strings.TrimLeft(value, "0") + "."
			}
			if value != "" && name != "request_id" {
				v.Set(name, value)
			}
		}
		return v.Encode()
	}
	rapid.Check(t, func(t *rapid.T) {
		one, two := draw(t, "one "), draw(t, "two ")
		if rapid.Bool().Draw(t, "nearly equal") {
			for _, name := range names[1:] {
				two[name] = one[name]
			}
		}
		if same := canonical(one) == canonical(two); same != (hash(t, one) == hash(t, two)) {
			t.Fatalf("%q and %q: the same request is %v, the same hash %v", one, two, same, !same)
		}
	})
}

// Whatever the fields hold: no panic, bounded numbers, and the hash of equal
// requests is equal.
func FuzzParseRequest(f *testing.F) {
	f.Add("1", "first", "https://example.com/a#b", "1000", "0.50", "", "")
	f.Add("007", "r", "http://[::1]:8080/%C3%A9?x=y", "0", "", "one\r\ntwo\rthree", "3")
	f.Add("1", "r", "https://example.com/\u00a0", "999999999999999", "1000000000", "0", "00")
	f.Add("-1", "\x00", "javascript:alert(1)", "1e9", "1e9", "\xff", "\r")
	f.Fuzz(func(t *testing.T, service, requestID, link, quantity, maxCharge, comments, runs string) {
		fields := map[string]string{
			"service": service, "request_id": requestID, "link": link, "quantity": quantity,
			"max_charge": maxCharge, "comments": comments, "runs": runs,
		}
		r, err := parse(fields)
		if err != nil {
			if f := fault.From(err); f.Code != fault.Invalid || f.Text == "" {
				t.Fatalf("%v is no refusal", err)
			}
			return
		}
		if r.Service < 0 || r.Quantity < 0 || r.Service >= 1e15 || r.Quantity >= 1e15 {
			t.Fatalf("%+v is out of bounds", r)
		}
		if r.MaxCharge != nil && (*r.MaxCharge < 0 || *r.MaxCharge > money.Max) {
			t.Fatalf("max_charge %s is out of bounds", *r.MaxCharge)
		}
		if r.Link != link || strings.ContainsAny(link, " \t\r\n") {
			t.Fatalf("link %q is kept as %q", link, r.Link)
		}
		for name, same := range map[string]map[string]string{
			"the same":      fields,
			"line ends":     changed(fields, "comments", strings.NewReplacer("\r\n", "\r", "\n", "\r").Replace(comments)),
			"zeros before":  changed(fields, "service", "0"+service),
			"another id":    changed(fields, "request_id", "another"),
			"unknown field": changed(fields, "note", comments),
		} {
			if again, err := parse(same); err != nil || again.Hash() != r.Hash() {
				t.Fatalf("%s: the hash differs, %v", name, err)
			}
		}
		other, err := parse(changed(fields, "link", link+"x"))
		if err == nil && other.Hash() == r.Hash() {
			t.Fatalf("another link has the same hash")
		}
	})
}

func changed(fields map[string]string, name, value string) map[string]string {
	fields = maps.Clone(fields)
	fields[name] = value
	return fields
}

// The placing transaction, in which everybody waits, reads no link and makes no
// host's spelling: that is done when the request is parsed.
func TestPlacingReadsNoLink(t *testing.T) {
	t.Parallel()
	for file, may := range map[string]bool{"request.go": true, "pricing.go": false, "values.go": false, "batch.go": false, "place.go": false, "overlap.go": false} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		reads := bytes.Contains(source, []byte("catalog.ReadLink(")) || bytes.Contains(source, []byte("readTargets("))
		if reads != may {
			t.Errorf("%s reads links: %v", file, reads)
		}
	}
}
