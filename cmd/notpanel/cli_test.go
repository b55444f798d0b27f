package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
)

// panel is a database of a test's own, and the command line on it.
type panel struct {
	t   *testing.T
	dir string
	url string
}

func newPanel(t *testing.T) *panel {
	t.Helper()
	dir := t.TempDir()
	return &panel{t, dir, "sqlite:" + filepath.Join(dir, "panel.db")}
}

// ran is what a command left behind.
type ran struct {
	out, err string
	code     int
}

// run runs a command on the panel's database.
func (p *panel) run(input string, args ...string) ran {
	p.t.Helper()
	end := slices.Index(append(args, "--"), "--") // what follows is no flag
	return runCommand(p.t, input, slices.Insert(slices.Clone(args), end, "--database-url", p.url)...)
}

func runCommand(t *testing.T, input string, args ...string) ran {
	t.Helper()
	var out, errors bytes.Buffer
	code := run(t.Context(), args, terminal{in: strings.NewReader(input), out: &out, err: &errors})
	return ran{out.String(), errors.String(), code}
}

// ok runs a command that must succeed and returns what it printed.
func (p *panel) ok(args ...string) string {
	p.t.Helper()
	r := p.run("", args...)
	if r.code != 0 {
		p.t.Fatalf("%v: exit %d: %s", args, r.code, r.err)
	}
	return r.out
}

// fails runs a command that must fail with code and returns what it said.
func (p *panel) fails(code int, args ...string) string {
	p.t.Helper()
	r := p.run("", args...)
	if r.code != code || r.err == "" {
		p.t.Fatalf("%v: exit %d, want %d: %s%s", args, r.code, code, r.out, r.err)
	}
	return r.err
}

// account makes an account.
func (p *panel) account(email string) {
	p.t.Helper()
	if r := p.run("a good password\n", "account", "create", "--email", email); r.code != 0 {
		p.t.Fatalf("create %s: %s", email, r.err)
	}
}

// key makes a key and returns its id and value.
func (p *panel) key(args ...string) (keyID, value string) {
	p.t.Helper()
	k := read[keyView](p.t, p.ok(append([]string{"key", "create", "--json"}, args...)...))
	return k.ID, k.Key
}

// core opens the panel as a server would, until the test's end.
func (p *panel) core() *app.Core {
	p.t.Helper()
	core, err := app.OpenCore(p.t.Context(), config.Storage{DatabaseURL: p.url}, app.CoreOptions{Migrate: true})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = core.Close() })
	return core
}

// tamper changes the database behind the panel's back.
func (p *panel) tamper(statement string, args ...any) {
	p.t.Helper()
	err := p.core().DB.Write(p.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(statement, args...)
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// read decodes what a command printed as JSON.
func read[T any](t *testing.T, printed string) (v T) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(printed))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("not the JSON of %T: %v\n%s", v, err, printed)
	}
	return v
}

// contains fails the test for each part that is missing in a text.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

// Who uses a command wrongly gets exit code 2 and nothing is done.
func TestWrongUsageExitsWithTwo(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	for _, args := range [][]string{
		{"account"},
		{"account", "create"},
		{"account", "create", "--email", "a@example.com"}, // no password on standard input
		{"account", "create", "--email", "a@example.com", "--role", "king"},
		{"account", "credit", "a@example.com", "100.00"},
		{"account", "credit", "a@example.com", "ten", "--reason", "x"},
		{"account", "credit", "a@example.com", "0.0000001", "--reason", "x"},
		{"account", "tier", "a@example.com", "gold"},
		{"account", "suspend"},
		{"key", "create"},
		{"key", "create", "--account", "a@example.com", "--mode", "both"},
		{"key", "create", "--account", "a@example.com", "--expires", "-3d"},
		{"key", "create", "--account", "a@example.com", "--expires", "soon"},
		{"provider", "add", "--name", "N"},
		{"provider", "add", "--name", "N", "--url", "https://provider.example", "--key", "-"},
		{"provider", "import", "N"},
		{"provider", "import", "N", "--markup", "much"},
		{"service", "set", "1"},
		{"service", "set", "one", "--rate", "1"},
		{"service", "set", "1", "--state", "gone"},
		{"order", "list", "--state", "lost"},
		{"order", "list", "--limit", "0"},
		{"order", "settle", "ord_1"},
		{"order", "settle", "ord_1", "--cancel", "--not-accepted"},
		{"order", "settle", "ord_1", "--accepted-as", "7", "--cancel"},
		{"order", "settle", "ord_1", "--accepted-as", ""},
		{"order", "settle", "ord_1", "--cancel=false"},
		{"migrate"},
		{"conjure"},
	} {
		p.fails(exitUsage, args...)
	}
	if made, err := filepath.Glob(filepath.Join(p.dir, "*")); err != nil || len(made) > 0 {
		t.Errorf("wrong usage made %v (%v)", made, err)
	}
}

// A command that fails exits with 1 and names the next step.
func TestFailureSaysWhatToDo(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("a@example.com")
	for _, c := range []struct {
		says string
		args []string
	}{
		{"notpanel account list", []string{"account", "credit", "nobody@example.com", "1", "--reason", "x"}},
		{"notpanel account list", []string{"account", "tier", "nobody@example.com", "agency"}},
		{"notpanel account list", []string{"key", "create", "--account", "nobody@example.com"}},
		{"notpanel account list", []string{"key", "list", "--account", "nobody@example.com"}},
		{"notpanel account list", []string{"order", "list", "--account", "nobody@example.com"}},
		{"notpanel key list", []string{"key", "rotate", "key_1"}},
		{"notpanel key list", []string{"key", "revoke", "key_1"}},
		{"notpanel provider list", []string{"provider", "balance", "N"}},
		{"notpanel provider list", []string{"provider", "import", "N", "--markup", "20"}},
		{"notpanel provider list", []string{"provider", "pause", "N"}},
		{"notpanel service list", []string{"service", "set", "1", "--rate", "2"}},
		{"notpanel order list", []string{"order", "show", "17"}},
		{"notpanel order list", []string{"order", "settle", "ord_1", "--cancel"}},
		{"--dialect native", []string{"key", "create", "--account", "a@example.com", "--dialect", "classic"}},
	} {
		contains(t, p.fails(exitFailed, c.args...), c.says)
	}
	if r := p.run("a good password\n", "account", "create", "--email", "A@example.com"); r.code != exitFailed {
		t.Errorf("a second account with the address: exit %d: %s", r.code, r.out)
	}
}

// Programs that read lists find an array, whatever is in it.
func TestEmptyListsAreArrays(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	for _, what := range []string{"account", "key", "provider", "service", "order"} {
		if got := strings.TrimSpace(p.ok(what, "list", "--json")); got != "[]" {
			t.Errorf("%s list --json: %s", what, got)
		}
		if got := p.ok(what, "list"); !strings.Contains(got, "There ") {
			t.Errorf("%s list: %s", what, got)
		}
	}
}

// What providers and customers wrote can't steer the operator's terminal.
func TestPrintableLeavesNothingToObey(t *testing.T) {
	t.Parallel()
	got := printable("red \x1b[31m\x07 two\nlines\ttab \u202eturned é✓ ")
	if want := "red \uFFFD[31m\uFFFD two lines tab \uFFFDturned é✓"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMigrateUpBringsSchema(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	contains(t, p.ok("migrate", "status"), "no", "notpanel migrate up")
	contains(t, p.ok("migrate", "up"), "applied 00001_first.sql", "up to date")
	if got := p.ok("migrate", "up"); strings.Contains(got, "applied") {
		t.Errorf("the second time: %s", got)
	}
	for _, m := range read[[]db.Migration](t, p.ok("migrate", "status", "--json")) {
		if !m.Applied {
			t.Errorf("%s is not applied", m.Name)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if r := runCommand(t, "", "version"); r.code != 0 || !strings.HasPrefix(r.out, "notpanel "+version+" go") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
	}
}
