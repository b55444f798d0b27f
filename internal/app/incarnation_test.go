package app

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/backup"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/incarnation"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// counting is a provider that takes every order and counts them.
type counting struct {
	url    string
	orders atomic.Int64
}

func newCounting(t *testing.T) *counting {
	t.Helper()
	c := &counting{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("action") != "add" {
			_, _ = io.WriteString(w, `{}`)
			return
		}
		_, _ = io.WriteString(w, `{"order": `+strconv.FormatInt(100+c.orders.Add(1), 10)+`}`)
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// serveFile opens a panel on a file; it serves until the test's end or stop.
func serveFile(t *testing.T, path string) (s *Server, stop func()) {
	t.Helper()
	s, err := NewServer(t.Context(), config.Serve{
		Storage: config.InFile(path), Outbound: config.Outbound{ProviderTimeout: time.Second, OutboundAllow: "127.0.0.1"},
		Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", AutoMigrate: true,
	}, slog.New(slog.DiscardHandler))
	ordertest.Must(t, err)
	s.Start()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			ordertest.Must(t, s.Stop(context.WithoutCancel(t.Context())))
		}
	}
	t.Cleanup(stop)
	return s, stop
}

// seeded makes a panel with a provider and a customer, at which nothing is served.
func seeded(t *testing.T, providerURL string) (path string, f *ordertest.Fixture) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "panel.db")
	core, err := OpenCore(t.Context(), config.InFile(path), CoreOptions{Migrate: true})
	ordertest.Must(t, err)
	f = ordertest.New(t, core.DB, providerURL, 100*money.Unit)
	ordertest.Must(t, core.Providers.SetAddress(t.Context(), f.Provider.ID, providerURL, "key", "test"))
	t.Cleanup(func() { _ = core.Close() })
	return path, f
}

// runsOf is how often a loop has run, -1 where there is none.
func runsOf(s *Server, loop string) int64 {
	for _, h := range s.workers.Heartbeats(context.Background()) {
		if h.Name == loop {
			return h.Runs
		}
	}
	return -1
}

func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// A restored panel takes orders and sends none, neither what waited in the backup nor
// what came since, until it is resumed; then it sends what came since.
func TestRestoredPanelSendsNothingBeforeItIsResumed(t *testing.T) {
	t.Parallel()
	upstream := newCounting(t)
	_, f := seeded(t, upstream.url)
	old := f.Place("old", "https://example.com/old", 10)
	copied, _, err := backup.Make(t.Context(), backup.Source{DB: f.DB, Program: "test"}, t.TempDir())
	ordertest.Must(t, err)

	place := filepath.Join(t.TempDir(), "panel.db")
	key, err := os.ReadFile(f.DB.SQLitePath() + ".key")
	ordertest.Must(t, err)
	ordertest.Must(t, os.WriteFile(place+".key", key, 0o600))
	file, err := backup.Open(copied)
	ordertest.Must(t, err)
	t.Cleanup(func() { _ = file.Close() })
	ordertest.Must(t, file.Restore(t.Context(), backup.Into{URL: "sqlite:" + place, Change: func(ctx context.Context, d *db.DB, finish func(*db.Tx) error) error {
		_, err := backup.Incarnation{Actor: "test", Detail: "test", Finish: finish}.Start(ctx, d)
		return err
	}}))

	s, _ := serveFile(t, place)
	f.DB = s.Core.DB
	fresh := f.Place("new", "https://example.com/new", 10)
	until(t, "it has looked twice whether it was resumed", func() bool { return runsOf(s, "resume") >= 2 })
	if n := upstream.orders.Load(); n != 0 || runsOf(s, "forward") != -1 || f.Order(fresh.ID).State != order.Pending {
		t.Errorf("%d orders were sent, the new one is %s", n, f.Order(fresh.ID).State)
	}
	says := get(t, s.OpsURL()+"/readyz") + get(t, s.OpsURL()+"/metrics") + get(t, s.URL()+"/") + get(t, s.URL()+"/login")
	for _, want := range []string{`"waits_for_resume":true`, "notpanel_waits_for_resume 1"} {
		if !strings.Contains(says, want) {
			t.Errorf("%q is not said", want)
		}
	}
	if n := strings.Count(says, "brought back from a backup"); n != 2 {
		t.Errorf("%d of 2 pages say that the panel was brought back", n)
	}

	f.Write(func(tx *db.Tx) error {
		_, err := incarnation.Resume(tx, "test")
		return err
	})
	until(t, "the new order is sent", func() bool { return f.Order(fresh.ID).State == order.Processing })
	if got := f.Order(old.ID); got.State != order.Uncertain || upstream.orders.Load() != 1 {
		t.Errorf("the order of the backup is %s, %d were sent", got.State, upstream.orders.Load())
	}
	if strings.Contains(get(t, s.URL()+"/"), "brought back from a backup") {
		t.Error("the pages still say that it waits")
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	ordertest.Must(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	ordertest.Must(t, err)
	return string(body)
}

// A file that was copied from beside another panel is recognised when it is served, and
// waits; the first panel goes on as before, however often it is started.
func TestCopiedFileIsRecognised(t *testing.T) {
	t.Parallel()
	upstream := newCounting(t)
	path, f := seeded(t, upstream.url)
	for range 3 {
		s, stop := serveFile(t, path)
		if s.waits.Load() {
			t.Fatal("a panel on its own file waits")
		}
		stop()
	}
	f.Exec(`UPDATE providers SET state = 'paused'`)
	o := f.Place("a", "https://example.com/a", 10)

	place := filepath.Join(t.TempDir(), "panel.db")
	ordertest.Must(t, f.DB.CopyTo(t.Context(), place))
	key, err := os.ReadFile(path + ".key")
	ordertest.Must(t, err)
	ordertest.Must(t, os.WriteFile(place+".key", key, 0o600))
	for range 2 { // it stays so over a restart
		copied, stop := serveFile(t, place)
		var state string
		ordertest.Must(t, copied.Core.DB.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT state FROM orders WHERE id = $1`, o.ID).Scan(&state)
		}))
		standing, err := copied.Core.Standing(t.Context())
		ordertest.Must(t, err)
		if !copied.waits.Load() || state != string(order.Uncertain) || standing.Restored != 1 {
			t.Errorf("the copy: %+v, the order is %s", standing, state)
		}
		stop()
	}
	if s, _ := serveFile(t, path); s.waits.Load() || f.Order(o.ID).State != order.Pending {
		t.Error("the first panel was changed")
	}
}
