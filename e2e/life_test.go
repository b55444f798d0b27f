//go:build linux

package e2e_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/apiv2/classictest"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

// course is what an order of the classic client goes through, and what its
// refunds come from.
type course struct {
	word  string
	state order.State // where staff have to help; "" is nowhere
	staff string      // what they say then
}

var courses = []course{
	{word: "complete"},
	{word: "partial:40"},
	{word: "partial:0"},
	{word: "partial:33,numbers,charge:long"},
	{word: "cancel"},
	{word: "cancel-at:40"},
	{word: "take-back:40"},
	{word: "revoke"},
	{word: "refuse"},
	{word: "refuse-later:2"},
	{word: "remains:-7"},
	{word: "start:null"},
	{word: "keyed"},
	{word: "fail"},
	{word: "partial:40,remains:1001"},
	{word: "word:In%20review"},
	{word: "forgotten"},
	{word: "cancel,charge:full"},
	{word: "refuse-unknown", state: order.Held, staff: "--cancel"},
	{word: "timeout-lost", state: order.Uncertain, staff: "--cancel"},
	{word: "500-accepted,partial:40", state: order.Uncertain, staff: "--accepted-as"},
}

// observer is a classic client that asks about its orders again and again, reads
// every answer with the strictest readers, and holds the refund that it computes
// against the panel's.
type observer struct {
	*script

	t      *testing.T
	node   *panel
	client classictest.Client
	up     *upstream
	seen   map[string]bool // words
	finals int             // answers with a last word
}

// ask makes a call that every reader must be able to read.
func (v *observer) ask(action classictest.Action, pairs ...string) []byte {
	v.t.Helper()
	a, err := v.client.Call(v.t.Context(), action.Name, pairs...)
	must(v.t, err)
	must(v.t, classictest.ReadAll(action, a))
	return a.Body
}

// place orders and returns the number.
func (v *observer) place(pairs ...string) int32 {
	v.t.Helper()
	number, err := classictest.OrderID(v.ask(classictest.Action{Name: "add"}, pairs...))
	must(v.t, err)
	return number
}

// books returns all orders as they stand at this moment, by number.
func (v *observer) books() map[string]*order.Order {
	v.t.Helper()
	all := map[string]*order.Order{}
	for _, o := range v.w.ordersWhere(`account_id = $1`, v.c.account.ID) {
		all[strconv.FormatInt(o.Number, 10)] = o
	}
	return all
}

// look asks about all orders at once and about some alone.
func (v *observer) look(turn int) {
	v.t.Helper()
	before := v.books()
	var ids []string
	for id := range before {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	all, err := classictest.StatusesOf(v.ask(classictest.Action{Name: "status", Many: true, Tokens: ids}, "orders", strings.Join(ids, ",")))
	must(v.t, err)
	after := v.books()
	for id, s := range all {
		v.hold(id, s, before[id], after[id])
	}
	id := ids[turn%len(ids)]
	s, err := classictest.StatusOf(v.ask(classictest.Action{Name: "status"}, "order", id))
	must(v.t, err)
	v.hold(id, s, after[id], v.books()[id])
}

// hold compares an answer with the books right before and right after it: what
// the client would give back to its own customer now is what the panel has given
// back by then. Drip-feeds and subscriptions are held to their runs and posts.
func (v *observer) hold(id string, s classictest.Status, before, after *order.Order) {
	v.t.Helper()
	if s.Error != nil || s.Status == nil {
		v.t.Fatalf("order %s: %+v", id, s)
	}
	v.seen[*s.Status] = true
	if before.Kind == order.Drip || before.Kind == order.Subscription {
		return
	}
	theirs, err := classictest.Refund(int64(before.Charge), before.Quantity, s)
	must(v.t, err)
	rounding := money.Amount(1)
	if before.Kind == order.Post {
		// What a post took follows the provider's charge; clients count whole pieces.
		rounding += before.Charge / money.Amount(before.Quantity)
	}
	if got := money.Amount(theirs); got < before.Refunded-rounding || got > after.Refunded+rounding {
		v.t.Errorf("%s: order %s is %s with %s remaining: the client gives back %s, the panel gave back %s before and %s after",
			before.Link, id, *s.Status, *s.Remains, got, before.Refunded, after.Refunded)
	}
	if final := slices.Contains([]string{"Completed", "Partial", "Canceled"}, *s.Status); final {
		v.finals++
		if !after.State.Final() {
			v.t.Errorf("%s: order %s is %s for its client and %s in the books", before.Link, id, *s.Status, after.State)
		}
	}
}

// untilRest looks on until every order rests: at its end, or waiting for a person
// for a reason that stays.
func (v *observer) untilRest(what string, rest func() bool) {
	v.t.Helper()
	turn := 0
	eventually(v.t, what, func() bool {
		if turn++; turn%10 == 0 {
			v.w.hurry()
		}
		v.look(turn)
		return rest()
	})
}

// open counts the orders that neither ended nor wait for a person.
func (v *observer) open() int64 {
	return v.w.count(`SELECT COUNT(*) FROM orders WHERE finished_at IS NULL AND attention = '' AND state NOT IN ('held', 'uncertain')`)
}

// A whole life of orders as the strictest classic clients see it: every answer can
// be read, no last word comes before its refund, and what a client computes from
// it is what the panel gave back.
func TestAWholeLifeAsClassicClientsSeeIt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		v := newObserver(t, w)
		numbers := map[string]int32{}
		for i, c := range courses {
			from := w.resell(provider.New{Name: c.word, URL: v.up.URL + "/api/v2", Key: upstreamKey}, nearMarkup, listing)
			numbers[c.word] = v.place("service", strconv.FormatInt(from.services[listing], 10), "link", link("life/"+strconv.Itoa(i), "", c.word),
				"quantity", strconv.Itoa(chainOrder), "runs", "undefined", "interval", "")
		}
		v.series()
		canceled := v.wishes()
		v.untilRest("all orders rest", func() bool { return v.open() == 0 })
		v.help(numbers)
		v.refillEach(numbers["complete"], canceled["refill-reject"])
		v.untilRest("those that staff decided have ended too", func() bool {
			return v.open() == 0 && w.count(`SELECT COUNT(*) FROM refills WHERE finished_at IS NULL`) == 0
		})
		v.refillsEnded(numbers["complete"], canceled["refill-reject"])
		// What was completed once may still be taken back.
		v.untilRest("what was taken back is", func() bool {
			return w.count(`SELECT COUNT(*) FROM orders WHERE link LIKE '%#sim=take-back%' AND state = 'partial' OR link LIKE '%#sim=revoke' AND state = 'canceled'`) == 2
		})
		for _, word := range []string{"Pending", "Processing", "In progress", "Completed", "Partial", "Canceled", "Active", "Expired"} {
			if !v.seen[word] {
				t.Errorf("no order was ever %s", word)
			}
		}
		v.settled()
	})
}

func newObserver(t *testing.T, w *world) *observer {
	t.Helper()
	up := newSlowUpstream(t, slowPace/3)
	c := w.customer(chainMoney)
	n := w.serve("NOTPANEL_PROVIDER_TIMEOUT=1s")
	v := &observer{script: &script{w: w, c: c, key: w.classicKey(c)}, t: t, node: n, up: up, seen: map[string]bool{}}
	v.client = classictest.Client{URL: n.url + "/api/v2", Key: v.key, HTTP: n.client}
	return v
}

// series orders a drip-feed, and subscriptions that end in each way.
func (v *observer) series() {
	v.t.Helper()
	from := v.w.resell(provider.New{Name: "Series", URL: v.up.URL + "/api/v2", Key: upstreamKey}, nearMarkup, listing, "127", "116")
	service := func(number string) string { return strconv.FormatInt(from.services[number], 10) }
	v.place("service", service(listing), "link", link("drip", "", "partial:40"), "quantity", "333", "runs", "2", "interval", "5")
	for _, name := range []string{"trade-weekly", "stopped-weekly#sim=stop:2", "expired-weekly#sim=expire:1", "never-weekly#sim=stop:0"} {
		v.place("service", service("127"), "username", name, "min", "70", "max", "77", "posts", "3", "delay", "0", "expiry", "")
	}
	v.place("service", service("116"), "link", link("notes", "", "partial:50"), "comments", "One ☕\r\nTwo\r\nThree", "quantity", "0")
}

// wishes orders and cancels on the way, and returns the numbers by word.
func (v *observer) wishes() map[string]int32 {
	v.t.Helper()
	from := v.w.resell(provider.New{Name: "Wishes", URL: v.up.URL + "/api/v2", Key: upstreamKey}, nearMarkup, listing)
	numbers, tokens := map[string]int32{}, []string{}
	v.up.pause()
	for _, word := range []string{"complete,slow:1s", "cancel-refuse", "cancel-later", "cancel-partial", "cancel-partial:canceled", "refill-reject"} {
		n := v.place("service", strconv.FormatInt(from.services[listing], 10), "link", link("wish", "", word), "quantity", strconv.Itoa(chainOrder))
		numbers[word] = n
		if word != "refill-reject" {
			tokens = append(tokens, strconv.Itoa(int(n)))
		}
	}
	// The slow one's answer comes too late to be known.
	known := len(numbers) - 1
	counts := func(where string) int {
		return int(v.w.count(`SELECT COUNT(*) FROM orders WHERE link NOT LIKE '%slow%' AND provider_id = '` + from.provider.ID + `' AND ` + where))
	}
	v.untilRest("they are at the provider", func() bool { return counts(`upstream_id IS NOT NULL`) == known })
	v.up.halfway()
	v.untilRest("they are in progress", func() bool { return counts(`state = 'in_progress'`) == known })
	v.ask(classictest.Action{Name: "cancel", Many: true, Tokens: append(tokens, "Array", "2147483647")}, "orders", strings.Join(tokens, ",")+",Array,2147483647")
	v.untilRest("the provider has every wish", func() bool { return v.up.wishes() >= len(tokens)-1 })
	v.up.goOn()
	return numbers
}

// help lets staff decide what waits for them.
func (v *observer) help(numbers map[string]int32) {
	v.t.Helper()
	books := v.books()
	for _, c := range courses {
		if c.state == "" {
			continue
		}
		o := books[strconv.Itoa(int(numbers[c.word]))]
		if o.State != c.state {
			v.t.Errorf("%s: %s, want %s", c.word, o.State, c.state)
		}
		how := []string{"order", "settle", o.ID, c.staff}
		if c.staff == "--accepted-as" {
			how = append(how, strconv.FormatInt(v.up.has(o.Link)[0].ID, 10))
		}
		v.w.command(how...)
	}
}

// refillEach asks for a refill of each order, alone and together.
func (v *observer) refillEach(numbers ...int32) {
	v.t.Helper()
	first := strconv.Itoa(int(numbers[0]))
	v.ask(classictest.Action{Name: "refill"}, "order", first)
	tokens := []string{first, "Array"}
	for _, n := range numbers[1:] {
		tokens = append(tokens, strconv.Itoa(int(n)))
	}
	v.ask(classictest.Action{Name: "refill", Many: true, Tokens: tokens}, "orders", strings.Join(tokens, ","))
}

// refillsEnded reads what became of the refills.
func (v *observer) refillsEnded(completed, rejected int32) {
	v.t.Helper()
	for n, want := range map[int32]string{completed: "Completed", rejected: "Rejected"} {
		said := v.ask(classictest.Action{Name: "refill_status"}, "order", strconv.Itoa(int(n)))
		if string(said) != `{"status":"`+want+`"}` {
			v.t.Errorf("the refill of order %d: %s, want %s", n, said, want)
		}
	}
	v.ask(classictest.Action{Name: "refill_status", Many: true, Tokens: []string{"1", "2", "Array"}}, "refills", "1,2,Array")
}

// settled compares the wallet with what a client would have given back, order by
// order.
func (v *observer) settled() {
	v.t.Helper()
	left, orders := chainMoney, 0
	for _, o := range v.books() {
		if o.Kind == order.Run || o.Kind == order.Post {
			continue
		}
		left -= o.Paid()
		orders++
	}
	v.w.holds(v.c.wallet, left)
	balance := v.ask(classictest.Action{Name: "balance"})
	if want := fmt.Sprintf(`{"balance":"%s","currency":"USD"}`, left); string(balance) != want {
		v.t.Errorf("balance %s, want %s", balance, want)
	}
	v.ask(classictest.Action{Name: "services"})
	if v.finals < 5*orders {
		v.t.Errorf("only %d answers with a last word were compared", v.finals)
	}
}
