package fulfil_test

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/provider/providertest"
)

// forwardAll sends until nothing waits to be sent.
func (k *desk) forwardAll() {
	k.T.Helper()
	for range 100 {
		if k.Count(`SELECT COUNT(*) FROM orders WHERE state = 'pending'`) == 0 {
			return
		}
		k.forward()
	}
	k.T.Fatal("there are orders that are not sent")
}

// holdWallet keeps a wallet's lock until release is called.
func (k *desk) holdWallet(walletID string) (release func()) {
	k.T.Helper()
	held, over, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		ended <- k.DB.Write(context.Background(), func(tx *db.Tx) error {
			if _, err := ledger.Open(tx, walletID); err != nil {
				return err
			}
			once.Do(func() { close(held) })
			<-over
			return nil
		})
	}()
	<-held
	release = sync.OnceFunc(func() {
		close(over)
		if err := <-ended; err != nil {
			k.T.Error(err)
		}
	})
	k.T.Cleanup(release)
	return release
}

// What moves no money does not wait for the account's wallet: a customer who orders
// without a pause holds up no outcome and no report of their own. What gives money back waits,
// and gives it back once. SQLite has one writer, so only PostgreSQL can hold one of two.
func TestOnlyARefundWaitsForTheWallet(t *testing.T) {
	t.Parallel()
	k := newDesk(t, dbtest.Open(t, db.Postgres))
	accepted, lost := k.Place("accepted", "https://example.com/accepted", 1000), k.Place("lost", "https://example.com/lost", 1000)
	k.upstream.Add(func(w http.ResponseWriter, r *http.Request, form url.Values) {
		if form.Get("link") == lost.Link {
			providertest.Cut(w, r, form)
		}
		k.upstream.Accept(w, r, form)
	})
	release := k.holdWallet(k.Buyer.WalletID)
	k.forwardAll()
	if now := k.Order(accepted.ID); now.State != order.Processing {
		t.Errorf("the accepted order is %s", now.State)
	}
	if now := k.Order(lost.ID); now.State != order.Uncertain {
		t.Errorf("the order without an answer is %s", now.State)
	}
	counts := int64(7)
	k.apply(accepted.ID, provider.Report{Word: provider.WordInProgress, Said: "In progress", StartCount: &counts})
	if now := k.Order(accepted.ID); now.State != order.InProgress {
		t.Errorf("the reported order is %s", now.State)
	}
	refunded := make(chan error, 1)
	asked, rest := k.Order(accepted.ID), int64(400)
	go func() {
		refunded <- k.DB.Write(context.Background(), func(tx *db.Tx) error {
			return fulfil.Apply(tx, asked, provider.Report{Word: provider.WordPartial, Said: "Partial", Remains: &rest})
		})
	}()
	for k.Count(`SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 0 {
		select {
		case err := <-refunded:
			t.Fatalf("the refund did not wait for the wallet: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	release()
	ordertest.Must(t, <-refunded)
	k.want(accepted, order.Partial, "0.80")
}

// Whatever a provider says, and then says otherwise, is on record afterwards: no
// report is lost because it gives money back that nobody had thought of.
func TestEveryReportAfterEveryOther(t *testing.T) {
	t.Parallel()
	reports := everyReport()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.Exec(`UPDATE services SET cancel = TRUE`)
		k.Exec(`UPDATE providers SET slots = 64`)
		all := k.placeMany(len(reports)*len(reports), "o")
		k.forwardAll()
		for i, o := range all {
			first, second := reports[i/len(reports)], reports[i%len(reports)]
			if i%2 == 0 { // a wish to cancel is with the provider meanwhile
				_, err := order.NewCanceller(d, nil).Cancel(context.Background(), k.Buyer.Scope, order.Ref(o.ID), "key_test")
				ordertest.Must(t, err)
			}
			k.apply(o.ID, first)
			k.apply(o.ID, second)
			if now := k.Order(o.ID); now.Refunded > now.Charge || now.State == order.Completed && now.Refunded != 0 {
				t.Errorf("%q and then %q: %s with %s of %s refunded", first.Said, second.Said, now.State, now.Refunded, now.Charge)
			}
		}
		k.Audit()
	})
}

// everyReport is each word with each count that may matter.
func everyReport() (all []provider.Report) {
	none, some, most, whole, more := int64(0), int64(300), int64(900), int64(1000), int64(5000)
	for word, said := range map[provider.Word]string{
		provider.WordWaiting: "Pending", provider.WordInProgress: "In progress", provider.WordCompleted: "Completed",
		provider.WordPartial: "Partial", provider.WordCanceled: "Canceled", provider.WordUnknown: "Lorem", provider.WordTrouble: "Fail",
		provider.WordPaused: "Paused", provider.WordExpired: "Expired",
	} {
		counts := []*int64{nil}
		switch word {
		case provider.WordPartial, provider.WordCanceled:
			counts = []*int64{nil, &none, &some, &most, &whole, &more}
		case provider.WordInProgress, provider.WordCompleted:
			counts = []*int64{nil, &some}
		case provider.WordWaiting, provider.WordUnknown, provider.WordTrouble, provider.WordPaused, provider.WordExpired:
		}
		for _, remains := range counts {
			all = append(all, provider.Report{Word: word, Said: said, Remains: remains})
		}
	}
	cost := money.Amount(100_000) // of the 1.00 that the whole order costs there
	return append(all, provider.Report{Word: provider.WordCanceled, Said: "Canceled, a part charged", Remains: &most, Charge: &cost})
}

// Orders of one account are reported on, canceled and given back at the same time
// as others are placed: each is paid for once, in full or in part.
func TestReportsRaceWithRefunds(t *testing.T) {
	t.Parallel()
	k := newDesk(t, dbtest.Open(t, db.Postgres))
	const n = 40
	all := k.placeMany(n, "raced")
	k.forwardAll()
	left := int64(250)
	reports := []provider.Report{
		{Word: provider.WordInProgress, Said: "In progress"},
		{Word: provider.WordCompleted, Said: "Completed"},
		{Word: provider.WordPartial, Said: "Partial", Remains: &left},
		{Word: provider.WordCanceled, Said: "Canceled"},
	}
	var wg sync.WaitGroup
	for i, o := range all {
		asked := k.Order(o.ID)
		for _, r := range reports {
			wg.Go(func() {
				if err := k.DB.Write(context.Background(), func(tx *db.Tx) error { return fulfil.Apply(tx, asked, r) }); err != nil {
					t.Errorf("%s: %v", r.Said, err)
				}
			})
		}
		if i%4 == 0 {
			wg.Go(func() { // what staff may do depends on who came first: it is done, or refused
				_, _ = fulfil.NewSettler(k.DB).Do(context.Background(), o.ID, fulfil.Deed{Kind: fulfil.GiveBack}, "test")
			})
		}
	}
	k.placeMany(n, "placed")
	wg.Wait()
	k.Audit()
	for _, o := range all {
		now := k.Order(o.ID)
		if !now.State.Final() || now.Refunded > now.Charge {
			t.Errorf("%s with %s of %s refunded", now.State, now.Refunded, now.Charge)
		}
		booked := k.Count(`SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM transfers WHERE kind = 'refund' AND ref LIKE $1`, o.ID+".%")
		if booked != int64(now.Refunded) {
			t.Errorf("%d booked as refunds of an order with %d refunded", booked, now.Refunded)
		}
	}
}

// Two answers that come at the same time name one id: one order has it, the other
// needs a person. Neither outcome is lost.
func TestTwoAnswersAtOnceNameOneID(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		const n = 6
		var there sync.WaitGroup
		there.Add(n)
		k.upstream.Add(func(w http.ResponseWriter, r *http.Request, form url.Values) {
			there.Done()
			there.Wait()
			providertest.Write(`{"order":"the-same"}`)(w, r, form)
		})
		k.placeMany(n, "o")
		k.forward()
		if got := k.Count(`SELECT COUNT(*) FROM orders WHERE state = 'processing' AND upstream_id = 'the-same'`); got != 1 {
			t.Errorf("%d orders have the id", got)
		}
		if got := k.Count(`SELECT COUNT(*) FROM orders WHERE state = 'uncertain' AND upstream_id IS NULL`); got != n-1 {
			t.Errorf("%d orders wait for a person, want %d", got, n-1)
		}
		k.Audit()
	})
}

// A customer wishes an order away while it is being sent: whatever is answered then is
// on record, and the wish is carried out where the provider does not have it.
func TestAWishDuringTheCall(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		answer   providertest.Answer
		state    order.State
		refunded string
	}{
		"accepted":         {providertest.Write(`{"order":5}`), order.Processing, "0.00"},
		"no answer":        {providertest.Cut, order.Uncertain, "0.00"},
		"customer's fault": {providertest.Write(`{"error":"Incorrect link"}`), order.Failed, "2.00"},
		"another source":   {providertest.Write(`{"error":"Incorrect service ID"}`), order.Failed, "2.00"},
		"try later":        {providertest.WriteStatus(http.StatusTooManyRequests, "slow down"), order.Canceled, "2.00"},
		"no funds":         {providertest.Write(`{"error":"Not enough funds on balance"}`), order.Canceled, "2.00"},
		"unclassified":     {providertest.Write(`{"error":"the stars are not right"}`), order.Canceled, "2.00"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				k := newDesk(t, d)
				k.Exec(`UPDATE services SET cancel = TRUE`)
				o := k.Place("r", "https://example.com/a", 1000)
				k.upstream.Add(func(w http.ResponseWriter, r *http.Request, form url.Values) {
					if _, err := order.NewCanceller(d, nil).Cancel(context.Background(), k.Buyer.Scope, order.Ref(o.ID), "key_test"); err != nil {
						t.Error(err)
					}
					c.answer(w, r, form)
				})
				k.forward()
				k.want(o, c.state, c.refunded)
			})
		})
	}
}
