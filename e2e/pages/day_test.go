package pages_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/e2e/browser"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/payment"
)

// day is a customer's day, with the operator at the desk in another browser. What is
// ordered really goes to providers: a quick one, and one that has not begun when the
// day is over.
type day struct {
	*walker

	boss *walker
}

func begin(t *testing.T) day {
	t.Helper()
	quick, slow := simulate(t, time.Second), simulate(t, 24*time.Hour)
	boss := operate(t, true)
	panel := boss.panel
	panel.sellFrom(quick, "Quick", listings())
	panel.sellFrom(slow, "Slow", banners())
	panel.offerTopups()
	w := &walker{Page: browser.New(t, panel.at), t: t, panel: panel, account: boss.account, scripts: true}
	w.Open("/login")
	signIn(w.Page, ann, password)
	return day{walker: w, boss: boss}
}

// plain is an order's number as addresses and pages have it.
func plain(number int) string { return strconv.Itoa(number) }

func orderAt(number int) string { return ordersPage + "/" + plain(number) }

// A customer's day from the first money to the statement: each step as its page has
// it, and at the end every page, the orders and the ledger name the same sums.
func TestACustomersDayAddsUp(t *testing.T) {
	t.Parallel()
	d := begin(t)
	d.payIn()
	d.buy("listing", 1)
	d.watchItComplete()
	d.askRefill()
	d.buy("banner", 2)
	d.cancelOnItsWay()
	d.buyAgain()
	d.buyMany()
	d.addUp()
}

// payIn asks for a top-up, which the operator finds on the desk's first page.
func (d day) payIn() {
	d.t.Helper()
	d.topUp("25", "INV-2041")
	d.boss.Open("/admin")
	d.boss.WaitText("#main tbody tr", "Top-up of $25.00")
	d.boss.WaitText("#main tbody tr", "INV-2041")
	d.boss.WaitText("#main tbody tr", ann)
	d.boss.follow("#main tbody [href^='/admin/topups/']")
	d.boss.send("/approve")
	d.boss.done("The top-up is credited.")
	d.panel.booked(d.account, 25*money.Unit)
	d.Open(walletPage)
	d.WaitText("#topups tbody tr", "credited")
}

// buy orders 1,000 of a service that is found by a word, and opens the order's page,
// which is never loaded anew from there on.
func (d day) buy(word string, number int) {
	d.t.Helper()
	d.Open(newOrder)
	d.Fill("[name=q]", word)
	d.WaitText("#found-services", "1 service")
	d.Submit("#found-services a.row-link")
	d.Fill("[name=link]", "https://example.com/"+word)
	d.Fill("[name=quantity]", "1000")
	d.total("Place order · $2.00")
	d.Submit("#order-total [type=submit]")
	d.opensOrder(number)
}

// opensOrder goes on from an order that was just placed to its page.
func (d day) opensOrder(number int) {
	d.t.Helper()
	d.WaitText("#placed", "Order "+plain(number))
	d.Submit("#placed [href='" + orderAt(number) + "']")
	d.WaitText("h1", "Order "+plain(number))
	d.Eval("window.opened = 'once'")
}

// watchItComplete sees the order's page follow the provider by itself.
func (d day) watchItComplete() {
	d.t.Helper()
	d.WaitText("#timeline", "Delivered in full")
	d.WaitText("#main", "1,000 of 1,000 delivered")
	d.WaitText("#main .state", "Completed")
	d.again(orderAt(1))
	d.ordered(1, 23*money.Unit)
}

// askRefill asks for a refill and sees the provider take it.
func (d day) askRefill() {
	d.t.Helper()
	d.Submit("form[action='" + orderAt(1) + "/refill'] button")
	d.Eval("window.opened = 'once'")
	d.WaitText("#refills", "In progress")
	d.WaitText("#timeline", "Refill 1 began")
	d.Gone("form[action='" + orderAt(1) + "/refill']")
	d.again(orderAt(1))
	d.Open("/dashboard/refills")
	d.WaitText("#main tbody tr", "In progress")
}

// cancelOnItsWay asks for the cancel of an order that the provider has, and sees the
// money come back.
func (d day) cancelOnItsWay() {
	d.t.Helper()
	d.WaitText("#main .state", "Processing")
	d.follow("[href='" + orderAt(2) + "/cancel']")
	d.WaitText("#dialog", "can only be asked for")
	d.send("/2/cancel")
	d.done("The cancel is on record.")
	d.Eval("window.opened = 'once'")
	d.WaitText("#timeline", "$2.00 went back to your balance")
	d.WaitText("#main .state", "Canceled")
	d.WaitText("#money", "−$2.00")
	d.again(orderAt(2))
	d.ordered(2, 23*money.Unit)
}

// buyAgain orders what was ordered first once more.
func (d day) buyAgain() {
	d.t.Helper()
	d.Open(orderAt(1))
	d.Submit("[href='" + newOrder + "?again=1']")
	if link, quantity := d.Value("[name=link]"), d.Value("[name=quantity]"); link != "https://example.com/listing" || quantity != "1000" {
		d.t.Errorf("the form holds %q and %q", link, quantity)
	}
	d.WaitText("#order-total", "Place order · $2.00")
	d.Submit("#order-total [type=submit]")
	d.opensOrder(3)
	all := d.ordered(3, 21*money.Unit)
	if all[0].Link != all[2].Link || all[0].ServiceID != all[2].ServiceID || all[0].RequestID == all[2].RequestID {
		d.t.Errorf("again: %+v\nof %+v", all[0], all[2])
	}
}

// buyMany sends four lines of which two are bad. The page and the file name those two,
// and the others are delivered while the list is looked at.
func (d day) buyMany() {
	d.t.Helper()
	d.Open(newOrder)
	d.Submit("[href='" + massPage + "']")
	d.Fill("[name=lines]", "1 | https://example.com/a | 1000\n1 | nowhere | 1000\n1 | https://example.com/c | 1\n1 | https://example.com/d | 500")
	d.Submit("form[enctype] [type=submit]")
	d.WaitText("#main", "Place 2 orders · $3.00")
	d.ordered(3, 21*money.Unit)
	d.Submit("form[action$='/place'] [type=submit]")
	d.WaitText("#main", "2 orders were placed · $3.00")
	d.WaitText("#lines tbody tr:nth-child(1)", "Order 4")
	d.WaitText("#lines tbody tr:nth-child(2)", "Link: Write an address")
	d.WaitText("#lines tbody tr:nth-child(3)", "Quantity: Between 100 and 100,000.")
	d.WaitText("#lines tbody tr:nth-child(4)", "Order 5")
	file := table(d.t, d.panel.visitor().signIn(ann, password).get(d.Path()+"/result.csv"))
	if len(file) != 5 {
		d.t.Fatalf("the file has %d lines", len(file))
	}
	for i, why := range []string{"", "Link: Write an address", "Quantity: Between 100 and 100,000.", ""} {
		row := file[i+1]
		if last := row[len(row)-1]; !strings.HasPrefix(last, why) || (why == "") != (last == "") {
			d.t.Errorf("line %d of the file: %q, want %q at the end", i+1, row, why)
		}
	}
	d.openOnce(ordersPage)
	for _, number := range []int{3, 4, 5} {
		d.WaitText("#order-state-"+plain(number), "Completed")
	}
	d.again(ordersPage)
}

// line is a movement as the statement's page shows it.
type line struct {
	what            string
	amount, balance money.Amount
}

// statement reads the page, the oldest line first.
func (w *walker) statement() (lines []line) {
	t := w.t
	t.Helper()
	w.Open(walletPage)
	var rows [][]string
	text := w.Eval("JSON.stringify([...document.querySelectorAll('#statement tbody tr')].map(r => [...r.cells].map(c => c.innerText.trim())))")
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	amount := func(shown string) money.Amount {
		a, err := money.Parse(strings.NewReplacer("$", "", "−", "-", ",", "").Replace(shown))
		if err != nil {
			t.Fatalf("%q in %s: %v", shown, text, err)
		}
		return a
	}
	for _, r := range rows {
		lines = append(lines, line{r[0], amount(r[1]), amount(r[2])})
	}
	slices.Reverse(lines)
	return lines
}

// addUp wants the statement to lead from nothing to the balance by what was paid in,
// charged and given back.
func (d day) addUp() {
	t := d.t
	t.Helper()
	var paidIn, charged, refunded money.Amount
	for _, p := range d.panel.topups(d.account) {
		if p.State == payment.Credited {
			paidIn += p.Amount
		}
	}
	const left = 18 * money.Unit
	for _, o := range d.ordered(5, left) {
		charged, refunded = charged+o.Charge, refunded+o.Refunded
	}
	if paidIn != 25*money.Unit || charged != 9*money.Unit || refunded != 2*money.Unit {
		t.Errorf("booked: %s paid in, %s charged, %s refunded", paidIn, charged, refunded)
	}
	lines := d.statement()
	var balance, shownIn, shownCharged, shownBack money.Amount
	for _, l := range lines {
		balance += l.amount
		if l.balance != balance {
			t.Errorf("%s: the balance after it is %s, the lines add up to %s", l.what, l.balance, balance)
		}
		switch {
		case strings.HasPrefix(l.what, "Top-up: INV-2041"):
			shownIn += l.amount
		case strings.HasPrefix(l.what, "Refund of order 2"):
			shownBack += l.amount
		case strings.HasPrefix(l.what, "Order "):
			shownCharged -= l.amount
		default:
			t.Errorf("a line of %q", l.what)
		}
	}
	if shownIn != paidIn || shownCharged != charged || shownBack != refunded || len(lines) != 7 {
		t.Errorf("%d lines show %s paid in, %s charged, %s refunded: %+v", len(lines), shownIn, shownCharged, shownBack, lines)
	}
	if sum := paidIn - charged + refunded; balance != sum || sum != left {
		t.Errorf("the last balance is %s, the sums leave %s", balance, sum)
	}
	d.WaitText("#main", "$18.00")
	d.panel.proved()
}
