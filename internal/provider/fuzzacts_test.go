package provider

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever a server answers to cancel: no panic, reasons that can be stored, none
// beside an acceptance, and of one id alone nothing that is said of another.
func FuzzParseCancel(f *testing.F) {
	for _, body := range []string{
		`[{"order":9,"cancel":{"error":"Incorrect order ID"}},{"order":2,"cancel":1}]`,
		`[{"order":"ord_A","cancel":true},{"order":"ord_B","error":"Order cannot be canceled"}]`,
		`{"7":{"cancel":1},"8":{"error":["x"]}}`, `{"cancel":"7"}`, `{"success":0,"message":"no\u0000"}`, `{"status":"Success"}`,
		"<b>Notice</b>: a[0]\n[{\"id\":7,\"cancel\":\"0\"}]",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, ids := range [][]string{{"7"}, {"7", "8"}} {
			results, err := parseCancel(body, ids)
			if err != nil && results != nil {
				t.Fatal("results beside an error")
			}
			for _, r := range results {
				if !storableText(r.Text) || r.Accepted && r.Text != "" {
					t.Fatalf("%+v", r)
				}
			}
		}
	})
}

// Whatever a server answers to refill: an acceptance only in 2xx and without an
// error, never a decision from a 5xx, and texts that can be stored.
func FuzzClassifyRefill(f *testing.F) {
	for _, body := range []string{
		`{"refill":"1"}`, `[{"order":7,"refill":1}]`, `[{"order":7,"refill":{"error":"Incorrect order ID"}}]`, `{"status":"Success","message":"x"}`,
		`{"refill":1,"error":"No"}`, `{"refill":true}`, `{"success":1,"refill_id":"ref_A"}`, `{"error":"Refill not available: three are enough"}`, `[]`,
	} {
		f.Add(200, []byte(body))
		f.Add(400, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		a := classifyRefill(status, body, "7")
		if !storableText(a.Text) || !storableText(a.Said) || !storableText(a.UpstreamID) || len(a.UpstreamID) > maxUpstreamID {
			t.Fatalf("%+v can't be stored", a)
		}
		if (a.Class != 0) != (a.Outcome == Refused) || a.Outcome == NotSent || a.Said != "" && a.Outcome != Refused {
			t.Fatalf("%+v", a)
		}
		switch {
		case a.Outcome == Accepted && (status < 200 || status > 299), a.Outcome == Refused && (status >= 500 || status < 200 || status/100 == 3):
			t.Fatalf("%d %q: %v", status, body, a.Outcome)
		case a.Outcome == Accepted:
			var o map[string]any
			if json.Unmarshal(body, &o) == nil && truthy(o["error"]) {
				t.Fatalf("%q is accepted", body)
			}
		}
	})
}

// Whatever a server answers to refill_status: no panic, and texts that can be
// stored.
func FuzzParseRefillStatus(f *testing.F) {
	for _, body := range []string{
		`{"status":"Completed"}`, `[{"refill":7,"status":"Pending"},{"refill":8,"status":{"error":"Refill not found"}}]`,
		`{"7":"Rejected","8":"Refill not found"}`, `{"refill":"7","status":null}`, `{"error":"Refill not found"}`, `{"7":{"error":1},"8":{"status":5}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, ids := range [][]string{{"7"}, {"7", "8"}} {
			reports, err := parseRefillStatus(body, ids)
			if err != nil && reports != nil {
				t.Fatal("reports beside an error")
			}
			for _, r := range reports {
				if !storableText(r.Said) || !storableText(r.Err) || r.Err != "" && (r.Word != RefillUnknown || r.Said != "") {
					t.Fatalf("%+v", r)
				}
			}
		}
	})
}

// Whatever a server answers to a look-up: an order only with an id of the native
// form, and a certain no to one sentence alone.
func FuzzParseLookup(f *testing.F) {
	for _, body := range []string{
		`{"order":"ord_A","number":1,"request_id":"r","status":"failed"}`, `{"error":"Order not found"}`, `{"error":"Order not found","order":"ord_A"}`,
		`{"error":"Invalid API key"}`, `{"order":"ord_A","request_id":"s"}`, `{"order":7}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		orderID, found, err := parseLookup(200+200*(len(body)%2), body, "r")
		switch {
		case found && (err != nil || !strings.HasPrefix(orderID, "ord_") || !PlausibleID(orderID)):
			t.Fatalf("%q: %q, %v", body, orderID, err)
		case !found && orderID != "":
			t.Fatalf("%q: not found as %q", body, orderID)
		case !found && err == nil:
			var o map[string]any
			text := strings.TrimPrefix(strings.TrimSpace(string(body)), "\ufeff")
			if json.Unmarshal([]byte(text), &o) != nil || len(o) != 1 || !strings.Contains(strings.ToLower(text), "not") && !strings.Contains(text, `\u`) {
				t.Fatalf("%q is taken for a certain no", body)
			}
		}
	})
}

// Whatever a server says of a subscription: its posts' ids can be ids, each once.
func FuzzSubscriptionStatus(f *testing.F) {
	for _, body := range []string{
		`{"status":"Active","expiry":"31/12/2026","posts":"3","orders":[101,"102",103]}`,
		`{"7":{"status":"Paused","posts":0,"orders":[]},"8":{"status":"Expired","posts":1e1,"orders":["a","a",null,{}]}}`,
		`[{"order":7,"status":"Completed","posts":-1,"orders":"1,2","expiry":"\u0000"}]`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		reports, err := parseStatus(body, []string{"7"}, nativeWord)
		if err != nil {
			return
		}
		for _, r := range reports {
			seen := map[string]bool{}
			for _, orderID := range r.Orders {
				if seen[orderID] || !PlausibleID(orderID) {
					t.Fatalf("%+v", r)
				}
				seen[orderID] = true
			}
			if r.Posts < 0 || !storableText(r.Expiry) || utf8.RuneCountInString(r.Expiry) > maxExpiry || len(r.Orders) > maxPosts {
				t.Fatalf("%+v", r)
			}
		}
	})
}

// Whatever pages a list comes in: no id twice, and no more than the pages hold.
func FuzzServicesInPages(f *testing.F) {
	for _, pages := range [][2]string{
		{`{"services":[{"service":1}],"has_more":true}`, `{"services":[{"service":2},{"service":1}],"has_more":false,"count":3}`},
		{`{"data":[{"id":"a"}],"page":1,"count":"2"}`, `{"data":[],"page":2,"count":2}`},
		{`{"status":"success","data":"Empty Data"}`, `[]`},
		{`[{"service":1},{"service":"1"}]`, `{"error":"x"}`},
	} {
		f.Add([]byte(pages[0]), []byte(pages[1]))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var ls listings
		for i, page := range [][]byte{first, second} {
			more, err := ls.add(page)
			if err != nil || !more {
				if errors.Is(err, ErrNoChange) && (i > 0 || len(ls.all) > 0) {
					t.Fatal("no change beside services")
				}
				break
			}
		}
		seen := map[string]bool{}
		for _, l := range ls.all {
			if l.ID != "" && seen[l.ID] {
				t.Fatalf("%s twice", l.ID)
			}
			seen[l.ID] = true
			if l.Problem == "" && l.Type == "" {
				t.Fatalf("%+v is sold", l)
			}
		}
		if int64(len(ls.all)) > ls.rows {
			t.Fatalf("%d of %d", len(ls.all), ls.rows)
		}
	})
}

// Whatever is given as a profile: what is taken is valid, and is read again as it
// was written.
func FuzzParseProfile(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"method":"GET","add_get":true,"encoding":"json","names":{"link":"url","key":"api"},"package_price":"flat"}`,
		`{"names":{"link":"x","service":"x"}}`, `{"batch_status":"none","cancel_by":"order","refill_by":"orders"}`, `{"Method":"GET"}`, `{"names":{"order":"id","orders":"id"}}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseProfile(text)
		if err != nil {
			return
		}
		written, err := p.text()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseProfile(written)
		if err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if second, err := again.text(); err != nil || second != written {
			t.Fatalf("%s became %s", written, second)
		}
		names := map[string]bool{}
		for _, ours := range []string{"key", "action", "service", "link", "quantity", "request_id"} {
			if names[p.name(ours)] {
				t.Fatalf("%s sends two under one name", written)
			}
			names[p.name(ours)] = true
		}
	})
}
