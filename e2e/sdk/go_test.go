package sdk_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/client"
	"github.com/notpanel/notpanel/e2e/browser"
)

func goClient(t *testing.T, d *browser.Demo, key string, options ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(d.Keys[key], d.URL, options...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Every action but those of webhooks does what it says, on the real server.
func TestGoActions(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	for _, key := range []string{"native", "test"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			c := goClient(t, d, key)
			goCatalogue(t, c)
			goOrders(t, c)
			goStatement(t, c)
		})
	}
}

func goCatalogue(t *testing.T, c *client.Client) {
	t.Helper()
	services, err := c.Services(t.Context(), "")
	again, err2 := c.Services(t.Context(), "")
	if err := errors.Join(err, err2); err != nil || len(services) < 20 || len(again) != len(services) {
		t.Fatalf("%d services, then %d, %v", len(services), len(again), err)
	}
	one, err := c.Service(t.Context(), services[0].Service, "de")
	if s := services[0]; err != nil || one.Service != s.Service || s.Rate != one.Rate || s.Min != 1000 || s.Max != 1000000 || s.Currency != "USD" || !s.Cancel {
		t.Errorf("%+v in the list, %+v alone, %v", s, one, err)
	}
	if _, err := c.Service(t.Context(), 999999, ""); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("a service that there is not: %v", err)
	}
	cursor, seen := "", 0
	for change, err := range c.ChangesSince(t.Context(), &cursor) {
		if err != nil || change.Service == 0 || change.Field == "" || change.At.IsZero() {
			t.Fatalf("a change: %+v, %v", change, err)
		}
		seen++
	}
	latest, err := c.Changes(t.Context(), client.Latest, 0)
	if err != nil || seen < len(services) || latest.Cursor != cursor {
		t.Errorf("%d changes up to %s; the latest is %s, %v", seen, cursor, latest.Cursor, err)
	}
}

func goOrders(t *testing.T, c *client.Client) {
	t.Helper()
	request := client.OrderRequest{RequestID: "sdk-1", Service: 1, Link: "https://example.com/ü?a=b&c=d#sim=slow:30s", Quantity: 1000, MaxCharge: "0.42"}
	placed, err := c.Add(t.Context(), request)
	repeated, err2 := c.Add(t.Context(), request)
	if err := errors.Join(err, err2); err != nil || placed != repeated || placed.Charge != "0.42" || placed.RequestID != "sdk-1" {
		t.Fatalf("placed %+v, then %+v, %v", placed, repeated, err)
	}
	state, err := c.Status(t.Context(), placed.Order)
	if err != nil || state.Status.Final() || state.Charge != "0.42" || state.StartCount != nil {
		t.Errorf("its state is %+v, %v", state, err)
	}
	whole, err := c.Order(t.Context(), placed.Order)
	named, err2 := c.OrderByRequestID(t.Context(), "sdk-1")
	if err := errors.Join(err, err2); err != nil || whole.Number != named.Number || whole.Link != request.Link || whole.Quantity != 1000 || len(whole.Timeline) == 0 {
		t.Errorf("%+v, %+v, %v", whole, named, err)
	}
	goMany(t, c, placed.Order, strconv.FormatInt(whole.Number, 10))
	goRefusals(t, c, request)
}

// goMany asks for more than go out at a time, and cancels and refills.
func goMany(t *testing.T, c *client.Client, id, number string) {
	t.Helper()
	ids := []string{id}
	for n := range 150 {
		ids = append(ids, strconv.Itoa(1000000+n))
	}
	ids = append(ids, number)
	states, err := c.Statuses(t.Context(), ids)
	if err != nil || len(states) != 152 || states[0].Value.Charge != "0.42" || states[151].Value.Charge != "0.42" || !errors.Is(states[1].Err, client.ErrNotFound) {
		t.Errorf("%d states, %v", len(states), err)
	}
	refills, err := c.Refills(t.Context(), ids)
	if err != nil || len(refills) != 152 || !errors.Is(refills[0].Err, client.ErrInvalidRequest) || !errors.Is(refills[1].Err, client.ErrNotFound) {
		t.Errorf("%d refills, %v", len(refills), err)
	}
	if _, err := c.Refill(t.Context(), id); !errors.Is(err, client.ErrInvalidRequest) {
		t.Errorf("a refill of a pending order: %v", err)
	}
	if _, err := c.RefillStatus(t.Context(), "ref_unknown"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("a refill that there is not: %v", err)
	}
	if got, err := c.RefillStatuses(t.Context(), []string{"ref_unknown"}); err != nil || len(got) != 1 || !errors.Is(got[0].Err, client.ErrNotFound) {
		t.Errorf("refills that there are not: %v, %v", got, err)
	}
	if err := c.Cancel(t.Context(), id); err != nil {
		t.Errorf("cancel: %v", err)
	}
	canceled, err := c.Cancels(t.Context(), []string{"1000000", number})
	if err != nil || len(canceled) != 2 || !errors.Is(canceled[0].Err, client.ErrNotFound) {
		t.Errorf("cancel of many: %+v, %v", canceled, err)
	}
}

func goRefusals(t *testing.T, c *client.Client, request client.OrderRequest) {
	t.Helper()
	other, unknown, dear := request, request, request
	other.Quantity, unknown.Service, unknown.RequestID, dear.Quantity, dear.MaxCharge = 2000, 999999, "sdk-2", 1000000, ""
	for what, r := range map[error]client.OrderRequest{client.ErrInvalidRequest: other, client.ErrNotFound: unknown} {
		_, err := c.Add(t.Context(), r)
		refused, ok := errors.AsType[*client.APIError](err)
		if !errors.Is(err, what) || !ok || refused.Status != http.StatusBadRequest || !strings.HasPrefix(refused.AnswerID, "req_") || errors.Is(err, client.ErrUncertain) {
			t.Errorf("%v: %v", what, err)
		}
	}
	for n := range 50 { // play money is for more than one
		dear.RequestID = fmt.Sprintf("sdk-dear-%d", n)
		_, err := c.Add(t.Context(), dear)
		if errors.Is(err, client.ErrInsufficientBalance) {
			return
		}
		if err != nil {
			t.Fatalf("above the balance: %v", err)
		}
	}
	t.Error("the wallet never ends")
}

func goStatement(t *testing.T, c *client.Client) {
	t.Helper()
	rows := 0
	for o, err := range c.AllOrders(t.Context(), client.OrderFilter{Limit: 1, Service: 1}) {
		if err != nil || o.Order == "" || o.Service != 1 || o.CreatedAt.IsZero() {
			t.Fatalf("an order: %+v, %v", o, err)
		}
		rows++
	}
	if rows == 0 {
		t.Error("there are no orders")
	}
	cursor, last := "", client.Transaction{}
	for line, err := range c.TransactionsSince(t.Context(), &cursor) {
		if err != nil || line.Transaction != last.Transaction+1 {
			t.Fatalf("a line: %+v after %+v, %v", line, last, err)
		}
		last = line
	}
	balance, err := c.Balance(t.Context())
	if err != nil || balance.Balance == "" || balance.Currency != "USD" || cursor != strconv.FormatInt(last.Transaction, 10) {
		t.Errorf("the balance is %+v after %+v, cursor %s, %v", balance, last, cursor, err)
	}
}

// Limits are told with their figures, and waited for where that is possible.
func TestGoLimits(t *testing.T) {
	t.Parallel()
	d := startDemo(t, "NOTPANEL_LIMIT_KEY=3")
	c := goClient(t, d, "native", client.WithRetries(0))
	for range 10 {
		_, err := c.Status(t.Context(), "1")
		limited, ok := errors.AsType[*client.RateLimitError](err)
		if err == nil {
			continue
		}
		if !ok || limited.DeniedBy != "key" || *limited.Limit != 3 || *limited.Remaining != 0 || limited.RetryAfter <= 0 || limited.RetryAfter > time.Minute || time.Until(*limited.Reset) > time.Minute {
			t.Errorf("got %+v: %v", limited, err)
		}
		return
	}
	t.Error("nothing is limited")
}

// A key that the panel doesn't know is told so.
func TestGoUnknownKey(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	c, err := client.New("np_live_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1fIRFH", d.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, balance := c.Balance(t.Context())
	_, status := c.Status(t.Context(), "1") // answered in plain text
	if !errors.Is(balance, client.ErrInvalidKey) || !errors.Is(status, client.ErrInvalidKey) {
		t.Errorf("balance: %v; status: %v", balance, status)
	}
}
