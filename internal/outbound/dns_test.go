package outbound

import (
	"context"
	"encoding/binary"
	"fmt"
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
	names map[string][]string // name → addresses, or the one name that it stands for
	later map[string][]string // what a name is from its second look-up on
	asked map[string]int
	zone  func(name string) []string // in place of all of these, if there is one
}

func newFakeDNS(t *testing.T, names, later map[string][]string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeDNS{conn: conn, names: names, later: later, asked: map[string]int{}}
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
	typeCNAME  = 5
	typeAAAA   = 28
)

// answer builds a reply to a query with one question. It follows a name to what
// that stands for, as name servers do.
func (f *fakeDNS) answer(query []byte) []byte {
	name, end := question(query)
	kind := binary.BigEndian.Uint16(query[end:])
	records, known := f.records(name, kind)
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

// longestChain is how many names a name may stand for: some chains go in circles.
const longestChain = 8

func (f *fakeDNS) records(name string, kind uint16) (records [][]byte, known bool) {
	owner := wire(name)
	for range longestChain {
		values, found := f.look(name, kind)
		if !found {
			return records, len(records) > 0
		}
		var next string
		for _, value := range values {
			address, err := netip.ParseAddr(value)
			switch {
			case err != nil:
				next = value
			case (kind == typeA) == address.Is4():
				records = append(records, record(owner, kind, address.AsSlice()))
			}
		}
		if next == "" {
			return records, true
		}
		records = append(records, record(owner, typeCNAME, wire(next)))
		name, owner = next, wire(next)
	}
	return records, true
}

// look returns what stands for a name. A look-up asks for each kind once.
func (f *fakeDNS) look(name string, kind uint16) (values []string, known bool) {
	if f.zone != nil {
		return f.zone(name), true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	name = strings.ToLower(name)
	key := fmt.Sprint(kind, name)
	f.asked[key]++
	if then, changes := f.later[name]; changes && f.asked[key] > 1 {
		return then, true
	}
	values, known = f.names[name]
	return values, known
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

// wire returns a name as it stands in a packet.
func wire(name string) []byte {
	var b []byte
	for label := range strings.SplitSeq(name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0)
}

func record(owner []byte, kind uint16, data []byte) []byte {
	r := append([]byte{}, owner...)
	r = append(r, 0, byte(kind), 0, 1, 0, 0, 0, 0)
	r = binary.BigEndian.AppendUint16(r, uint16(len(data)))
	return append(r, data...)
}
