//go:build linux

package e2e_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/secret"
)

// What most tests order: images whose background is removed, sold at 24.00 per
// 1,000, so that 100 cost 2.40.
const (
	number   = "107" // at the provider
	quantity = 100
	charge   = money.Amount(2_400_000)
)

// each runs a test on an empty database of each engine.
func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, engine))
		})
	}
}

// world is a panel's database, seen beside the processes that work on it.
type world struct {
	t         testing.TB
	url       string
	secretKey string
	ring      *secret.Ring
	db        *db.DB
	accounts  *account.Store
	keys      *apikey.Store
	catalog   *catalog.Store
	providers *provider.Store
}

// newWorld makes an empty database. After the test, when its processes have
// ended, `notpanel audit` proves it.
func newWorld(t testing.TB, engine db.Engine) *world {
	t.Helper()
	return newWorldAt(t, dbtest.NewURL(t, engine))
}

// newWorldAt is newWorld on a database that is there.
func newWorldAt(t testing.TB, url string) *world {
	t.Helper()
	key := secret.Generate()
	ring, err := secret.NewRing(key, nil)
	must(t, err)
	w := &world{t: t, url: url, secretKey: key.Reveal(), ring: ring}
	t.Cleanup(w.audit)
	w.db = dbtest.Connect(t, w.url)
	w.accounts, w.keys = account.NewStore(w.db), apikey.NewStore(w.db, ring)
	w.catalog, w.providers = catalog.NewStore(w.db), provider.NewStore(w.db, ring)
	return w
}

// must ends the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// unlimited is the environment in which nothing limits requests: tests are in a
// hurry.
var unlimited = []string{"NOTPANEL_LIMIT_IP=0", "NOTPANEL_LIMIT_KEY=0", "NOTPANEL_LIMIT_TIERS=standard=0,reseller=0,agency=0"}

// env is the environment of every process that works on this database.
func (w *world) env(more ...string) []string {
	return slices.Concat([]string{
		"NOTPANEL_DATABASE_URL=" + w.url,
		"NOTPANEL_SECRET_KEY=" + w.secretKey,
		"NOTPANEL_OUTBOUND_ALLOW=127.0.0.0/8",
	}, unlimited, more)
}

// try runs a command to its end.
func (w *world) try(stdin string, args ...string) (code int, stdout, stderr string) {
	w.t.Helper()
	p := start(w.t, launch{args: args, env: w.env(), stdin: stdin})
	code = p.wait()
	return code, p.stdout.String(), p.stderr.String()
}

// command runs a command that must succeed and returns what it printed.
func (w *world) command(args ...string) string {
	w.t.Helper()
	return w.commandWith("", args...)
}

// commandWith is command with something on standard input.
func (w *world) commandWith(stdin string, args ...string) string {
	w.t.Helper()
	code, stdout, stderr := w.try(stdin, args...)
	if code != 0 {
		w.t.Fatalf("notpanel %s: exit code %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// refused runs a command that must fail and returns why it did.
func (w *world) refused(args ...string) string {
	w.t.Helper()
	code, stdout, stderr := w.try("", args...)
	if code != 1 {
		w.t.Fatalf("notpanel %s: exit code %d, want 1\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stderr
}

// audit proves the books.
func (w *world) audit() {
	w.t.Helper()
	if code, stdout, stderr := w.try("", "audit"); code != 0 {
		w.t.Errorf("notpanel audit: exit code %d\n%s%s", code, stdout, stderr)
	}
}

// customer is an account with a key of each mode.
type customer struct {
	account           account.Account
	wallet, playMoney string // ids
	key, testKey      string
	keyID             string
}

// customer adds an account with money.
func (w *world) customer(balance money.Amount) *customer {
	w.t.Helper()
	ctx := w.t.Context()
	a, err := w.accounts.Create(ctx, strings.ToLower(rand.Text())+"@example.com", password, account.Customer, "test")
	must(w.t, err)
	c := &customer{account: a}
	if balance > 0 {
		_, err = w.accounts.Credit(ctx, a.ID, balance, "test", "test")
		must(w.t, err)
	}
	var k apikey.Key
	c.key, k, err = w.keys.Issue(ctx, apikey.NewKey{AccountID: a.ID, Dialect: apikey.Native, Mode: apikey.Live}, "test")
	must(w.t, err)
	c.keyID = k.ID
	c.testKey, _, err = w.keys.Issue(ctx, apikey.NewKey{AccountID: a.ID, Dialect: apikey.Native, Mode: apikey.Test}, "test")
	must(w.t, err)
	w.read(func(tx *db.Tx) error {
		if c.wallet, err = ledger.WalletID(tx, a.ID, ledger.Live); err == nil {
			c.playMoney, err = ledger.WalletID(tx, a.ID, ledger.Test)
		}
		return err
	})
	return c
}

// newKey gives a customer another live key.
func (w *world) newKey(c *customer) string {
	w.t.Helper()
	key, _, err := w.keys.Issue(w.t.Context(), apikey.NewKey{AccountID: c.account.ID, Dialect: apikey.Native, Mode: apikey.Live}, "test")
	must(w.t, err)
	return key
}

// password is every account's.
const password = "correct horse battery"

// source is a provider of the panel.
type source struct {
	provider provider.Provider
	services map[string]int64 // the panel's number by the provider's
}

// service is what most tests order.
func (s *source) service() string { return strconv.FormatInt(s.services[number], 10) }

// source adds a provider and sells what it lists at 20 % more.
func (w *world) source(name, address string) *source {
	w.t.Helper()
	ctx := w.t.Context()
	p, err := w.providers.Add(ctx, name, address+"/api/v2", upstreamKey, "test")
	must(w.t, err)
	allow, err := outbound.ParseAllow("127.0.0.0/8")
	must(w.t, err)
	markup, err := money.ParsePercent("20%")
	must(w.t, err)
	_, err = provider.Importer{
		Providers: w.providers, Catalog: w.catalog, Guard: outbound.NewOperator(allow), Timeout: 10 * time.Second, Currency: "USD",
	}.Import(ctx, p.ID, markup, "test")
	must(w.t, err)
	s := &source{provider: p, services: map[string]int64{}}
	services, err := w.catalog.List(ctx)
	must(w.t, err)
	for _, v := range services {
		if v.Source.ProviderID == p.ID {
			s.services[v.Source.ProviderService] = v.ID
		}
	}
	return s
}

// read runs fn on a snapshot.
func (w *world) read(fn func(tx *db.Tx) error) {
	w.t.Helper()
	must(w.t, w.db.Read(context.WithoutCancel(w.t.Context()), fn))
}

// write runs fn in a transaction.
func (w *world) write(fn func(tx *db.Tx) error) {
	w.t.Helper()
	must(w.t, w.db.Write(context.WithoutCancel(w.t.Context()), fn))
}

// count runs a query for one number.
func (w *world) count(query string, args ...any) (n int64) {
	w.t.Helper()
	w.read(func(tx *db.Tx) error { return tx.QueryRow(query, args...).Scan(&n) })
	return n
}

// order reads an order.
func (w *world) order(orderID string) (o *order.Order) {
	w.t.Helper()
	w.read(func(tx *db.Tx) (err error) {
		o, err = order.Get(tx, orderID)
		return err
	})
	return o
}

// submissions reads all sendings of an order.
func (w *world) submissions(orderID string) (all []*fulfil.Submission) {
	w.t.Helper()
	w.read(func(tx *db.Tx) (err error) {
		all, err = fulfil.Submissions(tx, orderID)
		return err
	})
	return all
}

// reaches waits until an order is in a state and returns it.
func (w *world) reaches(orderID string, state order.State) (o *order.Order) {
	w.t.Helper()
	eventually(w.t, orderID+" becomes "+string(state), func() bool {
		o = w.order(orderID)
		return o.State == state
	})
	return o
}

// holds fails the test unless a wallet holds exactly that.
func (w *world) holds(walletID string, want money.Amount) {
	w.t.Helper()
	w.read(func(tx *db.Tx) error {
		balance, err := ledger.Balance(tx, walletID)
		if err == nil && balance != want {
			w.t.Errorf("the wallet holds %s, want %s", balance, want)
		}
		return err
	})
}

// moved returns the sum and the number of an order's transfers of a kind.
func (w *world) moved(kind ledger.Kind, orderID string) (sum money.Amount, transfers int64) {
	w.t.Helper()
	w.read(func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT), COUNT(*) FROM transfers
			WHERE kind = $1 AND (ref = $2 OR ref LIKE $3)`, string(kind), orderID, orderID+".%").Scan(&sum, &transfers)
	})
	return sum, transfers
}

// endLeases makes it some minutes later for work whose process is gone: the
// leases of its calls have run out, those of its questions about orders too. It
// returns how many calls that were.
func (w *world) endLeases() (ended int64) {
	w.t.Helper()
	w.write(func(tx *db.Tx) (err error) {
		past := db.At(tx.Now.Add(-time.Second))
		if ended, err = tx.Exec(`UPDATE submissions SET lease_until = $1 WHERE outcome = 'sending'`, past); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE orders SET next_check_at = $1 WHERE state IN ('processing', 'in_progress')`, past)
		return err
	})
	return ended
}

// decode reads JSON that a program of ours wrote.
func decode[T any](t testing.TB, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return v
}

// discard is the log of what runs in the tests' own process.
var discard = slog.New(slog.DiscardHandler)
