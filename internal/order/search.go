package order

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ledger"
)

// Filter narrows Search.
type Filter struct {
	State     State     // "" is any
	Test      bool      // the orders of test keys instead of the live ones
	AccountID string    // "" is any
	Provider  string    // the id of the one that it is with or goes to; "" is any
	Service   int64     // 0 is any
	Attention bool      // only those that wait for a person: uncertain, held or with an attention
	From, To  time.Time // placed at or after, and before; zero is any
	// Text is an order's id, the provider's id for it, its number or a part of its
	// link. "" is any.
	Text     string
	BeforeID string // "" starts with the newest
	Limit    int
}

// Few are the states of which there are few orders, in the words of their index:
// SQLite takes it only for a query that says the very same.
const Few = `state IN ('held', 'submitting', 'uncertain')`

// waitingIDs selects the orders that wait for a person, each part by its index.
const waitingIDs = `SELECT id FROM orders WHERE attention <> '' UNION ALL SELECT id FROM orders WHERE state IN ('uncertain', 'held') AND ` + Few

const oldest = `SELECT ` + columns + ` FROM orders WHERE id IN (` + waitingIDs + `) AND mode = 'live' ORDER BY updated_at, id LIMIT $1`

// aloneIDs are those of waitingIDs that are dealt with one by one. The others are held
// for words of a provider that nobody has given a meaning: one decision moves all of
// them.
const aloneIDs = `SELECT id FROM orders WHERE attention <> '' UNION ALL
	SELECT id FROM orders WHERE state = 'uncertain' AND ` + Few + ` UNION ALL
	SELECT id FROM orders o WHERE state = 'held' AND ` + Few + ` AND NOT EXISTS (
		SELECT 1 FROM provider_texts t WHERE t.provider_id = o.provider_id AND t.text = o.refusal AND t.class = '')`

const oldestAlone = `SELECT ` + columns + ` FROM orders WHERE id IN (` + aloneIDs + `) AND mode = 'live' ORDER BY updated_at, id LIMIT $1`

// Oldest returns the live orders that have waited longest for a person. Alone leaves
// out those that wait for a provider's words to be given a meaning.
func (s *Store) Oldest(ctx context.Context, alone bool, limit int) (all []*Order, err error) {
	query := oldest
	if alone {
		query = oldestAlone
	}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scan, query, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("orders that wait: %w", err)
	}
	return all, nil
}

// Search returns orders of all accounts, newest first, for staff, and the id to go
// on below; "" says that there are no more. A page of a filter that fits few of many
// may be short, or empty, and still have one after it: a page looks at a bounded
// number of orders.
func (s *Store) Search(ctx context.Context, f Filter) (all []*Order, next string, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, next, err = search(tx, f)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("search orders: %w", err)
	}
	return all, next, nil
}

func search(tx *db.Tx, f Filter) (all []*Order, next string, err error) {
	if id.Valid(id.Order, f.Text) {
		all, err = f.named(tx)
		return all, "", err
	}
	w, err := f.window(tx, scanned)
	if err != nil {
		return nil, "", err
	}
	q := f.conditions(w)
	all, err = db.All(tx, scan, `SELECT `+columns+` FROM orders WHERE `+q.text()+f.order()+` LIMIT `+q.arg(f.Limit), q.args...)
	switch {
	case err != nil:
		return nil, "", err
	case len(all) == f.Limit && all[f.Limit-1].ID != w.last:
		next = all[f.Limit-1].ID
	case w.more:
		next = w.last
	}
	if f.BeforeID != "" || f.Text == "" {
		return all, next, nil
	}
	named, err := f.named(tx)
	return append(named, all...), next, err
}

// TooWide says that a filter leaves too many orders to look through for those that it
// fits.
const TooWide fault.Reason = "filter_too_wide"

// lookedThrough bounds how many orders Fitting looks at.
const lookedThrough = 25_000

// Fitting returns the ids of up to most orders that a filter fits, newest first,
// and whether there are more. Where it had to look through too many orders, its
// error has the reason TooWide: an account, days, or a state of few narrow a filter.
func (s *Store) Fitting(ctx context.Context, f Filter, most int) (orderIDs []string, more bool, err error) {
	f.BeforeID = ""
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		orderIDs, more, err = fitting(tx, f, most, lookedThrough)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("orders that fit: %w", err)
	}
	return orderIDs, more, nil
}

func fitting(tx *db.Tx, f Filter, most, through int) (orderIDs []string, more bool, err error) {
	if f.Text != "" {
		named, err := f.named(tx)
		for _, o := range named {
			orderIDs = append(orderIDs, o.ID)
		}
		if err != nil || id.Valid(id.Order, f.Text) {
			return orderIDs, false, err
		}
	}
	w, err := f.window(tx, through)
	if err != nil {
		return nil, false, err
	}
	q := f.conditions(w)
	found, err := db.All(tx, scanID, `SELECT id FROM orders WHERE `+q.text()+f.order()+` LIMIT `+q.arg(most+1), q.args...)
	orderIDs = append(orderIDs, found...)
	switch {
	case err != nil:
		return nil, false, err
	case len(orderIDs) > most:
		return orderIDs[:most], true, nil
	case w.more:
		return nil, false, fault.Newf(fault.Invalid, "There are more than %d orders to look through: narrow the filter by an account or days", through).Because(TooWide)
	}
	return orderIDs, false, nil
}

func scanID(r db.Scanner) (orderID string, err error) {
	err = r.Scan(&orderID)
	return orderID, err
}

// namedMost is how many orders are found by a provider's id for them.
const namedMost = 50

// named returns the orders that the text names, however old: by their id, or by what
// providers call them. The other parts of the filter hold for them too.
func (f Filter) named(tx *db.Tx) (all []*Order, err error) {
	const byProvider = ` FROM orders WHERE upstream_id = $1 AND provider_id IN (SELECT id FROM providers) ORDER BY id DESC LIMIT $2`
	var found []*Order
	if id.Valid(id.Order, f.Text) {
		o, err := Get(tx, f.Text)
		if errors.Is(err, ErrNotFound) {
			return nil, nil
		}
		found = []*Order{o}
		if err != nil {
			return nil, err
		}
	} else if found, err = db.All(tx, scan, `SELECT `+columns+byProvider, f.Text, namedMost); err != nil {
		return nil, err
	}
	for _, o := range found {
		if f.fits(o) {
			all = append(all, o)
		}
	}
	return all, nil
}

// fits reports whether all parts of the filter but its text hold for an order.
func (f Filter) fits(o *Order) bool {
	waits := o.Attention != "" || o.State == Uncertain || o.State == Held
	return (o.Mode == ledger.Test) == f.Test &&
		(f.AccountID == "" || f.AccountID == o.AccountID) &&
		(!slices.Contains(States(), f.State) || f.State == o.State) &&
		(f.Provider == "" || f.Provider == o.ProviderID) &&
		(f.Service == 0 || f.Service == o.ServiceID) &&
		(!f.Attention || waits) &&
		(f.From.IsZero() || o.ID >= id.First(id.Order, f.From)) &&
		(f.To.IsZero() || o.ID < id.First(id.Order, f.To))
}

// window is what one page looks at: all down to one order.
type window struct {
	last   string // its id; "": there is no lower bound
	least  int64  // its number, where the filter is of one account
	before int64  // the number that it begins below, there
	more   bool   // there may be orders below it
}

// narrow reports whether the filter names states of which there are few orders, and
// that have an index. A page of it looks at all of them.
func (f Filter) narrow() bool {
	return f.Attention || f.State == Held || f.State == Uncertain || f.State == Submitting || f.State == Queued
}

// byNumber reports whether a page is read by the numbers of one account's orders.
func (f Filter) byNumber() bool { return f.AccountID != "" && !f.narrow() }

// window finds the bounds of a page that looks at up to most orders.
func (f Filter) window(tx *db.Tx, most int) (w window, err error) {
	switch {
	case f.narrow():
		return w, nil
	case f.byNumber():
		return f.numbers(tx, most)
	}
	q := &conditions{}
	f.between(q, w)
	err = tx.QueryRow(`SELECT id FROM orders WHERE `+q.text()+` ORDER BY id DESC LIMIT 1 OFFSET `+q.arg(most-1), q.args...).Scan(&w.last)
	if errors.Is(err, db.ErrNoRows) {
		return w, nil
	}
	w.more = true
	return w, err
}

// numbers finds the bounds of a page of one account's orders, which are read by their
// numbers: those of its days, so that what is far down is found at once.
func (f Filter) numbers(tx *db.Tx, most int) (w window, err error) {
	in := Scope{AccountID: f.AccountID, Mode: f.mode()}
	w.before = afterAll
	if f.BeforeID != "" {
		err = tx.QueryRow(`SELECT COALESCE(MIN(number), 0) FROM orders WHERE id = $1 AND account_id = $2`, f.BeforeID, f.AccountID).Scan(&w.before)
		if err != nil {
			return w, err
		}
	}
	if !f.To.IsZero() {
		until, err := firstSince(tx, in, f.To.Add(stampSlack))
		if err != nil {
			return w, err
		}
		w.before = min(w.before, until)
	}
	if !f.From.IsZero() {
		if w.least, err = firstSince(tx, in, f.From.Add(-stampSlack)); err != nil {
			return w, err
		}
	}
	var least int64
	err = tx.QueryRow(`SELECT number, id FROM orders WHERE account_id = $1 AND mode = $2 AND number < $3 AND number >= $4
			ORDER BY number DESC LIMIT 1 OFFSET $5`, in.AccountID, string(in.Mode), w.before, w.least, most-1).Scan(&least, &w.last)
	if errors.Is(err, db.ErrNoRows) {
		return w, nil
	}
	w.least, w.more = least, true
	return w, err
}

// order is how a page is read: newest first, by the index that finds it.
func (f Filter) order() string {
	if f.byNumber() {
		return ` ORDER BY number DESC`
	}
	return ` ORDER BY id DESC`
}

func (f Filter) mode() ledger.Mode {
	if f.Test {
		return ledger.Test
	}
	return ledger.Live
}

// conditions are the parts of a WHERE with their arguments.
type conditions struct {
	parts []string
	args  []any
}

// arg adds an argument and returns its placeholder.
func (c *conditions) arg(v any) string {
	c.args = append(c.args, v)
	return "$" + strconv.Itoa(len(c.args))
}

func (c *conditions) add(part string) { c.parts = append(c.parts, part) }

func (c *conditions) text() string {
	if len(c.parts) == 0 {
		return "id > ''"
	}
	return strings.Join(c.parts, " AND ")
}

// between bounds the ids: by the page's place, and by the time that is in them.
func (f Filter) between(c *conditions, w window) {
	if !f.From.IsZero() {
		c.add(`id >= ` + c.arg(id.First(id.Order, f.From)))
	}
	if !f.To.IsZero() {
		c.add(`id < ` + c.arg(id.First(id.Order, f.To)))
	}
	if f.byNumber() {
		return // the page's place is by numbers
	}
	if f.BeforeID != "" {
		c.add(`id < ` + c.arg(f.BeforeID))
	}
	if w.last != "" {
		c.add(`id >= ` + c.arg(w.last))
	}
}

func (f Filter) conditions(w window) *conditions {
	c := &conditions{}
	if f.AccountID != "" {
		c.add(`account_id = ` + c.arg(f.AccountID))
	}
	c.add(`mode = ` + c.arg(string(f.mode())))
	if f.byNumber() {
		c.add(`number >= ` + c.arg(w.least))
		c.add(`number < ` + c.arg(w.before))
	}
	f.between(c, w)
	if slices.Contains(States(), f.State) {
		c.add(`state = '` + string(f.State) + `'`) // written out, so that an index of some states may be used
	}
	if f.State == Held || f.State == Uncertain || f.State == Submitting {
		c.add(Few)
	}
	if f.Provider != "" {
		c.add(`provider_id = ` + c.arg(f.Provider))
	}
	if f.Service != 0 {
		c.add(`service_id = ` + c.arg(f.Service))
	}
	if f.Attention {
		c.add(`id IN (` + waitingIDs + `)`)
	}
	if f.Text != "" { // what providers call so is named's
		number, err := strconv.ParseInt(f.Text, 10, 64)
		if err != nil {
			number = 0
		}
		c.add(`(number = ` + c.arg(number) + ` OR link LIKE ` + c.arg(like(f.Text)) + ` ESCAPE '!') AND (upstream_id IS NULL OR upstream_id <> ` + c.arg(f.Text) + `)`)
	}
	return c
}

// like is a pattern for what contains a text.
func like(text string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text) + "%"
}
