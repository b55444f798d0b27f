//go:build linux

package e2e_test

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/secret"
)

// unusable is the answer to a key that is none.
const unusable = "Invalid API key"

// issued is what `key create` and `key rotate` print.
type issued struct{ ID, Key string }

// A key that was rotated or revoked ends at once at every node, and with it
// nothing that had already been let in.
func TestAKeyEndsAtEveryNodeAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.Postgres)
	from := w.source("Upstream", newUpstream(t).URL)
	c := w.customer(100 * money.Unit)
	nodes := []*panel{w.serve(), w.serve()}
	works := func(key string) {
		t.Helper()
		for _, n := range nodes {
			if a := n.call(form(key, "balance")); a.status != http.StatusOK {
				t.Errorf("status %d, %s", a.status, a.body)
			}
		}
	}
	ended := func(key string) {
		t.Helper()
		for _, n := range nodes {
			n.refuses(form(key, "balance"), http.StatusBadRequest, unusable)
		}
	}
	// A key made beside the panel is known at the next request.
	made := decode[issued](t, w.command("key", "create", "--account", c.account.Email, "--name", "Shop", "--json"))
	works(made.Key)

	held := w.heldBack(nodes[0], adding(made.Key, from, "rotated", link("rotated", "", "complete")))
	rotated := decode[issued](t, w.command("key", "rotate", made.ID, "--json"))
	ended(made.Key)
	works(rotated.Key)
	if a := held(); a.status != http.StatusOK {
		t.Errorf("what was past the check when the key was rotated: status %d, %s", a.status, a.body)
	}

	held = w.heldBack(nodes[1], adding(rotated.Key, from, "revoked", link("revoked", "", "complete")))
	w.command("key", "revoke", rotated.ID)
	ended(rotated.Key)
	if a := held(); a.status != http.StatusOK {
		t.Errorf("what was past the check when the key was revoked: status %d, %s", a.status, a.body)
	}
	if n := w.count(`SELECT COUNT(*) FROM orders`); n != 2 {
		t.Errorf("%d orders, want 2", n)
	}

	// So it is with the account.
	works(c.key)
	w.command("account", "suspend", c.account.Email)
	for _, n := range nodes {
		n.refuses(form(c.key, "balance"), http.StatusForbidden, "Account suspended")
	}
	w.command("account", "resume", c.account.Email)
	works(c.key)
}

// heldBack sends an order whose key is checked and which then waits in the
// database. The function that it returns lets it go on and returns the answer.
func (w *world) heldBack(n *panel, fields url.Values) (finish func() answer) {
	w.t.Helper()
	w.write(func(tx *db.Tx) error {
		for _, statement := range []string{
			`CREATE TABLE IF NOT EXISTS gate (open TEXT)`,
			`CREATE OR REPLACE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN
				WHILE NOT EXISTS (SELECT 1 FROM gate WHERE open = NEW.request_id) LOOP PERFORM pg_sleep(0.01); END LOOP;
				RETURN NEW; END $body$`,
			`CREATE OR REPLACE TRIGGER gate BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION wait_at_gate()`,
		} {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
		}
		return nil
	})
	var got answer
	arrived := make(chan error, 1)
	go func() {
		var err error
		got, err = n.try(w.t.Context(), fields)
		arrived <- err
	}()
	eventually(w.t, "the order waits at the gate", func() bool {
		return w.count(`SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`) > 0
	})
	return func() answer {
		w.t.Helper()
		w.write(func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO gate (open) VALUES ($1)`, fields.Get("request_id"))
			return err
		})
		must(w.t, <-arrived)
		return got
	}
}

// The body is the only place for a key.
func TestAKeyIsReadFromTheBodyOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	c, n := w.customer(money.Unit), w.serve()
	send := func(method, query, body string, header ...string) answer {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, n.url+"/api/v2?"+query, strings.NewReader(body))
		must(t, err)
		if body != "" {
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for i := 0; i+1 < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		a, err := n.do(request)
		must(t, err)
		return a
	}
	refuses := func(a answer, status int, text string) {
		t.Helper()
		if a.status != status || a.body != `{"error":"`+text+`"}` {
			t.Errorf("status %d, %s\nwant %d, %s", a.status, a.body, status, text)
		}
	}
	for _, header := range [][2]string{
		{"Authorization", "Bearer " + c.key},
		{"Authorization", c.key},
		{"X-Api-Key", c.key},
		{"Api-Key", c.key},
		{"Key", c.key},
		{"Cookie", "key=" + c.key},
		{"Cookie", "api_key=" + c.key},
	} {
		refuses(send(http.MethodPost, "", "action=balance", header[0], header[1]), http.StatusBadRequest, unusable)
	}
	const inURL = "Send the key in the body, never in the URL"
	refuses(send(http.MethodPost, "key="+c.key, "action=balance"), http.StatusBadRequest, inURL)
	refuses(send(http.MethodPost, "key="+c.key, "action=balance&key="+c.key), http.StatusBadRequest, inURL)
	refuses(send(http.MethodPost, "key=none", "action=balance"), http.StatusBadRequest, unusable)
	for _, query := range []string{"", "key=" + c.key + "&action=balance"} {
		a := send(http.MethodGet, query, "")
		refuses(a, http.StatusMethodNotAllowed, "Method not allowed: use POST")
		if allow := a.header.Get("Allow"); allow != http.MethodPost {
			t.Errorf("Allow: %q", allow)
		}
	}
	refuses(send(http.MethodPut, "", form(c.key, "balance").Encode()), http.StatusMethodNotAllowed, "Method not allowed: use POST")
	if listed := w.command("key", "list", "--json"); strings.Count(listed, "was sent in a URL") != 1 {
		t.Errorf("one key should be marked as sent in a URL:\n%s", listed)
	}
	if a := send(http.MethodPost, "", form(c.key, "balance").Encode()); a.status != http.StatusOK || a.header.Get("X-Request-Id") == "" {
		t.Errorf("the key in the body: status %d, %s", a.status, a.body)
	}
}

// An eleventh key is refused, also when several are asked for at once.
func TestAnEleventhKeyIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		c := w.customer(0)
		const first, racing = 9, 4
		for i := 2; i < first; i++ {
			_, _, err := w.keys.Issue(t.Context(), apikey.NewKey{AccountID: c.account.ID, Dialect: apikey.Native, Mode: apikey.Test}, "test")
			must(t, err)
		}
		var rivals []*process
		for range racing {
			rivals = append(rivals, start(t, launch{args: []string{"key", "create", "--account", c.account.ID}, env: w.env()}))
		}
		won := 0
		for _, p := range rivals {
			switch code := p.wait(); {
			case code == 0:
				won++
			case code != 1 || !strings.Contains(p.stderr.String(), "at most 10 active keys"):
				t.Errorf("exit code %d, %s", code, p.stderr)
			}
		}
		if active := w.count(`SELECT COUNT(*) FROM api_keys WHERE revoked_at IS NULL`); won != 1 || active != apikey.MaxActive {
			t.Errorf("%d of %d were made, %d are active", won, racing, active)
		}
		w.command("key", "revoke", c.keyID)
		w.command("key", "create", "--account", c.account.ID)
	})
}

// No secret stands readable anywhere: not in what the panel prints, not in its
// metrics, not in the database.
func TestSecretsAreNowhereReadable(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		up := newUpstream(t)
		from, c := w.source("Upstream", up.URL), w.customer(100*money.Unit)
		n := w.serve()
		made := decode[issued](t, w.command("key", "create", "--account", c.account.ID, "--json"))
		rotated := decode[issued](t, w.command("key", "rotate", made.ID, "--json"))
		const typed = "another password, typed by a person"
		w.commandWith(typed+"\n", "account", "create", "--email", "owner@example.com", "--role", "owner")
		const second = "key-of-the-panel-at-another-provider"
		w.commandWith(second+"\n", "provider", "add", "--name", "Second", "--url", "https://provider.example/api/v2", "--key", "-")

		// The keys travel every way they can, welcome and not.
		for i, word := range []string{"complete", "500-accepted", "garbage", "refuse-unknown"} {
			n.place(adding(rotated.Key, from, strconv.Itoa(i), link(word, "", word)))
		}
		n.place(adding(c.testKey, from, "play", link("play", "", "complete")))
		n.refuses(form(made.Key, "balance"), http.StatusBadRequest, unusable)
		for _, query := range []string{"?key=" + c.key, "?action=balance&key=" + rotated.Key} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.url+"/api/v2"+query, http.NoBody)
			must(t, err)
			_, err = n.do(request)
			must(t, err)
		}
		for _, action := range []string{rotated.Key, "add"} {
			n.call(form(c.key, action, "order", c.key, "link", c.key))
		}
		eventually(t, "no order is on its way", func() bool {
			return w.count(`SELECT COUNT(*) FROM orders WHERE mode = 'live' AND state IN ('pending', 'submitting', 'processing')`) == 0
		})
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.ops+"/metrics", http.NoBody)
		must(t, err)
		metrics, err := n.do(request)
		must(t, err)
		n.kill() // so that nothing is tidied up

		places := w.stored()
		places["metrics"] = []byte(metrics.body)
		places["what the panel printed"] = []byte(n.stdout.String() + n.stderr.String())
		for what, value := range map[string]string{
			"live key": c.key, "test key": c.testKey, "key before its rotation": made.Key, "rotated key": rotated.Key,
			"provider's key": upstreamKey, "provider's key from standard input": second,
			"password": password, "password from standard input": typed, "panel's key": w.secretKey,
		} {
			for place, content := range places {
				if bytes.Contains(content, []byte(value)) {
					t.Errorf("the %s stands readable in %s", what, place)
				}
			}
		}
	})
}

// stored returns all that the database keeps, by place.
func (w *world) stored() map[string][]byte {
	w.t.Helper()
	places := map[string][]byte{}
	if path := w.db.SQLitePath(); path != "" {
		files, err := filepath.Glob(path + "*")
		must(w.t, err)
		for _, file := range files {
			// Read by another process: a file that we open and close takes SQLite's
			// locks of this process with it.
			content, err := exec.CommandContext(w.t.Context(), "cat", file).Output()
			must(w.t, err)
			places[filepath.Base(file)] = content
		}
		if len(places["panel.db-wal"]) == 0 {
			w.t.Error("there is no write-ahead log to look into")
		}
		return places
	}
	var tables []string
	w.read(func(tx *db.Tx) (err error) {
		tables, err = db.All(tx, scanText, `SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'`)
		return err
	})
	for _, table := range tables {
		var rows []string
		w.read(func(tx *db.Tx) (err error) {
			rows, err = db.All(tx, scanText, `SELECT t::text FROM `+table+` t`)
			return err
		})
		places[table] = []byte(strings.Join(rows, "\n"))
	}
	if len(places["orders"]) == 0 {
		w.t.Error("there are no orders to look into")
	}
	return places
}

func scanText(s db.Scanner) (text string, err error) {
	err = s.Scan(&text)
	return text, err
}

// A database belongs to the key that it was made with. Another is refused, by
// every command, and none is made in its place.
func TestAnotherSecretKeyIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.serve().terminate()
		other := secret.Generate()
		ring, err := secret.NewRing(other, nil)
		must(t, err)
		folder := t.TempDir()
		for _, command := range []string{"serve", "audit"} {
			refused := func(wantCode int, env []string, want ...string) {
				t.Helper()
				env = append(env, "NOTPANEL_LISTEN=127.0.0.1:0", "NOTPANEL_OPS_LISTEN=")
				p := start(t, launch{args: []string{command}, env: env, dir: folder})
				code := p.wait()
				for _, text := range want {
					if code != wantCode || !strings.Contains(p.stderr.String(), text) {
						t.Errorf("%s: exit code %d, %s\nwant %d and %q", command, code, p.stderr, wantCode, text)
					}
				}
			}
			refused(1, []string{"NOTPANEL_DATABASE_URL=" + w.url, "NOTPANEL_SECRET_KEY=" + other.Reveal()}, w.ring.Fingerprint(), ring.Fingerprint())
			refused(1, []string{"NOTPANEL_DATABASE_URL=" + w.url}, "key is missing", "NOTPANEL_SECRET_KEY")
			refused(2, []string{"NOTPANEL_DATABASE_URL=" + w.url, "NOTPANEL_SECRET_KEY=c2hvcnQ="}, "32 bytes")
		}
		made, err := os.ReadDir(folder)
		must(t, err)
		if len(made) > 0 {
			t.Errorf("%s was made", made[0].Name())
		}
		if path := w.db.SQLitePath(); path != "" {
			if _, err := os.Stat(path + ".key"); err == nil {
				t.Error("a key file was made")
			}
		}
		w.serve().terminate()
	})
}
