package favourite_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/favourite"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// Services are kept once, by each account for itself, up to the bound.
func TestFavouritesAreBoundedAndOnesOwn(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://upstream.example", 0)
		var offers []catalog.Offer
		for i := range favourite.Max {
			offers = append(offers, catalog.Offer{
				ProviderService: strconv.Itoa(200 + i), Category: "Adverts", Name: fmt.Sprint("Advert ", i), Type: catalog.Default,
				Cost: ordertest.Cost, Rate: ordertest.Rate, Min: 1, Max: 10,
			})
		}
		_, err := catalog.NewStore(d).Import(t.Context(), f.Provider.ID, offers, "test")
		ordertest.Must(t, err)
		s, ctx, own := favourite.NewStore(d), t.Context(), f.Buyer.AccountID
		services := f.Snapshot().Services
		for _, v := range services[:favourite.Max] {
			for range 2 {
				ordertest.Must(t, s.Add(ctx, own, v.ID))
			}
		}
		one := services[favourite.Max].ID
		if err := s.Add(ctx, own, one); fault.From(err).Reason != favourite.TooMany {
			t.Errorf("one too many: %v", err)
		}
		if err := s.Add(ctx, own, 999_999); !fault.Is(err, fault.NotFound) {
			t.Errorf("no such service: %v", err)
		}
		ordertest.Must(t, s.Remove(ctx, own, services[0].ID))
		ordertest.Must(t, s.Remove(ctx, own, services[0].ID))
		ordertest.Must(t, s.Add(ctx, own, one))
		kept, err := s.Of(ctx, own)
		if err != nil || len(kept) != favourite.Max || kept[0] != one {
			t.Errorf("%v, %v", kept, err)
		}
		if kept, err := s.Of(ctx, f.NewBuyer(0).AccountID); err != nil || len(kept) != 0 {
			t.Errorf("another's: %v, %v", kept, err)
		}
	})
}
