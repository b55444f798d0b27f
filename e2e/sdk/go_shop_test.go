package sdk_test

import (
	"bufio"
	"bytes"
	"context"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/e2e/browser"
)

// The shop sells: an order that comes in through its form is completed on its page, for
// the webhooks say so.
func TestGoShop(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(root(t, "client", "examples", "shop", "main.go"))
	if err != nil || bytes.Count(source, []byte("\n")) > 100 {
		t.Errorf("the shop has %d lines, %v", bytes.Count(source, []byte("\n")), err)
	}
	d := startDemo(t)
	lines, stop := startShop(t, d, goProgram(t, string(source)))
	address := await(t, lines, regexp.MustCompile(`the shop is open at (http://\S+)`))
	if text := get(t, address); !strings.Contains(text, `<option value="1">Banner impressions, run of site, 1,000 for 0.53 USD</option>`) {
		t.Errorf("its page is:\n%s", text)
	}
	for _, link := range []string{"https://example.com/one", "https://example.com/two#sim=partial:40"} {
		if text := sell(t, address, url.Values{"service": {"1"}, "link": {link}, "quantity": {"1000"}}); !strings.Contains(text, html.EscapeString(link)) {
			t.Errorf("its page after the order is:\n%s", text)
		}
	}
	if text := sell(t, address, url.Values{"service": {"1"}, "link": {"https://example.com/three"}, "quantity": {"1"}}); !strings.Contains(text, "<td>https://example.com/three<td>refused") {
		t.Errorf("its page after an order that is refused is:\n%s", text)
	}
	for range 2 {
		await(t, lines, regexp.MustCompile(`is (completed|partial)$`))
	}
	text := get(t, address)
	for _, row := range []string{"<td>https://example.com/one<td>completed", "<td>https://example.com/two#sim=partial:40<td>partial"} {
		if !strings.Contains(text, row) {
			t.Errorf("%q is not on its page:\n%s", row, text)
		}
	}
	forged, err := http.Post(address+"/webhooks", "application/json", strings.NewReader(`{"id":"evt_01","type":"ping","data":{}}`))
	if err != nil || forged.StatusCode != http.StatusBadRequest {
		t.Errorf("a forged delivery: %v, %v", forged, err)
	}
	_ = forged.Body.Close()
	stop()
	if left, err := goClient(t, d, "native").Webhooks.List(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("left behind: %+v, %v", left, err)
	}
}

// startShop starts a program; stop interrupts it, as Ctrl-C does, and waits for its end.
func startShop(t *testing.T, d *browser.Demo, program string) (lines <-chan string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), "NOTPANEL_URL="+d.URL, "NOTPANEL_KEY="+d.Keys["native"])
	output, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 1000)
	go func() {
		defer close(said)
		for scanner := bufio.NewScanner(output); scanner.Scan(); {
			said <- scanner.Text()
		}
	}()
	return said, func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		for range said { // to the end, before Wait closes the pipe
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// await waits for a line and returns what its group matched.
func await(t *testing.T, lines <-chan string, wanted *regexp.Regexp) string {
	t.Helper()
	enough := time.After(time.Minute)
	var seen []string
	for {
		select {
		case line, open := <-lines:
			if !open {
				t.Fatalf("it ended:\n%s", strings.Join(seen, "\n"))
			}
			if found := wanted.FindStringSubmatch(line); found != nil {
				return found[1]
			}
			seen = append(seen, line)
		case <-enough:
			t.Fatalf("%v does not come:\n%s", wanted, strings.Join(seen, "\n"))
		}
	}
}

func get(t *testing.T, address string) string {
	t.Helper()
	return page(t, func() (*http.Response, error) { return http.Get(address) })
}

// sell sends the shop's form and returns the page that it leads to.
func sell(t *testing.T, address string, form url.Values) string {
	t.Helper()
	return page(t, func() (*http.Response, error) { return http.PostForm(address, form) })
}

func page(t *testing.T, ask func() (*http.Response, error)) string {
	t.Helper()
	resp, err := ask()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v", resp.Status, err)
	}
	return string(body)
}
