package docs

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/apiv2"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/panel"
	"github.com/notpanel/notpanel/internal/ratelimit"
)

// adding are the fields of an order that can be placed, with others in place of some.
func adding(changed ...string) []string {
	fields := map[string]string{"request_id": "provoked", "service": "1", "quantity": "1000", "link": "https://example.com/x"}
	for i := 0; i+1 < len(changed); i += 2 {
		fields[changed[i]] = changed[i+1]
	}
	all := []string{"action", "add"}
	for name, value := range fields {
		if value != "" {
			all = append(all, name, value)
		}
	}
	return all
}

// refusals provoke the errors of the documentation, by their text.
func refusals() map[string]func(*live) reply {
	all := requestRefusals()
	maps.Copy(all, addRefusals())
	maps.Copy(all, orderRefusals())
	maps.Copy(all, webhookRefusals())
	return all
}

// ask sends fields with the live key.
func ask(fields ...string) func(*live) reply {
	return func(p *live) reply { return p.call("live", fields...) }
}

func requestRefusals() map[string]func(*live) reply {
	typed := func(contentType, body string) func(*live) reply {
		return func(p *live) reply {
			return p.send(http.MethodPost, "", contentType, strings.ReplaceAll(body, "KEY", p.values["live"]))
		}
	}
	return map[string]func(*live) reply{
		"Invalid API key": func(p *live) reply { return p.call("nobody's", "action", "balance") },
		"Send the key in the body, never in the URL": func(p *live) reply {
			return p.send(http.MethodPost, "key="+p.values["live"], urlencoded, "action=balance")
		},
		"Account suspended": func(p *live) reply { return p.call("suspended", "action", "balance") },
		"Rate limit exceeded": func(p *live) reply {
			p.limit(ratelimit.Limits{Key: 1})
			p.call("live", "action", "orders")
			return p.call("live", "action", "orders")
		},

		"Missing required parameter: action":                                               ask(),
		"Unknown action: refil. Available actions: " + strings.Join(apiv2.Actions(), ", "): ask("action", "refil"),
		"Content-Type must be application/x-www-form-urlencoded or multipart/form-data":    typed("application/json", `{"key":"KEY","action":"balance"}`),
		"Request body is malformed: a % must be followed by two hexadecimal digits":        ask("action", "balance", "x", "%zz"),
		"Request body is malformed: it is no complete multipart/form-data": typed("multipart/form-data; boundary=b",
			"--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nKEY\r\n--b\r\nContent-Disposition: form-data; name=\"action\"\r\n\r\nbalance\r\n"),
		"Content-Encoding is not supported: send the body as it is": func(p *live) reply {
			return p.send(http.MethodPost, "", urlencoded, "key="+p.values["live"]+"&action=balance", "Content-Encoding", "gzip")
		},
		"Request body must have at most 1000 fields": func(p *live) reply {
			fields := []string{"action", "balance"}
			for i := range 1000 {
				fields = append(fields, "x"+strconv.Itoa(i), "1")
			}
			return p.call("live", fields...)
		},
		"link must be UTF-8":                    ask(adding("link", "https://example.com/%ff")...),
		"link must not hold control characters": ask(adding("link", "https://example.com/%00")...),
		"Method not allowed: use POST":          func(p *live) reply { return p.send(http.MethodPut, "", urlencoded, "") },
		"Request body too large":                ask("action", "balance", "x", strings.Repeat("a", 1<<20)),
		"Internal error": func(p *live) reply {
			p.deps.Balance = func(context.Context, string) (money.Amount, error) { return 0, errors.New("broken") }
			p.limit(ratelimit.Limits{})
			return p.call("live", "action", "balance")
		},
		"Under maintenance": func(p *live) reply {
			must(p, panel.NewStore(p.d).Close(context.Background(), "", panel.By{ID: "a test"}))
			return p.call("live", adding()...)
		},
		"Temporarily unavailable": func(p *live) reply {
			must(p, p.d.Close())
			return p.call("live", "action", "balance")
		},
	}
}

func addRefusals() map[string]func(*live) reply {
	return map[string]func(*live) reply{
		"Missing required parameter: service":                                     ask(adding("service", "")...),
		"Service not found":                                                       ask(adding("service", "7")...),
		"service must be a whole number of at most 15 digits":                     ask(adding("service", "one")...),
		"request_id must have 1 to 128 printable ASCII characters without spaces": ask(adding("request_id", "a+b")...),
		"request_id was already used with different parameters": func(p *live) reply {
			p.call("live", adding()...)
			return p.call("live", adding("quantity", "2000")...)
		},
		"link must be an http or https URL":      ask(adding("link", "example")...),
		"link must have at most 1000 characters": ask(adding("link", "https://example.com/"+strings.Repeat("x", 1000))...),
		"link must be on video.example":          ask(adding("service", "5", "quantity", "10")...),
		"link can't be ordered for: the panel's operator has blocked it": func(p *live) reply {
			_, err := catalog.NewStore(p.d).Block(context.Background(), "example.com", "asked us to", "test")
			must(p, err)
			return p.call("live", adding()...)
		},
		"There is an active order with this link: wait until order has ended": func(p *live) reply {
			p.call("live", adding("service", "6", "request_id", "first", "quantity", "10")...)
			return p.call("live", adding("service", "6", "quantity", "10")...)
		},
		"quantity must be between 10 and 100000":                                                      ask(adding("quantity", "5")...),
		"quantity must be between 100 and 10000 in steps of 100":                                      ask(adding("service", "2", "quantity", "150")...),
		"runs is not available for this service":                                                      ask(adding("service", "2", "quantity", "100", "runs", "2")...),
		"runs must be between 2 and 1000":                                                             ask(adding("runs", "1001", "interval", "1")...),
		"interval must be between 1 and 10080 minutes":                                                ask(adding("runs", "2", "interval", "10081")...),
		"coupon is not valid":                                                                         ask(adding("coupon", "SPRING")...),
		"max_charge must be an amount between 0 and 1000000000 with at most 6 decimals, such as 0.50": ask(adding("max_charge", "a")...),
		"charge would be 2.00, above max_charge 1.50":                                                 ask(adding("max_charge", "1.50")...),
		"Insufficient balance":                                                                        func(p *live) reply { return p.call("other", adding("quantity", "100000")...) },
		"The key's daily spend cap is reached":                                                        func(p *live) reply { return p.call("capped", adding()...) },
		"Test orders are limited to 1000 a day": func(p *live) reply {
			// Its second order is the first of the day; those up to the last were others.
			p.call("test", adding("quantity", "10")...)
			p.write(func(tx *db.Tx) error {
				_, err := tx.Exec(`UPDATE wallets SET last_number = $2 WHERE account_id = $1 AND mode = 'test'`, p.issued["test"].AccountID, order.MaxTestOrders+1)
				return err
			})
			return p.call("test", adding("request_id", "one-more", "quantity", "10")...)
		},
	}
}

func orderRefusals() map[string]func(*live) reply {
	return map[string]func(*live) reply{
		"Order not found":                                ask("action", "status", "order", "4711"),
		"Refill not found":                               ask("action", "refill_status", "refill", "4711"),
		"Order cannot be canceled":                       ask("action", "cancel", "order", "1"),
		"Refill not available: the order is in_progress": ask("action", "refill", "order", "2"),
		"Send order or orders, not both":                 ask("action", "status", "order", "1", "orders", "2"),
		"orders must have at most 100 ids": func(p *live) reply {
			var ids []string
			for i := range 101 {
				ids = append(ids, strconv.Itoa(i+1))
			}
			return p.call("live", "action", "status", "orders", strings.Join(ids, ","))
		},
		"order must have at most 64 characters":         ask("action", "status", "order", strings.Repeat("x", 65)),
		"orders must have ids of at most 64 characters": ask("action", "status", "orders", "1,"+strings.Repeat("x", 65)),

		"cursor must be one that an earlier answer gave":                   ask("action", "changes", "cursor", "x"),
		"limit must be between 1 and 500":                                  ask("action", "transactions", "limit", "0"),
		"status must be one of " + strings.Join(apiv2.StatusWords(), ", "): ask("action", "orders", "status", "done"),
	}
}

// checkErrors provokes every error of a table, and compares its status and text.
func checkErrors(t *testing.T, _ *live, one table) {
	known := refusals()
	for _, row := range one.rows {
		text := code(row[1])[0]
		provoke, ok := known[text]
		if !ok {
			t.Errorf("nothing provokes %q", text)
			continue
		}
		p := newLive(t, ratelimit.Limits{})
		got := provoke(p)
		if strconv.Itoa(got.status) != row[0] || saidIn(t, got) != text {
			t.Errorf("%s %q: the API answers %d %s", row[0], text, got.status, got.body)
		}
		for status, header := range map[int]string{405: "Allow", 429: "Retry-After", 503: "Retry-After"} {
			if got.status == status && got.header.Get(header) == "" {
				t.Errorf("%q has no %s", text, header)
			}
		}
	}
}

// saidIn is the text of a refusal, in JSON or plain.
func saidIn(t *testing.T, got reply) string {
	t.Helper()
	if strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
		return got.body
	}
	return errorOf(t, got.body)
}

// What the tests provoke is told.
func TestNoErrorIsLeftOut(t *testing.T) {
	t.Parallel()
	told := map[string]bool{}
	for _, one := range tables(t, usual(t), "errors") {
		for _, row := range one.rows {
			for _, text := range code(row[1]) {
				told[text] = true
			}
		}
	}
	for text := range refusals() {
		if !told[text] {
			t.Errorf("the page does not tell of %q", text)
		}
	}
}

// classicRefusals provoke the errors of the classic dialect.
func classicRefusals() map[string]func(*live) reply {
	classic := func(fields ...string) func(*live) reply {
		return func(p *live) reply { return p.call("classic", fields...) }
	}
	add := func(changed ...string) func(*live) reply {
		return classic(adding(append(changed, "request_id", "")...)...)
	}
	return map[string]func(*live) reply{
		"Not enough funds on balance":        add("quantity", "100000"),
		"Bad link":                           add("link", "x"),
		"Incorrect service ID":               add("service", "99"),
		"Incorrect order ID":                 classic("action", "status", "order", "4711"),
		"Refill not found":                   classic("action", "refill_status", "refill", "4711"),
		"Quantity less than minimal 10":      add("quantity", "5"),
		"Quantity more than maximum 100000":  add("quantity", "100001"),
		"Quantity must be a multiple of 100": add("service", "2", "quantity", "150"),
		"Incorrect interval":                 add("runs", "2"),
		"Incorrect posts":                    add("service", "4", "link", "", "quantity", "", "username", "x", "min", "10", "max", "20", "delay", "0"),
		"You have active order with this link. Please wait until order being completed.": func(p *live) reply {
			p.call("classic", adding("service", "6", "quantity", "10", "request_id", "first")...)
			return p.call("classic", adding("service", "6", "quantity", "20", "request_id", "")...)
		},
		"Order cannot be canceled":                       classic("action", "cancel", "order", "1"),
		"Refill not available: the order is in_progress": classic("action", "refill", "order", "2"),
		"Under maintenance": func(p *live) reply {
			must(p, panel.NewStore(p.d).Close(context.Background(), "", panel.By{ID: "a test"}))
			return p.call("classic", adding("request_id", "")...)
		},
		"Account suspended": func(p *live) reply { return p.call("suspended classic", adding("request_id", "")...) },
		"Incorrect request": classic("action", "dance"),
	}
}

func checkClassicErrors(t *testing.T, _ *live, one table) {
	known := classicRefusals()
	for _, row := range one.rows {
		text := code(row[0])[0]
		provoke, ok := known[text]
		if !ok {
			t.Errorf("nothing provokes %q", text)
			continue
		}
		if got := provoke(newLive(t, ratelimit.Limits{})); got.status != http.StatusOK || errorIn(t, got.body) != text {
			t.Errorf("%q: the API answers %d %s", text, got.status, got.body)
		}
	}
}

// errorIn is the error of a classic answer, which a list of one has in its place.
func errorIn(t *testing.T, body string) string {
	t.Helper()
	v := decode(t, body)
	if object, ok := v.(map[string]any); ok {
		if text, ok := object["error"].(string); ok {
			return text
		}
	}
	return body
}

// checkClassicActions expects the properties that the table names in the answer, and
// that each field is taken.
func checkClassicActions(t *testing.T, p *live, one table) {
	add := adding("request_id", "")
	asked := map[string][]string{
		"services": {"action", "services"}, "add": add, "status": {"action", "status", "order", "3"}, "refill": {"action", "refill", "order", "1"},
		"refill_status": {"action", "refill_status", "refill", "1"}, "cancel": {"action", "cancel", "order", "4"}, "balance": {"action", "balance"},
	}
	for _, row := range one.rows {
		action := code(row[0])[0]
		fields, ok := asked[action]
		if !ok {
			t.Errorf("nothing asks for %s", action)
			continue
		}
		first, _, _ := strings.Cut(row[2], ";")
		v := decode(t, p.call("classic", fields...).body)
		if list, is := v.([]any); is {
			v = list[0]
		}
		object, _ := v.(map[string]any)
		for _, name := range code(first) {
			if _, ok := object[name]; !ok {
				t.Errorf("%s answers %v, without %s", action, v, name)
			}
		}
		if len(object) != len(code(first)) {
			t.Errorf("%s answers %v, and the table names %v", action, v, code(first))
		}
	}
	for _, fields := range [][]string{
		{"action", "status", "orders", "1,2"},
		{"action", "refill", "orders", "3"},
		{"action", "refill_status", "refills", "1"},
		{"action", "refill_status", "order", "1"},
		{"action", "cancel", "orders", "2"},
	} {
		if got := p.call("classic", fields...); got.status != http.StatusOK || strings.HasPrefix(got.body, `{"error"`) {
			t.Errorf("%v: %+v", fields, got)
		}
	}
}

// checkClassicStatuses walks orders through the states and hears each word.
func checkClassicStatuses(t *testing.T, p *live, one table) {
	told := map[string]bool{}
	for _, row := range one.rows {
		told[code(row[0])[0]] = true
	}
	heard := map[string]bool{}
	hear := func(number string) {
		object, _ := decode(t, p.call("classic", "action", "status", "order", number).body).(map[string]any)
		word, _ := object["status"].(string)
		if heard[word] = true; !told[word] {
			t.Errorf("order %s is %q, which the page does not tell", number, word)
		}
	}
	for number := 1; number <= 6; number++ {
		hear(strconv.Itoa(number))
	}
	p.call("live", "action", "cancel", "order", "4")
	hear("4")
	got := p.call("live", adding("request_id", "walk")...)
	id := anyID.FindString(got.body)
	p.move(id, "submitting", 0)
	p.move(id, "processing", 0)
	hear(id)
	for word := range told {
		if !heard[word] {
			t.Errorf("no order was %q", word)
		}
	}
}

func (p *live) count(n *int, query string, args ...any) error {
	return p.d.Read(context.Background(), func(tx *db.Tx) error { return tx.QueryRow(query, args...).Scan(n) })
}
