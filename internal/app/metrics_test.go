package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// Every metric stands in the operator's guide with what it means: those that the
// program has in its text, which may count nothing yet, and those that it shows.
func TestMetricsAreInTheGuide(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/operations.md")
	ordertest.Must(t, err)
	names := map[string]bool{}
	for _, pattern := range []string{"*.go", "../telemetry/*.go"} {
		files, err := filepath.Glob(pattern)
		ordertest.Must(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			ordertest.Must(t, err)
			for _, found := range regexp.MustCompile(`"(notpanel_[a-z_]+)"`).FindAllStringSubmatch(string(text), -1) {
				names[found[1]] = true
			}
		}
	}
	s, err := NewServer(t.Context(), config.Serve{
		Storage: config.InFile(filepath.Join(t.TempDir(), "panel.db")), Outbound: config.Outbound{ProviderTimeout: time.Second},
		Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", AutoMigrate: true,
		Backups: config.Backups{BackupEvery: time.Hour, BackupFolder: t.TempDir(), BackupKeep: 1},
	}, slog.New(slog.DiscardHandler))
	ordertest.Must(t, err)
	s.Start()
	t.Cleanup(func() { ordertest.Must(t, s.Stop(context.WithoutCancel(t.Context()))) })
	until(t, "the first backup is made", func() bool {
		_, found, err := s.backups.Age()
		return found && err == nil
	})
	shown := 0
	for _, found := range regexp.MustCompile(`(?m)^# HELP (notpanel_\S+)`).FindAllStringSubmatch(get(t, s.OpsURL()+"/metrics"), -1) {
		names[found[1]] = true
		shown++
	}
	if shown < 8 || len(names) < 13 {
		t.Errorf("only %d metrics are shown, %d are known", shown, len(names))
	}
	for name := range names {
		if !strings.Contains(string(guide), "\n| `"+name+"` | ") {
			t.Errorf("docs/operations.md does not say what %s is", name)
		}
	}
}
