package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// theirServices is a provider's list with what can be sold and what can't.
const theirServices = `[
	{"service": 7, "name": "Banner views", "category": "Adverts", "type": "Default", "rate": "0.50", "min": "100", "max": 5000, "cancel": true},
	{"service": "8", "name": "Comments", "category": "Adverts", "type": "Custom Comments", "rate": "2", "min": 1, "max": 10},
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
		"1 added, 0 changed, 0 paused, 0 resumed, 2 left out", "Custom Comments", "its rate can't be read")

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
