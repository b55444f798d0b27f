package order

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/notpanel/notpanel/internal/db"
)

// column is one that changes after an order was placed.
type column struct {
	name string
	of   func(o *Order) any
}

// changing are these columns, by what changes together. Save writes a group where one
// of its values has changed: SQLite writes every index anew that has a column which is
// written, changed or not. There are few enough combinations of groups for each to be a
// prepared statement.
//
//nolint:gochecknoglobals // a table
var changing = [][]column{
	{{"state", func(o *Order) any { return string(o.State) }}},
	{{"next_check_at", func(o *Order) any { return db.At(o.NextCheckAt) }}},
	{ // while it waits to be sent
		{"due_at", func(o *Order) any { return db.At(o.DueAt) }},
		{"give_up_at", func(o *Order) any { return db.At(o.GiveUpAt) }},
		{"tries", func(o *Order) any { return o.Tries }},
		{"refusal", func(o *Order) any { return o.Refusal }},
		{"released", func(o *Order) any { return o.Released }},
	},
	{ // where it is sent
		{"provider_id", func(o *Order) any { return o.ProviderID }},
		{"provider_service", func(o *Order) any { return o.ProviderService }},
		{"preference", func(o *Order) any { return o.Preference }},
		{"cost", func(o *Order) any { return o.Cost }},
		{"exchange", func(o *Order) any { return o.Exchange }},
		{"equal_key", func(o *Order) any { return o.EqualKey }},
	},
	{ // whether it is there
		{"upstream_id", func(o *Order) any { return db.Text(o.UpstreamID) }},
		{"accepted_at", func(o *Order) any { return db.At(o.AcceptedAt) }},
		{"ever_unknown", func(o *Order) any { return o.EverUnknown }},
		{"generation", func(o *Order) any { return o.Generation }},
	},
	{ // how far it is
		{"start_count", func(o *Order) any { return valueOf(o.StartCount) }},
		{"remains", func(o *Order) any { return valueOf(o.Remains) }},
		{"provider_charge", func(o *Order) any { return valueOf(o.ProviderCharge) }},
		{"started_at", func(o *Order) any { return db.At(o.StartedAt) }},
	},
	{ // its end
		{"finished_at", func(o *Order) any { return db.At(o.FinishedAt) }},
		{"refunded", func(o *Order) any { return o.Refunded }},
	},
	{ // what is wished of it, and what a person should look at
		{"attention", func(o *Order) any { return o.Attention }},
		{"cancel_wish_at", func(o *Order) any { return db.At(o.CancelWishAt) }},
		{"cancel_state", func(o *Order) any { return string(o.CancelState) }},
		{"cancel_due_at", func(o *Order) any { return db.At(o.CancelDueAt) }},
		{"cancel_tries", func(o *Order) any { return o.CancelTries }},
	},
	{ // its runs or posts
		{"run", func(o *Order) any { return o.runOrNone() }},
		{"next_run_at", func(o *Order) any { return db.At(o.NextRunAt) }},
		{"paused_at", func(o *Order) any { return db.At(o.PausedAt) }},
		{"expiry", func(o *Order) any { return o.Expiry }},
	},
}

func valueOf[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// remember notes what of an order is stored, so that Save writes what has changed
// since. The order is locked: nobody else changes it meanwhile. One that was not
// remembered is written whole.
func (o *Order) remember() {
	o.stored = make([][]any, len(changing))
	for i, group := range changing {
		o.stored[i] = valuesOf(group, o)
	}
}

func valuesOf(group []column, o *Order) []any {
	values := make([]any, len(group))
	for i, c := range group {
		values[i] = c.of(o)
	}
	return values
}

// changes returns which groups differ from what is stored, a bit for each, and their
// values. From then on they count as stored.
func (o *Order) changes() (groups uint, values []any) {
	if o.stored == nil {
		o.stored = make([][]any, len(changing))
	}
	for i, group := range changing {
		now := valuesOf(group, o)
		if slices.Equal(now, o.stored[i]) {
			continue
		}
		o.stored[i] = now
		groups |= 1 << i
		values = append(values, now...)
	}
	return groups, values
}

// saveTexts are the statements of Save by their groups.
//
//nolint:gochecknoglobals // a cache
var saveTexts sync.Map

func saveText(groups uint) string {
	known, _ := saveTexts.Load(groups)
	if text, is := known.(string); is {
		return text
	}
	var text strings.Builder
	text.WriteString(`UPDATE orders SET step = $3, events = $4, updated_at = $5`)
	n := 5
	for i, group := range changing {
		if groups&(1<<i) == 0 {
			continue
		}
		for _, c := range group {
			n++
			text.WriteString(`, ` + c.name + ` = $` + strconv.Itoa(n))
		}
	}
	text.WriteString(` WHERE id = $1 AND state = $2`)
	saveTexts.Store(groups, text.String())
	return text.String()
}

// Save writes an order that was locked in state from, without a step of its
// life. It changes exactly one row or fails: nobody else can have moved it.
func Save(tx *db.Tx, o *Order, from State) error {
	groups, values := o.changes()
	args := append([]any{o.ID, string(from), o.Step, o.Events, db.At(tx.Now)}, values...)
	saved, err := tx.ExecOne(saveText(groups), args...)
	if err == nil && !saved {
		err = fmt.Errorf("it is no longer %s", from)
	}
	if err != nil {
		o.stored = nil
		return fmt.Errorf("save order %s: %w", o.ID, err)
	}
	return nil
}
