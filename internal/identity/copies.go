package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// TooManyCopies is why a copy of one's data is refused. Its argument is CopiesMost.
const TooManyCopies fault.Reason = "too_many_copies"

// CopiesMost is how many copies of its data an account takes in an hour: each reads
// all of it.
const CopiesMost = 3

const copyAct = "account.export"

// TakeCopy records that who is signed in, and proved it freshly, takes a copy of the
// account's data, and mails them that it was taken.
func (p *People) TakeCopy(ctx context.Context) error {
	v, err := p.fresh(ctx)
	if err != nil {
		return err
	}
	return p.writeFresh(ctx, v, func(tx *db.Tx) error {
		var taken int64
		err := tx.QueryRow(`SELECT COUNT(*) FROM audit_log WHERE action = $1 AND target = $2 AND at > $3`,
			copyAct, v.person.AccountID, db.At(tx.Now.Add(-time.Hour))).Scan(&taken)
		if err != nil {
			return fmt.Errorf("count copies: %w", err)
		}
		if taken >= CopiesMost {
			return fault.Newf(fault.RateLimited, "A copy can be taken %d times an hour", CopiesMost).Because(TooManyCopies)
		}
		if err := p.mail(tx, v.person, MailCopied, v.visitor.facts(tx.Now)); err != nil {
			return err
		}
		return p.record(tx, v.person.AccountID, copyAct, v.person.Email)
	})
}
