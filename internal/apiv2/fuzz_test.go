package apiv2

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/order"
)

// Whatever comes in is read without a panic and into bounded memory; a form that
// is read without a complaint is read as the standard library reads it.
func FuzzRead(f *testing.F) {
	for _, s := range [][3]string{
		{"", formType, "key=k&action=add&service=1&quantity=1000&link=https%3A%2F%2Fexample.com%2F%23top"},
		{"key=k&action=status&order=5", "", ""},
		{"action=balance", formType, "key=k&runs=undefined&interval=undefined&quantity=0"},
		{"", "application/json", `{"key":"k","action":"status","orders":[1,2],"order":5,"n":-1.5e3,"t":true}`},
		{"", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n--b--\r\n"},
		{"", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"key\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=3D=\r\n--b--"},
		{"%zz=1&key=%", formType, "a=%zz&a=1;b=2&=x&&%00=%ff"},
		{"", "text/plain", "\xef\xbb\xbf{\"key\":1}"},
	} {
		f.Add(s[0], s[1], []byte(s[2]))
	}
	f.Fuzz(func(t *testing.T, query, contentType string, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/api/v2", strings.NewReader(string(body)))
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", contentType)
		large := &room{}
		in, err := read(r, client, large)
		if in == nil || len(in.body) > maxFields || len(in.query) > maxFields {
			t.Fatal("nothing, or more fields than may be")
		}
		if large.taken != in.reserved {
			t.Fatalf("%d bytes taken, %d of them known", large.taken, in.reserved)
		}
		size := 0
		for name, value := range in.body {
			size += len(name) + len(value)
		}
		// A byte that is not UTF-8 becomes three in JSON.
		if size > 3*len(body) {
			t.Fatalf("%d bytes of fields from a body of %d", size, len(body))
		}
		if text := in.checkText(); text == nil {
			for name, value := range in.body {
				if !utf8.ValidString(name+value) || strings.ContainsRune(name+value, 0) {
					t.Fatalf("%q=%q passes for text", name, value)
				}
			}
		}
		if answer := beforeKey(in, fault.From(err)); len(answer.body) == 0 {
			t.Fatal("an answer without a body")
		}
		if list, err := ids("orders", in.get("orders")); err == nil && (len(list) == 0 || len(list) > 100) {
			t.Fatalf("%d ids", len(list))
		}
		if in.form == urlencoded && err == nil && in.problem == nil {
			sameAsStandard(t, in, string(body))
		}
		if in.form == jsonObject && err == nil && utf8.Valid(body) {
			sameAsJSON(t, in, bytes.TrimPrefix(body, []byte("\ufeff")))
		}
	})
}

// Whatever comes in under a classic key: it is a known action with well-formed
// fields, or one error and nothing else.
func FuzzClassic(f *testing.F) {
	for _, s := range [][4]string{
		{"POST", "", formType, "action=add&service=1&quantity=0&comments=one%0Atwo&runs=undefined&interval=undefined&link=https%3A%2F%2Fexample.com"},
		{"GET", "action=orders&orders=1,Array,,7", "", ""},
		{"POST", "action=add&link=https://example.com/100%&service=1&quantity=5", "", ""},
		{"POST", "", "application/json", `{"action":"status","orders":[1,"2",null,[3]],"expiry":"31/12/2026","order":5e0}`},
		{"POST", "", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"action\"\r\n\r\ncancel\r\n--b\r\nContent-Disposition: form-data; name=\"order\"\r\n\r\n1,2\r\n--b--\r\n"},
		{"POST", "", formType, "action=ADD&service=5&username=a&min=1&max=2&delay=0&posts=0&expiry=12/31/2026&request_id=a+b&max_charge=-1"},
		{"POST", "", formType, "action=refill_status&order=7&refills=1,Array&x=%00"},
	} {
		f.Add(s[0] == "GET", s[1], s[2], []byte(s[3]), true, "")
	}
	f.Fuzz(func(t *testing.T, get bool, query, contentType string, body []byte, allowed bool, repeatID string) {
		r := httptest.NewRequest(http.MethodPost, "/api/v2", strings.NewReader(string(body)))
		if get {
			r.Method = http.MethodGet
		}
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Idempotency-Key", repeatID)
		in, err := read(r, client, &room{})
		if err != nil {
			return
		}
		c := &call{input: in, who: apikey.Principal{State: account.Active, Settings: apikey.Settings{AllowGET: allowed}}}
		d := classic{&API{}}
		action, carryOut, err := d.route(c)
		if err == nil {
			err = readsOn(t, c, action)
		}
		if err == nil {
			if carryOut == nil {
				t.Fatalf("nobody carries out %s", action)
			}
			return
		}
		one := d.refuse(fault.From(err))
		var fields map[string]string
		if json.Unmarshal(one.body, &fields) != nil || len(fields) != 1 || fields["error"] == "" || one.status != http.StatusOK || one.plain {
			t.Fatalf("%v is answered %d %s", err, one.status, one.body)
		}
		for _, transient := range []fault.Code{fault.RateLimited, fault.Unavailable, fault.Internal} {
			if later := d.refuse(fault.Wrap(transient, "Not now", err)); !later.plain || json.Valid(later.body) || later.status < 429 {
				t.Fatalf("%s is answered %d %s", transient, later.status, later.body)
			}
		}
	})
}

// readsOn reads what the action's handler reads first.
func readsOn(t *testing.T, c *call, action string) error {
	t.Helper()
	for name, v := range c.body {
		if isAbsent(v) || !utf8.ValidString(v) || strings.ContainsFunc(v, isControl) {
			t.Fatalf("%s=%q was let in", name, v)
		}
	}
	one, many := "order", "orders"
	switch action {
	case "add":
		request, err := order.ParseClassic(c.get)
		if err == nil && (request.Service <= 0 && c.get("service") == "" || len(request.Hash()) != 64) {
			t.Fatalf("%+v", request)
		}
		return err
	case "services", "balance":
		return nil
	case "refill_status":
		one, many = "refill", "refills"
	}
	tokens, _, err := c.tokens(one, many)
	seen := map[string]bool{}
	for _, token := range tokens {
		if seen[token] || token == "" || len(token) > maxID || len(tokens) > 100 {
			t.Fatalf("ids %q", tokens)
		}
		seen[token] = true
	}
	if err == nil && len(tokens) == 0 {
		t.Fatal("no ids and no error")
	}
	return err
}

// sameAsStandard compares a form with what net/url makes of it.
func sameAsStandard(t *testing.T, in *input, body string) {
	t.Helper()
	standard, err := url.ParseQuery(body)
	if err != nil {
		return // net/url refuses semicolons
	}
	for name, value := range in.body {
		if want := strings.TrimSpace(standard.Get(name)); value != want {
			t.Fatalf("%q is %q, net/url says %q", name, value, want)
		}
	}
	for name := range standard {
		if _, ok := in.body[name]; !ok && name != "" {
			t.Fatalf("%q is lost", name)
		}
	}
}
