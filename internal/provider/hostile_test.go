package provider

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/notpanel/notpanel/internal/provider/providertest"
)

// Whatever a provider does with an order, it is sent once, and taken for what the
// table says: over HTTP, as it will be.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	answers := providertest.Hostile()
	if len(answers) < 100 {
		t.Fatalf("only %d answers", len(answers))
	}
	seen := map[string]bool{}
	for _, c := range answers {
		if seen[c.Name] {
			t.Errorf("two answers are named %s", c.Name)
		}
		seen[c.Name] = true
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				_ = r.ParseForm()
				c.Behaviour(w, r)
			}))
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.Start()
			t.Cleanup(server.Close)
			timeout := patient
			if c.Hangs {
				timeout = impatient
			}
			w := watch()
			got := client(t, server.URL+"/secret-path", timeout).Add(t.Context(), w, ordered)
			class := ""
			if got.Class != 0 {
				class = got.Class.String()
			}
			if got.Outcome.String() != c.Outcome || class != c.Class || got.UpstreamID != c.UpstreamID {
				t.Errorf("%v, %q, id %q (%s); want %s, %q, id %q", got.Outcome, class, got.UpstreamID, got.Text, c.Outcome, c.Class, c.UpstreamID)
			}
			if (got.Said != "") != (got.Outcome == Refused && got.Text == got.Said) {
				t.Errorf("%v said %q with text %q", got.Outcome, got.Said, got.Text)
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("the provider saw %d requests", n)
			}
			if !w.Sent() {
				t.Error("it was sent and nobody knows")
			}
			secretive(t, "the answer", got)
		})
	}
}

// Where nobody is reached the order was not sent.
func TestAbsentProviders(t *testing.T) {
	t.Parallel()
	for _, c := range providertest.Absents() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			w := watch()
			if got := client(t, c.URL(t), patient).Add(t.Context(), w, ordered); got.Outcome != NotSent || w.Sent() {
				t.Errorf("%v, %q", got.Outcome, got.Text)
			}
		})
	}
}
