package client_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/client"
)

var anOrder = client.OrderRequest{Service: 1, Link: "https://example.com/landing", Quantity: 1000}

// An order is asked for until it is answered, always with one and the same request id.
func TestAddIsRepeatedWithOneRequestID(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]http.HandlerFunc{
		"429":                   says(429, `{"error":"Rate limit exceeded"}`),
		"500":                   says(500, `{"error":"Internal error"}`),
		"502 of a proxy":        says(502, `<html>Bad Gateway</html>`, "Content-Type", "text/html"),
		"503":                   says(503, `{"error":"Temporarily unavailable"}`),
		"503 in plain text":     says(503, `Temporarily unavailable`, "Content-Type", "text/plain; charset=utf-8"),
		"504":                   says(504, ``),
		"a lost answer":         loses,
		"an answer that is cut": breaks,
		"no answer within 30 s": hangs,
		"an error that is cut": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			breaks(w, r)
		},
		"429 of a proxy, in HTML": says(429, `<html>`, "Content-Type", "text/html"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{answers: []http.HandlerFunc{trouble, trouble, placed()}}
			inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
				got, err := c.Add(t.Context(), anOrder)
				if err != nil || got.Order != "ord_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9" || got.Charge != "2.00" {
					t.Fatalf("got %+v, %v", got, err)
				}
				all := f.requests()
				if len(all) != 3 {
					t.Fatalf("%d requests came, not 3", len(all))
				}
				id := all[0].form.Get("request_id")
				if len(id) < 26 || got.RequestID != id || all[1].form.Get("request_id") != id || all[2].form.Get("request_id") != id {
					t.Errorf("the request ids differ: %q, %q, %q; told was %q", id, all[1].form.Get("request_id"), all[2].form.Get("request_id"), got.RequestID)
				}
			})
		})
	}
}

// Two orders never share a request id, and the caller's own is kept.
func TestRequestIDs(t *testing.T) {
	t.Parallel()
	f := &fake{answers: []http.HandlerFunc{placed()}}
	inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
		own := anOrder
		own.RequestID = "shop-4711"
		for _, o := range []client.OrderRequest{anOrder, anOrder, own} {
			if _, err := c.Add(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
		all := f.requests()
		if all[0].form.Get("request_id") == all[1].form.Get("request_id") || all[2].form.Get("request_id") != "shop-4711" {
			t.Errorf("request ids: %q, %q, %q", all[0].form.Get("request_id"), all[1].form.Get("request_id"), all[2].form.Get("request_id"))
		}
		if anOrder.RequestID != "" {
			t.Error("the caller's order was changed")
		}
	})
}

// What may have been done is not done again; what certainly was not, is.
func TestActionsThatAreNotRepeated(t *testing.T) {
	t.Parallel()
	actions := map[string]func(ctx context.Context, c *client.Client) error{
		"refill":  func(ctx context.Context, c *client.Client) error { _, err := c.Refill(ctx, "8"); return err },
		"refills": func(ctx context.Context, c *client.Client) error { _, err := c.Refills(ctx, []string{"8"}); return err },
		"cancel":  func(ctx context.Context, c *client.Client) error { return c.Cancel(ctx, "8") },
		"cancels": func(ctx context.Context, c *client.Client) error { _, err := c.Cancels(ctx, []string{"8"}); return err },
		"webhook.add": func(ctx context.Context, c *client.Client) error {
			_, err := c.Webhooks.Add(ctx, "https://shop.example/hook")
			return err
		},
		"webhook.rotate": func(ctx context.Context, c *client.Client) error {
			_, err := c.Webhooks.Rotate(ctx, "whk_01")
			return err
		},
		"webhook.test": func(ctx context.Context, c *client.Client) error {
			_, err := c.Webhooks.Test(ctx, "whk_01")
			return err
		},
		"webhook.replay": func(ctx context.Context, c *client.Client) error {
			_, err := c.Webhooks.Replay(ctx, "dlv_01")
			return err
		},
	}
	for name, act := range actions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for what, trouble := range map[string]http.HandlerFunc{"500": says(500, `{"error":"Internal error"}`), "503": says(503, ``), "lost": loses, "hangs": hangs, "cut": breaks} {
				f := &fake{answers: []http.HandlerFunc{trouble}}
				inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
					err := act(t.Context(), c)
					if n := len(f.requests()); err == nil || n != 1 {
						t.Errorf("%s: %d requests, %v", what, n, err)
					}
					if lost, ok := errors.AsType[*client.ConnectionError](err); ok && !lost.Sent {
						t.Errorf("%s: the error says that nothing was sent: %v", what, err)
					}
				})
			}
			f := &fake{refuse: func(n int) bool { return n <= 2 }, answers: []http.HandlerFunc{says(429, `{"error":"Rate limit exceeded"}`), says(400, `{"error":"Order not found"}`)}}
			inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
				if err := act(t.Context(), c); !errors.Is(err, client.ErrNotFound) || f.dialed < 3 || len(f.requests()) != 2 {
					t.Errorf("%d connections, %d requests, %v", f.dialed, len(f.requests()), err)
				}
			})
		})
	}
}

// A webhook that was removed, though the answer was lost, is removed; one that was never
// there is not.
func TestRemoveIsRepeated(t *testing.T) {
	t.Parallel()
	gone := says(400, `{"error":"Webhook not found"}`)
	for name, c := range map[string]struct {
		answers []http.HandlerFunc
		want    error
	}{
		"lost, then gone":    {[]http.HandlerFunc{loses, gone}, nil},
		"failed, then gone":  {[]http.HandlerFunc{says(500, ``), gone}, nil},
		"lost, then removed": {[]http.HandlerFunc{loses, says(200, `{"removed":"whk_01"}`)}, nil},
		"never there":        {[]http.HandlerFunc{gone}, client.ErrNotFound},
		"limited, then gone": {[]http.HandlerFunc{says(429, ``), gone}, client.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{answers: c.answers}
			inBubble(t, f, nil, func(t *testing.T, cl *client.Client) {
				err := cl.Webhooks.Remove(t.Context(), "whk_01")
				if !errors.Is(err, c.want) || (c.want == nil && err != nil) || len(f.requests()) != len(c.answers) {
					t.Errorf("%d requests, %v", len(f.requests()), err)
				}
			})
		})
	}
}

// No other refusal is repeated, nor is what is no answer of the API.
func TestRefusalsAreNotRepeated(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"400":         says(400, `{"error":"quantity must be between 10 and 100000"}`),
		"401":         says(401, `Invalid API key`, "Content-Type", "text/plain"),
		"403":         says(403, `{"error":"Account suspended"}`),
		"404":         says(404, `<html>`, "Content-Type", "text/html"),
		"408":         says(408, `{"error":"too slow"}`),
		"413":         says(413, `{"error":"Request body too large"}`),
		"501":         says(501, ``),
		"a redirect":  says(307, ``, "Location", "/api/v2/"),
		"a page":      says(200, `<html>`, "Content-Type", "text/html"),
		"other JSON":  says(200, `{"order":7}`),
		"an empty":    says(200, `{}`),
		"null":        says(200, `null`),
		"no contents": says(200, ``),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{answers: []http.HandlerFunc{answer}}
			inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
				if _, err := c.Add(t.Context(), anOrder); err == nil || len(f.requests()) != 1 {
					t.Errorf("%d requests, %v", len(f.requests()), err)
				}
			})
		})
	}
}

// The pauses double from half a second, each less a random part of up to a half.
func TestPausesGrow(t *testing.T) {
	t.Parallel()
	f := &fake{answers: []http.HandlerFunc{says(500, ``)}}
	inBubble(t, f, []client.Option{client.WithRetries(7)}, func(t *testing.T, c *client.Client) {
		_, err := c.Balance(t.Context())
		pauses := f.pauses()
		if !errors.Is(err, client.ErrServer) || len(pauses) != 7 {
			t.Fatalf("%d pauses, %v", len(pauses), err)
		}
		for i, text := range []string{"500ms", "1s", "2s", "4s", "8s", "16s", "16s"} {
			most, _ := time.ParseDuration(text)
			if pauses[i] > most || pauses[i] < most/2 {
				t.Errorf("pause %d is %v, not %v to %v", i, pauses[i], most/2, most)
			}
		}
	})
}

// What the panel wishes is waited for, in both forms, up to a minute.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	inSevenSeconds := func(w http.ResponseWriter, r *http.Request) {
		says(503, ``, "Retry-After", time.Now().Add(7*time.Second).UTC().Format(http.TimeFormat))(w, r)
	}
	f := &fake{answers: []http.HandlerFunc{says(429, ``, "Retry-After", "59"), inSevenSeconds, says(503, ``, "Retry-After", "soon"), says(200, `{"balance":"1.00","currency":"USD"}`)}}
	inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
		if got, err := c.Balance(t.Context()); err != nil || got.Balance != "1.00" {
			t.Fatalf("%+v, %v", got, err)
		}
		for i, least := range []time.Duration{59 * time.Second, 6 * time.Second, time.Second} {
			if d := f.pauses()[i]; d < least || d > least+2*time.Second {
				t.Errorf("pause %d is %v, not about %v", i, d, least)
			}
		}
	})
	f = &fake{answers: []http.HandlerFunc{says(429, ``, "Retry-After", "61")}}
	inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
		begun := time.Now()
		_, err := c.Balance(t.Context())
		limited, ok := errors.AsType[*client.RateLimitError](err)
		if !ok || limited.RetryAfter != 61*time.Second || len(f.requests()) != 1 || time.Since(begun) > time.Second {
			t.Errorf("%d requests, after %v: %v", len(f.requests()), time.Since(begun), err)
		}
	})
}

// Nobody waits for a repeat that their own time would not allow.
func TestDeadlineOfTheCaller(t *testing.T) {
	t.Parallel()
	f := &fake{answers: []http.HandlerFunc{says(429, ``, "Retry-After", "20")}}
	inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begun := time.Now()
		_, err := c.Balance(ctx)
		if !errors.Is(err, client.ErrRateLimited) || time.Since(begun) > time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
	f = &fake{answers: []http.HandlerFunc{hangs}}
	inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begun := time.Now()
		_, err := c.Balance(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, client.ErrTimeout) || time.Since(begun) != 10*time.Second || len(f.requests()) != 1 {
			t.Errorf("after %v, %d requests: %v", time.Since(begun), len(f.requests()), err)
		}
	})
}

// Who gives up during a pause is heard at once, and told of both.
func TestCancelDuringPause(t *testing.T) {
	t.Parallel()
	f := &fake{answers: []http.HandlerFunc{says(429, ``, "Retry-After", "20")}}
	inBubble(t, f, nil, func(t *testing.T, c *client.Client) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		begun := time.Now()
		_, err := c.Balance(ctx)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, client.ErrRateLimited) || time.Since(begun) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

// The time-out bounds an attempt, and repeats can be switched off.
func TestTimeoutAndRetries(t *testing.T) {
	t.Parallel()
	f := &fake{answers: []http.HandlerFunc{hangs}}
	inBubble(t, f, []client.Option{client.WithTimeout(3 * time.Second), client.WithRetries(0)}, func(t *testing.T, c *client.Client) {
		begun := time.Now()
		_, err := c.Balance(t.Context())
		lost, ok := errors.AsType[*client.ConnectionError](err)
		if !ok || !lost.Timeout() || !lost.Sent || !errors.Is(err, client.ErrConnection) || time.Since(begun) != 3*time.Second || len(f.requests()) != 1 {
			t.Errorf("after %v, %d requests: %v", time.Since(begun), len(f.requests()), err)
		}
	})
}

// When nobody can tell whether an order was placed, the error says so and carries the
// request id; when it certainly was not, it does not.
func TestAddTellsDoubt(t *testing.T) {
	t.Parallel()
	failed, limited := says(500, `{"error":"Internal error"}`), says(429, `{"error":"Rate limit exceeded"}`)
	for name, c := range map[string]struct {
		answers []http.HandlerFunc
		refuse  func(n int) bool
		doubt   bool
		is      error
	}{
		"the panel is in trouble":            {answers: []http.HandlerFunc{failed}, doubt: true, is: client.ErrServer},
		"all answers are lost":               {answers: []http.HandlerFunc{loses}, doubt: true, is: client.ErrConnection},
		"no answer comes in time":            {answers: []http.HandlerFunc{hangs}, doubt: true, is: client.ErrTimeout},
		"the answer is a page":               {answers: []http.HandlerFunc{says(200, `<html>`, "Content-Type", "text/html")}, doubt: true, is: client.ErrBadAnswer},
		"the answer has no order":            {answers: []http.HandlerFunc{says(200, `{}`)}, doubt: true, is: client.ErrBadAnswer},
		"it is redirected":                   {answers: []http.HandlerFunc{says(302, ``, "Location", "https://example.com/")}, doubt: true, is: client.ErrBadAnswer},
		"an answer is lost, then limits":     {answers: []http.HandlerFunc{loses, limited}, doubt: true, is: client.ErrRateLimited},
		"an answer is lost, then the key":    {answers: []http.HandlerFunc{loses, says(400, `{"error":"Invalid API key"}`)}, doubt: true, is: client.ErrInvalidKey},
		"an answer is lost, then suspended":  {answers: []http.HandlerFunc{loses, says(403, `{"error":"Account suspended"}`)}, doubt: true, is: client.ErrAccountSuspended},
		"an answer is lost, then a refusal":  {answers: []http.HandlerFunc{loses, says(400, `{"error":"Insufficient balance"}`)}, is: client.ErrInsufficientBalance},
		"an answer is lost, then a proxy's":  {answers: []http.HandlerFunc{loses, says(400, `no`, "Content-Type", "text/plain")}, doubt: true, is: client.ErrInvalidRequest},
		"limits alone":                       {answers: []http.HandlerFunc{limited}, is: client.ErrRateLimited},
		"a refusal":                          {answers: []http.HandlerFunc{says(400, `{"error":"Service not found"}`)}, is: client.ErrNotFound},
		"a proxy's refusal":                  {answers: []http.HandlerFunc{says(403, `<html>`, "Content-Type", "text/html")}, is: client.ErrBadAnswer},
		"there is no connection":             {refuse: func(int) bool { return true }, answers: []http.HandlerFunc{placed()}, is: client.ErrConnection},
		"no connection after a lost answer":  {refuse: func(n int) bool { return n > 1 }, answers: []http.HandlerFunc{loses}, doubt: true, is: client.ErrConnection},
		"an error in plain text of a server": {answers: []http.HandlerFunc{says(500, `Internal error`, "Content-Type", "text/plain")}, doubt: true, is: client.ErrServer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{answers: c.answers, refuse: c.refuse}
			inBubble(t, f, nil, func(t *testing.T, cl *client.Client) {
				own := anOrder
				own.RequestID = "shop-4711"
				_, err := cl.Add(t.Context(), own)
				doubt, ok := errors.AsType[*client.UncertainError](err)
				if !errors.Is(err, c.is) || ok != c.doubt || errors.Is(err, client.ErrUncertain) != c.doubt {
					t.Fatalf("got %v, doubt %v", err, ok)
				}
				if ok && (doubt.RequestID != "shop-4711" || !strings.Contains(err.Error(), "shop-4711")) {
					t.Errorf("the request id is %q in %v", doubt.RequestID, err)
				}
			})
		})
	}
}
