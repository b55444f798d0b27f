package apiv2

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/fault"
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
		in, err := read(r, large)
		if in == nil || len(in.body) > maxFields || len(in.query) > maxFields {
			t.Fatal("nothing, or more fields than may be")
		}
		if large.taken.Load() != in.reserved {
			t.Fatalf("%d bytes taken, %d of them known", large.taken.Load(), in.reserved)
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
	})
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
