package apiv2_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/payment"
)

// A top-up stands in the statement as a deposit, with the reference as its customer
// wrote it and not who approved it.
func TestTopUpInTheStatement(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			p := newPanel(t, engine)
			a, err := account.NewStore(p.d).Find(t.Context(), "other@example.com")
			must(t, err)
			store := payment.NewStore(p.d)
			must(t, store.SetOffer(t.Context(), payment.Offer{Instructions: "Pay to account 12.", Least: money.Unit, Most: 100 * money.Unit}, "test"))
			waiting, err := store.Request(t.Context(), a.ID, 3*money.Unit, `INV "7" <b>`)
			must(t, err)
			if body := p.post("key=<other>&action=transactions").Body.String(); strings.Contains(body, "INV") {
				t.Errorf("what waits is in the statement: %s", body)
			}
			_, _, err = store.Approve(t.Context(), waiting.ID, 2_500_000, "usr_staff")
			must(t, err)

			answer := p.post("key=<other>&action=transactions&cursor=2")
			var page struct {
				Transactions []map[string]any
				Cursor       string
			}
			must(t, json.Unmarshal(answer.Body.Bytes(), &page))
			if answer.Code != http.StatusOK || len(page.Transactions) != 1 || page.Cursor != "3" {
				t.Fatalf("%d %s", answer.Code, answer.Body)
			}
			got := page.Transactions[0]
			at := got["at"]
			delete(got, "at")
			want := map[string]any{
				"transaction": 3.0, "type": "deposit", "amount": "2.50", "balance": "7.30", "order": nil, "memo": `Top-up: INV "7" <b>`,
			}
			if diff := cmp.Diff(want, got); diff != "" || at == "" || at == nil {
				t.Errorf("at %v: %s", at, diff)
			}
			p.audit()
		})
	}
}
