package apikey_test

import (
	"context"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/secret"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	staff = "cli:root"
	day   = 24 * time.Hour
)

// home is where the tests' requests come from.
var home = netip.MustParseAddr("192.0.2.1")

// node is a panel on a database: what a request meets there.
type node struct {
	*apikey.Store
	*apikey.Authenticator

	d      *db.DB
	ring   *secret.Ring
	epochs *epoch.Reader
	ahead  *atomic.Int64 // nanoseconds that its clock is ahead of the machine's
}

func newNode(d *db.DB, ring *secret.Ring) *node {
	n := &node{d: d, ring: ring, Store: apikey.NewStore(d, ring), epochs: epoch.NewReader(d), ahead: &atomic.Int64{}}
	n.Authenticator = apikey.NewAuthenticator(d, ring, n.now)
	return n
}

func (n *node) now() time.Time { return clock.System().Add(time.Duration(n.ahead.Load())) }

// advance sets the clocks of the node and of its database forward.
func (n *node) advance(by time.Duration) {
	n.ahead.Add(int64(by))
	n.d.AdvanceClock(by)
}

func newRing(t *testing.T, old *secret.Key) (*secret.Ring, secret.Key) {
	t.Helper()
	key := secret.Generate()
	ring, err := secret.NewRing(key, old)
	if err != nil {
		t.Fatal(err)
	}
	return ring, key
}

// each runs test on each engine with one node and an account.
func each(t *testing.T, test func(t *testing.T, n *node, accountID string)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		ring, _ := newRing(t, nil)
		test(t, newNode(d, ring), newAccount(t, d, "ann@example.com"))
	})
}

// eachTwoNodes is each with two nodes on one database.
func eachTwoNodes(t *testing.T, test func(t *testing.T, nodes [2]*node, accountID string)) {
	t.Helper()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			ring, _ := newRing(t, nil)
			nodes := [2]*node{newNode(dbtest.Connect(t, url), ring), newNode(dbtest.Connect(t, url), ring)}
			test(t, nodes, newAccount(t, nodes[0].d, "ann@example.com"))
		})
	}
}

func newAccount(t *testing.T, d *db.DB, email string) (accountID string) {
	t.Helper()
	a, err := account.NewStore(d).Create(t.Context(), email, "correct horse battery", account.Customer, staff)
	if err != nil {
		t.Fatal(err)
	}
	return a.ID
}

func live(accountID string) apikey.NewKey {
	return apikey.NewKey{AccountID: accountID, Name: "a key", Dialect: apikey.Native, Mode: apikey.Live}
}

func issue(t *testing.T, n *node, k apikey.NewKey) (value string, made apikey.Key) {
	t.Helper()
	value, made, err := n.Issue(t.Context(), k, staff)
	if err != nil {
		t.Fatal(err)
	}
	return value, made
}

// request does what a request with that value does: learn the epoch, then who it
// is for.
func (n *node) request(ctx context.Context, value string) (apikey.Principal, error) {
	e, err := n.epochs.Current(ctx)
	if err != nil {
		return apikey.Principal{}, err
	}
	return n.Authenticate(ctx, value, e.Auth, home)
}

func (n *node) auth(t *testing.T) int64 {
	t.Helper()
	e, err := n.epochs.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return e.Auth
}

// stored returns a key as it is in the database.
func (n *node) stored(t *testing.T, keyID string) apikey.Key {
	t.Helper()
	all, err := n.List(t.Context(), "", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range all {
		if k.ID == keyID {
			return k
		}
	}
	t.Fatalf("no key %s", keyID)
	return apikey.Key{}
}

// An issued value works at once, for the account, wallet and dialect that it was
// made for; what is stored is the key without its value.
func TestIssuedKeyAuthenticates(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, accountID string) {
		for _, k := range []apikey.NewKey{
			live(accountID),
			{AccountID: accountID, Name: "", Dialect: apikey.Classic, Mode: apikey.Test, ExpiresAt: n.now().Add(day).Truncate(time.Second).UTC()},
		} {
			value, made := issue(t, n, k)
			p, err := n.request(t.Context(), value)
			if err != nil || p.KeyID != made.ID || p.AccountID != accountID || p.Mode != k.Mode || p.Dialect != k.Dialect ||
				p.State != account.Active || p.Tier != account.Standard || !id.Valid(id.Wallet, p.WalletID) {
				t.Errorf("of %+v: %+v, %v", k, p, err)
			}
			var mode apikey.Mode
			err = n.d.Read(t.Context(), func(tx *db.Tx) error {
				return tx.QueryRow(`SELECT mode FROM wallets WHERE id = $1 AND account_id = $2`, p.WalletID, accountID).Scan(&mode)
			})
			if err != nil || mode != k.Mode {
				t.Errorf("a %s key acts on the %s wallet (%v)", k.Mode, mode, err)
			}
			if got := n.stored(t, made.ID); !reflect.DeepEqual(got, made) || got.Prefix != apikey.DisplayPrefix(value) || !got.ExpiresAt.Equal(k.ExpiresAt) {
				t.Errorf("stored %+v, issued %+v", got, made)
			}
			if !apikey.WellFormed(value) || !strings.HasPrefix(value, made.Prefix) {
				t.Error("the value has not the form of a key")
			}
		}
	})
}

// What is no key is not made, and leaves nothing.
func TestIssueRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, accountID string) {
		for name, c := range map[string]struct {
			change func(*apikey.NewKey)
			want   fault.Code
		}{
			"a long name":     {func(k *apikey.NewKey) { k.Name = strings.Repeat("x", 65) }, fault.Invalid},
			"a line end":      {func(k *apikey.NewKey) { k.Name = "a\nb" }, fault.Invalid},
			"a broken text":   {func(k *apikey.NewKey) { k.Name = "a\xff" }, fault.Invalid},
			"no dialect":      {func(k *apikey.NewKey) { k.Dialect = "" }, fault.Invalid},
			"another dialect": {func(k *apikey.NewKey) { k.Dialect = "soap" }, fault.Invalid},
			"no mode":         {func(k *apikey.NewKey) { k.Mode = "" }, fault.Invalid},
			"another mode":    {func(k *apikey.NewKey) { k.Mode = "prod" }, fault.Invalid},
			"nobody":          {func(k *apikey.NewKey) { k.AccountID = id.New(id.Account) }, fault.NotFound},
		} {
			k := live(accountID)
			c.change(&k)
			if _, _, err := n.Issue(t.Context(), k, staff); !fault.Is(err, c.want) {
				t.Errorf("%s: %v, want %s", name, err, c.want)
			}
		}
		if all, err := n.List(t.Context(), "", "", 10); err != nil || len(all) != 0 {
			t.Errorf("stored %+v, %v", all, err)
		}
	})
}

// Ten keys of an account may be active, live and test together; one that is
// revoked or has expired makes room.
func TestEleventhActiveKeyIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, accountID string) {
		other := newAccount(t, n.d, "bob@example.com")
		var made []apikey.Key
		for i := range apikey.MaxActive {
			k := live(accountID)
			if i%2 == 1 {
				k.Mode = apikey.Test
			}
			if i == 9 {
				k.ExpiresAt = n.now().Add(day)
			}
			_, key := issue(t, n, k)
			made = append(made, key)
		}
		full := func(when string) {
			t.Helper()
			for _, mode := range []apikey.Mode{apikey.Live, apikey.Test} {
				k := live(accountID)
				k.Mode = mode
				if _, _, err := n.Issue(t.Context(), k, staff); !fault.Is(err, fault.Conflict) {
					t.Errorf("%s an eleventh %s key: %v, want Conflict", when, mode, err)
				}
			}
		}
		full("at first")
		issue(t, n, live(other))
		if _, err := n.Revoke(t.Context(), made[0].ID, staff); err != nil {
			t.Fatal(err)
		}
		issue(t, n, live(accountID))
		full("after one was replaced")
		n.advance(day + time.Second)
		issue(t, n, live(accountID))
		full("after one has expired and was replaced")
	})
}

// Ten that ask at once, on two nodes, when nine are active: one wins.
func TestEleventhActiveKeyIsRefusedAlsoWhenRaced(t *testing.T) {
	t.Parallel()
	eachTwoNodes(t, func(t *testing.T, nodes [2]*node, accountID string) {
		for range apikey.MaxActive - 1 {
			issue(t, nodes[0], live(accountID))
		}
		var made atomic.Int64
		var all sync.WaitGroup
		for _, n := range nodes {
			connect(t, n.d, 6)
		}
		release := pileUp(t, nodes[0].d, 10)
		for i := range 10 {
			all.Go(func() {
				_, _, err := nodes[i%2].Issue(t.Context(), live(accountID), staff)
				if err == nil {
					made.Add(1)
				} else if !fault.Is(err, fault.Conflict) {
					t.Errorf("%v, want Conflict", err)
				}
			})
		}
		release()
		all.Wait()
		keys, err := nodes[1].List(t.Context(), accountID, "", 100)
		if err != nil || made.Load() != 1 || len(keys) != apikey.MaxActive {
			t.Errorf("%d were made, %d keys are stored (%v)", made.Load(), len(keys), err)
		}
	})
}

// connect opens connections, so that those who come next need not wait for one.
func connect(t *testing.T, d *db.DB, connections int) {
	t.Helper()
	if connections == 0 || d.Engine() == db.SQLite {
		return
	}
	err := d.Read(t.Context(), func(*db.Tx) error {
		connect(t, d, connections-1)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// pileUp holds the audit log, in which every act ends. release waits until so many
// wait for a lock, and lets them go: all have looked before any has committed.
func pileUp(t *testing.T, d *db.DB, waiting int) (release func()) {
	t.Helper()
	if d.Engine() == db.SQLite {
		return func() {} // one after the other by itself
	}
	held, free, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`SELECT 1 FROM audit_head FOR NO KEY UPDATE`)
			close(held)
			<-free
			return err
		})
	}()
	<-held
	return func() {
		deadline := time.After(time.Minute)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for now := 0; now < waiting; {
			select {
			case <-tick.C:
			case <-deadline:
				t.Errorf("%d of %d wait", now, waiting)
				waiting = 0
			}
			err := d.Read(t.Context(), func(tx *db.Tx) error {
				return tx.QueryRow(`SELECT COUNT(*) FROM pg_stat_activity
					WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&now)
			})
			if err != nil {
				t.Error(err)
				break
			}
		}
		close(free)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// A key can be revoked once and then not rotated; rotating revives no key that
// has expired.
func TestEndedKeysStayEnded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, accountID string) {
		_, revoked := issue(t, n, live(accountID))
		k := live(accountID)
		k.ExpiresAt = n.now().Add(day)
		_, expired := issue(t, n, k)
		n.advance(2 * day)
		got, err := n.Revoke(t.Context(), revoked.ID, staff)
		if err != nil || got.RevokedAt.IsZero() || !reflect.DeepEqual(got, n.stored(t, revoked.ID)) {
			t.Errorf("revoked %+v, %v; stored %+v", got, err, n.stored(t, revoked.ID))
		}
		auth, before := n.auth(t), n.stored(t, expired.ID)
		for name, c := range map[string]struct {
			run  func() error
			want fault.Code
		}{
			"revoke again":   {func() error { _, err := n.Revoke(t.Context(), revoked.ID, staff); return err }, fault.Conflict},
			"rotate revoked": {func() error { _, _, err := n.Rotate(t.Context(), revoked.ID, staff); return err }, fault.Conflict},
			"rotate expired": {func() error { _, _, err := n.Rotate(t.Context(), expired.ID, staff); return err }, fault.Conflict},
			"revoke none":    {func() error { _, err := n.Revoke(t.Context(), id.New(id.Key), staff); return err }, fault.NotFound},
			"rotate none":    {func() error { _, _, err := n.Rotate(t.Context(), id.New(id.Key), staff); return err }, fault.NotFound},
		} {
			if err := c.run(); !fault.Is(err, c.want) {
				t.Errorf("%s: %v, want %s", name, err, c.want)
			}
		}
		if n.auth(t) != auth || !reflect.DeepEqual(n.stored(t, expired.ID), before) {
			t.Error("a refusal changed something")
		}
		if _, err := n.Revoke(t.Context(), expired.ID, staff); err != nil {
			t.Errorf("an expired key can't be revoked: %v", err)
		}
	})
}

// Keys are listed oldest first, of one account or of all, in pages.
func TestList(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, accountID string) {
		other := newAccount(t, n.d, "bob@example.com")
		var all, own []string
		for i := range 5 {
			of := accountID
			if i%2 == 1 {
				of = other
			}
			_, k := issue(t, n, live(of))
			all = append(all, k.ID)
			if of == accountID {
				own = append(own, k.ID)
			}
		}
		for of, want := range map[string][]string{"": all, accountID: own, id.New(id.Account): nil} {
			var got []string
			after := ""
			for {
				page, err := n.List(t.Context(), of, after, 2)
				if err != nil {
					t.Fatal(err)
				}
				if len(page) == 0 {
					break
				}
				for _, k := range page {
					got = append(got, k.ID)
				}
				after = got[len(got)-1]
			}
			if !slices.Equal(got, want) {
				t.Errorf("of %q: %v, want %v", of, got, want)
			}
		}
	})
}

// Whoever reads the whole database, its files included, finds no value of a key:
// no more of it than the four characters that are shown.
func TestNoValueIsInTheDatabase(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, accountID string) {
		first, k := issue(t, n, live(accountID))
		second, _, err := n.Rotate(t.Context(), k.ID, staff)
		if err != nil {
			t.Fatal(err)
		}
		third, other := issue(t, n, apikey.NewKey{AccountID: accountID, Dialect: apikey.Classic, Mode: apikey.Test})
		values := []string{first, second, third, apikey.NewValue(apikey.Live)} // the last is unknown
		for _, value := range values {
			_, _ = n.request(t.Context(), value)
		}
		for _, use := range []error{n.WriteUses(t.Context()), n.NoteInURL(t.Context(), k.ID)} {
			if use != nil {
				t.Error(use)
			}
		}
		if _, err := n.Revoke(t.Context(), other.ID, staff); err != nil {
			t.Fatal(err)
		}
		dump := dump(t, n.d)
		if !strings.Contains(dump, k.ID) || !strings.Contains(dump, apikey.DisplayPrefix(second)) {
			t.Fatal("the dump is not whole")
		}
		for _, value := range values {
			hidden := strings.TrimPrefix(value, apikey.DisplayPrefix(value))
			for at := range len(hidden) - 8 {
				if strings.Contains(dump, hidden[at:at+8]) {
					t.Errorf("a part of a value is in the database: %s", hidden[at:at+8])
				}
			}
		}
	})
}

// dump returns everything that is in a database as text, and of SQLite its files.
func dump(t *testing.T, d *db.DB) string {
	t.Helper()
	columns := `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'`
	if d.Engine() == db.SQLite {
		columns = `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'`
	}
	var b strings.Builder
	err := d.Read(t.Context(), func(tx *db.Tx) error {
		queries, err := db.All(tx, func(s db.Scanner) (string, error) {
			var table, column string
			err := s.Scan(&table, &column)
			return `SELECT COALESCE(CAST("` + column + `" AS TEXT), '') FROM "` + table + `"`, err
		}, columns)
		if err != nil {
			return err
		}
		for _, q := range queries {
			cells, err := db.All(tx, func(s db.Scanner) (text string, err error) {
				err = s.Scan(&text)
				return text, err
			}, q)
			if err != nil {
				return err
			}
			b.WriteString(strings.Join(cells, "\n") + "\n")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if d.Engine() == db.SQLite {
		for _, file := range []string{d.SQLitePath(), d.SQLitePath() + "-wal"} {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b.Write(content)
		}
	}
	return b.String()
}

// However many keys an account has had, those in use are shown.
func TestLatestShowsWhatIsInUse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, accountID string) {
		_, oldest := issue(t, n, live(accountID))
		for range 8 {
			_, k := issue(t, n, live(accountID))
			if _, err := n.Revoke(t.Context(), k.ID, staff); err != nil {
				t.Fatal(err)
			}
		}
		_, newest := issue(t, n, live(accountID))
		expiring := live(accountID)
		expiring.ExpiresAt = n.now().Add(time.Hour)
		issue(t, n, expiring)
		n.advance(2 * time.Hour)
		all, err := n.Latest(t.Context(), accountID, 4)
		if err != nil || len(all) != 4 || all[0].ID != newest.ID || all[1].ID != oldest.ID || all[2].RevokedAt.IsZero() == all[2].ExpiresAt.IsZero() {
			t.Errorf("%+v, %v", all, err)
		}
		other := newAccount(t, n.d, "bob@example.com")
		if all, err := n.Latest(t.Context(), other, 4); err != nil || len(all) != 0 {
			t.Errorf("another's: %+v, %v", all, err)
		}
	})
}

// An id that is no text is nobody's, on either database.
func TestOwnKnowsNoIDThatIsNoText(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, accountID string) {
		for _, bad := range []string{"", "\xff", "a\x00b", "key_"} {
			if _, err := n.Own(t.Context(), accountID, bad); !fault.Is(err, fault.NotFound) {
				t.Errorf("%q: %v, want NotFound", bad, err)
			}
		}
	})
}
