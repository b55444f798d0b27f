package orders_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/staff"
)

// Staff settle an uncertain order by what they found out, in a form that shows what
// is known; the order goes on as they say.
func TestStaffSettleOnThePages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		v := p.helper("helper@example.com", staff.OrdersSee, staff.OrdersSettle)
		o := p.uncertain("a")
		if got := v.get("/admin/orders?show=waiting"); !strings.Contains(got.body, o.ID) || !strings.Contains(got.body, "Uncertain") {
			t.Errorf("the list of what waits: %d", got.status)
		}
		path := "/admin/orders/" + o.ID + "/settle"
		if got := v.get(path); !strings.Contains(got.body, "Bytes of the request left") {
			t.Errorf("the form: %d", got.status)
		}
		if got := v.post(path, "how", "accepted", "upstream_id", " "); got.status != http.StatusUnprocessableEntity {
			t.Errorf("without an id: %d", got.status)
		}
		if got := v.post(path, "how", "accepted", "upstream_id", "88"); got.location != "/admin/orders/"+o.ID {
			t.Errorf("settled: %d %s", got.status, got.location)
		}
		p.want(o, order.Processing, "0.00")
		if got := v.post(path, "how", "accepted", "upstream_id", "88"); got.status != http.StatusUnprocessableEntity {
			t.Errorf("again: %d", got.status)
		}
		other := p.uncertain("b")
		if got := v.post("/admin/orders/"+other.ID+"/settle", "how", "cancel"); got.status != http.StatusSeeOther {
			t.Errorf("canceled: %d", got.status)
		}
		p.want(other, order.Canceled, "2.00")
	})
}

// What gives money back by staff's word alone asks for the password again, once the
// last proof has grown old.
func TestMoneyAsksForAFreshProof(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		v := p.helper("helper@example.com", staff.OrdersSee, staff.OrdersRefund)
		o := p.running("a")
		path := "/admin/orders/" + o.ID + "/end"
		p.stale()
		if got := v.get(path); !strings.Contains(got.body, `name="password"`) {
			t.Error("the form asks for no password")
		}
		for _, password := range [][]string{{}, {"password", "wrong"}} {
			if got := v.post(path, append([]string{"end", "partial", "remains", "250"}, password...)...); got.status < 400 {
				t.Errorf("with %q: %d", password, got.status)
			}
		}
		p.want(o, order.Processing, "0.00")
		if got := v.post(path, "end", "partial", "remains", "250", "password", password); got.status != http.StatusSeeOther {
			t.Errorf("with the password: %d", got.status)
		}
		p.want(o, order.Partial, "0.50")
		if got := v.post(path, "end", "refunded"); got.status != http.StatusSeeOther {
			t.Errorf("fresh now: %d", got.status)
		}
		p.want(o, order.Refunded, "2.00")
	})
}

// A click on *send again* that comes twice buries one order of the provider.
func TestSendAgainTwice(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		v := p.helper("helper@example.com", staff.OrdersSee, staff.OrdersChange)
		o := p.running("a")
		path := "/admin/orders/" + o.ID + "/resend"
		if got := v.post(path); got.status != http.StatusUnprocessableEntity {
			t.Errorf("without a word on the provider's order: %d", got.status)
		}
		for range 2 {
			if got := v.post(path, "certain", "on", "dead", o.UpstreamID); got.status != http.StatusSeeOther {
				t.Errorf("%d", got.status)
			}
		}
		p.want(o, order.Pending, "0.00")
		if now := p.Order(o.ID); now.Generation != o.Generation+1 {
			t.Errorf("generation %d", now.Generation)
		}
	})
}

// Names from providers and links of customers are shown as they are, and run
// nowhere.
func TestHostileTextsOnTheDesk(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		const script = `<script>alert(1)</script>`
		p.Exec(`UPDATE services SET name = $1`, script)
		p.Exec(`UPDATE providers SET name = $1`, script)
		o := p.running("a")
		p.Exec(`UPDATE orders SET link = $1, attention = $1, refusal = $1 WHERE id = $2`, "https://example.com/"+script, o.ID)
		p.Exec(`UPDATE submissions SET answer = $1`, script)
		v := p.signIn("owner@example.com")
		for _, path := range []string{"/admin", "/admin/orders", "/admin/orders/" + o.ID, "/admin/orders/" + o.ID + "/end", "/admin/orders/bulk?state=processing"} {
			if got := v.get(path); got.status != http.StatusOK || strings.Contains(got.body, script) {
				t.Errorf("%s: %d", path, got.status)
			}
		}
	})
}

var hidden = regexp.MustCompile(`name="(work|shown)" value="([^"]+)"`)

// form reads the hidden fields of the page for many.
func form(t *testing.T, body string) (work, shown string) {
	t.Helper()
	for _, m := range hidden.FindAllStringSubmatch(body, -1) {
		if m[1] == "work" {
			work = m[2]
		} else {
			shown = m[2]
		}
	}
	if work == "" || shown == "" {
		t.Fatalf("no form in %s", body)
	}
	return work, shown
}

// finish waits until a work has ended.
func (p *panel) finish(work string) {
	p.T.Helper()
	for p.Count(`SELECT COUNT(*) FROM bulk_works WHERE id = $1 AND finished_at IS NULL`, work) > 0 {
		if _, err := p.server.Core.Bulk.Pass(p.T.Context()); err != nil {
			p.T.Fatal(err)
		}
	}
}

// A deed for all orders that a filter fits is done to as many as were shown: when
// others came meanwhile, nothing is done and the new number is shown.
func TestADeedForAllThatFit(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		v := p.helper("helper@example.com", staff.OrdersSee, staff.OrdersChange)
		for i := range 3 {
			p.Place("r"+strconv.Itoa(i), "https://example.com/"+strconv.Itoa(i), 1000)
		}
		work, shown := form(t, v.get("/admin/orders/bulk?state=pending").body)
		if !strings.HasPrefix(shown, "3-") {
			t.Fatalf("%s orders fit", shown)
		}
		late := p.Place("late", "https://example.com/late", 1000)
		got := v.post("/admin/orders/bulk", "work", work, "shown", shown, "state", "pending", "deed", "cancel")
		if got.status != http.StatusConflict || !strings.Contains(got.body, "3 were shown, 4 fit now") {
			t.Errorf("the number changed: %d", got.status)
		}
		work, shown = form(t, got.body)
		p.Exec(`UPDATE orders SET state = 'completed' WHERE id = $1`, late.ID)
		p.Place("later", "https://example.com/later", 1000)
		got = v.post("/admin/orders/bulk", "work", work, "shown", shown, "state", "pending", "deed", "cancel")
		if got.status != http.StatusConflict || !strings.Contains(got.body, "4 were shown, 4 fit now, and not all of them are the same") {
			t.Errorf("as many, but others: %d", got.status)
		}
		p.Exec(`UPDATE orders SET state = 'pending' WHERE id = $1`, late.ID)
		got.body = v.get("/admin/orders/bulk?state=pending").body
		if n := p.Count(`SELECT COUNT(*) FROM bulk_works`); n != 0 {
			t.Errorf("%d works", n)
		}
		work, shown = form(t, got.body)
		for range 2 { // sent twice
			got = v.post("/admin/orders/bulk", "work", work, "shown", shown, "state", "pending", "deed", "cancel")
			if got.location != "/admin/bulk/"+work && got.status != http.StatusConflict {
				t.Errorf("begun: %d to %s", got.status, got.location)
			}
		}
		p.finish(work)
		if n := p.Count(`SELECT COUNT(*) FROM orders WHERE state = 'canceled'`); n != 5 || p.Count(`SELECT COUNT(*) FROM bulk_works`) != 1 {
			t.Errorf("%d canceled", n)
		}
		if got := v.get("/admin/bulk/" + work); !strings.Contains(got.body, "5 done, 0 not possible, of 5") {
			t.Errorf("the work's page: %d", got.status)
		}
		p.Audit()
	})
}

// A picked selection is what was picked, and a deed that the role does not hold is
// neither offered nor done.
func TestADeedForTheOnesPicked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		v := p.helper("helper@example.com", staff.OrdersSee, staff.OrdersChange)
		a, b := p.running("a"), p.running("b")
		got := v.post("/admin/orders/bulk/ask", "order", a.ID, "order", "ord_nonsense", "order", a.ID)
		work, shown := form(t, got.body)
		if !strings.HasPrefix(shown, "1-") || strings.Contains(got.body, `value="give_back"`) {
			t.Errorf("%s picked; what the role does not hold is offered: %v", shown, strings.Contains(got.body, `value="give_back"`))
		}
		if got := v.post("/admin/orders/bulk", "work", work, "order", a.ID, "deed", "end_canceled"); got.status != http.StatusUnprocessableEntity {
			t.Errorf("what the role does not hold: %d", got.status)
		}
		if got := v.post("/admin/orders/bulk", "work", work, "order", a.ID, "deed", "complete"); got.status != http.StatusSeeOther {
			t.Errorf("%d", got.status)
		}
		p.finish(work)
		p.want(a, order.Completed, "0.00")
		p.want(b, order.Processing, "0.00")
		if got := v.get("/admin/orders/bulk"); strings.Contains(got.body, `name="deed"`) {
			t.Error("no filter chooses all orders there are")
		}
	})
}

// What staff do and note is not told to the customer.
func TestCustomersReadNothingOfTheDesk(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		v := p.helper("helper@example.com", staff.OrdersSee, staff.OrdersChange)
		o := p.running("a")
		if got := v.post("/admin/orders/"+o.ID+"/note", "note", "a word for staff"); got.status != http.StatusSeeOther {
			t.Fatalf("%d", got.status)
		}
		if got := v.get("/admin/orders/" + o.ID); !strings.Contains(got.body, "a word for staff") || !strings.Contains(got.body, "helper@example.com") {
			t.Error("staff do not read it")
		}
		w, err := p.server.Core.Orders.Whole(t.Context(), p.scope(), order.Ref(o.ID))
		ordertest.Must(t, err)
		for _, s := range w.Steps {
			if strings.Contains(s.CustomerNote(), "staff") {
				t.Errorf("the customer reads %q", s.CustomerNote())
			}
		}
	})
}

// Nobody but an owner moves the money of an order of their own, or has it sent again.
func TestNobodyDoesAnythingToTheirOwnOrders(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		ctx := t.Context()
		v := p.helper("helper@example.com", staff.OrdersSee, staff.OrdersChange, staff.OrdersSettle, staff.OrdersRefund)
		self, err := p.server.Core.Accounts.Find(ctx, "helper@example.com")
		ordertest.Must(t, err)
		other := p.running("other")
		_, err = p.server.Core.Accounts.Credit(ctx, self.ID, 100*money.Unit, "a seed", "test")
		ordertest.Must(t, err)
		p.Buyer = order.Buyer{Scope: order.Scope{AccountID: self.ID, Mode: ledger.Live}, WalletID: p.Wallet(self.ID, ledger.Live)}
		own, unsure := p.running("own"), p.uncertain("unsure")
		for _, sent := range [][]string{
			{own.ID + "/end", "end", "canceled"},
			{own.ID + "/resend", "certain", "on", "dead", own.UpstreamID},
			{unsure.ID + "/settle", "how", "cancel"},
			{unsure.ID + "/settle", "how", "not_accepted"},
		} {
			if got := v.post("/admin/orders/"+sent[0], sent[1:]...); got.status != http.StatusUnprocessableEntity {
				t.Errorf("%v: %d", sent, got.status)
			}
		}
		p.want(own, order.Processing, "0.00")
		p.want(unsure, order.Uncertain, "0.00")

		work, _ := form(t, v.post("/admin/orders/bulk/ask", "order", own.ID, "order", other.ID).body)
		got := v.post("/admin/orders/bulk", "work", work, "deed", "end_canceled", "order", own.ID, "order", other.ID)
		if got.status != http.StatusSeeOther {
			t.Fatalf("%d", got.status)
		}
		p.finish(work)
		p.want(own, order.Processing, "0.00")
		p.want(other, order.Canceled, "2.00")

		owner := p.signIn("owner@example.com")
		if got := owner.post("/admin/orders/"+own.ID+"/end", "end", "canceled"); got.status != http.StatusSeeOther {
			t.Errorf("an owner: %d", got.status)
		}
		p.want(own, order.Canceled, "2.00")
	})
}
