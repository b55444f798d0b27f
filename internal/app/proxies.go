package app

import (
	"context"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
)

// tellProxyEvery is how often a proxy that was not named is told of: it sends its
// header with every request.
const tellProxyEvery = 10 * time.Minute

// forgottenProxy returns what is told of each X-Forwarded-For from a private peer
// that is not trusted. All its clients count as one address until it is named.
func forgottenProxy(log *slog.Logger, now clock.Clock) func(peer netip.Addr) {
	var next atomic.Int64 // Unix seconds
	return func(peer netip.Addr) {
		at := now().Unix()
		due := next.Load()
		if at < due || !next.CompareAndSwap(due, at+int64(tellProxyEvery/time.Second)) {
			return
		}
		log.LogAttrs(context.Background(), slog.LevelWarn,
			"X-Forwarded-For is ignored: if the peer is a proxy of yours, name it in NOTPANEL_TRUSTED_PROXIES, or all its clients share one limit",
			slog.String("peer", peer.String()))
	}
}
