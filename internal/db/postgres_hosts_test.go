package db_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
)

// way leads to a server, and may fall silent: what is sent on it then arrives nowhere,
// and nobody learns of that.
type way struct {
	address string
	silent  atomic.Bool
	deaf    atomic.Bool  // to connections that come
	asked   atomic.Int64 // connections that came
	carries sync.WaitGroup

	mu    sync.Mutex
	sides []net.Conn
	left  bool
}

func newWay(t *testing.T, server string) *way {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{address: listener.Addr().String()}
	var accepts sync.WaitGroup
	accepts.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			w.asked.Add(1)
			if w.deaf.Load() {
				defer func() { _ = near.Close() }()
				continue
			}
			far, err := net.Dial("tcp", server)
			if err != nil || !w.carry(near, far) {
				_ = near.Close()
			}
		}
	})
	t.Cleanup(func() {
		w.leave()
		_ = listener.Close()
		accepts.Wait()
	})
	return w
}

// carry joins two sides, unless the way has ended.
func (w *way) carry(near, far net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left {
		_ = far.Close()
		return false
	}
	w.sides = append(w.sides, near, far)
	w.carries.Go(func() { w.send(far, near) })
	w.carries.Go(func() { w.send(near, far) })
	return true
}

func (w *way) send(to, from net.Conn) {
	b := make([]byte, 16<<10)
	for {
		n, err := from.Read(b)
		if w.silent.Load() {
			if err != nil {
				return
			}
			continue
		}
		if _, writeErr := to.Write(b[:n]); err != nil || writeErr != nil {
			_ = to.Close()
			return
		}
	}
}

// leave ends its connections, and from then on each that comes. It keeps its port, which
// another test could get otherwise.
func (w *way) leave() {
	w.mu.Lock()
	w.left = true
	w.silent.Store(false)
	for _, side := range w.sides {
		_ = side.Close()
	}
	w.mu.Unlock()
	w.carries.Wait()
}

// several is an address of several ways to a server. With primary it asks for a server
// that takes writes.
func several(url string, primary bool, ways ...*way) string {
	addresses := make([]string, len(ways))
	for i, w := range ways {
		addresses[i] = w.address
	}
	url = strings.Replace(url, serverOf(url), strings.Join(addresses, ","), 1)
	if primary {
		url += "&target_session_attrs=read-write"
	}
	return url
}

// serverOf is the host and port of an address with one.
func serverOf(url string) string {
	server, _, _ := strings.Cut(db.ParseAddress(url).Place(), "/")
	return server
}

// behindSilent is a database at two servers, the first of which is silent.
func behindSilent(t *testing.T, primary bool) (d *db.DB, first, second *way) {
	t.Helper()
	url := dbtest.NewURL(t, db.Postgres)
	first, second = newWay(t, serverOf(url)), newWay(t, serverOf(url))
	first.silent.Store(true)
	return dbtest.Connect(t, several(url, primary, first, second)), first, second
}

// Of several servers the one that fell silent is tried last: it costs one new connection
// its wait, and not all of them. It is not given up: where the others are gone it is
// tried again.
func TestSilentServerIsTriedLast(t *testing.T) {
	t.Parallel()
	const connections = 4
	d, first, second := behindSilent(t, true)
	asked := first.asked.Load()
	if asked == 0 || second.asked.Load() == 0 {
		t.Fatalf("%d connections went to the first server, %d to the second", asked, second.asked.Load())
	}
	readAtOnce(t, d, connections)
	if n := first.asked.Load(); n != asked {
		t.Errorf("%d more connections went to the silent server", n-asked)
	}
	if n := second.asked.Load(); n < connections {
		t.Errorf("%d connections went to the other one, want %d", n, connections)
	}

	first.silent.Store(false)
	second.leave()
	eventually(t, "the server that speaks again is found", func() bool {
		return d.Read(t.Context(), func(*db.Tx) error { return nil }) == nil
	})
	if first.asked.Load() == asked {
		t.Error("no connection went to the server that speaks again")
	}
}

// Where any server will do, the first is tried first, silent or not: the others may be
// standbys, and would be taken for good.
func TestOrderOfServersStaysWhereAnyWillDo(t *testing.T) {
	t.Parallel()
	const connections = 3
	d, first, _ := behindSilent(t, false)
	asked := first.asked.Load()
	readAtOnce(t, d, connections)
	if n := first.asked.Load() - asked; n < connections-1 {
		t.Errorf("%d of %d connections tried the first server first", n, connections-1)
	}
}

// A server whose COMMIT waits for a standby that is away is not silent: it is the primary
// still, and the others of the address are not tried before it.
func TestUnconfirmedCommitIsNoSilence(t *testing.T) {
	t.Parallel()
	url := withoutStandby(t)
	createThings(t, dbtest.Connect(t, url))
	first, second := newWay(t, serverOf(url)), newWay(t, serverOf(url))
	d, err := db.Open(t.Context(), several(url, true, first, second), db.Patiently(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if err := d.Write(t.Context(), replicated); !errors.Is(err, db.ErrOutcomeUnknown) {
		t.Errorf("Write = %v, want ErrOutcomeUnknown", err)
	}
	readAtOnce(t, d, 3)
	if n := second.asked.Load(); n != 0 {
		t.Errorf("%d connections went to the other server", n)
	}
}

// Who finds nothing but connections that rested, to a server that has fallen silent since,
// is answered by another server while the caller still waits: each that finds out lets all
// go, and none keeps its place in the pool until it has ended.
func TestRestedConnectionsToASilentServerHoldUpNobody(t *testing.T) {
	t.Parallel()
	for what, callers := range map[string]int{"a caller": 1, "a crowd": db.DefaultPool} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, db.Postgres)
			first, second := newWay(t, serverOf(url)), newWay(t, serverOf(url))
			d := dbtest.Connect(t, several(url, true, first, second))
			readAtOnce(t, d, db.DefaultPool)
			time.Sleep(1200 * time.Millisecond) // what rested for less than a second is not asked whether it leads anywhere
			first.silent.Store(true)
			readAtOnce(t, d, callers)
			if second.asked.Load() == 0 {
				t.Error("no connection went to the other server")
			}
		})
	}
}

// Where a new connection is not to be had, those that are there stay: a server that takes
// long for new ones would otherwise lose all that serve.
func TestConnectionsThatServeStayBesideOneThatIsNotToBeHad(t *testing.T) {
	t.Parallel()
	const connections = 4
	url := dbtest.NewURL(t, db.Postgres)
	only := newWay(t, serverOf(url))
	d := dbtest.Connect(t, several(url, true, only))
	readAtOnce(t, d, connections)
	only.deaf.Store(true)
	if failed := tryAtOnce(t, d, connections+1); failed != 1 {
		t.Errorf("%d reads failed, want that of a new connection", failed)
	}
	readAtOnce(t, d, connections)
	if n := only.asked.Load(); n != connections+1 {
		t.Errorf("%d connections came, want %d that serve and the one that does not", n, connections)
	}
}

// A write that is under way when connections are let go comes to its end.
func TestLettingGoLeavesAWriteUnderWay(t *testing.T) {
	t.Parallel()
	d := openThings(t, db.Postgres)
	write(t, d, func(tx *db.Tx) error {
		if err := insertThings(tx, 1); err != nil {
			return err
		}
		d.LetGo()
		return insertThings(tx, 2)
	})
	write(t, d, insert(3)) // on a new connection
	if got := stored(t, d); !slices.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("stored %v", got)
	}
}

// readAtOnce lets as many read at once as there are to be connections.
func readAtOnce(t *testing.T, d *db.DB, connections int) {
	t.Helper()
	if failed := tryAtOnce(t, d, connections); failed > 0 {
		t.Errorf("%d of %d reads failed", failed, connections)
	}
}

// tryAtOnce is readAtOnce for reads that may fail.
func tryAtOnce(t *testing.T, d *db.DB, connections int) (failed int64) {
	t.Helper()
	var reading, arrived sync.WaitGroup
	var failures atomic.Int64
	arrived.Add(connections)
	for range connections {
		arrive := sync.OnceFunc(arrived.Done)
		reading.Go(func() {
			defer arrive()
			err := d.Read(context.WithoutCancel(t.Context()), func(*db.Tx) error {
				arrive()
				arrived.Wait()
				return nil
			})
			if err != nil {
				failures.Add(1)
				t.Log(err)
			}
		})
	}
	reading.Wait()
	return failures.Load()
}
