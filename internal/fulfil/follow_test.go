package fulfil_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/provider/providertest"
)

// follow asks the provider about all that is due.
func (k *desk) follow() {
	k.T.Helper()
	f := fulfil.NewFollower(k.options)
	_, err := f.Pass(context.Background())
	ordertest.Must(k.T, err)
	f.Drain()
}

// What the provider's last word means for money, word by word. The order is 1000
// for 2.00, which costs 1.00 there.
func TestFollowWords(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reports   []string // one after the other
		state     order.State
		refunded  string
		attention string // a part of it
	}{
		"waiting":                           {[]string{`{"status":"Pending","start_count":"5","remains":"1000"}`}, order.Processing, "0.00", ""},
		"in progress":                       {[]string{`{"status":"In progress","start_count":"5","remains":"400"}`}, order.InProgress, "0.00", ""},
		"back to pending stays in progress": {[]string{`{"status":"In progress"}`, `{"status":"Pending"}`}, order.InProgress, "0.00", ""},
		"completed":                         {[]string{`{"status":"Completed","remains":"0","charge":"1.00"}`}, order.Completed, "0.00", ""},
		"completed with remains":            {[]string{`{"status":"completed","remains":"300"}`}, order.Completed, "0.00", ""},
		"completed, overcharged":            {[]string{`{"status":"Completed","charge":"1.02"}`}, order.Completed, "0.00", "charged 1.02"},
		"in progress, overcharged":          {[]string{`{"status":"In progress","charge":"99"}`}, order.InProgress, "0.00", "charged 99.00"},
		"partial, overcharged":              {[]string{`{"status":"Partial","remains":"500","charge":"50.0"}`}, order.Partial, "1.00", "charged 50.00"},
		"partial":                           {[]string{`{"status":"Partial","remains":"157"}`}, order.Partial, "0.314", ""},
		"partial of all":                    {[]string{`{"status":"Partial","remains":1000}`}, order.Partial, "2.00", ""},
		"partial of nothing":                {[]string{`{"status":"Partial","remains":"0"}`}, order.Processing, "0.00", "partial"},
		"partial of too much":               {[]string{`{"status":"Partial","remains":"1200"}`}, order.Processing, "0.00", "partial"},
		"partial without remains":           {[]string{`{"status":"Partial","remains":"Unknown"}`}, order.Processing, "0.00", "partial"},
		"partial, then more":                {[]string{`{"status":"Partial","remains":"100"}`, `{"status":"Partial","remains":"300"}`}, order.Partial, "0.60", ""},
		"partial, then less":                {[]string{`{"status":"Partial","remains":"300"}`, `{"status":"Partial","remains":"100"}`}, order.Partial, "0.60", ""},
		"partial, then completed":           {[]string{`{"status":"Partial","remains":"300"}`, `{"status":"Completed","remains":"0"}`}, order.Partial, "0.60", ""},
		"canceled":                          {[]string{`{"status":"Canceled","remains":"1000","charge":"0"}`}, order.Canceled, "2.00", ""},
		"cancelled, no charge said":         {[]string{`{"status":"Cancelled","remains":"157"}`}, order.Canceled, "2.00", ""},
		"canceled after a part":             {[]string{`{"status":"Canceled","remains":"400","charge":"0.60"}`}, order.Canceled, "0.80", ""},
		"canceled, charge disagrees":        {[]string{`{"status":"Canceled","remains":"400","charge":"0.10"}`}, order.Canceled, "2.00", ""},
		"canceled, charged in full":         {[]string{`{"status":"Canceled","remains":"400","charge":"1.00"}`}, order.Processing, "0.00", "full cost"},
		"refunded":                          {[]string{`{"status":"Refunded","charge":"0.00"}`}, order.Canceled, "2.00", ""},
		"completed, then partial":           {[]string{`{"status":"Completed"}`, `{"status":"Partial","remains":"500"}`}, order.Partial, "1.00", ""},
		"completed, then canceled":          {[]string{`{"status":"Completed"}`, `{"status":"Canceled","charge":"0"}`}, order.Canceled, "2.00", ""},
		"partial, then canceled":            {[]string{`{"status":"Partial","remains":"500"}`, `{"status":"Canceled","charge":"0"}`}, order.Canceled, "2.00", ""},
		"fail":                              {[]string{`{"status":"Fail"}`}, order.Processing, "0.00", "it says Fail"},
		"error":                             {[]string{`{"status":"Error","remains":"1000"}`}, order.Processing, "0.00", "it says Error"},
		"rejected":                          {[]string{`{"status":"Rejected"}`}, order.Processing, "0.00", "it says Rejected"},
		"unknown word":                      {[]string{`{"status":"Meditating"}`}, order.Processing, "0.00", "Meditating"},
		"unknown id":                        {[]string{`{"error":"Incorrect order ID"}`}, order.Processing, "0.00", "no longer knows"},
		"unknown id as text":                {[]string{`"Incorrect order ID"`}, order.Processing, "0.00", "no longer knows"},
		"fail, then completed":              {[]string{`{"status":"Fail"}`, `{"status":"Completed"}`}, order.Completed, "0.00", ""},
		"nonsense numbers":                  {[]string{`{"status":"In progress","start_count":null,"remains":"-5","charge":"lots"}`}, order.InProgress, "0.00", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				k := newDesk(t, d)
				o := k.Place("r", "https://example.com/a", 1000)
				k.forward()
				for _, report := range c.reports {
					k.upstream.Report("1", report)
					d.AdvanceClock(26 * time.Hour)
					k.follow()
					d.AdvanceClock(26 * time.Hour)
					k.follow() // the same word again changes nothing
				}
				now := k.want(o, c.state, c.refunded)
				if (c.attention == "") != (now.Attention == "") || !strings.Contains(now.Attention, c.attention) {
					t.Errorf("attention %q, want %q", now.Attention, c.attention)
				}
				if n := k.Count(`SELECT COUNT(*) FROM order_timeline WHERE order_id = $1`, o.ID); n > 8 {
					t.Errorf("%d rows in the timeline: repeats are noise", n)
				}
			})
		})
	}
}

// Remains and start count of a running order are shown as the provider says them,
// where they can be.
func TestFollowCounts(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.Place("r", "https://example.com/a", 1000)
		k.forward()
		k.upstream.Report("1", `{"status":"In progress","start_count":"3572","remains":157,"charge":"0.2781900000001"}`)
		d.AdvanceClock(time.Minute)
		k.follow()
		now := k.want(o, order.InProgress, "0.00")
		if *now.StartCount != 3572 || *now.Remains != 157 || now.ProviderCharge.String() != "0.278191" {
			t.Errorf("start %d, remains %d, charge %s", *now.StartCount, *now.Remains, now.ProviderCharge)
		}
	})
}

// An answer that lacks an order, or is no answer, changes nothing and comes again.
func TestFollowSurvivesBadAnswers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.Place("r", "https://example.com/a", 1000)
		k.forward()
		k.upstream.Report("1", `broken`)
		d.AdvanceClock(time.Minute)
		k.follow()
		k.want(o, order.Processing, "0.00")
		k.upstream.Report("1", `{"status":"Completed"}`)
		d.AdvanceClock(2 * time.Minute)
		k.follow()
		k.want(o, order.Completed, "0.00")
	})
}

// A provider that has more orders due than one call names is asked about all of them
// at once; none waits for the next round.
func TestFollowAsksOnWhileMoreIsDue(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const orders = 101 // and a call names 100
		k := newDesk(t, d)
		for i := range orders {
			k.Place(strconv.Itoa(i), "https://example.com/"+strconv.Itoa(i), 1000)
			k.upstream.Report(strconv.Itoa(i+1), `{"status":"Completed"}`)
		}
		for len(k.upstream.Adds()) < orders {
			k.forward()
		}
		d.AdvanceClock(time.Minute)
		k.follow()
		if n := k.Count(`SELECT COUNT(*) FROM orders WHERE state = 'completed'`); n != orders {
			t.Errorf("%d of %d orders were followed", n, orders)
		}
	})
}

// due places orders that the provider has and that are due to be asked about.
func (k *desk) due(orders int) {
	k.T.Helper()
	for i := range orders {
		k.Place(strconv.Itoa(i), "https://example.com/"+strconv.Itoa(i), 1000)
	}
	for len(k.upstream.Adds()) < orders {
		k.forward()
	}
	k.options.DB.AdvanceClock(time.Minute)
}

// A provider that answers each call with an error page is left alone until the next
// pass, however many orders are due, and is on record as one that says nothing.
func TestFollowLeavesASickProviderAlone(t *testing.T) {
	t.Parallel()
	k := newDesk(t, dbtest.Open(t, db.SQLite))
	k.due(350)
	var calls atomic.Int64
	sick := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte("<html>Bad gateway</html>"))
	}))
	t.Cleanup(sick.Close)
	ordertest.Must(t, k.Providers.SetAddress(t.Context(), k.Provider.ID, sick.URL, "a-key-that-is-long-enough", "test"))
	f := fulfil.NewFollower(k.options)
	_, err := f.Pass(t.Context())
	ordertest.Must(t, err)
	f.Drain()
	if n := calls.Load(); n > 32 {
		t.Errorf("one pass made %d calls to a provider that is sick, want 32 at most", n)
	}
	if n := f.Failures()[k.Provider.ID]; n != 1 {
		t.Errorf("%d failures are counted, want 1", n)
	}
}

// A provider whose address and key were changed is not asked under the old ones any
// more, once the call under way is over.
func TestFollowTakesANewAddress(t *testing.T) {
	t.Parallel()
	k := newDesk(t, dbtest.Open(t, db.SQLite))
	const orders = 250
	k.due(orders)
	var old, fresh atomic.Int64
	says := func(asked *atomic.Int64, first func()) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			all := map[string]any{}
			for id := range strings.SplitSeq(r.FormValue("orders"), ",") {
				all[id] = map[string]string{"status": "In progress"}
			}
			if asked.Add(int64(len(all))) == int64(len(all)) {
				first()
			}
			if err := json.NewEncoder(w).Encode(all); err != nil {
				t.Error(err)
			}
		}))
		t.Cleanup(s.Close)
		return s
	}
	after := says(&fresh, func() {})
	before := says(&old, func() {
		if err := k.Providers.SetAddress(context.Background(), k.Provider.ID, after.URL, "a-new-key-that-is-long-enough", "test"); err != nil {
			t.Error(err)
		}
	})
	ordertest.Must(t, k.Providers.SetAddress(t.Context(), k.Provider.ID, before.URL, "an-old-key-that-is-long-enough", "test"))
	k.follow()
	if old.Load() != 100 || fresh.Load() != orders-100 {
		t.Errorf("%d orders were asked about under the old address, %d under the new one", old.Load(), fresh.Load())
	}
}

// A provider that does not answer delays no other: its call goes on while the
// others' orders are followed.
func TestFollowSlowProviderDelaysNobody(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.Place("r", "https://example.com/a", 1000)
		k.forward()
		k.upstream.Report("1", `{"status":"Completed"}`)
		release := make(chan struct{})
		slow := providertest.New(t)
		slow.HoldStatus(release)
		other, err := k.Providers.Add(context.Background(), "Slow", slow.URL, "k", "test")
		ordertest.Must(t, err)
		stuck := k.Place("stuck", "https://example.com/b", 1000)
		k.forward()
		k.Write(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE orders SET provider_id = $2 WHERE id = $1`, stuck.ID, other.ID)
			return err
		})
		d.AdvanceClock(time.Minute)
		f := fulfil.NewFollower(k.options)
		_, err = f.Pass(context.Background())
		ordertest.Must(t, err)
		for deadline := time.Now().Add(timeout); k.Order(o.ID).State != order.Completed; {
			if time.Now().After(deadline) {
				t.Fatal("the order of the quick provider was not followed")
			}
		}
		close(release)
		f.Drain()
	})
}

// The first check comes within 3 s of acceptance; gaps grow to 20 s within five
// minutes, then double to an hour; ended orders are looked at after 1, 3 and 7 days.
func TestNextCheck(t *testing.T) {
	t.Parallel()
	accepted := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	running := &order.Order{State: order.InProgress, AcceptedAt: accepted}
	for _, c := range []struct{ age, gap time.Duration }{
		{0, 3 * time.Second},
		{150 * time.Second, 11500 * time.Millisecond},
		{5 * time.Minute, 20 * time.Second},
		{6 * time.Minute, 80 * time.Second},
		{24 * time.Hour, time.Hour},
	} {
		now := accepted.Add(c.age)
		if got := fulfil.NextCheck(running, now).Sub(now); got != c.gap {
			t.Errorf("gap after %s is %s, want %s", c.age, got, c.gap)
		}
	}
	done := &order.Order{State: order.Completed, FinishedAt: accepted}
	const day = 24 * time.Hour
	for _, c := range []struct{ age, at time.Duration }{{0, day}, {day, 3 * day}, {3 * day, 7 * day}, {7*day - 1, 7 * day}} {
		if got := fulfil.NextCheck(done, accepted.Add(c.age)); !got.Equal(accepted.Add(c.at)) {
			t.Errorf("ended %s ago: next check %v after its end, want %s", c.age, got.Sub(accepted), c.at)
		}
	}
	if !fulfil.NextCheck(done, accepted.Add(7*day)).IsZero() {
		t.Error("an order that ended a week ago is asked about again")
	}
}

// Of a subscription's end customers are shown a day and never their provider's words.
func TestFollowReadsADayForTheEnd(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.Exec(`UPDATE services SET type = 'Subscriptions'`)
		p := order.NewPlacer(d, order.PlacerOptions{})
		defer p.Close()
		said := []struct{ text, want string }{
			{"31/12/2099", "2099-12-31"},
			{"12/31/2099", "2099-12-31"},
			{" 5/6/2099", "2099-06-05"},
			{"2099-12-31", "2099-12-31"},
			{"", ""},
			{"soon, says Upstream", ""},
			{"31/31/2099", ""},
			{"<b>31/12/2099</b>", ""},
		}
		subs := make([]string, len(said))
		for i := range said {
			fields := map[string]string{
				"service": "1", "request_id": strconv.Itoa(i), "username": "a" + strconv.Itoa(i), "min": "10", "max": "10", "posts": "1", "delay": "0", "expiry": "2099-01-31",
			}
			r, err := order.ParseRequest(func(name string) string { return fields[name] })
			ordertest.Must(t, err)
			placed, err := p.Place(context.Background(), k.Buyer, r, k.Snapshot())
			ordertest.Must(t, err)
			subs[i] = placed.OrderID
		}
		k.forward()
		for i, c := range said {
			k.upstream.Report(k.Order(subs[i]).UpstreamID, `{"status":"Active","posts":"0","orders":[],"expiry":"`+c.text+`"}`)
		}
		d.AdvanceClock(time.Hour)
		k.follow()
		for i, c := range said {
			if now := k.Order(subs[i]); now.State != order.InProgress || now.Expiry != c.want {
				t.Errorf("%q: %s until %q, want %q", c.text, now.State, now.Expiry, c.want)
			}
		}
		k.Audit()
	})
}
