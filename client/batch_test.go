package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/client"
)

// batches answers every call for many: the id "no" is not found.
func batches(w http.ResponseWriter, r *http.Request, form func(string) string) {
	action, list := form("action"), form("orders")
	if action == "refill_status" {
		list = form("refills")
	}
	var rows []map[string]any
	byID := map[string]map[string]any{}
	for id := range strings.SplitSeq(list, ",") {
		row := map[string]map[string]any{
			"status": {"status": "completed", "charge": id + ".00", "start_count": nil, "remains": "0", "currency": "USD"},
			"refill": {"order": id, "refill": "ref_" + id}, "refill_status": {"refill": id, "status": "pending"}, "cancel": {"order": id, "cancel": true},
		}[action]
		if id == "no" {
			row = map[string]any{"order": id, "refill": id, "error": "Order not found"}
		}
		rows, byID[id] = append(rows, row), row
	}
	body, _ := json.Marshal(rows)
	if action == "status" {
		body, _ = json.Marshal(byID)
	}
	says(200, string(body))(w, r)
}

func batchFake(after func(n int) http.HandlerFunc) *fake {
	f := &fake{}
	f.answers = []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
		all := f.requests()
		if after != nil {
			if other := after(len(all)); other != nil {
				other(w, r)
				return
			}
		}
		batches(w, r, all[len(all)-1].form.Get)
	}}
	return f
}

// texts makes the results of the four calls comparable.
func texts[T any](results []client.Result[T], err error, text func(T) string) ([]string, error) {
	var all []string
	for _, r := range results {
		if r.Err != nil {
			refused, _ := errors.AsType[*client.APIError](r.Err)
			all = append(all, r.ID+" "+refused.Message+" "+strconv.FormatBool(errors.Is(r.Err, client.ErrNotFound)))
			continue
		}
		all = append(all, r.ID+" "+text(r.Value))
	}
	return all, err
}

func batchCalls() map[string]func(ctx context.Context, c *client.Client, ids []string) ([]string, error) {
	return map[string]func(ctx context.Context, c *client.Client, ids []string) ([]string, error){
		"status": func(ctx context.Context, c *client.Client, ids []string) ([]string, error) {
			got, err := c.Statuses(ctx, ids)
			return texts(got, err, func(s client.OrderStatus) string { return string(s.Status) + " " + string(s.Charge) })
		},
		"refill": func(ctx context.Context, c *client.Client, ids []string) ([]string, error) {
			got, err := c.Refills(ctx, ids)
			return texts(got, err, func(id string) string { return id })
		},
		"refill_status": func(ctx context.Context, c *client.Client, ids []string) ([]string, error) {
			got, err := c.RefillStatuses(ctx, ids)
			return texts(got, err, func(s client.RefillStatus) string { return string(s) })
		},
		"cancel": func(ctx context.Context, c *client.Client, ids []string) ([]string, error) {
			got, err := c.Cancels(ctx, ids)
			return texts(got, err, strconv.FormatBool)
		},
	}
}

// However many ids there are, they go out by the hundred, each once, and the results
// come back in the order of the ids.
func TestManyGoInChunks(t *testing.T) {
	t.Parallel()
	good := map[string]string{"status": "completed 1.00", "refill": "ref_1", "refill_status": "pending", "cancel": "true"}
	for action, call := range batchCalls() {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			var ids []string
			for n := range 249 {
				ids = append(ids, strconv.Itoa(n+1))
			}
			ids = append(ids, "no", "1")
			f := batchFake(nil)
			inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
				got, err := call(t.Context(), c, ids)
				if err != nil || len(got) != 251 || got[0] != "1 "+good[action] || got[250] != got[0] || got[249] != "no Order not found true" {
					t.Errorf("%d results, %v: %q", len(got), err, got)
				}
				var sizes []int
				for _, r := range f.requests() {
					if r.form.Get("action") != action {
						t.Errorf("the action was %q", r.form.Get("action"))
					}
					sizes = append(sizes, len(strings.Split(r.form.Get("orders")+r.form.Get("refills"), ",")))
				}
				if len(sizes) != 3 || sizes[0] != 100 || sizes[1] != 100 || sizes[2] != 50 {
					t.Errorf("the calls had %v ids", sizes)
				}
			})
		})
	}
}

// What was answered before something went wrong is not lost.
func TestManyReturnsWhatWasAnswered(t *testing.T) {
	t.Parallel()
	for action, call := range batchCalls() {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			f := batchFake(func(n int) http.HandlerFunc {
				if n == 1 {
					return nil
				}
				return says(403, `{"error":"Account suspended"}`)
			})
			ids := make([]string, 150)
			for n := range ids {
				ids[n] = strconv.Itoa(n)
			}
			inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
				got, err := call(t.Context(), c, ids)
				if !errors.Is(err, client.ErrAccountSuspended) || len(got) != 100 {
					t.Errorf("%d results, %v", len(got), err)
				}
			})
		})
	}
}

// Nothing is sent for no ids, and a text that would be read as several is refused.
func TestManyOfNothingAndOfNonsense(t *testing.T) {
	t.Parallel()
	for action, call := range batchCalls() {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			f := batchFake(nil)
			inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
				if got, err := call(t.Context(), c, nil); err != nil || len(got) != 0 {
					t.Errorf("of nothing: %v, %v", got, err)
				}
				for _, id := range []string{"", "1,2", " 1", "1\n"} {
					if _, err := call(t.Context(), c, []string{"1", id}); !errors.Is(err, client.ErrInvalidRequest) {
						t.Errorf("%q: %v", id, err)
					}
				}
				if n := len(f.requests()); n != 0 {
					t.Errorf("%d requests came", n)
				}
			})
		})
	}
}

// An answer that leaves out an order is no answer.
func TestManyNoticesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for action, call := range batchCalls() {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			empty := `[]`
			if action == "status" {
				empty = `{}`
			}
			f := &fake{answers: []http.HandlerFunc{says(200, empty)}}
			inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
				if _, err := call(t.Context(), c, []string{"1"}); !errors.Is(err, client.ErrBadAnswer) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}
