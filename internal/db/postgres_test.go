package db_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/db/pgtest"
	"github.com/notpanel/notpanel/internal/fault"
)

// Two writes that lock two rows in opposite order: PostgreSQL ends one of them,
// Write runs it again, and both are done.
func TestDeadlockIsRunAgain(t *testing.T) {
	t.Parallel()
	d := openThings(t, db.Postgres)
	write(t, d, exec(`INSERT INTO things (id, at) VALUES (1, 0), (2, 0)`))
	const add = `UPDATE things SET at = at + 1 WHERE id = $1`
	var runs atomic.Int64
	both := make(chan struct{})
	first := &sync.WaitGroup{}
	first.Add(2)
	go func() {
		first.Wait()
		close(both)
	}()
	lock := func(one, other int64) pending {
		arrived := sync.OnceFunc(first.Done)
		return begin(t, d, func(tx *db.Tx) error {
			runs.Add(1)
			if _, err := tx.Exec(add, one); err != nil {
				return err
			}
			arrived()
			<-both // only the first runs wait here
			if _, err := tx.Exec(add, other); err != nil {
				return fmt.Errorf("wrapped, as callers do: %w", err)
			}
			return nil
		})
	}
	a, b := lock(1, 2), lock(2, 1)
	if errA, errB := <-a, <-b; errA != nil || errB != nil {
		t.Errorf("Write = %v and %v", errA, errB)
	}
	if runs.Load() != 3 {
		t.Errorf("the two closures ran %d times, want 3", runs.Load())
	}
	var sum int64
	read(t, d, func(tx *db.Tx) error { return tx.QueryRow(`SELECT SUM(at) FROM things`).Scan(&sum) })
	if sum != 4 {
		t.Errorf("the rows were added to %d times, want 4", sum)
	}
}

// raise is a statement that fails with a code.
func raise(code string) string {
	return `DO $$ BEGIN RAISE EXCEPTION 'provoked' USING ERRCODE = '` + code + `'; END $$`
}

// A serialization failure is run again from the beginning, and what its first
// run did is not there twice.
func TestSerializationFailureIsRunAgain(t *testing.T) {
	t.Parallel()
	d := openThings(t, db.Postgres)
	runs := int64(0)
	write(t, d, func(tx *db.Tx) error {
		runs++
		if err := insertThings(tx, 1, 10+runs); err != nil || runs == 3 {
			return err
		}
		_, err := tx.Exec(raise("40001"))
		return err
	})
	if got := stored(t, d); runs != 3 || !slices.Equal(got, []int64{1, 13}) {
		t.Errorf("after %d runs stored %v", runs, got)
	}
}

// Running again ends: after some attempts, and when the caller has gone.
func TestRunningAgainEnds(t *testing.T) {
	t.Parallel()
	d := openThings(t, db.Postgres)
	runs := 0
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		runs++
		_, err := tx.Exec(raise("40P01"))
		return err
	})
	if !fault.Is(err, fault.Unavailable) || runs < 2 || runs > 50 {
		t.Errorf("a lasting deadlock: %v after %d runs", err, runs)
	}
	ctx, cancel := context.WithCancel(t.Context())
	runs = 0
	err = d.Write(ctx, func(tx *db.Tx) error {
		runs++
		cancel()
		_, err := tx.Exec(raise("40001"))
		return err
	})
	if !fault.Is(err, fault.Unavailable) || runs != 1 {
		t.Errorf("without a caller: %v after %d runs", err, runs)
	}
	runs = 0
	err = d.Write(t.Context(), func(tx *db.Tx) error {
		runs++
		_, err := tx.Exec(raise("23514"))
		return err
	})
	if err == nil || fault.Is(err, fault.Unavailable) || runs != 1 {
		t.Errorf("another error: %v after %d runs", err, runs)
	}
}

// A COMMIT that answers with a warning is not taken for success.
func TestWarningAtCommitIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	d := openThings(t, db.Postgres)
	for _, statement := range []string{
		`CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN RAISE WARNING 'the standby did not answer'; RETURN NULL; END $$`,
		`CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW WHEN (NEW.id = 1) EXECUTE FUNCTION warn()`,
	} {
		write(t, d, exec(statement))
	}
	err := d.Write(t.Context(), insert(1))
	if !errors.Is(err, db.ErrOutcomeUnknown) || !db.IsDown(err) || !strings.Contains(err.Error(), "the standby did not answer") {
		t.Errorf("Write = %v, want ErrOutcomeUnknown with the warning", err)
	}
	// A warning before COMMIT is none of its business, and an old one neither.
	write(t, d, func(tx *db.Tx) error {
		if err := insertThings(tx, 2); err != nil {
			return err
		}
		_, err := tx.Exec(`DO $$ BEGIN RAISE WARNING 'early'; END $$`)
		return err
	})
	write(t, d, insert(3))
	if got := stored(t, d); !slices.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("stored %v", got)
	}
}

// withoutStandby is a server whose commits wait for a standby that never comes,
// where they ask for that.
func withoutStandby(t *testing.T) (url string) {
	t.Helper()
	if !pgtest.Available() {
		dbtest.NewURL(t, db.Postgres) // skips, or fails where it must not
	}
	server, err := pgtest.Start(t.Context(), pgtest.Options{Settings: map[string]string{"synchronous_standby_names": "nobody"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server.URL("postgres")
}

// replicated inserts one that is to be on a standby when its commit is answered.
func replicated(tx *db.Tx) error {
	if _, err := tx.Exec(`SET LOCAL synchronous_commit = on`); err != nil {
		return err
	}
	return insertThings(tx, 1)
}

// A connection that ends while its COMMIT waits for a standby leaves it waiting:
// what no standby has must be seen by nobody, or somebody is told of it, and then it
// is lost with its server.
func TestLostConnectionWithdrawsNoCommit(t *testing.T) {
	t.Parallel()
	url := withoutStandby(t)
	direct := dbtest.Connect(t, url)
	createThings(t, direct)
	p := startProxy(t, url)
	d, err := db.Open(t.Context(), p.url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p.at("COMMIT", cutLink)
	if err := d.Write(t.Context(), replicated); !errors.Is(err, db.ErrOutcomeUnknown) {
		t.Errorf("Write = %v, want ErrOutcomeUnknown", err)
	}
	if err := d.Close(); err != nil { // waits for whatever the connection still does
		t.Error(err)
	}
	waits := func() bool {
		var waiting int64
		read(t, direct, func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`).Scan(&waiting)
		})
		return waiting == 1
	}
	eventually(t, "the commit waits", waits)
	for range 20 {
		if got := stored(t, direct); !waits() || len(got) != 0 {
			t.Fatalf("%v is seen, or the commit waits no longer", got)
		}
	}
}

// Somebody ends the wait for a synchronous standby: PostgreSQL says COMMIT and
// warns that the standby may not have it.
func TestEndedWaitForAStandbyIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	d := dbtest.Connect(t, withoutStandby(t))
	createThings(t, d)
	waiting := begin(t, d, replicated)
	eventually(t, "a commit waits for the standby", func() (ended bool) {
		err := d.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT COALESCE(bool_or(pg_cancel_backend(pid)), FALSE) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`).Scan(&ended)
		})
		if err != nil {
			t.Error(err)
		}
		return ended
	})
	if err := <-waiting; !errors.Is(err, db.ErrOutcomeUnknown) {
		t.Errorf("Write = %v, want ErrOutcomeUnknown", err)
	}
	if got := stored(t, d); !slices.Equal(got, []int64{1}) {
		t.Errorf("stored %v: it is committed on this server", got)
	}
}

// A row that somebody else keeps locked is waited for, but not for ever: then
// nothing was done, and the error says so.
func TestLockedRowIsUnavailable(t *testing.T) {
	t.Parallel()
	d := openThings(t, db.Postgres)
	write(t, d, insert(1))
	write(t, d, func(tx *db.Tx) error {
		if _, err := tx.Exec(`UPDATE things SET at = 1 WHERE id = 1`); err != nil {
			return err
		}
		err := d.Write(t.Context(), func(tx *db.Tx) error { // from another connection
			if err := insertThings(tx, 2); err != nil {
				return err
			}
			_, err := tx.Exec(`UPDATE things SET at = 2 WHERE id = 1`)
			return err
		})
		if !fault.Is(err, fault.Unavailable) || !errors.Is(err, db.ErrLocked) {
			t.Errorf("Write = %v, want Unavailable because of the lock", err)
		}
		return nil
	})
	if got := stored(t, d); !slices.Equal(got, []int64{1}) {
		t.Errorf("stored %v", got)
	}
}

// The connection breaks after COMMIT was sent: whether it arrived or not, Write
// says that it does not know, and the next write has a fresh connection.
func TestBrokenConnectionAtCommitIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cut  cut
		want []int64
	}{
		"the answer is lost":  {cutAnswer, []int64{1, 2}},
		"the request is lost": {cutRequest, []int64{2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := dbtest.NewURL(t, db.Postgres)
			direct := dbtest.Connect(t, address)
			createThings(t, direct)
			p := startProxy(t, address)
			d := dbtest.Connect(t, p.url)

			p.at("COMMIT", c.cut)
			err := d.Write(t.Context(), insert(1))
			if !errors.Is(err, db.ErrOutcomeUnknown) || !db.IsDown(err) {
				t.Errorf("Write = %v, want ErrOutcomeUnknown", err)
			}
			write(t, d, insert(2))
			if got := stored(t, direct); !slices.Equal(got, c.want) {
				t.Errorf("stored %v, want %v", got, c.want)
			}
		})
	}
}

// The connection breaks before COMMIT: nothing is there, and nobody says that
// something might be.
func TestBrokenConnectionBeforeCommitLeavesNothing(t *testing.T) {
	t.Parallel()
	address := dbtest.NewURL(t, db.Postgres)
	direct := dbtest.Connect(t, address)
	createThings(t, direct)
	d := dbtest.Connect(t, startProxy(t, address).url)
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		var pid int64
		if err := tx.QueryRow(`SELECT pg_backend_pid()`).Scan(&pid); err != nil {
			return err
		}
		if err := insertThings(tx, 1); err != nil {
			return err
		}
		if err := direct.Write(t.Context(), exec(`SELECT pg_terminate_backend($1, 10000)`, pid)); err != nil {
			return err
		}
		return insertThings(tx, 2)
	})
	if !fault.Is(err, fault.Unavailable) || errors.Is(err, db.ErrOutcomeUnknown) {
		t.Errorf("Write = %v, want Unavailable, which leaves nothing open", err)
	}
	write(t, d, insert(3))
	if got := stored(t, direct); !slices.Equal(got, []int64{3}) {
		t.Errorf("stored %v", got)
	}
}

// cut is what becomes of a connection once the awaited statement was seen.
type cut int32

const (
	cutRequest cut = iota + 1 // the server never gets it
	cutAnswer                 // the server runs it, its answer is swallowed
	cutLink                   // the server runs it, and the connection ends meanwhile
)

// proxy stands between a pool and its server and cuts one connection at a
// statement of the simple protocol, such as our COMMIT.
type proxy struct {
	t      *testing.T
	url    string
	server string

	mu        sync.Mutex
	statement string
	how       cut
}

func startProxy(t *testing.T, address string) *proxy {
	t.Helper()
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = listener.Addr().String()
	p := &proxy{t: t, url: u.String(), server: net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // the test is over
			}
			open.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		open.Wait() // the pool has closed its connections before
	})
	return p
}

// at arms the proxy for the next time that the statement comes by.
func (p *proxy) at(statement string, how cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.statement, p.how = statement, how
}

// seen tells what to do now that a message comes by, and disarms the proxy.
func (p *proxy) seen(kind byte, body []byte) (cut, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.statement == "" || kind != 'Q' || string(body) != p.statement+"\x00" {
		return 0, false
	}
	p.statement = ""
	return p.how, true
}

func (p *proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		p.t.Error(err)
		return
	}
	var swallow atomic.Bool
	var back sync.WaitGroup
	back.Go(func() {
		defer func() { _ = client.Close() }()
		p.answers(client, server, &swallow)
	})
	p.requests(client, server, &swallow)
	_ = server.Close()
	back.Wait()
}

// requests passes on what the client sends, until either side ends or the cut.
func (p *proxy) requests(client io.Reader, server io.Writer, swallow *atomic.Bool) {
	// The first message has no kind.
	for head := 4; ; head = 5 {
		message, err := readMessage(client, head)
		if err != nil {
			return
		}
		if how, now := p.seen(message[0], message[head:]); now {
			if how == cutLink {
				_, _ = server.Write(message)
			}
			if how != cutAnswer {
				return
			}
			swallow.Store(true)
		}
		if _, err := server.Write(message); err != nil {
			return
		}
	}
}

// answers passes on what the server sends. While swallow is set it keeps the
// answer and ends with the first message that says a statement was done.
func (*proxy) answers(client io.Writer, server io.Reader, swallow *atomic.Bool) {
	for {
		message, err := readMessage(server, 5)
		switch {
		case err != nil:
			return
		case swallow.Load() && message[0] == 'C':
			return
		case swallow.Load():
			continue
		}
		if _, err := client.Write(message); err != nil {
			return
		}
	}
}

// readMessage reads a message whole. Its head ends with its length, which counts
// itself.
func readMessage(r io.Reader, head int) ([]byte, error) {
	start := make([]byte, head)
	if _, err := io.ReadFull(r, start); err != nil {
		return nil, err
	}
	rest := make([]byte, binary.BigEndian.Uint32(start[head-4:])-4)
	_, err := io.ReadFull(r, rest)
	return slices.Concat(start, rest), err
}

// A read for which no connection is free says so while its caller still waits.
func TestAReadDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	d := openThings(t, db.Postgres)
	release, held := make(chan struct{}), make(chan struct{})
	var holders sync.WaitGroup
	for range db.DefaultPool {
		holders.Go(func() {
			err := d.Read(context.Background(), func(*db.Tx) error {
				held <- struct{}{}
				<-release
				return nil
			})
			if err != nil {
				t.Errorf("a read that had its connection: %v", err)
			}
		})
	}
	for range db.DefaultPool {
		<-held
	}
	err := d.Read(context.Background(), func(*db.Tx) error { return nil })
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("a read without a connection = %v", err)
	}
	close(release)
	holders.Wait()
	read(t, d, func(*db.Tx) error { return nil })
}
