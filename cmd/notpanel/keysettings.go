package main

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/money"
)

// keySettings are the flags that a key's owner decides by. What is not given
// stays, or is the panel's default for a new key.
type keySettings struct {
	PerMinute    *int64       `placeholder:"N" help:"Requests a minute; 0: the panel's default."`
	Networks     *networks    `placeholder:"CIDR,…" help:"Where it may be used from: addresses and CIDRs with commas between; empty: from anywhere."`
	DailyCap     *dailyCap    `placeholder:"AMOUNT" help:"What it may spend on a day (UTC), refunds not counted; none: no cap."`
	ClassicIDs   *apikey.IDs  `name:"classic-ids" enum:"number,string" placeholder:"FORM" help:"Classic: ids as number, or as string for clients that insist on it."`
	AllowGET     *bool        `name:"allow-get" negatable:"" help:"Classic: take orders, refills and cancels by GET too. Proxies may repeat a GET."`
	ReplayWindow *replayAfter `placeholder:"120s" help:"Classic: an equal order within this time is the same order, delivered or not; 0: no such window."`
	Descriptions *bool        `negatable:"" help:"Classic: list services with their descriptions."`
}

// networks are addresses and CIDRs on the command line.
type networks []netip.Prefix

// UnmarshalText reads them.
func (n *networks) UnmarshalText(text []byte) error {
	all, err := apikey.ParseNetworks(string(text))
	*n = all
	return err
}

// dailyCap is an amount, or none.
type dailyCap struct{ most *money.Amount }

// UnmarshalText reads a cap.
func (c *dailyCap) UnmarshalText(text []byte) error {
	if string(text) == "none" {
		c.most = nil
		return nil
	}
	var a amount
	if err := a.UnmarshalText(text); err != nil {
		return err
	}
	c.most = (*money.Amount)(&a)
	return nil
}

// replayAfter is a time in seconds, with or without a unit.
type replayAfter time.Duration

// UnmarshalText reads 120, 120s or 2m.
func (r *replayAfter) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if seconds, errWhole := strconv.ParseInt(string(text), 10, 32); errWhole == nil {
		d, err = time.Duration(seconds)*time.Second, nil
	}
	if err != nil {
		return fmt.Errorf("%q is no time such as 120s", text)
	}
	*r = replayAfter(d)
	return nil
}

// expiry is how long a key lives from now, or never.
type expiry struct{ after lifetime } // 0: never

// UnmarshalText reads 90d, 12h or never.
func (e *expiry) UnmarshalText(text []byte) error {
	if string(text) == "never" {
		e.after = 0
		return nil
	}
	return e.after.UnmarshalText(text)
}

// change is what the flags change of a key.
func (s keySettings) change() apikey.Change {
	c := apikey.Change{
		PerMinute: s.PerMinute, Networks: (*[]netip.Prefix)(s.Networks), ClassicIDs: s.ClassicIDs, AllowGET: s.AllowGET,
		ReplayWindow: (*time.Duration)(s.ReplayWindow), Descriptions: s.Descriptions,
	}
	if s.DailyCap != nil {
		c.DailyCap, c.NoDailyCap = s.DailyCap.most, s.DailyCap.most == nil
	}
	return c
}

// settings are those of a new key.
func (s keySettings) settings() (all apikey.Settings) {
	if s.PerMinute != nil {
		all.PerMinute = *s.PerMinute
	}
	if s.Networks != nil {
		all.Networks = *s.Networks
	}
	if s.DailyCap != nil {
		all.DailyCap = s.DailyCap.most
	}
	if s.ClassicIDs != nil {
		all.ClassicIDs = *s.ClassicIDs
	}
	if s.ReplayWindow != nil {
		all.ReplayWindow = time.Duration(*s.ReplayWindow)
	}
	all.AllowGET = s.AllowGET != nil && *s.AllowGET
	all.Descriptions = s.Descriptions != nil && *s.Descriptions
	return all
}

// keySet changes a key.
type keySet struct {
	storage
	output
	keySettings

	ID      string          `arg:"" help:"The key's id, key_…."`
	Dialect *apikey.Dialect `enum:"native,classic" placeholder:"DIALECT" help:"native, or classic for an existing panel or script."`
	Expires *expiry         `placeholder:"90d" help:"How long it can be used from now on, such as 90d or 12h; never: until it is revoked."`
}

// Run changes the key and prints it as it is then.
func (c *keySet) Run(ctx context.Context, t terminal) error {
	change := c.change()
	change.Dialect = c.Dialect
	if c.Expires != nil {
		at := time.Time{}
		if c.Expires.after > 0 {
			at = clock.System().Add(time.Duration(c.Expires.after))
		}
		change.ExpiresAt = &at
	}
	if reflect.ValueOf(change).IsZero() {
		return &usageError{"nothing to change: give a setting, such as --dialect, --per-minute or --networks; --help lists them"}
	}
	return c.use(ctx, func(core *app.Core) error {
		k, err := core.Keys.Set(ctx, c.ID, change, actor)
		if err != nil {
			return err
		}
		email, err := newEmails(core).of(ctx, k.AccountID)
		if err != nil {
			return fmt.Errorf("key %s is changed; print it: %w", k.ID, err)
		}
		v := viewKey(k, email, clock.System())
		if c.JSON {
			return t.json(v)
		}
		return printKeys(t, false, []keyView{v})
	})
}

// settingsView are a key's settings in JSON.
type settingsView struct {
	PerMinute    int64    `json:"per_minute"`
	Networks     []string `json:"networks"`
	DailyCap     *string  `json:"daily_cap"`
	ClassicIDs   string   `json:"classic_ids"`
	AllowGET     bool     `json:"allow_get"`
	ReplayWindow int64    `json:"replay_window"` // seconds
	Descriptions bool     `json:"descriptions"`
}

func viewSettings(s apikey.Settings) settingsView {
	v := settingsView{
		PerMinute: s.PerMinute, Networks: []string{}, ClassicIDs: string(s.ClassicIDs), AllowGET: s.AllowGET,
		ReplayWindow: int64(s.ReplayWindow / time.Second), Descriptions: s.Descriptions,
	}
	for _, n := range s.Networks {
		v.Networks = append(v.Networks, n.String())
	}
	if s.DailyCap != nil {
		text := s.DailyCap.String()
		v.DailyCap = &text
	}
	return v
}

// words says in one line what is not the panel's default.
func (v settingsView) words() string {
	var all []string
	if v.PerMinute > 0 {
		all = append(all, strconv.FormatInt(v.PerMinute, 10)+" a minute")
	}
	if len(v.Networks) > 0 {
		all = append(all, "from "+strings.Join(v.Networks, " "))
	}
	if v.DailyCap != nil {
		all = append(all, "at most "+*v.DailyCap+" a day")
	}
	if v.ClassicIDs == string(apikey.StringIDs) {
		all = append(all, "ids as text")
	}
	if v.AllowGET {
		all = append(all, "orders by GET")
	}
	if v.ReplayWindow > 0 {
		all = append(all, "replay "+strconv.FormatInt(v.ReplayWindow, 10)+" s")
	}
	if v.Descriptions {
		all = append(all, "descriptions")
	}
	return strings.Join(all, ", ")
}
