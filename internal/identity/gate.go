package identity

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/fault"
)

// gate bounds how many passwords are hashed at once: each takes 19 MiB and a core.
// An address has half of the slots at most and waits for its own, so that nobody
// keeps the others out, not even with right passwords.
type gate struct {
	slots chan struct{}
	each  int // slots of an address
	wait  time.Duration
	uses  atomic.Int64 // a test counts them

	mu    sync.Mutex
	lines map[string]*line // of who hashes or waits
}

// line is an address whose passwords are hashed.
type line struct {
	slots chan struct{}
	users int
}

func newGate(slots int, wait time.Duration) *gate {
	return &gate{slots: make(chan struct{}, slots), each: max(1, slots/2), wait: wait, lines: map[string]*line{}}
}

// join returns the line of an address; who joined parts.
func (g *gate) join(from netip.Addr) (l *line, part func()) {
	all := lines("", from, 0, 0)
	name := all[len(all)-1].name // of IPv6 the site
	g.mu.Lock()
	defer g.mu.Unlock()
	if l = g.lines[name]; l == nil {
		l = &line{slots: make(chan struct{}, g.each)}
		g.lines[name] = l
	}
	l.users++
	return l, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(g.lines, name)
		}
	}
}

// enter waits for a slot. Who got one calls leave.
func (g *gate) enter(ctx context.Context, from netip.Addr) (leave func(), err error) {
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	l, part := g.join(from)
	if err := waitFor(ctx, l.slots, timer); err != nil {
		part()
		return nil, err
	}
	if err := waitFor(ctx, g.slots, timer); err != nil {
		<-l.slots
		part()
		return nil, err
	}
	g.uses.Add(1)
	return func() {
		<-g.slots
		<-l.slots
		part()
	}, nil
}

// waitFor waits for one of the slots until the timer ends.
func waitFor(ctx context.Context, slots chan<- struct{}, timer *time.Timer) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-timer.C:
		return fault.New(fault.Unavailable, "Temporarily unavailable")
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, "Temporarily unavailable", ctx.Err())
	}
}

func (g *gate) hash(ctx context.Context, from netip.Addr, password string) (string, error) {
	leave, err := g.enter(ctx, from)
	if err != nil {
		return "", err
	}
	defer leave()
	return account.HashPassword(password)
}

func (g *gate) same(ctx context.Context, from netip.Addr, password, hash string) (bool, error) {
	leave, err := g.enter(ctx, from)
	if err != nil {
		return false, err
	}
	defer leave()
	return account.SamePassword(password, hash)
}
