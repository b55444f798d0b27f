package sdk_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// python is Debian's, which has Debian's packages.
const python = "/usr/bin/python3"

// The whole suite runs against the demo: every action, the samples of its README, its
// example and the types of all of it.
func TestPythonSuite(t *testing.T) {
	t.Parallel()
	need(t, python, "-c", "import httpx, pytest")
	said := run(t, startDemo(t), root(t, "sdk", "python"), python, "-m", "pytest")
	if strings.Contains(said, "no running panel") {
		t.Errorf("the tests against the demo were skipped:\n%s", said)
	}
	t.Log(said)
}

// The README's first program, as it is printed there, places an order and sees it
// completed by webhook.
func TestPythonReadme(t *testing.T) {
	t.Parallel()
	need(t, python, "-c", "import httpx")
	readme, err := os.ReadFile(root(t, "sdk", "python", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(readme), "<!-- complete -->\n```python\n")
	program, _, closed := strings.Cut(after, "```\n")
	if !found || !closed {
		t.Fatal("README has no complete sample")
	}
	file := filepath.Join(t.TempDir(), "order.py")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	said := run(t, startDemo(t), filepath.Dir(file), "/usr/bin/env", "PYTHONPATH="+root(t, "sdk", "python", "src"), python, file)
	lines := strings.Split(strings.TrimSpace(said), "\n")
	last := lines[len(lines)-1]
	if !strings.HasPrefix(last, "ord_") || !strings.HasSuffix(last, " completed") {
		t.Errorf("it ended with %q:\n%s", last, said)
	}
}
