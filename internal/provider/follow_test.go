package provider

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Many orders are asked about as the profile says.
func TestStatusByProfile(t *testing.T) {
	t.Parallel()
	const both = `{"7":{"status":"Completed"},"8":{"status":"Partial"}}`
	for name, c := range map[string]struct {
		profile Profile
		answers []string
		asked   []string
		most    int
		reports string
		fails   bool
	}{
		"classic":       {answers: []string{both}, asked: []string{"action=status&orders=7%2C8"}, most: 100, reports: "7: Completed, 8: Partial"},
		"other action":  {profile: Profile{BatchStatus: "multi_status"}, answers: []string{both}, asked: []string{"action=multi_status&orders=7%2C8"}, most: 100, reports: "7: Completed, 8: Partial"},
		"action orders": {profile: Profile{BatchStatus: "orders", BatchParameter: "order"}, answers: []string{both}, asked: []string{"action=orders&order=7%2C8"}, most: 100, reports: "7: Completed, 8: Partial"},
		"other name": {
			profile: Profile{Names: map[string]string{"orders": "order_ids", "action": "do"}}, answers: []string{both},
			asked: []string{"do=status&order_ids=7%2C8"}, most: 100, reports: "7: Completed, 8: Partial",
		},
		"parameter before name": {
			profile: Profile{BatchParameter: "ids", Names: map[string]string{"orders": "order_ids", "action": "do"}}, answers: []string{both},
			asked: []string{"do=status&ids=7%2C8"}, most: 100, reports: "7: Completed, 8: Partial",
		},
		"alone": {
			profile: Profile{BatchStatus: "none"}, answers: []string{`{"status":"Completed"}`, `{"status":"Partial"}`},
			asked: []string{"action=status&order=7", "action=status&order=8"}, most: 10, reports: "7: Completed, 8: Partial",
		},
		"one alone unknown": {
			profile: Profile{BatchStatus: "none"}, answers: []string{`{"error":"Incorrect order ID"}`, `{"status":"Partial"}`},
			asked: []string{"action=status&order=7", "action=status&order=8"}, most: 10, reports: "7: Incorrect order ID, 8: Partial",
		},
		"one alone keyed": {
			profile: Profile{BatchStatus: "none"}, answers: []string{`{"7":{"status":"Completed"}}`, `[{"order":8,"status":"Partial"}]`},
			asked: []string{"action=status&order=7", "action=status&order=8"}, most: 10, reports: "7: Completed, 8: Partial",
		},
		"alone, key gone": {
			profile: Profile{BatchStatus: "none"}, answers: []string{`{"status":"Completed"}`, `{"error":"Invalid API key"}`},
			asked: []string{"action=status&order=7", "action=status&order=8"}, most: 10, reports: "7: Completed", fails: true,
		},
		"alone, another's": {
			profile: Profile{BatchStatus: "none"}, answers: []string{`{"order":9,"status":"Completed"}`, `{"9":{"status":"Completed"}}`},
			asked: []string{"action=status&order=7", "action=status&order=8"}, most: 10,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := listen(t, c.answers...)
			client := e.bent(t, c.profile)
			got, err := client.Status(t.Context(), []string{"7", "8"})
			if (err != nil) != c.fails || client.StatusMost() != c.most {
				t.Errorf("%v, %d at once", err, client.StatusMost())
			}
			if diff := cmp.Diff(c.asked, e.said()); diff != "" {
				t.Error(diff)
			}
			var said []string
			for _, orderID := range []string{"7", "8", "9"} {
				if r, ok := got[orderID]; ok {
					said = append(said, orderID+": "+r.Said+r.Err)
				}
			}
			if text := strings.Join(said, ", "); text != c.reports {
				t.Errorf("%s, want %s", text, c.reports)
			}
		})
	}
}

// A subscription's report names its posts; what can't be one is passed over.
func TestStatusOfSubscription(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]Report{
		`{"status":"Active","expiry":"31/12/2026","posts":"3","orders":[101,"102",103]}`:        {Word: WordInProgress, Said: "Active", Posts: 3, Orders: []string{"101", "102", "103"}, Expiry: "31/12/2026"},
		`{"status":"Paused","expiry":null,"posts":0,"orders":[]}`:                               {Word: WordPaused, Said: "Paused"},
		`{"status":"Expired","posts":2.0,"orders":["ord_A","ord_A",null,{},0,"0","7,8","<b>"]}`: {Word: WordExpired, Said: "Expired", Posts: 2, Orders: []string{"ord_A"}},
		`{"status":"Completed","posts":-1,"orders":"101"}`:                                      {Word: WordCompleted, Said: "Completed", Orders: []string{"101"}},
		`{"status":"Completed","orders":"71, 72"}`:                                              {Word: WordCompleted, Said: "Completed", Orders: []string{"71", "72"}},
		`{"status":"Completed","orders":[{"id":71},{"order":"72"}]}`:                            {Word: WordCompleted, Said: "Completed", Orders: []string{"71", "72"}},
		`{"status":"Canceled","posts":1e1,"orders":{"1":2},"expiry":{"a":1}}`:                   {Word: WordCanceled, Said: "Canceled", Posts: 10},
	} {
		got, err := parseStatus([]byte(body), []string{"7"}, WordOf)
		if err != nil {
			t.Fatal(err)
		}
		want.PostsTold = true
		if diff := cmp.Diff(want, got["7"]); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
}

// A native panel's failed order is over and paid back; a classic panel's needs a
// person.
func TestNativeWord(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]Word{
		"pending": WordWaiting, "processing": WordWaiting, "in_progress": WordInProgress, "completed": WordCompleted, "partial": WordPartial,
		"canceled": WordCanceled, "failed": WordCanceled, "refunded": WordCanceled, "error": WordTrouble, "": WordUnknown,
	} {
		if got := nativeWord(said); got != want {
			t.Errorf("%s is %d, want %d", said, got, want)
		}
	}
}

// The shapes that an answer to refill_status has.
func TestParseRefillStatus(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body, ids string
		want      map[string]RefillReport
	}{
		"single":        {`{"status":"Completed"}`, "1", map[string]RefillReport{"1": {Word: RefillCompleted, Said: "Completed"}}},
		"single by id":  {`{"refill":"1","status":"in_progress"}`, "1", map[string]RefillReport{"1": {Word: RefillRunning, Said: "in_progress"}}},
		"another's":     {`{"refill":"2","status":"Completed"}`, "1", map[string]RefillReport{}},
		"rows":          {`[{"refill":1,"status":"Pending"},{"refill":3,"status":{"error":"Refill not found"}}]`, "1,3", map[string]RefillReport{"1": {Word: RefillWaiting, Said: "Pending"}, "3": {Err: "Refill not found"}}},
		"flat rows":     {`[{"refill":"ref_A","error":"Refill not found"},{"refill":"ref_B","status":"rejected"}]`, "ref_A,ref_B", map[string]RefillReport{"ref_A": {Err: "Refill not found"}, "ref_B": {Word: RefillRejected, Said: "rejected"}}},
		"keyed":         {`{"1":{"status":"Canceled"},"2":"Refill not found","3":"Completed","4":null}`, "1,2,3,4", map[string]RefillReport{"1": {Word: RefillRejected, Said: "Canceled"}, "2": {Err: "Refill not found"}, "3": {Word: RefillCompleted, Said: "Completed"}}},
		"an odd word":   {`{"status":"Dreaming"}`, "1", map[string]RefillReport{"1": {Said: "Dreaming"}}},
		"no word":       {`{"status":null}`, "1", map[string]RefillReport{"1": {}}},
		"single nested": {`{"status":{"error":"Refill not found"}}`, "1", map[string]RefillReport{"1": {Err: "Refill not found"}}},
		"other rows":    {`[null,{"status":"Completed"},5]`, "1", map[string]RefillReport{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseRefillStatus([]byte(c.body), strings.Split(c.ids, ","))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Refills are asked about together, and alone where that is refused.
func TestRefillStatus(t *testing.T) {
	t.Parallel()
	e := listen(t, `{"error":"Incorrect request"}`, `{"status":"Completed"}`, `{"error":"Refill not found"}`)
	got, err := e.bent(t, Profile{}).RefillStatus(t.Context(), []string{"1", "2"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]RefillReport{"1": {Word: RefillCompleted, Said: "Completed"}, "2": {Err: "Refill not found"}}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"action=refill_status&refills=1%2C2", "action=refill_status&refill=1", "action=refill_status&refill=2"}, e.said()); diff != "" {
		t.Error(diff)
	}
	e = listen(t, `{"error":"Rate limit exceeded"}`)
	if got, err := e.bent(t, Profile{}).RefillStatus(t.Context(), []string{"1", "2"}); err == nil || len(e.said()) != 1 {
		t.Errorf("%v, %v after %v", got, err, e.said())
	}
	e = listen(t, `{"error":"Invalid API key"}`)
	if got, err := e.bent(t, Profile{}).RefillStatus(t.Context(), []string{"1"}); err == nil {
		t.Errorf("%v", got)
	}
}

func pageOf(more string, ids ...int) string {
	var rows []string
	for _, n := range ids {
		rows = append(rows, fmt.Sprintf(`{"service":%d,"name":"V","rate":"1","min":1,"max":2}`, n))
	}
	return `{"services":[` + strings.Join(rows, ",") + `],` + more + `}`
}

// A list in pages is read to its end, or it is an error: half a list would pause
// the other half.
func TestServicesInPages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pages []string
		ids   string
		asked int
		err   string
	}{
		"by has_more":       {[]string{pageOf(`"has_more":true`, 1, 2), pageOf(`"has_more":1`, 3), pageOf(`"has_more":false,"count":4`, 4)}, "1 2 3 4", 3, ""},
		"by count":          {[]string{pageOf(`"page":1,"count":3`, 1, 2), pageOf(`"page":2,"count":3`, 3)}, "1 2 3", 2, ""},
		"moved between":     {[]string{pageOf(`"has_more":true`, 1, 2), pageOf(`"has_more":false,"count":4`, 2, 3)}, "1 2 3", 2, ""},
		"one page":          {[]string{pageOf(`"has_more":false,"page":1,"count":1`, 1)}, "1", 1, ""},
		"repeats":           {[]string{pageOf(`"has_more":true`, 1)}, "", 2, "repeat themselves"},
		"ends early":        {[]string{pageOf(`"has_more":true,"count":9`, 1), pageOf(`"has_more":false,"count":9`, 2)}, "", 2, "2 of 9"},
		"empty page":        {[]string{pageOf(`"page":1,"count":3`, 1, 2), pageOf(`"page":2,"count":3`)}, "", 2, "2 of 3"},
		"breaks":            {[]string{pageOf(`"has_more":true`, 1), `<html>`}, "", 2, "can't be read"},
		"fails":             {[]string{pageOf(`"has_more":true`, 1), `{"error":"Rate limit exceeded"}`}, "", 2, "Rate limit"},
		"nothing on page 2": {[]string{pageOf(`"has_more":true`, 1), `{"status":"success","data":"Empty Data"}`}, "", 2, "can't be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := listen(t, c.pages...)
			got, err := e.bent(t, Profile{}).Services(t.Context())
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Fatalf("%v, want %q", err, c.err)
			}
			var ids []string
			for _, l := range got {
				ids = append(ids, l.ID)
			}
			if text := strings.Join(ids, " "); text != c.ids {
				t.Errorf("%s, want %s", text, c.ids)
			}
			asked := e.said()
			if len(asked) != c.asked || asked[0] != "action=services" || len(asked) > 1 && asked[1] != "action=services&page=2" {
				t.Errorf("asked %v", asked)
			}
		})
	}
}

// A list without an end is given up, and so is one that is too large in all.
func TestServicesAreBounded(t *testing.T) {
	t.Parallel()
	var pages []string
	for n := range maxPages + 1 {
		pages = append(pages, pageOf(`"has_more":true`, n+1))
	}
	e := listen(t, pages...)
	if _, err := e.bent(t, Profile{}).Services(t.Context()); err == nil || !strings.Contains(err.Error(), "more than 200 pages") || len(e.said()) != maxPages {
		t.Errorf("%v after %d pages", err, len(e.said()))
	}
	blanks := strings.Repeat(" ", maxServices/2-1000)
	e = listen(t, pageOf(`"has_more":true`, 1)+blanks, pageOf(`"has_more":true`, 2)+blanks, pageOf(`"has_more":false`, 3)+blanks)
	if _, err := e.bent(t, Profile{}).Services(t.Context()); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("%v", err)
	}
}

// Nothing to tell is no empty catalogue.
func TestEmptyDataIsNoChange(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"status":"success","data":"Empty Data"}`: true,
		`{"status":"success","data":"empty data"}`: true,
		`{"status":"success","data":"Full Data"}`:  false,
		`{"status":"success","data":null}`:         false,
	} {
		if _, err := parseServices([]byte(body)); err == nil || errors.Is(err, ErrNoChange) != want {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// What a list says of a service beyond its price.
func TestListingFlags(t *testing.T) {
	t.Parallel()
	got, err := parseServices([]byte(`[
		{"service":1,"name":"V","rate":"1","min":"1e2","max":1.5E+3,"increment":"100","type":"custom_comments","dripfeed":"1","refill":true,"refill_days":"30","cancel":0},
		{"service":"1","name":"again","rate":"2","min":1,"max":2},
		{"service":2,"name":"V","rate":"1","min":1,"max":2,"increment":3,"type":"Telepathy","refill":false,"refill_days":30},
		{"service":3,"name":"V","rate":"1","min":1,"max":2,"type":"WEB TRAFFIC","refill":1,"refill_days":99999}]`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Listing{
		{ID: "1", Name: "V", Category: "Other", Type: "Custom Comments", Cost: 1_000_000, Min: 100, Max: 1500, Increment: 100, Dripfeed: true, Refill: true, RefillDays: 30},
		{ID: "2", Name: "V", Category: "Other", Cost: 1_000_000, Min: 1, Max: 2, Problem: "its type is not sold here: Telepathy"},
		{ID: "3", Name: "V", Category: "Other", Type: "Web Traffic", Cost: 1_000_000, Min: 1, Max: 2, Refill: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Counts are exact in every form of a number, or they are none.
func TestCount(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]int64{
		"0": 0, "157": 157, "157.0": 157, "1.57e2": 157, "1.57E+2": 157, "15700e-2": 157, "0e5": 0, "0.0": 0, "007": 7, "1e18": 1e18,
		"9223372036854775807": 9223372036854775807, "5e-1": -1, "1.5": -1, "1e19": -1, "9223372036854775808": -1, "": -1, ".5": -1, "e5": -1,
		"1e": -1, "1e999999999999": -1, "1e-999999999": -1, "-1": -1, "+1": -1, "1,000": -1, "0x10": -1, "1_000": -1, "NaN": -1, "٣": -1,
	} {
		n, ok := count(said)
		if !ok {
			n = -1
		}
		if n != want {
			t.Errorf("%q is %d, want %d", said, n, want)
		}
	}
}

// A warning before an answer is passed over, whatever brackets it holds; what
// stands within a broken answer is none.
func TestDecodePassesOverWarnings(t *testing.T) {
	t.Parallel()
	for body, ok := range map[string]bool{
		"<b>Notice</b>: a[0] in {x} on line 7<br>\n" + `{"a":1}`: true,
		"Warning: [1,2] in x\n[3]":                               true,
		"\xef\xbb\xbf Notice\n[1]":                               true,
		`{"broken":1,{"a":1}`:                                    false,
		`[{"a":1},[2]`:                                           false,
		`x{"a":1}y`:                                              false,
		strings.Repeat("[", 50_000) + "1]":                       false,
		"x" + strings.Repeat("[", 50_000) + "1]":                 false,
	} {
		if _, err := decode([]byte(body)); (err == nil) != ok {
			t.Errorf("%.40q: %v", body, err)
		}
	}
}
