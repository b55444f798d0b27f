package identity

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notpanel/notpanel/internal/fault"
)

// However many wait from one address, the next from another has its turn at once;
// those of one address wait for each other, and no address is kept.
func TestOneAddressLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2, 2*time.Second)
		one, two := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1")
		for n := range 100 {
			go func() {
				from := one
				if n%2 == 0 {
					from = netip.MustParseAddr("2001:db8:0:1::1") // of the same site
				}
				if leave, err := g.enter(context.Background(), from); err == nil {
					time.Sleep(40 * time.Millisecond)
					leave()
				}
			}()
		}
		synctest.Wait()
		began := time.Now()
		leave, err := g.enter(context.Background(), two)
		if err != nil || time.Since(began) > 0 {
			t.Fatalf("the other address waited %s: %v", time.Since(began), err)
		}
		if _, err := g.enter(context.Background(), one); !fault.Is(err, fault.Unavailable) || time.Since(began) < 2*time.Second {
			t.Errorf("the hundred and first from one address: %v after %s", err, time.Since(began))
		}
		leave()
		time.Sleep(time.Minute)
		synctest.Wait() // all have left
		if len(g.lines) != 0 || len(g.slots) != 0 {
			t.Errorf("%d addresses and %d slots are kept", len(g.lines), len(g.slots))
		}
	})
}
