package sdk_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// needNode skips a test where there is no Node that the SDK runs on.
func needNode(t *testing.T) {
	t.Helper()
	need(t, "node", "--eval", "process.exit(Number(process.versions.node.split('.')[0]) >= 20 ? 0 : 1)")
}

// The SDK's own tests all pass, those against a panel too: none is skipped but for
// want of the TypeScript compiler.
func TestJavaScriptSuite(t *testing.T) {
	t.Parallel()
	needNode(t)
	said := run(t, startDemo(t), root(t, "sdk", "js"), "node", "--test", "--test-reporter=tap")
	if !regexp.MustCompile(`(?m)^# pass [1-9]`).MatchString(said) {
		t.Fatalf("nothing was tested:\n%s", said)
	}
	for line := range strings.Lines(said) {
		if _, why, skipped := strings.Cut(line, "# SKIP "); skipped && (os.Getenv("CI") == "true" || !strings.Contains(why, "TypeScript")) {
			t.Errorf("skipped: %s", line)
		}
	}
}

// javaScript matches the first sample of JavaScript in a README.
var javaScript = regexp.MustCompile("(?ms)^```js\n(.*?)^```$")

// The README's first sample, as printed, places an order and sees it completed by webhook.
func TestJavaScriptReadme(t *testing.T) {
	t.Parallel()
	needNode(t)
	readme, err := os.ReadFile(root(t, "sdk", "js", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	sample := javaScript.FindSubmatch(readme)
	if sample == nil {
		t.Fatal("the README has no sample")
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "order.mjs"), sample[1], 0o600); err != nil {
		t.Fatal(err)
	}
	installJavaScript(t, folder)
	said := run(t, startDemo(t), folder, "node", "order.mjs")
	if !regexp.MustCompile(`(?m)^ord_[0-9A-Z]{26} completed$`).MatchString(said) {
		t.Errorf("it said:\n%s", said)
	}
}

// installJavaScript puts the SDK where npm would.
func installJavaScript(t *testing.T, folder string) {
	t.Helper()
	modules := filepath.Join(folder, "node_modules")
	if err := os.Mkdir(modules, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(root(t, "sdk", "js"), filepath.Join(modules, "notpanel")); err != nil {
		t.Fatal(err)
	}
}

// The example's shop takes an order through its form and shows it completed; when it
// is stopped, its webhook is gone.
func TestJavaScriptShop(t *testing.T) {
	t.Parallel()
	needNode(t)
	d := startDemo(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	shop := exec.CommandContext(ctx, "node", root(t, "sdk", "js", "examples", "shop.mjs"))
	shop.Env, shop.Stderr = append(os.Environ(), "NOTPANEL_URL="+d.URL, "NOTPANEL_KEY="+d.Keys["native"]), os.Stderr
	out, err := shop.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shop.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = shop.Process.Kill() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	address, found := strings.CutPrefix(strings.TrimSpace(line), "The shop is at ")
	if !found {
		t.Fatalf("the shop said %q: %v", line, err)
	}

	const link = "https://example.com/shop"
	orderInShop(ctx, t, address, link)
	awaitOnPage(ctx, t, address, "<td>"+link+"</td><td>completed</td>")

	if err := shop.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := shop.Wait(); err != nil {
		t.Errorf("the shop ended: %v", err)
	}
	answer := shopAnswer(ctx, t, d.URL+"/api/v2", url.Values{"key": {d.Keys["native"]}, "action": {"webhook.list"}})
	if strings.TrimSpace(answer) != "[]" {
		t.Errorf("webhooks that are left: %s", answer)
	}
}

// shopForm finds what a customer would choose in the shop's form.
var shopForm = regexp.MustCompile(`(?s)name="request_id" value="([^"]+)".*?<option value="(\d+)">[^<]*\((\d+) to \d+\)`)

// orderInShop orders the least of the first service through the shop's form.
func orderInShop(ctx context.Context, t *testing.T, address, link string) {
	t.Helper()
	form := shopForm.FindStringSubmatch(shopAnswer(ctx, t, address+"/", nil))
	if form == nil {
		t.Fatal("the shop's page has no form")
	}
	page := shopAnswer(ctx, t, address+"/orders", url.Values{"request_id": {form[1]}, "service": {form[2]}, "quantity": {form[3]}, "link": {link}})
	if !strings.Contains(page, link) {
		t.Fatalf("the order is not on the page:\n%s", page)
	}
}

// awaitOnPage waits until a page has a part.
func awaitOnPage(ctx context.Context, t *testing.T, address, part string) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		page := shopAnswer(ctx, t, address+"/", nil)
		if strings.Contains(page, part) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s is not on the page:\n%s", part, page)
		}
	}
}

// shopAnswer gets a page, or sends a form, and returns what came after redirects.
func shopAnswer(ctx context.Context, t *testing.T, address string, form url.Values) string {
	t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s", address, answer.Status, page)
	}
	return string(page)
}
