package account

import (
	"context"
	"fmt"
	"strings"

	"github.com/notpanel/notpanel/internal/db"
)

// Query says which accounts to return. What is empty is any.
type Query struct {
	Email string // the beginning of the address, in any case
	State State
	Tier  Tier
	Role  Role
	// After is where the page before ended; "" begins.
	After string
	Limit int
}

// last is behind everything that begins like a text, in the order of bytes.
const last = "\U0010FFFF"

// Search returns a page of accounts and where the next one goes on, "" where there is
// none: the newest first or, with the beginning of an address, by the address.
func (s *Store) Search(ctx context.Context, q Query) (page []Listed, next string, err error) {
	where, args := q.where()
	order := ` ORDER BY a.id DESC LIMIT `
	if q.Email != "" {
		order = ` ORDER BY a.email COLLATE "C" LIMIT `
	}
	args = append(args, q.Limit+1) // one more tells whether there is another page
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		page, err = db.All(tx, scanListed, listed+where+order+place(len(args)), args...)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("search accounts: %w", err)
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		next = page[q.Limit-1].ID
		if q.Email != "" {
			next = page[q.Limit-1].Email
		}
	}
	return page, next, nil
}

const listed = `SELECT ` + columns + `, w.balance FROM accounts a JOIN wallets w ON w.account_id = a.id AND w.mode = 'live' WHERE `

func scanListed(r db.Scanner) (l Listed, err error) {
	err = r.Scan(&l.ID, &l.Email, &l.State, &l.Tier, &l.Role, db.Time(&l.CreatedAt), &l.Balance)
	return l, err
}

// place is the name of a statement's argument.
func place(n int) string { return fmt.Sprintf("$%d", n) }

// where is the condition: constant texts, each for something that was asked.
func (q Query) where() (text string, args []any) {
	var all []string
	add := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", place(len(args)), 1)
		}
		all = append(all, condition)
	}
	switch begin := strings.ToLower(strings.TrimSpace(q.Email)); {
	case begin != "":
		add(`a.email COLLATE "C" >= ? AND a.email COLLATE "C" < ?`, begin, begin+last)
		if q.After != "" {
			add(`a.email COLLATE "C" > ?`, q.After)
		}
	case q.After != "":
		add(`a.id < ?`, q.After)
	}
	// What few have is written as its index is.
	switch q.State {
	case Suspended:
		add(`a.state = 'suspended' AND a.closed_at IS NULL`)
	case Closed:
		add(`a.state = 'suspended' AND a.closed_at IS NOT NULL`)
	case Active:
		add(`a.state = 'active'`)
	}
	switch q.Tier {
	case Standard:
		add(`a.tier = 'standard'`)
	case Reseller:
		add(`a.tier = 'reseller' AND a.tier <> 'standard'`)
	case Agency:
		add(`a.tier = 'agency' AND a.tier <> 'standard'`)
	}
	switch q.Role {
	case Customer:
		add(`a.role = 'customer' AND a.staff_role IS NULL`)
	case Staff:
		add(`a.role = 'customer' AND a.staff_role IS NOT NULL`)
	case Owner:
		add(`a.role = 'owner'`)
	}
	if len(all) == 0 {
		return `TRUE`, args
	}
	return strings.Join(all, ` AND `), args
}

// Some returns the accounts with these ids, the newest first.
func (s *Store) Some(ctx context.Context, ids []string) (all []Listed, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanListed, listed+`a.id = ANY($1) ORDER BY a.id DESC`, ids)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	return all, nil
}
