package webhook_test

import (
	"bufio"
	"context"
	"net"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// Names of headers go over the wire as they are documented, for receivers that
// compare them byte for byte.
func TestHeadersAreSpeltAsDocumented(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	s := setup(t, d)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ordertest.Must(t, err)
	lines := make(chan []string)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			close(lines)
			return
		}
		var head []string
		for scanner := bufio.NewScanner(conn); scanner.Scan() && scanner.Text() != ""; {
			head = append(head, scanner.Text())
		}
		_, _ = conn.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
		_ = conn.Close()
		lines <- head
	}()
	e, _, err := s.store.Add(context.Background(), s.by, "http://"+listener.Addr().String()+"/hook", "", "test")
	ordertest.Must(t, err)
	_, err = s.store.Test(context.Background(), s.by, e.ID)
	ordertest.Must(t, err)
	s.send(1)
	head := strings.Join(<-lines, "\n")
	_ = listener.Close()
	for _, want := range []string{
		"POST /hook HTTP/1.1\n", "\nContent-Type: application/json", "\nX-NotPanel-Event: ping", "\nX-NotPanel-Delivery: dlv_", "\nX-NotPanel-Signature: t=",
		"\nwebhook-id: evt_", "\nwebhook-timestamp: 1", "\nwebhook-signature: v1,",
	} {
		if !strings.Contains(head, want) {
			t.Errorf("%q is not in\n%s", want, head)
		}
	}
}
