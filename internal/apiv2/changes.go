package apiv2

import (
	"strconv"

	"github.com/notpanel/notpanel/internal/fault"
)

// changeRow is a change of the catalogue. Rates in it are list prices.
type changeRow struct {
	Change      int64   `json:"change"`
	Service     int64   `json:"service"`
	Field       string  `json:"field"`
	Before      *string `json:"before"`
	After       *string `json:"after"`
	At          string  `json:"at"`
	EffectiveAt string  `json:"effective_at"`
}

// changesAnswer is a page of changes, the oldest first.
type changesAnswer struct {
	Changes  []changeRow `json:"changes"`
	Cursor   string      `json:"cursor"`
	Currency string      `json:"currency"`
}

// latest is the cursor of who wants to know only what comes from now on.
const latest = "latest"

func (a *API) changes(c *call) (any, error) {
	if c.get("cursor") == latest {
		seq, err := a.Services.NewestChange(c.ctx)
		return changesAnswer{[]changeRow{}, strconv.FormatInt(seq, 10), a.Currency}, err
	}
	after, limit, err := c.page(ListMost, ListUsual)
	if err != nil {
		return nil, err
	}
	noted, next, err := a.Services.Changes(c.ctx, after, limit)
	if err != nil {
		return nil, err
	}
	rows := make([]changeRow, len(noted))
	for i, n := range noted {
		rows[i] = changeRow{n.Seq, n.Service, n.Field, orNull(n.Before), orNull(n.After), timeText(n.At), timeText(n.EffectiveAt)}
	}
	return changesAnswer{rows, strconv.FormatInt(next, 10), a.Currency}, nil
}

// orNull is a text, or null for none.
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// page reads cursor and limit; an absent cursor is 0.
func (c *call) page(most, usual int) (cursor int64, limit int, err error) {
	cursor, ok := digits(c.get("cursor"))
	if !ok && c.get("cursor") != "" {
		return 0, 0, fault.New(fault.Invalid, "cursor must be one that an earlier answer gave")
	}
	if c.get("limit") == "" {
		return cursor, usual, nil
	}
	n, ok := digits(c.get("limit"))
	if !ok || n < 1 || n > int64(most) {
		return 0, 0, fault.Newf(fault.Invalid, "limit must be between 1 and %d", most)
	}
	return cursor, int(n), nil
}

// maxDigits bounds whole numbers, so that none is beyond an int64.
const maxDigits = 15

// digits reads a whole number of at most maxDigits digits.
func digits(text string) (n int64, ok bool) {
	if text == "" || len(text) > maxDigits {
		return 0, false
	}
	for _, r := range text {
		if r < '0' || r > '9' {
			return 0, false
		}
		n = n*10 + int64(r-'0')
	}
	return n, true
}

// whole reads a field that is a whole number; absent is 0.
func (c *call) whole(name string) (int64, error) {
	n, ok := digits(c.get(name))
	if !ok && c.get(name) != "" {
		return 0, fault.Newf(fault.Invalid, "%s must be a whole number of at most %d digits", name, maxDigits)
	}
	return n, nil
}
