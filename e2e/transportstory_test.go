//go:build linux

package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
)

// Clients as resellers use them drive a classic key through every action, and read
// what was answered, refusals included.
func TestTransportsDriveAClassicKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite) // the engine does not show on the wire
	sells := w.stock(newUpstream(t).URL)
	n := w.serve()
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, tr, n, w, sells)
			s.sendsAsItsNameSays()
			s.looksAround()
			bought := s.buys()
			s.isRefused() // meanwhile what was bought is delivered
			s.asksAbout(bought)
			s.refills(bought)
			s.cancels(bought)
			s.isHeldBack()
		})
	}
}

// sendsAsItsNameSays proves that this client is another than the ones beside it.
func (s *shop) sendsAsItsNameSays() {
	s.Helper()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		_ = json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "form": form, "empty": len(body) == 0, "query": r.URL.Query().Get("action")})
	}))
	defer echo.Close()
	for how, want := range map[way]map[string]any{
		inBody:  {"method": http.MethodPost, "form": s.tr.form, "empty": false, "query": ""},
		byGET:   {"method": http.MethodGet, "empty": true, "query": "balance"},
		inQuery: {"method": http.MethodPost, "empty": true, "query": "balance"},
	} {
		got := decode[map[string]any](s, s.call(s.asks("balance").at(echo.URL).by(how)).Body)
		if how != inBody {
			delete(got, "form") // of nothing
		}
		if diff := cmp.Diff(want, got); diff != "" {
			s.Errorf("%s sends by %s (-want +got):\n%s", s.tr.name, how, diff)
		}
	}
}

// looksAround reads the catalogue and the balance in every way.
func (s *shop) looksAround() {
	s.Helper()
	row := `{"service":%d,"name":"%s","type":"%s","category":"%s","rate":"%s","min":"%d","max":"%d","dripfeed":%t,"refill":%t,"cancel":%t}`
	services := "[" + strings.Join([]string{
		fmt.Sprintf(row, s.sells.listings, "Directory listing impressions", "Default", "Listings", "24.00", 100, 100_000, false, true, true),
		fmt.Sprintf(row, s.sells.banners, "Banner impressions", "Default", "Adverts", "2.00", 10, 100_000, true, false, true),
		fmt.Sprintf(row, s.sells.logo, "Logo, three drafts <48 h>", "Package", "Packages", "5.00", 1000, 1000, false, false, false),
		fmt.Sprintf(row, s.sells.notes, "Reviewer's notes", "Custom Comments", "Document review", "20.00", 2, 50, false, false, false),
		fmt.Sprintf(row, s.sells.poll, "Votes on a design", "Poll", "Polls", "10.00", 50, 500, false, false, false),
		fmt.Sprintf(row, s.sells.weekly, "Menu translation, français ☕", "Subscriptions", "Articles", "3.00", 10, 100, false, false, false),
	}, ",") + "]"
	balance := `{"balance":"50.00","currency":"USD"}`
	for _, how := range []way{inBody, byGET, inQuery} {
		s.says(s.asks("services").by(how), services)
		s.says(s.asks("balance").by(how), balance)
	}
	s.says(s.asks("balance").at(s.n.url+"/api/v2/"), balance)
	s.says(s.asks("Balance").at(s.n.url+"//api/v2"), balance)
}

// isRefused asks for what is refused for good, and with a key that is nobody's.
func (s *shop) isRefused() {
	s.Helper()
	buy := func(service any, quantity any, link string) step {
		return s.asks("add", "service", service, "quantity", quantity, "link", link)
	}
	const good = "https://example.com/refused"
	s.refuses(buy(999_999, 100, good), "Incorrect service ID")
	s.refuses(buy(s.sells.listings, 99, good), "Quantity less than minimal 100")
	s.refuses(buy(s.sells.listings, 100_001, good), "Quantity more than maximum 100000")
	s.refuses(buy(s.sells.listings, 100, "no link & no more"), "Bad link")
	s.refuses(buy(s.sells.listings, 100, "").without("link"), "Bad link")
	s.refuses(buy(s.sells.listings, 100, "undefined"), "Bad link")
	s.refuses(buy(s.sells.listings, 50_000, good), "Not enough funds on balance")
	s.refuses(s.asks("add", "service", s.sells.banners, "quantity", 10, "runs", 5, "link", good).without("interval"), "Incorrect interval")
	s.refuses(buy(s.sells.listings, 100, good).by(byGET), "Incorrect request")
	s.refuses(s.asks("fly"), "Incorrect request")
	s.refuses(s.asks("status").without("order"), "Incorrect request")
	s.refuses(s.asks("status", "order", 999), "Incorrect order ID")

	known := s.key
	s.key = "np_live_nobody's+key%20 é"
	for _, st := range []step{s.asks("balance"), s.asks("services").by(byGET), buy(s.sells.listings, 100, good)} {
		s.is(st, s.call(st), http.StatusBadRequest, `{"error":"Invalid API key"}`)
	}
	for _, poll := range []step{s.asks("status", "order", 1), s.asks("status").ids("orders", 1, 2), s.asks("refill_status", "refill", 1)} {
		s.is(poll, s.call(poll), http.StatusUnauthorized, "Invalid API key")
	}
	s.key = known
}

// bought are the orders of a shop.
type bought struct{ listing, same, part, logo, notes, poll, drip, weekly, got *order.Order }

// buys places an order of each kind.
func (s *shop) buys() (b bought) {
	s.Helper()
	link := func(word string) string {
		return "https://example.com/" + s.tr.name + "%20é/🙂?a=1+2&b=c%26d&e=%2B#sim=" + word
	}
	listing := s.asks("add", "service", s.sells.listings, "quantity", 100, "link", link("complete")).without("runs", "interval")
	b.listing = s.adds(listing, "2.40")
	b.same = s.adds(listing, "2.40") // its answer arrived: the same again is a second order
	if b.listing.ID == b.same.ID || b.listing.Link != link("complete") {
		s.Errorf("the orders are %s and %s, the link is %s", b.listing.ID, b.same.ID, b.listing.Link)
	}
	b.part = s.adds(s.asks("add", "service", strconv.FormatInt(s.sells.listings, 10), "quantity", "100", "link", link("partial:40"), "runs", "undefined", "interval", "null"), "2.40")
	b.logo = s.adds(s.asks("add", "service", s.sells.logo, "link", link("complete"), "quantity", 0), "5.00")
	notes := []string{"First, the margins", "a+b&c=d%20", "Très bien 🙂, 你好; ünïcode", `"quoted" <b>'it'</b> \n`}
	b.notes = s.adds(s.asks("add", "service", s.sells.notes, "link", link("complete"), "quantity", 0).lines("comments", notes...), "0.08")
	if got, want := b.notes.Fields.Get("comments"), strings.Join(notes, "\n"); got != want || b.notes.Quantity != 4 {
		s.Errorf("the comments are %q, want %q; %d of them", got, want, b.notes.Quantity)
	}
	b.poll = s.adds(s.asks("add", "service", s.sells.poll, "link", link("complete"), "quantity", 100, "answer_number", 2), "1.00")
	b.drip = s.adds(s.asks("add", "service", s.sells.banners, "link", link("complete"), "quantity", 100, "runs", 3, "interval", 60), "0.60")
	b.weekly = s.adds(s.asks("add", "service", s.sells.weekly, "username", "menu+of the week", "min", 10, "max", 20, "posts", 5, "delay", 0, "expiry", "31/12/2030").without("old_posts"), "0.30")
	if user := b.weekly.Fields.Get("username"); user != "menu+of the week" {
		s.Errorf("the user name is %q", user)
	}
	known := s.key
	s.key = s.issue(apikey.Settings{AllowGET: true})
	b.got = s.adds(s.asks("add", "service", s.sells.banners, "quantity", 10, "link", link("complete")).by(byGET), "0.02")
	s.key = known
	return b
}

// asksAbout asks about orders in every form that there is.
func (s *shop) asksAbout(b bought) {
	s.Helper()
	s.w.reaches(b.same.ID, order.Completed)
	b.listing, b.part = s.w.reaches(b.listing.ID, order.Completed), s.w.reaches(b.part.ID, order.Partial)
	listing := stands("2.40", *b.listing.StartCount, "Completed", 0, "")
	part := stands("0.96", *b.part.StartCount, "Partial", 60, "")
	poll := stands("1.00", 0, "Pending", 100, "")
	s.says(s.asks("status", "order", b.listing.Number), listing)
	s.says(s.asks("status", "order", b.part.ID).by(byGET), part)
	s.says(s.asks("status", "order", b.poll.Number).by(inQuery), poll)
	s.says(s.asks("status", "order", b.weekly.Number), stands("0.30", 0, "Active", 100, `,"posts":"0","orders":[],"expiry":"31/12/2030"`))

	var run int64
	eventually(s, "the first run was made", func() bool {
		return s.w.count(`SELECT COUNT(*) FROM orders WHERE parent_id = $1`, b.drip.ID) > 0
	})
	s.w.read(func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT number FROM orders WHERE parent_id = $1`, b.drip.ID).Scan(&run)
	})
	s.says(s.asks("status", "order", b.drip.Number), stands("0.60", 0, "In progress", 200, fmt.Sprintf(`,"runs":"1","orders":[%d]`, run)))
	s.says(s.asks("status", "order", run), stands("0.20", 0, "Pending", 100, ""))

	many := fmt.Sprintf(`{"%d":%s,"%d":%s,"999":{"error":"Incorrect order ID"},"é/ж <1>":{"error":"Incorrect order ID"}}`,
		b.listing.Number, listing, b.poll.Number, poll)
	s.says(s.asks("status").ids("orders", b.listing.Number, b.poll.Number, 999, "é/ж <1>"), many)
	s.says(s.asks("orders").ids("orders", b.listing.Number, b.poll.Number, 999, "é/ж <1>").without("order"), many)
	s.says(s.asks("status").ids("order", b.listing.Number, b.poll.Number, 999, "é/ж <1>").by(byGET), many)
	s.says(s.asks("status", "orders", b.poll.Number), fmt.Sprintf(`{"%d":%s}`, b.poll.Number, poll))
	tooMany := make([]any, 101)
	for i := range tooMany {
		tooMany[i] = i + 1
	}
	s.refuses(s.asks("status").ids("orders", tooMany...), "Incorrect request")
	s.refuses(s.asks("cancel").ids("orders", tooMany...), "Incorrect request")
}

// refills asks for refills and about them, also as a script does that feeds the
// errors back.
func (s *shop) refills(b bought) {
	s.Helper()
	s.says(s.asks("refill", "order", b.listing.Number), `{"refill":"1"}`)
	s.says(s.asks("refill").ids("orders", b.same.Number, 999, b.poll.Number), fmt.Sprintf(
		`[{"order":%d,"refill":2},{"order":999,"refill":{"error":"Incorrect order ID"}},{"order":%d,"refill":{"error":"Refill not available: the order is pending"}}]`,
		b.same.Number, b.poll.Number))
	s.refuses(s.asks("refill", "order", 999), "Incorrect order ID")
	eventually(s, "both refills were done", func() bool {
		s.w.hurryRefills(s.account.ID)
		return s.w.count(`SELECT COUNT(*) FROM refills WHERE account_id = $1 AND state = 'completed'`, s.account.ID) == 2
	})
	s.says(s.asks("refill_status", "refill", 1), `{"status":"Completed"}`)
	s.says(s.asks("refill_status", "refill", "2").by(byGET), `{"status":"Completed"}`)
	s.says(s.asks("refill_status", "order", b.same.Number), `{"status":"Completed"}`)
	s.refuses(s.asks("refill_status", "refill", 3), "Refill not found")
	s.says(s.asks("refill_status").ids("refills", 1, 2, 3),
		`[{"refill":1,"status":"Completed"},{"refill":2,"status":"Completed"},{"refill":3,"status":{"error":"Refill not found"}}]`)
	s.says(s.asks("refill_status").ids("refills", 1, map[string]string{"error": "Incorrect order ID"}),
		`[{"refill":1,"status":"Completed"},{"refill":"`+s.tr.asArray+`","status":{"error":"Refill not found"}}]`)
}

// hurryRefills makes it half a minute later for refills that are to be asked about
// only then.
func (w *world) hurryRefills(accountID string) {
	w.t.Helper()
	w.write(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE refills SET next_check_at = $2 WHERE account_id = $1 AND next_check_at > $3`,
			accountID, db.At(tx.Now), db.At(tx.Now.Add(time.Second)))
		return err
	})
}

// cancels takes back what can be taken back, and counts the money.
func (s *shop) cancels(b bought) {
	s.Helper()
	s.says(s.asks("cancel", "order", b.poll.Number), `{"cancel":1}`)
	s.says(s.asks("cancel").ids("orders", b.logo.Number, 999, b.listing.Number), fmt.Sprintf(
		`[{"order":%d,"cancel":1},{"order":999,"cancel":{"error":"Incorrect order ID"}},{"order":%d,"cancel":{"error":"Order cannot be canceled"}}]`,
		b.logo.Number, b.listing.Number))
	s.refuses(s.asks("cancel", "order", b.poll.Number), "Order cannot be canceled")
	s.refuses(s.asks("cancel", "order", b.notes.Number).by(byGET), "Incorrect request")
	s.says(s.asks("status", "order", b.poll.Number), stands("0.00", 0, "Canceled", 100, ""))
	// 50.00 less 2.40 twice, 0.96, 0.08, 0.60, 0.30 and 0.02.
	s.says(s.asks("balance"), `{"balance":"43.24","currency":"USD"}`)
	s.w.read(func(tx *db.Tx) error {
		wallet, err := ledger.WalletID(tx, s.account.ID, ledger.Live)
		if err != nil {
			return err
		}
		held, err := ledger.Balance(tx, wallet)
		if held != cents(4324) {
			s.Errorf("the wallet holds %s, want 43.24", held)
		}
		return err
	})
}

// isHeldBack uses up a key's limit.
func (s *shop) isHeldBack() {
	s.Helper()
	s.key = s.issue(apikey.Settings{PerMinute: 2})
	st := s.asks("services")
	for range 6 { // a minute may end once meanwhile
		got := s.call(st)
		if got.Status == http.StatusOK {
			continue
		}
		s.is(st, got, http.StatusTooManyRequests, "Rate limit exceeded")
		wait, err := strconv.Atoi(fmt.Sprint(got.Headers["retry-after"]))
		if err != nil || wait < 1 || wait > 60 || got.Headers["x-ratelimit-deniedby"] != "key" {
			s.Errorf("headers %v", got.Headers)
		}
		return
	}
	s.Error("six requests in a row with a limit of two")
}

// While nobody's key can be looked up, an order and a poll are answered with a text
// that no client takes for a last word in JSON.
func TestTransportsReadThatThePanelIsUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	n := w.serve()
	w.renameTable("wallets", "mislaid")
	t.Cleanup(func() { w.renameTable("mislaid", "wallets") })
	for i, tr := range transports {
		if i > 0 && tr.needs == transports[i-1].needs {
			continue // it reads as the one before
		}
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			s := &shop{T: t, tr: tr, w: w, n: n, key: "np_live_somebody", call: tr.open(t)}
			for _, st := range []step{
				s.asks("add", "service", 1, "quantity", 100, "link", "https://example.com/"),
				s.asks("status", "order", 1),
				s.asks("refill_status").ids("refills", 1, 2),
			} {
				got := s.call(st)
				s.is(st, got, http.StatusServiceUnavailable, "Temporarily unavailable")
				if got.Headers["retry-after"] != "1" {
					t.Errorf("headers %v", got.Headers)
				}
			}
			st := s.asks("balance")
			s.is(st, s.call(st), http.StatusServiceUnavailable, `{"error":"Temporarily unavailable"}`)
		})
	}
}

// renameTable takes a table away, or brings it back.
func (w *world) renameTable(from, to string) {
	w.t.Helper()
	w.write(func(tx *db.Tx) error {
		_, err := tx.Exec(`ALTER TABLE ` + from + ` RENAME TO ` + to)
		return err
	})
}
