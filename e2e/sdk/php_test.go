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
	"testing"
	"time"

	"github.com/notpanel/notpanel/e2e/browser"
)

// needPHP skips a test where there is no PHP with curl.
func needPHP(t *testing.T) {
	t.Helper()
	need(t, "php", "-r", "exit(extension_loaded('curl') ? 0 : 1);")
}

// The tests of the PHP SDK pass against a panel and none is skipped. They run the
// samples of its README as printed: the first orders, and sees it completed by webhook.
func TestPHPSuite(t *testing.T) {
	t.Parallel()
	needPHP(t)
	need(t, "phpunit", "--version")
	said := run(t, startDemo(t), root(t, "sdk", "php"), "phpunit", "--fail-on-skipped", "--fail-on-incomplete")
	if !regexp.MustCompile(`(?m)^OK \(\d{3,} tests`).MatchString(said) {
		t.Errorf("phpunit said\n%s", said)
	}
}

// The example's shop takes an order through its form, once however often the form is
// sent, and shows it completed when a signed webhook says so.
func TestPHPShop(t *testing.T) {
	t.Parallel()
	needPHP(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	shop := openPHPShop(ctx, t, startDemo(t))

	form := shop.form(ctx, t)
	for range 2 {
		if status, said := shop.ask(ctx, t, "/", form); status != http.StatusOK || !strings.Contains(said, "<h1>Orders</h1>") {
			t.Fatalf("ordering is answered %d:\n%s", status, said)
		}
	}
	forged := url.Values{"id": {"evt_1"}}
	if status, _ := shop.ask(ctx, t, "/webhook", forged); status != http.StatusBadRequest {
		t.Errorf("an unsigned webhook is answered %d", status)
	}
	shop.await(ctx, t, regexp.MustCompile(`<ul><li>ord_[0-9A-Z]{26}: <b>completed</b></li></ul>`))
}

// phpShop is a running shop.
type phpShop struct{ address string }

// phpStarted is what PHP's web server says when it listens.
var phpStarted = regexp.MustCompile(`\((http://127\.0\.0\.1:\d+)\) started`)

// openPHPShop starts the shop on a free port and stops it when the test ends.
func openPHPShop(ctx context.Context, t *testing.T, d *browser.Demo) phpShop {
	t.Helper()
	cmd := exec.CommandContext(ctx, "php", "-S", "127.0.0.1:0", "shop.php")
	cmd.Dir = root(t, "sdk", "php", "examples")
	cmd.Env = append(os.Environ(), "NOTPANEL_URL="+d.URL, "NOTPANEL_KEY="+d.Keys["native"], "SHOP_FILE="+filepath.Join(t.TempDir(), "book.json"))
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	log := make(chan string, 1)
	lines := bufio.NewReader(said)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		if rest := <-log; strings.Contains(rest, "PHP Warning") || strings.Contains(rest, "PHP Fatal") || t.Failed() {
			t.Errorf("the shop said\n%s", rest)
		}
		_ = cmd.Wait()
	})
	first, err := lines.ReadString('\n')
	go func() {
		rest, _ := io.ReadAll(lines)
		log <- string(rest)
	}()
	started := phpStarted.FindStringSubmatch(first)
	if started == nil {
		t.Fatalf("the shop said %q: %v", first, err)
	}
	return phpShop{address: started[1]}
}

// phpForm finds what a customer would choose in the shop's form.
var phpForm = regexp.MustCompile(`(?s)<option value="(\d+)">[^<]*: \d+\.\d\d USD for 1,000, from (\d+)</option>.*name="form" value="([0-9a-f]{32})"`)

// form fills in the shop's form: the least of the first service.
func (s phpShop) form(ctx context.Context, t *testing.T) url.Values {
	t.Helper()
	_, page := s.ask(ctx, t, "/", nil)
	found := phpForm.FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("the shop's page has no form:\n%s", page)
	}
	return url.Values{"service": {found[1]}, "quantity": {found[2]}, "form": {found[3]}, "link": {"https://example.com/shop"}}
}

// await waits until the shop's page has a part.
func (s phpShop) await(ctx context.Context, t *testing.T, part *regexp.Regexp) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		_, page := s.ask(ctx, t, "/", nil)
		if part.MatchString(page) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s is not on the page:\n%s", part, page)
		}
	}
}

// ask asks the shop as a browser does, with a form where there is one.
func (s phpShop) ask(ctx context.Context, t *testing.T, path string, form url.Values) (status int, body string) {
	t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, method, s.address+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(said)
}
