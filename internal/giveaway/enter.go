package giveaway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

// codeLength is how many letters and digits of a code there are: 80 random bits,
// so that nobody finds an entry that is not theirs.
const codeLength = 16

func newCode() string { return rand.Text()[:codeLength] }

// Enter gives an account its one place in the list. Who has entered already gets
// the entry that they have, also after the end.
func (s *Store) Enter(ctx context.Context, accountID, giveawayID string) (e Entry, err error) {
	g, err := s.Find(ctx, giveawayID)
	if err != nil {
		return e, err
	}
	// Outside of the transaction: who has many orders has many lines to add up.
	spent := money.Amount(0)
	if g.LeastSpent > 0 {
		if spent, err = s.spent(ctx, accountID); err != nil {
			return e, err
		}
	}
	code := newCode()
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		e = Entry{GiveawayID: giveawayID, AccountID: accountID, Code: code, EnteredAt: tx.Now}
		g, err := find(tx, giveawayID, forUpdate)
		if err != nil {
			return err
		}
		had, found, err := entryOf(tx, giveawayID, accountID)
		if err != nil || found {
			e = had
			return err
		}
		if !g.Takes(tx.Now) {
			return fault.New(fault.Conflict, "No entries are taken: the giveaway has not begun, or has ended").Because(NotOpen)
		}
		if spent < g.LeastSpent {
			return fault.Newf(fault.Conflict, "Who enters must have spent %s on orders", g.LeastSpent).Because(TooNew, g.LeastSpent.String())
		}
		if err := mayEnter(tx, accountID); err != nil {
			return err
		}
		e.Number = g.Entries + 1
		return add(tx, e)
	})
	return e, err
}

// mayEnter refuses who runs the panel, who is suspended and who has not proved
// their address.
func mayEnter(tx *db.Tx, accountID string) error {
	var may bool
	err := tx.QueryRow(`SELECT role = $2 AND staff_role IS NULL AND state = $3 AND email_verified_at IS NOT NULL FROM accounts WHERE id = $1`,
		accountID, string(account.Customer), string(account.Active)).Scan(&may)
	switch {
	case errors.Is(err, db.ErrNoRows):
		return fault.New(fault.NotFound, "Account not found")
	case err != nil:
		return fmt.Errorf("read an account: %w", err)
	case !may:
		return fault.New(fault.Conflict, "Only customers with a confirmed address can enter").Because(NotYours)
	}
	return nil
}

// add puts an entry at the end of a locked giveaway's list.
func add(tx *db.Tx, e Entry) error {
	_, err := tx.Exec(`INSERT INTO giveaway_entries (giveaway_id, number, account_id, code, entered_at) VALUES ($1, $2, $3, $4, $5)`,
		e.GiveawayID, e.Number, e.AccountID, e.Code, db.At(e.EnteredAt))
	if err != nil {
		return fmt.Errorf("store an entry: %w", err)
	}
	if _, err := tx.Exec(`UPDATE giveaways SET entries = $2 WHERE id = $1`, e.GiveawayID, e.Number); err != nil {
		return fmt.Errorf("count an entry: %w", err)
	}
	return nil
}

// spent is what an account's orders cost it, less what was refunded.
func (s *Store) spent(ctx context.Context, accountID string) (spent money.Amount, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		walletID, err := ledger.WalletID(tx, accountID, ledger.Live)
		if err != nil {
			return err
		}
		return tx.QueryRow(`
			SELECT CAST(COALESCE((SELECT SUM(amount) FROM transfers WHERE debit = $1 AND debit_seq IS NOT NULL AND kind = 'order'), 0)
				- COALESCE((SELECT SUM(amount) FROM transfers WHERE credit = $1 AND credit_seq IS NOT NULL AND kind = 'refund'), 0) AS BIGINT)`,
			walletID).Scan(&spent)
	})
	if err != nil {
		return 0, fmt.Errorf("add up what an account spent: %w", err)
	}
	return spent, nil
}

const entryColumns = `giveaway_id, number, code, account_id, entered_at, COALESCE(place, 0)`

func scanEntry(s db.Scanner) (e Entry, err error) {
	err = s.Scan(&e.GiveawayID, &e.Number, &e.Code, &e.AccountID, db.Time(&e.EnteredAt), &e.Place)
	return e, err
}

func entryOf(tx *db.Tx, giveawayID, accountID string) (e Entry, found bool, err error) {
	e, err = scanEntry(tx.QueryRow(`SELECT `+entryColumns+` FROM giveaway_entries WHERE giveaway_id = $1 AND account_id = $2`, giveawayID, accountID))
	if errors.Is(err, db.ErrNoRows) {
		return Entry{}, false, nil
	}
	if err != nil {
		return Entry{}, false, fmt.Errorf("read an entry: %w", err)
	}
	return e, true, nil
}

// EntryOf returns an account's entry; found is false where it has none.
func (s *Store) EntryOf(ctx context.Context, giveawayID, accountID string) (e Entry, found bool, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		e, found, err = entryOf(tx, giveawayID, accountID)
		return err
	})
	return e, found, err
}

// Entered is an entry with what its giveaway is.
type Entered struct {
	Entry

	Title string
	Prize money.Amount // of each winner
}

// EnteredBy returns entries of an account, the newest giveaway first, from the one
// before an id on; "" begins.
func (s *Store) EnteredBy(ctx context.Context, accountID, before string, limit int) (all []Entered, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, func(r db.Scanner) (e Entered, err error) {
			var place *int64
			err = r.Scan(&e.GiveawayID, &e.Number, &e.Code, &e.AccountID, db.Time(&e.EnteredAt), &place, &e.Title, &e.Prize)
			if place != nil {
				e.Place = *place
			}
			return e, err
		}, `SELECT e.giveaway_id, e.number, e.code, e.account_id, e.entered_at, e.place, g.title, g.prize
			FROM giveaway_entries e JOIN giveaways g ON g.id = e.giveaway_id
			WHERE e.account_id = $1 AND ($2 = '' OR e.giveaway_id < $2) ORDER BY e.giveaway_id DESC LIMIT $3`, accountID, before, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what an account entered: %w", err)
	}
	return all, nil
}

// Winners returns the entries that won, by their place.
func (s *Store) Winners(ctx context.Context, giveawayID string) ([]Entry, error) {
	return s.entries(ctx, `giveaway_id = $1 AND place IS NOT NULL ORDER BY place`, giveawayID)
}

func (s *Store) entries(ctx context.Context, where string, args ...any) (all []Entry, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanEntry, `SELECT `+entryColumns+` FROM giveaway_entries WHERE `+where, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read entries: %w", err)
	}
	return all, nil
}
