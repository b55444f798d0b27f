package orders_test

import (
	"encoding/csv"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

const list = "/dashboard/orders"

// says wants a status and texts.
func says(t *testing.T, what string, got answer, status int, texts ...string) {
	t.Helper()
	if got.status != status {
		t.Errorf("%s: %d, want %d", what, got.status, status)
	}
	for _, text := range texts {
		if !strings.Contains(got.body, text) {
			t.Errorf("%s: no %q in %s", what, text, got.body)
		}
	}
}

var numberOf = regexp.MustCompile(`class="row-link" href="/dashboard/orders/(\d+)`)

// listed are the numbers of a page's rows.
func listed(body string) (numbers string) {
	var all []string
	for _, found := range numberOf.FindAllStringSubmatch(body, -1) {
		all = append(all, found[1])
	}
	return strings.Join(all, " ")
}

// The list shows what the address asks for, and says what to do where that is
// nothing.
func TestListFilters(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		ann := p.customer("ann@example.com")
		says(t, "no orders", ann.get(list), http.StatusOK, "No orders yet", `href="/dashboard/orders/new"`)
		ann.place(ledger.Live)
		ann.place(ledger.Live, "service", "2", "comments", "one\ntwo", "link", "https://example.com/Second", "request_id", "mine-2")
		p.move(ann.place(ledger.Live), 0, order.Submitting, order.Processing, order.Completed)
		p.Core.DB.AdvanceClock(48 * time.Hour)
		ann.place(ledger.Live)
		ann.place(ledger.Test)
		p.customer("bob@example.com").place(ledger.Live)
		today := p.order(p.numbered(ann, 4)).CreatedAt.UTC().Format(time.DateOnly)
		for query, want := range map[string]string{
			"":                               "4 3 2 1",
			"?state=pending":                 "4 2 1",
			"?state=completed":               "3",
			"?state=uncertain":               "4 3 2 1", // no word of customers
			"?service=2":                     "2",
			"?q=second":                      "2",
			"?q=mine-2":                      "2",
			"?q=3":                           "3",
			"?from=" + today:                 "4",
			"?to=" + today:                   "4 3 2 1",
			"?from=2001-01-01&to=2001-01-02": "",
			"?from=tomorrow":                 "4 3 2 1", // no day
			"?state=pending&service=1":       "4 1",
			"?before=3":                      "2 1",
			"?mode=test":                     "1",
			"?q=%00%ff":                      "4 3 2 1",
			"?before=-1&service=x":           "4 3 2 1",
		} {
			got := ann.get(list + query)
			if numbers := listed(got.body); got.status != http.StatusOK || numbers != want {
				t.Errorf("%s: %d with %q, want %q", query, got.status, numbers, want)
			}
		}
		says(t, "none fits", ann.get(list+"?q=nothing"), http.StatusOK, "No order fits", "Show all orders", `value="nothing"`)
		says(t, "test orders", ann.get(list+"?mode=test"), http.StatusOK, "Test orders: placed with play money", "/dashboard/orders/1?mode=test")
		if body := ann.get(list + "?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").body; strings.Contains(body, "<script>alert") {
			t.Error("what was searched for is markup")
		}
	})
}

// numbered is the id of an account's live order.
func (p *panel) numbered(c *customer, number int64) (orderID string) {
	p.t.Helper()
	must(p.t, p.Core.DB.Read(p.t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT id FROM orders WHERE account_id = $1 AND mode = 'live' AND number = $2`, c.id, number).Scan(&orderID)
	}))
	return orderID
}

var olderPage = regexp.MustCompile(`href="(/dashboard/orders\?[^"]*before=\d+[^"]*)"`)

// A long list comes in pages that have each order once, with the filter in their
// addresses.
func TestListComesInPages(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite)
	ann := p.customer("ann@example.com")
	for range 27 {
		ann.place(ledger.Live, "quantity", "10")
	}
	first := ann.get(list + "?state=pending")
	older := olderPage.FindStringSubmatch(first.body)
	if older == nil || !strings.Contains(older[1], "state=pending") {
		t.Fatalf("no link to older orders: %v", older)
	}
	second := ann.get(strings.ReplaceAll(older[1], "&amp;", "&"))
	if all := strings.Fields(listed(first.body) + " " + listed(second.body)); len(all) != 27 || all[0] != "27" || all[25] != "2" || all[26] != "1" {
		t.Errorf("%v", all)
	}
	if olderPage.MatchString(second.body) {
		t.Error("the last page leads on")
	}
}

// A cancel gives the money back once, however often its form is sent, and says
// beforehand what it does.
func TestCancelRefundsOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		ann := p.customer("ann@example.com")
		o := ann.place(ledger.Live)
		ann.booked(wealth - 2*money.Unit)
		says(t, "the question", ann.get(list+"/1/cancel"), http.StatusOK, "Cancel order 1?", "$2.00 goes back to your balance")
		var both sync.WaitGroup
		for range 4 {
			both.Go(func() {
				other := &customer{p: p, id: ann.id, cookies: maps.Clone(ann.cookies)}
				if got := other.post(list + "/1/cancel"); got.status != http.StatusSeeOther || got.to() != list+"/1" {
					t.Errorf("%d to %q", got.status, got.to())
				}
			})
		}
		both.Wait()
		if o = p.order(o.ID); o.State != order.Canceled || o.Refunded != o.Charge {
			t.Errorf("it is %s, %s given back", o.State, o.Refunded)
		}
		ann.booked(wealth)
		if n := p.count(`SELECT COUNT(*) FROM transfers WHERE kind = $1`, string(ledger.OrderRefund)); n != 1 {
			t.Errorf("%d refunds in the ledger", n)
		}
		got := ann.get(list + "/1")
		says(t, "its page", got, http.StatusOK, "Canceled", "$2.00 went back to your balance")
		if strings.Contains(got.body, "/1/cancel") || strings.Contains(got.body, "/1/refill") {
			t.Error("it offers what is not possible")
		}
		running := ann.place(ledger.Live)
		p.move(running, 0, order.Submitting, order.Processing)
		says(t, "the question for one that runs", ann.get(list+"/2/cancel"), http.StatusOK, "can only be asked for", "Ask to cancel")
		if got := ann.post(list + "/2/cancel"); got.status != http.StatusSeeOther {
			t.Errorf("asked: %d", got.status)
		}
		says(t, "its page", ann.get(list+"/2"), http.StatusOK, "cancel asked for", "You asked to cancel it")
		p.move(running, 0, order.Completed)
		says(t, "too late", ann.post(list+"/2/cancel"), http.StatusUnprocessableEntity, "can&#39;t be canceled")
		ann.booked(wealth - 2*money.Unit)
	})
}

// A refill is asked for once, and refused in words.
func TestRefill(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		ann := p.customer("ann@example.com")
		o := ann.place(ledger.Live)
		says(t, "too early", ann.post(list+"/1/refill"), http.StatusUnprocessableEntity, "once the order was delivered", "Order 1")
		p.move(o, 0, order.Submitting, order.Processing, order.Completed)
		says(t, "its page", ann.get(list+"/1"), http.StatusOK, `action="/dashboard/orders/1/refill"`)
		for range 2 {
			if got := ann.post(list + "/1/refill"); got.status != http.StatusSeeOther || got.to() != list+"/1" {
				t.Errorf("%d to %q", got.status, got.to())
			}
		}
		if n := p.count(`SELECT COUNT(*) FROM refills`); n != 1 {
			t.Errorf("%d refills", n)
		}
		says(t, "its page", ann.get(list+"/1"), http.StatusOK, "Refill 1 asked for", `id="refills"`)
		says(t, "the list", ann.get("/dashboard/refills"), http.StatusOK, "Order 1", "Pending")
		says(t, "another's list", p.customer("bob@example.com").get("/dashboard/refills"), http.StatusOK, "No refills yet")
		other := ann.place(ledger.Live, "service", "2", "comments", "one")
		p.move(other, 0, order.Submitting, order.Processing, order.Completed)
		says(t, "a service without", ann.post(list+"/2/refill"), http.StatusUnprocessableEntity, "This service has no refill")
	})
}

// A drip-feed is paused, resumed and canceled by its owner, and its page says what is
// to come.
func TestDripFeed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		ann := p.customer("ann@example.com")
		o := ann.place(ledger.Live, "runs", "4", "interval", "60")
		ann.listen("/dashboard/events?whole=1").until("1 of 4 runs begun")
		says(t, "its page", ann.get(list+"/1"), http.StatusOK, "Drip-feed 1", "Run 2", "Run 4", "One every 60 min", `href="/dashboard/orders/2"`)
		says(t, "the list", ann.get("/dashboard/drip-feeds"), http.StatusOK, "1 / 4", `href="/dashboard/orders/1"`)
		for range 2 {
			if got := ann.post(list + "/1/pause"); got.status != http.StatusSeeOther {
				t.Errorf("pause: %d", got.status)
			}
		}
		if p.order(o.ID).PausedAt.IsZero() {
			t.Error("it is not paused")
		}
		says(t, "paused", ann.get(list+"/1"), http.StatusOK, "until you resume it", "/1/resume")
		for range 2 {
			if got := ann.post(list + "/1/resume"); got.status != http.StatusSeeOther {
				t.Errorf("resume: %d", got.status)
			}
		}
		says(t, "the question", ann.get(list+"/1/cancel"), http.StatusOK, "$8.00 goes back to your balance at once", "Cancel the rest")
		if got := ann.post(list + "/1/cancel"); got.status != http.StatusSeeOther {
			t.Errorf("cancel: %d", got.status)
		}
		ann.booked(wealth)
		says(t, "an order that is none", ann.post(list+"/2/pause"), http.StatusUnprocessableEntity, "not possible as the order stands now")
	})
}

// Another's order, and one's own of the other mode, is not there, in any way of asking.
func TestOrdersOfOthersAreNotThere(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		ann, bob := p.customer("ann@example.com"), p.customer("bob@example.com")
		theirs := ann.place(ledger.Live, "runs", "2", "interval", "60")
		test := bob.place(ledger.Test)
		for _, at := range []string{"1", theirs.ID, test.ID, "2", "x", "%00", "1%20OR%201=1"} {
			for _, deed := range []string{"", "/cancel"} {
				if got := bob.get(list + "/" + at + deed); got.status != http.StatusNotFound || strings.Contains(got.body, "Banner") {
					t.Errorf("%s%s: %d", at, deed, got.status)
				}
			}
			for _, deed := range []string{"/cancel", "/refill", "/pause", "/resume"} {
				if got := bob.post(list + "/" + at + deed); got.status != http.StatusNotFound {
					t.Errorf("POST %s%s: %d", at, deed, got.status)
				}
			}
		}
		if now := p.order(theirs.ID); now.State == order.Canceled || !now.PausedAt.IsZero() || !now.CancelWishAt.IsZero() {
			t.Errorf("it was touched: %+v", now)
		}
		says(t, "the test order", bob.get(list+"/1?mode=test"), http.StatusOK, "Order 1", "Test orders")
		fresh := bob.place(ledger.Test) // the sandbox delivers one within seconds
		if got := bob.post(list + "/2/cancel?mode=test"); got.status != http.StatusSeeOther || got.to() != list+"/2?mode=test" {
			t.Errorf("its cancel: %d to %q", got.status, got.to())
		}
		if now := p.order(fresh.ID); now.State != order.Canceled && now.CancelWishAt.IsZero() {
			t.Errorf("it is %s", now.State)
		}
	})
}

// What staff and the provider wrote of an order is not in its page; what its customer
// gave is, as text.
func TestOrderPageTellsTheCustomerOnly(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite)
	ann := p.customer("ann@example.com")
	o := ann.place(ledger.Live, "service", "2", "comments", "<b>first</b>\nsecond", "request_id", "mine")
	p.move(o, 1, order.Submitting, order.Processing, order.InProgress, order.Partial)
	must(t, p.Core.DB.Write(t.Context(), func(tx *db.Tx) error {
		locked, _, err := order.Lock(tx, o.ID)
		if err != nil {
			return err
		}
		return order.Note(tx, locked, "staff", "a word of staff")
	}))
	got := ann.get(list + "/1")
	says(t, "the page", got, http.StatusOK, "&lt;b&gt;first&lt;/b&gt;", "mine", o.ID, "1 of 2 delivered", "Placed", "Delivery began", "Delivered in part",
		"$0.002 went back", `rel="noopener noreferrer nofollow ugc"`, "/dashboard/orders/new?again=1")
	for _, bad := range []string{"the provider said so", "a word of staff", "Upstream", "<b>first"} {
		if strings.Contains(got.body, bad) {
			t.Errorf("the page says %q", bad)
		}
	}
}

// The download has each order once that there was when it began, though orders are
// placed meanwhile.
func TestExportWhileOrdersArePlaced(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		ann := p.customer("ann@example.com")
		const before = 1201 // more than two reads
		for range before {
			ann.place(ledger.Live, "quantity", "10")
		}
		stop := make(chan struct{})
		var placing sync.WaitGroup
		placing.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					ann.place(ledger.Live, "quantity", "10")
				}
			}
		})
		got := ann.get(list + "/export.csv")
		close(stop)
		placing.Wait()
		if disposition := got.header.Get("Content-Disposition"); got.status != http.StatusOK || !strings.HasPrefix(disposition, `attachment; filename="orders-`) {
			t.Fatalf("%d %q", got.status, disposition)
		}
		records, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
		must(t, err)
		seen := map[string]int{}
		for _, r := range records[1:] {
			seen[r[0]]++
		}
		for n := 1; n <= before; n++ {
			if seen[strconv.Itoa(n)] != 1 {
				t.Errorf("order %d came %d times", n, seen[strconv.Itoa(n)])
			}
		}
		for number, n := range seen {
			if n != 1 {
				t.Errorf("order %s came %d times", number, n)
			}
		}
	})
}

// No cell of the download is taken for a formula; numbers stay numbers, and the filter
// holds.
func TestExportIsHarmless(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite)
	ann := p.customer("ann@example.com")
	for _, id := range []string{"=1+1", "+1", "-1", "@x"} {
		ann.place(ledger.Live, "service", "2", "comments", "a", "request_id", id)
	}
	o := ann.place(ledger.Live, "request_id", "plain")
	p.move(o, 400, order.Submitting, order.Processing, order.InProgress, order.Partial)
	records, err := csv.NewReader(strings.NewReader(ann.get(list + "/export.csv").body)).ReadAll()
	must(t, err)
	head := map[string]int{}
	for i, name := range records[0] {
		head[name] = i
	}
	if len(records) != 6 {
		t.Fatalf("%d lines", len(records))
	}
	for i, want := range []string{"plain", "'@x", "'-1", "'+1", "'=1+1"} {
		r := records[i+1]
		if got := r[head["request_id"]]; got != want {
			t.Errorf("a request id is %q, want %q", got, want)
		}
		if got := r[head["service_name"]]; i > 0 && got != "'=Review" {
			t.Errorf("the service is %q", got)
		}
	}
	for name, want := range map[string]string{
		"number": "5", "order": o.ID, "quantity": "1000", "remains": "400", "charge": "2.00", "refunded": "0.80", "currency": "USD", "status": "partial", "start_count": "",
	} {
		if got := records[1][head[name]]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	records, err = csv.NewReader(strings.NewReader(ann.get(list + "/export.csv?service=2&before=3").body)).ReadAll()
	must(t, err)
	if len(records) != 5 {
		t.Errorf("filtered: %d lines, want all four of the service", len(records))
	}
}
