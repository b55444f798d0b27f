//go:build linux

package e2e_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/order"
)

const (
	// demoReady is how soon the demo has to be ready, and demoDone how soon an
	// order completes there: both are promised.
	demoReady = 30 * time.Second
	demoDone  = 20 * time.Second
)

// demo is a running demo.
type demo struct {
	*panel

	keys map[string]string
}

// readyFile is what the demo writes once it is ready.
type readyFile struct {
	URL    string            `json:"url"`
	OpsURL string            `json:"ops_url"`
	Keys   map[string]string `json:"keys"`
	// Who can sign in at URL/login.
	Customer, Owner signIn
}

type signIn struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

// startDemo starts the demo in a folder, as somebody does who types one command.
func startDemo(t *testing.T, folder string) *demo {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ready.json")
	begun := time.Now()
	p := start(t, launch{args: []string{"demo", "--listen", "127.0.0.1:0", "--ready-file", file}, env: unlimited, dir: folder})
	var content []byte
	eventually(t, "the demo is ready", func() bool {
		if !p.running() {
			t.Fatalf("the demo ended: %v", p.exit)
		}
		var err error
		content, err = os.ReadFile(file)
		return err == nil
	})
	if took := time.Since(begun); took > demoReady {
		t.Errorf("ready after %s, promised are %s", took, demoReady)
	}
	info, err := os.Stat(file)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the ready file has mode %o, want 600", info.Mode().Perm())
	}
	var ready readyFile
	decoder := json.NewDecoder(strings.NewReader(string(content)))
	decoder.DisallowUnknownFields() // what does not work yet is left out
	must(t, decoder.Decode(&ready))
	eventually(t, "the demo says how to try it", func() bool { return strings.Contains(p.stdout.String(), "Ctrl-C") })
	for _, who := range []signIn{ready.Customer, ready.Owner} {
		who.tried(t, ready.URL)
	}
	return &demo{&panel{process: p, url: ready.URL, ops: ready.OpsURL, client: newClient(t)}, ready.Keys}
}

// tried signs in by the page.
func (s signIn) tried(t *testing.T, panel string) {
	t.Helper()
	form := strings.NewReader(url.Values{"email": {s.Email}, "password": {s.Password}}.Encode())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, panel+"/login", form)
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	must(t, err)
	_ = response.Body.Close()
	if to := response.Header.Get("Location"); response.StatusCode != http.StatusSeeOther || to != "/dashboard" {
		t.Errorf("sign in as %s: %d to %q", s.Email, response.StatusCode, to)
	}
}

// curls are the lines to paste that the demo prints.
func (d *demo) curls() []string {
	d.t.Helper()
	lines := regexp.MustCompile(`(?m)^\s*(curl .*)$`).FindAllStringSubmatch(d.stdout.String(), -1)
	if len(lines) != 3 {
		d.t.Fatalf("%d curl lines were printed, want 3", len(lines))
	}
	return []string{lines[0][1], lines[1][1], lines[2][1]}
}

// paste runs a line as a shell does.
func paste(t testing.TB, line string) string {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), "sh", "-c", line).Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return string(said)
}

// Somebody types one command in an empty folder and pastes the lines that it
// prints: an order is charged, sent to a provider over HTTP, and completed. The
// next start goes on where this one ended.
func TestDemo(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	d := startDemo(t, folder)
	if u, err := url.Parse(d.url); err != nil || u.Path != "" || u.Hostname() != "127.0.0.1" {
		t.Errorf("url is %q, want a base address", d.url)
	}
	if status, body := d.ready(t.Context()); status != http.StatusOK {
		t.Errorf("readyz: status %d, %s", status, body)
	}
	w := &world{t: t, url: "sqlite:" + filepath.Join(folder, "notpanel-data", "panel.db")}
	w.db = dbtest.Connect(t, w.url)
	w.seeded()
	// 100.00 less six orders of 0.84, 0.504 of one and two whole ones came back.
	if balance := d.balance(d.keys["native"]); balance != "97.144" {
		t.Errorf("the balance is %s, want 97.144", balance)
	}
	w.audit()

	if _, err := exec.LookPath("curl"); err != nil {
		t.Log("curl is not installed: the lines that the demo prints were not pasted")
	} else {
		d.pasted()
	}

	// One that is under way when the demo ends completes after the next start.
	services := decode[[]struct {
		Service int64
		Min     string
	}](t, d.call(form(d.keys["native"], "services")).body)
	running := d.place(form(d.keys["native"], "add", "service", strconv.FormatInt(services[0].Service, 10), "quantity", services[0].Min, "request_id", "running",
		"link", link("running", "", "complete"))).Order
	d.terminate()
	if o := w.order(running); o.State.Final() {
		t.Errorf("the order is %s before the next start", o.State)
	}
	again := startDemo(t, folder)
	if again.keys["native"] != d.keys["native"] || again.keys["test"] != d.keys["test"] {
		t.Error("the second start has other keys")
	}
	w.reaches(running, order.Completed)
	w.seeded()
	again.terminate()
	w.audit()
}

// The demo's play money is shown to this machine only, unless somebody says so.
func TestDemoBeyondThisMachineIsRefused(t *testing.T) {
	t.Parallel()
	for name, listen := range map[string]string{"every address": "0.0.0.0:0", "no host": ":0", "another": "192.0.2.1:8080"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			p := start(t, launch{args: []string{"demo", "--listen", listen}, dir: folder})
			if code := p.wait(); code != 1 && code != 2 || !strings.Contains(p.stderr.String(), "--public") {
				t.Errorf("exit code %d, %s\nwant --public to be named", code, p.stderr)
			}
			if made, err := os.ReadDir(folder); err != nil || len(made) > 0 {
				t.Errorf("it made %v before it refused (%v)", made, err)
			}
		})
	}
}

// A demo that was killed before it was ready is ready after its next start, and
// what was under way then goes on.
func TestDemoStartsAgainAfterACrash(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	data := filepath.Join(folder, "notpanel-data", "panel.db")
	const crashes = 2
	var w *world
	for range crashes {
		p := start(t, launch{args: []string{"demo", "--listen", "127.0.0.1:0"}, dir: folder})
		eventually(t, "there is a database", func() bool {
			_, err := os.Stat(data + ".key") // made when the tables are there
			return err == nil
		})
		if w == nil {
			w = &world{t: t, url: "sqlite:" + data}
			w.db = dbtest.Connect(t, w.url)
		}
		eventually(t, "the seeded orders are sent", func() bool {
			return w.count(`SELECT COUNT(*) FROM orders WHERE state NOT IN ('pending', 'submitting')`) == 6
		})
		p.kill()
		w.write(func(tx *db.Tx) error { // as if it were started again some time later
			_, err := tx.Exec(`UPDATE orders SET next_check_at = $1 WHERE next_check_at IS NOT NULL`, db.At(tx.Now))
			return err
		})
	}
	d := startDemo(t, folder)
	w.seeded()
	if balance := d.balance(d.keys["native"]); balance != "97.144" {
		t.Errorf("the balance is %s, want 97.144", balance)
	}
	d.terminate()
	w.audit()
}

// seeded expects one order for every outcome.
func (w *world) seeded() {
	w.t.Helper()
	var states []string
	w.read(func(tx *db.Tx) (err error) {
		states, err = db.All(tx, scanText, `SELECT state FROM orders WHERE request_id LIKE 'demo-%' ORDER BY request_id`)
		return err
	})
	if got, want := strings.Join(states, " "), "completed partial canceled failed held uncertain"; got != want {
		w.t.Errorf("the seeded orders are %s, want %s", got, want)
	}
}

// pasted pastes the printed lines.
func (d *demo) pasted() {
	t := d.t
	t.Helper()
	lines := d.curls()
	begun := time.Now()
	first := paste(t, lines[0])
	if p := decode[placed](t, first); p.Order == "" || p.Status != "pending" {
		t.Fatalf("add: %s", first)
	}
	if repeat := paste(t, lines[0]); repeat != first {
		t.Errorf("the same line again: %s\nfirst: %s", repeat, first)
	}
	eventually(t, "the order completes", func() bool {
		return decode[placed](t, paste(t, lines[1])).Status == "completed"
	})
	if took := time.Since(begun); took > demoDone {
		t.Errorf("completed after %s, promised are %s", took, demoDone)
	}
	if said := paste(t, lines[2]); said != `{"balance":"96.724","currency":"USD"}` {
		t.Errorf("balance: %s", said)
	}
}
