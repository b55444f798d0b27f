package account_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
)

// record adds rows to the log, in transactions of a hundred.
func record(t *testing.T, d *db.DB, rows int) {
	t.Helper()
	for first := 0; first < rows; first += 100 {
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			for i := first; i < min(first+100, rows); i++ {
				if err := account.Record(tx, "an actor", "an action", "a target", fmt.Sprintf("detail %d", i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// The proof walks the whole log, page by page, also where it ends with a page.
func TestVerifyLogWalksEveryRow(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for _, rows := range []int64{0, 3, 500, 1203} {
			record(t, d, int(rows-count(t, d, "audit_log")))
			if got := verified(t, d); got != rows {
				t.Errorf("it walked %d rows, there are %d", got, rows)
			}
		}
	})
}

// Acts that have nothing to do with each other, at the same time on two nodes,
// make one chain.
func TestActsAtTheSameTimeMakeOneChain(t *testing.T) {
	t.Parallel()
	const actors, acts = 16, 10
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			nodes := []*db.DB{dbtest.Connect(t, url), dbtest.Connect(t, url)}
			var all sync.WaitGroup
			for i := range actors {
				all.Go(func() {
					for range acts {
						err := nodes[i%2].Write(t.Context(), func(tx *db.Tx) error {
							return account.Record(tx, "an actor", "an action", "a target", "")
						})
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			if got := verified(t, nodes[0]); got != actors*acts {
				t.Errorf("%d rows, want %d", got, actors*acts)
			}
		})
	}
}

// A row that was changed, added or taken out is found, and where; so is a log
// whose end was cut off.
func TestVerifyLogFindsTampering(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ statement, found string }{
		"detail changed":             {`UPDATE audit_log SET detail = 'nothing' WHERE seq = 3`, "row 3"},
		"actor changed":              {`UPDATE audit_log SET actor = 'somebody' WHERE seq = 1`, "row 1"},
		"time changed":               {`UPDATE audit_log SET at = at - 1 WHERE seq = 5`, "row 5"},
		"a word moved":               {`UPDATE audit_log SET actor = 'an', action = ' actoran action' WHERE seq = 2`, "row 2"},
		"hash changed":               {`UPDATE audit_log SET hash = 'x' WHERE seq = 5`, "row 5"},
		"first row taken out":        {`DELETE FROM audit_log WHERE seq = 1`, "row 2"},
		"third row taken out":        {`DELETE FROM audit_log WHERE seq = 3`, "row 4"},
		"the end cut off":            {`DELETE FROM audit_log WHERE seq >= 4`, "ends at row 3"},
		"everything taken out":       {`DELETE FROM audit_log`, "ends at row 0"},
		"a row put in":               {`INSERT INTO audit_log (seq, at, actor, action, target, detail, hash) VALUES (6, 1, '', '', '', '', '')`, "row 6"},
		"first row moved to the end": {`UPDATE audit_log SET seq = 6 WHERE seq = 1`, "row 2"},
		"its head set back":          {`UPDATE audit_head SET seq = 4`, "head says 4"},
		"its head's hash changed":    {`UPDATE audit_head SET hash = 'x'`, "audit log"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				record(t, d, 5)
				tamper(t, d, c.statement)
				var found []string
				if _, err := account.VerifyLog(t.Context(), d, func(text string) { found = append(found, text) }); err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(strings.Join(found, "\n"), c.found) {
					t.Errorf("it says %q, want %q named", found, c.found)
				}
			})
		})
	}
}

// tamper runs a statement past the triggers that keep the log as it is.
func tamper(t *testing.T, d *db.DB, statement string) {
	t.Helper()
	statements := []string{`ALTER TABLE audit_log DISABLE TRIGGER USER`, statement}
	if d.Engine() == db.SQLite {
		statements = []string{`DROP TRIGGER IF EXISTS audit_log_stays`, `DROP TRIGGER IF EXISTS audit_log_kept`, statement}
	}
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
