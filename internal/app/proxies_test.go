package app

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// A proxy that nobody named is told of now and then, not with each request.
func TestForgottenProxyIsToldNowAndThen(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	at := time.Unix(1_767_225_600, 0)
	tell := forgottenProxy(slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return at })
	for range 3 {
		for range 100 {
			tell(netip.MustParseAddr("10.0.0.9"))
		}
		at = at.Add(tellProxyEvery)
	}
	if got := strings.Count(log.String(), "NOTPANEL_TRUSTED_PROXIES"); got != 3 || !strings.Contains(log.String(), "peer=10.0.0.9") {
		t.Errorf("told %d times, want 3: %s", got, &log)
	}
}
