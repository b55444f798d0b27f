package closing_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/closing"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/payment"
	"github.com/notpanel/notpanel/internal/webhook"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const password = "violet staircase 7"

// house is a panel whose accounts can be closed.
type house struct {
	*ordertest.Fixture
	*closing.Closer

	accounts *account.Store
	payments *payment.Store
}

type noMail struct{}

func (noMail) Queue(*db.Tx, identity.Mail) error { return nil }

func setup(t *testing.T, d *db.DB) *house {
	t.Helper()
	f := ordertest.New(t, d, "https://provider.example", 0)
	people, err := identity.New(d, f.Ring, identity.Options{
		PublicURL: "http://localhost:8080", Mailer: noMail{}, StaffWithoutSecondFactor: true,
		Address: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") },
	})
	ordertest.Must(t, err)
	keys := apikey.NewStore(d, f.Ring)
	keys.Ended = webhook.KeyRevoked
	c := &closing.Closer{
		DB: d, People: people, Keys: keys, Currency: "USD",
		Tell: func(tx *db.Tx, accountID string, left money.Amount) error {
			return account.Record(tx, "a test", "told", accountID, left.String())
		},
	}
	return &house{Fixture: f, Closer: c, accounts: account.NewStore(d), payments: payment.NewStore(d)}
}

// member makes an account that has money.
func (h *house) member(email string, role account.Role, balance money.Amount) account.Account {
	h.T.Helper()
	a, err := h.accounts.Create(h.T.Context(), email, password, role, "a test")
	ordertest.Must(h.T, err)
	if balance > 0 {
		_, err = h.accounts.Credit(h.T.Context(), a.ID, balance, "seed", "a test")
		ordertest.Must(h.T, err)
	}
	return a
}

func (h *house) buyer(a account.Account) order.Buyer {
	return order.Buyer{Scope: order.Scope{AccountID: a.ID, Mode: ledger.Live}, WalletID: h.Wallet(a.ID, ledger.Live), KeyID: "key_test"}
}

// browser keeps the cookies of one who signs in.
type browser struct {
	h       *house
	cookies map[string]string
}

func (h *house) browser() *browser { return &browser{h, map[string]string{}} }

// do sends a request in whose session fn runs.
func (b *browser) do(fn func(ctx context.Context) error) (err error) {
	b.h.T.Helper()
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "http://localhost:8080/", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.h.People.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { err = fn(r.Context()) })).ServeHTTP(w, r)
	response := w.Result()
	defer func() { _ = response.Body.Close() }()
	for _, c := range response.Cookies() {
		b.cookies[c.Name] = c.Value
	}
	return err
}

func (b *browser) signIn(email string) error {
	b.h.T.Helper()
	return b.do(func(ctx context.Context) error {
		_, err := b.h.People.SignIn(ctx, email, password)
		return err
	})
}

func (b *browser) close(giveUp money.Amount) error {
	b.h.T.Helper()
	return b.do(func(ctx context.Context) error { return b.h.Close(ctx, giveUp) })
}

func refused(t *testing.T, what string, err error, reason fault.Reason) {
	t.Helper()
	if f, is := errors.AsType[*fault.Error](err); !is || f.Reason != reason {
		t.Errorf("%s: %v, want %s", what, err, reason)
	}
}

// An account that is closed does nothing any more, by no way, and its money and its
// orders stay provable; staff open it again.
func TestClosedAccountActsNoMore(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := setup(t, d)
		a := h.member("ann@example.com", account.Customer, 10*money.Unit)
		other := h.member("bob@example.com", account.Customer, 10*money.Unit)
		ordertest.Must(t, h.payments.SetOffer(t.Context(), payment.Offer{Instructions: "Pay.", Least: 1, Most: money.Max}, "a test"))
		waits, err := h.payments.Request(t.Context(), a.ID, 5*money.Unit, "INV-1")
		ordertest.Must(t, err)
		var values []string
		for _, mode := range []apikey.Mode{apikey.Live, apikey.Test} {
			value, _, err := h.Keys.Issue(t.Context(), apikey.NewKey{AccountID: a.ID, Dialect: apikey.Native, Mode: mode}, "a test")
			ordertest.Must(t, err)
			values = append(values, value)
		}
		authenticator := apikey.NewAuthenticator(d, h.Ring, clock.System)
		authenticate := func(value string) error {
			e, err := epoch.NewReader(d).Current(t.Context())
			ordertest.Must(t, err)
			_, err = authenticator.Authenticate(t.Context(), value, e.Auth, netip.Addr{})
			return err
		}
		for _, value := range values {
			ordertest.Must(t, authenticate(value))
		}
		b, elsewhere := h.browser(), h.browser()
		ordertest.Must(t, b.signIn(a.Email))
		ordertest.Must(t, elsewhere.signIn(a.Email))

		refused(t, "another balance than was shown", b.close(9*money.Unit), closing.BalanceMoved)
		if s, err := h.Look(t.Context(), a.ID); err != nil || s != (closing.Standing{Balance: 10 * money.Unit, Topups: 1, Keys: 2}) {
			t.Errorf("before: %+v, %v", s, err)
		}
		if got, err := h.accounts.Find(t.Context(), a.ID); err != nil || got.State != account.Active {
			t.Errorf("refused, and yet %s, %v", got.State, err)
		}
		ordertest.Must(t, b.close(10*money.Unit))

		if got, err := h.accounts.Find(t.Context(), a.ID); err != nil || got.State != account.Closed {
			t.Errorf("state %s, %v", got.State, err)
		}
		for _, value := range values {
			if err := authenticate(value); !errors.Is(err, apikey.ErrUnusable) {
				t.Errorf("a key of a closed account: %v", err)
			}
		}
		for name, one := range map[string]*browser{"the session": b, "another session": elsewhere} {
			refused(t, name, one.close(10*money.Unit), identity.SignInAgain)
		}
		refused(t, "signing in", h.browser().signIn(a.Email), identity.IsClosed)
		if _, _, err := h.Keys.Issue(t.Context(), apikey.NewKey{AccountID: a.ID, Dialect: apikey.Native, Mode: apikey.Live}, "a test"); !fault.Is(err, fault.Conflict) {
			t.Errorf("another key: %v, want a conflict", err)
		}
		if _, err := h.payments.Request(t.Context(), a.ID, 5*money.Unit, "INV-2"); !fault.Is(err, fault.Conflict) {
			t.Errorf("another top-up: %v, want a conflict", err)
		}
		if p, err := h.payments.Find(t.Context(), waits.ID); err != nil || p.State != payment.Withdrawn {
			t.Errorf("the top-up that waited: %s, %v", p.State, err)
		}
		h.ordersRefused(a)
		h.forgotten(a)
		h.opensAgain(a, other)
		if err := authenticate(values[0]); !errors.Is(err, apikey.ErrUnusable) {
			t.Errorf("a revoked key works again: %v", err)
		}
		h.Audit()
	})
}

// ordersRefused wants no order of a closed account to be placed, of either mode.
func (h *house) ordersRefused(a account.Account) {
	h.T.Helper()
	placer := order.NewPlacer(h.Fixture.DB, order.PlacerOptions{})
	defer placer.Close()
	for _, mode := range []ledger.Mode{ledger.Live, ledger.Test} {
		by := h.buyer(a)
		by.Mode, by.WalletID = mode, h.Wallet(a.ID, mode)
		if _, err := placer.Place(h.T.Context(), by, h.Request("late", "https://example.com/a", 10), h.Snapshot()); !fault.Is(err, fault.Forbidden) {
			h.T.Errorf("a %s order: %v, want it refused", mode, err)
		}
	}
}

// forgotten wants what closing takes away to be gone, and what it keeps to be there.
func (h *house) forgotten(a account.Account) {
	h.T.Helper()
	if balance := h.Balance(h.Wallet(a.ID, ledger.Live)); balance != 10*money.Unit {
		h.T.Errorf("the wallet holds %s: something was booked", balance)
	}
	for _, table := range []string{"sessions", "devices", "tokens"} {
		if n := h.Count(`SELECT COUNT(*) FROM `+table+` WHERE account_id = $1`, a.ID); n != 0 {
			h.T.Errorf("%d rows of %s", n, table)
		}
	}
	// The one sign-in that is kept is the refused one after it.
	if n := h.Count(`SELECT COUNT(*) FROM sign_ins WHERE account_id = $1 AND outcome = 'ok'`, a.ID); n != 0 {
		h.T.Errorf("%d sign-ins are kept", n)
	}
	for detail, want := range map[string]int64{
		`action = 'account.close' AND detail = '10.00 USD left in the wallet, 2 keys revoked, 1 top-ups withdrawn'`: 1,
		`action = 'told' AND detail = '10.00'`: 1,
	} {
		if n := h.Count(`SELECT COUNT(*) FROM audit_log WHERE target = $1 AND `+detail, a.ID); n != want {
			h.T.Errorf("%d rows of the log with %s", n, detail)
		}
	}
}

// opensAgain wants nobody else to be hurt, and staff to open the account again.
func (h *house) opensAgain(a, other account.Account) {
	h.T.Helper()
	placer := order.NewPlacer(h.Fixture.DB, order.PlacerOptions{})
	defer placer.Close()
	if _, err := placer.Place(h.T.Context(), h.buyer(other), h.Request("other", "https://example.com/a", 10), h.Snapshot()); err != nil {
		h.T.Errorf("somebody else: %v", err)
	}

	if _, err := h.accounts.SetState(h.T.Context(), a.ID, account.Suspended, "a test"); !fault.Is(err, fault.Conflict) {
		h.T.Errorf("suspended: %v, want a conflict", err)
	}
	again, err := h.accounts.SetState(h.T.Context(), a.ID, account.Active, "a test")
	if err != nil || again.State != account.Active {
		h.T.Fatalf("opened again: %+v, %v", again, err)
	}
	ordertest.Must(h.T, h.browser().signIn(a.Email))
	_, err = placer.Place(h.T.Context(), h.buyer(a), h.Request("again", "https://example.com/a", 10), h.Snapshot())
	ordertest.Must(h.T, err)
}

// Of an order and the closing at one moment, one comes first: either the order is
// there and the account open, or it is closed and nothing was charged.
func TestNoOrderSlipsIntoAClosedAccount(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := setup(t, d)
		placer := order.NewPlacer(d, order.PlacerOptions{})
		defer placer.Close()
		snapshot := h.Snapshot()
		const rounds = 12
		closed := 0
		for round := range rounds {
			a := h.member(fmt.Sprintf("ann%d@example.com", round), account.Customer, money.Unit)
			b := h.browser()
			ordertest.Must(t, b.signIn(a.Email))
			var placed, ended error
			var both sync.WaitGroup
			both.Go(func() {
				_, placed = placer.Place(context.Background(), h.buyer(a), h.Request("r", "https://example.com/a", 10), snapshot)
			})
			both.Go(func() { ended = b.close(money.Unit) })
			both.Wait()
			got, err := h.accounts.Find(t.Context(), a.ID)
			ordertest.Must(t, err)
			orders := h.Count(`SELECT COUNT(*) FROM orders WHERE account_id = $1`, a.ID)
			balance := h.Balance(h.Wallet(a.ID, ledger.Live))
			switch {
			case placed == nil && ended != nil && got.State == account.Active && orders == 1 && balance < money.Unit:
				if f := fault.From(ended); f.Reason != closing.OrdersOpen && f.Reason != closing.BalanceMoved {
					t.Errorf("the order came first, and closing says %v", ended)
				}
			case ended == nil && fault.Is(placed, fault.Forbidden) && got.State == account.Closed && orders == 0 && balance == money.Unit:
				closed++
			default:
				t.Errorf("placed: %v; closed: %v; %s with %d orders and %s", placed, ended, got.State, orders, balance)
			}
		}
		t.Logf("closing came first in %d of %d rounds", closed, rounds)
		h.Audit()
	})
}

// Who has open orders can't go; of the last two owners only one can, though both try.
func TestWhoCantGo(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := setup(t, d)
		a := h.member("ann@example.com", account.Customer, money.Unit)
		h.Buyer = h.buyer(a)
		o := h.Place("r", "https://example.com/a", 10)
		b := h.browser()
		ordertest.Must(t, b.signIn(a.Email))
		left := h.Balance(h.Buyer.WalletID)
		refused(t, "with an open order", b.close(left), closing.OrdersOpen)
		_, err := order.NewCanceller(d, nil).Cancel(t.Context(), h.Buyer.Scope, order.Ref(o.ID), "key_test")
		ordertest.Must(t, err)
		ordertest.Must(t, b.close(money.Unit))

		one, two := h.member("one@example.com", account.Owner, 0), h.member("two@example.com", account.Owner, 0)
		browsers := []*browser{h.browser(), h.browser()}
		ordertest.Must(t, browsers[0].signIn(one.Email))
		ordertest.Must(t, browsers[1].signIn(two.Email))
		ends := make([]error, 2)
		var both sync.WaitGroup
		for i := range browsers {
			both.Go(func() { ends[i] = browsers[i].close(0) })
		}
		both.Wait()
		if (ends[0] == nil) == (ends[1] == nil) {
			t.Fatalf("two owners: %v, %v; want one to go", ends[0], ends[1])
		}
		for _, err := range ends {
			if err != nil {
				refused(t, "the last owner", err, account.LastOwner)
			}
		}
		if n := h.Count(`SELECT COUNT(*) FROM accounts WHERE role = 'owner' AND state = 'active'`); n != 1 {
			t.Errorf("%d owners are left", n)
		}
		h.Audit()
	})
}
