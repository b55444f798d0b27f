//go:build linux

package e2e_test

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/apiv2/classictest"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

// script is a classic client that sends the same order again and again, without a
// request id.
type script struct {
	w    *world
	c    *customer
	key  string
	from *source
}

func newScript(w *world) *script {
	c := w.customer(100 * money.Unit)
	return &script{w: w, c: c, key: w.classicKey(c), from: w.source("Upstream", newUpstream(w.t).URL)}
}

// order is the body of its request.
func (s *script) order(at string) string {
	return form(s.key, "add", "service", s.from.service(), "quantity", strconv.Itoa(quantity), "link", at).Encode()
}

// add sends it and reads the answer to its end.
func (s *script) add(n *panel, at string) int32 {
	s.w.t.Helper()
	request, err := http.NewRequestWithContext(s.w.t.Context(), http.MethodPost, n.url+"/api/v2", strings.NewReader(s.order(at)))
	must(s.w.t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := n.do(request)
	must(s.w.t, err)
	number, err := classictest.OrderID([]byte(a.body))
	if err != nil || a.status != http.StatusOK {
		s.w.t.Fatalf("add: status %d, %s", a.status, a.body)
	}
	return number
}

// cut sends it and goes away before the answer, until the panel had it in hand by
// then: one that notices first that nobody waits books nothing.
func (s *script) cut(n *panel, at string) (number int32) {
	s.w.t.Helper()
	orders := s.count(at)
	const tries, looks = 20, 50
	for range tries {
		s.cutOnce(n, at)
		for range looks {
			if s.count(at) > orders {
				return s.last(at)
			}
			_ = n.balance(s.c.key)
		}
	}
	s.w.t.Fatalf("%d requests that were cut off booked no order", tries)
	return 0
}

// cutOnce locks the wallet meanwhile, so that the order can't be booked and
// answered before the client is gone.
func (s *script) cutOnce(n *panel, at string) {
	s.w.t.Helper()
	s.w.write(func(tx *db.Tx) error {
		var locked string
		if err := tx.QueryRow(`SELECT id FROM wallets WHERE id = $1 FOR NO KEY UPDATE`, s.c.wallet).Scan(&locked); err != nil {
			return err
		}
		conn := s.send(n, at)
		for range 5 { // what came before these has been read
			_ = n.balance(s.c.key)
		}
		// A reset, so that the kernel itself refuses the answer.
		must(s.w.t, conn.SetLinger(0))
		must(s.w.t, conn.Close())
		_ = n.balance(s.c.key)
		return nil
	})
}

// send writes the request to a connection of its own.
func (s *script) send(n *panel, at string) *net.TCPConn {
	s.w.t.Helper()
	address := strings.TrimPrefix(n.url, "http://")
	to, err := net.ResolveTCPAddr("tcp", address)
	must(s.w.t, err)
	conn, err := net.DialTCP("tcp", nil, to)
	must(s.w.t, err)
	body := s.order(at)
	_, err = io.WriteString(conn, "POST /api/v2 HTTP/1.1\r\nHost: "+address+"\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
		"Content-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body)
	must(s.w.t, err)
	return conn
}

func (s *script) count(at string) int64 {
	return s.w.count(`SELECT COUNT(*) FROM orders WHERE link = $1`, at)
}

func (s *script) last(at string) int32 {
	return int32(s.w.count(`SELECT MAX(number) FROM orders WHERE link = $1`, at))
}

// booked fails the test unless there are so many orders for a link, each charged
// once.
func (s *script) booked(at string, want int64) {
	s.w.t.Helper()
	charges := s.w.count(`SELECT COUNT(*) FROM transfers t JOIN orders o ON t.ref = o.id WHERE t.kind = $1 AND o.link = $2`, string(ledger.OrderCharge), at)
	if n := s.count(at); n != want || charges != want {
		s.w.t.Errorf("%s: %d orders and %d charges, want %d", at, n, charges, want)
	}
}

// Two equal orders one after the other are two orders, when the first answer
// arrived; when it was cut off, the repeat is answered with the same order, once.
func TestAnEqualClassicOrderIsTheSameOneOnlyIfTheAnswerWasCutOff(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s, n := newScript(w), w.serve()
		const arrived, broken = "https://example.com/arrived", "https://example.com/broken"
		first := s.add(n, arrived)
		if second := s.add(n, arrived); second == first {
			t.Errorf("both are order %d", first)
		}
		s.booked(arrived, 2)

		for range 3 {
			before := s.count(broken)
			lost := s.cut(n, broken)
			if again := s.add(n, broken); again != lost {
				t.Errorf("the repeat is order %d, want %d", again, lost)
			}
			s.booked(broken, before+1)
		}
		lost := s.cut(n, broken)
		if other := s.add(n, broken+"/other"); other == lost {
			t.Error("another link got the order whose answer was cut off")
		}
		w.holds(s.c.wallet, 100*money.Unit-charge*7)
	})
}

// The same when the panel was killed in between and comes up again.
func TestAnEqualClassicOrderAfterACrash(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s, n := newScript(w), w.serve()
		const arrived, broken = "https://example.com/arrived", "https://example.com/broken"
		first := s.add(n, arrived)
		eventually(t, "it is known that the answer arrived", func() bool {
			return w.count(`SELECT COUNT(*) FROM replays WHERE delivered_at IS NOT NULL`) == 1
		})
		lost := s.cut(n, broken)
		n.kill()
		w.endLeases()
		n = w.serve()
		if again := s.add(n, broken); again != lost {
			t.Errorf("the repeat is order %d, want %d", again, lost)
		}
		s.booked(broken, 1)
		if second := s.add(n, arrived); second == first {
			t.Errorf("the order whose answer arrived before the crash is answered again: %d", second)
		}
		s.booked(arrived, 2)
		// The repeat's answer arrived, so the next equal order is a second one.
		if next := s.add(n, broken); next == lost {
			t.Errorf("after an answer that arrived the same request is still order %d", next)
		}
		s.booked(broken, 2)
		w.holds(s.c.wallet, 100*money.Unit-charge*4)
	})
}

// A panel that dies between the booking and the answer has booked the order of
// the client that asks again.
func TestAClassicOrderBookedByAPanelThatDied(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s, n := newScript(w), w.serve()
		const at = "https://example.com/died"
		conn := s.send(n, at)
		eventually(t, "the order is booked", func() bool { return s.count(at) == 1 })
		n.kill()
		must(t, conn.Close())
		// Whether its answer had gone out is not what is tested here.
		w.write(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE replays SET delivered_at = NULL`)
			return err
		})
		n = w.serve()
		if again := s.add(n, at); again != s.last(at) {
			t.Errorf("the repeat is order %d, want %d", again, s.last(at))
		}
		s.booked(at, 1)
		w.endLeases()
	})
}

// With two nodes the client may ask the other one.
func TestAnEqualClassicOrderAtTwoNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.Postgres)
	s := newScript(w)
	one, two := w.serve(), w.serve()
	const arrived, broken, crashed = "https://example.com/arrived", "https://example.com/broken", "https://example.com/crashed"
	first := s.add(one, arrived)
	if second := s.add(two, arrived); second == first {
		t.Errorf("both are order %d", first)
	}
	s.booked(arrived, 2)
	lost := s.cut(one, broken)
	if again := s.add(two, broken); again != lost {
		t.Errorf("the repeat at the other node is order %d, want %d", again, lost)
	}
	s.booked(broken, 1)
	if next := s.add(one, broken); next == lost {
		t.Errorf("after an answer that arrived the same request is still order %d", next)
	}
	s.booked(broken, 2)
	lost = s.cut(one, crashed)
	one.kill()
	if again := s.add(two, crashed); again != lost {
		t.Errorf("the repeat at the node that lives is order %d, want %d", again, lost)
	}
	s.booked(crashed, 1)
	w.holds(s.c.wallet, 100*money.Unit-charge*5)
	w.endLeases()
}

// Two clients that share a key are none: what counts is the key.
func TestAnEqualClassicOrderOfAnotherKeyIsAnother(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s, n := newScript(w), w.serve()
		const at = "https://example.com/shared"
		lost := s.cut(n, at)
		other := *s
		var err error
		other.key, _, err = w.keys.Issue(t.Context(), apikey.NewKey{AccountID: s.c.account.ID, Dialect: apikey.Classic, Mode: apikey.Live}, "test")
		must(t, err)
		if another := other.add(n, at); another == lost {
			t.Errorf("another key's order is answered with order %d", lost)
		}
		if again := s.add(n, at); again != lost {
			t.Errorf("the repeat is order %d, want %d", again, lost)
		}
		s.booked(at, 2)
	})
}
