package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/money"
)

// giveawayCommands are the commands about giveaways.
type giveawayCommands struct {
	Open   giveawayOpen   `cmd:"" help:"Open a giveaway and commit to its draw."`
	List   giveawayList   `cmd:"" help:"List giveaways, the newest first."`
	Draw   giveawayDraw   `cmd:"" help:"Draw one whose time is over; a serving panel does it by itself."`
	Cancel giveawayCancel `cmd:"" help:"End one while entries are taken; nothing is drawn."`
	Proof  giveawayProof  `cmd:"" help:"Print all that a draw was made of."`
	Check  giveawayCheck  `cmd:"" help:"Do the draw of a proof again. It needs no panel."`
}

// span says when something is there.
type span struct {
	From *moment        `placeholder:"2026-12-01T00:00:00Z" help:"From when on; without it at once."`
	To   *moment        `placeholder:"2026-12-08T00:00:00Z" xor:"end" help:"Until when."`
	For  *time.Duration `placeholder:"168h" xor:"end" help:"For how long."`
}

// times returns the beginning, zero for now, and the end.
func (s span) times() (from, to time.Time, err error) {
	if s.From != nil {
		from = time.Time(*s.From)
	}
	switch {
	case s.To != nil:
		return from, time.Time(*s.To), nil
	case s.For == nil:
		return from, to, &usageError{"say until when: --to or --for"}
	case s.From != nil:
		return from, from.Add(*s.For), nil
	}
	return from, clock.System().Add(*s.For), nil
}

// giveawayOpen opens a giveaway.
type giveawayOpen struct {
	storage
	output
	span

	Title      string `arg:"" help:"What it is called."`
	Text       string `required:"" placeholder:"FILE" help:"A file with what it says, in Markdown; - reads standard input."`
	Language   string `default:"en" help:"Of both."`
	Prize      amount `required:"" help:"What each winner is credited."`
	Winners    int64  `default:"1" help:"How many win."`
	LeastSpent amount `default:"0" help:"What must have been spent on orders before one may enter."`
}

// Run opens it and prints what it is committed to.
func (c *giveawayOpen) Run(ctx context.Context, t terminal) error {
	from, to, err := c.times()
	if err != nil {
		return err
	}
	text, err := readText(t, "--text", c.Text, giveaway.MaxBody)
	if err != nil {
		return err
	}
	return c.use(ctx, func(core *app.Core) error {
		g, err := core.Giveaways.Open(ctx, giveaway.Terms{
			Language: c.Language, Title: c.Title, Body: text, Prize: money.Amount(c.Prize), Places: c.Winners,
			LeastSpent: money.Amount(c.LeastSpent), OpensAt: from, ClosesAt: to,
		}, actor)
		if err != nil {
			return err
		}
		if c.JSON {
			return t.json(viewGiveaway(g))
		}
		fmt.Fprintf(t.out, "%s takes entries until %s; %d × %s %s are drawn after it.\nCommitted to a seed whose SHA-256 is %s.\n",
			g.ID, g.ClosesAt.UTC().Format(time.RFC3339), g.Places, g.Prize, core.Currency, g.Commitment)
		return nil
	})
}

// readText reads a file, or the input for -, no further than most bytes.
func readText(t terminal, flag, name string, most int64) (string, error) {
	in := t.in
	if name != "-" {
		file, err := os.Open(name) //nolint:gosec // the operator names it
		if err != nil {
			return "", fmt.Errorf("%s: %w", flag, err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, most+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", flag, err)
	case int64(len(text)) > most:
		return "", fmt.Errorf("%s: it is larger than %d KB", flag, most>>10)
	case strings.TrimSpace(string(text)) == "":
		return "", fmt.Errorf("%s: there is no text in it", flag)
	}
	return string(text), nil
}

// giveawayView is a giveaway in JSON.
type giveawayView struct {
	ID          string  `json:"id"`
	State       string  `json:"state"`
	Language    string  `json:"language"`
	Title       string  `json:"title"`
	Prize       string  `json:"prize"`
	Winners     int64   `json:"winners"`
	LeastSpent  string  `json:"least_spent"`
	Entries     int64   `json:"entries"`
	OpensAt     *string `json:"opens_at"`
	ClosesAt    *string `json:"closes_at"`
	Commitment  string  `json:"commitment"`
	Seed        string  `json:"seed,omitempty"`
	EntriesHash string  `json:"entries_hash,omitempty"`
	Reason      string  `json:"reason,omitempty"`
	DecidedAt   *string `json:"decided_at"`
	DecidedBy   string  `json:"decided_by,omitempty"`
}

func viewGiveaway(g giveaway.Giveaway) giveawayView {
	return giveawayView{
		ID: g.ID, State: string(g.State), Language: g.Language, Title: g.Title, Prize: g.Prize.String(), Winners: g.Places,
		LeastSpent: g.LeastSpent.String(), Entries: g.Entries, OpensAt: when(g.OpensAt), ClosesAt: when(g.ClosesAt),
		Commitment: g.Commitment, Seed: g.Seed, EntriesHash: g.EntriesHash, Reason: g.Reason, DecidedAt: when(g.DecidedAt), DecidedBy: g.DecidedBy,
	}
}

// giveawayList lists giveaways.
type giveawayList struct {
	storage
	output
}

// Run prints them.
func (c *giveawayList) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		all, err := everyPage(func(last string) ([]giveaway.Giveaway, error) { return core.Giveaways.All(ctx, last, page) },
			func(g giveaway.Giveaway) string { return g.ID })
		if err != nil {
			return err
		}
		views := make([]giveawayView, len(all))
		for i, g := range all {
			views[i] = viewGiveaway(g)
		}
		return list(t, c.JSON, views, table[giveawayView]{
			none: "There are none.",
			head: []string{"ID", "STATE", "PRIZE", "WINNERS", "ENTRIES", "CLOSES", "TITLE"},
			row: func(v giveawayView) []string {
				return []string{v.ID, v.State, v.Prize, strconv.FormatInt(v.Winners, 10), strconv.FormatInt(v.Entries, 10), orEmpty(v.ClosesAt), short(v.Title)}
			},
		})
	})
}

// everyPage reads pages of a list until the last.
func everyPage[T any](next func(last string) ([]T, error), key func(T) string) (all []T, err error) {
	for last := ""; ; {
		some, err := next(last)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if len(some) < page {
			return all, nil
		}
		last = key(some[len(some)-1])
	}
}

// giveawayDraw draws a giveaway.
type giveawayDraw struct {
	storage
	output

	ID string `arg:"" help:"The giveaway's id, gvw_…."`
}

// Run draws it and prints who won.
func (c *giveawayDraw) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		g, wins, err := core.Giveaways.Draw(ctx, c.ID, actor)
		if err != nil {
			return err
		}
		if c.JSON {
			proof, err := core.Giveaways.Proof(ctx, g.ID, core.Currency)
			if err != nil {
				return err
			}
			return t.json(proof)
		}
		fmt.Fprintf(t.out, "%s is drawn among %s; the seed is %s.\n", g.ID, strings.Replace(count(g.Entries, "entry"), "entrys", "entries", 1), g.Seed)
		addresses := newEmails(core)
		for _, w := range wins {
			email, err := addresses.of(ctx, w.Entry.AccountID)
			if err != nil {
				return err
			}
			fmt.Fprintf(t.out, "  %d. entry %d, %s: %s %s credited to %s\n", w.Entry.Place, w.Entry.Number, w.Entry.Code, g.Prize, core.Currency, printable(email))
		}
		return nil
	})
}

// giveawayCancel cancels a giveaway.
type giveawayCancel struct {
	storage

	ID     string `arg:"" help:"The giveaway's id, gvw_…."`
	Reason string `required:"" help:"Why, for everybody to read."`
}

// Run cancels it.
func (c *giveawayCancel) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		g, err := core.Giveaways.Cancel(ctx, c.ID, c.Reason, actor)
		if err == nil {
			fmt.Fprintf(t.out, "%s is canceled; nothing is drawn.\n", g.ID)
		}
		return err
	})
}

// giveawayProof prints a draw's proof.
type giveawayProof struct {
	storage

	ID string `arg:"" help:"The giveaway's id, gvw_…."`
}

// Run prints it.
func (c *giveawayProof) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		proof, err := core.Giveaways.Proof(ctx, c.ID, core.Currency)
		if err != nil {
			return err
		}
		return t.json(proof)
	})
}

// giveawayCheck checks a proof.
type giveawayCheck struct {
	File string `arg:"" help:"The proof, as the giveaway's page gives it; - reads standard input."`
}

// errNotProved says that a proof does not hold.
var errNotProved = errors.New("the draw is not the one that was promised")

// maxProof bounds a proof that is read: a million entries have less.
const maxProof = 64 << 20

// Run does the draw again and says whether it is the same.
func (c *giveawayCheck) Run(t terminal) error {
	text, err := readText(t, c.File, c.File, maxProof)
	if err != nil {
		return err
	}
	var p giveaway.Proof
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return fmt.Errorf("%s is no proof of a giveaway: %w", c.File, err)
	}
	if differs := p.Check(); len(differs) > 0 {
		for _, one := range differs {
			fmt.Fprintln(t.out, printable(one))
		}
		return errNotProved
	}
	fmt.Fprintf(t.out, "The seed is the one that was committed to, and %d entries give the winners that the proof names:\n", len(p.Entries))
	for _, w := range p.Winners {
		fmt.Fprintf(t.out, "  %d. entry %d, %s\n", w.Place, w.Number, w.Code)
	}
	return nil
}
