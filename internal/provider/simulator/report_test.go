package simulator_test

import (
	"testing"
)

// What a link can make its status say at the end, of an order of 1,260 units for
// 1.575.
func TestLastWords(t *testing.T) {
	t.Parallel()
	said := func(charge, word, remains string) string {
		return `{"charge":"` + charge + `","start_count":"24985","status":"` + word + `","remains":"` + remains + `","currency":"USD"}`
	}
	cases := []struct{ words, last, balance string }{
		{"fail", said("0.00", "Failed", "1260"), "1000.00"},
		{"fail,word:Error", said("0.00", "Error", "1260"), "1000.00"},
		{"word:Gestrandet", said("1.575", "Gestrandet", "0"), "998.425"},
		{"word:in%20review", said("1.575", "in review", "0"), "998.425"},
		{"cancel,word:Refunded", said("0.00", "Refunded", "1260"), "1000.00"},
		{"cancel-at:40", said("0.63", "Canceled", "756"), "999.37"},
		{"cancel,charge:full", said("1.575", "Canceled", "1260"), "998.425"},
		{"cancel-at:40,charge:full", said("1.575", "Canceled", "756"), "998.425"},
		{"partial:40,remains:1500", said("0.63", "Partial", "1500"), "999.37"},
		{"partial:40,remains:-7", said("0.63", "Partial", "-7"), "999.37"},
		{"partial:40,remains:Unknown", said("0.63", "Partial", "Unknown"), "999.37"},
		{"partial:40,remains:", said("0.63", "Partial", ""), "999.37"},
		{"partial:40,remains:null", `{"charge":"0.63","start_count":"24985","status":"Partial","remains":null,"currency":"USD"}`, "999.37"},
		{"partial:40,remains:none", `{"charge":"0.63","start_count":"24985","status":"Partial","currency":"USD"}`, "999.37"},
		{"start:null,charge:null", `{"charge":null,"start_count":null,"status":"Completed","remains":"0","currency":"USD"}`, "998.425"},
		{"start:none,charge:none", `{"status":"Completed","remains":"0","currency":"USD"}`, "998.425"},
		{"charge:double", said("3.15", "Completed", "0"), "998.425"},
		{"charge:long", said("1.57500000000", "Completed", "0"), "998.425"},
		{"numbers", `{"charge":1.575,"start_count":24985,"status":"Completed","remains":0,"currency":"USD"}`, "998.425"},
		{"numbers,partial:40,remains:-7", `{"charge":0.63,"start_count":24985,"status":"Partial","remains":-7,"currency":"USD"}`, "999.37"},
		{"numbers,remains:1.2.3", `{"charge":1.575,"start_count":24985,"status":"Completed","remains":"1.2.3","currency":"USD"}`, "998.425"},
		{"order-inside", `{"order":23501,"charge":"1.575","start_count":"24985","status":"Completed","remains":"0","currency":"USD"}`, "998.425"},
		{"keyed", `{"23501":` + said("1.575", "Completed", "0") + `}`, "998.425"},
		{"forgotten", `{"error":"Incorrect order ID"}`, "998.425"},
		{"bare-error", `{"error":"Incorrect order ID"}`, "998.425"},
	}
	for _, c := range cases {
		t.Run(c.words, func(t *testing.T) {
			t.Parallel()
			p := setup(t)
			p.expect(t, order(108, 1260, "#sim="+c.words), `{"order":23501}`)
			p.clock.advance(pace)
			p.expect(t, "action=status&order=23501", c.last)
			p.expect(t, "action=balance", `{"balance":"`+c.balance+`","currency":"USD"}`)
		})
	}
}

// In a batch each order is told in its own way, and none twice keyed.
func TestStatusBatchOfLiars(t *testing.T) {
	t.Parallel()
	p := setup(t)
	for _, words := range []string{"forgotten", "bare-error", "keyed", "numbers,order-inside"} {
		p.call(t, order(108, 1000, "#sim="+words))
	}
	p.expect(t, "action=status&orders=23501,23502,23503,23504",
		`{"23501":{"error":"Incorrect order ID"},"23502":"Incorrect order ID",`+
			`"23503":{"charge":"1.25","start_count":"0","status":"Pending","remains":"1000","currency":"USD"},`+
			`"23504":{"order":23504,"charge":1.25,"start_count":0,"status":"Pending","remains":1000,"currency":"USD"}}`)
}

// A last word that is taken back: Completed for as long as the order took.
func TestLastWordIsTakenBack(t *testing.T) {
	t.Parallel()
	cases := []struct{ words, last, balance string }{
		{"take-back:40", `{"charge":"0.50","start_count":"24985","status":"Partial","remains":"600","currency":"USD"}`, "999.50"},
		{"revoke", `{"charge":"0.00","start_count":"24985","status":"Canceled","remains":"1000","currency":"USD"}`, "1000.00"},
		{"revoke,word:Refunded", `{"charge":"0.00","start_count":"24985","status":"Refunded","remains":"1000","currency":"USD"}`, "1000.00"},
	}
	for _, c := range cases {
		p := setup(t)
		p.call(t, order(108, 1000, "#sim="+c.words))
		for range 2 {
			p.expect(t, "action=balance", `{"balance":"998.75","currency":"USD"}`)
			p.clock.advance(pace - 1000)
		}
		p.clock.advance(1000)
		p.expect(t, "action=status&order=23501", `{"charge":"1.25","start_count":"24985","status":"Completed","remains":"0","currency":"USD"}`)
		p.clock.advance(1000)
		p.expect(t, "action=status&order=23501", c.last)
		p.expect(t, "action=balance", `{"balance":"`+c.balance+`","currency":"USD"}`)
	}
}

// Words that make no sense are refused, each for itself and two of a kind.
func TestSteeringRefusesNonsense(t *testing.T) {
	t.Parallel()
	p := setup(t)
	for _, words := range []string{
		"word", "word:", "word:-x", "word:a;b", "remains", "remains:a b", "start", "charge", "charge:half", "take-back", "take-back:101",
		"revoke:1", "fail:1", "cancel-at", "http", "http:200", "http:600", "http:x", "refuse-later:0", "refuse-later:x", "timeout-lost:0",
		"dup-id:1", "cancel-later:1", "cancel-partial:x", "refill-reject:1", "numbers:1", "stop", "stop:-1", "expire:1001",
		"fail,cancel", "refuse,empty", "cancel-later,cancel-refuse", "refill-reject,refill-refuse", "stop:1,pause:1",
		"numbers,numbers", "remains:1,remains:2", "complete,", ",complete",
	} {
		if got := p.call(t, order(108, 100, "#sim="+words)); got != `{"error":"Incorrect link"}` {
			t.Errorf("%s: %s", words, got)
		}
	}
	if n := len(p.Orders()); n != 0 {
		t.Errorf("%d orders are held", n)
	}
}
