package identity

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/fault"
)

// gate bounds how many passwords are hashed at once: each takes 19 MiB and a core.
type gate struct {
	slots chan struct{}
	wait  time.Duration
	uses  atomic.Int64 // a test counts them
}

func newGate(slots int, wait time.Duration) *gate {
	return &gate{slots: make(chan struct{}, slots), wait: wait}
}

// enter waits for a slot. Who got one calls leave.
func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case g.slots <- struct{}{}:
		g.uses.Add(1)
		return func() { <-g.slots }, nil
	case <-timer.C:
		return nil, fault.New(fault.Unavailable, "Temporarily unavailable")
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unavailable, "Temporarily unavailable", ctx.Err())
	}
}

func (g *gate) hash(ctx context.Context, password string) (string, error) {
	leave, err := g.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	return account.HashPassword(password)
}

func (g *gate) same(ctx context.Context, password, hash string) (bool, error) {
	leave, err := g.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	return account.SamePassword(password, hash)
}
