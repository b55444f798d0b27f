package order_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// pageOf is how many orders a page of these tests has.
const pageOf = 2

// searched follows the pages of a filter and returns the numbers that it found.
func searched(t *testing.T, d *db.DB, f order.Filter) (numbers []int64) {
	t.Helper()
	f.Limit = pageOf
	for {
		all, next, err := order.NewStore(d).Search(t.Context(), f)
		ordertest.Must(t, err)
		for _, o := range all {
			numbers = append(numbers, o.Number)
		}
		if next == "" {
			return numbers
		}
		f.BeforeID = next
	}
}

// Staff find orders by everything that a filter names, each once, newest first.
func TestStaffSearchOrders(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://provider.example/api/v2", 100*money.Unit)
		var orders []*order.Order
		for i := range 5 {
			orders = append(orders, f.Place("r"+strconv.Itoa(i), "https://example.com/page_"+string(rune('a'+i)), 1000))
		}
		f.Buyer = f.NewBuyer(100 * money.Unit)
		other := f.Place("x", "https://example.com/page_a", 500)
		f.Exec(`UPDATE orders SET state = 'processing', upstream_id = 'up-7' WHERE id = $1`, orders[1].ID)
		f.Exec(`UPDATE orders SET state = 'held' WHERE id = $1`, orders[2].ID)
		f.Exec(`UPDATE orders SET attention = 'look' WHERE id = $1`, orders[3].ID)
		first := orders[0].Number
		of := func(which ...int) (numbers []int64) {
			for _, i := range which {
				numbers = append(numbers, first+int64(i))
			}
			return numbers
		}
		for name, c := range map[string]struct {
			filter order.Filter
			want   []int64
		}{
			"an account":        {order.Filter{AccountID: orders[0].AccountID}, of(4, 3, 2, 1, 0)},
			"everything":        {order.Filter{}, append([]int64{other.Number}, of(4, 3, 2, 1, 0)...)},
			"a state":           {order.Filter{State: order.Pending, AccountID: orders[0].AccountID}, of(4, 3, 0)},
			"a state of few":    {order.Filter{State: order.Held}, of(2)},
			"a person":          {order.Filter{Attention: true}, of(3, 2)},
			"an id":             {order.Filter{Text: orders[4].ID}, of(4)},
			"another's id":      {order.Filter{Text: orders[4].ID, AccountID: other.AccountID}, nil},
			"the provider's id": {order.Filter{Text: "up-7"}, of(1)},
			"a link":            {order.Filter{Text: "page_a", AccountID: orders[0].AccountID}, of(0)},
			"no pattern":        {order.Filter{Text: "page%"}, nil},
			"a number":          {order.Filter{Text: strconv.FormatInt(first+3, 10), AccountID: orders[0].AccountID}, of(3)},
			"since":             {order.Filter{From: time.Now().Add(-time.Hour), AccountID: orders[0].AccountID}, of(4, 3, 2, 1, 0)},
			"since later":       {order.Filter{From: time.Now().Add(time.Hour)}, nil},
			"until":             {order.Filter{To: time.Now().Add(-time.Hour)}, nil},
			"no provider":       {order.Filter{Provider: "prv_none"}, nil},
			"no service":        {order.Filter{Service: 99}, nil},
			"test orders":       {order.Filter{Test: true}, nil},
		} {
			if diff := cmp.Diff(c.want, searched(t, d, c.filter)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}
