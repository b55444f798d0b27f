package apiv2_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
)

// actions are those that the API has. TestActionsAreThoseThatExist holds the list
// against the API's own.
var actions = []string{
	"services", "service", "changes", "add", "status", "refill", "refill_status", "cancel", "balance", "order", "orders", "transactions",
	"webhook.add", "webhook.list", "webhook.remove", "webhook.test", "webhook.rotate", "webhook.deliveries", "webhook.replay",
}

// everywhere are the golden files that every action must have: what can happen to
// any of its requests.
var everywhere = []string{
	"ok", "invalid_key", "suspended", "database_away", "key_in_query", "get", "json_body", "not_utf8", "control_character", "too_large", "limited",
}

// besides are the golden files that an action must have for its own fields.
var besides = map[string][]string{
	"services":     {"ok_lang", "ok_own_price"},
	"service":      {"missing_parameter", "malformed", "service_not_found", "ok_lang"},
	"changes":      {"malformed_cursor", "malformed_limit", "ok_cursor", "ok_latest"},
	"orders":       {"malformed_cursor", "malformed_limit", "malformed_status", "malformed_service", "ok_cursor", "ok_filter"},
	"transactions": {"malformed_cursor", "malformed_limit", "ok_cursor", "ok_test_mode"},
	"balance":      {},
	"add": {
		"missing_parameter", "malformed", "malformed_link", "malformed_max_charge", "quantity_bounds", "service_not_found",
		"insufficient_balance", "max_charge", "not_available", "request_id_reused", "database_away_without_request_id", "ok_repeat", "ok_multipart",
		"limited_without_request_id",
	},
	"status":        {"missing_parameter", "both", "too_many", "long_id", "order_not_found", "invalid_key_poll", "database_away_poll", "too_large_poll", "ok_many", "ok_words", "limited_poll"},
	"cancel":        {"missing_parameter", "both", "too_many", "long_id", "order_not_found", "not_possible", "ok_many", "ok_wish"},
	"refill":        {"missing_parameter", "both", "too_many", "long_id", "order_not_found", "not_available", "ok_many"},
	"refill_status": {"missing_parameter", "both", "too_many", "long_id", "refill_not_found", "ok_many"},
	"order":         {"missing_parameter", "both", "long_id", "order_not_found", "ok_request_id"},

	"webhook.add":        {"missing_parameter", "malformed_url", "malformed_events", "not_public", "too_many", "too_often", "not_confirmed", "ok_events"},
	"webhook.list":       {"ok_other_key"},
	"webhook.remove":     {"missing_parameter", "webhook_not_found"},
	"webhook.test":       {"missing_parameter", "webhook_not_found", "too_often"},
	"webhook.rotate":     {"missing_parameter", "webhook_not_found", "malformed_overlap", "ok_without_overlap"},
	"webhook.deliveries": {"missing_parameter", "webhook_not_found", "malformed_cursor", "malformed_limit", "ok_cursor"},
	"webhook.replay":     {"missing_parameter", "both", "malformed_since", "webhook_not_found", "delivery_not_found", "disabled", "too_often", "ok_since"},

	// What is refused before there is an action.
	"request": {
		"missing_action", "unknown_action", "method", "content_type", "content_encoding", "malformed_body", "too_many_fields",
		"limited_ip", "limited_ip_large", "limited_known", "limited_tier", "no_limits", "no_limit_of_keys", "no_limit_of_the_tier",
	},
}

// Every action has a golden file for each error that it can meet.
func TestEveryActionHasItsGoldenFiles(t *testing.T) {
	t.Parallel()
	for folder, cases := range besides {
		if slices.Contains(actions, folder) {
			cases = append(slices.Clone(everywhere), cases...)
		}
		for _, name := range cases {
			if _, err := os.Stat(filepath.Join(golden, folder, name+".golden")); err != nil {
				t.Errorf("%s/%s: no golden file", folder, name)
			}
		}
	}
	for _, action := range actions {
		if _, ok := besides[action]; !ok {
			t.Errorf("action %s has no list of golden files", action)
		}
	}
}

// The table above names the API's actions, as the API itself does.
func TestActionsAreThoseThatExist(t *testing.T) {
	t.Parallel()
	w := newPanel(t, db.SQLite).post("key=<live>&action=nothing")
	want := `{"error":"Unknown action: nothing. Available actions: ` + strings.Join(actions, ", ") + `"}`
	if w.Body.String() != want {
		t.Errorf("got %s, want %s", w.Body, want)
	}
}

const contract = "../../docs/api-v2.md"

var (
	digits = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)
	// variable are the parts of an error's text that differ from request to request.
	variable = []struct {
		part *regexp.Regexp
		name string
	}{
		{regexp.MustCompile(`(?s)^Unknown action: .*?\. Available`), "Unknown action: …. Available"},
		{regexp.MustCompile(`^(.+) must be UTF-8$`), "… must be UTF-8"},
		{regexp.MustCompile(`^(.+) must not hold control characters$`), "… must not hold control characters"},
		{regexp.MustCompile(`^(.+) is not available for this service$`), "… is not available for this service"},
		{regexp.MustCompile(`^(service|quantity) must be a whole number`), "… must be a whole number"},
		{regexp.MustCompile(`^Send (order|refill) or (orders|refills), not both$`), "Send … or …, not both"},
		{regexp.MustCompile(`^(orders|refills) must have`), "… must have"},
		{regexp.MustCompile(`^(order|refill) must have`), "… must have"},
		{regexp.MustCompile(`^Refill not available: .*`), "Refill not available: …"},
		{regexp.MustCompile(`^events must be of .*`), "events must be of …"},
		{regexp.MustCompile(`^Missing required parameter: .*`), "Missing required parameter: …"},
		{digits, "N"},
	}
)

// pattern is the form in which two texts of one error are equal.
func pattern(text string) string {
	for _, v := range variable {
		text = v.part.ReplaceAllString(text, v.name)
	}
	return text
}

// errorsIn collects the texts of all errors in an answer.
func errorsIn(v any, found map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			_, isAttempt := v["attempt"] // what a receiver did, not what we refuse
			if text, ok := inner.(string); ok && name == "error" && !isAttempt {
				found[pattern(text)] = true
			}
			errorsIn(inner, found)
		}
	case []any:
		for _, inner := range v {
			errorsIn(inner, found)
		}
	}
}

// documented reads the texts from the table of errors in docs/api-v2.md.
func documented(t *testing.T) map[string]bool {
	t.Helper()
	content, err := os.ReadFile(contract)
	must(t, err)
	_, section, ok := strings.Cut(string(content), "\n## Errors\n")
	if !ok {
		t.Fatal("docs/api-v2.md has no section Errors")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	quoted := regexp.MustCompile("`([^`]+)`")
	found := map[string]bool{}
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || !regexp.MustCompile(`\d{3}`).MatchString(cells[1]) {
			continue
		}
		for _, text := range quoted.FindAllStringSubmatch(cells[len(cells)-2], -1) {
			found[pattern(text[1])] = true
		}
	}
	return found
}

// Every error that a golden file shows stands in docs/api-v2.md, and every error
// that stands there is shown by a golden file.
func TestErrorsAreDocumented(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, name := range goldenFiles(t, golden) {
		content, err := os.ReadFile(filepath.Join(golden, name))
		must(t, err)
		_, all := conversation(string(content))
		for _, e := range all {
			head, body, _ := strings.Cut(e.answer, "\n\n")
			if strings.Contains(head, "text/plain") {
				shown[pattern(strings.TrimSpace(body))] = true
				continue
			}
			var v any
			if err := json.Unmarshal([]byte(body), &v); err != nil {
				t.Errorf("%s: an answer is not JSON: %v", name, err)
			}
			errorsIn(v, shown)
		}
	}
	told := documented(t)
	for text := range shown {
		if !told[text] {
			t.Errorf("docs/api-v2.md does not tell of %q", text)
		}
	}
	for text := range told {
		// A failure of ours can't be had from outside.
		if !shown[text] && text != "Internal error" {
			t.Errorf("no golden file shows %q", text)
		}
	}
}
