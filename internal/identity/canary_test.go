package identity

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
)

// dump returns every row of every table of a SQLite database as text, but of the
// tests' outbox.
func dump(t *testing.T, d *db.DB) string {
	t.Helper()
	var all strings.Builder
	err := d.Read(t.Context(), func(tx *db.Tx) error {
		text := func(s db.Scanner) (one string, err error) { return one, s.Scan(&one) }
		tables, err := db.All(tx, text, `SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'test_mails'`)
		if err != nil {
			return err
		}
		for _, table := range tables {
			columns, err := db.All(tx, text, `SELECT name FROM pragma_table_info($1)`, table)
			if err != nil {
				return err
			}
			for _, column := range columns {
				values, err := db.All(tx, text, fmt.Sprintf(`SELECT COALESCE(CAST("%s" AS TEXT), '') FROM "%s"`, column, table))
				if err != nil {
					return err
				}
				all.WriteString(strings.Join(values, "\n") + "\n")
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// No password, token, seed, recovery code or cookie stands in the database or the
// log, nor in what an error tells.
func TestSecretsAreKeptNowhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t, db.SQLite))
	secrets := map[string]string{"password": password, "wrong password": "wrong wrong 77", "new password": another}
	var said strings.Builder
	tell := func(err error) { fmt.Fprintf(&said, "%v %+v\n", err, err) }

	b := h.browser()
	if err := b.signUp(ann, password); err != nil {
		t.Fatal(err)
	}
	h.mailed("")
	_, err := b.signIn(ann, password) // sends the link again
	tell(err)
	secrets["verification token"] = h.token(MailVerify)
	tell(b.setByToken(secrets["verification token"], another))
	if err := b.verify(secrets["verification token"], password); err != nil {
		t.Fatal(err)
	}
	secrets["session"], secrets["device"] = b.cookies[SessionCookie], b.cookies[DeviceCookie]
	_, err = b.signIn(ann, secrets["wrong password"])
	tell(err)
	seed, codes := b.enrol()
	secrets["seed"], secrets["recovery code"], secrets["bare recovery code"] = seed, codes[0], strings.ReplaceAll(codes[0], "-", "")
	if _, err := b.signIn(ann, password); err != nil {
		t.Fatal(err)
	}
	secrets["pending session"] = b.cookies[SessionCookie]
	tell(b.code(codes[0] + "x"))
	if err := b.code(codes[1]); err != nil {
		t.Fatal(err)
	}
	secrets["session after the second factor"] = b.cookies[SessionCookie]
	if err := b.reset(ann); err != nil {
		t.Fatal(err)
	}
	secrets["reset token"] = h.token(MailReset)
	b.must(func(ctx context.Context) error { return h.RequestEmailChange(ctx, "new@example.com") })
	secrets["change token"] = h.token(MailChange)
	_, _ = h.browser().signIn("stranger@example.com", password)
	secrets["a stranger's address"] = "stranger@example.com"

	// A request whose session can't be read is logged.
	_ = h.db.Close()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, public+"/", nil)
	r.AddCookie(&http.Cookie{Name: SessionCookie, Value: b.cookies[SessionCookie]})
	w := httptest.NewRecorder()
	h.LoadAndSave(http.NotFoundHandler()).ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(h.log.String(), "session not available") {
		t.Errorf("without a database: %d, logged %q", w.Code, h.log.String())
	}
	kept := dump(t, dbtest.Connect(t, "sqlite:"+h.db.SQLitePath()))
	if !strings.Contains(kept, ann) {
		t.Fatal("the dump is empty")
	}
	for name, value := range secrets {
		for place, text := range map[string]string{"database": kept, "log": h.log.String(), "errors": said.String()} {
			if value == "" || strings.Contains(text, value) {
				t.Errorf("the %s %q stands in the %s", name, value, place)
			}
		}
	}
}
