package apiv2_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
)

// sample is a command of docs/api-v2.md and the answer below it.
type sample struct{ command, answer string }

// samples extracts the curl commands and their answers.
func samples(t *testing.T) (all []sample) {
	t.Helper()
	content, err := os.ReadFile(contract)
	must(t, err)
	for _, found := range regexp.MustCompile("(?s)```sh\n(curl [^`]*)```\n\n```json\n([^`]*)```").FindAllStringSubmatch(string(content), -1) {
		all = append(all, sample{found[1], found[2]})
	}
	if told := strings.Count(string(content), "\ncurl "); told != len(all) {
		t.Fatalf("%d of %d commands have an answer below them", len(all), told)
	}
	return all
}

// words splits a command line as a shell does, as far as the samples need it.
func words(line string) (all []string) {
	line = strings.ReplaceAll(line, "\\\n", " ")
	for _, found := range regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(line, -1) {
		all = append(all, found[1]+found[2])
	}
	return all
}

// form makes of a curl command the body that curl sends.
func form(t *testing.T, command string) string {
	t.Helper()
	var pairs []string
	arguments := words(command)[1:]
	for i := 0; i < len(arguments); i++ {
		switch arguments[i] {
		case "-s", "$PANEL/api/v2":
		case "-d":
			i++
			pairs = append(pairs, arguments[i])
		case "--data-urlencode":
			i++
			name, value, _ := strings.Cut(arguments[i], "=")
			pairs = append(pairs, name+"="+url.QueryEscape(value))
		default:
			t.Fatalf("the samples' reader does not know %q", arguments[i])
		}
	}
	return strings.Join(pairs, "&")
}

var anyID = regexp.MustCompile(`(ord|ref|whk|dlv|evt)_[0-9A-Z]{26}`)

var anySecret = regexp.MustCompile(`whsec_[A-Za-z0-9+/]{43}=`)

var anyMoment = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// reading runs the samples of the page in their order.
type reading struct {
	*panel

	t    *testing.T
	real map[string]string // the page's id → the one that was given
}

// answer sends a command with real ids in place of the page's, and returns the
// answer with the page's ids in place of the real ones.
func (r *reading) answer(s sample) string {
	r.Helper()
	for action, scene := range map[string]string{
		"refill": `UPDATE services SET refill = TRUE WHERE id = 1`,
		"add":    `UPDATE webhook_endpoints SET state = 'removed' WHERE url = 'https://shop.example/webhooks'`, // the page makes its own
		"webhook.deliveries": `INSERT INTO webhook_attempts (delivery_id, number, at, status, error, duration, answer)
			SELECT id, 1, created_at, 200, '', 31000000, 'ok' FROM webhook_deliveries WHERE attempts = 0`,
	} {
		if strings.Contains(s.command, "action="+action+" ") {
			must(r.t, r.d.Write(r.t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(scene)
				return err
			}))
		}
	}
	body := anyID.ReplaceAllStringFunc(form(r.t, s.command), func(told string) string {
		known, ok := r.real[told]
		if !ok {
			r.Fatalf("the page asks about %s before it was placed", told)
		}
		return known
	})
	body = strings.ReplaceAll(body, "$KEY", "<live>")
	request := httptest.NewRequest(http.MethodPost, "/api/v2", strings.NewReader(r.fill(body)))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, request)
	got := w.Body.String()
	told, given := anyID.FindAllString(s.answer, -1), anyID.FindAllString(got, -1)
	for i := range min(len(told), len(given)) {
		if _, known := r.real[told[i]]; !known {
			r.real[told[i]] = given[i]
		}
	}
	got = anySecret.ReplaceAllString(got, anySecret.FindString(s.answer))
	for told, given := range r.real {
		got = strings.ReplaceAll(got, given, told)
	}
	return got
}

// Whoever follows docs/api-v2.md sees what it shows.
func TestDocumentedSamples(t *testing.T) {
	t.Parallel()
	r := &reading{panel: newPanel(t, db.SQLite), t: t, real: map[string]string{}}
	all := samples(t)
	if len(all) < len(actions) {
		t.Fatalf("only %d samples", len(all))
	}
	for _, s := range all {
		want, got := decoded(t, s.answer), decoded(t, r.answer(s))
		if list, ok := got.([]any); ok && strings.Contains(s.command, "action=services") {
			got = list[:1] // the page shows the first service alone
		}
		if !reflect.DeepEqual(want, got) {
			t.Errorf("%s\nthe page shows\n%v\nthe answer is\n%v", s.command, want, got)
		}
	}
	for _, action := range actions {
		if !strings.Contains(strings.Join(commands(all), "\n"), "action="+action) {
			t.Errorf("no sample shows %s", action)
		}
	}
	r.audit()
}

func commands(all []sample) (lines []string) {
	for _, s := range all {
		lines = append(lines, s.command)
	}
	return lines
}

// decoded reads JSON with the same time everywhere.
func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(anyMoment.ReplaceAllString(text, "2026-01-01T00:00:00Z")))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}
