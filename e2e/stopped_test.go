//go:build linux

package e2e_test

import (
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

// A panel that is stopped after it wrote down that it sends an order, and goes
// on after somebody else has settled that order, sends nothing of it: it knows
// that it is too late. Then it sends the order anew, once.
func TestStoppedBetweenRecordAndSending(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		up := newUpstream(t)
		from, c := w.source("Upstream", up.URL), w.customer(10*money.Unit)
		door := newDoor(t)
		must(t, w.providers.SetAddress(t.Context(), from.provider.ID, "http://"+door.address+"/api/v2", upstreamKey, "test"))
		n := w.serve("NOTPANEL_PROVIDER_TIMEOUT=60s")

		// The panel knocks, and nobody opens.
		at := link("stopped", "", "complete")
		orderID := n.place(adding(c.key, from, "stopped", at)).Order
		stopped := w.freezeWhileSending(n, orderID)

		// Its lease runs out, and a person settles that the order did not arrive.
		w.endLeases()
		recovered, err := fulfil.NewRecoverer(w.db, discard).Pass(t.Context())
		must(t, err)
		if recovered != 1 {
			t.Errorf("%d orders were recovered, want 1", recovered)
		}
		w.command("order", "settle", orderID, "--not-accepted")

		// More than the 5 s in which the first byte must leave go by: the one wait
		// here that nothing can shorten. Then the door opens for whoever knocked, and
		// the kernel completes the connection of the stopped process.
		<-time.After(time.Until(stopped.Add(6 * time.Second)))
		door.open(up)
		eventually(t, "the stopped panel's connection is through", func() bool { return door.strangers() > 0 })
		n.thaw()

		w.reaches(orderID, order.Completed)
		all := w.submissions(orderID)
		last := len(all) - 1
		if last < 1 || all[last].Outcome != fulfil.Accepted {
			t.Fatalf("submissions: %+v, want one that was accepted after those that were not", all)
		}
		settled := 0
		for _, one := range all[:last] {
			if one.Outcome == fulfil.NotAccepted {
				settled++
			}
			// Before it was stopped it may have given up on the door, which is no sending.
			if one.Sent || one.Outcome != fulfil.NotAccepted && one.Outcome != fulfil.NotSent {
				t.Errorf("submission %+v, want that only the last was sent", *one)
			}
		}
		if settled != 1 {
			t.Errorf("%d submissions were settled, want 1", settled)
		}
		// The panel reads its balance there too; of the connections that carried an
		// order there is the one of the second sending.
		if n := door.carried("action=add"); n != 1 {
			t.Errorf("%d connections carried an order, want that of the sending after the settling", n)
		}
		if len(up.has(at)) != 1 || up.sent(at) != 1 {
			t.Errorf("the provider holds %d orders after %d sendings, want 1 after 1", len(up.has(at)), up.sent(at))
		}
		w.holds(c.wallet, 10*money.Unit-charge)
	})
}

// freezeWhileSending stops a panel that has written down that it sends an order,
// before it gives up and writes that down too. It returns when that was.
func (w *world) freezeWhileSending(n *panel, orderID string) (at time.Time) {
	w.t.Helper()
	eventually(w.t, "the panel is stopped while it sends", func() bool {
		w.hurry() // one that gave up tries again later
		w.reaches(orderID, order.Submitting)
		at = w.freezeBetweenWrites(n)
		if w.order(orderID).State == order.Submitting {
			return true
		}
		n.thaw()
		return false
	})
	return at
}

// freezeBetweenWrites stops a panel at a moment at which it holds nothing that
// others wait for: one that is stopped inside of a write keeps the lock of
// SQLite's file until it goes on. It returns when that was.
func (w *world) freezeBetweenWrites(n *panel) (at time.Time) {
	w.t.Helper()
	impatient, err := db.Open(w.t.Context(), w.url, db.Options{BusyWait: 200 * time.Millisecond})
	must(w.t, err)
	defer func() { must(w.t, impatient.Close()) }()
	eventually(w.t, "the panel is stopped outside of a write", func() bool {
		at = time.Now()
		n.freeze()
		err := impatient.Write(w.t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE orders SET updated_at = updated_at WHERE 1 = 0`)
			return err
		})
		if err != nil {
			n.thaw()
		}
		return err == nil
	})
	return at
}

// door is a listener whose queue is full, so that connecting to it takes until
// it is opened.
type door struct {
	t       testing.TB
	address string
	socket  int
	knocks  map[string]bool // our own connections, by their address
	own     []net.Conn

	mu   sync.Mutex
	came []*counted // the connections of others
}

// newDoor listens and fills the queue.
func newDoor(t testing.TB) *door {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	must(t, err)
	d := &door{t: t, socket: socket, knocks: map[string]bool{}}
	t.Cleanup(d.close)
	must(t, syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, syscall.Listen(socket, 0))
	d.address = boundTo(t, socket)
	// A queue for none holds one; the kernel decides, so we knock until it hangs.
	const most = 8
	for range most {
		conn, err := (&net.Dialer{Timeout: 500 * time.Millisecond}).DialContext(t.Context(), "tcp4", d.address)
		if err != nil {
			return d
		}
		d.own = append(d.own, conn)
		d.knocks[conn.LocalAddr().String()] = true
	}
	t.Skipf("this kernel accepts %d connections on a queue for none", most)
	return nil
}

// open serves whoever knocks from now on, and who has knocked before.
func (d *door) open(h http.Handler) {
	d.t.Helper()
	must(d.t, syscall.Listen(d.socket, 128))
	file := os.NewFile(uintptr(d.socket), "door")
	listener, err := net.FileListener(file)
	must(d.t, err)
	must(d.t, file.Close())
	d.socket = -1
	server := &http.Server{Handler: h, ReadHeaderTimeout: within}
	d.t.Cleanup(func() { _ = server.Close() })
	go func() {
		if err := server.Serve(&counting{listener, d}); !errors.Is(err, http.ErrServerClosed) {
			d.t.Errorf("the door: %v", err)
		}
	}()
}

func (d *door) close() {
	for _, conn := range d.own {
		_ = conn.Close()
	}
	if d.socket >= 0 {
		_ = syscall.Close(d.socket)
	}
}

// strangers is how many connections came that are not ours.
func (d *door) strangers() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.came)
}

// carried is how many of their connections brought a text.
func (d *door) carried(text string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.came {
		if strings.Contains(c.content(), text) {
			n++
		}
	}
	return n
}

// counting is a listener whose connections keep what they bring.
type counting struct {
	net.Listener

	door *door
}

// Accept implements net.Listener.
func (l *counting) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &counted{Conn: conn}
	if !l.door.knocks[conn.RemoteAddr().String()] {
		l.door.mu.Lock()
		l.door.came = append(l.door.came, c)
		l.door.mu.Unlock()
	}
	return c, nil
}

type counted struct {
	net.Conn

	mu      sync.Mutex
	brought strings.Builder
}

// Read implements net.Conn.
func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.brought.Write(b[:n])
	return n, err
}

func (c *counted) content() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.brought.String()
}
