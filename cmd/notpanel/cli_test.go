package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/alecthomas/kong"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
)

// panel is a database of a test's own, and the command line on it.
type panel struct {
	t   *testing.T
	dir string
	url string
}

func newPanel(t *testing.T) *panel {
	t.Helper()
	p := noPanel(t)
	p.ok("migrate", "up")
	return p
}

// noPanel is the command line on a database that is not there.
func noPanel(t *testing.T) *panel {
	t.Helper()
	dir := t.TempDir()
	return &panel{t, dir, "sqlite:" + filepath.Join(dir, "panel.db")}
}

// files are the names of what is in the panel's folder.
func (p *panel) files() (names []string) {
	p.t.Helper()
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
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
	var out, said bytes.Buffer
	code := run(t.Context(), args, terminal{in: strings.NewReader(input), out: &out, err: &said})
	return ran{out.String(), said.String(), code}
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
	p := noPanel(t)
	for _, args := range [][]string{
		{"account"},
		{"account", "create"},
		{"account", "create", "--email", "a@example.com"}, // no password on standard input
		{"account", "create", "--email", "a@example.com", "--role", "king"},
		{"account", "credit", "a@example.com", "100.00"},
		{"account", "credit", "a@example.com", "ten", "--reason", "x"},
		{"account", "credit", "a@example.com", "0.0000001", "--reason", "x"},
		{"account", "credit", "a@example.com", "0", "--reason", "x"},
		{"account", "credit", "a@example.com", "1", "--reason", ""},
		{"account", "credit", "a@example.com", "1", "--reason", "\u202etxt"},
		{"account", "credit", "a@example.com", "-5", "--reason", "x"},
		{"provider", "pause", "N", "--reason", "\x1b[2J"},
		{"account", "tier", "a@example.com", "gold"},
		{"account", "suspend"},
		{"key", "create"},
		{"key", "create", "--account", "a@example.com", "--mode", "both"},
		{"key", "create", "--account", "a@example.com", "--expires", "-3d"},
		{"key", "create", "--account", "a@example.com", "--expires", "soon"},
		{"provider", "add", "--name", "N"},
		{"provider", "add", "--name", "N", "--url", "https://provider.example", "--key", "-"},
		{"provider", "import"},
		{"provider", "import", "N", "--markup", "much"},
		{"service", "set", "1"},
		{"service", "set", "one", "--rate", "1"},
		{"service", "set", "1", "--state", "gone"},
		{"service", "set", "1", "--overlap", "maybe"},
		{"service", "set", "1", "--link-form", "all"},
		{"service", "set", "1", "--at", "2030-01-01T00:00:00Z"},
		{"service", "set", "1", "--rate", "1", "--in", "soon"},
		{"service", "set", "1", "--rate", "1", "--at", "2026-12-01"},
		{"provider", "set", "N"},
		{"service", "set", "1", "--rate", "1", "--in", "1h", "--at", "2030-01-01T00:00:00Z"},
		{"service", "set", "1", "--rate", "1", "--in", "1h", "--name", "x"},
		{"service", "text", "1", "de"},
		{"category", "text", "Adverts", "de"},
		{"price", "tier", "gold", "10"},
		{"price", "tier", "agency", "much"},
		{"price", "set", "a@example.com", "1", "cheap"},
		{"block", "add", "shop.example"},
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
	for _, args := range [][]string{
		{"serve", "--listen", "foo"},
		{"serve", "--listen", "127.0.0.1:http"},
		{"serve", "--listen", "127.0.0.1:70000"},
		{"serve", "--listen", "0.0.0.0:0"},
		{"serve", "--listen", "0.0.0.0:0", "--dev"},
		{"serve", "--ops-listen", "foo"},
		{"serve", "--public-url", "panel.example"},
		{"serve", "--public-url", "http://panel.example"},
		{"serve", "--trusted-proxies", "x"},
		{"serve", "--outbound-allow", "x"},
		{"serve", "--provider-timeout", "0s"},
		{"serve", "--provider-timeout", "soon"},
		{"serve", "--tls-cert", "cert.pem"},
		{"serve", "--database-url", "mysql://127.0.0.1/panel"},
		{"demo", "--listen", "foo"},
		{"demo", "--listen", "0.0.0.0:0"},
		{"demo", "--listen", "0.0.0.0:0", "--public"},
		{"demo", "--ops-listen", "foo"},
		{"simulator", "--listen", "foo"},
		{"simulator", "--listen", "0.0.0.0:0"},
		{"simulator", "--key", ""},
		{"audit", "--database-url", "sqlite:"},
		{"audit", "--database-url", "panel.db"},
		{"provider", "pause", "N", "--database-url", "panel.db"},
		{"migrate", "up", "--database-url", "sqlite::memory:"},
		{"provider", "balance", "N", "--outbound-allow", "x"},
	} {
		if r := runCommand(t, "", args...); r.code != exitUsage || r.err == "" {
			t.Errorf("%v: exit %d, want %d: %s%s", args, r.code, exitUsage, r.out, r.err)
		}
	}
	if made := p.files(); len(made) > 0 {
		t.Errorf("wrong usage made %v", made)
	}
}

// What a store refuses as malformed is wrong usage as well.
func TestRefusedFieldExitsWithTwo(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("a@example.com")
	for says, args := range map[string][]string{
		"name must have":        {"key", "create", "--account", "a@example.com", "--name", strings.Repeat("x", 65)},
		"name must be one line": {"key", "create", "--account", "a@example.com", "--name", "a\u009b31m"},
		"name must have 1":      {"provider", "add", "--name", " ", "--url", "https://p.example", "--key", "k"},
		"name must be":          {"provider", "add", "--name", "a\u202eb", "--url", "https://p.example", "--key", "k"},
		"url must be":           {"provider", "add", "--name", "N", "--url", "https://p.example/\u2066", "--key", "k"},
		"url must be the full":  {"provider", "add", "--name", "N", "--url", "p.example", "--key", "k"},
		"--reason must be one":  {"account", "credit", "a@example.com", "1", "--reason", "two\nlines"},
	} {
		contains(t, p.fails(exitUsage, args...), says)
	}
	if r := p.run("short\n", "account", "create", "--email", "b@example.com"); r.code != exitUsage {
		t.Errorf("a short password: exit %d: %s", r.code, r.err)
	}
}

// The commands of an operator, with enough arguments to be parsed.
func operatorCommands() [][]string {
	return [][]string{
		{"account", "credit", "a@example.com", "1", "--reason", "x"},
		{"account", "tier", "a@example.com", "agency"},
		{"account", "list"},
		{"account", "suspend", "a@example.com"},
		{"account", "resume", "a@example.com"},
		{"key", "create", "--account", "a@example.com"},
		{"key", "rotate", "key_1"},
		{"key", "revoke", "key_1"},
		{"key", "list"},
		{"provider", "add", "--name", "N", "--url", "https://p.example", "--key", "k"},
		{"provider", "import", "N", "--markup", "20"},
		{"provider", "list"},
		{"provider", "balance", "N"},
		{"provider", "pause", "N"},
		{"provider", "resume", "N"},
		{"service", "list"},
		{"service", "set", "1", "--rate", "1"},
		{"service", "text", "1", "de", "--name", "x"},
		{"category", "list"},
		{"category", "text", "Adverts", "de", "--name", "x"},
		{"price", "tier", "reseller", "10"},
		{"price", "set", "a@example.com", "1", "0.50"},
		{"price", "remove", "a@example.com", "1"},
		{"price", "list"},
		{"block", "add", "shop.example", "--reason", "x"},
		{"block", "remove", "shop.example"},
		{"block", "list"},
		{"order", "list"},
		{"order", "show", "ord_1"},
		{"order", "settle", "ord_1", "--cancel"},
		{"audit"},
		{"migrate", "status"},
	}
}

// A command on a mistyped address makes no panel there.
func TestMissingDatabaseIsNotMade(t *testing.T) {
	t.Parallel()
	p := noPanel(t)
	for _, args := range operatorCommands() {
		contains(t, p.fails(exitFailed, args...),
			filepath.Join(p.dir, "panel.db"), "NOTPANEL_DATABASE_URL", "notpanel serve", "notpanel account create")
	}
	if made := p.files(); len(made) > 0 {
		t.Errorf("there is %v", made)
	}
	p.account("a@example.com") // the first command of a new panel
	p.ok("audit")
}

// A file without the panel's tables stays without them.
func TestDatabaseWithoutPanelIsNotMade(t *testing.T) {
	t.Parallel()
	p := noPanel(t)
	if err := os.WriteFile(filepath.Join(p.dir, "panel.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range operatorCommands() {
		contains(t, p.fails(exitFailed, args...), "no panel", "notpanel migrate up")
	}
	if made := p.files(); len(made) != 1 {
		t.Errorf("there is %v", made)
	}
}

// On PostgreSQL nothing is made either.
func TestPostgresWithoutPanelIsNotMade(t *testing.T) {
	t.Parallel()
	url := dbtest.NewURL(t, db.Postgres)
	d := dbtest.Connect(t, url)
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		if _, err := tx.Exec(`DROP SCHEMA public CASCADE`); err != nil {
			return err
		}
		_, err := tx.Exec(`CREATE SCHEMA public`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range operatorCommands() {
		p := &panel{t, t.TempDir(), url}
		contains(t, p.fails(exitFailed, args...), "no panel", "notpanel migrate up")
	}
	var tables int
	err = d.Read(t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'`).Scan(&tables)
	})
	if err != nil || tables != 0 {
		t.Errorf("%d tables were made (%v)", tables, err)
	}
}

// Only who is asked to migrates.
func TestOutdatedSchemaIsRefused(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.tamper(`DELETE FROM goose_db_version WHERE version_id = (SELECT MAX(version_id) FROM goose_db_version)`)
	for _, args := range operatorCommands() {
		if args[0] != "migrate" {
			contains(t, p.fails(exitFailed, args...), "notpanel migrate up")
		}
	}
	contains(t, p.ok("migrate", "status"), "no", "notpanel migrate up")
}

// What is no database is named as such, and what to do about it.
func TestWhatIsNoDatabaseIsNamed(t *testing.T) {
	t.Parallel()
	p := noPanel(t)
	text := filepath.Join(p.dir, "letter.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("Dear Sir or Madam, ", 10)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ url, says string }{
		{"sqlite:" + text, "letter.txt is not a database"},
		{"sqlite:" + p.dir, "is a folder: name a file in it"},
		{"sqlite:/dev/null", "is no file"},
		{"sqlite:" + filepath.Join(text, "panel.db"), "--database-url"},
	} {
		for _, args := range [][]string{{"audit"}, {"migrate", "up"}, {"account", "list"}} {
			there := &panel{t, p.dir, c.url}
			contains(t, there.fails(exitFailed, args...), c.says)
		}
	}
	if made := p.files(); len(made) != 1 {
		t.Errorf("there is %v", made)
	}
}

// A folder that can't be written is said to be one.
func TestFolderThatCanNotBeWritten(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	p := noPanel(t)
	if err := os.Chmod(p.dir, 0o500); err != nil {
		t.Fatal(err)
	}
	contains(t, p.fails(exitFailed, "migrate", "up"), "may write the file and its folder")
}

// A minus is no flag to the one who writes it.
func TestNegativeCreditIsShownHow(t *testing.T) {
	t.Parallel()
	p := noPanel(t)
	for _, amount := range []string{"-5", "-5.00", "-.5"} {
		contains(t, p.fails(exitUsage, "account", "credit", "a@example.com", amount, "--reason", "x"), "account credit E --reason … -- -5.00")
	}
	if said := p.fails(exitUsage, "account", "credit", "a@example.com", "--why"); strings.Contains(said, "--reason … --") {
		t.Errorf("another mistake: %s", said)
	}
}

// Programs can read whatever a list or a new thing is printed as.
func TestListsAndNewThingsHaveJSON(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&commands{}, kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(true) {
		switch leaf.Name {
		case "list", "create", "add", "credit", "show", "set", "import", "rotate", "balance", "status", "audit":
			if !slices.ContainsFunc(leaf.Flags, func(f *kong.Flag) bool { return f.Name == "json" }) {
				t.Errorf("%s has no --json", leaf.Path())
			}
		}
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
		{"notpanel service list", []string{"service", "set", "1", "--rate", "2", "--in", "1h"}},
		{"notpanel service list", []string{"service", "text", "1", "de", "--name", "x"}},
		{"notpanel service list", []string{"price", "set", "a@example.com", "1", "0.50"}},
		{"notpanel account list", []string{"price", "set", "nobody@example.com", "1", "0.50"}},
		{"notpanel price list", []string{"price", "remove", "a@example.com", "1"}},
		{"notpanel category list", []string{"category", "text", "Adverts", "de", "--name", "x"}},
		{"notpanel block list", []string{"block", "remove", "shop.example"}},
		{"notpanel order list", []string{"order", "show", "17"}},
		{"notpanel order list", []string{"order", "settle", "ord_1", "--cancel"}},
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
	for _, what := range []string{"account", "key", "provider", "service", "category", "price", "block", "order"} {
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

// Nothing that is written to a terminal steers it; JSON loses nothing by that.
func TestOutputSteersNoTerminal(t *testing.T) {
	t.Parallel()
	const evil = "a\u009b31m\x1b[2J\x7f\u202eb\u2066c\U000e0041 é\u00a0✓"
	var out bytes.Buffer
	safe := terminal{out: &out, err: &out}.safe()
	say(safe, errors.New(evil+"\nnotpanel: all is well \x9b"))
	fmt.Fprintf(safe.out, "%s\tx\n", evil)
	if err := safe.json(map[string]string{"name": evil}); err != nil {
		t.Fatal(err)
	}
	for _, r := range out.String() {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Cf, r) {
			t.Errorf("%U is printed: %q", r, out.String())
		}
	}
	contains(t, out.String(), "é", "✓", "\n  notpanel: all is well")
	printed := out.String()
	if got := read[map[string]string](t, printed[strings.Index(printed, "{"):]); got["name"] != evil {
		t.Errorf("JSON says %q, want %q", got["name"], evil)
	}
}

func TestMigrateUpBringsSchema(t *testing.T) {
	t.Parallel()
	p := noPanel(t)
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
