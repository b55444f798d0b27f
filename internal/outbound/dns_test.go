package outbound

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// fakeDNS answers address questions from a table and knows nothing else. It
// stands for a name server in a stranger's hands.
type fakeDNS struct {
	conn net.PacketConn

	mu    sync.Mutex
	names map[string][]string // name → addresses
	later map[string][]string // what a name is once it was asked for
}

func newFakeDNS(t *testing.T, names, later map[string][]string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeDNS{conn: conn, names: names, later: later}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.serve()
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp4", conn.LocalAddr().String())
	}}
}

func (f *fakeDNS) serve() {
	packet := make([]byte, 1500)
	for {
		n, from, err := f.conn.ReadFrom(packet)
		if err != nil {
			return
		}
		_, _ = f.conn.WriteTo(f.answer(packet[:n]), from)
	}
}

const (
	headerSize = 12
	typeA      = 1
	typeAAAA   = 28
)

// answer builds a reply to a query with one question.
func (f *fakeDNS) answer(query []byte) []byte {
	name, end := question(query)
	kind := binary.BigEndian.Uint16(query[end:])
	var records [][]byte
	addresses, known := f.look(name, kind)
	for _, a := range addresses {
		raw := netip.MustParseAddr(a).AsSlice()
		if (kind == typeA) == (len(raw) == net.IPv4len) {
			records = append(records, record(kind, raw))
		}
	}
	reply := append([]byte{}, query[:end+4]...)
	binary.BigEndian.PutUint16(reply[2:], 0x8180)
	if !known {
		binary.BigEndian.PutUint16(reply[2:], 0x8183)
	}
	binary.BigEndian.PutUint16(reply[6:], uint16(len(records)))
	clear(reply[8:headerSize])
	for _, r := range records {
		reply = append(reply, r...)
	}
	return reply
}

// look returns the addresses of a name, and turns it into what it is later when
// the second of the two questions of a look-up was asked.
func (f *fakeDNS) look(name string, kind uint16) (addresses []string, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	addresses, known = f.names[name]
	if then, changes := f.later[name]; changes && kind == typeA {
		f.names[name] = then
	}
	return addresses, known
}

// question returns the name asked for and where its type stands.
func question(query []byte) (name string, end int) {
	var labels []string
	at := headerSize
	for query[at] != 0 {
		size := int(query[at])
		labels = append(labels, string(query[at+1:at+1+size]))
		at += 1 + size
	}
	return strings.Join(labels, "."), at + 1
}

func record(kind uint16, address []byte) []byte {
	r := []byte{0xc0, headerSize, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(len(address))}
	return append(r, address...)
}
