package apiv2_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rules are those of the classic dialect, each with what proves it: a golden file
// below testdata/classic, or a test's name. They are numbered so that none can be
// left out: 4.1 is about ids, 1 to 10 about requests, 11 to 18 about answers, 19 to
// 23 about errors, 4.5 about words and 4.6 about orders that are sent twice.
var rules = []struct {
	rule   string
	proofs []string
}{
	{"4 both forms of an id are taken by both dialects", []string{"status/ok_many", "refill/ok", "TestBothDialectsTakeBothIDs"}},

	{"4.1 numbers count from 1 for each account and mode", []string{"add/ok", "add/ok_test_mode"}},
	{"4.1 runs and posts have numbers and answer status", []string{"status/ok_parents"}},

	{"1 every spelling of the address, without redirect", []string{"status/slash", "cancel/multipart"}},
	{"2 query and body in every form", []string{"add/query_post", "add/json", "add/multipart", "add/ok_raw_query", "add/ok_emoji", "status/json_list", "status/json_as_form", "services/bearer", "request/agent"}},
	{"2 the body wins over the query, the first value over a later one", []string{"add/both_body_and_query"}},
	{"2 what can't be read", []string{"request/malformed", "request/too_large", "add/not_utf8", "status/not_utf8"}},
	{"3 GET for what changes nothing", []string{"services/get", "balance/get", "status/get", "refill_status/get"}},
	{"3 GET for what changes something, where the key allows it", []string{"add/get", "refill/get", "cancel/get"}},
	{"4 other names of actions, in any case", []string{"status/aliases", "add/words", "request/unknown"}},
	{"5 words for an absent value; unknown parameters", []string{"add/words", "services/words", "balance/words", "status/words", "refill/words", "refill_status/words", "cancel/words"}},
	{"6 a quantity that is not used, whatever it holds", []string{"add/quantity_unused", "add/other_fields"}},
	{"6 runs and interval", []string{"add/drip"}},
	{"7 lists", []string{"add/list", "add/comments"}},
	{"8 days", []string{"add/expiry", "TestClassicDay"}},
	{"8 posts", []string{"add/posts"}},
	{"9 one name for many", []string{"status/ok_many", "cancel/ok", "cancel/ok_many", "refill_status/ok"}},
	{"10 a request id, by field or header, and a highest charge", []string{"add/request_id", "add/max_charge"}},

	{"11 headers and compact JSON", []string{"services/ok", "balance/ok", "request/agent"}},
	{"12 types, and ids as text", []string{"services/ok", "services/ok_strict", "add/ok", "refill/ok", "refill/ok_many", "cancel/ok_many"}},
	{"13 decimals and counts", []string{"status/ok_words", "balance/ok", "TestClassicStates"}},
	{"14 services", []string{"services/ok", "services/ok_strict"}},
	{"15 add answers its number alone", []string{"add/ok"}},
	{"16 batches", []string{"status/ok_many", "refill/ok_many", "refill_status/ok", "cancel/ok_many", "TestClassicToken"}},
	{"17 too many ids, and none", []string{"status/too_many", "cancel/too_many", "status/long"}},
	{"18 another account's order", []string{"status/not_found", "refill/refused", "cancel/refused", "refill_status/not_found"}},

	{"19 final refusals", []string{"add/funds", "add/link", "add/service", "add/quantity", "add/missing", "add/capped", "refill/refused", "cancel/refused", "request/unknown", "TestClassicTexts"}},
	{"20 transient trouble is text", []string{"add/shutting_down", "request/limited", "request/limited_ip", "add/database_away", "status/database_away", "TestClassicTransientFaultsAreText", "TestClassicInternalErrorIsText"}},
	{"21 an unusable key", []string{"status/invalid_key_poll", "status/invalid_key", "refill_status/invalid_key", "add/invalid_key", "services/invalid_key", "add/far", "status/far"}},
	{"22 a suspended account", []string{"services/suspended", "balance/suspended", "status/suspended", "refill_status/suspended", "add/suspended", "refill/suspended", "cancel/suspended"}},
	{"22 maintenance", []string{"add/maintenance", "refill/maintenance", "cancel/maintenance"}},
	{"23 limits, of which polls leave a part for orders", []string{"request/limited"}},

	{"4.5 queued, held, pending", []string{"status/ok_words", "TestClassicStates"}},
	{"4.5 submitting, uncertain, processing", []string{"status/ok_words", "TestClassicStates"}},
	{"4.5 in_progress", []string{"status/ok_words", "TestClassicStates"}},
	{"4.5 completed", []string{"status/ok_words", "TestClassicStates"}},
	{"4.5 partial", []string{"status/ok_words", "TestClassicStates"}},
	{"4.5 canceled, nothing delivered", []string{"status/ok_words", "cancel/ok", "TestClassicStates"}},
	{"4.5 canceled after part delivery", []string{"status/ok_words", "TestClassicStates"}},
	{"4.5 failed", []string{"status/ok_words", "TestClassicStates"}},
	{"4.5 refunded", []string{"status/ok_words", "TestClassicStates"}},
	{"4.5 attention", []string{"TestClassicStates"}},
	{"4.5 drip-feed", []string{"status/ok_parents", "cancel/ok_parents", "TestClassicStates"}},
	{"4.5 subscription", []string{"status/ok_parents", "TestClassicStates"}},
	{"4.5 refill", []string{"refill_status/ok", "TestClassicRefillWords"}},
	{"4.5 the refund that a client computes is ours", []string{"TestClassicRefundIsOurs"}},

	{"4.6 an answer that did not arrive is given again", []string{"TestCutAnswerIsGivenAgain", "TestCutAnswerIsGivenAgainAfterRestart"}},
	{"4.6 an equal order whose answer arrived is a new one", []string{"add/twice", "TestCutAnswerIsGivenAgain"}},
	{"4.6 the key's window", []string{"TestReplayWindow"}},
}

// Every rule of the classic dialect has its proof, and every proof is there.
func TestEveryRuleHasItsProof(t *testing.T) {
	t.Parallel()
	code := testCode(t)
	shown, numbers := map[string]bool{}, map[string]bool{}
	for _, r := range rules {
		number, _, _ := strings.Cut(r.rule, " ")
		numbers[number] = true
		if len(r.proofs) == 0 {
			t.Errorf("%s: no proof", r.rule)
		}
		for _, proof := range r.proofs {
			if strings.HasPrefix(proof, "Test") {
				if !strings.Contains(code, "\nfunc "+proof+"(t *testing.T)") {
					t.Errorf("%s: there is no test %s", r.rule, proof)
				}
				continue
			}
			shown[proof] = true
			if _, err := os.Stat(filepath.Join(classic, proof+".golden")); err != nil {
				t.Errorf("%s: there is no golden file %s", r.rule, proof)
			}
		}
	}
	for number := range strings.FieldsSeq("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 4.1 4.5 4.6") {
		if !numbers[number] {
			t.Errorf("rule %s has no line", number)
		}
	}
	for _, action := range classicActions {
		for _, name := range []string{"database_away", "invalid_key", "far", "suspended", "not_utf8", "get", "query_post", "json", "multipart", "words"} {
			if _, err := os.Stat(filepath.Join(classic, action, name+".golden")); err != nil {
				t.Errorf("%s/%s: no golden file", action, name)
			}
		}
	}
}

// classicActions are those of the dialect.
var classicActions = []string{"services", "add", "status", "refill", "refill_status", "cancel", "balance"}

// testCode is the text of the package's tests.
func testCode(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	must(t, err)
	var code strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		must(t, err)
		code.Write(content)
	}
	return code.String()
}
