//go:build linux

package e2e_test

import (
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// boundTo returns the address on this machine that a socket is bound to.
func boundTo(t testing.TB, socket int) string {
	t.Helper()
	bound, err := syscall.Getsockname(socket)
	must(t, err)
	in, ok := bound.(*syscall.SockaddrInet4)
	if !ok {
		t.Fatalf("bound to %T", bound)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(in.Port))
}

// wire stands between a node and a server (a database, Redis, a provider) and can
// fail as networks do. At first everything passes.
type wire struct {
	t       testing.TB
	address string // where it listens
	target  string // where it leads
	keep    int    // a socket that keeps the port while nobody listens on it
	running sync.WaitGroup

	mu        sync.Mutex
	weather   weather
	late      time.Duration
	turned    chan struct{} // closed when the weather changes
	listener  net.Listener  // nil while it is cut
	crossings map[*crossing]bool
	closed    bool
}

// weather is what becomes of bytes.
type weather int

const (
	passing   weather = iota // also those that come late
	stalling                 // they are kept until they may pass
	dropping                 // they are lost for good
	cutting                  // there is no connection
	destroyed                // the test is over
)

// newWire leads to a server at a host and port until the test ends.
func newWire(t testing.TB, target string) *wire {
	t.Helper()
	w := &wire{t: t, target: target, turned: make(chan struct{}), crossings: map[*crossing]bool{}}
	// Bound and never listening: connecting is refused, and nobody else gets the port.
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	must(t, err)
	w.keep = socket
	t.Cleanup(func() {
		w.turn(destroyed, 0)
		w.running.Wait()
		_ = syscall.Close(w.keep)
	})
	must(t, syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
	must(t, syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	w.address = boundTo(t, socket)
	w.pass()
	return w
}

// url returns a server's address, in which the host and the port must stand, with
// the wire's in their place.
func (w *wire) url(dsn string) string {
	w.t.Helper()
	if strings.Count(dsn, w.target) != 1 {
		w.t.Fatalf("%s does not lead to %s", dsn, w.target)
	}
	return strings.Replace(dsn, w.target, w.address, 1)
}

// pass lets everything through: what was kept goes on, connections that lost bytes
// are reset, and new ones are accepted.
func (w *wire) pass() { w.turn(passing, 0) }

// delay lets everything through, each piece later by d than it came, both ways.
func (w *wire) delay(d time.Duration) { w.turn(passing, d) }

// stall keeps what comes until it may pass, as if packets were lost and sent again
// for so long. Connections stay as they are, new ones wait.
func (w *wire) stall() { w.turn(stalling, 0) }

// drop loses what comes, and nobody learns of it: who waits for an answer waits.
func (w *wire) drop() { w.turn(dropping, 0) }

// cut resets all connections and refuses new ones.
func (w *wire) cut() { w.turn(cutting, 0) }

// turn changes what becomes of bytes from now on.
func (w *wire) turn(to weather, late time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.weather, w.late, w.closed = to, late, to == destroyed
	close(w.turned)
	w.turned = make(chan struct{})
	if ends := to == cutting || to == destroyed; ends && w.listener != nil {
		_ = w.listener.Close()
		w.listener = nil
	}
	for c := range w.crossings {
		if to == cutting || to == destroyed || to == passing && c.broken {
			c.end(abruptly)
		}
	}
	if to == passing && w.listener == nil {
		w.listen()
	}
}

// listen accepts connections until it is cut. The caller holds the lock.
func (w *wire) listen() {
	listener, err := net.Listen("tcp4", w.address)
	if err != nil {
		w.t.Errorf("the wire to %s: %v", w.target, err)
		return
	}
	w.listener = listener
	w.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			w.running.Go(func() { w.connect(conn) })
		}
	})
}

// connect joins a connection that came with one to the server.
func (w *wire) connect(near net.Conn) {
	c := &crossing{near: near}
	w.mu.Lock()
	c.broken = w.weather == dropping // so is the packet that would have opened it
	if w.weather == cutting || w.weather == destroyed {
		c.end(abruptly)
	}
	w.crossings[c] = true
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.crossings, c)
	}()
	if !w.lets(c, time.Now()) {
		w.remains(c)
		return
	}
	far, err := net.DialTimeout("tcp4", w.target, within)
	if err != nil || !c.join(far) {
		c.end(abruptly)
		return
	}
	var both sync.WaitGroup
	both.Go(func() { w.carry(c, near, far) })
	both.Go(func() { w.carry(c, far, near) })
	both.Wait()
	c.end(inOrder)
}

// carry brings what comes from one side to the other, in its order.
func (w *wire) carry(c *crossing, from, to net.Conn) {
	coming := newLane()
	w.running.Go(func() { coming.fill(from) })
	for {
		p := coming.next()
		switch {
		case !w.lets(c, p.came):
			// Lost. Whoever sent it is still listened to: it must not notice.
			if p.err != nil {
				w.remains(c)
				return
			}
		case errors.Is(p.err, io.EOF):
			if tcp, ok := to.(*net.TCPConn); ok {
				_ = tcp.CloseWrite() // the other way may go on
			}
			return
		case p.err != nil:
			c.end(abruptly)
			return
		default:
			if _, err := to.Write(p.bytes); err != nil {
				c.end(abruptly)
				return
			}
		}
	}
}

// lets waits until a piece may go on and reports whether it does; a connection that
// has lost one is broken, and so is every later piece of it.
func (w *wire) lets(c *crossing, came time.Time) bool {
	for {
		w.mu.Lock()
		c.broken = c.broken || w.weather == dropping
		to, late, turned, broken := w.weather, w.late, w.turned, c.broken
		w.mu.Unlock()
		wait := time.Until(came.Add(late))
		switch {
		case broken, to == cutting, to == destroyed:
			return false
		case to == passing && wait <= 0:
			return true
		case to == stalling:
			<-turned
		default:
			due := time.NewTimer(wait)
			select {
			case <-turned:
			case <-due.C:
			}
			due.Stop()
		}
	}
}

// remains waits until a connection, of which one side has gone unnoticed, is reset.
func (w *wire) remains(c *crossing) {
	for {
		w.mu.Lock()
		turned, gone := w.turned, c.ended()
		w.mu.Unlock()
		if gone {
			return
		}
		<-turned
	}
}

// crossing is a connection through the wire.
type crossing struct {
	near   net.Conn
	broken bool // under the wire's lock

	mu   sync.Mutex
	far  net.Conn // nil until it is joined
	gone bool
}

// join adds the server's side, unless the connection has ended.
func (c *crossing) join(far net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		_ = far.Close()
		return false
	}
	c.far = far
	return true
}

// How a connection ends: both sides were done, or as if the other had crashed.
const (
	inOrder  = false
	abruptly = true
)

// end closes both sides.
func (c *crossing) end(abrupt bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, side := range []net.Conn{c.near, c.far} {
		if tcp, ok := side.(*net.TCPConn); ok && !c.gone {
			if abrupt {
				_ = tcp.SetLinger(0)
			}
			_ = tcp.Close()
		}
	}
	c.gone = true
}

func (c *crossing) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

// piece is what was read at once, or how reading ended.
type piece struct {
	bytes []byte
	err   error
	came  time.Time
}

// lane keeps what has come from one side. It has no bound: whoever sends must not
// notice that nothing goes on.
type lane struct {
	mu     sync.Mutex
	filled *sync.Cond
	pieces []piece
}

func newLane() *lane {
	q := &lane{}
	q.filled = sync.NewCond(&q.mu)
	return q
}

// fill reads until the side has ended.
func (q *lane) fill(from net.Conn) {
	for {
		b := make([]byte, 16<<10)
		n, err := from.Read(b)
		q.mu.Lock()
		if n > 0 {
			q.pieces = append(q.pieces, piece{bytes: b[:n], came: time.Now()})
		}
		if err != nil {
			q.pieces = append(q.pieces, piece{err: err, came: time.Now()})
		}
		q.mu.Unlock()
		q.filled.Signal()
		if err != nil {
			return
		}
	}
}

// next waits for a piece and takes it.
func (q *lane) next() piece {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.pieces) == 0 {
		q.filled.Wait()
	}
	first := q.pieces[0]
	q.pieces = q.pieces[1:]
	return first
}
