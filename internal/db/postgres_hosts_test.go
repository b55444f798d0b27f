package db_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
)

// mute is a way to a server that takes connections, and is silent while it is told to be.
type mute struct {
	address  string
	listener net.Listener
	silent   atomic.Bool
	asked    atomic.Int64 // connections that came
	end      chan struct{}
}

func newMute(t *testing.T, server string) *mute {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mute{address: listener.Addr().String(), listener: listener, end: make(chan struct{})}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			m.asked.Add(1)
			open.Go(func() { m.carry(client, server) })
		}
	})
	t.Cleanup(func() {
		m.leave()
		open.Wait()
	})
	return m
}

// carry joins a connection with one to the server, or says nothing on it until the end.
func (m *mute) carry(client net.Conn, server string) {
	defer func() { _ = client.Close() }()
	if m.silent.Load() {
		<-m.end
		return
	}
	far, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(far, client)
		_ = far.Close()
	})
	both.Go(func() {
		_, _ = io.Copy(client, far)
		_ = client.Close()
	})
	<-m.end
	_, _ = client.Close(), far.Close()
	both.Wait()
}

// leave ends its connections, and refuses new ones.
func (m *mute) leave() {
	if err := m.listener.Close(); !errors.Is(err, net.ErrClosed) {
		close(m.end)
	}
}

// Of several servers the one that fell silent is tried last: it costs one new connection
// its wait, and not all of them. It is not given up: where the others are gone it is
// tried again.
func TestSilentServerIsTriedLast(t *testing.T) {
	t.Parallel()
	url := dbtest.NewURL(t, db.Postgres)
	server := db.ParseAddress(url).Place()
	server, _, _ = strings.Cut(server, "/")
	first, second := newMute(t, server), newMute(t, server)
	first.silent.Store(true)
	d := dbtest.Connect(t, strings.Replace(url, server, first.address+","+second.address, 1))
	asked := first.asked.Load()
	if asked == 0 || second.asked.Load() == 0 {
		t.Fatalf("%d connections went to the first server, %d to the second", asked, second.asked.Load())
	}
	all(t, d, db.DefaultPool)
	if n := first.asked.Load(); n != asked {
		t.Errorf("%d more connections went to the silent server", n-asked)
	}
	if n := second.asked.Load(); n < db.DefaultPool {
		t.Errorf("%d connections went to the other one, want %d", n, db.DefaultPool)
	}

	first.silent.Store(false)
	second.leave()
	eventually(t, "the server that speaks again is found", func() bool {
		return d.Read(t.Context(), func(*db.Tx) error { return nil }) == nil
	})
	asked = first.asked.Load()
	all(t, d, db.DefaultPool)
	if n := first.asked.Load(); n == asked {
		t.Error("no further connection went to the server that speaks again")
	}
}

// all lets as many read at once as there may be connections.
func all(t *testing.T, d *db.DB, connections int) {
	t.Helper()
	var reading sync.WaitGroup
	ready, release := make(chan struct{}, connections), make(chan struct{})
	for range connections {
		reading.Go(func() {
			err := d.Read(context.WithoutCancel(t.Context()), func(*db.Tx) error {
				ready <- struct{}{}
				<-release
				return nil
			})
			if err != nil {
				t.Error(err)
				ready <- struct{}{}
			}
		})
	}
	for range connections {
		<-ready
	}
	close(release)
	reading.Wait()
}
