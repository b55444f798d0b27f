package order_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// walk reads all pages of a kind and returns the orders' numbers.
func walk(t *testing.T, s *order.Store, in order.Scope, p order.Page) (numbers []int64, pages int) {
	t.Helper()
	for {
		orders, next, err := s.Own(context.Background(), in, p)
		ordertest.Must(t, err)
		for _, o := range orders {
			if o.AccountID != in.AccountID || o.Mode != in.Mode {
				t.Errorf("order %d is another's", o.Number)
			}
			numbers = append(numbers, o.Number)
		}
		pages++
		if next == 0 {
			return numbers, pages
		}
		p.Before = next
	}
}

// Page after page, at any size, a customer sees each of their own orders of one
// mode once, the newest first, and nobody else's.
func TestOwnOrdersByCursor(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://provider.example", 100*ordertest.Rate)
		first := f.Buyer
		var ids []string
		for i := range 10 {
			ids = append(ids, f.Place(fmt.Sprint("r", i), "https://example.com/a", 10).ID)
		}
		f.Buyer = f.NewBuyer(100 * ordertest.Rate)
		f.Place("r", "https://example.com/a", 10)
		f.Buyer = order.Buyer{Scope: order.Scope{AccountID: first.AccountID, Mode: ledger.Test}, WalletID: f.Wallet(first.AccountID, ledger.Test), KeyID: "key_test"}
		f.Place("r", "https://example.com/a", 10)
		f.Write(func(tx *db.Tx) error {
			for i, state := range map[int]order.State{1: order.Held, 3: order.Submitting, 5: order.Completed, 7: order.Queued} {
				if _, err := tx.Exec(`UPDATE orders SET state = $2 WHERE id = $1`, ids[i], string(state)); err != nil {
					return err
				}
			}
			_, err := tx.Exec(`UPDATE orders SET kind = 'run', parent_id = $2, run = 1 WHERE id = $1`, ids[9], ids[8])
			return err
		})
		s := order.NewStore(d)
		for limit := 1; limit <= 11; limit++ {
			if got, _ := walk(t, s, first.Scope, order.Page{Limit: limit}); !slices.Equal(got, []int64{9, 8, 7, 6, 5, 4, 3, 2, 1}) {
				t.Errorf("by %d: %v", limit, got)
			}
			for word, want := range map[string][]int64{
				"pending": {9, 8, 7, 5, 3, 2, 1}, "processing": {4}, "completed": {6}, "failed": nil,
			} {
				if got, _ := walk(t, s, first.Scope, order.Page{Limit: limit, Word: word}); !slices.Equal(got, want) {
					t.Errorf("%s by %d: %v, want %v", word, limit, got, want)
				}
			}
		}
		if got, pages := walk(t, s, first.Scope, order.Page{Limit: 50, Service: 99}); len(got) > 0 || pages != 1 {
			t.Errorf("another service: %v in %d pages", got, pages)
		}
		if got, _ := walk(t, s, f.Buyer.Scope, order.Page{Limit: 5, Service: f.Service.ID}); !slices.Equal(got, []int64{1}) {
			t.Errorf("the other mode: %v", got)
		}
	})
}

// A statement's lines follow one another without a gap, each balance from the one
// before, with the order that each is for.
func TestStatementByCursor(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://provider.example", 100*ordertest.Rate)
		one := f.Place("one", "https://example.com/a", 1000)
		_, err := order.NewCanceller(d, nil).Cancel(t.Context(), f.Buyer.Scope, order.Ref(one.ID), "key_test")
		ordertest.Must(t, err)
		two := f.Place("two", "https://example.com/a", 500)
		for limit := 1; limit <= 5; limit++ {
			var all []order.Line
			for after := int64(0); ; {
				lines, err := order.NewStore(d).Statement(t.Context(), f.Buyer.WalletID, after, limit)
				ordertest.Must(t, err)
				if len(lines) == 0 {
					break
				}
				all = append(all, lines...)
				after = lines[len(lines)-1].Seq
			}
			if len(all) != 4 {
				t.Fatalf("by %d: %d lines", limit, len(all))
			}
			for i, want := range []order.Line{
				{Kind: ledger.Credit, Amount: 100 * ordertest.Rate},
				{Kind: ledger.OrderCharge, Amount: -ordertest.Rate, OrderID: one.ID, Number: 1},
				{Kind: ledger.OrderRefund, Amount: ordertest.Rate, OrderID: one.ID, Number: 1},
				{Kind: ledger.OrderCharge, Amount: -ordertest.Rate / 2, OrderID: two.ID, Number: 2},
			} {
				want.Seq, want.At, want.Balance = int64(i+1), all[i].At, want.Amount
				if i > 0 {
					want.Balance += all[i-1].Balance
				}
				if all[i] != want || want.At.IsZero() {
					t.Errorf("line %d is %+v, want %+v", i, all[i], want)
				}
			}
		}
		f.Audit()
	})
}
