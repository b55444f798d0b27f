package sdk_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/e2e/browser"
)

// patience bounds one runner of one language.
const patience = 5 * time.Minute

// built is the program, built once by the first test that needs it.
var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "notpanel-sdk-*")
	if err != nil {
		return "", fmt.Errorf("a folder for the program: %w", err)
	}
	toRemove = folder
	return browser.Build(context.Background(), folder)
})

// toRemove is the folder of the built program.
var toRemove string

func TestMain(m *testing.M) {
	code := m.Run()
	if toRemove != "" {
		_ = os.RemoveAll(toRemove)
	}
	os.Exit(code)
}

// startDemo starts a demo of the test's own and stops it at its end. Webhooks may
// go to this machine there, as the demo allows.
func startDemo(t *testing.T, env ...string) *browser.Demo {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	d, err := browser.StartDemo(t.Context(), program, env...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// root is a path in the repository.
func root(t *testing.T, parts ...string) string {
	t.Helper()
	folder, err := browser.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(append([]string{folder}, parts...)...)
}

// run runs a program of an SDK's in a folder and returns what it printed. It gets
// the demo's address and keys in its environment, and has to end well.
func run(t *testing.T, d *browser.Demo, folder, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var said bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &said, &said
	cmd.Env = append(os.Environ(), "NOTPANEL_URL="+d.URL, "NOTPANEL_KEY="+d.Keys["native"], "NOTPANEL_TEST_KEY="+d.Keys["test"])
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, said.String())
	}
	return said.String()
}

// need skips a test whose runner is not installed; under CI that is a failure.
func need(t *testing.T, program string, args ...string) {
	t.Helper()
	err := exec.CommandContext(t.Context(), program, args...).Run()
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s %q is needed: %v (make setup installs it)", program, args, err)
	}
	t.Skipf("%s %q is not there: %v; make setup installs it", program, args, err)
}
