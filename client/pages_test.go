package client_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/client"
)

// collect goes through a list to its end or to an error.
func collect[T any, N any](list iter.Seq2[T, error], name func(T) N) (names []N, err error) {
	for row, err := range list {
		if err != nil {
			return names, err
		}
		names = append(names, name(row))
	}
	return names, nil
}

// cursors are the cursors of the requests that came.
func (f *fake) cursors() (all []string) {
	for _, r := range f.requests() {
		all = append(all, r.form.Get("cursor"))
	}
	return all
}

func orderPage(cursor string, numbers ...int) http.HandlerFunc {
	rows := []string{}
	for _, n := range numbers {
		rows = append(rows, fmt.Sprintf(`{"order":"ord_%d","number":%d,"quantity":"1","created_at":"2026-03-01T12:00:00Z","updated_at":"2026-03-01T12:00:00Z"}`, n, n))
	}
	return says(200, `{"orders":[`+strings.Join(rows, ",")+`],"cursor":`+cursor+`}`)
}

// A page without a row is not the end; a page without a cursor is.
func TestAllOrdersGoesOnUntilThereIsNoCursor(t *testing.T) {
	t.Parallel()
	f := &fake{answers: []http.HandlerFunc{orderPage(`"7"`, 9, 8), orderPage(`"4"`), orderPage(`null`, 3)}}
	inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
		got, err := collect(c.AllOrders(t.Context(), client.OrderFilter{Status: client.StatusCompleted, Service: 2}), func(o client.OrderRow) int64 { return o.Number })
		if diff := cmp.Diff([]int64{9, 8, 3}, got); diff != "" || err != nil {
			t.Errorf("%v (- wanted, + got)\n%s", err, diff)
		}
		if diff := cmp.Diff([]string{"", "7", "4"}, f.cursors()); diff != "" {
			t.Errorf("the cursors (- wanted, + got)\n%s", diff)
		}
		for _, r := range f.requests() {
			if r.form.Get("status") != "completed" || r.form.Get("service") != "2" || r.form.Get("limit") != "100" {
				t.Errorf("the filter was lost: %v", r.form)
			}
		}
	})
}

// Who stops gets no more, and asks for no more.
func TestIteratorsStop(t *testing.T) {
	t.Parallel()
	f := &fake{answers: []http.HandlerFunc{orderPage(`"7"`, 9, 8)}}
	inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
		for o, err := range c.AllOrders(t.Context(), client.OrderFilter{}) {
			if err != nil || o.Number != 9 {
				t.Errorf("got %v, %v", o.Number, err)
			}
			break
		}
		f.one(t)
	})
}

// A list ends after an error, which comes once. A cursor that stands still ends it too.
func TestIteratorsEndAfterAnError(t *testing.T) {
	t.Parallel()
	f := &fake{answers: []http.HandlerFunc{orderPage(`"7"`, 9), says(403, `{"error":"Account suspended"}`)}}
	inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
		rows, failures := 0, 0
		for _, err := range c.AllOrders(t.Context(), client.OrderFilter{}) {
			if err != nil {
				failures++
				if !errors.Is(err, client.ErrAccountSuspended) {
					t.Error(err)
				}
				continue
			}
			rows++
		}
		if rows != 1 || failures != 1 {
			t.Errorf("%d rows, %d errors", rows, failures)
		}
	})
	f = &fake{answers: []http.HandlerFunc{orderPage(`"7"`, 9), orderPage(`"7"`, 9)}}
	inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
		got, err := collect(c.AllOrders(t.Context(), client.OrderFilter{}), func(o client.OrderRow) int64 { return o.Number })
		if err != nil || len(got) != 2 || len(f.requests()) != 2 {
			t.Errorf("%v, %v, %d requests", got, err, len(f.requests()))
		}
	})
}

// feedPage is a page of changes or transactions with rows from one number to another.
func feedPage(name, number string, from, to int) http.HandlerFunc {
	rows := []string{}
	for n := from; n <= to; n++ {
		rows = append(rows, fmt.Sprintf(`{"%s":%d,"at":"2026-03-01T12:00:00Z","effective_at":"2026-03-01T12:00:00Z"}`, number, n))
	}
	return says(200, fmt.Sprintf(`{"%s":[%s],"cursor":"%d"}`, name, strings.Join(rows, ","), to))
}

// A feed ends with a page that is not full, and the caller's cursor goes along: what was
// not gone through comes again the next time.
func TestFeeds(t *testing.T) {
	t.Parallel()
	for name, feed := range map[string]struct {
		number string
		since  func(ctx context.Context, c *client.Client, cursor *string) iter.Seq2[int64, error]
	}{
		"changes": {"change", func(ctx context.Context, c *client.Client, cursor *string) iter.Seq2[int64, error] {
			return numbers(c.ChangesSince(ctx, cursor), func(c client.Change) int64 { return c.Change })
		}},
		"transactions": {"transaction", func(ctx context.Context, c *client.Client, cursor *string) iter.Seq2[int64, error] {
			return numbers(c.TransactionsSince(ctx, cursor), func(t client.Transaction) int64 { return t.Transaction })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{answers: []http.HandlerFunc{feedPage(name, feed.number, 11, 510), feedPage(name, feed.number, 511, 512), feedPage(name, feed.number, 1, 0)}}
			inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
				cursor := "10"
				got, err := collect(feed.since(t.Context(), c, &cursor), func(n int64) int64 { return n })
				if err != nil || len(got) != 502 || got[0] != 11 || got[501] != 512 || cursor != "512" {
					t.Errorf("%d rows, cursor %q, %v", len(got), cursor, err)
				}
				if diff := cmp.Diff([]string{"10", "510"}, f.cursors()); diff != "" {
					t.Errorf("the cursors (- wanted, + got)\n%s", diff)
				}
				if got, err := collect(feed.since(t.Context(), c, nil), func(n int64) int64 { return n }); err != nil || len(got) != 0 {
					t.Errorf("from the beginning: %v, %v", got, err)
				}
			})
			f = &fake{answers: []http.HandlerFunc{feedPage(name, feed.number, 1, 500), feedPage(name, feed.number, 501, 600)}}
			inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
				cursor := ""
				var last int64
				for n, err := range feed.since(t.Context(), c, &cursor) {
					if last = n; err != nil || n == 550 {
						break
					}
				}
				if last != 550 || cursor != "500" {
					t.Errorf("at %d the cursor is %q, though its page is not through", last, cursor)
				}
			})
		})
	}
}

// numbers names the rows of a list by their number.
func numbers[T any](list iter.Seq2[T, error], number func(T) int64) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		for row, err := range list {
			if !yield(number(row), err) {
				return
			}
		}
	}
}

// Deliveries are gone through like orders.
func TestAllDeliveries(t *testing.T) {
	t.Parallel()
	page := func(cursor, id string) http.HandlerFunc {
		return says(200, `{"deliveries":[{"delivery":"`+id+`","created_at":"2026-03-01T12:00:00Z"}],"cursor":`+cursor+`}`)
	}
	f := &fake{answers: []http.HandlerFunc{page(`"c"`, "dlv_02"), page(`null`, "dlv_01")}}
	inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
		got, err := collect(c.Webhooks.AllDeliveries(t.Context(), "whk_01"), func(d client.Delivery) string { return d.Delivery })
		if diff := cmp.Diff([]string{"dlv_02", "dlv_01"}, got); diff != "" || err != nil {
			t.Errorf("%v (- wanted, + got)\n%s", err, diff)
		}
		if diff := cmp.Diff([]string{"", "c"}, f.cursors()); diff != "" {
			t.Errorf("the cursors (- wanted, + got)\n%s", diff)
		}
	})
}
