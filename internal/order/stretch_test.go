package order_test

import (
	"slices"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// A statement of some days has the lines of those days, whichever way and in
// whichever steps it is read.
func TestStatementOfATime(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://provider.example", 0)
		own := f.Buyer.Scope
		var booked []time.Time
		for i := range 10 {
			_, err := account.NewStore(d).Credit(t.Context(), own.AccountID, money.Amount(i+1)*money.Unit, "seed", "a test")
			ordertest.Must(t, err)
			f.Read(func(tx *db.Tx) error {
				booked = append(booked, tx.Now)
				return nil
			})
			d.AdvanceClock(24 * time.Hour)
		}
		s := order.NewStore(d)
		var none time.Time
		hour := time.Hour
		for name, c := range map[string]struct {
			from, until time.Time
			want        []int64
		}{
			"all":               {none, none, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
			"from the fourth":   {booked[3].Add(-hour), none, []int64{4, 5, 6, 7, 8, 9, 10}},
			"until the fourth":  {none, booked[3].Add(-hour), []int64{1, 2, 3}},
			"two days":          {booked[3].Add(-hour), booked[4].Add(hour), []int64{4, 5}},
			"between two lines": {booked[3].Add(hour), booked[3].Add(2 * hour), nil},
			"before the first":  {none, booked[0].Add(-hour), nil},
			"behind the last":   {booked[9].Add(hour), none, nil},
			"turned around":     {booked[5], booked[2], nil},
		} {
			part, err := s.Stretch(t.Context(), own, c.from, c.until)
			ordertest.Must(t, err)
			for limit := 1; limit <= 11; limit++ {
				var down, up []int64
				for before := int64(0); ; before = down[len(down)-1] {
					lines, err := s.LatestOf(t.Context(), part, before, limit)
					ordertest.Must(t, err)
					for _, l := range lines {
						down = append(down, l.Seq)
					}
					if len(lines) == 0 || down[len(down)-1] == 1 {
						break
					}
				}
				for after := int64(0); ; after = up[len(up)-1] {
					lines, err := s.NextOf(t.Context(), part, after, limit)
					ordertest.Must(t, err)
					if len(lines) == 0 {
						break
					}
					for _, l := range lines {
						up = append(up, l.Seq)
					}
				}
				slices.Reverse(down)
				if !slices.Equal(up, c.want) || !slices.Equal(down, c.want) {
					t.Errorf("%s by %d: upwards %v, downwards %v, want %v", name, limit, up, down, c.want)
				}
			}
		}
	})
}
