package browser_test

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/notpanel/notpanel/e2e/browser"
)

// The demo serves once it has started, and leaves nothing behind.
func TestDemoServesUntilItIsStopped(t *testing.T) {
	scratch := t.TempDir()
	program, err := browser.Build(t.Context(), scratch)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", scratch)
	demo, err := browser.StartDemo(t.Context(), program)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get(demo.OpsURL + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK || demo.URL == "" || len(demo.Keys) == 0 {
		t.Errorf("readyz answers %d, url %q, %d keys", answer.StatusCode, demo.URL, len(demo.Keys))
	}
	if err := demo.Stop(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(scratch, "notpanel-*")); err != nil || len(left) > 0 {
		t.Errorf("it left %v (%v)", left, err)
	}
	if _, err := browser.StartDemo(t.Context(), filepath.Join(scratch, "missing")); err == nil {
		t.Error("a program that is not there has started")
	}
}
