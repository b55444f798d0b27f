package openapi_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/apiv2"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/money"
)

// startPanel starts a demo in this process.
func startPanel(t *testing.T) *app.Demo {
	t.Helper()
	panel, err := app.StartDemo(context.WithoutCancel(t.Context()), app.DemoOptions{
		Dir: t.TempDir(), Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), Progress: func(string) {},
		Limits: config.Limits{LimitKey: 100, LimitTiers: "standard=300,reseller=1200,agency=6000"},
	})
	must(t, err)
	t.Cleanup(func() { must(t, panel.Stop(context.Background())) })
	return panel
}

// answer is what came over the wire.
type answer struct {
	status int
	header http.Header
	body   string
}

// conversation asks a panel and holds each request and answer against the document
// that this very panel serves.
type conversation struct {
	*testing.T

	panel  *app.Demo
	client *http.Client
	c      *checker
	asked  map[string]bool // actions that were carried out
}

func (v *conversation) do(method, path string, header http.Header, body string) answer {
	v.Helper()
	r, err := http.NewRequestWithContext(v.Context(), method, v.panel.URL()+path, strings.NewReader(body))
	must(v, err)
	maps.Copy(r.Header, header)
	if host := header.Get("Host"); host != "" {
		r.Host = host
	}
	response, err := v.client.Do(r)
	must(v, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	must(v, err)
	return answer{response.StatusCode, response.Header, string(content)}
}

// ask sends fields with a key and wants a status.
func (v *conversation) ask(key string, status int, fields map[string]string, header ...string) answer {
	v.Helper()
	form := url.Values{"key": {key}}
	sent := map[string]string{"key": key}
	for name, value := range fields {
		form.Set(name, value)
		sent[name] = value
	}
	headers := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for i := 0; i+1 < len(header); i += 2 {
		headers.Set(header[i], header[i+1])
	}
	got := v.do(http.MethodPost, "/api/v2", headers, form.Encode())
	if got.status != status {
		v.Errorf("%v is answered with %d %s", fields, got.status, got.body)
	}
	if err := v.c.request(v, "Request", sent); err != nil {
		v.Errorf("%v: %v", fields, err)
	}
	v.check(got, sent)
	v.asked[fields["action"]] = v.asked[fields["action"]] || got.status == http.StatusOK
	return got
}

// check holds an answer against the document.
func (v *conversation) check(got answer, fields map[string]string) {
	v.Helper()
	told := map[string]string{}
	for name := range got.header {
		if !slices.Contains(everyAnswer, name) {
			told[name] = got.header.Get(name)
		}
	}
	for _, wrong := range v.c.headers(v, got.status, told) {
		v.Errorf("%v: %s", fields, wrong)
	}
	if err := v.c.body(v, got.status, got.header.Get("Content-Type"), got.body, fields); err != nil {
		v.Errorf("%v is answered with %d %s: %v", fields, got.status, got.body, err)
	}
}

type fields = map[string]string

// What a running panel answers is as the document says that it serves itself.
func TestLive(t *testing.T) {
	t.Parallel()
	panel := startPanel(t)
	for name, test := range map[string]func(*conversation){"answers": liveAnswers, "file": servedFile} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(&conversation{T: t, panel: panel, client: &http.Client{Timeout: 30 * time.Second}, asked: map[string]bool{}})
		})
	}
}

func liveAnswers(v *conversation) {
	v.Helper()
	t, panel := v.T, v.panel
	served := v.do(http.MethodGet, "/openapi.json", nil, "")
	if served.status != http.StatusOK {
		t.Fatalf("%d %s", served.status, served.body)
	}
	must(t, validate(t, []byte(served.body)))
	v.c = newChecker(t, []byte(served.body))
	servers, _ := v.c.doc["servers"].([]any)
	if len(servers) != 1 || at(servers[0], "url") != panel.URL() {
		t.Errorf("it names the servers %v", servers)
	}
	keys := panel.Ready().Keys
	v.catalogue(keys.Native)
	v.orders(keys.Native, keys.Test)
	v.statement(keys.Native, keys.Test)
	v.refusals(keys.Native)
	for _, action := range apiv2.Actions() {
		// Webhooks need an address that the panel reaches: their golden files show them.
		if !v.asked[action] && !strings.HasPrefix(action, "webhook.") {
			t.Errorf("%s was not carried out", action)
		}
	}
}

func (v *conversation) catalogue(key string) {
	v.Helper()
	services := v.ask(key, http.StatusOK, fields{"action": "services", "lang": "tr"})
	v.ask(key, http.StatusNotModified, fields{"action": "services", "lang": "tr"}, "If-None-Match", services.header.Get("ETag"))
	for _, one := range decoded[[]object](v, services.body) {
		v.ask(key, http.StatusOK, fields{"action": "service", "service": fmt.Sprint(one["service"])})
	}
	page := v.ask(key, http.StatusOK, fields{"action": "changes", "limit": "500"})
	v.ask(key, http.StatusOK, fields{"action": "changes", "cursor": fmt.Sprint(decoded[object](v, page.body)["cursor"])})
	v.ask(key, http.StatusOK, fields{"action": "changes", "cursor": "latest"})
}

func (v *conversation) orders(live, test string) {
	v.Helper()
	all := decoded[object](v, v.ask(live, http.StatusOK, fields{"action": "orders"}).body)
	var numbers []string
	list, _ := all["orders"].([]any)
	for _, one := range list {
		number := fmt.Sprint(at(one, "number"))
		numbers = append(numbers, number)
		v.ask(live, http.StatusOK, fields{"action": "order", "order": number})
		v.ask(live, http.StatusOK, fields{"action": "status", "order": number})
	}
	if len(numbers) == 0 {
		v.Fatal("the demo has no orders")
	}
	many := strings.Join(numbers, ",") + ",no-such-order"
	for _, action := range []string{"status", "refill", "cancel"} {
		v.ask(live, http.StatusOK, fields{"action": action, "orders": many})
	}
	v.ask(live, http.StatusOK, fields{"action": "refill_status", "refills": "1,2,no-such-refill"})
	placing := fields{"action": "add", "request_id": "described", "service": "1", "quantity": "1000", "link": "https://example.com/#sim=complete"}
	for _, key := range []string{live, test} {
		placed := decoded[object](v, v.ask(key, http.StatusOK, placing).body)
		v.ask(key, http.StatusOK, fields{"action": "order", "request_id": "described"})
		v.ask(key, http.StatusOK, fields{"action": "status", "order": fmt.Sprint(placed["order"])})
	}
}

// prize lets an account win what only it has entered for.
func (v *conversation) prize(accountID string) {
	v.Helper()
	ctx, core := v.Context(), v.panel.Core
	g, err := core.Giveaways.Open(ctx, giveaway.Terms{
		Language: "en", Title: "Described", Body: "One place.", Prize: money.Unit, Places: 1, ClosesAt: time.Now().Add(time.Hour),
	}, "test")
	must(v, err)
	_, err = core.Giveaways.Enter(ctx, accountID, g.ID)
	must(v, err)
	must(v, core.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE giveaways SET closes_at = $2 WHERE id = $1`, g.ID, db.At(tx.Now))
		return err
	}))
	_, _, err = core.Giveaways.Draw(ctx, g.ID, "test")
	if err != nil && !fault.Is(err, fault.Conflict) { // the panel's own loop was faster
		v.Fatal(err)
	}
}

// statement moves money in every way that a statement can tell of.
func (v *conversation) statement(live, test string) {
	v.Helper()
	customer, err := v.panel.Core.Accounts.Find(v.Context(), "customer@example.com")
	must(v, err)
	_, _, err = v.panel.Core.Payments.Add(v.Context(), customer.ID, money.Unit, "described", "test")
	must(v, err)
	_, err = v.panel.Core.Accounts.Credit(v.Context(), customer.ID, -money.Unit, "described", "test")
	must(v, err)
	v.prize(customer.ID)
	seen := map[string]bool{}
	for _, key := range []string{live, test} {
		v.ask(key, http.StatusOK, fields{"action": "balance"})
		list, _ := decoded[object](v, v.ask(key, http.StatusOK, fields{"action": "transactions", "limit": "500"}).body)["transactions"].([]any)
		for _, line := range list {
			seen[fmt.Sprint(at(line, "type"))] = true
		}
	}
	told := texts(property(v.T, v.c.doc, "Transaction", "type")["examples"])
	for _, word := range told {
		if !seen[word] {
			v.Errorf("no transaction is of the type %s", word)
		}
	}
	if len(seen) != len(told) {
		v.Errorf("there are transactions of the types %v, and the document tells of %v", seen, told)
	}
}

func (v *conversation) refusals(key string) {
	v.Helper()
	v.ask(key, http.StatusBadRequest, fields{"action": "service", "service": "4711"})
	v.ask(key, http.StatusBadRequest, fields{"action": "cancel", "order": "no-such-order"})
	v.ask("nobody's", http.StatusBadRequest, fields{"action": "balance"})
	v.ask("nobody's", http.StatusUnauthorized, fields{"action": "status", "order": "1"})
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Host": {"other.example"}}
	elsewhere := v.do(http.MethodPost, "/api/v2", form, "action=balance")
	if elsewhere.status != http.StatusMisdirectedRequest {
		v.Errorf("another host: %d", elsewhere.status)
	}
	v.check(elsewhere, fields{"action": "balance"})

	other := v.do(http.MethodGet, "/api/v2", nil, "")
	if other.status != http.StatusMethodNotAllowed || other.header.Get("Allow") != "POST" {
		v.Errorf("GET: %d %v", other.status, other.header)
	}
	// The last, for it uses the limit up.
	for range 200 {
		got := v.do(http.MethodPost, "/api/v2", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, "action=orders&key="+url.QueryEscape(key))
		v.check(got, fields{"action": "orders"})
		if got.status == http.StatusTooManyRequests {
			return
		}
	}
	v.Error("no limit was met")
}

// The file is served to pages of every site, compressed where that is asked for, and
// kept as long as it is the same.
func servedFile(v *conversation) {
	v.Helper()
	t := v.T
	plain := v.do(http.MethodGet, "/openapi.json", http.Header{"Origin": {"https://viewer.example"}, "Accept-Encoding": {"identity"}}, "")
	packed := v.do(http.MethodGet, "/openapi.json", http.Header{"Accept-Encoding": {"gzip"}}, "")
	if plain.header.Get("Access-Control-Allow-Origin") != "*" || plain.header.Get("Content-Type") != "application/json" || plain.header.Get("Set-Cookie") != "" {
		t.Errorf("%v", plain.header)
	}
	if packed.header.Get("Content-Encoding") != "gzip" || len(packed.body)*4 > len(plain.body) || plain.header.Get("Content-Encoding") != "" {
		t.Errorf("%d bytes for %d, %v", len(packed.body), len(plain.body), packed.header)
	}
	reader, err := gzip.NewReader(strings.NewReader(packed.body))
	must(t, err)
	content, err := io.ReadAll(reader)
	must(t, err)
	if string(content) != plain.body {
		t.Error("unpacked it is another file")
	}
	for _, got := range []answer{plain, packed} {
		if !strings.Contains(strings.Join(got.header.Values("Vary"), ","), "Accept-Encoding") {
			t.Errorf("Vary: %v", got.header["Vary"])
		}
		again := v.do(http.MethodGet, "/openapi.json", http.Header{
			"If-None-Match": {got.header.Get("ETag")}, "Accept-Encoding": {got.header.Get("Content-Encoding")},
		}, "")
		if got.header.Get("ETag") == "" || again.status != http.StatusNotModified || again.body != "" {
			t.Errorf("with its tag %q: %d, %d bytes", got.header.Get("ETag"), again.status, len(again.body))
		}
	}
	head := v.do(http.MethodHead, "/openapi.json", http.Header{"Accept-Encoding": {"identity"}}, "")
	if head.status != http.StatusOK || head.header.Get("Content-Length") != strconv.Itoa(len(plain.body)) || head.body != "" {
		t.Errorf("HEAD: %d %v", head.status, head.header)
	}
	if got := v.do(http.MethodPost, "/openapi.json", nil, ""); got.status != http.StatusMethodNotAllowed || got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("POST: %d %v", got.status, got.header)
	}
	api := v.do(http.MethodPost, "/api/v2", http.Header{"Origin": {"https://viewer.example"}}, "")
	if api.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("the API itself is open to pages of other sites")
	}
}
