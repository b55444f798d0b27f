package provider

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/notpanel/notpanel/internal/provider/providertest"
)

// deep is JSON nested far beyond what a parser should follow.
var deep = strings.Repeat(`{"a":`, 20_000) + `1` + strings.Repeat(`}`, 20_000)

// hostile is an answer to add, and what it must be taken for.
type hostile struct {
	name, body, outcome, class, id string
	status                         int
}

// hostileAnswers are those that a provider can give, and some that no server
// writes but a parser must bear.
func hostileAnswers() (all []hostile) {
	for _, c := range providertest.Hostile() {
		if c.Status != 0 {
			all = append(all, hostile{c.Name, c.Body, c.Outcome, c.Class, c.UpstreamID, c.Status})
		}
	}
	return append(all,
		hostile{"101", `{"error":"Bad link"}`, "unknown", "", "", 101},
		hostile{"status 0", `{"order":77}`, "unknown", "", "77", 0},
	)
}

func TestClassify(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range hostileAnswers() {
		if seen[c.name] {
			t.Errorf("two answers are named %s", c.name)
		}
		seen[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := Classify(c.status, []byte(c.body))
			class := ""
			if got.Class != 0 {
				class = got.Class.String()
			}
			if got.Outcome.String() != c.outcome || class != c.class || got.UpstreamID != c.id {
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
