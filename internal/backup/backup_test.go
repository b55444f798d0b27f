package backup_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/backup"
	"github.com/notpanel/notpanel/internal/bulk"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/incarnation"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// each runs test on a seeded panel of each engine.
func each(t *testing.T, test func(t *testing.T, p *panel)) {
	t.Helper()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			test(t, &panel{Fixture: ordertest.New(t, dbtest.Connect(t, url), "https://provider.example", 100_000*money.Unit), url: url})
		})
	}
}

// panel is a panel with a customer, and its address.
type panel struct {
	*ordertest.Fixture

	url string
}

func (p *panel) source() backup.Source {
	return backup.Source{DB: p.DB, URL: p.url, Program: "test"}
}

// backup writes one and returns its path.
func (p *panel) backup() string {
	p.T.Helper()
	path, _, err := backup.Make(context.Background(), p.source(), p.T.TempDir())
	ordertest.Must(p.T, err)
	return path
}

// place is a new, empty place of the panel's engine.
func (p *panel) place() string {
	p.T.Helper()
	if p.DB.Engine() == db.SQLite {
		return "sqlite:" + filepath.Join(p.T.TempDir(), "restored.db")
	}
	url, drop, err := db.BesideDatabase(context.Background(), p.url, fmt.Sprintf("restored_%d", time.Now().UnixNano()))
	ordertest.Must(p.T, err)
	p.T.Cleanup(func() { ordertest.Must(p.T, drop(context.Background())) })
	return url
}

// restore reads a backup into a place.
func restore(ctx context.Context, path, url string) (s backup.Started, err error) {
	file, err := backup.Open(path)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := file.Check(ctx); err != nil {
		return s, err
	}
	err = file.Restore(ctx, backup.Into{URL: url, Change: func(ctx context.Context, d *db.DB, finish func(*db.Tx) error) error {
		s, err = backup.Incarnation{Actor: "test", Detail: "test", Finish: finish}.Start(ctx, d)
		return err
	}})
	return s, err
}

// restored is the panel in its new place.
func (p *panel) restored(url string) *ordertest.Fixture {
	p.T.Helper()
	f := *p.Fixture
	f.DB = dbtest.Connect(p.T, url)
	return &f
}

// load places orders until stop, which returns how many were answered.
func (p *panel) load() (placed func() int, stop func() int) {
	placer, snapshot := order.NewPlacer(p.DB, order.PlacerOptions{}), p.Snapshot()
	var mu sync.Mutex
	var answered int
	var stopped atomic.Bool
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for n := 0; !stopped.Load(); n++ {
				name := fmt.Sprintf("load-%d-%d", worker, n)
				if _, err := placer.Place(context.Background(), p.Buyer, p.Request(name, "https://example.com/"+name, 10), snapshot); err != nil {
					p.T.Error(err)
					return
				}
				mu.Lock()
				answered++
				mu.Unlock()
			}
		})
	}
	placed = func() int {
		mu.Lock()
		defer mu.Unlock()
		return answered
	}
	return placed, func() int {
		stopped.Store(true)
		wg.Wait()
		placer.Close()
		return placed()
	}
}

// A backup that is made while orders are placed restores to a copy whose books agree
// and that has every order that was answered before it began.
func TestBackupUnderLoadRestoresToAnAuditedCopy(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		t.Helper()
		placed, stop := p.load()
		eventually(t, "orders are placed", func() bool { return placed() >= 50 })
		before := placed()
		path := p.backup()
		after := stop()

		url := p.place()
		started, err := restore(t.Context(), path, url)
		ordertest.Must(t, err)
		copied := p.restored(url)
		copied.Audit()
		if n := int(copied.Count(`SELECT COUNT(*) FROM orders`)); n < before || n > after || n != started.Orders {
			t.Errorf("the copy has %d orders, %d of them uncertain; %d were placed before the backup, %d in all", n, started.Orders, before, after)
		}
		p.Audit() // the panel itself went on
	})
}

// eventually polls until met, for a minute at most.
func eventually(t *testing.T, what string, met func() bool) {
	t.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// What could be sent from a copy of the past waits for a person, its numbers jump,
// whoever was signed in is not any more, and its books still agree when it goes on.
func TestRestoredPanelIsANewIncarnation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		t.Helper()
		move := func(o *order.Order, states ...order.State) {
			for _, to := range states {
				p.Write(func(tx *db.Tx) error {
					locked, book, err := order.Lock(tx, o.ID)
					if err != nil {
						return err
					}
					return order.Transition(tx, book, locked, order.Change{To: to, Actor: "test"})
				})
			}
		}
		pending := p.Place("a", "https://example.com/a", 10)
		held := p.Place("b", "https://example.com/b", 10)
		move(held, order.Held)
		running := p.Place("c", "https://example.com/c", 10)
		move(running, order.Submitting, order.Processing)
		uncertain := p.Place("d", "https://example.com/d", 10)
		move(uncertain, order.Submitting, order.Uncertain)
		p.Exec(`INSERT INTO sessions (id, hash, sign_in_version, data, address, agent, created_at, seen_at, expires_at) VALUES ('s', 'h', 0, '', '', '', 1, 1, 1)`)

		p.Exec(`INSERT INTO bulk_works (id, account_id, deed, needs, total, created_at)
			VALUES ('blk_open', '` + p.Buyer.AccountID + `', '{"Kind":"settle","How":"not_accepted"}', 'orders.settle', 1, 1)`)
		p.Exec(`INSERT INTO bulk_items (work_id, order_id) VALUES ('blk_open', '` + uncertain.ID + `')`)

		url := p.place()
		started, err := restore(t.Context(), p.backup(), url)
		ordertest.Must(t, err)
		if started.Orders != 3 || started.Works != 1 {
			t.Errorf("%+v, want 3 orders and the work for many", started)
		}
		copied := p.restored(url)
		if found, err := bulk.NewStore(copied.DB).Pass(t.Context()); err != nil || found != 0 {
			t.Errorf("of a work that was under way %d orders were done, %v", found, err)
		}
		for _, o := range []*order.Order{pending, held, uncertain} {
			if got := copied.Order(o.ID); got.State != order.Uncertain || !got.EverUnknown {
				t.Errorf("order %d is %s", o.Number, got.State)
			}
		}
		if got := copied.Order(running.ID); got.State != order.Processing {
			t.Errorf("the order that the provider has is %s", got.State)
		}
		if n := copied.Count(`SELECT COUNT(*) FROM sessions`); n != 0 {
			t.Errorf("%d sessions live on", n)
		}
		if next := copied.Place("e", "https://example.com/e", 10); next.Number != uncertain.Number+1+ledger.Jump {
			t.Errorf("the next order is number %d", next.Number)
		}
		copied.Audit()

		var standing incarnation.Standing
		load := func(tx *db.Tx) (err error) {
			standing, err = incarnation.Load(tx)
			return err
		}
		if copied.Read(load); !standing.Waits || standing.Restored != 1 {
			t.Errorf("%+v", standing)
		}
		for _, waited := range []bool{true, false} {
			copied.Write(func(tx *db.Tx) error {
				got, err := incarnation.Resume(tx, "test")
				if got != waited {
					t.Errorf("resumed: %v, want %v", got, waited)
				}
				return err
			})
		}
		if copied.Read(load); standing.Waits {
			t.Errorf("%+v after it was resumed", standing)
		}
		if p.Read(load); standing != (incarnation.Standing{}) {
			t.Errorf("the first panel: %+v", standing)
		}
	})
}

// A backup that was cut off or changed anywhere is refused, and nothing is made of it.
func TestBrokenBackupsAreRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		t.Helper()
		whole, err := os.ReadFile(p.backup())
		ordertest.Must(t, err)
		file, err := backup.Open(write(t, whole))
		ordertest.Must(t, err)
		length, size := int(file.Length), len(whole)
		ordertest.Must(t, file.Close())
		flipped := func(at int) []byte {
			changed := append([]byte(nil), whole...)
			changed[at] ^= 1
			return changed
		}
		const closing = 89 // the last line, with the line end before it
		url := p.place()
		for name, content := range map[string][]byte{
			"empty":                      nil,
			"the first byte":             whole[:1],
			"half of the copy":           whole[:length/2],
			"the copy alone":             whole[:length],
			"half of the manifest":       whole[:length+(size-closing-length)/2],
			"without the closing line":   whole[:size-closing],
			"half of the closing line":   whole[:size-closing/2],
			"the last byte is missing":   whole[:size-1],
			"the first byte is missing":  whole[1:],
			"a page is missing":          append(append([]byte(nil), whole[:length/3]...), whole[length/3+4096:]...),
			"only the end":               whole[length:],
			"a byte more":                append(append([]byte(nil), whole...), '\n'),
			"the first byte changed":     flipped(0),
			"a byte of the copy changed": flipped(length / 2),
			"its last byte changed":      flipped(length - 1),
			"the manifest changed":       flipped(length + 20),
			"the closing line changed":   flipped(size - 5),
			"two in one":                 append(append([]byte(nil), whole...), whole...),
			"a negative length":          closed(whole[:size-closing], -1),
			"no length":                  closed(whole[:size-closing], 0),
			"a length beyond the file":   closed([]byte("x"), 2),
			"a length beyond all bounds": closed(whole[:size-closing], 999_999),
		} {
			if _, err := restore(t.Context(), write(t, content), url); !errors.Is(err, backup.ErrBroken) {
				t.Errorf("%s: %v", name, err)
			}
			if path, isFile := strings.CutPrefix(url, "sqlite:"); isFile {
				if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) > 0 {
					t.Errorf("%s: it left %v", name, left)
				}
			}
		}
		_, err = restore(t.Context(), write(t, whole), url)
		ordertest.Must(t, err)
	})
}

// closed is content with a closing line that names a length, and the SHA-256 of nothing.
func closed(content []byte, length int) []byte {
	return fmt.Appendf(append([]byte(nil), content...), "\nnotpanel-backup %06d %064x\n", length, sha256.Sum256(nil))
}

func write(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.backup")
	ordertest.Must(t, os.WriteFile(path, content, 0o600))
	return path
}

// A backup goes into a new place only: what is there stays as it is.
func TestRestoreTakesNoPlaceThatIsTaken(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		t.Helper()
		path := p.backup()
		o := p.Place("a", "https://example.com/a", 10)
		if _, err := restore(t.Context(), path, p.url); err == nil || !strings.Contains(err.Error(), "there") {
			t.Errorf("into the panel itself: %v", err)
		}
		if got := p.Order(o.ID); got.State != order.Pending {
			t.Errorf("the order is %s", got.State)
		}
		other := "sqlite:" + filepath.Join(t.TempDir(), "x.db")
		if p.DB.Engine() == db.SQLite {
			other = "postgres://nobody@127.0.0.1:1/none"
		}
		if _, err := restore(t.Context(), path, other); err == nil || !strings.Contains(err.Error(), "another kind") {
			t.Errorf("into the other kind: %v", err)
		}
	})
}

// A database into which a backup was read halfway is refused until it is made anew; one
// into which nothing came at all is free again.
func TestHalfRestoredDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	url := dbtest.NewURL(t, db.Postgres)
	p := &panel{Fixture: ordertest.New(t, dbtest.Connect(t, url), "https://provider.example", money.Unit), url: url}
	path, place := p.backup(), p.place()
	file, err := backup.Open(path)
	ordertest.Must(t, err)
	t.Cleanup(func() { _ = file.Close() })
	crash := errors.New("the machine stops")
	err = file.Restore(t.Context(), backup.Into{URL: place, Change: func(context.Context, *db.DB, func(*db.Tx) error) error { return crash }})
	if !errors.Is(err, crash) {
		t.Fatal(err)
	}
	if err := dbtest.Connect(t, place).CheckRestored(t.Context()); !errors.Is(err, db.ErrUnfinished) {
		t.Errorf("half a restore: %v", err)
	}
	if _, err := restore(t.Context(), path, place); !errors.Is(err, db.ErrUnfinished) {
		t.Errorf("into half a restore: %v", err)
	}
}

// A backup is never written over, and one that is under way or was broken off is named.
func TestBackupWritesOverNothing(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	folder := t.TempDir()
	path := filepath.Join(folder, "a.backup")
	from := backup.Source{DB: d, Program: "test"}
	_, _, err := backup.Make(t.Context(), from, path)
	ordertest.Must(t, err)
	first, err := os.ReadFile(path)
	ordertest.Must(t, err)
	if _, _, err := backup.Make(t.Context(), from, path); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("a second time: %v", err)
	}
	if again, _ := os.ReadFile(path); string(again) != string(first) {
		t.Error("the backup was changed")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others may read it", info, err)
	}
	other := filepath.Join(folder, "b.backup")
	ordertest.Must(t, os.WriteFile(other+".partial", nil, 0o600))
	if _, _, err := backup.Make(t.Context(), from, other); err == nil || !strings.Contains(err.Error(), "broken off") {
		t.Errorf("beside a broken one: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := backup.Make(ctx, from, filepath.Join(folder, "c.backup")); err == nil {
		t.Error("a backup was made after it was called off")
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "c.*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
