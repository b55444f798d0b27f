package pages_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/activity"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
)

// A newcomer reads the first steps and no warning. Who has figures sees them in charts
// and as a table, in their own days, and what needs attention with where it is mended.
func TestOverviewShowsFiguresAndWhatNeedsAttention(t *testing.T) {
	t.Parallel()
	p := start(t)
	a := p.account(ann, account.Customer)
	v := p.visitor().signIn(ann, password)
	fresh := v.get("/dashboard")
	says(t, "a newcomer", fresh, http.StatusOK, "Your first order")
	for _, no := range []string{`id="attention"`, `id="figures"`} {
		if strings.Contains(fresh.body, no) {
			t.Errorf("a newcomer sees %s", no)
		}
	}
	p.credit(a, 3*money.Unit)
	_, _, err := p.Core.Keys.Issue(t.Context(), apikey.NewKey{
		AccountID: a.ID, Name: "Shop <b>", Dialect: apikey.Native, Mode: apikey.Live, ExpiresAt: time.Now().Add(72 * time.Hour),
	}, "a test")
	if err != nil {
		t.Fatal(err)
	}
	err = p.Core.DB.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO activity (account_id, at, placed, completed, charged, refunded) VALUES ($1, $2, 12, 7, 5500000, 1250000)`,
			a.ID, db.At(tx.Now.Truncate(activity.Quarter)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got := v.get("/dashboard")
	for _, want := range []string{
		"The key Shop &lt;b&gt; expires", "in 2 d", "You have no second factor", "$4.25", `id="spending-chart"`, `id="orders-chart"`, "4250000", "chart-",
	} {
		says(t, "the overview", got, http.StatusOK, want)
	}
	if strings.Contains(got.body, "Your balance is low") {
		t.Error("who has never ordered is told that the balance is low")
	}
}
