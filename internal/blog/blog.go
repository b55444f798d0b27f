// Package blog keeps what the operator writes for everybody: posts in Markdown,
// which are drafts until they are published, at once or at a moment to come.
//
// It knows no pages: it says which posts there are for whom, and whoever shows one
// renders its body with package content.
package blog

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/plain"
)

// Bounds of a post.
const (
	MaxSlug        = 80
	MaxTitle       = 120
	MaxDescription = 300
	MaxBody        = 128 << 10 // bytes
)

// SlugTaken is why a post can't have the address that another has.
const SlugTaken fault.Reason = "slug_taken"

// Edited is why a text does not take the place of one that its writer has not seen.
const Edited fault.Reason = "post_edited"

// Text is what a post says.
type Text struct {
	Slug        string // its address, of a-z, 0-9 and hyphens
	Language    string // a tag such as en
	Title       string
	Description string // one sentence, for lists and search engines
	Body        string // Markdown without the title
}

// Post is a text of the blog.
type Post struct {
	Text

	ID          string
	CreatedAt   time.Time
	EditedAt    time.Time // when its text last changed
	PublishedAt time.Time // zero: a draft; to come: scheduled
}

// State is who may see a post.
type State string

// The states.
const (
	Draft     State = "draft"
	Scheduled State = "scheduled"
	Published State = "published"
)

// State returns who may see the post at a moment.
func (p Post) State(now time.Time) State {
	switch {
	case p.PublishedAt.IsZero():
		return Draft
	case p.PublishedAt.After(now):
		return Scheduled
	}
	return Published
}

// Updated is when the post's text last changed, zero where that was before others
// saw it.
func (p Post) Updated() time.Time {
	if p.EditedAt.After(p.PublishedAt) {
		return p.EditedAt
	}
	return time.Time{}
}

var (
	slug     = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	language = regexp.MustCompile(`^[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}$`)
)

// IsSlug reports whether a text may be the address of a post.
func IsSlug(text string) bool { return len(text) <= MaxSlug && slug.MatchString(text) }

// tidy removes what stands around the texts, and refuses what no post may say.
func (t Text) tidy() (Text, error) {
	t.Title, t.Description = strings.TrimSpace(t.Title), strings.TrimSpace(t.Description)
	t.Body = strings.TrimSpace(strings.ReplaceAll(t.Body, "\r\n", "\n"))
	switch {
	case !IsSlug(t.Slug):
		return t, refuse("slug", fmt.Sprintf("slug must have 1 to %d characters of a-z, 0-9 and single hyphens between them", MaxSlug))
	case !language.MatchString(t.Language):
		return t, refuse("language", "language must be a tag such as en or pt-br")
	case t.Title == "" || utf8.RuneCountInString(t.Title) > MaxTitle:
		return t, refuse("title", fmt.Sprintf("title must have 1 to %d characters", MaxTitle))
	case utf8.RuneCountInString(t.Description) > MaxDescription:
		return t, refuse("description", fmt.Sprintf("description must have at most %d characters", MaxDescription))
	case t.Body == "" || len(t.Body) > MaxBody || !utf8.ValidString(t.Body) || strings.ContainsRune(t.Body, 0):
		return t, refuse("body", fmt.Sprintf("body must be a text of at most %d KB", MaxBody>>10))
	}
	return t, errors.Join(plain.Line("title", t.Title), plain.Line("description", t.Description))
}

func refuse(field, text string) error {
	return fault.New(fault.Invalid, text).Because(fault.BadField, field)
}

var errNotFound = fault.New(fault.NotFound, "Post not found")

// Store keeps posts. Times are the database's.
type Store struct{ db *db.DB }

// NewStore returns the posts of a database.
func NewStore(d *db.DB) *Store { return &Store{d} }

const columns = `id, slug, language, title, description, body, created_at, edited_at, published_at`

func scan(s db.Scanner) (p Post, err error) {
	err = s.Scan(&p.ID, &p.Slug, &p.Language, &p.Title, &p.Description, &p.Body, db.Time(&p.CreatedAt), db.Time(&p.EditedAt), db.Time(&p.PublishedAt))
	return p, err
}

// heads are posts without their bodies, for lists.
const heads = `id, slug, language, title, description, '' AS body, created_at, edited_at, published_at`

// Find returns a post by its id or slug, whoever may see it: for staff.
func (s *Store) Find(ctx context.Context, idOrSlug string) (p Post, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		p, err = find(tx, idOrSlug, "")
		return err
	})
	return p, err
}

func find(tx *db.Tx, idOrSlug, lock string) (Post, error) {
	column := "slug"
	switch {
	case id.Valid(id.Post, idOrSlug):
		column = "id"
	case !slug.MatchString(idOrSlug):
		return Post{}, errNotFound
	}
	return one(tx.QueryRow(`SELECT `+columns+` FROM posts WHERE `+column+` = $1`+lock, idOrSlug))
}

func one(row db.Scanner) (Post, error) {
	p, err := scan(row)
	if errors.Is(err, db.ErrNoRows) {
		return p, errNotFound
	}
	if err != nil {
		return p, fmt.Errorf("read a post: %w", err)
	}
	return p, nil
}

// Shown returns the post that everybody finds at a slug. A draft, and one whose time
// has not come, are not there.
func (s *Store) Shown(ctx context.Context, at string) (p Post, err error) {
	if !slug.MatchString(at) {
		return p, errNotFound // whatever stands in an address
	}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		p, err = one(tx.QueryRow(`SELECT `+columns+` FROM posts WHERE slug = $1 AND published_at <= $2`, at, db.At(tx.Now)))
		return err
	})
	return p, err
}

// All returns every post without its body, the newest first, that comes before one;
// an empty id begins with the newest. It is for staff.
func (s *Store) All(ctx context.Context, beforeID string, limit int) (all []Post, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scan, `SELECT `+heads+` FROM posts WHERE ($1 = '' OR id < $1) ORDER BY id DESC LIMIT $2`, beforeID, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list posts: %w", err)
	}
	return all, nil
}
