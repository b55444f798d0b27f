package db_test

import (
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
)

// What is given to PostgreSQL's own programs holds no password, and nothing that only
// our driver knows; the whole address keeps what it was.
func TestAddressWithoutPassword(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]struct{ argument, password, other, place string }{
		"postgres://u:p%40ss:w@h:5432/panel?sslmode=require&pool_max_conns=9": {
			"postgres://u@h:5432/panel?sslmode=require", "p@ss:w", "postgres://u:p%40ss%3Aw@h:5432/other?sslmode=require", "h:5432/panel",
		},
		"postgresql://u@a:1,b:2/panel?target_session_attrs=read-write": {
			"postgresql://u@a:1,b:2/panel?target_session_attrs=read-write", "", "postgresql://u@a:1,b:2/other?target_session_attrs=read-write", "a:1,b:2/panel",
		},
		"postgres://h/panel?password=secret&user=u": {"postgres://h/panel?user=u", "secret", "postgres://:secret@h/other?user=u", "h/panel"},
		"postgres:///panel?host=/run/postgresql":    {"postgres:///panel?host=%2Frun%2Fpostgresql", "", "postgres:///other?host=%2Frun%2Fpostgresql", "/panel"},
	} {
		a := db.ParseAddress(address)
		if got := a.WithoutPassword(); got != want.argument || a.Password() != want.password || a.Place() != want.place {
			t.Errorf("%s: %s, password %q, place %s", address, got, a.Password(), a.Place())
		}
		if got := a.WithDatabase("other").String(); got != want.other {
			t.Errorf("%s: the other database is %s", address, got)
		}
		if strings.Contains(a.Place(), "secret") {
			t.Errorf("%s: %s", address, a.Place())
		}
	}
}
