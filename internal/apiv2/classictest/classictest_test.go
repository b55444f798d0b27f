package classictest_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/apiv2/classictest"
)

// golden are the conversations of the classic dialect.
const golden = "../testdata/classic"

// exchange is a request of a golden file that a form of the usual shape can say,
// and its answer.
type exchange struct {
	action classictest.Action
	answer classictest.Answer
	strict bool // of the key whose ids are text
	file   string
}

// exchanges reads all golden files.
func exchanges(t *testing.T) (all []exchange) {
	t.Helper()
	files, err := filepath.Glob(golden + "/*/*.golden")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(content), ">>>\n")
		for part := range strings.SplitSeq(rest, ">>>\n") {
			request, answer, _ := strings.Cut(part, "<<<\n")
			action, ok := actionOf(request)
			if ok {
				all = append(all, exchange{action, answerOf(t, answer), strings.Contains(request, "<strict>"), file})
			}
		}
	}
	return all
}

// actionOf reads what a golden request asks for; forms alone.
func actionOf(request string) (classictest.Action, bool) {
	head, body, _ := strings.Cut(request, "\n\n")
	if !strings.Contains(head, "urlencoded") || strings.Contains(head, "?") || strings.HasPrefix(body, "{") {
		return classictest.Action{}, false
	}
	form, err := url.ParseQuery(strings.ReplaceAll(body, "\n", ""))
	if err != nil {
		return classictest.Action{}, false
	}
	action := classictest.Action{Name: strings.ToLower(form.Get("action"))}
	one, many := "order", "orders"
	switch action.Name {
	case "orders", "statuses", "multi_status", "multi-status":
		action = classictest.Action{Name: "status", Many: true}
	case "refill_status":
		if form.Get("order") == "" {
			one, many = "refill", "refills"
		} else if strings.Contains(form.Get("order"), ",") {
			return classictest.Action{}, false // lines by order are of one client's own shape
		}
	case "services", "add", "status", "refill", "cancel", "balance":
	default:
		return classictest.Action{}, false
	}
	list := form.Get(many)
	action.Many = action.Many || list != "" || strings.Contains(form.Get(one), ",")
	if list == "" {
		list = form.Get(one)
	}
	for token := range strings.SplitSeq(list, ",") {
		if token = strings.TrimSpace(token); token != "" && !slices.Contains(action.Tokens, token) {
			action.Tokens = append(action.Tokens, token)
		}
	}
	return action, true
}

func answerOf(t *testing.T, text string) classictest.Answer {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), nil)
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	defer response.Body.Close()
	_, body, _ := strings.Cut(text, "\n\n")
	body = strings.TrimSuffix(body, "\n")
	return classictest.Answer{Status: response.StatusCode, Header: response.Header, Body: []byte(body)}
}

// Every reader reads every golden answer; text is for the answers that no client
// may take for the last word.
func TestGoldenAnswersAreRead(t *testing.T) {
	t.Parallel()
	read, texts := 0, 0
	for _, e := range exchanges(t) {
		if e.answer.Status != http.StatusOK {
			texts++
			continue
		}
		if e.strict {
			continue
		}
		if err := classictest.ReadAll(e.action, e.answer); err != nil {
			t.Errorf("%s: %v", e.file, err)
		}
		read++
	}
	if read < 150 || texts < 15 {
		t.Errorf("%d answers were read, %d were none", read, texts)
	}
}

// A client whose ids are text reads what its key is answered.
func TestTextIDsAreRead(t *testing.T) {
	t.Parallel()
	number := regexp.MustCompile(`"(service|order|refill)":\d`)
	seen := 0
	for _, e := range exchanges(t) {
		if e.strict && e.answer.Status == http.StatusOK {
			if found := number.Find(e.answer.Body); found != nil {
				t.Errorf("%s: %s", e.file, found)
			}
			seen++
		}
	}
	if seen < 5 {
		t.Errorf("%d answers", seen)
	}
}

// Each reader refuses what its client can't read.
func TestReadersRefuse(t *testing.T) {
	t.Parallel()
	service := func(change ...string) string {
		s := `[{"service":1,"name":"a","type":"Default","category":"c","rate":"0.50","min":"1","max":"9","dripfeed":false,"refill":false,"cancel":true}]`
		return strings.NewReplacer(change...).Replace(s)
	}
	status := func(change ...string) string {
		return strings.NewReplacer(change...).Replace(`{"charge":"0.20","start_count":"0","status":"Pending","remains":"1","currency":"USD"}`)
	}
	services, one, balance := classictest.Action{Name: "services"}, classictest.Action{Name: "status"}, classictest.Action{Name: "balance"}
	add, refill, state := classictest.Action{Name: "add"}, classictest.Action{Name: "refill"}, classictest.Action{Name: "refill_status"}
	many := func(name string, tokens ...string) classictest.Action {
		return classictest.Action{Name: name, Many: true, Tokens: tokens}
	}
	for _, c := range []struct {
		reader string
		action classictest.Action
		body   string
	}{
		{"transport", services, "null"},
		{"transport", services, "[\n]"},
		{"transport", services, "<html>"},
		{"transport", one, status(`"0"`, "null")},
		{"transport", services, `["` + strings.Repeat("x", classictest.MaxAnswer) + `"]`},
		{"one error", add, `{"error":"no","order":1}`},
		{"one error", add, `{"error":{"text":"no"}}`},
		{"one error", many("cancel", "1"), `[{"order":1,"error":"no"}]`},
		{"one error", many("status", "1"), `{"1":{"error":""}}`},
		{"numeric ids in 32 bits", services, service(`:1,`, `:"1",`)},
		{"numeric ids in 32 bits", services, service(`:1,`, `:2147483648,`)},
		{"numeric ids in 32 bits", services, service(`:1,`, `:0,`)},
		{"numeric ids in 32 bits", services, `{"services":[]}`},
		{"numeric ids in 32 bits", add, `{"order":"1"}`},
		{"numeric ids in 32 bits", add, `{"order":0}`},
		{"numeric ids in 32 bits", add, `{"order":1,"charge":"0.20"}`},
		{"numeric ids in 32 bits", add, `{}`},
		{"numeric ids in 32 bits", one, `{"7":` + status() + `}`},
		{"numeric ids in 32 bits", many("cancel", "1", "2"), `[{"order":1,"cancel":1}]`},
		{"numeric ids in 32 bits", many("cancel", "1"), `[{"order":"1","cancel":1}]`},
		{"numeric ids in 32 bits", many("cancel", "2", "1"), `[{"order":1,"cancel":1},{"order":2,"cancel":1}]`},
		{"numeric ids in 32 bits", many("refill", "1"), `{"1":{"refill":1}}`},
		{"text where text is documented", services, service(`"0.50"`, `"$0.50"`)},
		{"text where text is documented", services, service(`"9"`, `"1,000"`)},
		{"text where text is documented", services, service(`"0.50"`, `0.5`)},
		{"text where text is documented", services, service(`"0.50"`, `"5e-1"`)},
		{"text where text is documented", one, status(`"1"`, `1`)},
		{"text where text is documented", one, status(`"1"`, `"-1"`)},
		{"text where text is documented", one, status(`"0"`, `""`)},
		{"text where text is documented", one, status(`"USD"`, `"$"`)},
		{"text where text is documented", many("status", "1"), `{"1":` + status(`"0.20"`, `"0.2"`) + `}`},
		{"text where text is documented", balance, `{"balance":1.5,"currency":"USD"}`},
		{"text where text is documented", balance, `{"currency":"USD"}`},
		{"text where text is documented", refill, `{"refill":1}`},
		{"flags", services, service(`"refill":false,`, ``)},
		{"flags", services, service(`"cancel":true`, `"cancel":1`)},
		{"exact words", services, service(`Default`, `default`)},
		{"exact words", one, status(`Pending`, `pending`)},
		{"exact words", one, status(`Pending`, `Cancelled`)},
		{"exact words", one, status(`Pending`, `Active`)},
		{"exact words", one, status(`Pending`, `Partial`, `}`, `,"runs":"1","orders":[]}`)},
		{"exact words", one, status(`Pending`, `Paused`, `}`, `,"posts":"1","orders":[]}`)},
		{"exact words", many("status", "1"), `{"1":` + status(`Pending`, `Fail`) + `}`},
		{"exact words", state, `{"status":"Done"}`},
		{"exact words", many("refill_status", "1"), `[{"refill":1,"status":"completed"}]`},
		{"errors inside of values", many("cancel", "1"), `[{"order":1,"error":"no"}]`},
		{"errors inside of values", many("cancel", "1"), `[{"order":1,"cancel":true}]`},
		{"errors inside of values", many("cancel", "1"), `[{"order":1,"cancel":"no"}]`},
		{"errors inside of values", many("refill", "1"), `[{"order":1,"refill":"1"}]`},
		{"errors inside of values", many("refill", "1"), `[{"order":1,"refill":{"error":"no","code":1}}]`},
		{"errors inside of values", many("refill_status", "1"), `[{"refill":1,"status":null}]`},
	} {
		header := http.Header{"Content-Type": {"application/json"}}
		i := slices.IndexFunc(classictest.Readers(), func(r classictest.Reader) bool { return r.Name == c.reader })
		if err := classictest.Readers()[i].Read(c.action, classictest.Answer{Status: 200, Header: header, Body: []byte(c.body)}); err == nil {
			t.Errorf("%s reads %.200s", c.reader, c.body)
		}
	}
	for name, a := range map[string]classictest.Answer{
		"201":        {Status: 201, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte("[]")},
		"text":       {Status: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("[]")},
		"compressed": {Status: 200, Header: http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}, Body: []byte("[]")},
	} {
		if classictest.Readers()[0].Read(services, a) == nil {
			t.Errorf("%s is read", name)
		}
	}
}

// A catalogue's difference is what came and what went.
func TestDiff(t *testing.T) {
	t.Parallel()
	list := func(ids ...int32) (all []classictest.Service) {
		for _, id := range ids {
			all = append(all, classictest.Service{Service: id})
		}
		return all
	}
	for _, c := range []struct{ before, now, added, gone []int32 }{
		{nil, nil, nil, nil},
		{[]int32{1, 2, 3}, []int32{1, 2, 3}, nil, nil},
		{[]int32{1, 3}, []int32{2, 3, 4}, []int32{2, 4}, []int32{1}},
		{nil, []int32{1}, []int32{1}, nil},
		{[]int32{5, 9}, nil, nil, []int32{5, 9}},
	} {
		added, gone := classictest.Diff(list(c.before...), list(c.now...))
		if !slices.Equal(added, c.added) || !slices.Equal(gone, c.gone) {
			t.Errorf("%v to %v: %v and %v", c.before, c.now, added, gone)
		}
	}
}

// What a panel gives back, by word and remains.
func TestRefund(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		word, remains string
		want          int64
	}{
		{"Partial", "157", 1_570_000},
		{"Canceled", "157", 10_000_000},
		{"Partial", "1000", 10_000_000},
		{"Partial", "1200", 10_000_000},
		{"Partial", "0", 0},
		{"Completed", "157", 0},
		{"In progress", "157", 0},
		{"Expired", "1", 0},
	} {
		got, err := classictest.Refund(10_000_000, 1000, classictest.Status{Status: &c.word, Remains: &c.remains})
		if err != nil || got != c.want {
			t.Errorf("%s with %s: %d, %v; want %d", c.word, c.remains, got, err, c.want)
		}
	}
	if _, err := classictest.Refund(1, 1, classictest.Status{}); err == nil {
		t.Error("nothing was read")
	}
}

// The client sends a form and gives up on answers that are too large.
func TestClient(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("action") == "services" {
			_, _ = io.CopyN(w, endless{}, classictest.MaxAnswer+10)
			return
		}
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.FormValue("key"), r.FormValue("action"), r.FormValue("link"))
	}))
	t.Cleanup(server.Close)
	c := classictest.Client{URL: server.URL, Key: "k", HTTP: server.Client()}
	a, err := c.Call(t.Context(), "add", "link", "https://example.com/?a&b")
	if err != nil || string(a.Body) != "POST k add https://example.com/?a&b" {
		t.Errorf("%s, %v", a.Body, err)
	}
	if a, err = c.Call(t.Context(), "services"); err != nil || len(a.Body) != classictest.MaxAnswer+1 {
		t.Errorf("%d bytes, %v", len(a.Body), err)
	}
}

// endless is a reader without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
