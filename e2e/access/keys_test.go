package access_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/identity"
)

var keyValue = regexp.MustCompile(`np_(?:live|test)_[0-9A-Za-z]{49}`)

// newKey is the form of a key with what is changed in it: names and values.
func newKey(changes ...string) url.Values {
	form := url.Values{"name": {"Shop"}, "user": {"own"}, "mode": {"live"}, "expires": {"never"}, "password": {password}}
	for i := 0; i+1 < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return form
}

// keys are those of an account.
func (p *panel) keys(accountID string) []apikey.Key {
	p.t.Helper()
	all, err := p.Core.Keys.List(p.t.Context(), accountID, "", 100)
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

// call asks the API for the balance with a key.
func (p *panel) call(value string) answer {
	p.t.Helper()
	return p.nobody().ask(http.MethodPost, "/api/v2", url.Values{"key": {value}, "action": {"balance"}})
}

// made creates a key by the form and returns its value.
func (v *visitor) made(form url.Values) string {
	v.p.t.Helper()
	got := v.ask(http.MethodPost, "/dashboard/api/keys", form)
	value := keyValue.FindString(got.body)
	if got.status != http.StatusOK || value == "" {
		v.p.t.Fatalf("no key was made: %d %s", got.status, got.body)
	}
	return value
}

// A key is made by who proves themselves in the same form. A wrong password makes
// nothing, and what was typed stays but the password.
func TestKeyNeedsThePasswordInTheForm(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, nil)
	a := p.account("member@example.com", account.Customer)
	v := p.signedIn("member@example.com")
	for _, wrong := range []string{"", "not the password", password + " "} {
		got := v.ask(http.MethodPost, "/dashboard/api/keys", newKey("name", "Winter shop", "password", wrong))
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "The password is not right") {
			t.Errorf("%q: %d", wrong, got.status)
		}
		if !strings.Contains(got.body, "Winter shop") || wrong != "" && strings.Contains(got.body, wrong) {
			t.Errorf("%q: the form lost the name or shows the password", wrong)
		}
		if n := len(p.keys(a.ID)); n != 0 {
			t.Fatalf("%d keys were made", n)
		}
	}
	value := v.made(newKey())
	if got := p.call(value); got.status != http.StatusOK || !strings.Contains(got.body, `"balance":"0.00"`) {
		t.Errorf("the key does not work: %d %s", got.status, got.body)
	}
	if got := v.ask(http.MethodGet, "/dashboard/api", nil); strings.Contains(got.body, "never") || !strings.Contains(got.body, "just now") {
		t.Error("the page does not know of a use at once")
	}
}

// A value is shown by the answer that made it and never again: no page holds it,
// and the database only its hash.
func TestKeyIsShownOnce(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, nil)
	a := p.account("member@example.com", account.Customer)
	v := p.signedIn("member@example.com")
	got := v.ask(http.MethodPost, "/dashboard/api/keys", newKey())
	value := keyValue.FindString(got.body)
	if value == "" || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", got.status, got.header)
	}
	k := p.keys(a.ID)[0]
	for _, path := range []string{"/dashboard", "/dashboard/api", "/dashboard/api/keys/" + k.ID, "/dashboard/api/keys/" + k.ID + "/settings"} {
		page := v.ask(http.MethodGet, path, nil)
		if page.status != http.StatusOK || strings.Contains(page.body, value) {
			t.Errorf("%s: %d, with the value: %t", path, page.status, strings.Contains(page.body, value))
		}
		if keyValue.MatchString(page.body) {
			t.Errorf("%s shows a value", path)
		}
	}
	if !strings.HasPrefix(value, k.Prefix) || len(k.Prefix) != len("np_live_")+4 {
		t.Errorf("%q is shown of a value", k.Prefix)
	}
	for table, rows := range dump(t, p) {
		if strings.Contains(rows, value) {
			t.Errorf("the value is kept in %s", table)
		}
	}
}

// dump returns every table of a SQLite database as text.
func dump(t *testing.T, p *panel) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := p.Core.DB.Read(t.Context(), func(tx *db.Tx) error {
		tables, err := db.All(tx, func(s db.Scanner) (name string, err error) {
			err = s.Scan(&name)
			return name, err
		}, `SELECT name FROM sqlite_master WHERE type = 'table'`)
		if err != nil {
			return err
		}
		for _, table := range tables {
			columns, err := db.All(tx, func(s db.Scanner) (name string, err error) {
				err = s.Scan(&name)
				return name, err
			}, `SELECT name FROM pragma_table_info('`+table+`')`)
			if err != nil {
				return err
			}
			for _, column := range columns {
				rows, err := db.All(tx, func(s db.Scanner) (text string, err error) {
					err = s.Scan(&text)
					return text, err
				}, `SELECT COALESCE(CAST("`+column+`" AS TEXT), '') FROM "`+table+`"`)
				if err != nil {
					return err
				}
				all[table] += strings.Join(rows, "\n")
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Rotating asks for the password too; then the old value is refused and the new
// one works, and revoking ends it.
func TestKeyIsRotatedAndRevoked(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, nil)
	a := p.account("member@example.com", account.Customer)
	v := p.signedIn("member@example.com")
	old := v.made(newKey())
	k := p.keys(a.ID)[0]
	rotate := "/dashboard/api/keys/" + k.ID + "/rotate"
	if got := v.ask(http.MethodPost, rotate, url.Values{"password": {"not the password"}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong password: %d", got.status)
	}
	if got := p.call(old); got.status != http.StatusOK {
		t.Errorf("the old value after a refusal: %d %s", got.status, got.body)
	}
	got := v.ask(http.MethodPost, rotate, url.Values{"password": {password}})
	value := keyValue.FindString(got.body)
	if value == "" || value == old {
		t.Fatalf("rotated to %q: %d", value, got.status)
	}
	if refused, works := p.call(old), p.call(value); refused.status != http.StatusBadRequest || works.status != http.StatusOK {
		t.Errorf("old %d %s, new %d", refused.status, refused.body, works.status)
	}
	if got := v.ask(http.MethodPost, "/dashboard/api/keys/"+k.ID+"/revoke", url.Values{}); got.status != http.StatusSeeOther {
		t.Errorf("revoke: %d", got.status)
	}
	if got := p.call(value); got.status != http.StatusBadRequest || !strings.Contains(got.body, "Invalid API key") {
		t.Errorf("a revoked key: %d %s", got.status, got.body)
	}
}

// The eleventh key is refused in words that say what to do, and not made.
func TestEleventhKeyIsRefused(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, nil)
	a := p.account("member@example.com", account.Customer)
	v := p.signedIn("member@example.com")
	for range apikey.MaxActive {
		v.made(newKey("mode", "test"))
	}
	got := v.ask(http.MethodPost, "/dashboard/api/keys", newKey())
	if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "You have 10 active keys") || len(p.keys(a.ID)) != apikey.MaxActive {
		t.Errorf("%d with %d keys", got.status, len(p.keys(a.ID)))
	}
}

// A cap is typed as the member's language writes amounts, and comes back so in the
// form, which changes nothing where it is sent as it is.
func TestACapInTheMembersLanguage(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, nil)
	a := p.account("member@example.com", account.Customer)
	v := p.signedIn("member@example.com")
	if err := p.Core.Accounts.SetPreferences(t.Context(), a.ID, account.Preferences{Language: "tr"}); err != nil {
		t.Fatal(err)
	}
	v.made(newKey("daily_cap", "1,125"))
	settings := "/dashboard/api/keys/" + p.keys(a.ID)[0].ID + "/settings"
	if got := v.ask(http.MethodGet, settings, nil); !strings.Contains(got.body, `value="1,125"`) {
		t.Errorf("the form is not in Turkish: %s", got.body)
	}
	same := url.Values{"name": {"Shop"}, "user": {"own"}, "daily_cap": {"1,125"}, "expires": {"keep"}, "password": {password}}
	if got := v.ask(http.MethodPost, settings, same); got.status != http.StatusSeeOther {
		t.Errorf("sent as it is: %d", got.status)
	}
	if k := p.keys(a.ID)[0]; k.DailyCap == nil || k.DailyCap.String() != "1.125" {
		t.Errorf("the cap is %v", k.DailyCap)
	}
}

// A change of settings asks for the password, whatever it changes; a wrong one
// leaves the key as it was.
func TestKeySettingsNeedThePassword(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, nil)
	a := p.account("member@example.com", account.Customer)
	v := p.signedIn("member@example.com")
	v.made(newKey("networks", "203.0.113.0/24\n2001:db8::/32", "daily_cap", "25.00", "per_minute", "7", "expires", "30"))
	k := p.keys(a.ID)[0]
	if len(k.Networks) != 2 || k.DailyCap.String() != "25.00" || k.PerMinute != 7 || k.ExpiresAt.IsZero() {
		t.Fatalf("made %+v", k)
	}
	loosened := url.Values{"name": {"Shop"}, "user": {"panel"}, "networks": {""}, "daily_cap": {""}, "per_minute": {""}, "expires": {"never"}, "allow_get": {"on"}}
	settings := "/dashboard/api/keys/" + k.ID + "/settings"
	if got := v.ask(http.MethodPost, settings, loosened); got.status != http.StatusUnprocessableEntity {
		t.Errorf("without a password: %d", got.status)
	}
	if same := p.keys(a.ID)[0]; len(same.Networks) != 2 || same.DailyCap == nil || same.Dialect != apikey.Native || same.ExpiresAt.IsZero() {
		t.Errorf("it was changed all the same: %+v", same)
	}
	loosened.Set("password", password)
	if got := v.ask(http.MethodPost, settings, loosened); got.status != http.StatusSeeOther {
		t.Errorf("with it: %d %s", got.status, got.body)
	}
	if k := p.keys(a.ID)[0]; len(k.Networks) != 0 || k.DailyCap != nil || k.PerMinute != 0 || k.Dialect != apikey.Classic || !k.AllowGET || !k.ExpiresAt.IsZero() {
		t.Errorf("set to %+v", k)
	}
}

// What can't be is told beside its field, and nothing is made.
func TestKeyFormNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, nil)
	a := p.account("member@example.com", account.Customer)
	v := p.signedIn("member@example.com")
	for field, value := range map[string]string{
		"name": strings.Repeat("n", 41), "networks": "203.0.113.0/99", "daily_cap": "a lot", "per_minute": "0",
	} {
		got := v.ask(http.MethodPost, "/dashboard/api/keys", newKey(field, value))
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `id="`+field+`-error"`) {
			t.Errorf("%s: %d", field, got.status)
		}
	}
	if n := len(p.keys(a.ID)); n != 0 {
		t.Errorf("%d keys were made", n)
	}
}

// A log that is asked for from no entry of it begins at the front.
func TestRequestLogBeginsAtTheFrontWithoutAnEntry(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, nil)
	a := p.account("member@example.com", account.Customer)
	v := p.signedIn("member@example.com")
	v.ask(http.MethodPost, "/dashboard/api/keys", newKey())
	at := "/dashboard/api/keys/" + p.keys(a.ID)[0].ID
	for _, before := range []string{"junk", "req_01", "req_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9", strings.Repeat("9", 70), "%00", "%ff"} {
		if got := v.ask(http.MethodGet, at+"?before="+before, nil); got.status != http.StatusOK {
			t.Errorf("%s: %d", before, got.status)
		}
	}
}

// Script in what somebody types is text wherever it is shown.
func TestKeyNameIsText(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, nil)
	a := p.account("member@example.com", account.Customer)
	v := p.signedIn("member@example.com")
	const script = `"><script>alert(1)</script>`
	made := v.ask(http.MethodPost, "/dashboard/api/keys", newKey("name", script))
	k := p.keys(a.ID)[0]
	pages := map[string]string{"made": made.body}
	for _, path := range []string{"/dashboard/api", "/dashboard/api/keys/" + k.ID, "/dashboard/api/keys/" + k.ID + "/settings", "/dashboard/api/keys/" + k.ID + "/revoke"} {
		pages[path] = v.ask(http.MethodGet, path, nil).body
	}
	for _, field := range []string{"name", "networks", "daily_cap", "per_minute", "user", "mode", "expires"} {
		pages["again with "+field] = v.ask(http.MethodPost, "/dashboard/api/keys", newKey(field, script, "password", "")).body
	}
	for where, body := range pages {
		if strings.Contains(body, "<script>alert") {
			t.Errorf("%s runs what was typed", where)
		}
	}
	if !strings.Contains(pages["/dashboard/api"], "&lt;script&gt;alert(1)") {
		t.Error("the name is not shown")
	}
}

// Where there is a second factor, the password alone makes no key.
func TestKeyNeedsTheSecondFactorToo(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, nil)
	a := p.account("member@example.com", account.Customer)
	v := p.signedIn("member@example.com")
	_, recovery := v.enrol()
	for _, code := range []string{"", "000000", "not-a-recovery-code"} {
		got := v.ask(http.MethodPost, "/dashboard/api/keys", newKey("code", code))
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `id="code-error"`) || len(p.keys(a.ID)) != 0 {
			t.Errorf("%q: %d", code, got.status)
		}
	}
	v.made(newKey("code", recovery[0]))
	if got := v.ask(http.MethodPost, "/dashboard/api/keys", newKey("code", recovery[0])); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a recovery code twice: %d", got.status)
	}
	if n := len(p.keys(a.ID)); n != 1 {
		t.Errorf("%d keys", n)
	}
}

// Who has not confirmed their address can't sign in, by the page and with the right
// password, and makes no key.
func TestUnverifiedMakeNoKeys(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, nil)
	v := p.nobody()
	v.within(func(ctx context.Context) error {
		return p.People().SignUp(ctx, identity.NewPerson{Email: "new@example.com", Password: password})
	})
	a, err := p.Core.Accounts.Find(t.Context(), "new@example.com")
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []url.Values{
		{"email": {"new@example.com"}, "password": {password}},
		{"email": {"new@example.com"}, "password": {"not the password"}},
		{"email": {"nobody@example.com"}, "password": {password}},
	} {
		got := v.ask(http.MethodPost, "/login", form)
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "or the address is not confirmed yet: look into your inbox.") ||
			len(got.header.Values("Set-Cookie")) != 0 {
			t.Errorf("%s: %d, %v", form.Get("email"), got.status, got.header.Values("Set-Cookie"))
		}
	}
	got := v.ask(http.MethodPost, "/dashboard/api/keys", newKey())
	if got.status != http.StatusSeeOther || !strings.HasPrefix(got.location, "/login") || len(p.keys(a.ID)) != 0 {
		t.Errorf("%d to %s, %d keys", got.status, got.location, len(p.keys(a.ID)))
	}
}
