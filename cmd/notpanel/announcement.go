package main

import (
	"context"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/announce"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/clock"
)

// announcementCommands are the commands about what everybody is told.
type announcementCommands struct {
	Add  announcementAdd  `cmd:"" help:"Tell everybody something for some time."`
	List announcementList `cmd:"" help:"List what was said, the newest first."`
	End  announcementEnd  `cmd:"" help:"Show it no more."`
}

// announcementAdd announces something.
type announcementAdd struct {
	storage
	output
	span

	Text  string            `arg:"" help:"What everybody reads, in English: one line."`
	In    map[string]string `placeholder:"tr=…" help:"The same in another language, once for each."`
	Level string            `enum:"info,warning" default:"info" help:"How much it matters: info or warning."`
}

// Run announces it.
func (c *announcementAdd) Run(ctx context.Context, t terminal) error {
	from, to, err := c.times()
	if err != nil {
		return err
	}
	texts := map[string]string{"en": c.Text}
	for lang, text := range c.In {
		if lang == "en" {
			return &usageError{"--in: the English text stands without a flag"}
		}
		texts[lang] = text
	}
	return c.use(ctx, func(core *app.Core) error {
		a, err := core.Announcements.Add(ctx, announce.New{Level: announce.Level(c.Level), Texts: texts, Starts: from, Ends: to}, actor)
		if err != nil {
			return err
		}
		if c.JSON {
			return t.json(viewAnnouncement(a))
		}
		fmt.Fprintf(t.out, "%s is shown from %s to %s.\n", a.ID, a.Starts.UTC().Format(time.RFC3339), a.Ends.UTC().Format(time.RFC3339))
		return nil
	})
}

// announcementView is an announcement in JSON.
type announcementView struct {
	ID     string            `json:"id"`
	Level  string            `json:"level"`
	Shown  bool              `json:"shown"`
	Starts *string           `json:"starts_at"`
	Ends   *string           `json:"ends_at"`
	Texts  map[string]string `json:"texts"`
}

func viewAnnouncement(a announce.Announcement) announcementView {
	return announcementView{a.ID, string(a.Level), a.Current(clock.System()), when(a.Starts), when(a.Ends), a.Texts}
}

// announcementList lists announcements.
type announcementList struct {
	storage
	output
}

// Run prints them.
func (c *announcementList) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		all, err := everyPage(func(last string) ([]announce.Announcement, error) { return core.Announcements.All(ctx, last, page) },
			func(a announce.Announcement) string { return a.ID })
		if err != nil {
			return err
		}
		views := make([]announcementView, len(all))
		for i, a := range all {
			views[i] = viewAnnouncement(a)
		}
		return list(t, c.JSON, views, table[announcementView]{
			none: "There are none.",
			head: []string{"ID", "LEVEL", "FROM", "TO", "TEXT"},
			row: func(v announcementView) []string {
				return []string{v.ID, v.Level, orEmpty(v.Starts), orEmpty(v.Ends), short(v.Texts["en"])}
			},
		})
	})
}

// announcementEnd ends an announcement.
type announcementEnd struct {
	storage

	ID string `arg:"" help:"Its id, ann_…."`
}

// Run ends it.
func (c *announcementEnd) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		a, err := core.Announcements.End(ctx, c.ID, actor)
		if err == nil {
			fmt.Fprintf(t.out, "%s is shown no more.\n", a.ID)
		}
		return err
	})
}
