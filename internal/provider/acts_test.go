package provider

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/outbound"
)

// The shapes that an answer to cancel has.
func TestParseCancel(t *testing.T) {
	t.Parallel()
	yes, no := CancelResult{Accepted: true}, CancelResult{Text: "Incorrect order ID"}
	for name, c := range map[string]struct {
		body string
		ids  string
		want map[string]CancelResult
	}{
		"rows":            {`[{"order":9,"cancel":{"error":"Incorrect order ID"}},{"order":2,"cancel":1}]`, "9,2", map[string]CancelResult{"9": no, "2": yes}},
		"flat rows":       {`[{"order":"ord_A","cancel":true},{"order":"ord_B","error":"Incorrect order ID"}]`, "ord_A,ord_B", map[string]CancelResult{"ord_A": yes, "ord_B": no}},
		"texts":           {`[{"order":"2","cancel":"1"},{"id":9,"cancel":"0"}]`, "9,2", map[string]CancelResult{"2": yes, "9": {}}},
		"keyed":           {`{"2":{"cancel":1},"9":{"error":"Incorrect order ID"},"8":5}`, "2,9", map[string]CancelResult{"2": yes, "9": no}},
		"single":          {`{"cancel":1}`, "2", map[string]CancelResult{"2": yes}},
		"native single":   {`{"cancel":"ord_A"}`, "ord_A", map[string]CancelResult{"ord_A": yes}},
		"single nested":   {`{"cancel":{"error":"Incorrect order ID"}}`, "2", map[string]CancelResult{"2": no}},
		"in words":        {`{"status":"Success","message":"Done"}`, "2", map[string]CancelResult{"2": yes}},
		"in bools":        {`{"success":true}`, "2", map[string]CancelResult{"2": yes}},
		"failed in words": {`{"status":"fail","message":"Incorrect order ID"}`, "2", map[string]CancelResult{"2": no}},
		"denied":          {`{"cancel":false,"message":"Incorrect order ID"}`, "2", map[string]CancelResult{"2": no}},
		"zero":            {`{"order":2,"cancel":0}`, "2", map[string]CancelResult{"2": {}}},
		"another order":   {`{"order":3,"cancel":1}`, "2", map[string]CancelResult{}},
		"nothing said":    {`[{"order":2},{"order":2,"cancel":null},{"order":2,"cancel":{}},null,5]`, "2,3", map[string]CancelResult{}},
		"notice before":   {"<b>Notice</b>: $a[0] in x.php {line 3}\n" + `[{"order":2,"cancel":1}]`, "2", map[string]CancelResult{"2": yes}},
		"an empty answer": {`[]`, "2", map[string]CancelResult{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseCancel([]byte(c.body), strings.Split(c.ids, ","))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, body := range []string{``, `<html>`, `{"error":"Incorrect request"}`, `[{"order":2,"cancel":1}`} {
		if got, err := parseCancel([]byte(body), []string{"2"}); err == nil {
			t.Errorf("%s: %v", body, got)
		}
	}
}

// Orders are wished away together, one by one where that is refused, and by the
// other parameter where the first is not known.
func TestCancelFallsBack(t *testing.T) {
	t.Parallel()
	const incorrect, unknownID = `{"error":"Incorrect request"}`, `{"error":"Order can not be canceled"}`
	for name, c := range map[string]struct {
		by      string
		answers []string
		asked   []string
		want    map[string]CancelResult
		fails   bool
	}{
		"at once": {
			answers: []string{`[{"order":1,"cancel":1},{"order":2,"cancel":1}]`}, asked: []string{"orders=1%2C2"},
			want: map[string]CancelResult{"1": {Accepted: true}, "2": {Accepted: true}},
		},
		"by order": {
			by: "order", answers: []string{`{"cancel":1}`, unknownID}, asked: []string{"order=1", "order=2"},
			want: map[string]CancelResult{"1": {Accepted: true}, "2": {Text: "Order can not be canceled"}},
		},
		"not by orders": {
			answers: []string{incorrect, `{"cancel":1}`, incorrect}, asked: []string{"orders=1%2C2", "order=1", "order=2"},
			want: map[string]CancelResult{"1": {Accepted: true}, "2": {Text: "Incorrect request"}},
		},
		"by orders only": {
			by: "orders", answers: []string{incorrect, `[{"order":1,"cancel":1}]`, unknownID},
			asked: []string{"orders=1%2C2", "orders=1", "orders=2"},
			want:  map[string]CancelResult{"1": {Accepted: true}, "2": {Text: "Order can not be canceled"}},
		},
		"one spoils all": {
			answers: []string{unknownID, unknownID, `[{"order":2,"cancel":1}]`}, asked: []string{"orders=1%2C2", "orders=1", "orders=2"},
			want: map[string]CancelResult{"1": {Text: "Order can not be canceled"}, "2": {Accepted: true}},
		},
		"a limit":      {answers: []string{`{"error":"Rate limit exceeded"}`}, asked: []string{"orders=1%2C2"}, fails: true},
		"a wrong key":  {answers: []string{`{"error":"Invalid API key"}`}, asked: []string{"orders=1%2C2"}, fails: true},
		"broken there": {answers: []string{`{"error":"Internal error"}`}, asked: []string{"orders=1%2C2"}, fails: true},
		"breaks midway": {
			answers: []string{incorrect, `{"cancel":1}`, `<html>`}, asked: []string{"orders=1%2C2", "order=1", "order=2"},
			want: map[string]CancelResult{"1": {Accepted: true}}, fails: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := listen(t, c.answers...)
			got, err := e.bent(t, Profile{CancelBy: c.by, Method: "GET"}).Cancel(t.Context(), []string{"1", "2"})
			if (err != nil) != c.fails {
				t.Errorf("%v", err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			for i := range c.asked {
				c.asked[i] = "action=cancel&" + c.asked[i]
			}
			if diff := cmp.Diff(c.asked, e.said()); diff != "" {
				t.Error(diff)
			}
			for _, w := range e.heard {
				if w.Method != http.MethodPost {
					t.Errorf("canceled by %s", w.Method)
				}
			}
		})
	}
}

// The outcomes of refill: an acceptance may lack an id, and what is not certain is
// unknown.
func TestClassifyRefill(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status  int
		body    string
		outcome Outcome
		id      string
	}{
		{200, `{"refill":"1"}`, Accepted, "1"},
		{200, `{"refill":12345,"success":"Refill placed"}`, Accepted, "12345"},
		{201, `{"refill":"ref_01A"}`, Accepted, "ref_01A"},
		{200, `[{"order":7,"refill":1}]`, Accepted, "1"},
		{200, `{"order":"7","refill_id":1}`, Accepted, "1"},
		{200, `{"status":"Success","message":"Refill is on its way"}`, Accepted, ""},
		{200, `{"success":true}`, Accepted, ""},
		{200, `{"refill":true}`, Accepted, ""},
		{200, "\xef\xbb\xbf{\"refill\":\"1\"}", Accepted, "1"},

		{200, `{"error":"Refill is not available"}`, Refused, ""},
		{400, `{"error":"Refill not available: one is in flight"}`, Refused, ""},
		{200, `{"refill":{"error":"Incorrect order ID"}}`, Refused, ""},
		{200, `[{"order":7,"refill":{"error":"Incorrect order ID"}}]`, Refused, ""},
		{200, `[{"order":7,"error":"Order not found"}]`, Refused, ""},
		{200, `{"success":false,"message":"No"}`, Refused, ""},
		{200, `{"refill":0,"error":"No"}`, Refused, ""},
		{429, ``, Refused, ""},
		{403, `<html>`, Refused, ""},

		{200, ``, Unknown, ""},
		{200, `{}`, Unknown, ""},
		{200, `[]`, Unknown, ""},
		{200, `[{"order":7,"refill":1},{"order":8,"refill":2}]`, Unknown, ""},
		{200, `[{"order":8,"refill":1}]`, Unknown, ""},
		{200, `{"order":8,"error":"No"}`, Unknown, ""},
		{200, `{"order":[7],"refill":1}`, Unknown, ""},
		{200, `{"refill":1,"error":"No"}`, Unknown, "1"},
		{200, `{"refill":1,"success":false}`, Unknown, "1"},
		{400, `{"refill":1}`, Unknown, "1"},
		{500, `{"refill":1}`, Unknown, ""},
		{503, `{"error":"No"}`, Unknown, ""},
		{302, `{"refill":1}`, Unknown, "1"},
		{302, `{"error":"No"}`, Unknown, ""},
		{200, `{"refill":1,"refill":2}`, Unknown, ""},
		{200, `{"refill":0}`, Unknown, ""},
		{200, `{"refill":null,"success":true}`, Unknown, ""},
		{200, `{"refill":-1}`, Unknown, ""},
		{200, `{"refill":1.5}`, Unknown, ""},
		{200, `{"refill":[1]}`, Unknown, ""},
		{200, `{"refill":{"id":1}}`, Unknown, ""},
		{200, `{"refill":{"error":"a","error":"b"}}`, Unknown, ""},
		{200, `{"error":"Internal error"}`, Unknown, ""},
		{200, `{"error":"Request timed out"}`, Unknown, ""},
		{200, "<b>Notice</b>: x\n{\"refill\":1}", Unknown, ""},
		{200, `<html>`, Unknown, ""},
		{403, `{"refill":1`, Unknown, ""},
		{404, `{"message":"Not found"}`, Refused, ""},
	} {
		t.Run(strconv.Itoa(c.status)+c.body, func(t *testing.T) {
			t.Parallel()
			got := classifyRefill(c.status, []byte(c.body), "7")
			if got.Outcome != c.outcome || got.UpstreamID != c.id {
				t.Errorf("%v, id %q (%s); want %v, %q", got.Outcome, got.UpstreamID, got.Text, c.outcome, c.id)
			}
			if got.Outcome != Accepted && got.Text == "" {
				t.Error("nobody is told why")
			}
		})
	}
}

// A refill is asked for once, by POST, whatever becomes of it.
func TestRefillIsSentOnce(t *testing.T) {
	t.Parallel()
	e := listen(t, `{"refill":"5"}`)
	c := e.bent(t, Profile{Method: "GET", RefillBy: "orders", Names: map[string]string{"orders": "order_id"}})
	if got := c.Refill(t.Context(), outbound.NewSubmission(clock.System, clock.System(), time.Minute), "7"); got.Outcome != Accepted || got.UpstreamID != "5" || got.Kept == "" {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff([]string{"action=refill&order_id=7"}, e.said()); diff != "" || e.heard[0].Method != http.MethodPost {
		t.Error(diff, e.heard[0].Method)
	}
	u := raw(t, says(""))
	got := client(t, u.address, patient).Refill(t.Context(), started(), "7")
	if got.Outcome != Unknown || u.requests.Load() != 1 {
		t.Errorf("%v, %d requests", got.Outcome, u.requests.Load())
	}
	if got := client(t, "http://[::1", patient).Refill(t.Context(), started(), "7"); got.Outcome != NotSent {
		t.Errorf("%+v", got)
	}
}

// A native provider says for certain whether it knows a request id, or it says
// nothing.
func TestParseLookup(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"order":"ord_A","number":1,"request_id":"r","status":"failed","timeline":[]}`: "ord_A",
		`{"order":"ord_A"}`:                           "ord_A",
		`{"error":"Order not found"}`:                 "not found",
		`{"error":"Order not found","order":"ord_A"}`: "",
		`{"error":"Order not found","hint":1}`:        "",
		`{"error":"Invalid API key"}`:                 "",
		`{"error":"Not found"}`:                       "",
		`{"order":"ord_A","request_id":"other"}`:      "",
		`{"order":"ord_A","request_id":["r"]}`:        "",
		`{"order":"ord_A","order":"ord_B"}`:           "",
		`{"order":"A"}`:                               "",
		`{"order":7}`:                                 "",
		`{"order":null}`:                              "",
		`{}`:                                          "",
		`[]`:                                          "",
		``:                                            "",
		`<html>Order not found</html>`:                "",
	} {
		status := http.StatusOK
		if strings.Contains(body, "error") {
			status = http.StatusBadRequest
		}
		orderID, found, err := parseLookup(status, []byte(body), "r")
		got := orderID
		if !found && err == nil {
			got = "not found"
		}
		if got != want || (err != nil && found) {
			t.Errorf("%s: %q, %v, %v", body, orderID, found, err)
		}
	}
	for _, status := range []int{200, 201, 403, 404, 410} {
		if _, _, err := parseLookup(status, []byte(`{"error":"Order not found"}`), "r"); err == nil {
			t.Errorf("a certain no with status %d", status)
		}
	}
	if _, _, err := parseLookup(400, []byte(`{"order":"ord_A"}`), "r"); err == nil {
		t.Error("an order in a refusal")
	}
}

func TestOrderByRequestID(t *testing.T) {
	t.Parallel()
	e := listen(t, `{"order":"ord_A","request_id":"ord_X.1"}`)
	c := e.bent(t, Profile{})
	if _, _, err := c.OrderByRequestID(t.Context(), "ord_X.1"); err == nil || len(e.heard) != 0 {
		t.Error("a classic provider was asked")
	}
	c.native = true
	if orderID, found, err := c.OrderByRequestID(t.Context(), "ord_X.1"); orderID != "ord_A" || !found || err != nil {
		t.Errorf("%s %v %v", orderID, found, err)
	}
	if diff := cmp.Diff([]string{"action=order&request_id=ord_X.1"}, e.said()); diff != "" {
		t.Error(diff)
	}
}

// A native refusal settles an unknown outcome only where the request id was
// looked for before it.
func TestSettles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status  int
		body    string
		settles bool
	}{
		{400, `{"error":"Insufficient balance"}`, true},
		{400, `{"error":"Service not found"}`, true},
		{400, `{"error":"quantity must be between 50 and 10000"}`, true},
		{400, `{"error":"link must be an http or https address"}`, true},
		{400, `{"error":"Invalid API key"}`, false},
		{400, `{"error":"request_id was already used with different parameters"}`, false},
		{400, `{"error":"Unknown action: add"}`, false},
		{400, `{}`, false},
		{403, `{"error":"Account suspended"}`, false},
		{401, `{"error":"Insufficient balance"}`, false},
		{429, `{"error":"Rate limit exceeded"}`, false},
		{500, `{"error":"Internal error"}`, false},
		{200, `{"order":"ord_A"}`, false},
	} {
		if got := ClassifyNative(c.status, []byte(c.body)).Settles(); got != c.settles {
			t.Errorf("%d %s: %v", c.status, c.body, got)
		}
	}
}

// A repeat at a native provider is answered with the order, whatever became of it.
func TestNativeStatusIsTheOrders(t *testing.T) {
	t.Parallel()
	body := []byte(`{"order":"ord_A","status":"failed","charge":"0.00","currency":"USD"}`)
	if got := ClassifyNative(200, body); got.Outcome != Accepted || got.UpstreamID != "ord_A" {
		t.Errorf("%+v", got)
	}
	if got := Classify(200, body); got.Outcome != Unknown {
		t.Errorf("%+v", got)
	}
}

// What was learnt about some orders comes with the error that stopped the rest.
func TestErrorsOfCallsAreErrAnswerWhereFewerMayHelp(t *testing.T) {
	t.Parallel()
	for body, useful := range map[string]bool{
		`{"error":"Incorrect order ID"}`:  true,
		`<html>`:                          true,
		`{"error":"Rate limit exceeded"}`: false,
	} {
		_, err := listen(t, body).bent(t, Profile{}).Status(t.Context(), []string{"1", "2"})
		if err == nil || errors.Is(err, ErrAnswer) != useful {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// started is the watch of a call that begins now.
func started() *outbound.Submission {
	return outbound.NewSubmission(clock.System, clock.System(), time.Minute)
}
