package provider

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// hostile is an answer to add as servers have given or might give it, and what it
// must be taken for.
type hostile struct {
	name    string
	status  int
	body    string
	outcome Outcome
	class   Class
	id      string
}

// deep is JSON nested far beyond what a parser should follow.
var deep = strings.Repeat(`{"a":`, 20_000) + `1` + strings.Repeat(`}`, 20_000)

// hostileAnswers hold every row of what an answer can be. The money question is
// always the same: may the order be sent again?
var hostileAnswers = []hostile{
	// Accepted: 2xx, a JSON object, an id, no error.
	{"number", 200, `{"order":23501}`, Accepted, 0, "23501"},
	{"text", 200, `{"order":"23501"}`, Accepted, 0, "23501"},
	{"24 hex digits", 200, `{"order":"65a1f0c2d3e4b5a697887766"}`, Accepted, 0, "65a1f0c2d3e4b5a697887766"},
	{"native id", 200, `{"order":"ord_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9","status":"pending","charge":"0.50","currency":"USD"}`, Accepted, 0, "ord_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9"},
	{"id for order", 200, `{"id":77}`, Accepted, 0, "77"},
	{"order before id", 200, `{"id":5,"order":77}`, Accepted, 0, "77"},
	{"created", 201, `{"order":77}`, Accepted, 0, "77"},
	{"success beside", 200, `{"status":"success","success":true,"order":77,"message":"Order placed"}`, Accepted, 0, "77"},
	{"waiting beside", 200, `{"order":77,"status":"Pending"}`, Accepted, 0, "77"},
	{"error null", 200, `{"order":77,"error":null}`, Accepted, 0, "77"},
	{"error false", 200, `{"order":77,"error":false}`, Accepted, 0, "77"},
	{"error 0", 200, `{"order":77,"error":0}`, Accepted, 0, "77"},
	{"error empty", 200, `{"order":77,"error":""}`, Accepted, 0, "77"},
	{"error empty list", 200, `{"order":77,"error":[]}`, Accepted, 0, "77"},
	{"error empty object", 200, `{"order":77,"error":{}}`, Accepted, 0, "77"},
	{"BOM", 200, "\xef\xbb\xbf{\"order\":77}", Accepted, 0, "77"},
	{"blanks around", 200, " \r\n\t{ \"order\" : 77 } \n", Accepted, 0, "77"},
	{"largest int64 and one", 200, `{"order":9223372036854775808}`, Accepted, 0, "9223372036854775808"},
	{"64 characters", 200, `{"order":"` + strings.Repeat("a", 64) + `"}`, Accepted, 0, strings.Repeat("a", 64)},
	{"escaped name", 200, `{"\u006frder":77}`, Accepted, 0, "77"},

	// An id that none means as one: somebody has to look.
	{"order 0", 200, `{"order":0}`, Unknown, 0, ""},
	{"order \"0\"", 200, `{"order":"0"}`, Unknown, 0, ""},
	{"order \"00\"", 200, `{"order":"00"}`, Unknown, 0, ""},
	{"order empty", 200, `{"order":""}`, Unknown, 0, ""},
	{"order blank", 200, `{"order":"  "}`, Unknown, 0, ""},
	{"order null", 200, `{"order":null}`, Unknown, 0, ""},
	{"order false", 200, `{"order":false}`, Unknown, 0, ""},
	{"order true", 200, `{"order":true}`, Unknown, 0, ""},
	{"order null, id given", 200, `{"order":null,"id":5}`, Unknown, 0, ""},
	{"fraction", 200, `{"order":23501.0}`, Unknown, 0, ""},
	{"exponent", 200, `{"order":2.3501e4}`, Unknown, 0, ""},
	{"negative", 200, `{"order":-1}`, Unknown, 0, ""},
	{"negative text", 200, `{"order":"-1"}`, Unknown, 0, ""},
	{"the word null", 200, `{"order":"null"}`, Unknown, 0, ""},
	{"the word undefined", 200, `{"order":"undefined"}`, Unknown, 0, ""},
	{"the word Array", 200, `{"order":"Array"}`, Unknown, 0, ""},
	{"list", 200, `{"order":[77]}`, Unknown, 0, ""},
	{"empty list", 200, `{"order":[]}`, Unknown, 0, ""},
	{"object", 200, `{"order":{"id":77}}`, Unknown, 0, ""},
	{"65 characters", 200, `{"order":"` + strings.Repeat("a", 65) + `"}`, Unknown, 0, ""},
	{"65 digits", 200, `{"order":` + strings.Repeat("9", 65) + `}`, Unknown, 0, ""},
	{"blank inside", 200, `{"order":"7 7"}`, Unknown, 0, ""},
	{"NUL inside", 200, `{"order":"7\u00007"}`, Unknown, 0, ""},
	{"not ASCII", 200, `{"order":"№77"}`, Unknown, 0, ""},
	{"other name", 200, `{"Order":77}`, Unknown, 0, ""},
	{"order_id", 200, `{"order_id":77}`, Unknown, 0, ""},
	{"wrapped", 200, `{"data":{"order":77}}`, Unknown, 0, ""},
	{"twice", 200, `{"order":77,"order":78}`, Unknown, 0, ""},
	{"twice the same", 200, `{"order":77,"order":77}`, Unknown, 0, ""},
	{"error twice", 200, `{"error":"","order":77,"error":"Bad link"}`, Unknown, 0, ""},
	{"twice, escaped", 200, `{"order":77,"\u006frder":78}`, Unknown, 0, ""},

	// An id beside an error: it may exist.
	{"error beside", 200, `{"order":77,"error":"Bad link"}`, Unknown, 0, "77"},
	{"error beside, 400", 400, `{"order":77,"error":"Bad link"}`, Unknown, 0, "77"},
	{"blank error beside", 200, `{"order":77,"error":" "}`, Unknown, 0, "77"},
	{"error true beside", 200, `{"order":77,"error":true}`, Unknown, 0, "77"},
	{"error 1 beside", 200, `{"order":77,"error":1}`, Unknown, 0, "77"},
	{"error \"0\" beside", 200, `{"order":77,"error":"0"}`, Unknown, 0, "77"},
	{"error object beside", 200, `{"order":77,"error":{"code":0}}`, Unknown, 0, "77"},
	{"success false beside", 200, `{"order":77,"success":false,"message":"Bad link"}`, Unknown, 0, "77"},
	{"success false beside, no reason", 200, `{"order":77,"success":false}`, Unknown, 0, "77"},
	{"success 0 beside", 200, `{"order":77,"success":0}`, Unknown, 0, "77"},
	{"status fail beside", 200, `{"order":77,"status":"fail"}`, Unknown, 0, "77"},
	{"status Error beside", 200, `{"order":77,"status":"Error"}`, Unknown, 0, "77"},
	{"id and 400", 400, `{"order":77}`, Unknown, 0, "77"},
	{"id and 404", 404, `{"order":77}`, Unknown, 0, "77"},
	{"id and 429", 429, `{"order":77}`, Unknown, 0, "77"},
	{"id and 302", 302, `{"order":77}`, Unknown, 0, "77"},
	{"id twice and 403", 403, `{"order":77,"order":77}`, Unknown, 0, ""},
	{"id in a list and 403", 403, `[{"order":77}]`, Unknown, 0, "77"},
	{"id in HTML and 403", 403, `<p>{"order":77}</p>`, Unknown, 0, "77"},
	{"id within data", 200, `{"error":"Bad link","data":{"order":77}}`, Unknown, 0, ""},
	{"id in a list within", 400, `{"error":"Bad link","orders":[{"order_id":"77"}]}`, Unknown, 0, ""},
	{"orderId beside", 200, `{"error":"Bad link","orderId":77}`, Unknown, 0, ""},

	// 5xx: whatever the body says.
	{"500 with id", 500, `{"order":77}`, Unknown, 0, "77"},
	{"500 refusing", 500, `{"error":"Bad link"}`, Unknown, 0, ""},
	{"500 empty", 500, ``, Unknown, 0, ""},
	{"502 HTML", 502, `<html><h1>502 Bad Gateway</h1></html>`, Unknown, 0, ""},
	{"503 refusing", 503, `{"error":"Not enough funds on balance"}`, Unknown, 0, ""},
	{"504", 504, `upstream timed out`, Unknown, 0, ""},
	{"520", 520, `error code: 520`, Unknown, 0, ""},
	{"599", 599, `{"error":"Bad link"}`, Unknown, 0, ""},
	{"beyond", 999, `{"error":"Bad link"}`, Unknown, 0, ""},

	// Nothing that could be read.
	{"empty", 200, ``, Unknown, 0, ""},
	{"204", 204, ``, Unknown, 0, ""},
	{"blank", 200, " \n", Unknown, 0, ""},
	{"null", 200, `null`, Unknown, 0, ""},
	{"true", 200, `true`, Unknown, 0, ""},
	{"a bare id", 200, `77`, Unknown, 0, ""},
	{"a text", 200, `"Bad link"`, Unknown, 0, ""},
	{"an empty object", 200, `{}`, Unknown, 0, ""},
	{"a list", 200, `[]`, Unknown, 0, ""},
	{"a list of an order", 200, `[{"order":77}]`, Unknown, 0, "77"},
	{"HTML", 200, `<!doctype html><title>Maintenance</title>`, Unknown, 0, ""},
	{"HTML that refuses", 400, `<h1>Bad link</h1>`, Unknown, 0, ""},
	{"PHP notice before", 200, "<br />\n<b>Notice</b>: Undefined index: runs in <b>/srv/api.php</b> on line <b>7</b><br />\n{\"order\":77}", Unknown, 0, "77"},
	{"PHP notice behind", 200, `{"order":77}<br /><b>Warning</b>: mail()`, Unknown, 0, "77"},
	{"PHP notice before an error", 200, "<b>Notice</b>: x\n{\"error\":\"Bad link\"}", Unknown, 0, ""},
	{"two objects", 200, `{"order":77}{"order":78}`, Unknown, 0, "77"},
	{"cut short", 200, `{"order":77`, Unknown, 0, ""},
	{"cut in the id", 200, `{"order":7`, Unknown, 0, ""},
	{"single quotes", 200, `{'order':77}`, Unknown, 0, ""},
	{"trailing comma", 200, `{"order":77,}`, Unknown, 0, ""},
	{"not a number", 200, `{"order":NaN}`, Unknown, 0, ""},
	{"leading zeros", 200, `{"order":0077}`, Unknown, 0, ""},
	{"hexadecimal", 200, `{"order":0x4d}`, Unknown, 0, ""},
	{"UTF-16", 200, "\xff\xfe{\x00\"\x00o\x00", Unknown, 0, ""},
	{"gzip", 200, "\x1f\x8b\x08\x00\x00", Unknown, 0, ""},
	{"JSONP", 200, `callback({"order":77})`, Unknown, 0, "77"},
	{"deep", 200, deep, Unknown, 0, ""},
	{"deep and 403", 403, deep, Unknown, 0, ""},
	{"429 and broken JSON with an id", 429, `{"order":1025,"msg":"rate`, Unknown, 0, ""},
	{"404 and an id behind a style", 404, `<style>a{b:c}</style> {"order":1025}`, Unknown, 0, ""},
	{"403 and a sentence", 403, `order: 1025 placed`, Unknown, 0, ""},
	{"404 and an order number", 404, `<p>Your order #77 could not be shown</p>`, Unknown, 0, ""},
	{"404 page", 404, `<h1>Not found</h1>`, Refused, SourcePaused, ""},
	{"an id with a comma", 200, `{"order":"12,13"}`, Unknown, 0, ""},
	{"neither", 200, `{"message":"Thank you"}`, Unknown, 0, ""},
	{"a status alone", 200, `{"status":"success"}`, Unknown, 0, ""},
	{"failed without a reason", 200, `{"success":false}`, Unknown, 0, ""},
	{"failed with a reason that is none", 200, `{"success":false,"message":{"a":1}}`, Unknown, 0, ""},
	{"error blank", 200, `{"error":" "}`, Unknown, 0, ""},
	{"errors by another name", 422, `{"message":"The given data was invalid.","errors":{"link":["The link is invalid."]}}`, Unknown, 0, ""},

	// Redirects and informational answers are no answers.
	{"301", 301, ``, Unknown, 0, ""},
	{"302 refusing", 302, `{"error":"Bad link"}`, Unknown, 0, ""},
	{"307", 307, `<a href="/api/v2/">Temporary Redirect</a>`, Unknown, 0, ""},
	{"304", 304, ``, Unknown, 0, ""},
	{"101", 101, `{"error":"Bad link"}`, Unknown, 0, ""},
	{"status 0", 0, `{"order":77}`, Unknown, 0, "77"},

	// Refused: a JSON error without an id, in 2xx or 4xx.
	{"refused", 200, `{"error":"Bad link"}`, Refused, CustomerFault, ""},
	{"refused with 201", 201, `{"error":"Bad link"}`, Refused, CustomerFault, ""},
	{"refused with 400", 400, `{"error":"Bad link"}`, Refused, CustomerFault, ""},
	{"refused with 422", 422, `{"error":"Bad link"}`, Refused, CustomerFault, ""},
	{"refused with a BOM", 200, "\xef\xbb\xbf{\"error\":\"Bad link\"}", Refused, CustomerFault, ""},
	{"refused, order null", 200, `{"error":"Bad link","order":null}`, Refused, CustomerFault, ""},
	{"refused, order 0", 200, `{"error":"Bad link","order":0}`, Refused, CustomerFault, ""},
	{"refused, order empty within", 200, `{"error":"Bad link","data":{"order":""}}`, Refused, CustomerFault, ""},
	{"refused by an object", 200, `{"error":{"code":12,"message":"Incorrect link"}}`, Refused, CustomerFault, ""},
	{"refused by a list", 200, `{"error":["Quantity less than minimal 100"]}`, Refused, CustomerFault, ""},
	{"refused by an object with an id", 200, `{"error":{"id":12,"message":"Incorrect link"}}`, Refused, CustomerFault, ""},
	{"refused by success", 200, `{"success":false,"message":"Incorrect service ID"}`, Refused, OtherSource, ""},
	{"refused by success as text", 200, `{"success":"False","msg":"Incorrect service ID"}`, Refused, OtherSource, ""},
	{"refused by success 0", 200, `{"success":0,"message":"Incorrect service ID"}`, Refused, OtherSource, ""},
	{"refused by status", 200, `{"status":"fail","message":"Not enough funds"}`, Refused, SourcePaused, ""},
	{"refused by Status: error", 200, `{"status":"ERROR","message":"Not enough funds"}`, Refused, SourcePaused, ""},
	{"refused, error null", 200, `{"error":null,"success":false,"message":"Bad link"}`, Refused, CustomerFault, ""},
	{"unclassified", 200, `{"error":"Computer says no"}`, Refused, Unclassified, ""},
	{"unclassified with 400", 400, `{"error":"Computer says no"}`, Refused, Unclassified, ""},
	{"unclassified number", 200, `{"error":13}`, Refused, Unclassified, ""},
	{"unclassified true", 200, `{"error":true}`, Refused, Unclassified, ""},

	// Statuses that refuse without a text.
	{"401", 401, ``, Refused, SourcePaused, ""},
	{"403 HTML", 403, `<html>Just a moment...</html>`, Refused, SourcePaused, ""},
	{"404 HTML", 404, `<h1>Not Found</h1>`, Refused, SourcePaused, ""},
	{"404 JSON", 404, `{"message":"Not Found"}`, Refused, SourcePaused, ""},
	{"405", 405, ``, Refused, SourcePaused, ""},
	{"413", 413, `<h1>Too large</h1>`, Refused, SourcePaused, ""},
	{"429", 429, ``, Refused, TryLater, ""},
	{"429 JSON", 429, `{"message":"slow down"}`, Refused, TryLater, ""},
	{"403 list", 403, `[]`, Refused, SourcePaused, ""},
	{"402", 402, ``, Unknown, 0, ""},
	{"408", 408, ``, Unknown, 0, ""},
	{"409", 409, ``, Unknown, 0, ""},
	{"425", 425, ``, Unknown, 0, ""},
	{"499", 499, ``, Unknown, 0, ""},

	// Text before status: what is known of the text counts, else the status.
	{"403, known text", 403, `{"error":"Bad link"}`, Refused, CustomerFault, ""},
	{"403, unknown text", 403, `{"error":"Computer says no"}`, Refused, SourcePaused, ""},
	{"429, unknown text", 429, `{"error":"Computer says no"}`, Refused, TryLater, ""},
	{"404, uncertain text", 404, `{"error":"Internal error"}`, Unknown, 0, ""},
	{"403, uncertain text", 403, `{"error":"Gateway Timeout"}`, Unknown, 0, ""},
}

func TestClassify(t *testing.T) {
	t.Parallel()
	if len(hostileAnswers) < 80 {
		t.Fatalf("only %d answers", len(hostileAnswers))
	}
	seen := map[string]bool{}
	for _, c := range hostileAnswers {
		if seen[c.name] {
			t.Errorf("two answers are named %s", c.name)
		}
		seen[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := Classify(c.status, []byte(c.body))
			if got.Outcome != c.outcome || got.Class != c.class || got.UpstreamID != c.id {
				t.Errorf("%v, %v, id %q (%s); want %v, %v, id %q", got.Outcome, got.Class, got.UpstreamID, got.Text, c.outcome, c.class, c.id)
			}
			if got.Status != c.status {
				t.Errorf("status %d, want %d", got.Status, c.status)
			}
			if got.Outcome != Accepted && got.Text == "" {
				t.Error("nobody is told why")
			}
		})
	}
}

// refusalTexts are the texts whose meaning is known, and some that hold several.
var refusalTexts = []struct {
	text       string
	class      Class // 0: uncertain
	linkActive bool
}{
	// Uncertain: such an order may exist.
	{"Internal error", 0, false},
	{"INTERNAL SERVER ERROR", 0, false},
	{"Server error, please contact support", 0, false},
	{"Request timeout", 0, false},
	{"Operation timed out after 30000 milliseconds", 0, false},
	{"Uncaught Exception: Undefined offset", 0, false},
	{"SQLSTATE[40001]: Serialization failure", 0, false},
	{"Bad gateway", 0, false},
	{"request_id was already used with different parameters", 0, false},
	{"Order 1025 was placed, but your balance is low", 0, false},
	{"It has been placed already", 0, false},
	{"Order was created without a charge", 0, false},
	{"An order has been created for the link", 0, false},
	{"It was accepted before", 0, false},
	{"Your order has been accepted", 0, false},
	{"Order placed, balance low", 0, false},
	{"Order created", 0, false},
	{"Order accepted", 0, false},
	// Try later.
	{"You have active order with this link. Please wait until order being completed.", TryLater, true},
	{"Please wait until order is completed", TryLater, true},
	{"neworder.error.link_duplicate", TryLater, true},
	{"Rate limit exceeded", TryLater, false},
	{"Too many requests", TryLater, false},
	{"Service under maintenance", TryLater, false},
	{"Temporarily unavailable", TryLater, false},
	// The source: funds and key.
	{"Not enough funds on balance", SourcePaused, false},
	{"neworder.error.not_enough_funds", SourcePaused, false},
	{"Insufficient balance", SourcePaused, false},
	{"Invalid API key", SourcePaused, false},
	{"Account suspended", SourcePaused, false},
	// The source: the service.
	{"Incorrect service ID", OtherSource, false},
	{"error.incorrect_service_id", OtherSource, false},
	{"Service not found", OtherSource, false},
	{"This service is disabled", OtherSource, false},
	// The customer.
	{"Bad link", CustomerFault, false},
	{"Incorrect link", CustomerFault, false},
	{"neworder.error.link", CustomerFault, false},
	{"Quantity less than minimal 100", CustomerFault, false},
	{"Quantity more than maximum 10000", CustomerFault, false},
	{"neworder.error.min_quantity", CustomerFault, false},
	{"neworder.error.max_quantity", CustomerFault, false},
	{"Comments are required", CustomerFault, false},
	{"quantity must be between 50 and 10000", CustomerFault, false},
	// Nobody has said yet.
	{"Incorrect request", Unclassified, false},
	{"No", Unclassified, false},
	// Of several meanings the safer one: uncertain, later, source, customer.
	{"Bad link (internal)", 0, false},
	{"Rate limit: gateway", 0, false},
	{"Not enough funds on balance, server error", 0, false},
	{"active order with this link: timeout", 0, true},
	{"Bad link, temporarily", TryLater, false},
	{"Not enough funds on balance: service under maintenance", TryLater, false},
	{"You have active order with this link: bad link", TryLater, true},
	{"Bad link; not enough funds on balance", SourcePaused, false},
	{"Incorrect service ID: account suspended", SourcePaused, false},
	{"Bad link: service not found", OtherSource, false},
	{"quantity less than minimal, service disabled", OtherSource, false},
}

func TestClassOf(t *testing.T) {
	t.Parallel()
	for _, c := range refusalTexts {
		t.Run(c.text, func(t *testing.T) {
			t.Parallel()
			class, uncertain := ClassOf(c.text)
			if class != c.class || uncertain != (c.class == 0) {
				t.Errorf("%v, uncertain %v; want %v", class, uncertain, c.class)
			}
			if again, _ := ClassOf(strings.ToUpper(c.text)); again != class {
				t.Errorf("in capitals %v, else %v", again, class)
			}
			body, err := json.Marshal(map[string]string{"error": c.text})
			if err != nil {
				t.Fatal(err)
			}
			for _, status := range []int{200, 400} {
				got := Classify(status, body)
				want := Refused
				if c.class == 0 {
					want = Unknown
				}
				if got.Outcome != want || got.Class != c.class || got.Text != c.text {
					t.Errorf("%d: %v, %v, %q", status, got.Outcome, got.Class, got.Text)
				}
				if got.LinkActive != (c.linkActive && want == Refused) {
					t.Errorf("%d: link active is %v", status, got.LinkActive)
				}
			}
		})
	}
}

// Every part that a rule knows is met by a text above.
func TestEveryRefusalTextIsTested(t *testing.T) {
	t.Parallel()
	for _, rule := range textRules {
		for _, part := range rule.parts {
			met := false
			for _, c := range refusalTexts {
				met = met || c.class == rule.class && strings.Contains(strings.ToLower(c.text), part)
			}
			if !met {
				t.Errorf("no text above holds %q", part)
			}
		}
	}
}

// The provider's sentence is kept as one line that every database takes.
func TestClassifyKeepsTextStorable(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"error":"Bad link\u0000\r\n\u0007"}`,
		"{\"error\":\"Bad link \xff\xfe\"}",
		`{"error":"Bad link ` + strings.Repeat("x", 1<<20) + `"}`,
		`{"error":{"a":"Bad link \u0000"}}`,
		`{"error":"Bad link \ud800"}`,
	} {
		got := Classify(200, []byte(body))
		if got.Outcome != Refused || got.Class != CustomerFault {
			t.Errorf("%.40s: %v %v", body, got.Outcome, got.Class)
		}
		if !storableText(got.Text) {
			t.Errorf("%.40s: text %.80q", body, got.Text)
		}
	}
}

func storableText(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxSaid && strings.IndexFunc(s, func(r rune) bool { return r < ' ' }) < 0
}

// truthy is what most languages take for true.
func truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case json.Number:
		f, err := v.Float64()
		return err != nil || f != 0
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

// checkAnswer says what holds for any answer, whatever it is.
func checkAnswer(t interface{ Fatalf(string, ...any) }, status int, body []byte) {
	got := Classify(status, body)
	if !storableText(got.Text) || !storableText(got.UpstreamID) || len(got.UpstreamID) > maxUpstreamID {
		t.Fatalf("%d %q: text %q, id %q", status, body, got.Text, got.UpstreamID)
	}
	if (got.Class != 0) != (got.Outcome == Refused) {
		t.Fatalf("%d %q: %v with class %v", status, body, got.Outcome, got.Class)
	}
	switch got.Outcome {
	case Accepted:
		if status < 200 || status > 299 {
			t.Fatalf("%d %q is accepted", status, body)
		}
		decoder := json.NewDecoder(strings.NewReader(strings.TrimPrefix(strings.TrimSpace(string(body)), "\ufeff")))
		decoder.UseNumber()
		var o map[string]any
		if err := decoder.Decode(&o); err != nil {
			t.Fatalf("%d %q is accepted: %v", status, body, err)
		}
		if truthy(o["error"]) || (!truthy(o["order"]) && !truthy(o["id"])) {
			t.Fatalf("%d %q is accepted", status, body)
		}
		if got.UpstreamID == "" || strings.Trim(got.UpstreamID, "0") == "" {
			t.Fatalf("%d %q is accepted as %q", status, body, got.UpstreamID)
		}
	case Refused:
		if status >= 500 || (status < 400 && (status < 200 || status > 299)) {
			t.Fatalf("%d %q is refused", status, body)
		}
		var o map[string]any
		if json.Unmarshal(body, &o) == nil {
			if id, ok := o["order"].(string); ok && strings.Trim(strings.TrimSpace(id), "0") != "" {
				t.Fatalf("%d %q is refused beside an id", status, body)
			}
			if id, ok := o["order"].(float64); ok && id != 0 {
				t.Fatalf("%d %q is refused beside an id", status, body)
			}
		}
	case Unknown:
	case NotSent:
		t.Fatalf("%d %q is not sent", status, body)
	}
}

// An answer is an acceptance only if it is 2xx, a JSON object with an id and
// without an error; and a 5xx decides nothing.
func TestClassifyProperties(t *testing.T) {
	t.Parallel()
	value := rapid.OneOf(
		rapid.SampledFrom([]string{
			"0", "1", "77", "-1", "1.5", "1e5", "null", "true", "false", `""`, `" "`, `"0"`, `"77"`, `"-1"`, `"null"`, `"Bad link"`, `"Internal error"`,
			"[]", "{}", "[77]", `{"order":77}`, `["x"]`, `{"message":"Bad link"}`, `"fail"`, `"success"`, "99999999999999999999",
		}),
		rapid.Custom(func(t *rapid.T) string { return strconv.Quote(rapid.String().Draw(t, "text")) }),
	)
	name := rapid.SampledFrom([]string{"order", "id", "error", "success", "status", "message", "data", "Order", "order_id"})
	status := rapid.OneOf(rapid.SampledFrom([]int{200, 201, 302, 400, 401, 403, 404, 422, 429, 500, 503}), rapid.IntRange(100, 999))
	rapid.Check(t, func(t *rapid.T) {
		var members []string
		for range rapid.IntRange(0, 5).Draw(t, "members") {
			members = append(members, strconv.Quote(name.Draw(t, "name"))+":"+value.Draw(t, "value"))
		}
		around := rapid.SampledFrom([]string{"", "", "", " ", "\ufeff", "<b>", "\n"})
		body := around.Draw(t, "before") + "{" + strings.Join(members, ",") + "}" + around.Draw(t, "behind")
		checkAnswer(t, status.Draw(t, "status"), []byte(body))
	})
}

// Outcomes and classes have a name for logs and metrics, unknown ones too.
func TestNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for o := Accepted; o <= Unknown; o++ {
		seen[o.String()] = true
	}
	for c := Unclassified; c <= CustomerFault; c++ {
		seen[c.String()] = true
	}
	if len(seen) != 9 || seen[""] {
		t.Errorf("names are missing or double: %v", seen)
	}
	if got := Outcome(9).String() + Class(9).String(); got != "outcome 9class 9" {
		t.Error(got)
	}
}
