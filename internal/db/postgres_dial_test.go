package db_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
)

// silent is a server that takes connections and says nothing.
func silent(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String() // the kernel connects, whether anybody accepts or not
}

// A server whose answer does not come is given up, with its connection.
func TestSilentServerIsGivenUp(t *testing.T) {
	t.Parallel()
	c, err := db.DialPatiently(t.Context(), silent(t), 10*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Read(make([]byte, 1))
	var network net.Error
	if err == nil || !strings.Contains(err.Error(), "no answer of the database") || errors.As(err, &network) && network.Timeout() {
		t.Errorf("Read = %v, want an end that is no time-out: after one the connection would be used again", err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after it = %v, want a closed connection", err)
	}
}

// A deadline of the caller's is the caller's: it ends the read and not the connection.
func TestDeadlineOfTheCallerStands(t *testing.T) {
	t.Parallel()
	c, err := db.DialPatiently(t.Context(), silent(t), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, set := range []func(time.Time) error{c.SetDeadline, c.SetReadDeadline} {
		if err := set(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read = %v, want a time-out", err)
		}
		if err := set(time.Time{}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("x")); err != nil {
			t.Errorf("Write after it = %v", err)
		}
	}
}
