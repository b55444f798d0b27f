package simulator_test

import (
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/provider/simulator"
)

// A refill waits, runs and ends as its order took; the order stays as it is.
func TestRefillWalks(t *testing.T) {
	t.Parallel()
	steps := []struct {
		after       time.Duration
		query, want string
	}{
		{0, order(113, 100, "#sim=partial:50"), `{"order":23501}`},
		{0, "action=refill&order=23501", `{"error":"Order cannot be refilled: the order is not completed"}`},
		{6 * time.Second, "action=refill_status&order=23501", `{"error":"Refill not found"}`},
		{6 * time.Second, "action=refill&order=23501", `{"refill":"901"}`},
		{6 * time.Second, "action=refill&order=23501", `{"error":"Order cannot be refilled: one is in progress"}`},
		{6 * time.Second, "action=refill_status&refill=901", `{"status":"Pending"}`},
		{7 * time.Second, "action=refill_status&refill=901", `{"status":"In progress"}`},
		{12 * time.Second, "action=refill_status&refill=901", `{"status":"Completed"}`},
		{12 * time.Second, "action=refill_status&order=23501", `{"status":"Completed"}`},
		{12 * time.Second, "action=refill&order=23501", `{"refill":"902"}`},
		{12 * time.Second, "action=refill_status&order=23501", `{"status":"Pending"}`},
		{18 * time.Second, "action=refill&order=23501", `{"refill":"903"}`},
		{24 * time.Second, "action=refill&order=23501", `{"error":"Order cannot be refilled: it was refilled 3 times"}`},
		{24 * time.Second, "action=status&order=23501", `{"charge":"0.03","start_count":"24985","status":"Partial","remains":"50","currency":"USD"}`},
	}
	p := setup(t)
	var passed time.Duration
	for _, step := range steps {
		p.clock.advance(step.after - passed)
		passed = step.after
		p.expect(t, step.query, step.want)
	}
	refills := p.Orders()[0].Refills
	if len(refills) != 3 || refills[0].ID != 901 || refills[2].Status != "Completed" {
		t.Errorf("%+v", refills)
	}
}

// A batch has a row for each order, in the order of the request, with the error
// in the place of its value.
func TestRefillBatches(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.call(t, order(113, 100, ""))
	p.call(t, order(101, 1000, ""))
	p.call(t, order(113, 100, "#sim=refill-reject"))
	p.clock.advance(pace)
	p.expect(t, "action=refill&orders=7,23503,23502,x,23501,23501",
		`[{"order":7,"refill":{"error":"Incorrect order ID"}},{"order":23503,"refill":901},`+
			`{"order":23502,"refill":{"error":"Order cannot be refilled: the service has no refill"}},`+
			`{"order":"x","refill":{"error":"Incorrect order ID"}},{"order":23501,"refill":902}]`)
	p.clock.advance(pace)
	p.expect(t, "action=refill_status&refills=902,Array,900,901",
		`[{"refill":902,"status":"Completed"},{"refill":"Array","status":{"error":"Refill not found"}},`+
			`{"refill":900,"status":{"error":"Refill not found"}},{"refill":901,"status":"Rejected"}]`)
	p.expect(t, "action=refill_status&refill=903", `{"error":"Refill not found"}`)
	p.expect(t, "action=refill_status", `{"error":"Incorrect request"}`)
	p.expect(t, "action=refill", `{"error":"Incorrect request"}`)
	p.expect(t, "action=refill&orders="+numbers(101), `{"error":"Incorrect request"}`)
}

// Some providers put the error of a row beside the order.
func TestFlatErrors(t *testing.T) {
	t.Parallel()
	p := setupWith(t, newHands(), simulator.Options{FlatErrors: true})
	p.expect(t, "action=refill&orders=7", `[{"order":7,"error":"Incorrect order ID"}]`)
	p.expect(t, "action=cancel&orders=7", `[{"order":7,"error":"Incorrect order ID"}]`)
	p.expect(t, "action=refill_status&refills=7", `[{"refill":7,"error":"Refill not found"}]`)
}

func TestRefillWords(t *testing.T) {
	t.Parallel()
	cases := []struct{ words, answer, last string }{
		{"refill-refuse", `{"error":"Order cannot be refilled: it was declined"}`, `{"error":"Refill not found"}`},
		{"refill-reject", `{"refill":"901"}`, `{"status":"Rejected"}`},
		{"refill-number", `{"success":true,"refill":901}`, `{"status":"Completed"}`},
		{"refill-no-id", `{"status":"Success","message":"Refill request was sent"}`, `{"status":"Completed"}`},
		{"partial:50,refill-reject,slow:1us", `{"refill":"901"}`, `{"status":"Rejected"}`},
		{"cancel", `{"error":"Order cannot be refilled: the order is not completed"}`, `{"error":"Refill not found"}`},
	}
	for _, c := range cases {
		p := setup(t)
		p.expect(t, order(113, 100, "#sim="+c.words), `{"order":23501}`)
		p.clock.advance(pace)
		p.expect(t, "action=refill&order=23501", c.answer)
		p.clock.advance(pace)
		p.expect(t, "action=refill_status&refill=901", c.last)
	}
}
