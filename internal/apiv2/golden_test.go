package apiv2_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ratelimit"
)

// A golden file is a conversation with a panel that is fresh from the fixture:
//
//	# what it shows
//	>>>
//	a request
//	<<<
//	its answer
//
// and again from >>>. A line sets the scene: "# given: the database is closed", or
// "# given: limits of ip 2, key 1, tier 300" in place of the usual ones. A request
// is written as it goes over the wire, from 192.0.2.1, but
//
//   - its lines end in LF, Content-Length is added, and in a form-encoded body
//     each field may have a line of its own;
//   - <live> is the value of a fixture's key, ord_<pending> the id of its order in
//     that state, whk_<hook> that of the live key's webhook and dlv_<ping> that of a
//     delivery to it; ord_<1>, ref_<2>, whk_<3> are the first, second and third id
//     which the conversation has shown;
//   - <1001 x> stands for 1001 times x.
//
// The answer has every header but X-Request-Id, whose form the driver checks, and
// the bytes of the body, with the same names in place of ids, <time> for times and
// <secret> for a webhook's.
// go test -run Golden -update writes the answers anew: read the difference.
var update = flag.Bool("update", false, "write the golden files' answers anew")

const (
	golden  = "testdata/native"
	classic = "testdata/classic"
	asks    = ">>>\n"
	answers = "<<<\n"
	scene   = "# given: "
)

// goldenFiles lists the golden files of a dialect, by their path below its folder.
func goldenFiles(t testing.TB, folder string) []string {
	t.Helper()
	var all []string
	must(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(folder, path)
			all = append(all, filepath.ToSlash(name))
		}
		return err
	}))
	if len(all) == 0 {
		t.Fatal("there are no golden files")
	}
	return all
}

// Every answer has the bytes that its golden file has, and money adds up after it.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, path := range slices.Concat(paths(t, golden), paths(t, classic)) {
		t.Run(strings.TrimSuffix(path, ".golden"), func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(path)
			must(t, err)
			got := panelFor(t, db.SQLite, path).converse(string(want))
			if *update {
				must(t, os.WriteFile(path, []byte(got), 0o644))
				return
			}
			if got != string(want) {
				t.Errorf("answers differ; want\n%s\ngot\n%s", want, got)
			}
		})
	}
}

// paths lists the golden files below a folder with the folder's name.
func paths(t testing.TB, folder string) (all []string) {
	t.Helper()
	for _, name := range goldenFiles(t, folder) {
		all = append(all, folder+"/"+name)
	}
	return all
}

// panelFor returns the panel that a golden file talks with.
func panelFor(t testing.TB, engine db.Engine, path string) *panel {
	t.Helper()
	if strings.HasPrefix(path, classic) {
		return newPanelOf(t, engine, &classicPlanted, plantClassic)
	}
	return newPanel(t, engine)
}

// PostgreSQL gives the same answers as SQLite.
func TestGoldenOnPostgres(t *testing.T) {
	t.Parallel()
	files := slices.DeleteFunc(slices.Concat(paths(t, golden), paths(t, classic)), func(name string) bool { return !strings.HasPrefix(filepath.Base(name), "ok") })
	if len(files) < len(actions) {
		t.Fatalf("only %d files show success", len(files))
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(path, ".golden"), func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(path)
			must(t, err)
			if got := panelFor(t, db.Postgres, path).converse(string(want)); got != string(want) {
				t.Errorf("answers differ; want\n%s\ngot\n%s", want, got)
			}
		})
	}
}

// exchange is a request of a golden file and its answer.
type exchange struct{ request, answer string }

// conversation splits a golden file.
func conversation(file string) (head string, all []exchange) {
	head, rest, _ := strings.Cut(file, asks)
	for part := range strings.SplitSeq(rest, asks) {
		request, answer, _ := strings.Cut(part, answers)
		all = append(all, exchange{request, answer})
	}
	return head, all
}

// converse sends a golden file's requests and returns the file with the answers
// that came.
func (p *panel) converse(file string) string {
	p.Helper()
	head, all := conversation(file)
	closed := false
	for line := range strings.Lines(head) {
		if given, ok := strings.CutPrefix(strings.TrimSpace(line), scene); ok {
			closed = p.set(given) || closed
		}
	}
	var out strings.Builder
	out.WriteString(head)
	for _, e := range all {
		begun := clock.System()
		w := httptest.NewRecorder()
		p.api.ServeHTTP(w, p.request(e.request))
		out.WriteString(asks + e.request + answers + p.written(w, begun))
	}
	if !closed {
		p.audit()
	}
	return out.String()
}

// scenes are set by a statement.
var scenes = map[string]string{
	"service 1 has refill":       `UPDATE services SET refill = TRUE WHERE id = 1`,
	"the webhook is disabled":    `UPDATE webhook_endpoints SET state = 'disabled', reason = 'failing'`,
	"all deliveries have failed": `UPDATE webhook_deliveries SET state = 'failed', due_at = NULL, finished_at = created_at`,
	"all was replayed just now":  `UPDATE webhook_endpoints SET replayed_at = 9223372036854775807`,
	"twenty webhooks were removed": `INSERT INTO webhook_endpoints (id, key_id, account_id, mode, url, events, state, secret, created_at, updated_at)
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
		SELECT 'whk_' || i, key_id, account_id, mode, url, events, 'removed', secret, created_at, updated_at FROM webhook_endpoints, n`,
	"nobody has confirmed the address": `UPDATE accounts SET email_verified_at = NULL`,
}

// set sets a scene and reports whether the database is closed then.
func (p *panel) set(given string) (closed bool) {
	p.Helper()
	switch given {
	case "the database is closed":
		must(p, p.d.Close())
		return true
	case "no order is taken any more":
		p.placer.Close()
		return false
	case "the panel is closed for maintenance":
		p.shut()
		return false
	}
	if statement, ok := scenes[given]; ok {
		must(p, p.d.Write(p.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(statement)
			return err
		}))
		return false
	}
	var address, key, tier int64
	if _, err := fmt.Sscanf(given, "limits of ip %d, key %d, tier %d", &address, &key, &tier); err != nil {
		p.Fatalf("unknown scene %q", given)
	}
	p.limit(ratelimit.Limits{Address: address, Key: key, Tiers: map[string]int64{"standard": tier}})
	return false
}

var (
	named    = regexp.MustCompile(`(?:ord|ref|whk|dlv|evt)_<([^<>]+)>`)
	keyNamed = regexp.MustCompile(`<(live|test|other|suspended|expired|revoked|classic|strict|far|capped|windowed)>`)
	repeated = regexp.MustCompile(`<(\d+) ([^<>]+)>`)
)

// fill puts values in the place of names.
func (p *panel) fill(text string) string {
	text = named.ReplaceAllStringFunc(text, func(s string) string {
		name := named.FindStringSubmatch(s)[1]
		if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= len(p.made) {
			return p.made[n-1]
		}
		orderID, ok := p.seeds.orders[name]
		if !ok {
			p.Fatalf("no order %s", s)
		}
		return orderID
	})
	text = keyNamed.ReplaceAllStringFunc(text, func(s string) string { return p.seeds.keys[strings.Trim(s, "<>")] })
	return repeated.ReplaceAllStringFunc(text, func(s string) string {
		parts := repeated.FindStringSubmatch(s)
		n, err := strconv.Atoi(parts[1])
		must(p, err)
		return strings.Repeat(parts[2], n)
	})
}

// request makes the request that a golden file shows.
func (p *panel) request(text string) *http.Request {
	p.Helper()
	head, body, _ := strings.Cut(p.fill(text), "\n\n")
	body = strings.TrimSuffix(body, "\n")
	switch {
	case strings.Contains(head, "multipart/"):
		body = strings.ReplaceAll(body, "\n", "\r\n")
	case !strings.Contains(head, "json"):
		body = strings.ReplaceAll(body, "\n", "")
	}
	if body != "" {
		head = strings.TrimSuffix(head, "\n") + "\nContent-Length: " + strconv.Itoa(len(body))
	}
	raw := strings.ReplaceAll(strings.TrimSuffix(head, "\n"), "\n", "\r\n") + "\r\n\r\n" + body
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	must(p, err)
	r.RemoteAddr = "192.0.2.1:4711"
	return r.WithContext(p.Context())
}

var (
	shownID = regexp.MustCompile(`(ord|ref|whk|dlv|evt)_[0-9A-Z]{26}`)
	moment  = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\\?"`) // also within a text that is JSON itself
	hookKey = regexp.MustCompile(`"whsec_[A-Za-z0-9+/]{43}="`)
	// headers in the order in which they are shown.
	headers = []string{
		"Content-Type", "Content-Length", "Cache-Control", "X-Content-Type-Options", "Allow", "Connection", "Retry-After",
		"X-RateLimit-DeniedBy", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-Tier-Remaining", "Etag", "Vary",
	}
)

// written shows an answer as golden files do.
func (p *panel) written(w *httptest.ResponseRecorder, begun time.Time) string {
	p.Helper()
	body := w.Body.Bytes()
	if requestID := w.Header().Get("X-Request-Id"); !id.Valid(id.Request, requestID) {
		p.Errorf("X-Request-Id is %q", requestID)
	}
	if length := w.Header().Get("Content-Length"); length != strconv.Itoa(len(body)) {
		p.Errorf("Content-Length is %s for %d bytes", length, len(body))
	}
	var out strings.Builder
	fmt.Fprintf(&out, "HTTP/1.1 %d %s\n", w.Code, http.StatusText(w.Code))
	for _, name := range headers {
		for _, value := range w.Header()[name] { // in this very spelling
			fmt.Fprintf(&out, "%s: %s\n", name, value)
		}
	}
	for name := range w.Header() {
		if !slices.Contains(headers, name) && name != "X-Request-Id" {
			p.Errorf("header %s is not in the golden files", name)
		}
	}
	return out.String() + "\n" + p.normal(body, begun) + "\n"
}

// normal puts names in the place of ids and times.
func (p *panel) normal(body []byte, begun time.Time) string {
	p.Helper()
	if bytes.Contains(body, []byte("np_live_")) || bytes.Contains(body, []byte("np_test_")) {
		p.Error("the answer repeats a key")
	}
	body = shownID.ReplaceAllFunc(body, func(b []byte) []byte { return []byte(string(b[:4]) + "<" + p.nameOf(string(b)) + ">") })
	body = hookKey.ReplaceAll(body, []byte(`"whsec_<secret>"`))
	body = moment.ReplaceAllFunc(body, func(b []byte) []byte {
		text := strings.Trim(string(b), `"\`)
		// Copies of the seeded file are younger than an hour, and a secret is good for a
		// day after its rotation.
		at, err := time.Parse(time.RFC3339, text)
		if err != nil || at.Before(begun.Add(-time.Hour)) || at.After(clock.System().Add(24*time.Hour)) {
			p.Errorf("time %s is not of this test", b)
		}
		return []byte(strings.Replace(string(b), text, "<time>", 1))
	})
	return string(body)
}

func (p *panel) nameOf(shown string) string {
	for name, known := range p.seeds.orders {
		if known == shown {
			return name
		}
	}
	i := slices.Index(p.made, shown)
	if i < 0 {
		p.made = append(p.made, shown)
		i = len(p.made) - 1
	}
	return strconv.Itoa(i + 1)
}
