package openapi_test

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/apiv2"
)

// exchange is a request of a golden file of the native dialect and its answer.
type exchange struct {
	file        string
	method      string
	contentType string
	fields      map[string]string
	query       bool // the request has fields in its address

	status  int
	headers map[string]string // but those that every answer has
	kind    string            // the answer's content type
	body    string
}

const golden = "../../apiv2/testdata/native"

// exchanges reads all golden files.
func exchanges(t *testing.T) (all []exchange) {
	t.Helper()
	must(t, filepath.WalkDir(golden, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		must(t, err)
		_, rest, _ := strings.Cut(string(content), ">>>\n")
		for part := range strings.SplitSeq(rest, ">>>\n") {
			request, answer, _ := strings.Cut(part, "<<<\n")
			e := exchange{file: strings.TrimPrefix(path, golden+"/")}
			e.readRequest(t, request)
			e.readAnswer(t, answer)
			all = append(all, e)
		}
		return nil
	}))
	if len(all) < 300 {
		t.Fatalf("only %d exchanges", len(all))
	}
	return all
}

var (
	idNamed  = regexp.MustCompile(`\b([a-z]+)_<[^<>]+>`)
	repeated = regexp.MustCompile(`<(\d+) ([^<>]+)>`)
	keyNamed = regexp.MustCompile(`<[a-z]+>`)
)

// filled puts values in the place of what golden files name.
func filled(text string) string {
	text = strings.ReplaceAll(text, `"whsec_<secret>"`, `"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="`)
	text = idNamed.ReplaceAllString(text, "${1}_01KA7Q2M5V8X3C6N9P4R7T0W06")
	text = strings.ReplaceAll(text, `"<time>"`, `"2026-03-01T12:00:00Z"`)
	text = repeated.ReplaceAllStringFunc(text, func(s string) string {
		parts := repeated.FindStringSubmatch(s)
		n, err := strconv.Atoi(parts[1])
		if err != nil || parts[2] == "s" {
			return s // the name of a service
		}
		return strings.Repeat(parts[2], n)
	})
	return text
}

// head reads the first line and the headers of a message.
func head(t *testing.T, message string) (first string, headers map[string]string, body string) {
	t.Helper()
	top, body, _ := strings.Cut(message, "\n\n")
	lines := bufio.NewScanner(strings.NewReader(top))
	lines.Buffer(nil, 8<<20)
	lines.Scan()
	first, headers = lines.Text(), map[string]string{}
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		headers[name] = value
	}
	must(t, lines.Err())
	return first, headers, strings.TrimSuffix(body, "\n")
}

func (e *exchange) readRequest(t *testing.T, message string) {
	t.Helper()
	first, headers, body := head(t, keyNamed.ReplaceAllString(filled(message), "np_live_"+strings.Repeat("0", 49)))
	line := strings.Fields(first)
	e.method, e.query = line[0], strings.Contains(line[1], "?")
	e.contentType, e.fields = headers["Content-Type"], map[string]string{}
	kind, parameters, err := mime.ParseMediaType(e.contentType)
	switch {
	case err == nil && kind == "multipart/form-data":
		e.readMultipart(strings.ReplaceAll(body, "\n", "\r\n"), parameters["boundary"])
	default:
		for pair := range strings.SplitSeq(strings.ReplaceAll(body, "\n", ""), "&") {
			name, value, _ := strings.Cut(pair, "=")
			decodedName, errName := url.QueryUnescape(name)
			decodedValue, errValue := url.QueryUnescape(value)
			if errName == nil && errValue == nil {
				e.keep(decodedName, decodedValue)
			}
		}
	}
}

// keep takes a field as the document says that fields are taken.
func (e *exchange) keep(name, value string) {
	if _, known := e.fields[name]; known {
		return
	}
	if value = strings.TrimSpace(value); value != "" {
		e.fields[name] = value
	}
}

func (e *exchange) readMultipart(body, boundary string) {
	reader := multipart.NewReader(strings.NewReader(body), boundary)
	for {
		part, err := reader.NextPart()
		if err != nil {
			return // what it is that is no multipart, the answer tells
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return
		}
		e.keep(part.FormName(), string(value))
	}
}

func (e *exchange) readAnswer(t *testing.T, message string) {
	t.Helper()
	first, headers, body := head(t, filled(message))
	status, err := strconv.Atoi(strings.Fields(first)[1])
	must(t, err)
	e.status, e.kind, e.body, e.headers = status, headers["Content-Type"], body, map[string]string{}
	for name, value := range headers {
		if !slices.Contains(everyAnswer, name) {
			e.headers[name] = value
		}
	}
}

// Every answer of the golden files is as the document says, with no property,
// header or status besides; and every header and status that the document tells of
// one is there.
func TestGoldenAnswers(t *testing.T) {
	t.Parallel()
	c := newChecker(t, written(t, usual()))
	shown, carriedOut := map[string]bool{}, map[string]bool{}
	for _, e := range exchanges(t) {
		if e.status == 405 {
			// The document has no operation but POST: it tells of this in its text.
			if err := c.answer(t, "Error", decoded[any](t, e.body)); err != nil || e.method == "POST" || e.headers["Allow"] != "POST" {
				t.Errorf("%s: %s is answered with 405 and %v: %v", e.file, e.method, e.headers, err)
			}
			continue
		}
		e.headers["X-Request-Id"] = "req_01KA7Q2M5V8X3C6N9P4R7T0W06" // golden files don't show it, their driver checks it
		for _, wrong := range c.headers(t, e.status, e.headers) {
			t.Errorf("%s: %s", e.file, wrong)
		}
		if err := c.body(t, e.status, e.kind, e.body, e.fields); err != nil {
			t.Errorf("%s: %s is answered with %d %s: %v", e.file, e.fields["action"], e.status, e.body, err)
		}
		shown[strconv.Itoa(e.status)] = true
		for name := range e.headers {
			shown[strings.ToLower(name)] = true
		}
		if e.status == 200 {
			carriedOut[e.fields["action"]] = true
		}
	}
	for _, action := range apiv2.Actions() {
		if !carriedOut[action] {
			t.Errorf("no golden file shows %s carried out", action)
		}
	}
	elsewhere := []string{"304", "421", "500"} // TestLive has the first two; nobody can ask for the last
	for status, ref := range members(t, operation(t, c.doc), "responses") {
		if !shown[status] && !slices.Contains(elsewhere, status) {
			t.Errorf("no golden file shows %s", status)
		}
		name := strings.TrimPrefix(fmt.Sprint(at(ref, "$ref")), "#/components/responses/")
		told, _ := at(c.doc, "components", "responses", name, "headers").(object)
		for header := range told {
			if !shown[strings.ToLower(header)] {
				t.Errorf("no golden file shows %s", header)
			}
		}
	}
}

// ruling is what a refusal says of the form of its request.
type ruling int

const (
	wellFormed ruling = iota + 1 // it is refused for what it asks
	malformed                    // the schema has to refuse it too
	elsewhere                    // of what no schema sees, such as encodings
)

// rulings are those of the texts of refusals. A text that is none of these fails.
var rulings = []struct {
	text *regexp.Regexp
	is   ruling
}{
	{regexp.MustCompile(`^Insufficient balance$`), wellFormed},
	{regexp.MustCompile(`^(Service|Order|Refill|Webhook|Delivery) not found$`), wellFormed},
	{regexp.MustCompile(`^Order cannot be canceled$`), wellFormed},
	{regexp.MustCompile(`^Refill not available: `), wellFormed},
	{regexp.MustCompile(`^request_id was already used`), wellFormed},
	{regexp.MustCompile(`^charge would be `), wellFormed},
	{regexp.MustCompile(`^quantity must be between `), wellFormed}, // the service's bounds
	{regexp.MustCompile(`^coupon is not valid$`), wellFormed},
	{regexp.MustCompile(`^Missing required parameter: (link|quantity)$`), wellFormed}, // of its type
	{regexp.MustCompile(`^A key can have 5 webhooks: |^Webhooks can be tested |^A key can add 20 webhooks |^All that failed can be replayed |^The webhook is disabled: `), wellFormed},

	{regexp.MustCompile(`^Missing required parameter: `), malformed},
	{regexp.MustCompile(`^since must be a time`), malformed},
	{regexp.MustCompile(`^Unknown action: `), malformed},
	{regexp.MustCompile(`^Send \w+ or \w+, not both$`), malformed},
	{regexp.MustCompile(` must be a whole number of at most 15 digits$`), malformed},
	{regexp.MustCompile(`^request_id must have 1 to 128 printable`), malformed},
	{regexp.MustCompile(`^link must `), malformed},
	{regexp.MustCompile(`^max_charge must be an amount`), malformed},
	{regexp.MustCompile(`^\w+ must have at most (64 characters|100 ids)$`), malformed},
	{regexp.MustCompile(`^cursor must be one`), malformed},
	{regexp.MustCompile(`^(limit|overlap) must be between`), malformed},
	{regexp.MustCompile(`^status must be one of`), malformed},

	{regexp.MustCompile(`^Invalid API key$`), elsewhere}, // whatever the request is
	{regexp.MustCompile(`^Send the key in the body`), elsewhere},
	{regexp.MustCompile(`must be UTF-8$|must not hold control characters$`), elsewhere},
	{regexp.MustCompile(`^Content-(Type|Encoding) `), elsewhere},
	{regexp.MustCompile(`^Request body `), elsewhere},
	{regexp.MustCompile(` is not available for this service$`), elsewhere},      // whatever it holds
	{regexp.MustCompile(` must have ids of at most 64 characters$`), elsewhere}, // a pattern with both bounds is too large
	{regexp.MustCompile(`^(url|events) `), elsewhere},                           // addresses and types are looked up
}

// rulingOf says what an exchange's answer means.
func rulingOf(t *testing.T, e exchange) ruling {
	t.Helper()
	switch e.status {
	case 200:
		return wellFormed
	case 400:
	default:
		return elsewhere // it was answered before its fields were looked at
	}
	text := e.body
	if strings.HasPrefix(e.kind, "application/json") {
		text, _ = decoded[object](t, e.body)["error"].(string)
	}
	for _, r := range rulings {
		if r.text.MatchString(text) {
			if r.is == malformed && strings.HasPrefix(text, "link must") && strings.Contains(e.fields["link"], "%") {
				return elsewhere // a host that can't be decoded, which no pattern sees
			}
			return r.is
		}
	}
	t.Errorf("%s: nothing says what %q means", e.file, text)
	return elsewhere
}

// What the API takes, the schemas take; what it refuses as malformed, they refuse.
func TestGoldenRequests(t *testing.T) {
	t.Parallel()
	c := newChecker(t, written(t, usual()))
	count := map[ruling]int{}
	for _, e := range exchanges(t) {
		if e.method != "POST" || e.query {
			continue
		}
		if kind, _, _ := mime.ParseMediaType(e.contentType); at(operation(t, c.doc), "requestBody", "content", kind) == nil {
			if e.status == 200 {
				t.Errorf("%s: %s is taken, and not described", e.file, e.contentType)
			}
			continue
		}
		is := rulingOf(t, e)
		count[is]++
		err := c.request(t, "Request", e.fields)
		if is == wellFormed && err != nil {
			t.Errorf("%s: %v is answered with %d %s, and the schema says: %v", e.file, e.fields, e.status, e.body, err)
		}
		if is == malformed && err == nil {
			t.Errorf("%s: the schema takes %v, and the API says %s", e.file, e.fields, e.body)
		}
	}
	if count[wellFormed] < 150 || count[malformed] < 40 {
		t.Errorf("%d requests were well-formed and %d malformed", count[wellFormed], count[malformed])
	}
}
