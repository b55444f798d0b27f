package blog

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
)

// MaxPage is how many posts a page has at most.
const MaxPage = 50

// Query asks for posts that everybody may see.
type Query struct {
	Language string // "" is all of them
	After    string // the Next of the page before; "" begins with the newest
	Limit    int    // 1 to MaxPage
	Bodies   bool   // with their texts, not only with their heads
}

// Page returns posts, the newest first. Next is the After of the page behind it, ""
// where this is the last.
func (s *Store) Page(ctx context.Context, q Query) (page []Post, next string, err error) {
	if q.Limit < 1 || q.Limit > MaxPage {
		return nil, "", fault.Newf(fault.Invalid, "limit must be between 1 and %d", MaxPage)
	}
	at, before, err := readCursor(q.After)
	if err != nil {
		return nil, "", err
	}
	what := heads
	if q.Bodies {
		what = columns
	}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		args := []any{min(at, clock.Micros(tx.Now)), at, before}
		where := `published_at <= $1 AND (published_at < $2 OR published_at = $2 AND id < $3)`
		if q.Language != "" {
			where += ` AND language = $4`
			args = append(args, q.Language)
		}
		args = append(args, q.Limit+1)
		page, err = db.All(tx, scan, `SELECT `+what+` FROM posts WHERE `+where+
			` ORDER BY published_at DESC, id DESC LIMIT $`+strconv.Itoa(len(args)), args...)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list posts: %w", err)
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		last := page[q.Limit-1]
		next = strconv.FormatInt(clock.Micros(last.PublishedAt), 10) + "." + last.ID
	}
	return page, next, nil
}

// afterAll sorts behind every time and every post's id.
const (
	lastTime = int64(1) << 62
	afterAll = string(id.Post) + "8"
)

func readCursor(cursor string) (at int64, before string, err error) {
	if cursor == "" {
		return lastTime, afterAll, nil
	}
	micros, before, _ := strings.Cut(cursor, ".")
	at, err = strconv.ParseInt(micros, 10, 64)
	if err != nil || at < 0 || !id.Valid(id.Post, before) {
		return 0, "", fault.New(fault.Invalid, "after must be what an earlier page gave")
	}
	return at, before, nil
}

// Languages returns the languages of the posts that everybody may see.
func (s *Store) Languages(ctx context.Context) (all []string, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanText, `SELECT DISTINCT language FROM posts WHERE published_at <= $1 ORDER BY language`, db.At(tx.Now))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("languages of the posts: %w", err)
	}
	return all, nil
}

// Slugs returns the newest posts' addresses, for who lists all pages.
func (s *Store) Slugs(ctx context.Context, limit int) (all []string, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanText, `SELECT slug FROM posts WHERE published_at <= $1 ORDER BY published_at DESC, id DESC LIMIT $2`,
			db.At(tx.Now), limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list posts: %w", err)
	}
	return all, nil
}

func scanText(s db.Scanner) (text string, err error) {
	err = s.Scan(&text)
	return text, err
}
