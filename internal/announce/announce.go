// Package announce keeps short texts of the operator's to everybody, from one
// moment to another: a maintenance, a change, something that does not work.
//
// It knows no pages. Who has read one and does not want to see it again is
// remembered for each account.
package announce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/plain"
)

// Level is how much a text matters.
type Level string

// The levels.
const (
	Info    Level = "info"
	Warning Level = "warning"
)

// Bounds of an announcement.
const (
	MaxText      = 280
	MaxLanguages = 20
	// MaxCurrent is how many are shown at a time; more can't begin.
	MaxCurrent = 5
	// Longest is how long one may be shown.
	Longest = 366 * 24 * time.Hour
)

// english is what is shown where a language has no text.
const english = "en"

// New is what an announcement says, and when.
type New struct {
	Level  Level
	Texts  map[string]string // by language; English must be there
	Starts time.Time         // zero: at once
	Ends   time.Time
}

// Announcement is one that the operator made.
type Announcement struct {
	New

	ID        string
	CreatedAt time.Time
}

// Text returns what it says in a language, and in which language that is: English
// where it says nothing in the other.
func (n New) Text(lang string) (text, in string) {
	if text, has := n.Texts[lang]; has {
		return text, lang
	}
	return n.Texts[english], english
}

// Current reports whether it is shown at a moment.
func (n New) Current(now time.Time) bool { return !now.Before(n.Starts) && now.Before(n.Ends) }

var language = regexp.MustCompile(`^[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}$`)

func (n New) tidy() (New, error) {
	if n.Level != Info && n.Level != Warning {
		return n, refuse("level", fmt.Sprintf("level must be %s or %s", Info, Warning))
	}
	if len(n.Texts) > MaxLanguages {
		return n, refuse("text", fmt.Sprintf("text must be in at most %d languages", MaxLanguages))
	}
	texts := make(map[string]string, len(n.Texts))
	for _, lang := range slices.Sorted(maps.Keys(n.Texts)) {
		text := strings.TrimSpace(n.Texts[lang])
		if !language.MatchString(lang) {
			return n, refuse("language", "language must be a tag such as en or pt-br")
		}
		if text == "" || utf8.RuneCountInString(text) > MaxText {
			return n, refuse("text", fmt.Sprintf("text must have 1 to %d characters", MaxText))
		}
		if err := plain.Line("text", text); err != nil {
			return n, err
		}
		texts[lang] = text
	}
	if texts[english] == "" {
		return n, refuse("text", "text must be there in English, for who reads none of the other languages")
	}
	n.Texts = texts
	return n, nil
}

func refuse(field, text string) error {
	return fault.New(fault.Invalid, text).Because(fault.BadField, field)
}

var errNotFound = fault.New(fault.NotFound, "Announcement not found")

// Store keeps announcements. Times are the database's.
type Store struct{ db *db.DB }

// NewStore returns the announcements of a database.
func NewStore(d *db.DB) *Store { return &Store{d} }

const columns = `id, level, texts, starts_at, ends_at, created_at`

func scan(s db.Scanner) (a Announcement, err error) {
	var texts string
	if err = s.Scan(&a.ID, &a.Level, &texts, db.Time(&a.Starts), db.Time(&a.Ends), db.Time(&a.CreatedAt)); err != nil {
		return a, err
	}
	if err := json.Unmarshal([]byte(texts), &a.Texts); err != nil {
		return a, fmt.Errorf("texts of %s: %w", a.ID, err)
	}
	return a, nil
}

// Add stores an announcement. It is a conflict where as many as are shown are there
// already for some of its time.
func (s *Store) Add(ctx context.Context, n New, actor string) (a Announcement, err error) {
	if n, err = n.tidy(); err != nil {
		return a, err
	}
	texts, err := json.Marshal(n.Texts)
	if err != nil {
		return a, fmt.Errorf("store an announcement: %w", err)
	}
	made := Announcement{New: n, ID: id.New(id.Announced)}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		a = made // also when it runs again
		a.CreatedAt = tx.Now
		if a.Starts.IsZero() {
			a.Starts = tx.Now
		}
		if !a.Ends.After(tx.Now) || !a.Ends.After(a.Starts) || a.Ends.Sub(a.Starts) > Longest {
			return refuse("ends", fmt.Sprintf("ends must be to come and after starts, by at most %d days", int(Longest.Hours()/24)))
		}
		var others int64
		err := tx.QueryRow(`SELECT COUNT(*) FROM announcements WHERE ends_at > $1 AND starts_at < $2`, db.At(a.Starts), db.At(a.Ends)).Scan(&others)
		if err != nil {
			return fmt.Errorf("count announcements: %w", err)
		}
		if others >= MaxCurrent {
			return fault.Newf(fault.Conflict, "%d announcements are shown in this time already: end one of them", others)
		}
		_, err = tx.Exec(`INSERT INTO announcements (id, level, texts, starts_at, ends_at, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			a.ID, string(a.Level), string(texts), db.At(a.Starts), db.At(a.Ends), db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("store an announcement: %w", err)
		}
		return account.Record(tx, actor, "announcement.add", a.ID, string(a.Level)+" "+a.Texts[english])
	})
	return a, err
}

// End shows an announcement no more. One that has ended is a conflict.
func (s *Store) End(ctx context.Context, announcementID, actor string) (a Announcement, err error) {
	if !id.Valid(id.Announced, announcementID) {
		return a, errNotFound
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		a, err = scan(tx.QueryRow(`SELECT `+columns+` FROM announcements WHERE id = $1 FOR NO KEY UPDATE`, announcementID))
		if errors.Is(err, db.ErrNoRows) {
			return errNotFound
		}
		if err != nil {
			return fmt.Errorf("read an announcement: %w", err)
		}
		if !a.Ends.After(tx.Now) {
			return fault.Newf(fault.Conflict, "The announcement %s has ended already", a.ID)
		}
		a.Ends = tx.Now
		if a.Starts.After(a.Ends) {
			a.Starts = a.Ends // it never began
		}
		_, err = tx.Exec(`UPDATE announcements SET starts_at = $2, ends_at = $3 WHERE id = $1`, a.ID, db.At(a.Starts), db.At(a.Ends))
		if err != nil {
			return fmt.Errorf("end an announcement: %w", err)
		}
		return account.Record(tx, actor, "announcement.end", a.ID, a.Texts[english])
	})
	return a, err
}

// Find returns one announcement.
func (s *Store) Find(ctx context.Context, announcementID string) (a Announcement, err error) {
	if !id.Valid(id.Announced, announcementID) {
		return a, errNotFound // whatever stands in an address
	}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		a, err = scan(tx.QueryRow(`SELECT `+columns+` FROM announcements WHERE id = $1`, announcementID))
		if errors.Is(err, db.ErrNoRows) {
			return errNotFound
		}
		if err != nil {
			return fmt.Errorf("read an announcement: %w", err)
		}
		return nil
	})
	return a, err
}

// Current returns what is shown now: warnings first, then the newest.
func (s *Store) Current(ctx context.Context) (all []Announcement, err error) {
	return s.list(ctx, func(tx *db.Tx) (string, []any) {
		return `WHERE ends_at > $1 AND starts_at <= $1 ORDER BY CASE level WHEN 'warning' THEN 0 ELSE 1 END, starts_at DESC, id DESC LIMIT $2`,
			[]any{db.At(tx.Now), MaxCurrent}
	})
}

// CurrentFor is Current without what an account has dismissed.
func (s *Store) CurrentFor(ctx context.Context, accountID string) (all []Announcement, err error) {
	return s.list(ctx, func(tx *db.Tx) (string, []any) {
		return `WHERE ends_at > $1 AND starts_at <= $1
			AND NOT EXISTS (SELECT 1 FROM announcement_dismissals d WHERE d.account_id = $2 AND d.announcement_id = announcements.id)
			ORDER BY CASE level WHEN 'warning' THEN 0 ELSE 1 END, starts_at DESC, id DESC LIMIT $3`, []any{db.At(tx.Now), accountID, MaxCurrent}
	})
}

// All returns every announcement, the newest first, that comes before one; an empty
// id begins with the newest. It is for staff.
func (s *Store) All(ctx context.Context, beforeID string, limit int) ([]Announcement, error) {
	return s.list(ctx, func(*db.Tx) (string, []any) {
		return `WHERE ($1 = '' OR id < $1) ORDER BY id DESC LIMIT $2`, []any{beforeID, limit}
	})
}

func (s *Store) list(ctx context.Context, where func(*db.Tx) (string, []any)) (all []Announcement, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		condition, args := where(tx)
		all, err = db.All(tx, scan, `SELECT `+columns+` FROM announcements `+condition, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list announcements: %w", err)
	}
	return all, nil
}

// Dismissal is an announcement that an account does not want to see again.
type Dismissal struct {
	AnnouncementID string
	At             time.Time
}

// Dismissals returns what an account has dismissed, by the announcements' ids, from the
// one behind an id on; "" begins.
func (s *Store) Dismissals(ctx context.Context, accountID, after string, limit int) (all []Dismissal, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, func(r db.Scanner) (d Dismissal, err error) {
			err = r.Scan(&d.AnnouncementID, db.Time(&d.At))
			return d, err
		}, `SELECT announcement_id, at FROM announcement_dismissals WHERE account_id = $1 AND announcement_id > $2 ORDER BY announcement_id LIMIT $3`,
			accountID, after, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list what was dismissed: %w", err)
	}
	return all, nil
}

// Dismiss remembers that an account does not want to see an announcement again.
func (s *Store) Dismiss(ctx context.Context, accountID, announcementID string) error {
	if !id.Valid(id.Announced, announcementID) {
		return errNotFound
	}
	return s.db.Write(ctx, func(tx *db.Tx) error {
		var there int64
		if err := tx.QueryRow(`SELECT COUNT(*) FROM announcements WHERE id = $1`, announcementID).Scan(&there); err != nil {
			return fmt.Errorf("look for an announcement: %w", err)
		}
		if there == 0 {
			return errNotFound
		}
		_, err := tx.Exec(`
			INSERT INTO announcement_dismissals (account_id, announcement_id, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			accountID, announcementID, db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("dismiss an announcement: %w", err)
		}
		return nil
	})
}
