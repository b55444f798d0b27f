package account

import (
	"context"
	"fmt"
	"slices"
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
//
// Accounts have few standings, each of a state, a tier and a role. What is asked for
// is some of these, and the first of each are read by an index that begins with it:
// that of a hundred thousand accounts only one is found costs no more.
func (s *Store) Search(ctx context.Context, q Query) (page []Listed, next string, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		found, err := q.find(tx)
		if err != nil {
			return err
		}
		next = ""
		if len(found) > q.Limit { // one more tells whether there is another page
			found = found[:q.Limit]
			next = found[q.Limit-1].key
		}
		page, err = q.listed(tx, found)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("search accounts: %w", err)
	}
	return page, next, nil
}

// hit is an account that was found, with what it stands by in the order of the list.
type hit struct{ id, key string }

// find returns the first accounts of all standings that are asked for, in their order.
func (q Query) find(tx *db.Tx) (all []hit, err error) {
	text, args := q.statement()
	standings := q.standings()
	rows := make([][]any, len(standings))
	for i, s := range standings {
		rows[i] = append([]any{string(s.state), string(s.tier), string(s.role)}, args...)
	}
	if len(standings) == 0 { // all of them
		rows = [][]any{args}
	}
	err = tx.QueryMany(func(_ int, r db.Scanner) error {
		var h hit
		err := r.Scan(&h.id, &h.key)
		all = append(all, h)
		return err
	}, text, rows)
	slices.SortFunc(all, func(a, b hit) int {
		if q.begin() == "" {
			a, b = b, a // the newest first
		}
		return strings.Compare(a.key, b.key)
	})
	return all, err
}

func (q Query) begin() string { return strings.ToLower(strings.TrimSpace(q.Email)) }

// statement reads the first accounts of one standing, or of all. Its texts are constant.
func (q Query) statement() (text string, args []any) {
	n, where := 0, []string{}
	if len(q.standings()) > 0 {
		n = 3
		where = append(where, StateColumn+` = $1`, `a.tier = $2`, RoleColumn+` = $3`)
	}
	add := func(v any) string {
		args = append(args, v)
		return place(n + len(args))
	}
	key := `a.id COLLATE "C"`
	switch begin := q.begin(); {
	case begin != "":
		key = `a.email COLLATE "C"`
		from := key + ` >= `
		begins := begin
		if q.After > begin {
			from, begins = key+` > `, q.After
		}
		where = append(where, from+add(begins), key+` < `+add(begin+last))
	case n == 0:
		key = `a.id`
		fallthrough
	default:
		if q.After != "" {
			where = append(where, key+` < `+add(q.After))
		}
	}
	text = `SELECT a.id, ` + strings.TrimSuffix(key, ` COLLATE "C"`) + ` FROM accounts a`
	if len(where) > 0 {
		text += ` WHERE ` + strings.Join(where, ` AND `)
	}
	text += ` ORDER BY ` + key
	if q.begin() == "" {
		text += ` DESC`
	}
	return text + ` LIMIT ` + add(q.Limit+1), args
}

// standing is what an account is, in the three ways that lists are narrowed by.
type standing struct {
	state State
	tier  Tier
	role  Role
}

// standings are those that are asked for; none is any.
func (q Query) standings() (all []standing) {
	states, tiers, roles := []State{Active, Suspended, Closed}, []Tier{Standard, Reseller, Agency}, []Role{Customer, Staff, Owner}
	whole := len(states) * len(tiers) * len(roles)
	for _, s := range some(q.State, states) {
		for _, t := range some(q.Tier, tiers) {
			for _, r := range some(q.Role, roles) {
				all = append(all, standing{s, t, r})
			}
		}
	}
	if len(all) == whole {
		return nil
	}
	return all
}

// some is the one that is asked for, or all where none of them is.
func some[T ~string](asked T, all []T) []T {
	if slices.Contains(all, asked) {
		return []T{asked}
	}
	return all
}

// listed reads what is shown of accounts, in the order in which they were found.
func (q Query) listed(tx *db.Tx, found []hit) ([]Listed, error) {
	if len(found) == 0 {
		return nil, nil
	}
	ids := make([]string, len(found))
	place := make(map[string]int, len(found))
	for i, h := range found {
		ids[i], place[h.id] = h.id, i
	}
	page, err := db.All(tx, scanListed, listed+`a.id = ANY($1)`, ids)
	slices.SortFunc(page, func(a, b Listed) int { return place[a.ID] - place[b.ID] })
	return page, err
}

const listed = `SELECT ` + columns + `, w.balance FROM accounts a JOIN wallets w ON w.account_id = a.id AND w.mode = 'live' WHERE `

func scanListed(r db.Scanner) (l Listed, err error) {
	err = r.Scan(&l.ID, &l.Email, &l.State, &l.Tier, &l.Role, db.Time(&l.CreatedAt), &l.Balance)
	return l, err
}

// place is the name of a statement's argument.
func place(n int) string { return fmt.Sprintf("$%d", n) }

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
