package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/clock"
)

// keyCommands are the commands about API keys.
type keyCommands struct {
	Create keyCreate `cmd:"" help:"Make an API key and print it, once."`
	Rotate keyRotate `cmd:"" help:"Give a key a new value and print it, once. The old value is refused from then on."`
	Set    keySet    `cmd:"" help:"Change a key; what is not given stays."`
	Revoke keyRevoke `cmd:"" help:"End a key for good."`
	List   keyList   `cmd:"" help:"List API keys, without their values."`
}

// keyView is a key in JSON. Key is its value and there only once.
type keyView struct {
	ID          string  `json:"id"`
	Key         string  `json:"key,omitempty"`
	Prefix      string  `json:"prefix"`
	AccountID   string  `json:"account_id"`
	Account     string  `json:"account"`
	Name        string  `json:"name"`
	Mode        string  `json:"mode"`
	Dialect     string  `json:"dialect"`
	State       string  `json:"state"`
	CreatedAt   *string `json:"created_at"`
	RotatedAt   *string `json:"rotated_at"`
	ExpiresAt   *string `json:"expires_at"`
	RevokedAt   *string `json:"revoked_at"`
	LastUsedAt  *string `json:"last_used_at"`
	SeenInURLAt *string `json:"seen_in_url_at"`
	Warning     string  `json:"warning,omitempty"`

	settingsView
}

func viewKey(k apikey.Key, email string, now time.Time) keyView {
	v := keyView{
		ID: k.ID, Prefix: k.Prefix, AccountID: k.AccountID, Account: email, Name: k.Name,
		Mode: string(k.Mode), Dialect: string(k.Dialect), State: "active",
		CreatedAt: when(k.CreatedAt), RotatedAt: when(k.RotatedAt), ExpiresAt: when(k.ExpiresAt), RevokedAt: when(k.RevokedAt),
		LastUsedAt: when(k.LastUsedAt), SeenInURLAt: when(k.SeenInURLAt), settingsView: viewSettings(k.Settings),
	}
	switch {
	case !k.RevokedAt.IsZero():
		v.State = "revoked"
	case !k.Active(now):
		v.State = "expired"
	case !k.SeenInURLAt.IsZero() && k.Dialect == apikey.Classic:
		v.Warning = "is sent in URLs, which stand in logs: let its client post, then rotate it"
	case !k.SeenInURLAt.IsZero():
		v.Warning = "was sent in a URL: rotate it"
	}
	return v
}

// printIssued prints a key with its value, which nothing can print again.
func printIssued(ctx context.Context, t terminal, asJSON bool, core *app.Core, k apikey.Key, value string) error {
	email, err := newEmails(core).of(ctx, k.AccountID)
	if err != nil {
		email = k.AccountID // the value must be printed, whatever happens now
	}
	v := viewKey(k, email, clock.System())
	v.Key = value
	if asJSON {
		err = t.json(v)
	} else {
		_, err = fmt.Fprintf(t.out, "%s\n\nKey %s of %s: %s, %s dialect, %s.\nIts value is not shown again: keep it now.\n",
			value, k.ID, email, k.Mode, k.Dialect, v.State)
	}
	if err != nil {
		return fmt.Errorf("key %s has a new value that could not be printed: run `notpanel key rotate %s`: %w", k.ID, k.ID, err)
	}
	return nil
}

// lifetime is how long a key lives: days such as 90d, or what Go reads, such as 36h.
type lifetime time.Duration

// UnmarshalText reads a lifetime.
func (l *lifetime) UnmarshalText(text []byte) error {
	const most = 100 * 365 // days
	d, err := time.ParseDuration(string(text))
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(min(n, most)) * 24 * time.Hour
	}
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is no time to live such as 90d or 12h", text)
	}
	*l = lifetime(d)
	return nil
}

// keyCreate makes a key.
type keyCreate struct {
	storage
	output
	keySettings

	Account string   `required:"" help:"E-mail address or id of the account that it acts for."`
	Name    string   `help:"What it is for."`
	Dialect string   `enum:"native,classic" default:"native" help:"Form of requests and answers: native for code of your own, classic for an existing panel or script."`
	Mode    string   `enum:"live,test" default:"live" help:"live, or test for play money."`
	Expires lifetime `placeholder:"90d" help:"How long it can be used, such as 90d or 12h. Without it: until it is revoked."`
}

// Run makes the key and prints its value.
func (c *keyCreate) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		owner, err := core.Accounts.Find(ctx, c.Account)
		if err != nil {
			return err
		}
		n := apikey.NewKey{
			AccountID: owner.ID, Name: c.Name, Dialect: apikey.Dialect(c.Dialect), Mode: apikey.Mode(c.Mode), Settings: c.settings(),
		}
		if c.Expires > 0 {
			n.ExpiresAt = clock.System().Add(time.Duration(c.Expires))
		}
		value, k, err := core.Keys.Issue(ctx, n, actor)
		if err != nil {
			return err
		}
		return printIssued(ctx, t, c.JSON, core, k, value)
	})
}

// keyRotate gives a key a new value.
type keyRotate struct {
	storage
	output

	ID string `arg:"" help:"The key's id, key_…."`
}

// Run rotates the key and prints the new value.
func (c *keyRotate) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		value, k, err := core.Keys.Rotate(ctx, c.ID, actor)
		if err != nil {
			return err
		}
		return printIssued(ctx, t, c.JSON, core, k, value)
	})
}

// keyRevoke ends a key.
type keyRevoke struct {
	storage

	ID string `arg:"" help:"The key's id, key_…."`
}

// Run revokes the key.
func (c *keyRevoke) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		k, err := core.Keys.Revoke(ctx, c.ID, actor)
		if err == nil {
			fmt.Fprintf(t.out, "Key %s (%s…) is revoked: the next request with it is refused.\n", k.ID, k.Prefix)
		}
		return err
	})
}

// printKeys prints keys as list does.
func printKeys(t terminal, asJSON bool, all []keyView) error {
	return list(t, asJSON, all, table[keyView]{
		none: "There are no keys: `notpanel key create --account E` makes one.",
		head: []string{"ID", "ACCOUNT", "NAME", "PREFIX", "MODE", "DIALECT", "STATE", "LAST USED", "EXPIRES", "SETTINGS", "WARNING"},
		row: func(k keyView) []string {
			return []string{
				k.ID, k.Account, short(k.Name), k.Prefix, k.Mode, k.Dialect, k.State,
				orEmpty(k.LastUsedAt), orEmpty(k.ExpiresAt), k.words(), k.Warning,
			}
		},
	})
}

// keyList lists keys.
type keyList struct {
	storage
	output

	Account string `help:"Only this account's: e-mail address or id."`
}

// Run prints the keys, oldest first.
func (c *keyList) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		all, err := c.find(ctx, core)
		if err != nil {
			return err
		}
		return printKeys(t, c.JSON, all)
	})
}

// find reads the keys page by page.
func (c *keyList) find(ctx context.Context, core *app.Core) (all []keyView, err error) {
	var accountID, after string
	if c.Account != "" {
		owner, err := core.Accounts.Find(ctx, c.Account)
		if err != nil {
			return nil, err
		}
		accountID = owner.ID
	}
	now, addresses := clock.System(), newEmails(core)
	for {
		some, err := core.Keys.List(ctx, accountID, after, page)
		if err != nil {
			return nil, err
		}
		for _, k := range some {
			email, err := addresses.of(ctx, k.AccountID)
			if err != nil {
				return nil, err
			}
			all = append(all, viewKey(k, email, now))
			after = k.ID
		}
		if len(some) < page {
			return all, nil
		}
	}
}
