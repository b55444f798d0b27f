//go:build linux

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

// shelf is what the panel of these tests sells, by the number that it has there.
// Listings are delivered; the rest waits at a provider that is paused, so that
// what is answered about it does not depend on time.
type shelf struct{ listings, banners, logo, notes, poll, weekly int64 }

func cents(n int64) money.Amount { return money.Amount(n) * money.Unit / 100 }

// stock fills the catalogue.
func (w *world) stock(address string) shelf {
	w.t.Helper()
	ctx := w.t.Context()
	sell := func(name string, offers ...catalog.Offer) provider.Provider {
		p, err := w.providers.Add(ctx, name, address+"/api/v2", upstreamKey, "test")
		must(w.t, err)
		must(w.t, w.providers.SetCurrency(ctx, p.ID, "USD"))
		_, err = w.catalog.Import(ctx, p.ID, offers, "test")
		must(w.t, err)
		return p
	}
	sell("Working", catalog.Offer{
		ProviderService: "113", Category: "Listings", Name: "Directory listing impressions", Type: catalog.Default,
		Cost: cents(60), Rate: cents(2400), Min: 100, Max: 100_000, Refill: true, RefillDays: 30, Cancel: true,
	})
	paused := sell("Resting", catalog.Offer{
		ProviderService: "1", Category: "Adverts", Name: "Banner impressions", Type: catalog.Default,
		Cost: cents(100), Rate: cents(200), Min: 10, Max: 100_000, Dripfeed: true, Cancel: true,
	}, catalog.Offer{
		ProviderService: "2", Category: "Packages", Name: "Logo, three drafts <48 h>", Type: catalog.Package,
		Cost: cents(400), Rate: cents(500), Min: 1000, Max: 1000,
	}, catalog.Offer{
		ProviderService: "3", Category: "Document review", Name: "Reviewer's notes", Type: catalog.CustomComments,
		Cost: cents(1000), Rate: cents(2000), Min: 2, Max: 50,
	}, catalog.Offer{
		ProviderService: "4", Category: "Polls", Name: "Votes on a design", Type: catalog.Poll,
		Cost: cents(500), Rate: cents(1000), Min: 50, Max: 500,
	}, catalog.Offer{
		ProviderService: "5", Category: "Articles", Name: "Menu translation, français ☕", Type: catalog.Subscriptions,
		Cost: cents(200), Rate: cents(300), Min: 10, Max: 100,
	})
	must(w.t, w.providers.SetState(ctx, paused.ID, provider.Paused, "closed on Thursdays", "test"))
	numbers := map[string]int64{}
	services, err := w.catalog.List(ctx)
	must(w.t, err)
	for _, v := range services {
		numbers[v.Source.ProviderService] = v.ID
	}
	return shelf{numbers["113"], numbers["1"], numbers["2"], numbers["3"], numbers["4"], numbers["5"]}
}

// shop is a reseller who uses the panel by one client.
type shop struct {
	*testing.T

	tr      transport
	w       *world
	n       *panel
	sells   shelf
	account account.Account
	key     string
	call    caller
}

// openShop gives a reseller money and a classic key.
func openShop(t *testing.T, tr transport, n *panel, w *world, sells shelf) *shop {
	t.Helper()
	own := *w
	own.t = t // a failure is this test's
	w = &own
	s := &shop{T: t, tr: tr, w: w, n: n, sells: sells, call: tr.open(t)}
	var err error
	s.account, err = w.accounts.Create(t.Context(), tr.name+"@example.com", password, account.Customer, "test")
	must(t, err)
	_, err = w.accounts.Credit(t.Context(), s.account.ID, 50*money.Unit, "test", "test")
	must(t, err)
	s.key = s.issue(apikey.Settings{})
	return s
}

// issue makes one more classic key.
func (s *shop) issue(settings apikey.Settings) (value string) {
	s.Helper()
	value, _, err := s.w.keys.Issue(s.Context(), apikey.NewKey{
		AccountID: s.account.ID, Dialect: apikey.Classic, Mode: apikey.Live, Settings: settings,
	}, "test")
	must(s, err)
	return value
}

// asks is a step for an action; fields are pairs of a name and a value.
func (s *shop) asks(action string, fields ...any) step {
	st := step{URL: s.n.url + "/api/v2", Way: inBody, Fields: map[string]any{"key": s.key, "action": action}}
	for i := 0; i+1 < len(fields); i += 2 {
		st.Fields[fmt.Sprint(fields[i])] = fields[i+1]
	}
	return st
}

func (st step) by(how way) step { st.Way = how; return st }

func (st step) at(url string) step { st.URL = url; return st }

func (st step) ids(name string, ids ...any) step {
	st.IDs = map[string][]any{name: ids}
	return st
}

func (st step) lines(name string, lines ...string) step {
	st.Lines = map[string][]string{name: lines}
	return st
}

func (st step) without(names ...string) step { st.Absent = names; return st }

// says expects an answer with status 200 in exactly these bytes.
func (s *shop) says(st step, body string) {
	s.Helper()
	s.is(st, s.call(st), http.StatusOK, body)
}

// refuses expects a final refusal.
func (s *shop) refuses(st step, text string) {
	s.Helper()
	s.says(st, `{"error":"`+text+`"}`)
}

// is compares an answer, and what the client made of it, with what was due.
func (s *shop) is(st step, got reply, status int, body string) {
	s.Helper()
	if got.Status != status || got.Body != body {
		s.Errorf("%v by %s: status %d\n%s\nwant %d\n%s", st.Fields, st.Way, got.Status, got.Body, status, body)
		return
	}
	if got.Headers["cache-control"] != "no-store" {
		s.Errorf("%v: headers %v", st.Fields, got.Headers)
	}
	if got.Refused != s.tr.refusedAs(status) {
		s.Errorf("%v: status %d is told as %q, want %q", st.Fields, status, got.Refused, s.tr.refusedAs(status))
	}
	if body[0] != '{' && body[0] != '[' {
		s.isText(st, got)
		return
	}
	if got.Headers["content-type"] != "application/json" || got.Unread != "" {
		s.Errorf("%v: headers %v, %s", st.Fields, got.Headers, got.Unread)
	}
	s.means(body, got.Parsed)
	if got.Again != nil {
		s.means(body, got.Again)
	}
}

// isText expects that the client can't take a text for an answer in JSON.
func (s *shop) isText(st step, got reply) {
	s.Helper()
	if got.Headers["content-type"] != "text/plain; charset=utf-8" || got.Unread != s.tr.unread {
		s.Errorf("%v: headers %v, read as %q, want %q", st.Fields, got.Headers, got.Unread, s.tr.unread)
	}
	if s.tr.textParsed {
		s.means(strconv.Quote(got.Body), got.Parsed)
	} else if got.Parsed != nil {
		s.Errorf("%v: the text %q was read as %s", st.Fields, got.Body, got.Parsed)
	}
}

// means expects that the client read the values that stand in the body.
func (s *shop) means(body string, parsed json.RawMessage) {
	s.Helper()
	if diff := cmp.Diff(decode[any](s, body), decode[any](s, string(parsed))); diff != "" {
		s.Errorf("the client read other values (-body +client):\n%s", diff)
	}
}

// adds expects that the step places an order and returns it.
func (s *shop) adds(st step, charge string) *order.Order {
	s.Helper()
	got := s.call(st)
	var o *order.Order
	s.w.read(func(tx *db.Tx) error {
		var id string
		err := tx.QueryRow(`SELECT id FROM orders WHERE account_id = $1 AND parent_id IS NULL ORDER BY number DESC LIMIT 1`, s.account.ID).Scan(&id)
		if err == nil {
			o, err = order.Get(tx, id)
		}
		return err
	})
	s.is(st, got, http.StatusOK, fmt.Sprintf(`{"order":%d}`, o.Number))
	if o.Charge.String() != charge {
		s.Errorf("%v: the charge is %s, want %s", st.Fields, o.Charge, charge)
	}
	return o
}

// stands is the body of an order's status.
func stands(charge string, start int64, word string, remains int64, more string) string {
	return fmt.Sprintf(`{"charge":"%s","start_count":"%d","status":"%s","remains":"%d","currency":"USD"%s}`, charge, start, word, remains, more)
}
