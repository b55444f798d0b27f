package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// theirServices is a provider's list with what can be sold and what can't.
const theirServices = `[
	{"service": 7, "name": "Banner views", "category": "Adverts", "type": "Default", "rate": "0.50", "min": "100", "max": 5000, "cancel": true},
	{"service": "8", "name": "Comments", "category": "Adverts", "type": "Custom Dances", "rate": "2", "min": 1, "max": 10},
	{"service": 9, "name": "Free for all", "category": "Adverts", "rate": "cheap", "min": 1, "max": 10}
]`

// newProvider serves a provider that accepts one key.
func newProvider(t *testing.T, key string) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := `{"error": "unknown action"}`
		switch action := r.FormValue("action"); {
		case r.FormValue("key") != key:
			answer = `{"error": "bad key"}`
		case action == "balance":
			answer = `{"balance": "12.345", "currency": "usd"}`
		case action == "services":
			answer = theirServices
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/api/v2"
}

// A provider's services come in at the mark-up; those that can't are named.
func TestProviderImport(t *testing.T) {
	t.Setenv("NOTPANEL_OUTBOUND_ALLOW", "127.0.0.0/8")
	p := newPanel(t)
	address := newProvider(t, "their-key")
	r := p.run("their-key\n", "provider", "add", "--name", "Theirs", "--url", address, "--key", "-", "--json")
	added := read[providerView](t, r.out)
	if r.code != 0 || added.Name != "Theirs" || added.URL != address || added.State != "active" {
		t.Fatalf("exit %d: %+v %s", r.code, added, r.err)
	}
	p.fails(exitFailed, "provider", "add", "--name", "Theirs", "--url", address, "--key", "x")

	contains(t, p.ok("provider", "balance", "Theirs"), "12.345 USD")
	contains(t, p.ok("provider", "balance", added.ID, "--json"), `"12.345"`, `"USD"`)
	contains(t, p.ok("provider", "import", "Theirs", "--markup", "20%"),
		"1 added, 0 changed, 0 paused, 0 resumed, 2 left out", "Custom Dances", "its rate can't be read")

	services := read[[]serviceView](t, p.ok("service", "list", "--json"))
	if len(services) != 1 {
		t.Fatalf("services %+v", services)
	}
	if s := services[0]; s.Service != 1 || s.Rate != "0.60" || s.Cost != "0.50" || s.Min != 100 || s.Provider != "Theirs" || s.ProviderService != "7" {
		t.Errorf("service %+v", s)
	}
	contains(t, p.ok("provider", "import", "Theirs", "--markup", "50", "--json"), `"changed": 1`, `"left_out": [`)
	contains(t, p.ok("provider", "list"), "Theirs", "USD", "active")
}

// A private address that the operator did not list is not called.
func TestProviderOutsideTheListIsNotCalled(t *testing.T) {
	t.Setenv("NOTPANEL_OUTBOUND_ALLOW", "")
	p := newPanel(t)
	p.ok("provider", "add", "--name", "Theirs", "--url", newProvider(t, "k"), "--key", "k")
	contains(t, p.fails(exitFailed, "provider", "balance", "Theirs"), "not allowed")
	contains(t, p.fails(exitFailed, "provider", "import", "Theirs", "--markup", "20"), "not allowed")
	t.Setenv("NOTPANEL_OUTBOUND_ALLOW", "everything")
	contains(t, p.fails(exitUsage, "provider", "balance", "Theirs"), "NOTPANEL_OUTBOUND_ALLOW")
}

func TestProviderPauseAndResume(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.ok("provider", "add", "--name", "Theirs", "--url", "https://provider.example/api", "--key", "k")
	p.ok("provider", "pause", "Theirs", "--reason", "late again")
	got := read[[]providerView](t, p.ok("provider", "list", "--json"))
	if len(got) != 1 || got[0].State != "paused" || got[0].PauseReason != "late again" {
		t.Errorf("paused %+v", got)
	}
	contains(t, p.ok("provider", "pause", "Theirs"), "paused already")
	p.ok("provider", "resume", "Theirs")
	if got := read[[]providerView](t, p.ok("provider", "list", "--json")); got[0].State != "active" || got[0].PauseReason != "" {
		t.Errorf("resumed %+v", got)
	}
}

// A provider is made with all that its API needs, and changed one thing at a
// time; no secret is printed, nor stored in the audit log.
func TestProviderSet(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	r := p.run("hush-hush-value\n", "provider", "add", "--name", "Theirs", "--url", "https://provider.example/api", "--key", "their-key",
		"--profile", `{"method":"GET","names":{"link":"url"}}`, "--header", "X-Client: -", "--slots", "3", "--markup", "12.5%",
		"--sync-every", "6h", "--balance-low", "25", "--json")
	v := read[providerView](t, r.out)
	if r.code != 0 || v.Kind != "classic" || v.Profile.Method != http.MethodGet || v.Profile.Names["link"] != "url" || v.Slots != 3 ||
		orEmpty(v.Markup) != "12.50%" || v.SyncEvery != "6h0m0s" || orEmpty(v.BalanceLow) != "25.00" || len(v.Headers) != 1 || v.Headers[0] != "X-Client" {
		t.Fatalf("exit %d: %+v %s", r.code, v, r.err)
	}
	file := filepath.Join(t.TempDir(), "profile.json")
	if err := os.WriteFile(file, []byte(`{"encoding":"json"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	printed := r.out + p.ok("provider", "set", "Theirs", "--profile", "@"+file, "--markup", "none", "--header", "X-More: a,b: c", "--drop-header", "x-client", "--json")
	v = read[providerView](t, printed[len(r.out):])
	if v.Profile.Encoding != "json" || v.Profile.Method != "" || v.Markup != nil || len(v.Headers) != 1 || v.Headers[0] != "X-More" || v.Slots != 3 {
		t.Errorf("%+v", v)
	}
	var said []string
	for _, wrong := range [][]string{
		{"--profile", `{"methud":"GET"}`},
		{"--profile", "@" + file + ".gone"},
		{"--header", "Host: x"},
		{"--key", "-", "--header", "X-A: -"},
		{"--sync-every", "1s"},
		{"--drop-header", "X-Gone"},
	} {
		r := p.run("", append([]string{"provider", "set", "Theirs"}, wrong...)...)
		if r.code == 0 {
			t.Errorf("%v is taken", wrong)
		}
		said = append(said, r.err)
	}
	contains(t, p.fails(exitUsage, "provider", "set", "Theirs"), "nothing to change")
	printed += strings.Join(said, "")
	contains(t, printed, `profile has no field "methud"`, "one secret")
	if strings.Contains(printed, "hush-hush") || strings.Contains(printed, "their-key") || strings.Contains(printed, "a,b: c") {
		t.Error("a secret is printed")
	}
	p.fails(exitUsage, "provider", "add", "--name", "Nowhere")
	added := read[providerView](t, p.ok("provider", "add", "--name", "People", "--kind", "manual", "--json"))
	if added.Kind != "manual" || added.URL != "" {
		t.Errorf("%+v", added)
	}
	contains(t, p.fails(exitFailed, "provider", "balance", "People"), "manual")
}

// Staff decide what a refusal means; one that leaves the order open stays so.
func TestProviderClassify(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.ok("provider", "add", "--name", "Theirs", "--url", "https://provider.example/api", "--key", "k")
	contains(t, p.ok("provider", "texts", "Theirs"), "No refusal waits")
	p.ok("provider", "classify", "Theirs", "--text", "Computer says  no to order 77", "--as", "next-source")
	contains(t, p.ok("provider", "texts", "Theirs", "--all"), "next-source", "Computer says no to order N")
	texts := read[[]textView](t, p.ok("provider", "texts", "Theirs", "--all", "--json"))
	if len(texts) != 1 || texts[0].As != "next-source" || texts[0].Seen != 0 || texts[0].DecidedAt == nil {
		t.Errorf("%+v", texts)
	}
	contains(t, p.fails(exitFailed, "provider", "classify", "Theirs", "--text", "Internal error", "--as", "refuse"), "uncertain")
	p.fails(exitUsage, "provider", "classify", "Theirs", "--text", "x", "--as", "whatever")
}
