package account_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
)

var (
	counted = regexp.MustCompile(`(?:Rows Removed by [^:]*: |actual rows=)(\d+)`)
	scanned = regexp.MustCompile(`(?m)^(SCAN|SEARCH) \w+( USING (COVERING )?INDEX \w+ \()?`)
)

// bounded wants a statement that is read from the end of an index, and little of it:
// PostgreSQL says how many rows it has passed over, SQLite how it would go about it.
func bounded(t *testing.T, tx *db.Tx, engine db.Engine, what, text string, args []any) {
	t.Helper()
	var plan []string
	scan := func(r db.Scanner) error {
		var line string
		err := r.Scan(&line)
		plan = append(plan, line)
		return err
	}
	explain := `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) `
	if engine == db.SQLite {
		explain = `EXPLAIN QUERY PLAN `
		scan = func(r db.Scanner) error {
			var id, parent, unused int64
			var line string
			err := r.Scan(&id, &parent, &unused, &line)
			plan = append(plan, line)
			return err
		}
	}
	if err := tx.Each(scan, explain+text, args...); err != nil {
		t.Fatalf("%s: %v\n%s", what, err, text)
	}
	whole := strings.Join(plan, "\n")
	bad := strings.Contains(whole, "TEMP B-TREE") || strings.Contains(whole, "Seq Scan")
	for _, n := range counted.FindAllStringSubmatch(whole, -1) {
		rows, err := strconv.Atoi(n[1])
		bad = bad || err != nil || rows > 1000
	}
	for _, way := range scanned.FindAllStringSubmatch(whole, -1) {
		bad = bad || way[1] == "SCAN" && !strings.HasSuffix(text, `ORDER BY a.id DESC LIMIT $1`) || way[1] == "SEARCH" && way[2] == ""
	}
	if bad {
		t.Errorf("%s\n%s\n%v\nis read by\n%s", what, text, args, whole)
	}
}

// write runs statements.
func write(t *testing.T, d *db.DB, statements ...string) {
	t.Helper()
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

const many = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) `

// However the log is narrowed, and however few of many rows that leaves, a page of it
// is read from the end of an index.
func TestAPageOfTheLogIsBounded(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := account.NewStore(d)
		// Each pair of what is looked for is common, and all three are nowhere.
		write(t, d, many+`INSERT INTO audit_log (seq, at, actor, target, action, detail, hash)
			SELECT i, CAST(i AS BIGINT) * 10000000, CASE WHEN i % 3 = 0 THEN 'other' ELSE 'busy' END, CASE WHEN i % 3 = 1 THEN 'other' ELSE 'thing' END,
				CASE WHEN i = 7 THEN 'rare' WHEN i % 3 = 2 THEN 'other' ELSE 'common' END, '', '' FROM n`, `ANALYZE audit_log`)
		at := func(i int64) time.Time { return time.UnixMicro(i * 10000000) }
		for name, c := range map[string]struct {
			q    account.LogQuery
			want int
		}{
			"all":                       {account.LogQuery{}, 51},
			"an actor":                  {account.LogQuery{Actor: "busy"}, 51},
			"nobody":                    {account.LogQuery{Actor: "nobody"}, 0},
			"an actor and a rare act":   {account.LogQuery{Actor: "busy", Action: "rare"}, 1},
			"an actor without the act":  {account.LogQuery{Actor: "other", Action: "rare"}, 0},
			"a target and a rare act":   {account.LogQuery{Target: "thing", Action: "rare"}, 0},
			"an actor and a target":     {account.LogQuery{Actor: "busy", Target: "other"}, 51},
			"an act":                    {account.LogQuery{Action: "common"}, 51},
			"all three, nowhere":        {account.LogQuery{Actor: "busy", Target: "thing", Action: "common"}, 0},
			"all three, going on":       {account.LogQuery{Actor: "busy", Target: "other", Action: "common", Before: 9000}, 51},
			"long ago":                  {account.LogQuery{Actor: "busy", Until: at(100)}, 51},
			"a stretch without the act": {account.LogQuery{Actor: "busy", Action: "rare", From: at(4000), Until: at(19000)}, 0},
			"after all":                 {account.LogQuery{Actor: "busy", From: at(900000)}, 0},
		} {
			c.q.Limit = 50
			page, next, err := s.Log(t.Context(), c.q)
			if err != nil || len(page) != min(c.want, 50) || (next > 0) != (c.want > 50) {
				t.Errorf("%s: %d rows and then %d, %v; want %d", name, len(page), next, err, c.want)
			}
			err = d.Read(t.Context(), func(tx *db.Tx) error {
				text, args, err := c.q.Statement(tx)
				if err == nil {
					bounded(t, tx, d.Engine(), name, text, args)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// However accounts are narrowed, and however few of many that leaves, a page of them is
// read from the end of an index.
func TestAPageOfAccountsIsBounded(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := account.NewStore(d)
		write(t, d, many+`INSERT INTO accounts (id, email, password_hash, state, tier, role, created_at, closed_at)
			SELECT 'acc_' || (100000 + i), CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END || (100000 + i) || '@example.com', '',
				CASE WHEN i % 3 = 0 THEN 'suspended' ELSE 'active' END, CASE WHEN i % 3 = 1 THEN 'agency' ELSE 'standard' END, 'customer', i,
				CASE WHEN i % 3 = 0 THEN 5 END FROM n`,
			`INSERT INTO wallets (id, account_id, mode, balance, seq, last_number) SELECT 'w' || id, id, 'live', 0, 0, 0 FROM accounts`)
		for _, name := range []string{"a-rare@example.com", "b-other@example.com"} {
			create(t, d, name)
		}
		if _, err := s.SetState(t.Context(), "a-rare@example.com", account.Suspended, staff); err != nil {
			t.Fatal(err)
		}
		write(t, d, `ANALYZE accounts`)
		for name, c := range map[string]struct {
			q    account.Query
			want int
		}{
			"all":                              {account.Query{}, 51},
			"going on":                         {account.Query{After: "acc_110000"}, 51},
			"a beginning":                      {account.Query{Email: "a1"}, 51},
			"suspended among closed":           {account.Query{State: account.Suspended}, 1},
			"a beginning and suspended":        {account.Query{Email: "a", State: account.Suspended}, 1},
			"another beginning and suspended":  {account.Query{Email: "b", State: account.Suspended}, 0},
			"closed":                           {account.Query{State: account.Closed}, 51},
			"owners":                           {account.Query{Role: account.Owner}, 0},
			"active, going on":                 {account.Query{State: account.Active, After: "acc_110000"}, 51},
			"resellers":                        {account.Query{Tier: account.Reseller}, 0},
			"closed agencies":                  {account.Query{State: account.Closed, Tier: account.Agency}, 0},
			"a beginning, agencies, customers": {account.Query{Email: "a1", Tier: account.Agency, Role: account.Customer}, 51},
			"a beginning, going on":            {account.Query{Email: "a1", State: account.Active, After: "a110000@example.com"}, 51},
		} {
			c.q.Limit = 50
			page, next, err := s.Search(t.Context(), c.q)
			if err != nil || len(page) != min(c.want, 50) || (next != "") != (c.want > 50) {
				t.Errorf("%s: %d accounts and then %q, %v; want %d", name, len(page), next, err, c.want)
			}
			err = d.Read(t.Context(), func(tx *db.Tx) error {
				text, rows := c.q.Statements()
				for _, args := range rows {
					bounded(t, tx, d.Engine(), name, text, args)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}
