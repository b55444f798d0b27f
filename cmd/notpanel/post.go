package main

import (
	"context"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/blog"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/fault"
)

// postCommands are the commands about the blog.
type postCommands struct {
	List      postList      `cmd:"" help:"List posts, the newest first, drafts too."`
	Write     postWrite     `cmd:"" help:"Store a file as a draft, or as the new text of the post with its slug."`
	Show      postShow      `cmd:"" help:"Print a post as a file that write takes."`
	Publish   postPublish   `cmd:"" help:"Show a post to everybody, at once or from a moment on."`
	Unpublish postUnpublish `cmd:"" help:"Make a post a draft again."`
	Delete    postDelete    `cmd:"" help:"Remove a draft."`
}

// postView is a post in JSON.
type postView struct {
	ID          string  `json:"id"`
	Slug        string  `json:"slug"`
	Language    string  `json:"language"`
	Title       string  `json:"title"`
	State       string  `json:"state"`
	CreatedAt   *string `json:"created_at"`
	EditedAt    *string `json:"edited_at"`
	PublishedAt *string `json:"published_at"`
}

func viewPost(p blog.Post) postView {
	return postView{
		ID: p.ID, Slug: p.Slug, Language: p.Language, Title: p.Title, State: string(p.State(clock.System())),
		CreatedAt: when(p.CreatedAt), EditedAt: when(p.EditedAt), PublishedAt: when(p.PublishedAt),
	}
}

// tellPost prints what became of a post.
func tellPost(t terminal, asJSON bool, p blog.Post) error {
	v := viewPost(p)
	if asJSON {
		return t.json(v)
	}
	switch p.State(clock.System()) {
	case blog.Draft:
		fmt.Fprintf(t.out, "%s is a draft, which nobody else sees: notpanel post publish %s\n", p.Slug, p.Slug)
	case blog.Scheduled:
		fmt.Fprintf(t.out, "%s appears at %s.\n", p.Slug, *v.PublishedAt)
	case blog.Published:
		fmt.Fprintf(t.out, "%s is at /blog/%s.\n", p.Slug, p.Slug)
	}
	return nil
}

// postList lists posts.
type postList struct {
	storage
	output
}

// Run prints them.
func (c *postList) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		all, err := everyPage(func(last string) ([]blog.Post, error) { return core.Blog.All(ctx, last, page) },
			func(p blog.Post) string { return p.ID })
		if err != nil {
			return err
		}
		views := make([]postView, len(all))
		for i, p := range all {
			views[i] = viewPost(p)
		}
		return list(t, c.JSON, views, table[postView]{
			none: "There are none.",
			head: []string{"SLUG", "LANGUAGE", "STATE", "PUBLISHED", "TITLE"},
			row: func(v postView) []string {
				return []string{v.Slug, v.Language, v.State, orEmpty(v.PublishedAt), short(v.Title)}
			},
		})
	})
}

// postWrite stores a post's text.
type postWrite struct {
	storage
	output

	File string `arg:"" help:"The text, with a head that names its slug; - reads standard input."`
}

// maxPostFile is the largest file of a post, in bytes: its head is short.
const maxPostFile = blog.MaxBody + 8<<10

// Run stores it.
func (c *postWrite) Run(ctx context.Context, t terminal) error {
	source, err := readText(t, c.File, c.File, maxPostFile)
	if err != nil {
		return err
	}
	text, err := blog.Parse([]byte(source))
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	return c.use(ctx, func(core *app.Core) error {
		p, err := core.Blog.Find(ctx, text.Slug)
		switch {
		case fault.Is(err, fault.NotFound):
			p, err = core.Blog.Create(ctx, text, actor)
		case err == nil:
			p, err = core.Blog.Edit(ctx, p.ID, text, actor)
		}
		if err != nil {
			return err
		}
		return tellPost(t, c.JSON, p)
	})
}

// postShow prints a post.
type postShow struct {
	storage
	output

	Post string `arg:"" help:"Its slug."`
}

// Run prints it.
func (c *postShow) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		p, err := core.Blog.Find(ctx, c.Post)
		if err != nil {
			return err
		}
		if c.JSON {
			return t.json(struct {
				postView

				Description string `json:"description"`
				Body        string `json:"body"`
			}{viewPost(p), p.Description, p.Body})
		}
		_, err = fmt.Fprint(t.out, p.File())
		return err //nolint:wrapcheck // what a terminal says
	})
}

// postPublish publishes a post.
type postPublish struct {
	storage
	output

	Post string  `arg:"" help:"Its slug."`
	At   *moment `placeholder:"2026-12-01T00:00:00Z" help:"From when on; without it at once."`
}

// Run publishes it.
func (c *postPublish) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		var at time.Time
		if c.At != nil {
			at = time.Time(*c.At)
		}
		p, err := core.Blog.Publish(ctx, c.Post, at, actor)
		if err != nil {
			return err
		}
		return tellPost(t, c.JSON, p)
	})
}

// postUnpublish makes a post a draft.
type postUnpublish struct {
	storage
	output

	Post string `arg:"" help:"Its slug."`
}

// Run unpublishes it.
func (c *postUnpublish) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		p, err := core.Blog.Unpublish(ctx, c.Post, actor)
		if err != nil {
			return err
		}
		return tellPost(t, c.JSON, p)
	})
}

// postDelete removes a draft.
type postDelete struct {
	storage

	Post string `arg:"" help:"Its slug."`
}

// Run removes it.
func (c *postDelete) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		p, err := core.Blog.Delete(ctx, c.Post, actor)
		if err == nil {
			fmt.Fprintf(t.out, "%s is deleted.\n", p.Slug)
		}
		return err
	})
}
