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

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/notpanel/notpanel/internal/clock"
)

// answerWait bounds the wait for an answer of the server: longer than the server's
// own patience with a statement, so that it ends only for a connection whose
// packets are lost, or a COMMIT that no standby confirms.
const answerWait = statementTimeout + 5*time.Second

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
	return &serverConn{Conn: raw, heard: func(bool) {}} // another dialer's
}

// dialer connects to a PostgreSQL server.
type dialer struct {
	net    net.Dialer
	hosts  *hosts
	answer time.Duration // 0: waits for answers without end
}

func newDialer(answer time.Duration) *dialer {
	return &dialer{answer: answer, hosts: newHosts(), net: net.Dialer{
		Timeout:         connectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 2},
		Control:         unacknowledgedFor(2 * idleTimeout),
	}}
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if network == notForWithdrawing {
		return nil, errNotWithdrawn
	}
	c, err := d.net.DialContext(ctx, network, address)
	if err != nil {
		if isTimeout(err) {
			d.hosts.heard(address, false)
		}
		return nil, err
	}
	return &serverConn{Conn: c, answer: d.answer, heard: func(answered bool) { d.hosts.heard(address, answered) }}, nil
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// serverConn is a connection to a PostgreSQL server.
type serverConn struct {
	net.Conn

	answer time.Duration
	heard  func(answered bool) // told at the first word, and of silence

	spoke   atomic.Bool // the server did, once
	reads   atomic.Bool // what is asked now changes nothing, and may be withdrawn
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
	if n > 0 && !c.spoke.Swap(true) {
		c.heard(true)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	bounded := c.isBounded()
	if !bounded || !c.spoke.Load() { // how patient a caller is says nothing of a server that has spoken
		c.heard(false)
	}
	if !bounded {
		c.silent.Store(true)
		err = errors.Join(fmt.Errorf("no answer of the database within %s", c.answer), c.Close())
	}
	return n, err
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
