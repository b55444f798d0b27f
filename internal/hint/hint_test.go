package hint_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/hint"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/ratelimit"
	"github.com/notpanel/notpanel/internal/webhook"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// told is a panel that a provider tells of its one order there.
type told struct {
	*ordertest.Fixture

	t        *testing.T
	secret   string
	order    *order.Order
	receiver *hint.Receiver
}

func setup(t *testing.T, d *db.DB) *told {
	t.Helper()
	f := ordertest.New(t, d, "https://provider.example/api/v2", 100*money.Unit)
	h := &told{Fixture: f, t: t, secret: webhook.NewSecret()}
	ordertest.Must(t, f.Providers.SetHook(context.Background(), f.Provider, "whk_there", h.secret, "test"))
	h.order = f.Place("one", "https://example.com/", 100)
	f.Write(func(tx *db.Tx) error {
		o, book, err := order.Lock(tx, h.order.ID)
		if err != nil {
			return err
		}
		if err := order.Transition(tx, book, o, order.Change{To: order.Submitting, Actor: "panel", Reason: "test"}); err != nil {
			return err
		}
		o.UpstreamID = "ord_there"
		if err := order.Transition(tx, book, o, order.Change{To: order.Processing, Actor: "panel", Reason: "test"}); err != nil {
			return err
		}
		o.NextCheckAt = tx.Now.Add(time.Hour)
		return order.Save(tx, o, o.State)
	})
	h.receiver = hint.New(hint.Receiver{
		DB: d, Providers: f.Providers, Limits: ratelimit.New(ratelimit.Limits{}, clock.System), Log: slog.New(slog.DiscardHandler),
		ClientAddress: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") },
	})
	return h
}

// delivery is what a provider sends.
type delivery struct {
	id, order, body string
	secret          string
	at              time.Time
	path            string
	own             bool // signed with the panel's own header alone
}

func (h *told) send(d delivery) (status int) {
	h.t.Helper()
	if d.body == "" {
		d.body = fmt.Sprintf(`{"id":%q,"type":"order.completed","created_at":"2026-03-01T12:00:00Z","sequence":3,"data":{"order":%q,"status":"completed","charge":"999.00"}}`, d.id, d.order)
	}
	if d.secret == "" {
		d.secret = h.secret
	}
	if d.at.IsZero() {
		d.at = clock.System()
	}
	if d.path == "" {
		d.path = h.Provider.ID
	}
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(d.secret, "whsec_"))
	seconds := strconv.FormatInt(d.at.Unix(), 10)
	r := httptest.NewRequest(http.MethodPost, hint.Path+d.path, bytes.NewBufferString(d.body))
	if d.own {
		r.Header.Set("X-NotPanel-Signature", "t="+seconds+",v1="+hex.EncodeToString(mac(key, seconds+"."+d.body)))
	} else {
		r.Header.Set("webhook-id", d.id)
		r.Header.Set("webhook-timestamp", seconds)
		r.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac(key, d.id+"."+seconds+"."+d.body)))
	}
	w := httptest.NewRecorder()
	h.receiver.ServeHTTP(w, r)
	return w.Code
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	_, _ = m.Write([]byte(text))
	return m.Sum(nil)
}

// check is when the order is looked at next, from now.
func (h *told) check() (in time.Duration) {
	h.t.Helper()
	h.Read(func(tx *db.Tx) error {
		var at time.Time
		err := tx.QueryRow(`SELECT next_check_at FROM orders WHERE id = $1`, h.order.ID).Scan(db.Time(&at))
		in = at.Sub(tx.Now)
		return err
	})
	return in
}

// later puts the next look an hour off, as one that was made does.
func (h *told) later() {
	h.t.Helper()
	h.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE orders SET next_check_at = $2 WHERE id = $1`, h.order.ID, db.At(tx.Now.Add(time.Hour)))
		return err
	})
}

// A delivery brings the look at its order forward, and moves nothing else whatever
// it says.
func TestAHintBringsTheLookForward(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for _, own := range []bool{false, true} {
			h := setup(t, dbtest.Open(t, d.Engine()))
			rung := 0
			h.DB.OnCommit(order.HintsBell, func() { rung++ })
			if status := h.send(delivery{id: "evt_1", order: "ord_there", own: own}); status != http.StatusNoContent {
				t.Fatalf("status %d", status)
			}
			if in := h.check(); in > 0 || rung != 1 {
				t.Errorf("it is looked at in %s, rung %d times", in, rung)
			}
			if o := h.Order(h.order.ID); o.State != order.Processing || o.Charge != h.order.Charge || o.Refunded != 0 {
				t.Errorf("the order became %+v", o)
			}
		}
	})
}

// Two looks that hints ask for are 5 s apart at least, and one event asks once.
func TestHintsAreBounded(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := setup(t, d)
		h.send(delivery{id: "evt_1", order: "ord_there"})
		h.later()
		if status := h.send(delivery{id: "evt_1", order: "ord_there"}); status != http.StatusNoContent || h.check() < time.Minute {
			t.Errorf("the same event asked again: status %d", status)
		}
		h.send(delivery{id: "evt_2", order: "ord_there"})
		if in := h.check(); in < 3*time.Second || in > 5*time.Second {
			t.Errorf("the second look is in %s", in)
		}
		h.send(delivery{id: "evt_3", order: "ord_there"})
		if in := h.check(); in > 5*time.Second {
			t.Errorf("the third put it off to %s", in)
		}
		d.AdvanceClock(time.Minute)
		h.later()
		h.send(delivery{id: "evt_4", order: "ord_there"})
		if in := h.check(); in > 0 {
			t.Errorf("a minute later it is in %s", in)
		}
	})
}

// Who knows no provider with a webhook takes no place of those who do: nothing is
// read of what they send.
func TestStrangersTakeNoPlace(t *testing.T) {
	t.Parallel()
	h := setup(t, dbtest.Open(t, db.SQLite))
	for _, path := range []string{"x", id.New(id.Provider)} {
		unread := &unread{}
		w := httptest.NewRecorder()
		h.receiver.ServeHTTP(w, httptest.NewRequest(http.MethodPost, hint.Path+path, unread))
		if w.Code != http.StatusUnauthorized || unread.asked {
			t.Errorf("%s: %d, its body was read: %t", path, w.Code, unread.asked)
		}
	}
}

// unread is a body that notes whether it was asked for.
type unread struct{ asked bool }

func (u *unread) Read([]byte) (int, error) {
	u.asked = true
	return 0, io.EOF
}

// What is not the provider's, too old, too new or too large is refused, all of it
// without a look at an order.
func TestForeignDeliveriesAreRefused(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := setup(t, d)
		for name, c := range map[string]struct {
			delivery

			status int
		}{
			"another secret":         {delivery{id: "evt_1", order: "ord_there", secret: webhook.NewSecret()}, http.StatusUnauthorized},
			"another secret, own":    {delivery{id: "evt_1", order: "ord_there", secret: webhook.NewSecret(), own: true}, http.StatusUnauthorized},
			"six minutes old":        {delivery{id: "evt_1", order: "ord_there", at: clock.System().Add(-6 * time.Minute)}, http.StatusUnauthorized},
			"six minutes ahead":      {delivery{id: "evt_1", order: "ord_there", at: clock.System().Add(6 * time.Minute)}, http.StatusUnauthorized},
			"an unknown provider":    {delivery{id: "evt_1", order: "ord_there", path: "prv_01M8DN2EPYTWJJ929KPMCNVGND"}, http.StatusUnauthorized},
			"no id of a provider":    {delivery{id: "evt_1", order: "ord_there", path: "1"}, http.StatusUnauthorized},
			"no provider":            {delivery{id: "evt_1", order: "ord_there", path: "../hooks/"}, http.StatusUnauthorized},
			"too large":              {delivery{id: "evt_1", body: `{"id":"evt_1","type":"order.completed","data":{"order":"ord_there","link":"` + strings.Repeat("x", 64<<10) + `"}}`}, http.StatusRequestEntityTooLarge},
			"no event":               {delivery{id: "evt_1", body: `{"order":"ord_there"}`}, http.StatusBadRequest},
			"no JSON":                {delivery{id: "evt_1", body: `order=ord_there`}, http.StatusBadRequest},
			"a NUL in an order's id": {delivery{id: "evt_1", body: `{"id":"evt_1","type":"order.completed","created_at":"2026-03-01T12:00:00Z","sequence":3,"data":{"order":"ord\u0000"}}`}, http.StatusBadRequest},
			"an id without an end":   {delivery{id: strings.Repeat("e", 65), order: "ord_there"}, http.StatusBadRequest},
			"nothing of an order":    {delivery{id: "evt_1", body: `{"id":"evt_1","type":"ping","data":{"webhook":"whk_there"}}`}, http.StatusNoContent},
			"an unknown order":       {delivery{id: "evt_2", order: "ord_elsewhere"}, http.StatusNoContent},
			"another type":           {delivery{id: "evt_3", body: `{"id":"evt_3","type":"order.questioned","data":{"order":"ord_there"}}`}, http.StatusNoContent},
		} {
			if got := h.send(c.delivery); got != c.status {
				t.Errorf("%s: status %d, want %d", name, got, c.status)
			}
			if in := h.check(); in < 59*time.Minute {
				t.Fatalf("%s: the order is looked at in %s", name, in)
			}
		}
		ordertest.Must(t, h.Providers.SetHook(context.Background(), h.Provider, "", "", "test"))
		if got := h.send(delivery{id: "evt_4", order: "ord_there"}); got != http.StatusUnauthorized {
			t.Errorf("after it was taken away: status %d", got)
		}
		r := httptest.NewRecorder()
		h.receiver.ServeHTTP(r, httptest.NewRequest(http.MethodGet, hint.Path+h.Provider.ID, nil))
		if r.Code != http.StatusMethodNotAllowed || r.Header().Get("Allow") != http.MethodPost {
			t.Errorf("GET: %d %v", r.Code, r.Header())
		}
	})
}

// The secret stands sealed in the database, for its provider alone.
func TestTheSecretIsSealed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := setup(t, d)
		h.Read(func(tx *db.Tx) error {
			var stored string
			err := tx.QueryRow(`SELECT hook_secret FROM providers WHERE id = $1`, h.Provider.ID).Scan(&stored)
			if strings.Contains(stored, strings.TrimPrefix(h.secret, "whsec_")) {
				t.Error("it is stored in clear")
			}
			if _, err := h.Ring.Open(stored, "providers", "hook_secret", "prv_other"); err == nil {
				t.Error("it opens for another provider")
			}
			return err
		})
	})
}

// Old events are forgotten.
func TestOldEventsAreForgotten(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := setup(t, d)
		h.send(delivery{id: "evt_1", order: "ord_there"})
		left := func() (n int) {
			_, err := hint.Forget(d).Pass(context.Background())
			ordertest.Must(t, err)
			h.Read(func(tx *db.Tx) error { return tx.QueryRow(`SELECT COUNT(*) FROM provider_hints`).Scan(&n) })
			return n
		}
		if n := left(); n != 1 {
			t.Errorf("%d are left at once", n)
		}
		d.AdvanceClock(11 * time.Minute)
		if n := left(); n != 0 {
			t.Errorf("%d are left later", n)
		}
	})
}
