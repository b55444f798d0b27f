package db

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/notpanel/notpanel/internal/clock"
)

// answerWait bounds the wait for an answer of the server: longer than the server's
// own patience with a statement, so that it ends only for a connection whose
// packets are lost, or a COMMIT that no standby confirms.
const answerWait = statementTimeout + 5*time.Second

// refusalMost is how long a server that is there takes to refuse a connection. Where there
// is none, the network says so after some seconds, or nobody does.
const refusalMost = time.Second

// notForWithdrawing is the network that our connections name as theirs while they write,
// so that pgx finds no way to ask the server to withdraw what it does. pgx asks that
// whenever a connection breaks; a COMMIT that waits for a standby would then end its wait, be
// seen by everybody, and be lost with its server.
const notForWithdrawing = "tcp, not for withdrawing"

var errNotWithdrawn = errors.New("no write that the server was asked for is withdrawn")

// connOf is the connection below pgx and encryption.
func connOf(c *pgconn.PgConn) *serverConn {
	raw := c.Conn()
	if encrypted, ok := raw.(*tls.Conn); ok {
		raw = encrypted.NetConn()
	}
	if server, ok := raw.(*serverConn); ok {
		return server
	}
	return &serverConn{Conn: raw, hosts: newHosts()} // another dialer's
}

// dialer connects to a PostgreSQL server.
type dialer struct {
	net    net.Dialer
	hosts  *hosts
	answer time.Duration // 0: waits for answers without end
}

func newDialer(answer time.Duration, h *hosts) *dialer {
	return &dialer{answer: answer, hosts: h, net: net.Dialer{
		Timeout:         connectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 2},
		Control:         unacknowledgedFor(2 * idleTimeout),
	}}
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if network == notForWithdrawing {
		return nil, errNotWithdrawn
	}
	began := clock.System()
	c, err := d.net.DialContext(ctx, network, address)
	if err != nil {
		if clock.System().Sub(began) > refusalMost && !errors.Is(ctx.Err(), context.Canceled) {
			d.hosts.fallsSilent(address, false)
		}
		return nil, err
	}
	return &serverConn{Conn: c, answer: d.answer, hosts: d.hosts, dialled: address}, nil
}

// serverConn is a connection to a PostgreSQL server.
type serverConn struct {
	net.Conn

	answer  time.Duration
	hosts   *hosts
	dialled string

	served  atomic.Bool // connecting came to its end
	reads   atomic.Bool // what is asked now changes nothing, and may be withdrawn
	commits atomic.Bool // a COMMIT is under way, which waits for standbys too
	late    atomic.Bool // what was asked was answered within nobody's patience
	silent  atomic.Bool // it was given up
	mu      sync.Mutex
	bounded bool // pgx has set a deadline
}

// withdrawable lets pgx ask the server to end what it does for a connection whose
// caller has gone: a read that nobody waits for would keep its connection to its end.
// It returns what ends that, unless the connection has ended.
func withdrawable(c *pgconn.PgConn) (end func()) {
	server := connOf(c)
	server.reads.Store(true)
	return func() {
		if !c.IsClosed() {
			server.reads.Store(false)
		}
	}
}

// SetDeadline implements net.Conn.
func (c *serverConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bounded = !t.IsZero()
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *serverConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bounded = !t.IsZero()
	return c.Conn.SetReadDeadline(t)
}

// Read implements net.Conn. A server that says nothing for too long is given up:
// the connection is closed, for what it would say later nobody may read.
func (c *serverConn) Read(b []byte) (int, error) {
	if err := c.bound(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	c.late.Store(true)
	bounded := c.isBounded()
	if impatient := bounded && c.reads.Load(); !impatient && !c.commits.Load() {
		c.hosts.fallsSilent(c.dialled, c.served.Load())
	}
	if !bounded {
		c.silent.Store(true)
		err = errors.Join(fmt.Errorf("no answer of the database within %s", c.answer), c.Close())
	}
	return n, err
}

// noteServes notes that connecting has come to its end.
func noteServes(_ context.Context, c *pgx.Conn) error {
	server := connOf(c.PgConn())
	server.served.Store(true)
	server.hosts.serves(server.dialled)
	return nil
}

// closeLate closes a connection of which pgx would take leave for 15 s, its place in the pool
// taken meanwhile, although nobody answers there.
func closeLate(c *pgx.Conn) {
	if server := connOf(c.PgConn()); server.late.Load() && !server.reads.Load() {
		_ = server.Close()
	}
}

// bound gives a read its end where pgx has given it none.
func (c *serverConn) bound() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bounded || c.answer == 0 {
		return nil
	}
	return c.Conn.SetReadDeadline(clock.System().Add(c.answer))
}

func (c *serverConn) isBounded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bounded
}

// RemoteAddr implements net.Conn.
func (c *serverConn) RemoteAddr() net.Addr {
	if c.reads.Load() {
		return c.Conn.RemoteAddr()
	}
	return serverAddr{c.Conn.RemoteAddr()}
}

type serverAddr struct{ net.Addr }

// Network implements net.Addr.
func (serverAddr) Network() string { return notForWithdrawing }
