// Package giveaway draws wallet credit among those who entered, so that anybody
// can check the draw. The hash of a random seed is published when a giveaway
// opens; after its end the seed is revealed, and the winners follow from it and
// from the list of entries by the rule of Winners.
//
// It knows no pages and no mails: who wants to tell a winner sets Store.Tell.
package giveaway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/plain"
	"github.com/notpanel/notpanel/internal/secret"
)

// State is how far a giveaway is.
type State string

// The states. The last two are final.
const (
	Open     State = "open"     // made; entries are taken between its two moments
	Closed   State = "closed"   // the list of entries can't change any more
	Drawn    State = "drawn"    // the seed is revealed and the prizes are booked
	Canceled State = "canceled" // by the operator while entries were taken
)

// Bounds of what a giveaway says.
const (
	MaxWinners = 100
	MaxTitle   = 120
	MaxBody    = 16 << 10 // bytes
	MaxReason  = 500
	// MaxPrize is what a winner is credited at most.
	MaxPrize = money.Max / MaxWinners
	// Longest is how long entries may be taken.
	Longest = 366 * 24 * time.Hour
)

// Reasons of refusals that have words of their own in each language.
const (
	NotOpen  fault.Reason = "giveaway_not_open" // not yet, or no more
	NotYours fault.Reason = "giveaway_staff"    // who runs the panel, or may not act in it
	TooNew   fault.Reason = "giveaway_spent"    // spent less than it asks for; the amount
	// Opened is why a form that was sent twice opens nothing more.
	Opened fault.Reason = "giveaway_opened"
)

// Terms are what the operator says of a giveaway.
type Terms struct {
	Language   string // of its texts
	Title      string
	Body       string       // Markdown
	Prize      money.Amount // for each winner
	Places     int64        // at most; fewer entries have fewer winners
	LeastSpent money.Amount // on orders, less refunds, before one may enter
	OpensAt    time.Time    // zero: at once
	ClosesAt   time.Time    // entries are taken before it
}

// Giveaway is one that the operator made.
type Giveaway struct {
	Terms

	ID          string
	State       State
	Commitment  string // SHA-256 of the seed, in hex
	Seed        string // in hex; "" until it is drawn
	Entries     int64
	EntriesHash string // "" until it is drawn
	Reason      string // why it was canceled
	CreatedAt   time.Time
	DecidedAt   time.Time // zero until it is drawn or canceled
	DecidedBy   string
}

// Takes reports whether entries are taken at a moment.
func (g Giveaway) Takes(now time.Time) bool {
	return g.State == Open && !now.Before(g.OpensAt) && now.Before(g.ClosesAt)
}

// Entry is an account's place in the list.
type Entry struct {
	GiveawayID string
	Number     int64  // consecutive from 1
	Code       string // what is published of it
	AccountID  string
	EnteredAt  time.Time
	Place      int64 // a winner's, from 1; 0: nothing was won
}

// Win is a prize that was booked.
type Win struct {
	Giveaway Giveaway
	Entry    Entry
	Balance  money.Amount // of the winner's live wallet after it
}

var errNotFound = fault.New(fault.NotFound, "Giveaway not found")

// Store keeps giveaways. Times are the database's.
type Store struct {
	// Tell is called for each prize in the transaction that books it. It tells
	// nobody until it is set.
	Tell func(tx *db.Tx, w Win) error

	db   *db.DB
	ring *secret.Ring
}

// NewStore returns the giveaways of a database.
func NewStore(d *db.DB, ring *secret.Ring) *Store {
	return &Store{Tell: func(*db.Tx, Win) error { return nil }, db: d, ring: ring}
}

// The place of a sealed seed.
const sealTable, sealColumn = "giveaways", "seed_sealed"

// Open makes a giveaway and commits to a fresh seed, which nobody is shown before
// the draw.
func (s *Store) Open(ctx context.Context, t Terms, actor string) (Giveaway, error) {
	return s.OpenAs(ctx, id.New(id.Giveaway), t, actor)
}

// OpenAs is Open with an id that its caller has made, so that a form that is sent
// twice opens one giveaway: the second time is a conflict.
func (s *Store) OpenAs(ctx context.Context, giveawayID string, t Terms, actor string) (g Giveaway, err error) {
	if !id.Valid(id.Giveaway, giveawayID) {
		return g, refuse("id", "id must be one of a giveaway")
	}
	t.Title, t.Body = strings.TrimSpace(t.Title), strings.TrimSpace(t.Body)
	if err := t.check(); err != nil {
		return g, err
	}
	seed := make([]byte, seedSize)
	_, _ = rand.Read(seed) // never fails
	made := Giveaway{Terms: t, ID: giveawayID, State: Open, Commitment: commitment(seed)}
	sealed := s.ring.Seal(seed, sealTable, sealColumn, made.ID)
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		g = made // also when it runs again
		g.CreatedAt = tx.Now
		if g.OpensAt.IsZero() {
			g.OpensAt = tx.Now
		}
		if err := g.checkTimes(tx.Now); err != nil {
			return err
		}
		n, err := tx.Exec(`
			INSERT INTO giveaways (id, language, title, body, prize, winners, least_spent, opens_at, closes_at, state, commitment, seed_sealed, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (id) DO NOTHING`,
			g.ID, g.Language, g.Title, g.Body, g.Prize, g.Places, g.LeastSpent, db.At(g.OpensAt), db.At(g.ClosesAt), string(Open),
			g.Commitment, sealed, db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("store a giveaway: %w", err)
		}
		if n == 0 {
			return fault.Newf(fault.Conflict, "The giveaway %s is there already", g.ID).Because(Opened)
		}
		return account.Record(tx, actor, "giveaway.open", g.ID, opening(g.Commitment, g.Prize, g.Places))
	})
	return g, err
}

// opening is what the audit log says of a giveaway that was made.
func opening(commitment string, prize money.Amount, winners int64) string {
	return fmt.Sprintf("%s %d × %s", commitment, winners, prize)
}

var language = regexp.MustCompile(`^[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}$`)

func (t Terms) check() error {
	switch {
	case !language.MatchString(t.Language):
		return refuse("language", "language must be a tag such as en or pt-br")
	case t.Title == "" || utf8.RuneCountInString(t.Title) > MaxTitle:
		return refuse("title", fmt.Sprintf("title must have 1 to %d characters", MaxTitle))
	case t.Body == "" || len(t.Body) > MaxBody || !utf8.ValidString(t.Body) || strings.ContainsRune(t.Body, 0):
		return refuse("body", fmt.Sprintf("body must be a text of at most %d KB", MaxBody>>10))
	case t.Places < 1 || t.Places > MaxWinners:
		return refuse("winners", fmt.Sprintf("winners must be between 1 and %d", MaxWinners))
	case t.Prize <= 0 || t.Prize > MaxPrize:
		return refuse("prize", fmt.Sprintf("prize must be more than 0 and at most %s", MaxPrize))
	case t.LeastSpent < 0 || t.LeastSpent > money.Max:
		return refuse("least_spent", fmt.Sprintf("least_spent must be between 0 and %s", money.Max))
	}
	return plain.Line("title", t.Title)
}

func (t Terms) checkTimes(now time.Time) error {
	if !t.ClosesAt.After(now) || !t.ClosesAt.After(t.OpensAt) || t.ClosesAt.Sub(t.OpensAt) > Longest {
		return refuse("closes_at", fmt.Sprintf("closes_at must be to come and after opens_at, by at most %d days", int(Longest.Hours()/24)))
	}
	return nil
}

func refuse(field, text string) error {
	return fault.New(fault.Invalid, text).Because(fault.BadField, field)
}

const columns = `id, language, title, body, prize, winners, least_spent, opens_at, closes_at, state, commitment, seed, entries, entries_hash,
	reason, created_at, decided_at, decided_by`

func scan(s db.Scanner) (g Giveaway, err error) {
	err = s.Scan(&g.ID, &g.Language, &g.Title, &g.Body, &g.Prize, &g.Places, &g.LeastSpent, db.Time(&g.OpensAt), db.Time(&g.ClosesAt),
		&g.State, &g.Commitment, &g.Seed, &g.Entries, &g.EntriesHash, &g.Reason, db.Time(&g.CreatedAt), db.Time(&g.DecidedAt), &g.DecidedBy)
	return g, err
}

func find(tx *db.Tx, giveawayID, lock string) (Giveaway, error) {
	if !id.Valid(id.Giveaway, giveawayID) {
		return Giveaway{}, errNotFound // whatever stands in an address
	}
	g, err := scan(tx.QueryRow(`SELECT `+columns+` FROM giveaways WHERE id = $1`+lock, giveawayID))
	if errors.Is(err, db.ErrNoRows) {
		return g, errNotFound
	}
	if err != nil {
		return g, fmt.Errorf("read a giveaway: %w", err)
	}
	return g, nil
}

const forUpdate = " FOR NO KEY UPDATE"

// Find returns one giveaway.
func (s *Store) Find(ctx context.Context, giveawayID string) (g Giveaway, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		g, err = find(tx, giveawayID, "")
		return err
	})
	return g, err
}

// Current returns the giveaways that have not ended: to come, running, or waiting
// for their draw; the one that closes first is first.
func (s *Store) Current(ctx context.Context, limit int) ([]Giveaway, error) {
	return s.list(ctx, `WHERE state IN ('open', 'closed') ORDER BY closes_at, id LIMIT $1`, limit)
}

// Ended returns the giveaways that were drawn or canceled, the newest first, that
// come before one; an empty id begins with the newest.
func (s *Store) Ended(ctx context.Context, beforeID string, limit int) ([]Giveaway, error) {
	return s.list(ctx, `WHERE state IN ('drawn', 'canceled') AND ($1 = '' OR id < $1) ORDER BY id DESC LIMIT $2`, beforeID, limit)
}

// All returns every giveaway, the newest first, that comes before one.
func (s *Store) All(ctx context.Context, beforeID string, limit int) ([]Giveaway, error) {
	return s.list(ctx, `WHERE ($1 = '' OR id < $1) ORDER BY id DESC LIMIT $2`, beforeID, limit)
}

func (s *Store) list(ctx context.Context, where string, args ...any) (all []Giveaway, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scan, `SELECT `+columns+` FROM giveaways `+where, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list giveaways: %w", err)
	}
	return all, nil
}

// seedSize is the length of a seed in bytes.
const seedSize = 32

func fromHex(text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil {
		return nil
	}
	return b
}

func checkReason(reason string) error {
	if reason == "" || utf8.RuneCountInString(reason) > MaxReason {
		return refuse("reason", fmt.Sprintf("reason must have 1 to %d characters", MaxReason))
	}
	return plain.Line("reason", reason)
}
