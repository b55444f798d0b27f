package requestlog

import (
	"context"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/secret"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// noon is when the tests' requests come in, unless they say otherwise.
var noon = time.Date(2026, 3, 10, 12, 30, 0, 0, time.UTC)

// log is a recorder and what it has written.
type log struct {
	testing.TB
	*Recorder
	*Store

	d    *db.DB
	lost map[string]int
	keys *apikey.Store
}

func newLog(t testing.TB, d *db.DB) *log {
	t.Helper()
	ring, err := secret.NewRing(secret.Generate(), nil)
	must(t, err)
	l := &log{TB: t, d: d, lost: map[string]int{}, keys: apikey.NewStore(d, ring), Store: NewStore(d)}
	l.Recorder = NewRecorder(d, func(what string, n int) { l.lost[what] += n })
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// account makes an account with keys.
func (l *log) account(email string, keys int) (accountID string, keyIDs []string) {
	l.Helper()
	a, err := account.NewStore(l.d).Create(context.Background(), email, "a long password", account.Customer, "test")
	must(l, err)
	for range keys {
		_, k, err := l.keys.Issue(context.Background(), apikey.NewKey{AccountID: a.ID, Dialect: apikey.Native, Mode: apikey.Live}, "test")
		must(l, err)
		keyIDs = append(keyIDs, k.ID)
	}
	return a.ID, keyIDs
}

// entry is an answered request of a key.
func entry(accountID, keyID, action string) Entry {
	return Entry{
		ID: id.New(id.Request), AccountID: accountID, KeyID: keyID, Mode: "live", Dialect: "native", At: noon, Action: action,
		Status: 200, Duration: 1500 * time.Microsecond, Client: netip.MustParseAddr("192.0.2.7"),
	}
}

// refused is a refused one.
func refused(accountID, keyID, action string) Entry {
	e := entry(accountID, keyID, action)
	e.Status, e.Refused, e.Error = 400, fault.Invalid, "Missing required parameter: service"
	return e
}

func (l *log) flush() {
	l.Helper()
	must(l, l.Flush(context.Background()))
}

// counts is all that is counted, summed by "key action".
func (l *log) counts() (all map[string]count) {
	l.Helper()
	all = map[string]count{}
	must(l, l.d.Read(context.Background(), func(tx *db.Tx) error {
		clear(all)
		return tx.Each(func(s db.Scanner) error {
			var key, action string
			var c count
			err := s.Scan(&key, &action, &c.ok, &c.refused)
			all[key+" "+action] = c
			return err
		}, `SELECT key_id, action, CAST(SUM(ok) AS BIGINT), CAST(SUM(refused) AS BIGINT) FROM api_usage GROUP BY key_id, action`)
	}))
	return all
}

// sum adds up all counts.
func (l *log) sum() (all count) {
	l.Helper()
	for _, c := range l.counts() {
		all.ok += c.ok
		all.refused += c.refused
	}
	return all
}

// rows counts the rows of a table.
func (l *log) rows(table string) (n int) {
	l.Helper()
	must(l, l.d.Read(context.Background(), func(tx *db.Tx) error { return tx.QueryRow(`SELECT COUNT(*) FROM ` + table).Scan(&n) }))
	return n
}

// exec runs statements.
func (l *log) exec(statements ...string) {
	l.Helper()
	must(l, l.d.Write(context.Background(), func(tx *db.Tx) error {
		for _, one := range statements {
			if _, err := tx.Exec(one); err != nil {
				return err
			}
		}
		return nil
	}))
}

// names makes n names.
func names(prefix string, n int) (all []string) {
	for i := range n {
		all = append(all, prefix+strconv.Itoa(i))
	}
	return all
}

func ids(page []Entry) (all []string) {
	for _, e := range page {
		all = append(all, e.ID)
	}
	return all
}
