package apiv2_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/apiv2/classictest"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
)

// The strictest clients read every answer of a panel that they use over HTTP, and
// give back what they were given back.
func TestStrictClientsUseThePanel(t *testing.T) {
	t.Parallel()
	l := newLine(t, newClassicPanel(t, db.SQLite))
	client := classictest.Client{URL: l.server.URL + "/api/v2", Key: l.seeds.keys["classic"], HTTP: l.server.Client()}
	ask := func(action classictest.Action, pairs ...string) []byte {
		t.Helper()
		a, err := client.Call(t.Context(), action.Name, pairs...)
		must(t, err)
		must(t, classictest.ReadAll(action, a))
		return a.Body
	}
	list := func(name, field string, ids ...string) []byte {
		t.Helper()
		return ask(classictest.Action{Name: name, Many: true, Tokens: ids}, field, strings.Join(ids, ","))
	}

	before, err := classictest.Services(ask(classictest.Action{Name: "services"}))
	must(t, err)
	placed, err := classictest.OrderID(ask(classictest.Action{Name: "add"}, "service", "1", "quantity", "100", "link", "https://example.com/a",
		"runs", "undefined", "interval", "undefined", "comments", ""))
	must(t, err)
	list("cancel", "orders", strconv.Itoa(int(placed)), "Array", "8")
	list("refill", "orders", "8", "9", "99")
	list("refill_status", "refills", "1", "Array", "7")
	ask(classictest.Action{Name: "refill_status"}, "refill", "1")
	ask(classictest.Action{Name: "add"}, "service", "1", "quantity", "1", "link", "nothing")
	ask(classictest.Action{Name: "balance"})
	now, err := classictest.Services(ask(classictest.Action{Name: "services"}))
	must(t, err)
	if added, gone := classictest.Diff(before, now); len(now) == 0 || len(added)+len(gone) > 0 {
		t.Errorf("%d services; %v came and %v went", len(now), added, gone)
	}

	var ids []string
	for n := range int(placed) {
		ids = append(ids, strconv.Itoa(n+1))
	}
	states, err := classictest.StatusesOf(list("status", "orders", ids...))
	must(t, err)
	const charge = 200_000 // of each single order
	for _, id := range ids {
		s := states[id]
		if s.Runs != nil || s.Posts != nil || id == "17" || id == "18" {
			continue // held to their parts, and the posts' charges are others
		}
		theirs, err := classictest.Refund(charge, 100, s)
		must(t, err)
		paid, err := money.Parse(*s.Charge)
		must(t, err)
		if money.Amount(theirs) != charge-paid {
			t.Errorf("order %s is %s: they refund %d, the panel has refunded %d", id, *s.Status, theirs, charge-paid)
		}
	}
	l.audit()
}
