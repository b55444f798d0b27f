package provider

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// Decision is what staff say a provider's refusal means. The words are stored.
type Decision string

// The decisions.
const (
	Undecided        Decision = ""            // waits for a person
	DecideTryLater   Decision = "try_later"   // the same provider may take it later
	DecideNextSource Decision = "next_source" // this provider can't, another might
	DecideRefuse     Decision = "refuse"      // nobody will take it as it is
)

// Class is the class that a decision gives to its text.
func (d Decision) Class() Class {
	switch d {
	case DecideTryLater:
		return TryLater
	case DecideNextSource:
		return OtherSource
	case DecideRefuse:
		return CustomerFault
	case Undecided:
	}
	return Unclassified
}

// RefusalText is a refusal in a provider's words.
type RefusalText struct {
	Text      string // as TextKey writes it
	Decision  Decision
	Seen      int64 // how often it was the answer to an order
	FirstAt   time.Time
	LastAt    time.Time
	DecidedAt time.Time // zero: not yet
}

// numbered is a thing's name with its number behind it: order 123, order #123,
// service ID: 45.
var numbered = regexp.MustCompile(`(?i)\b(orders?|services?|refills?)((?:[ _-]?(?:id|no|nr|number))?[\s:=#.]*)(\d+|(?:ord|ref)_[0-9a-z]+)\b`)

// TextKey is a refusal's text as it is counted and decided: on one line, its
// blanks collapsed, and the numbers of orders, services and refills written as N,
// so that "order 123 is active" and "order 124 is active" are one text. No other
// number is touched: an error's code or a limit is part of what is said.
func TextKey(text string) string {
	return storable(numbered.ReplaceAllString(strings.Join(strings.Fields(storable(text)), " "), "${1}${2}N"))
}

// SeeText counts a refusal and returns the class that it has at this provider:
// what staff decided, or else what is known of the text anyway. decided is true
// where staff did. A text that leaves open whether the order exists is neither
// counted nor decided: it stays what it is.
//
// Text is Answer.Said. One that is known and undecided is not counted: nobody
// has to look at it. Without a decision the answer's own class stands: it knows the
// status as well.
func SeeText(tx *db.Tx, providerID, text string) (class Class, decided bool, err error) {
	known, uncertain := ClassOf(text)
	key := TextKey(text)
	if uncertain || key == "" {
		return Unclassified, false, nil
	}
	var decision Decision
	if known == Unclassified {
		err = tx.QueryRow(`
			INSERT INTO provider_texts (provider_id, text, class, seen, first_at, last_at) VALUES ($1, $2, '', 1, $3, $3)
			ON CONFLICT (provider_id, text) DO UPDATE SET seen = provider_texts.seen + 1, last_at = $3
			RETURNING class`, providerID, key, db.At(tx.Now)).Scan(&decision)
	} else {
		err = tx.QueryRow(`
			UPDATE provider_texts SET seen = seen + 1, last_at = $3 WHERE provider_id = $1 AND text = $2
			RETURNING class`, providerID, key, db.At(tx.Now)).Scan(&decision)
	}
	if errors.Is(err, db.ErrNoRows) {
		return known, false, nil
	}
	if err != nil {
		return Unclassified, false, fmt.Errorf("count a refusal: %w", err)
	}
	if decision == Undecided {
		return known, false, nil
	}
	return decision.Class(), true, nil
}

// Decide says what a provider's refusal means, then and later. The text may be
// one that was not seen yet.
func (s *Store) Decide(ctx context.Context, idOrName, text string, d Decision, actor string) error {
	p, err := s.Find(ctx, idOrName)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *db.Tx) error { return DecideIn(tx, p.ID, text, d, actor) })
}

// DecideIn is Decide within a transaction, where the orders that wait for the
// decision are moved on with it.
func DecideIn(tx *db.Tx, providerID, text string, d Decision, actor string) error {
	key := TextKey(text)
	if key == "" {
		return fault.New(fault.Invalid, "text must not be empty")
	}
	if !slices.Contains([]Decision{DecideTryLater, DecideNextSource, DecideRefuse}, d) {
		return fault.Newf(fault.Invalid, "a refusal is decided as %s, %s or %s", DecideTryLater, DecideNextSource, DecideRefuse)
	}
	if _, uncertain := ClassOf(text); uncertain {
		return fault.New(fault.Conflict, "this text leaves open whether the order exists: its orders stay uncertain and are settled one by one")
	}
	_, err := tx.Exec(`
		INSERT INTO provider_texts (provider_id, text, class, seen, first_at, last_at, decided_at) VALUES ($1, $2, $3, 0, $4, $4, $4)
		ON CONFLICT (provider_id, text) DO UPDATE SET class = $3, decided_at = $4`,
		providerID, key, string(d), db.At(tx.Now))
	if err != nil {
		return fmt.Errorf("decide a refusal: %w", err)
	}
	return account.Record(tx, actor, "provider.classify", providerID, string(d)+" "+key)
}

// TextsOf returns a page of one provider's refusals that wait for a decision, the
// newest first, or of those that were decided, the latest decision first. Before is
// where the page before ended.
func (s *Store) TextsOf(ctx context.Context, idOrName string, decided bool, before TextCursor, limit int) (all []RefusalText, err error) {
	p, err := s.Find(ctx, idOrName)
	if err != nil {
		return nil, err
	}
	class, by := `class = ''`, `last_at`
	if decided {
		class, by = `class <> ''`, `decided_at`
	}
	at, text := int64(math.MaxInt64), ""
	if !before.At.IsZero() {
		at, text = clock.Micros(before.At), before.Text
	}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanText, `SELECT text, class, seen, first_at, last_at, decided_at FROM provider_texts
			WHERE provider_id = $1 AND `+class+` AND (`+by+`, text) < ($2, $3) ORDER BY `+by+` DESC, text DESC LIMIT $4`, p.ID, at, text, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("refusals of %s: %w", p.ID, err)
	}
	return all, nil
}

// After is where the page behind a refusal goes on.
func (t RefusalText) After() TextCursor {
	if t.Decision == Undecided {
		return TextCursor{At: t.LastAt, Text: t.Text}
	}
	return TextCursor{At: t.DecidedAt, Text: t.Text}
}

func scanText(s db.Scanner) (t RefusalText, err error) {
	err = s.Scan(&t.Text, &t.Decision, &t.Seen, db.Time(&t.FirstAt), db.Time(&t.LastAt), db.Time(&t.DecidedAt))
	return t, err
}
