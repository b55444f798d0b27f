package apiv2_test

import (
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	operator "github.com/notpanel/notpanel/internal/panel"
)

// shut closes the panel for maintenance.
func (p *panel) shut() {
	p.Helper()
	must(p, operator.NewStore(p.d).Close(p.Context(), "For customers.", operator.By{ID: "a test"}))
}

// answers wants what is asked to be answered as ever.
func (p *panel) answers(key string, actions ...string) {
	p.Helper()
	for _, action := range actions {
		if w := p.post("key=" + key + "&action=" + action); w.Code != 200 || strings.Contains(w.Body.String(), "error") {
			p.Errorf("%s: %d %s", action, w.Code, w.Body)
		}
	}
	if strings.Contains(p.log.String(), "request failed") {
		p.Errorf("the log calls it a failure: %s", p.log)
	}
	p.audit()
}

// A panel that is closed for maintenance takes no order, cancel or refill, and says
// when to ask again; what was ordered before is answered, and so is what is asked.
func TestClosedPanelAnswersWhatIsAsked(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			p := newPanel(t, engine)
			const add = "key=<live>&action=add&service=1&link=https%3A%2F%2Fexample.com%2Fclosed&quantity=1000&request_id="
			before := p.post(add + "before").Body.String()
			balance := p.post("key=<live>&action=balance").Body.String()
			p.shut()
			for _, form := range []string{add + "while", "key=<live>&action=cancel&order=1", "key=<live>&action=cancel&orders=1,2", "key=<live>&action=refill&order=1"} {
				w := p.post(form)
				if w.Code != 503 || w.Body.String() != `{"error":"Under maintenance"}` || w.Header().Get("Retry-After") != "60" || w.Header().Get("Content-Type") != "application/json" {
					t.Errorf("%s: %d %s, %v", form, w.Code, w.Body, w.Header())
				}
			}
			if got := p.post(add + "before").Body.String(); got != before || !strings.Contains(got, `"order":"ord_`) {
				t.Errorf("the one before: %s, it was %s", got, before)
			}
			if got := p.post("key=<live>&action=balance").Body.String(); got != balance {
				t.Errorf("the balance is %s, it was %s", got, balance)
			}
			p.answers("<live>", "services", "status&order=1", "orders", "changes")
		})
	}
}

// To classic keys that is a final refusal, in a word that other panels know.
func TestClosedPanelToClassicKeys(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			p := newClassicPanel(t, engine)
			p.shut()
			for _, action := range []string{"add&service=1&link=https%3A%2F%2Fexample.com%2Fx&quantity=1000", "cancel&order=1", "refill&order=1"} {
				if w := p.post("key=<classic>&action=" + action); w.Code != 200 || w.Body.String() != `{"error":"Under maintenance"}` {
					t.Errorf("%s: %d %s", action, w.Code, w.Body)
				}
			}
			p.answers("<classic>", "services", "status&order=1", "balance")
		})
	}
}
