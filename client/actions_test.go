package client_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/client"
)

// action is a call, what it has to send and what it makes of an answer.
type action struct {
	name   string
	call   func(ctx context.Context, c *client.Client) (any, error)
	sent   url.Values
	answer string
	want   any
}

// testActions checks that each action sends its fields and reads its answer, one that
// holds more than is known today too.
func testActions(t *testing.T, actions []action) {
	t.Helper()
	for _, c := range actions {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{answers: []http.HandlerFunc{says(200, c.answer)}}
			inBubble(t, f, nil, func(t *testing.T, cl *client.Client) {
				got, err := c.call(t.Context(), cl)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("the answer (- wanted, + got):\n%s", diff)
				}
				c.sent.Set("key", liveKey)
				if diff := cmp.Diff(c.sent, f.one(t).form); diff != "" {
					t.Errorf("the request (- wanted, + got):\n%s", diff)
				}
			})
		})
	}
}

// noon is the time in answers.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestActionsOfTheCatalogue(t *testing.T) {
	t.Parallel()
	change := client.Change{Change: 1, Service: 1, Field: "state", After: "active", At: noon, EffectiveAt: noon}
	const changeJSON = `{"change":1,"service":1,"field":"state","before":null,"after":"active","at":"2026-03-01T12:00:00Z","effective_at":"2026-03-01T12:00:00Z","new":1}`
	testActions(t, []action{
		{
			"services", func(ctx context.Context, c *client.Client) (any, error) { return c.Services(ctx, "pt-BR") },
			url.Values{"action": {"services"}, "lang": {"pt-BR"}},
			`[{"service":1,"name":"Banner impressions","type":"Default","category":"Adverts","rate":"2.00","min":"10","max":"100000","dripfeed":true,"refill":true,"cancel":true,"description":"d","average_time":5400,"refill_days":30,"increment":"5","currency":"USD","new":null},
			  {"service":2,"name":"Articles","type":"New type","category":"Texts","rate":"0.27819","min":"1","max":"1","dripfeed":false,"refill":false,"cancel":false,"description":"","average_time":null,"refill_days":0,"increment":"1","currency":"USD"}]`,
			[]client.Service{
				{Service: 1, Name: "Banner impressions", Type: "Default", Category: "Adverts", Rate: "2.00", Min: 10, Max: 100000, Increment: 5, DripFeed: true, Refill: true, RefillDays: 30, Cancel: true, Description: "d", AverageTime: new(client.Seconds(5400)), Currency: "USD"},
				{Service: 2, Name: "Articles", Type: "New type", Category: "Texts", Rate: "0.27819", Min: 1, Max: 1, Increment: 1, Currency: "USD"},
			},
		},
		{
			"service", func(ctx context.Context, c *client.Client) (any, error) { return c.Service(ctx, 3, "") },
			url.Values{"action": {"service"}, "service": {"3"}},
			`{"service":3,"min":"1","max":"2","increment":"1","rate":"1.00","facts":{"orders":214,"start_median":45,"start_p90":320,"completion_median":5400,"completion_p90":null,"completed":"0.953","partial":"0.033","canceled":"0.009"}}`,
			client.Service{Service: 3, Min: 1, Max: 2, Increment: 1, Rate: "1.00", Facts: &client.Facts{
				Orders: 214, StartMedian: new(client.Seconds(45)), StartP90: new(client.Seconds(320)), CompletionMedian: new(client.Seconds(5400)), Completed: "0.953", Partial: "0.033", Canceled: "0.009",
			}},
		},
		{
			"changes", func(ctx context.Context, c *client.Client) (any, error) { return c.Changes(ctx, client.Latest, 7) },
			url.Values{"action": {"changes"}, "cursor": {"latest"}, "limit": {"7"}},
			`{"changes":[` + changeJSON + `],"cursor":"1","currency":"USD"}`,
			client.ChangePage{Changes: []client.Change{change}, Cursor: "1", Currency: "USD"},
		},
	})
}

func TestActionsOfOrders(t *testing.T) {
	t.Parallel()
	row := client.OrderRow{
		Order: "ord_01", Number: 7, RequestID: "shop-1", Service: 1, Link: "https://example.com/#top", Quantity: 100, Status: "in_progress",
		Charge: "0.20", Refunded: "0.00", StartCount: new(int64(1234)), Remains: new(int64(-7)), Currency: "USD", CreatedAt: noon, UpdatedAt: noon,
	}
	const rowJSON = `"order":"ord_01","number":7,"request_id":"shop-1","service":1,"link":"https://example.com/#top","quantity":"100","status":"in_progress",
		"charge":"0.20","refunded":"0.00","start_count":"1234","remains":"-7","currency":"USD","created_at":"2026-03-01T12:00:00Z","updated_at":"2026-03-01T12:00:00Z","new":{"a":[1]}`
	testActions(t, []action{
		{
			"status", func(ctx context.Context, c *client.Client) (any, error) { return c.Status(ctx, "7") },
			url.Values{"action": {"status"}, "order": {"7"}},
			`{"status":"a new word","charge":"0.50","start_count":null,"remains":null,"currency":"USD"}`,
			client.OrderStatus{Status: "a new word", Charge: "0.50", Currency: "USD"},
		},
		{
			"status of a subscription", func(ctx context.Context, c *client.Client) (any, error) { return c.Status(ctx, "7") },
			url.Values{"action": {"status"}, "order": {"7"}},
			`{"status":"in_progress","charge":"0.50","start_count":"0","remains":"5","currency":"USD","posts":"2","orders":["ord_02","ord_03"],"expiry":"2026-12-31"}`,
			client.OrderStatus{Status: "in_progress", Charge: "0.50", StartCount: new(int64), Remains: new(int64(5)), Currency: "USD", Posts: new(int64(2)), Orders: []string{"ord_02", "ord_03"}, Expiry: "2026-12-31"},
		},
		{
			"refill", func(ctx context.Context, c *client.Client) (any, error) { return c.Refill(ctx, "8") },
			url.Values{"action": {"refill"}, "order": {"8"}},
			`{"refill":"ref_01"}`, "ref_01",
		},
		{
			"refill_status", func(ctx context.Context, c *client.Client) (any, error) { return c.RefillStatus(ctx, "ref_01") },
			url.Values{"action": {"refill_status"}, "refill": {"ref_01"}},
			`{"status":"rejected"}`, client.RefillRejected,
		},
		{
			"cancel", func(ctx context.Context, c *client.Client) (any, error) { return nil, c.Cancel(ctx, "8") },
			url.Values{"action": {"cancel"}, "order": {"8"}},
			`{"cancel":"ord_01"}`, nil,
		},
		{
			"balance", func(ctx context.Context, c *client.Client) (any, error) { return c.Balance(ctx) },
			url.Values{"action": {"balance"}},
			`{"balance":"98.266","currency":"USD"}`,
			client.Balance{Balance: "98.266", Currency: "USD"},
		},
		{
			"order", func(ctx context.Context, c *client.Client) (any, error) { return c.Order(ctx, "7") },
			url.Values{"action": {"order"}, "order": {"7"}},
			`{` + rowJSON + `,"orders":["ord_02"],"refills":[{"refill":"ref_01","status":"rejected","reason":"the provider rejected it"}],
			  "timeline":[{"at":"2026-03-01T12:00:00Z","status":"pending","start_count":null,"remains":"3","refunded":"2.00","note":"cancel requested"}]}`,
			client.Order{
				OrderRow: row, Orders: []string{"ord_02"}, Refills: []client.OrderRefill{{Refill: "ref_01", Status: "rejected", Reason: "the provider rejected it"}},
				Timeline: []client.Step{{At: noon, Status: "pending", Remains: new(int64(3)), Refunded: "2.00", Note: "cancel requested"}},
			},
		},
		{
			"order by request id", func(ctx context.Context, c *client.Client) (any, error) {
				o, err := c.OrderByRequestID(ctx, "shop-1")
				return o.Order, err
			},
			url.Values{"action": {"order"}, "request_id": {"shop-1"}},
			`{` + rowJSON + `,"orders":[],"refills":[],"timeline":[]}`, "ord_01",
		},
		{
			"orders", func(ctx context.Context, c *client.Client) (any, error) {
				return c.Orders(ctx, client.OrderFilter{Status: client.StatusInProgress, Service: 1, Cursor: "9", Limit: 1})
			},
			url.Values{"action": {"orders"}, "status": {"in_progress"}, "service": {"1"}, "cursor": {"9"}, "limit": {"1"}},
			`{"orders":[{` + rowJSON + `}],"cursor":null}`,
			client.OrderPage{Orders: []client.OrderRow{row}},
		},
		{
			"transactions", func(ctx context.Context, c *client.Client) (any, error) { return c.Transactions(ctx, "10", 1) },
			url.Values{"action": {"transactions"}, "cursor": {"10"}, "limit": {"1"}},
			`{"transactions":[{"transaction":11,"type":"charge","amount":"-0.066","balance":"98.266","order":"ord_01","memo":"Order 9","at":"2026-03-01T12:00:00Z"},
			  {"transaction":12,"type":"credit","amount":"5.00","balance":"103.266","order":null,"memo":"","at":"2026-03-01T12:00:00Z"}],"cursor":"12","currency":"USD"}`,
			client.TransactionPage{Transactions: []client.Transaction{
				{Transaction: 11, Type: "charge", Amount: "-0.066", Balance: "98.266", Order: "ord_01", Memo: "Order 9", At: noon},
				{Transaction: 12, Type: "credit", Amount: "5.00", Balance: "103.266", At: noon},
			}, Cursor: "12", Currency: "USD"},
		},
	})
}

func TestActionsOfWebhooks(t *testing.T) {
	t.Parallel()
	testActions(t, []action{
		{
			"webhook.add", func(ctx context.Context, c *client.Client) (any, error) {
				return c.Webhooks.Add(ctx, "https://shop.example/hook", client.EventOrderCompleted, "a.new.one")
			},
			url.Values{"action": {"webhook.add"}, "url": {"https://shop.example/hook"}, "events": {"order.completed,a.new.one"}},
			`{"id":"whk_01","url":"https://shop.example/hook","events":["order.completed","a.new.one"],"secret":"whsec_x"}`,
			client.AddedWebhook{ID: "whk_01", URL: "https://shop.example/hook", Events: []client.EventType{"order.completed", "a.new.one"}, Secret: "whsec_x"},
		},
		{
			"webhook.list", func(ctx context.Context, c *client.Client) (any, error) { return c.Webhooks.List(ctx) },
			url.Values{"action": {"webhook.list"}},
			`[{"id":"whk_01","url":"u","events":["ping"],"state":"active","reason":null,"created_at":"2026-03-01T12:00:00Z","last_delivery":null},
			  {"id":"whk_02","url":"v","events":[],"state":"disabled","reason":"failing","created_at":"2026-03-01T12:00:00Z","last_delivery":{"delivery":"dlv_01","event":"evt_01","type":"order.completed","state":"failed","at":"2026-03-01T12:00:00Z"}}]`,
			[]client.Webhook{
				{ID: "whk_01", URL: "u", Events: []client.EventType{"ping"}, State: "active", CreatedAt: noon},
				{ID: "whk_02", URL: "v", Events: []client.EventType{}, State: "disabled", Reason: "failing", CreatedAt: noon, LastDelivery: &client.LastDelivery{Delivery: "dlv_01", Event: "evt_01", Type: "order.completed", State: client.DeliveryFailed, At: noon}},
			},
		},
		{
			"webhook.remove", func(ctx context.Context, c *client.Client) (any, error) { return nil, c.Webhooks.Remove(ctx, "whk_01") },
			url.Values{"action": {"webhook.remove"}, "id": {"whk_01"}},
			`{"removed":"whk_01"}`, nil,
		},
		{
			"webhook.test", func(ctx context.Context, c *client.Client) (any, error) { return c.Webhooks.Test(ctx, "whk_01") },
			url.Values{"action": {"webhook.test"}, "id": {"whk_01"}},
			`{"delivery":"dlv_01"}`, "dlv_01",
		},
		{
			"webhook.rotate", func(ctx context.Context, c *client.Client) (any, error) { return c.Webhooks.Rotate(ctx, "whk_01") },
			url.Values{"action": {"webhook.rotate"}, "id": {"whk_01"}},
			`{"id":"whk_01","secret":"whsec_y","previous_expires_at":"2026-03-01T12:00:00Z"}`,
			client.Rotated{ID: "whk_01", Secret: "whsec_y", PreviousExpiresAt: &noon},
		},
		{
			"webhook.rotate without overlap", func(ctx context.Context, c *client.Client) (any, error) {
				return c.Webhooks.Rotate(ctx, "whk_01", client.WithOverlap(0))
			},
			url.Values{"action": {"webhook.rotate"}, "id": {"whk_01"}, "overlap": {"0"}},
			`{"id":"whk_01","secret":"whsec_y","previous_expires_at":null}`,
			client.Rotated{ID: "whk_01", Secret: "whsec_y"},
		},
		{
			"webhook.deliveries", func(ctx context.Context, c *client.Client) (any, error) {
				return c.Webhooks.Deliveries(ctx, "whk_01", "c1", 2)
			},
			url.Values{"action": {"webhook.deliveries"}, "id": {"whk_01"}, "cursor": {"c1"}, "limit": {"2"}},
			`{"deliveries":[{"delivery":"dlv_01","event":"evt_01","type":"order.completed","sequence":4,"order":"ord_01","state":"pending","created_at":"2026-03-01T12:00:00Z","next_attempt_at":"2026-03-01T12:00:00Z","request":"{}",
			  "attempts":[{"attempt":1,"at":"2026-03-01T12:00:00Z","status":500,"error":null,"duration_ms":123,"response":"no"},{"attempt":2,"at":"2026-03-01T12:00:00Z","status":null,"error":"timeout","duration_ms":10000,"response":""}]},
			  {"delivery":"dlv_02","event":"evt_02","type":"ping","sequence":0,"order":null,"state":"delivered","created_at":"2026-03-01T12:00:00Z","next_attempt_at":null,"request":"{}","attempts":[]}],"cursor":"c2"}`,
			client.DeliveryPage{Deliveries: []client.Delivery{
				{Delivery: "dlv_01", Event: "evt_01", Type: "order.completed", Sequence: 4, Order: "ord_01", State: client.DeliveryPending, CreatedAt: noon, NextAttemptAt: &noon, Request: "{}", Attempts: []client.Attempt{
					{Attempt: 1, At: noon, Status: new(int64(500)), DurationMS: 123, Response: "no"}, {Attempt: 2, At: noon, Error: "timeout", DurationMS: 10000},
				}},
				{Delivery: "dlv_02", Event: "evt_02", Type: "ping", State: client.DeliveryDelivered, CreatedAt: noon, Request: "{}", Attempts: []client.Attempt{}},
			}, Cursor: "c2"},
		},
		{
			"webhook.replay of one", func(ctx context.Context, c *client.Client) (any, error) { return c.Webhooks.Replay(ctx, "dlv_01") },
			url.Values{"action": {"webhook.replay"}, "delivery": {"dlv_01"}},
			`{"replayed":1}`, int64(1),
		},
		{
			"webhook.replay since", func(ctx context.Context, c *client.Client) (any, error) {
				return c.Webhooks.ReplaySince(ctx, "whk_01", noon.In(time.FixedZone("", 3600)))
			},
			url.Values{"action": {"webhook.replay"}, "id": {"whk_01"}, "since": {"2026-03-01T12:00:00Z"}},
			`{"replayed":0}`, int64(0),
		},
	})
}

// Every request is a POST of a form to /api/v2, with the key in the body alone.
func TestRequest(t *testing.T) {
	t.Parallel()
	f := &fake{answers: []http.HandlerFunc{says(200, `{"balance":"1.00","currency":"USD"}`)}}
	inBubble(t, f, []client.Option{client.WithUserAgent("shop/2")}, func(t *testing.T, c *client.Client) {
		if _, err := c.Balance(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := f.one(t)
		want := http.Header{
			"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}, "User-Agent": {"shop/2 notpanel-go/" + client.Version},
			"Accept-Encoding": {"gzip"}, "Content-Length": got.header["Content-Length"],
		}
		if diff := cmp.Diff(want, got.header); diff != "" || got.method != http.MethodPost || got.path != "/api/v2" {
			t.Errorf("%s %s (- wanted, + got)\n%s", got.method, got.path, diff)
		}
	})
}

// All fields of all types of services are sent under the names that the API has.
func TestAddSendsEveryField(t *testing.T) {
	t.Parallel()
	f := &fake{answers: []http.HandlerFunc{placed()}}
	inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
		_, err := c.Add(t.Context(), client.OrderRequest{
			RequestID: "r", Service: 1, Link: "https://example.com/?a=b&c=ü#f", Quantity: 2, MaxCharge: "0.50", Coupon: "c", Runs: 3, Interval: 4,
			Comments: []string{"one, two", "three"}, Usernames: []string{"a", "b"}, Hashtags: []string{"x", "y"}, Hashtag: "z", Username: "u", Media: "https://example.com/m",
			Groups: []string{"g"}, Keywords: []string{"k", "l"}, AnswerNumber: 5, Country: "US", Device: 1, TypeOfTraffic: 2, GoogleKeyword: "q", ReferringURL: "https://example.com/r",
			Min: 6, Max: 7, Delay: 8, Posts: 9, OldPosts: 10, Expiry: "2026-12-31",
		})
		if err != nil {
			t.Fatal(err)
		}
		want := url.Values{
			"key": {liveKey}, "action": {"add"}, "request_id": {"r"}, "service": {"1"}, "link": {"https://example.com/?a=b&c=ü#f"}, "quantity": {"2"}, "max_charge": {"0.50"}, "coupon": {"c"},
			"runs": {"3"}, "interval": {"4"}, "comments": {"one, two\nthree"}, "usernames": {"a\nb"}, "hashtags": {"x\ny"}, "hashtag": {"z"}, "username": {"u"}, "media": {"https://example.com/m"},
			"groups": {"g"}, "keywords": {"k\nl"}, "answer_number": {"5"}, "country": {"US"}, "device": {"1"}, "type_of_traffic": {"2"}, "google_keyword": {"q"}, "referring_url": {"https://example.com/r"},
			"min": {"6"}, "max": {"7"}, "delay": {"8"}, "posts": {"9"}, "old_posts": {"10"}, "expiry": {"2026-12-31"},
		}
		if diff := cmp.Diff(want, f.one(t).form); diff != "" {
			t.Errorf("(- wanted, + got)\n%s", diff)
		}
	})
}

// A subscription without a delay says so; no other order speaks of it.
func TestDelayOfNothing(t *testing.T) {
	t.Parallel()
	f := &fake{answers: []http.HandlerFunc{placed()}}
	inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
		for _, o := range []client.OrderRequest{{Service: 1, Username: "u", Min: 1, Max: 2}, anOrder} {
			if _, err := c.Add(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
		all := f.requests()
		if !all[0].form.Has("delay") || all[0].form.Get("delay") != "0" || all[1].form.Has("delay") {
			t.Errorf("delays: %q, %q", all[0].form["delay"], all[1].form["delay"])
		}
	})
}
