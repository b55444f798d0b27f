package client_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/notpanel/notpanel/client"
)

// catalogue answers services, each language with its own list, and 304 to those who
// have it.
func catalogue(version *string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		etag := `"` + *version + `"`
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		body := fmt.Sprintf(`[{"service":1,"name":%q,"rate":"1.00","min":"1","max":"2","increment":"1","average_time":60}]`, *version)
		says(200, body, "ETag", etag)(w, r)
	}
}

// A list that has not changed is not sent again, and what a caller does to theirs is
// seen by nobody else.
func TestServicesAreKept(t *testing.T) {
	t.Parallel()
	version := "first"
	f := &fake{answers: []http.HandlerFunc{catalogue(&version)}}
	inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
		own := func(lang string) []client.Service {
			t.Helper()
			got, err := c.Services(t.Context(), lang)
			if err != nil || len(got) != 1 {
				t.Fatalf("%+v, %v", got, err)
			}
			return got
		}
		list := func(lang string) client.Service { return own(lang)[0] }
		mine := own("")
		mine[0].Name, *mine[0].AverageTime = "changed", 0
		if again := list(""); again.Name != "first" || *again.AverageTime != 60 {
			t.Errorf("the list that was kept is %+v", again)
		}
		list("de")
		version = "second"
		if got := list(""); got.Name != "second" {
			t.Errorf("the new list is not there: %+v", got)
		}
		var had []string
		for _, r := range f.requests() {
			had = append(had, r.form.Get("lang")+r.header.Get("If-None-Match"))
		}
		if want := `["" "\"first\"" "de" "\"first\""]`; fmt.Sprintf("%q", had) != want {
			t.Errorf("had %q, wanted %s", had, want)
		}
	})
}

// Visitors who ask for a thousand languages don't fill the memory.
func TestServicesKeepsFewLists(t *testing.T) {
	t.Parallel()
	version := "first"
	f := &fake{answers: []http.HandlerFunc{catalogue(&version)}}
	inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
		for n := range 34 {
			if _, err := c.Services(t.Context(), fmt.Sprintf("l%d", n)); err != nil {
				t.Fatal(err)
			}
		}
		for _, lang := range []string{"l0", "l33"} {
			if _, err := c.Services(t.Context(), lang); err != nil {
				t.Fatal(err)
			}
		}
		all := f.requests()
		if all[34].header.Get("If-None-Match") != "" || all[35].header.Get("If-None-Match") == "" {
			t.Errorf("of the first list was sent %q, of the last %q", all[34].header.Get("If-None-Match"), all[35].header.Get("If-None-Match"))
		}
	})
}

// A 304 that nobody asked for is no list.
func TestServicesUnaskedNotModified(t *testing.T) {
	t.Parallel()
	f := &fake{answers: []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }}}
	inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
		if got, err := c.Services(t.Context(), ""); err == nil {
			t.Errorf("got %v", got)
		}
	})
}
