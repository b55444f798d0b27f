package report_test

import (
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/report"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// A day's figures are what its orders were paid and cost, whatever became of them,
// and follow what providers take back later.
func TestDaysAreCounted(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://provider.example/api/v2", 100*money.Unit)
		now := f.Place("now", "https://example.com/now", 1000).CreatedAt
		yesterday := now.Add(-24 * time.Hour)
		end := func(requestID, state string, at time.Time, more string) {
			o := f.Place(requestID, "https://example.com/"+requestID, 1000) // 2.00, which cost 1.00
			f.Exec(`UPDATE orders SET state = $1, finished_at = $2`+more+` WHERE id = $3`, state, db.At(at), o.ID)
		}
		end("whole", "completed", now, `, accepted_at = 1, remains = 0`)
		end("part", "partial", now, `, accepted_at = 1, remains = 250, refunded = 500000`)
		end("never", "canceled", now, `, refunded = 2000000`)
		end("dear", "completed", now, `, accepted_at = 1, provider_charge = 1500000`)
		end("before", "completed", yesterday, `, accepted_at = 1`)
		end("test", "completed", now, `, accepted_at = 1, mode = 'test'`)
		s := report.NewStore(d)
		want := func(today, before report.Day) {
			t.Helper()
			days, err := s.Days(t.Context(), 2)
			ordertest.Must(t, err)
			for i, w := range []report.Day{before, today} {
				if got := days[i]; got.Ended != w.Ended || got.Paid != w.Paid || got.Cost != w.Cost {
					t.Errorf("day %d: %+v, want %+v", i, got, w)
				}
			}
		}
		ordertest.Must(t, s.Count(t.Context()))
		whole, half := report.Day{Ended: 4, Paid: 5_500_000, Cost: 3_250_000}, report.Day{Ended: 1, Paid: 2_000_000, Cost: 1_000_000}
		want(whole, half)
		f.Exec(`UPDATE orders SET state = 'refunded', refunded = 2000000 WHERE request_id = 'before'`)
		ordertest.Must(t, s.Count(t.Context()))
		want(whole, half) // counted a moment ago
		f.Exec(`UPDATE day_totals SET counted_at = counted_at - $1`, (7 * time.Hour).Microseconds())
		ordertest.Must(t, s.Count(t.Context()))
		want(whole, report.Day{Ended: 1, Cost: 1_000_000})
	})
}
