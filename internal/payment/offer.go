package payment

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// MaxInstructions is how many characters instructions may have.
const MaxInstructions = 4000

// Offer says how customers pay by transfer.
type Offer struct {
	Instructions string // Markdown: where to pay, and what to write as the reference; "": not offered
	Least, Most  money.Amount
}

// Open reports whether customers may ask for a top-up by transfer.
func (o Offer) Open() bool { return o.Instructions != "" }

// takes refuses an amount that is out of the offer's bounds.
func (o Offer) takes(asked money.Amount) error {
	if asked < o.Least || asked > o.Most {
		return fault.Newf(fault.Invalid, "amount must be between %s and %s", o.Least, o.Most).
			Because(fault.BadField, "amount")
	}
	return nil
}

// Offer returns how customers pay by transfer.
func (s *Store) Offer(ctx context.Context) (o Offer, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		o, err = offer(tx)
		return err
	})
	return o, err
}

func offer(tx *db.Tx) (o Offer, err error) {
	err = tx.QueryRow(`SELECT topup_instructions, topup_least, topup_most FROM panel WHERE id = 1`).Scan(&o.Instructions, &o.Least, &o.Most)
	if err != nil {
		return o, fmt.Errorf("read how top-ups are paid: %w", err)
	}
	return o, nil
}

// SetOffer sets how customers pay by transfer. Empty instructions end the offer;
// what waits stays to be decided.
func (s *Store) SetOffer(ctx context.Context, o Offer, actor string) error {
	o.Instructions = strings.TrimSpace(strings.ReplaceAll(o.Instructions, "\r\n", "\n"))
	if err := o.check(); err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE panel SET topup_instructions = $1, topup_least = $2, topup_most = $3 WHERE id = 1`,
			o.Instructions, o.Least, o.Most)
		if err != nil {
			return fmt.Errorf("set how top-ups are paid: %w", err)
		}
		return account.Record(tx, actor, "topup.offer", "panel",
			fmt.Sprintf("%s to %s, instructions of %d characters", o.Least, o.Most, utf8.RuneCountInString(o.Instructions)))
	})
}

func (o Offer) check() error {
	if !utf8.ValidString(o.Instructions) || strings.ContainsRune(o.Instructions, 0) || utf8.RuneCountInString(o.Instructions) > MaxInstructions {
		return fault.Newf(fault.Invalid, "instructions must be text of at most %d characters", MaxInstructions).
			Because(fault.BadField, "instructions")
	}
	if o.Least <= 0 || o.Most < o.Least || o.Most > money.Max {
		return fault.Newf(fault.Invalid, "the least amount must be more than 0, and the most at least that and at most %s", money.Max)
	}
	return nil
}
