package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/webhook"
)

// webhookCommands are the commands about webhooks. Their owners make them, over the
// API or at the dashboard.
type webhookCommands struct {
	List    webhookList    `cmd:"" help:"List the webhooks of resellers, without their secrets."`
	Log     webhookLog     `cmd:"" help:"Show what was sent to a webhook and what it answered, the newest first."`
	Replay  webhookReplay  `cmd:"" help:"Send a delivery again, or all that failed at a webhook since a time."`
	Disable webhookDisable `cmd:"" help:"Send nothing more to a webhook; what happens is kept for a replay."`
	Enable  webhookEnable  `cmd:"" help:"Send to a disabled webhook again."`
}

// webhookView is a webhook in JSON.
type webhookView struct {
	ID           string       `json:"id"`
	AccountID    string       `json:"account_id"`
	Account      string       `json:"account"`
	KeyID        string       `json:"key_id"`
	Mode         string       `json:"mode"`
	URL          string       `json:"url"`
	Events       []event.Type `json:"events"`
	State        string       `json:"state"`
	Reason       string       `json:"reason,omitempty"`
	FailingSince *string      `json:"failing_since"`
	CreatedAt    *string      `json:"created_at"`
}

// webhookList lists webhooks.
type webhookList struct {
	storage
	output

	Account string `help:"Only this account's: e-mail address or id."`
}

// Run prints the webhooks, the oldest first.
func (c *webhookList) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		all, err := c.find(ctx, core)
		if err != nil {
			return err
		}
		return list(t, c.JSON, all, table[webhookView]{
			none: "There are no webhooks: resellers add them at their dashboard or with webhook.add.",
			head: []string{"ID", "ACCOUNT", "KEY", "MODE", "URL", "EVENTS", "STATE", "FAILING SINCE"},
			row: func(v webhookView) []string {
				return []string{
					v.ID, v.Account, v.KeyID, v.Mode, short(v.URL), strconv.Itoa(len(v.Events)), strings.TrimSpace(v.State + " " + v.Reason),
					orEmpty(v.FailingSince),
				}
			},
		})
	})
}

func (c *webhookList) find(ctx context.Context, core *app.Core) (all []webhookView, err error) {
	accountID, after := "", ""
	if c.Account != "" {
		owner, err := core.Accounts.Find(ctx, c.Account)
		if err != nil {
			return nil, err
		}
		accountID = owner.ID
	}
	addresses := newEmails(core)
	for {
		some, err := core.Webhooks.All(ctx, accountID, after, page)
		if err != nil {
			return nil, err
		}
		for _, e := range some {
			email, err := addresses.of(ctx, e.AccountID)
			if err != nil {
				return nil, err
			}
			all = append(all, webhookView{
				ID: e.ID, AccountID: e.AccountID, Account: email, KeyID: e.KeyID, Mode: string(e.Mode), URL: e.URL, Events: e.Events,
				State: string(e.State), Reason: string(e.Reason), FailingSince: when(e.FailingSince), CreatedAt: when(e.CreatedAt),
			})
			after = e.ID
		}
		if len(some) < page {
			return all, nil
		}
	}
}

// webhookLog shows the log of a webhook.
type webhookLog struct {
	storage
	output

	ID     string `arg:"" help:"The webhook's id, whk_…."`
	Limit  int    `default:"50" help:"How many deliveries, 1 to 500."`
	Before string `help:"Only those before this delivery, dlv_…."`
}

// Validate refuses what needs no look at the panel.
func (c *webhookLog) Validate() error {
	if c.Before != "" && !id.Valid(id.Delivery, c.Before) {
		return fmt.Errorf("--before must be a delivery such as dlv_…, not %q", c.Before)
	}
	if c.Limit < 1 || c.Limit > page {
		return fmt.Errorf("--limit must be between 1 and %d", page)
	}
	return nil
}

// deliveryView is a delivery in JSON.
type deliveryView struct {
	Delivery      string        `json:"delivery"`
	Event         string        `json:"event"`
	Type          string        `json:"type"`
	Order         string        `json:"order,omitempty"`
	Sequence      int64         `json:"sequence"`
	State         string        `json:"state"`
	CreatedAt     *string       `json:"created_at"`
	NextAttemptAt *string       `json:"next_attempt_at"`
	Request       string        `json:"request"`
	Attempts      []attemptView `json:"attempts"`
}

type attemptView struct {
	Attempt  int64   `json:"attempt"`
	At       *string `json:"at"`
	Status   int     `json:"status,omitempty"`
	Error    string  `json:"error,omitempty"`
	Duration int64   `json:"duration_ms"`
	Response string  `json:"response"`
}

// answered is what the last attempt came to, for people.
func (v deliveryView) answered() string {
	if len(v.Attempts) == 0 {
		return ""
	}
	last := v.Attempts[len(v.Attempts)-1]
	if last.Error != "" {
		return last.Error
	}
	return strconv.Itoa(last.Status)
}

func viewDelivery(d webhook.Delivery) deliveryView {
	v := deliveryView{
		Delivery: d.ID, Event: d.EventID, Type: string(d.Type), Order: d.OrderID, Sequence: d.Sequence, State: string(d.State),
		CreatedAt: when(d.CreatedAt), NextAttemptAt: when(d.DueAt), Request: d.Body, Attempts: []attemptView{},
	}
	for _, a := range d.Attempts {
		v.Attempts = append(v.Attempts, attemptView{a.Number, when(a.At), a.Status, a.Error, a.Duration.Milliseconds(), a.Answer})
	}
	return v
}

// Run prints the log.
func (c *webhookLog) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		by, err := core.Webhooks.OwnerOf(ctx, c.ID)
		if err != nil {
			return err
		}
		found, err := core.Webhooks.Deliveries(ctx, by, c.ID, c.Before, c.Limit)
		if err != nil {
			return err
		}
		all := make([]deliveryView, len(found))
		for i, d := range found {
			all[i] = viewDelivery(d)
		}
		return list(t, c.JSON, all, table[deliveryView]{
			none: "Nothing was sent there yet.",
			head: []string{"DELIVERY", "CREATED", "TYPE", "ORDER", "STATE", "ATTEMPTS", "ANSWER", "NEXT ATTEMPT"},
			row: func(v deliveryView) []string {
				return []string{
					v.Delivery, orEmpty(v.CreatedAt), v.Type, v.Order, v.State, strconv.Itoa(len(v.Attempts)), v.answered(), orEmpty(v.NextAttemptAt),
				}
			},
		})
	})
}

// webhookReplay sends deliveries again.
type webhookReplay struct {
	storage

	ID    string `arg:"" help:"A webhook's id, whk_…, with --since; or a delivery's, dlv_…."`
	Since string `placeholder:"24h" help:"All that failed since then: a time such as 2026-03-01T12:00:00Z, or so long ago, such as 24h or 7d."`
}

// Validate refuses what needs no look at the panel.
func (c *webhookReplay) Validate() error {
	if strings.HasPrefix(c.ID, "dlv_") {
		if c.Since != "" {
			return errors.New("--since goes with a webhook: a delivery is sent again whenever it failed")
		}
		return nil
	}
	_, err := c.since()
	return err
}

// since reads a time, or how long ago it was.
func (c *webhookReplay) since() (time.Time, error) {
	if c.Since == "" {
		return time.Time{}, errors.New("--since is needed, such as --since 24h")
	}
	if at, err := time.Parse(time.RFC3339, c.Since); err == nil {
		return at, nil
	}
	var ago lifetime
	if err := ago.UnmarshalText([]byte(c.Since)); err != nil {
		return time.Time{}, errors.New("--since must be a time such as 2026-03-01T12:00:00Z, or so long ago, such as 24h or 7d")
	}
	return clock.System().Add(-time.Duration(ago)), nil
}

// Run sends again.
func (c *webhookReplay) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		if strings.HasPrefix(c.ID, "dlv_") {
			by, err := core.Webhooks.OwnerOfDelivery(ctx, c.ID)
			if err != nil {
				return err
			}
			if err := core.Webhooks.Replay(ctx, by, c.ID); err != nil {
				return err
			}
			fmt.Fprintf(t.out, "%s is sent again.\n", c.ID)
			return nil
		}
		since, err := c.since()
		if err != nil {
			return err
		}
		by, err := core.Webhooks.OwnerOf(ctx, c.ID)
		if err != nil {
			return err
		}
		n, err := core.Webhooks.ReplayFailed(ctx, by, c.ID, since)
		if n > 0 || err == nil {
			fmt.Fprintf(t.out, "%s sent again.\n", verb(n, "delivery is", "deliveries are"))
		}
		return err
	})
}

// verb is a number with what it does.
func verb(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// webhookDisable stops deliveries.
type webhookDisable struct {
	storage

	ID string `arg:"" help:"The webhook's id, whk_…."`
}

// Run disables the webhook.
func (c *webhookDisable) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		by, err := core.Webhooks.OwnerOf(ctx, c.ID)
		if err != nil {
			return err
		}
		if err := core.Webhooks.Disable(ctx, by, c.ID, actor); err != nil {
			return err
		}
		fmt.Fprintf(t.out, "Nothing more is sent to %s; what happens is kept for 30 days.\n", c.ID)
		return nil
	})
}

// webhookEnable lets deliveries go again.
type webhookEnable struct {
	storage

	ID string `arg:"" help:"The webhook's id, whk_…."`
}

// Run enables the webhook.
func (c *webhookEnable) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		by, err := core.Webhooks.OwnerOf(ctx, c.ID)
		if err != nil {
			return err
		}
		if err := core.Webhooks.Enable(ctx, by, c.ID, actor); err != nil {
			return err
		}
		fmt.Fprintf(t.out, "Events are sent to %s again. What it missed: `notpanel webhook replay %s --since 24h`.\n", c.ID, c.ID)
		return nil
	})
}
