package webhook_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/webhook"
	"github.com/notpanel/notpanel/internal/webhook/webhooktest"
)

// The log is read by outcome, page by page, and by nobody else.
func TestTheLogByOutcome(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		e, _ := s.add(r, "")
		stop := s.send(1)
		ids := map[webhook.Outcome][]string{}
		for i := range 6 {
			want := webhook.Delivered
			r.Status(http.StatusOK)
			if i%2 == 1 {
				want = webhook.Failed
				r.Status(http.StatusInternalServerError)
			}
			ping, err := s.store.Test(t.Context(), s.by, e.ID)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.store.Await(t.Context(), s.by, ping, 0, time.Minute)
			if err != nil || got.State != want || got.Tries != 1 {
				t.Fatalf("%+v, %v; want %s", got, err, want)
			}
			ids[want] = append([]string{ping}, ids[want]...)
		}
		stop()
		waits, err := s.store.Test(t.Context(), s.by, e.ID)
		if err != nil {
			t.Fatal(err)
		}
		ids[webhook.Pending] = []string{waits}
		for outcome, want := range ids {
			before := ""
			for _, one := range want {
				page, err := s.store.DeliveriesIn(t.Context(), s.by, e.ID, outcome, before, 1)
				if err != nil || len(page) != 1 || page[0].ID != one {
					t.Fatalf("%s before %q: %+v, %v; want %s", outcome, before, page, err, one)
				}
				before = one
			}
			if rest, err := s.store.DeliveriesIn(t.Context(), s.by, e.ID, outcome, before, 1); err != nil || len(rest) != 0 {
				t.Errorf("%s after the last: %+v, %v", outcome, rest, err)
			}
		}
		if all, err := s.store.DeliveriesIn(t.Context(), s.by, e.ID, "", "", 100); err != nil || len(all) != 7 {
			t.Errorf("%d of all, %v", len(all), err)
		}
		stranger := webhook.Owner{AccountID: "acc_other"}
		if _, err := s.store.DeliveriesIn(t.Context(), stranger, e.ID, "", "", 1); !fault.Is(err, fault.NotFound) {
			t.Errorf("another account: %v", err)
		}
		if _, err := s.store.Await(t.Context(), stranger, waits, 0, time.Minute); !fault.Is(err, fault.NotFound) {
			t.Errorf("another account: %v", err)
		}
		// Nobody sends now: what waits is given back as it is.
		if got, err := s.store.Await(t.Context(), s.by, waits, 0, 0); err != nil || got.State != webhook.Pending || got.Tries != 0 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
