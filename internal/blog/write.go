package blog

import (
	"context"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
)

// Create stores a draft.
func (s *Store) Create(ctx context.Context, t Text, actor string) (p Post, err error) {
	if t, err = t.tidy(); err != nil {
		return p, err
	}
	made := Post{ID: id.New(id.Post), Text: t}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		p = made // also when it runs again
		p.CreatedAt, p.EditedAt = tx.Now, tx.Now
		n, err := tx.Exec(`
			INSERT INTO posts (id, slug, language, title, description, body, created_at, edited_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (slug) DO NOTHING`,
			p.ID, p.Slug, p.Language, p.Title, p.Description, p.Body, db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("store a post: %w", err)
		}
		if n == 0 {
			return taken(t.Slug)
		}
		return account.Record(tx, actor, "post.create", p.ID, p.Slug)
	})
	return p, err
}

func taken(slug string) error {
	return fault.Newf(fault.Conflict, "Another post has the address %s", slug).Because(SlugTaken, slug)
}

// Edit changes what a post says. Others see it at once where they see the post. The
// address of a post that is published stays: it stands in others' links.
func (s *Store) Edit(ctx context.Context, idOrSlug string, t Text, actor string) (p Post, err error) {
	return s.edit(ctx, idOrSlug, t, nil, actor)
}

// EditSeen is Edit by who began with the text of a moment, Post.EditedAt. Where somebody
// has written another one since, nothing changes: the post is returned as it is now, with
// a conflict.
func (s *Store) EditSeen(ctx context.Context, idOrSlug string, t Text, seen time.Time, actor string) (p Post, err error) {
	return s.edit(ctx, idOrSlug, t, &seen, actor)
}

func (s *Store) edit(ctx context.Context, idOrSlug string, t Text, seen *time.Time, actor string) (p Post, err error) {
	if t, err = t.tidy(); err != nil {
		return p, err
	}
	return s.change(ctx, idOrSlug, "post.edit", actor, func(tx *db.Tx, p *Post) error {
		switch {
		case t == p.Text:
			return errSame
		case seen != nil && !p.EditedAt.Equal(*seen):
			return fault.Newf(fault.Conflict, "Somebody has changed the post %s since", p.Slug).Because(Edited)
		case t.Slug == p.Slug:
		case !p.PublishedAt.IsZero():
			return fault.New(fault.Conflict, "The address of a published post can't change: others link to it")
		default:
			var others int64
			if err := tx.QueryRow(`SELECT COUNT(*) FROM posts WHERE slug = $1`, t.Slug).Scan(&others); err != nil {
				return fmt.Errorf("look for a slug: %w", err)
			}
			if others > 0 {
				return taken(t.Slug)
			}
		}
		// No two texts of a post have one moment: it tells them apart.
		p.Text, p.EditedAt = t, later(tx.Now, p.EditedAt)
		return nil
	})
}

func later(now, before time.Time) time.Time {
	if now.After(before) {
		return now
	}
	return before.Add(time.Microsecond)
}

// Publish shows a post to everybody from a moment on, which may be to come; the zero
// time is now. A post that is there already keeps its time, and one that is scheduled
// gets the new one.
func (s *Store) Publish(ctx context.Context, idOrSlug string, at time.Time, actor string) (Post, error) {
	return s.change(ctx, idOrSlug, "post.publish", actor, func(tx *db.Tx, p *Post) error {
		if p.State(tx.Now) == Published {
			return fault.Newf(fault.Conflict, "The post %s is published already", p.Slug)
		}
		if at.Before(tx.Now) {
			at = tx.Now
		}
		p.PublishedAt = at.UTC().Truncate(time.Microsecond)
		return nil
	})
}

// Unpublish makes a post a draft again.
func (s *Store) Unpublish(ctx context.Context, idOrSlug, actor string) (Post, error) {
	return s.change(ctx, idOrSlug, "post.unpublish", actor, func(_ *db.Tx, p *Post) error {
		if p.PublishedAt.IsZero() {
			return fault.Newf(fault.Conflict, "The post %s is a draft", p.Slug)
		}
		p.PublishedAt = time.Time{}
		return nil
	})
}

// errSame ends a change that changes nothing; its caller gets no error.
var errSame = fault.New(fault.Conflict, "Nothing changed")

// change stores what edit makes of a locked post, and records it.
func (s *Store) change(ctx context.Context, idOrSlug, action, actor string, edit func(*db.Tx, *Post) error) (p Post, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if p, err = find(tx, idOrSlug, " FOR NO KEY UPDATE"); err != nil {
			return err
		}
		if err := edit(tx, &p); err != nil {
			if err == errSame { //nolint:errorlint // the very value
				return nil
			}
			return err
		}
		_, err := tx.Exec(`
			UPDATE posts SET slug = $2, language = $3, title = $4, description = $5, body = $6, edited_at = $7, published_at = $8 WHERE id = $1`,
			p.ID, p.Slug, p.Language, p.Title, p.Description, p.Body, db.At(p.EditedAt), db.At(p.PublishedAt))
		if err != nil {
			return fmt.Errorf("change a post: %w", err)
		}
		return account.Record(tx, actor, action, p.ID, detail(action, p))
	})
	return p, err
}

// detail is what the audit log says of a change.
func detail(action string, p Post) string {
	if action == "post.publish" {
		return p.Slug + " " + p.PublishedAt.Format(time.RFC3339)
	}
	return p.Slug
}

// Delete removes a draft. What others have seen, or will, is unpublished first.
func (s *Store) Delete(ctx context.Context, idOrSlug, actor string) (p Post, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if p, err = find(tx, idOrSlug, " FOR NO KEY UPDATE"); err != nil {
			return err
		}
		if !p.PublishedAt.IsZero() {
			return fault.Newf(fault.Conflict, "The post %s is published: unpublish it first", p.Slug)
		}
		if _, err := tx.Exec(`DELETE FROM posts WHERE id = $1`, p.ID); err != nil {
			return fmt.Errorf("delete a post: %w", err)
		}
		return account.Record(tx, actor, "post.delete", p.ID, p.Slug)
	})
	return p, err
}
