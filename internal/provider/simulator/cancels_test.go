package simulator_test

import (
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/provider/simulator"
)

// What becomes of a wish to cancel, half way through the order.
func TestCancelWords(t *testing.T) {
	t.Parallel()
	const (
		yes, no = `{"cancel":1}`, `{"error":"Order cannot be canceled"}`
		running = `{"charge":"1.25","start_count":"24985","status":"In progress","remains":"500","currency":"USD"}`
		done    = `{"charge":"1.25","start_count":"24985","status":"Completed","remains":"0","currency":"USD"}`
	)
	ended := func(charge, word, remains string) string {
		return `{"charge":"` + charge + `","start_count":"24985","status":"` + word + `","remains":"` + remains + `","currency":"USD"}`
	}
	cases := []struct{ words, answer, then, last string }{
		{"cancel-refuse", no, running, done},
		{"cancel-later", yes, running, done},
		{"cancel-partial", yes, running, ended("1.00", "Partial", "200")},
		{"cancel-partial:canceled", yes, running, ended("1.00", "Canceled", "200")},
		{"cancel-partial:canceled,charge:full", yes, running, ended("1.25", "Canceled", "200")},
		{"complete", yes, ended("0.625", "Canceled", "500"), ended("0.625", "Canceled", "500")},
		{"charge:full", yes, ended("1.25", "Canceled", "500"), ended("1.25", "Canceled", "500")},
	}
	for _, c := range cases {
		t.Run(c.words, func(t *testing.T) {
			t.Parallel()
			p := setup(t)
			p.call(t, order(108, 1000, "#sim="+c.words))
			p.clock.advance(3500 * time.Millisecond)
			p.expect(t, "action=cancel&order=23501", c.answer)
			p.expect(t, "action=status&order=23501", c.then)
			p.expect(t, "action=cancel&order=23501", no)
			p.clock.advance(pace)
			p.expect(t, "action=status&order=23501", c.last)
		})
	}
}

// An order that ends before its cancel takes hold ends as it would have.
func TestCancelThatComesTooLate(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.call(t, order(108, 1000, "#sim=cancel-partial,partial:40"))
	p.clock.advance(5 * time.Second)
	p.expect(t, "action=cancel&order=23501", `{"cancel":1}`)
	p.clock.advance(pace)
	p.expect(t, "action=status&order=23501", `{"charge":"0.50","start_count":"24985","status":"Partial","remains":"600","currency":"USD"}`)
}

// Some providers know cancel with order alone.
func TestCancelTakesOneOrder(t *testing.T) {
	t.Parallel()
	p := setupWith(t, newHands(), simulator.Options{Accept: simulator.Accept{CancelOne: true}})
	p.call(t, order(108, 1000, ""))
	p.expect(t, "action=cancel&orders=23501", `{"error":"Incorrect request"}`)
	p.expect(t, "action=cancel&order=23501", `{"cancel":1}`)
}
