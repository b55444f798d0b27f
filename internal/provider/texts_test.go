package provider

import (
	"context"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
)

// Texts that differ in an order's number are one; those that may mean something
// else are not.
func TestTextKey(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Order 123 is active":                "Order N is active",
		"order #4567 is active":              "order #N is active",
		"Order ID: 99, service 5 is off":     "Order ID: N, service N is off",
		"order_id=7":                         "order_id=N",
		"Order ord_01J9Z4W6Y1Q2R3S4T5V6 no":  "Order N no",
		"Refill 5 exists":                    "Refill N exists",
		" two \n lines\tand  blanks ":        "two lines and blanks",
		"Error 1001":                         "Error 1001",
		"Error 1002":                         "Error 1002",
		"at most 100 comments":               "at most 100 comments",
		"Order limit 100":                    "Order limit 100",
		"orders5":                            "ordersN",
		"Preorder 5":                         "Preorder 5",
		"Order 12abc":                        "Order 12abc",
		"Bad\u0000 day":                      "Bad day",
		"":                                   "",
		" \u0001 ":                           "",
		strings.Repeat("x", 600):             strings.Repeat("x", 500),
		"Order " + strings.Repeat("9", 1000): "Order N",
	} {
		if got := TextKey(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// A key's key is itself: what a list shows can be decided as it is shown.
func TestTextKeyIsItsOwn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.OneOf(rapid.SampledFrom([]string{"order", "service", " ", "#", "12", "N", "ord_0A", ":", "id", "\n"}), rapid.String())
		text := strings.Join(rapid.SliceOfN(part, 0, 12).Draw(t, "text"), "")
		key := TextKey(text)
		if again := TextKey(key); again != key {
			t.Fatalf("%q: %q, then %q", text, key, again)
		}
		if !storableText(key) {
			t.Fatalf("%q can't be stored", key)
		}
	})
}

// see counts a text and says what came of it.
func see(t *testing.T, d *db.DB, providerID, text string) (class Class, decided bool) {
	t.Helper()
	must(t, d.Write(context.Background(), func(tx *db.Tx) (err error) {
		class, decided, err = SeeText(tx, providerID, text)
		return err
	}))
	return class, decided
}

// A refusal that nobody knows is counted and waits; once decided it has its class
// at that provider, and at no other.
func TestRefusalIsDecidedOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		ctx, s := context.Background(), newStore(t, d)
		one, err := s.Add(ctx, "One", "https://one.example/api", "k", "test")
		must(t, err)
		two, err := s.Add(ctx, "Two", "https://two.example/api", "k", "test")
		must(t, err)
		for _, text := range []string{"Computer says no to order 1", "Computer  says no to order 2"} {
			if class, decided := see(t, d, one.ID, text); class != Unclassified || decided {
				t.Errorf("%v, %v", class, decided)
			}
		}
		see(t, d, one.ID, "Another word")
		waiting, err := s.TextsOf(ctx, "One", false, TextCursor{}, 10)
		must(t, err)
		if len(waiting) != 2 {
			t.Fatalf("%+v", waiting)
		}
		for decision, class := range map[Decision]Class{DecideTryLater: TryLater, DecideNextSource: OtherSource, DecideRefuse: CustomerFault} {
			must(t, s.Decide(ctx, "One", "Computer says no to order N", decision, "test"))
			if got, decided := see(t, d, one.ID, "Computer says no to order 3"); got != class || !decided {
				t.Errorf("%s: %v, %v", decision, got, decided)
			}
		}
		if class, decided := see(t, d, two.ID, "Computer says no to order 3"); class != Unclassified || decided {
			t.Errorf("the other provider: %v, %v", class, decided)
		}
		waiting, err = s.TextsOf(ctx, one.ID, false, TextCursor{}, 10)
		must(t, err)
		decided, err := s.TextsOf(ctx, one.ID, true, TextCursor{}, 10)
		must(t, err)
		if len(waiting) != 1 || len(decided) != 1 || waiting[0].Text != "Another word" || decided[0].Seen != 5 || decided[0].DecidedAt.IsZero() {
			t.Errorf("%+v\n%+v", waiting, decided)
		}
		if log := all(t, d, `SELECT action || ' ' || detail FROM audit_log`); strings.Count(log, "provider.classify") != 3 {
			t.Error(log)
		}
	})
}

// What is known of a text needs no decision and is not listed; a decision counts
// more, but never where the text leaves open whether the order exists.
func TestDecisionOverridesWhatIsKnown(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		ctx, s := context.Background(), newStore(t, d)
		p, err := s.Add(ctx, "One", "https://one.example/api", "k", "test")
		must(t, err)
		if class, decided := see(t, d, p.ID, "Bad link"); class != CustomerFault || decided {
			t.Errorf("%v, %v", class, decided)
		}
		must(t, s.Decide(ctx, "One", "Bad link", DecideNextSource, "test"))
		if class, decided := see(t, d, p.ID, "Bad link"); class != OtherSource || !decided {
			t.Errorf("%v, %v", class, decided)
		}
		for _, text := range []string{"Internal error", "Request timeout", "Order 5 was placed"} {
			if err := s.Decide(ctx, "One", text, DecideRefuse, "test"); !fault.Is(err, fault.Conflict) {
				t.Errorf("%s: %v", text, err)
			}
			// Even where a row says otherwise, as after a rule was added.
			must(t, d.Write(ctx, func(tx *db.Tx) error {
				_, err := tx.Exec(`INSERT INTO provider_texts (provider_id, text, class, seen, first_at, last_at) VALUES ($1, $2, 'refuse', 1, 0, 0)`, p.ID, TextKey(text))
				return err
			}))
			if class, decided := see(t, d, p.ID, text); class != Unclassified || decided {
				t.Errorf("%s: %v, %v", text, class, decided)
			}
		}
		if class, decided := see(t, d, p.ID, ""); class != Unclassified || decided {
			t.Errorf("nothing said: %v, %v", class, decided)
		}
		if err := s.Decide(ctx, "One", " ", DecideRefuse, "test"); !fault.Is(err, fault.Invalid) {
			t.Errorf("%v", err)
		}
		if err := s.Decide(ctx, "One", "x", "perhaps", "test"); !fault.Is(err, fault.Invalid) {
			t.Errorf("%v", err)
		}
		if err := s.Decide(ctx, "Nobody", "x", DecideRefuse, "test"); !fault.Is(err, fault.NotFound) {
			t.Errorf("%v", err)
		}
	})
}

// The refusals of one provider come in pages that fit together, whatever others were
// told, and each page is read from the end of an index.
func TestRefusalsComeInPages(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, s := context.Background(), newStore(t, d)
		one, err := s.Add(ctx, "One", "https://one.example/api", "k", "test")
		must(t, err)
		two, err := s.Add(ctx, "Two", "https://two.example/api", "k", "test")
		must(t, err)
		must(t, d.Write(ctx, func(tx *db.Tx) error {
			const many = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
				INSERT INTO provider_texts (provider_id, text, class, seen, first_at, last_at, decided_at)
				SELECT $1, 'text ' || i, CASE WHEN i % 2 = 0 THEN '' ELSE 'refuse' END, 1, 1, i / 3, CASE WHEN i % 2 = 1 THEN i / 3 END FROM n WHERE i <= $2`
			if _, err := tx.Exec(many, two.ID, 5000); err != nil {
				return err
			}
			if _, err := tx.Exec(many, one.ID, 100); err != nil {
				return err
			}
			_, err := tx.Exec(`ANALYZE provider_texts`)
			return err
		}))
		for _, decided := range []bool{false, true} {
			seen := map[string]bool{}
			for before, last := (TextCursor{}), int64(1<<60); ; {
				page, err := s.TextsOf(ctx, "One", decided, before, 7)
				must(t, err)
				for _, text := range page {
					if before = text.After(); before.At.UnixMicro() > last {
						t.Errorf("%s is newer than what was before it", text.Text)
					}
					last, seen[text.Text] = before.At.UnixMicro(), true
				}
				if len(page) < 7 {
					break
				}
			}
			if len(seen) != 50 {
				t.Errorf("decided %v: the pages have %d texts, want 50", decided, len(seen))
			}
		}
	})
}
