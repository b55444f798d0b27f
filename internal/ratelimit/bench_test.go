package ratelimit

import (
	"context"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"
)

// floor is the least that any counter in memory costs: a lock and a map.
type floor[K comparable] struct {
	mu   sync.Mutex
	used map[K]int64
}

func (f *floor[K]) take(k K) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.used[k]++
}

// many is how many addresses or keys a benchmark goes through.
const many = 10_000

// at runs one from all processors.
func at(b *testing.B, one func(n int)) {
	b.Helper()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			one(n % many)
		}
	})
}

func addressesOf(format func(n int) netip.Addr) []netip.Addr {
	all := make([]netip.Addr, many)
	for n := range all {
		all[n] = format(n)
	}
	return all
}

func BenchmarkAddress(b *testing.B) {
	fixed := func() time.Time { return time.Unix(1_767_225_600, 0) }
	ctx := context.Background()
	v4 := addressesOf(stranger)
	v6 := addressesOf(func(n int) netip.Addr {
		return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, byte(n >> 8), 0, byte(n), 15: 1})
	})
	b.Run("floor", func(b *testing.B) {
		f := floor[netip.Addr]{used: map[netip.Addr]int64{}}
		at(b, func(n int) { f.take(v4[n]) })
	})
	limits := Limits{Address: none, Tiers: map[string]int64{"standard": 300}}
	b.Run("IPv4", func(b *testing.B) {
		l := New(limits, fixed)
		at(b, func(n int) { l.Address(ctx, v4[n]) })
	})
	b.Run("IPv6", func(b *testing.B) {
		l := New(limits, fixed)
		at(b, func(n int) { l.Address(ctx, v6[n]) })
	})
	b.Run("known", func(b *testing.B) {
		l := New(limits, fixed)
		at(b, func(n int) {
			l.Address(ctx, v4[n])
			l.KeySeen(ctx, v4[n], "standard")
		})
	})
	b.Run("denied", func(b *testing.B) {
		l := New(Limits{Address: 1}, fixed)
		at(b, func(n int) { l.Address(ctx, v4[n]) })
	})
}

func BenchmarkKey(b *testing.B) {
	fixed := func() time.Time { return time.Unix(1_767_225_600, 0) }
	ctx := context.Background()
	uses := make([]Use, many)
	for n := range uses {
		uses[n] = Use{KeyID: "key_" + strconv.Itoa(n), AccountID: "acc_" + strconv.Itoa(n/3), Tier: "standard"}
	}
	b.Run("floor", func(b *testing.B) {
		f := floor[string]{used: map[string]int64{}}
		at(b, func(n int) { f.take(uses[n].KeyID) })
	})
	b.Run("key and tier", func(b *testing.B) {
		l := New(Limits{Key: none, Tiers: map[string]int64{"standard": none}}, fixed)
		at(b, func(n int) { l.Key(ctx, uses[n]) })
	})
	b.Run("denied", func(b *testing.B) {
		l := New(Limits{Key: 1, Tiers: map[string]int64{"standard": 1}}, fixed)
		at(b, func(n int) { l.Key(ctx, uses[n]) })
	})
}
