package order_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
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
			"and a state":       {order.Filter{Text: "up-7", State: order.Held}, nil},
			"and an account":    {order.Filter{Text: "up-7", AccountID: other.AccountID}, nil},
			"an id and a state": {order.Filter{Text: orders[4].ID, State: order.Failed}, nil},
			"an id and a time":  {order.Filter{Text: orders[4].ID, From: time.Now().Add(time.Hour)}, nil},
			"an id that waits":  {order.Filter{Text: orders[3].ID, Attention: true}, of(3)},
			"one with no wish":  {order.Filter{Text: orders[4].ID, Attention: true}, nil},
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

// A deed for all that a filter fits is for each of them once, also where they lie
// beyond what one page looks at, and is refused where too many would be looked at.
func TestWhatAFilterFits(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://provider.example/api/v2", 100*money.Unit)
		first := f.Place("first", "https://example.com/first", 1000)
		f.Exec(`UPDATE orders SET state = 'completed', finished_at = created_at, upstream_id = 'up-1' WHERE id = $1`, first.ID)
		one := f.Buyer
		f.Buyer = f.NewBuyer(100 * money.Unit)
		others := f.Place("others", "https://example.com/first", 1000)
		const more = 4100 // more than a page looks at
		f.Exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ` + strconv.Itoa(more) + `)
			INSERT INTO orders (id, account_id, wallet_id, number, request_id, link, state, mode, key_id, request_hash, service_id, quantity, rate, cost,
				catalog_epoch, charge, step, provider_id, provider_service, equal_key, created_at, updated_at, finished_at)
			SELECT 'ord_7ZZZZZZZZZZZZZZZZZ' || (10000000 + n.i), account_id, wallet_id, number + n.i, 'r' || n.i, link, 'failed', mode, key_id, request_hash, service_id,
				quantity, rate, cost, catalog_epoch, charge, step, provider_id, provider_service, equal_key, created_at, updated_at, created_at
			FROM n, orders o WHERE o.id = '` + first.ID + `'`)
		s := order.NewStore(d)
		for name, c := range map[string]struct {
			filter order.Filter
			want   int
		}{
			"far down":            {order.Filter{State: order.Completed}, 1},
			"far down, of one":    {order.Filter{State: order.Completed, AccountID: one.AccountID}, 1},
			"of another":          {order.Filter{AccountID: others.AccountID}, 1},
			"a state of few":      {order.Filter{State: order.Held}, 0},
			"many":                {order.Filter{State: order.Failed}, more},
			"many, of one":        {order.Filter{State: order.Failed, AccountID: one.AccountID}, more},
			"a link":              {order.Filter{Text: "first"}, more + 2},
			"an id":               {order.Filter{Text: first.ID}, 1},
			"another account's":   {order.Filter{Text: first.ID, AccountID: others.AccountID}, 0},
			"an id in a state":    {order.Filter{Text: first.ID, State: order.Failed}, 0},
			"the provider's id":   {order.Filter{Text: "up-1"}, 1},
			"and a state":         {order.Filter{Text: "up-1", State: order.Failed}, 0},
			"where a page stands": {order.Filter{State: order.Completed, BeforeID: first.ID}, 1},
		} {
			found, cut, err := s.Fitting(t.Context(), c.filter, 2*more)
			if err != nil || cut || len(found) != c.want {
				t.Errorf("%s: %d, %t, %v; want %d", name, len(found), cut, err, c.want)
			}
			seen := map[string]bool{}
			for _, orderID := range found {
				if seen[orderID] {
					t.Fatalf("%s: %s twice", name, orderID)
				}
				seen[orderID] = true
			}
		}
		if found, cut, err := s.Fitting(t.Context(), order.Filter{State: order.Failed}, 10); err != nil || !cut || len(found) != 10 {
			t.Errorf("cut: %d, %t, %v", len(found), cut, err)
		}
		if _, _, err := order.FittingIn(t.Context(), d, order.Filter{State: order.Completed}, 10, 4000); fault.From(err).Reason != order.TooWide {
			t.Errorf("too wide: %v", err)
		}
		coming := order.Filter{AccountID: one.AccountID, From: time.Now().Add(time.Hour)}
		if found, _, err := order.FittingIn(t.Context(), d, coming, 10, 4000); err != nil || len(found) != 0 {
			t.Errorf("of days in which there are none: %d, %v", len(found), err)
		}
		narrowed := order.Filter{State: order.Completed, AccountID: others.AccountID}
		if found, _, err := order.FittingIn(t.Context(), d, narrowed, 10, 4000); err != nil || len(found) != 0 {
			t.Errorf("narrowed by an account: %d, %v", len(found), err)
		}
	})
}

// SQLite finds the orders in states of which there are few by the index of those: what
// asks for them says the same as the index does.
func TestFewStatesAreFoundByTheirIndex(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	for name, statement := range order.FewStatements() {
		err := d.Read(t.Context(), func(tx *db.Tx) error {
			return tx.Each(func(r db.Scanner) error {
				var id, parent, unused int64
				var step string
				if err := r.Scan(&id, &parent, &unused, &step); err != nil {
					return err
				}
				if strings.HasPrefix(step, "SCAN orders") && !strings.Contains(step, "INDEX orders_") {
					t.Errorf("%s: %s", name, step)
				}
				return nil
			}, `EXPLAIN QUERY PLAN `+statement, arguments(statement)...)
		})
		ordertest.Must(t, err)
	}
}

// arguments are as many as a statement asks for.
func arguments(statement string) (args []any) {
	for i := 1; strings.Contains(statement, "$"+strconv.Itoa(i)); i++ {
		args = append(args, "")
	}
	return args
}
