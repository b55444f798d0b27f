package orders_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

// A page that listens is sent the lines as they are, and each that changes, whoever
// changed it; what it did not name or what is not its reader's never.
func TestStreamTellsOfChanges(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		ann, bob := p.customer("ann@example.com"), p.customer("bob@example.com")
		theirs := bob.place(ledger.Live)
		one, two := ann.place(ledger.Live), ann.place(ledger.Live)
		ann.place(ledger.Live) // not named
		s := ann.listen("/dashboard/events?orders=1,2,99")
		_, data, ok := s.event()
		if !ok || s.status != http.StatusOK || strings.Count(data, `data-colour="grey"`) != 2 || !strings.Contains(data, `id="order-state-1"`) ||
			!strings.Contains(data, `hx-swap-oob=`) || strings.Contains(data, "order-state-3") {
			t.Fatalf("%d, it begins with %s", s.status, data)
		}
		p.move(theirs, 0, order.Submitting, order.Processing, order.Completed)
		p.move(one, 400, order.Submitting, order.Processing, order.InProgress)
		data = s.until("600 / 1,000")
		if !strings.Contains(data, `id="order-delivered-1"`) || strings.Contains(data, "order-state-2") {
			t.Errorf("of the first: %s", data)
		}
		p.move(one, 400, order.Partial)
		if data = s.until("Partial"); !strings.Contains(data, "$1.20") {
			t.Errorf("what was paid is not in %s", data)
		}
		ann.post("/dashboard/orders/2/cancel")
		if data = s.until("Canceled"); !strings.Contains(data, `id="order-state-2"`) {
			t.Errorf("of the second: %s", data)
		}
		if p.order(two.ID).State != order.Canceled {
			t.Error("it is not canceled")
		}
	})
}

// Every page follows its reader's balance, whatever else it shows: what an order takes,
// what goes back, what staff credit. Another's money and play money are not told.
func TestStreamOfTheBalance(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		ann, bob := p.customer("ann@example.com"), p.customer("bob@example.com")
		for _, path := range []string{"/dashboard", "/dashboard/wallet", "/dashboard/account", "/dashboard/orders"} {
			if got := ann.get(path); strings.Count(got.body, "hx-sse:connect=") != 1 || !strings.Contains(got.body, "<span data-balance") {
				t.Errorf("%s has not one stream and a balance", path)
			}
		}
		s, beside := ann.listen("/dashboard/events?balance=live"), ann.listen("/dashboard/events?orders=1")
		if data := s.until("$100.00"); !strings.Contains(data, `hx-swap-oob="innerHTML:[data-balance]"`) {
			t.Errorf("it is sent as %s", data)
		}
		bob.place(ledger.Live, "quantity", "2000")
		ann.place(ledger.Test, "quantity", "3000")
		o := ann.place(ledger.Live)
		if data := s.until("$98.00"); strings.Contains(data, "order-") {
			t.Errorf("with orders that it did not name: %s", data)
		}
		beside.until("$98.00")
		p.move(o, 500, order.Submitting, order.Processing, order.Partial)
		s.until("$99.00")
		_, err := p.Core.Accounts.Credit(t.Context(), ann.id, 12*money.Unit, "a top-up", "test")
		must(t, err)
		s.until("$111.00")
		beside.until("$111.00")
	})
}

// An order's page is sent whole: its timeline, its money, and its runs as they come.
func TestStreamOfAnOrder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		ann := p.customer("ann@example.com")
		ann.place(ledger.Live, "runs", "3", "interval", "60")
		s := ann.listen("/dashboard/events?whole=1")
		s.until("Run 1") // made by the panel's own loop
		data := s.until(`href="/dashboard/orders/2"`)
		for _, want := range []string{`id="order-whole-1"`, "1 of 3 runs begun", "Delivery began", "Order again"} {
			if !strings.Contains(data, want) {
				t.Errorf("no %q in %s", want, data)
			}
		}
		ann.post("/dashboard/orders/1/pause")
		s.until("until you resume it")
		if other := p.customer("bob@example.com").listen("/dashboard/events?whole=1"); other.status != http.StatusNotFound {
			t.Errorf("another's order: %d", other.status)
		}
	})
}

// An account has ten streams; the eleventh is refused and takes no place, and one
// that ends makes room.
func TestStreamsOfAnAccountAreBounded(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite)
	ann := p.customer("ann@example.com")
	ann.place(ledger.Live)
	const path = "/dashboard/events?orders=1"
	var all []*stream
	for range 10 {
		s := ann.listen(path)
		if _, _, ok := s.event(); !ok || s.status != http.StatusOK {
			t.Fatalf("one of ten: %d", s.status)
		}
		all = append(all, s)
	}
	for range 2 {
		if s := ann.listen(path); s.status != http.StatusServiceUnavailable {
			t.Errorf("the eleventh: %d", s.status)
		}
	}
	if got := ann.get("/dashboard/orders"); got.status != http.StatusOK {
		t.Errorf("the page: %d", got.status)
	}
	bob := p.customer("bob@example.com")
	bob.place(ledger.Live)
	if s := bob.listen(path); s.status != http.StatusOK {
		t.Errorf("another account: %d", s.status)
	}
	all[0].close()
	deadline := time.After(30 * time.Second)
	for {
		s := ann.listen(path)
		if s.status == http.StatusOK {
			return
		}
		select {
		case <-deadline:
			t.Fatal("the place of one that ended is not free")
		default:
		}
	}
}

// A stream ends when its session does, by whom it may: signed out, revoked from
// elsewhere, all ended by a new password, suspended.
func TestStreamEndsWithItsSession(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		for name, end := range map[string]func(ctx context.Context, c *customer, email string) error{
			"signed out": func(_ context.Context, c *customer, _ string) error {
				if got := c.post("/logout"); got.status != http.StatusSeeOther {
					return fmt.Errorf("sign out: %d", got.status)
				}
				return nil
			},
			"revoked": func(_ context.Context, c *customer, email string) error {
				other := (&customer{p: c.p, id: c.id}).signIn(email)
				if got := other.post("/dashboard/account/sessions/revoke-others"); got.status != http.StatusSeeOther {
					return fmt.Errorf("revoke: %d", got.status)
				}
				return nil
			},
			"a new password": func(ctx context.Context, c *customer, email string) error {
				_, err := c.p.Core.Accounts.SetPassword(ctx, email, "quite another password", "test")
				return err
			},
			"suspended": func(ctx context.Context, c *customer, _ string) error {
				return c.p.Core.DB.Write(ctx, func(tx *db.Tx) error {
					_, err := tx.Exec(`UPDATE accounts SET state = 'suspended' WHERE id = $1`, c.id)
					return err
				})
			},
		} {
			email := strings.ReplaceAll(name, " ", "-") + "@example.com"
			c := p.customer(email)
			o := c.place(ledger.Live)
			s := c.listen("/dashboard/events?orders=1")
			if _, _, ok := s.event(); !ok {
				t.Fatal("no stream")
			}
			cookies := c.cookies
			must(t, end(t.Context(), c, email))
			what, _, ok := s.event()
			if !ok || what != "signed-out" {
				t.Errorf("%s: the stream says %q", name, what)
			}
			p.move(o, 0, order.Submitting)
			if what, _, ok := s.event(); ok {
				t.Errorf("%s: it goes on with %q", name, what)
			}
			c.cookies = cookies
			if again := c.listen("/dashboard/events?orders=1"); again.status != http.StatusUnauthorized {
				t.Errorf("%s: asked again it answers %d", name, again.status)
			}
		}
	})
}

// A panel that stops ends its streams and does not wait for their readers.
func TestStreamsEndWithThePanel(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite)
	ann := p.customer("ann@example.com")
	ann.place(ledger.Live)
	s := ann.listen("/dashboard/events?orders=1")
	if _, _, ok := s.event(); !ok {
		t.Fatal("no stream")
	}
	began := time.Now()
	p.stop()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the stop took %s", took)
	}
	if what, _, ok := s.event(); ok {
		t.Errorf("it goes on with %q", what)
	}
}

// What a stream may name is bounded, and one that names nothing ends.
func TestStreamsNameOrders(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite)
	ann := p.customer("ann@example.com")
	for path, want := range map[string]int{
		"":            http.StatusOK,
		"?orders=1,x": http.StatusBadRequest,
		"?orders=" + strings.Repeat("1,", 100) + "1": http.StatusBadRequest,
		"?whole=7":   http.StatusNotFound,
		"?whole=%00": http.StatusNotFound,
	} {
		if got := ann.get("/dashboard/events" + path); got.status != want {
			t.Errorf("%s: %d, want %d", path, got.status, want)
		}
	}
}
