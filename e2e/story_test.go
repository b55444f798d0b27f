//go:build linux

package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/order"
)

// heldOrder is a row of what the simulator lists.
type heldOrder struct {
	Order  int64
	Link   string
	Status string
}

// What an operator does from an empty database to a completed order, with
// nothing but the program's own commands: a provider in a process of its own, a
// panel, an account, a key.
func TestFromNothingByCommandsOnly(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		file := filepath.Join(t.TempDir(), "simulator.json")
		simulator := start(t, launch{args: []string{"simulator", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--ready-file", file}})
		var content []byte
		eventually(t, "the simulator is ready", func() bool {
			var err error
			content, err = os.ReadFile(file)
			return err == nil
		})
		at := decode[struct{ URL, Key string }](t, string(content))
		n := w.serve() // first: the panel knows at its next request what is done beside it

		const email = "shop@example.com"
		owner := decode[struct{ ID, Role string }](t, w.commandWith(password+"\n", "account", "create", "--email", "owner@example.com", "--role", "owner", "--json"))
		if owner.Role != "owner" {
			t.Errorf("the role is %q", owner.Role)
		}
		w.commandWith(password+"\n", "account", "create", "--email", email)
		w.command("account", "credit", email, "100.00", "--reason", "bank transfer")
		w.command("account", "tier", email, "reseller")
		key := decode[issued](t, w.command("key", "create", "--account", email, "--name", "Shop", "--json")).Key
		w.commandWith(at.Key+"\n", "provider", "add", "--name", "Simulator", "--url", at.URL+"/api/v2", "--key", "-",
			"--profile", `{"package_price":"flat"}`)
		report := decode[struct {
			Added   int
			LeftOut []any `json:"left_out"`
		}](t, w.command("provider", "import", "Simulator", "--markup", "20%", "--json"))
		services := decode[[]struct {
			Service int64
			Name    string
			Rate    string
		}](t, n.call(form(key, "services")).body)
		if report.Added < 13 || report.Added+len(report.LeftOut) != 29 || len(services) != report.Added {
			t.Errorf("%d imported, %d left out, %d listed", report.Added, len(report.LeftOut), len(services))
		}
		if services[6].Name != "Background removal" || services[6].Rate != "24.00" {
			t.Errorf("the seventh service is %+v", services[6])
		}

		from := &source{services: map[string]int64{number: services[6].Service}}
		goes, stays := link("goes", "", "complete"), link("stays", "", "500-json-accepted")
		one := n.place(adding(key, from, "goes", goes)).Order
		two := n.place(adding(key, from, "stays", stays)).Order
		w.reaches(one, order.Completed)
		w.reaches(two, order.Uncertain)
		if shown := w.command("order", "list", "--state", "uncertain"); !strings.Contains(shown, two) || strings.Contains(shown, one) {
			t.Errorf("the uncertain orders:\n%s", shown)
		}
		var upstreamID string
		for _, o := range decode[[]heldOrder](t, n.get(at.URL+"/sim/orders")) {
			if o.Link == stays {
				upstreamID = strconv.FormatInt(o.Order, 10)
			}
		}
		w.command("order", "settle", two, "--accepted-as", upstreamID)
		w.reaches(two, order.Completed)
		if shown := w.command("order", "show", two); !strings.Contains(shown, "settled: the provider accepted it as") {
			t.Errorf("the order:\n%s", shown)
		}
		if orders := decode[[]heldOrder](t, n.get(at.URL+"/sim/orders")); len(orders) != 2 {
			t.Errorf("the provider holds %d orders, want 2", len(orders))
		}
		if balance := n.balance(key); balance != "95.20" {
			t.Errorf("the balance is %s, want 95.20", balance)
		}
		w.command("migrate", "status")
		simulator.terminate()
		n.terminate()
	})
}

// get reads an open page.
func (n *panel) get(address string) string {
	n.t.Helper()
	request, err := http.NewRequestWithContext(n.t.Context(), http.MethodGet, address, http.NoBody)
	must(n.t, err)
	a, err := n.do(request)
	must(n.t, err)
	if a.status != http.StatusOK {
		n.t.Fatalf("GET %s: status %d, %s", address, a.status, a.body)
	}
	return a.body
}
