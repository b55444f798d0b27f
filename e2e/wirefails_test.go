//go:build linux

package e2e_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What passes through the wire, and what each failure does to it.
func TestTheWireFailsAsNetworksDo(t *testing.T) {
	t.Parallel()
	setup := func(t *testing.T) (*wire, *farEnd) {
		t.Helper()
		f := newFarEnd(t)
		return newWire(t, f.address), f
	}
	t.Run("it passes both ways, and so does an end", func(t *testing.T) {
		t.Parallel()
		w, f := setup(t)
		if got, want := w.url("postgres://user@"+f.address+"/panel"), "postgres://user@"+w.address+"/panel"; got != want {
			t.Errorf("the address is %s, want %s", got, want)
		}
		c := w.dial(t)
		c.says("one")
		c.hears("one")
		must(t, c.CloseWrite())
		c.hearsEnd(io.EOF)
	})
	t.Run("it delays each piece, in order", func(t *testing.T) {
		t.Parallel()
		const late = 50 * time.Millisecond
		w, _ := setup(t)
		c := w.dial(t)
		w.delay(late)
		begun := time.Now()
		c.says("one")
		c.says("two")
		c.hears("onetwo")
		if took := time.Since(begun); took < 2*late {
			t.Errorf("it was there and back after %s", took)
		}
	})
	t.Run("it stalls and goes on", func(t *testing.T) {
		t.Parallel()
		w, f := setup(t)
		c := w.dial(t)
		w.stall()
		c.says("one")
		other := w.dial(t)
		other.says("other")
		c.hearsNothing()
		if got := f.heard(); got != "" {
			t.Errorf("%q came through a stalled wire", got)
		}
		c.says("two")
		w.pass()
		c.hears("onetwo")
		other.hears("other")
	})
	t.Run("it drops, and what has lost something is reset", func(t *testing.T) {
		t.Parallel()
		w, f := setup(t)
		c, idle := w.dial(t), w.dial(t)
		idle.says("before")
		idle.hears("before")
		w.drop()
		c.says("one")
		late := w.dial(t)
		late.says("late")
		c.hearsNothing()
		late.hearsNothing()
		w.pass()
		c.hearsEnd(syscall.ECONNRESET)
		late.hearsEnd(syscall.ECONNRESET)
		idle.says("after")
		idle.hears("after")
		if got := f.heard(); got != "beforeafter" {
			t.Errorf("%q came through a wire that drops", got)
		}
	})
	t.Run("it is cut and mended", func(t *testing.T) {
		t.Parallel()
		w, _ := setup(t)
		c := w.dial(t)
		c.says("one")
		c.hears("one")
		w.cut()
		c.hearsEnd(syscall.ECONNRESET)
		if conn, err := net.Dial("tcp4", w.address); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("connected to %v: %v, want a refusal", conn, err)
		}
		w.pass()
		again := w.dial(t)
		again.says("again")
		again.hears("again")
	})
}

// farEnd is a server that sends back what it gets.
type farEnd struct {
	address string

	mu   sync.Mutex
	text strings.Builder
}

func newFarEnd(t testing.TB) *farEnd {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	must(t, err)
	f := &farEnd{address: listener.Addr().String()}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, io.TeeReader(conn, f))
				_ = conn.Close()
			}()
		}
	}()
	return f
}

// Write implements io.Writer.
func (f *farEnd) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text.Write(b)
}

func (f *farEnd) heard() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text.String()
}

// nearEnd is a connection through a wire.
type nearEnd struct {
	*net.TCPConn

	t testing.TB
}

func (w *wire) dial(t testing.TB) *nearEnd {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: within}).DialContext(t.Context(), "tcp4", w.address)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	must(t, conn.SetDeadline(time.Now().Add(within)))
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		t.Fatalf("connected by %T", conn)
	}
	return &nearEnd{tcp, t}
}

func (c *nearEnd) says(text string) {
	c.t.Helper()
	_, err := c.Write([]byte(text))
	must(c.t, err)
}

func (c *nearEnd) hears(text string) {
	c.t.Helper()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		c.t.Errorf("heard %q (%v), want %q", got, err, text)
	}
}

// hearsNothing listens for a moment.
func (c *nearEnd) hearsNothing() {
	c.t.Helper()
	must(c.t, c.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	if n, err := c.Read(make([]byte, 1)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Errorf("heard %d bytes (%v), want silence", n, err)
	}
	must(c.t, c.SetReadDeadline(time.Now().Add(within)))
}

func (c *nearEnd) hearsEnd(want error) {
	c.t.Helper()
	if n, err := c.Read(make([]byte, 1)); n > 0 || !errors.Is(err, want) {
		c.t.Errorf("heard %d bytes (%v), want %v", n, err, want)
	}
}
