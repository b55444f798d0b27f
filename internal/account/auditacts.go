package account

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

// VerifyActs finds what was made without a row of the audit log: accounts, keys,
// providers, credits. The log's chain can't show that its end was cut off and
// its head set back; this shows it as soon as one of these acts was in the part
// that was cut. It calls differs for each.
func VerifyActs(ctx context.Context, d *db.DB, differs func(text string)) error {
	for _, act := range []struct{ action, query string }{
		{"account.create", `SELECT m.id, (SELECT COUNT(*) FROM audit_log l WHERE l.action = 'account.create' AND l.target = m.id)
			FROM accounts m WHERE m.id >= $1 ORDER BY m.id LIMIT $2`},
		{"key.create", `SELECT m.id, (SELECT COUNT(*) FROM audit_log l WHERE l.action = 'key.create' AND l.target = m.id)
			FROM api_keys m WHERE m.id >= $1 ORDER BY m.id LIMIT $2`},
		{"provider.add", `SELECT m.id, (SELECT COUNT(*) FROM audit_log l WHERE l.action = 'provider.add' AND l.target = m.id)
			FROM providers m WHERE m.id >= $1 ORDER BY m.id LIMIT $2`},
	} {
		err := ledger.Pages(ctx, d, logPage, ledger.Query(scanMade, act.query),
			func(m made) string { return m.id },
			func(m made) {
				if m.acts != 1 {
					differs(fmt.Sprintf("%s: the audit log has %d rows of its %s, each has one", m.id, m.acts, act.action))
				}
			})
		if err != nil {
			return err
		}
	}
	return ledger.Pages(ctx, d, logPage, readCredits, func(c credited) string { return c.ref }, func(c credited) { c.check(differs) })
}

// made is a thing beside the number of acts that made it.
type made struct {
	id   string
	acts int64
}

func scanMade(s db.Scanner) (m made, err error) {
	err = s.Scan(&m.id, &m.acts)
	return m, err
}

// creditDetail is what the audit log says of a credit. It begins with the
// transfer's ref, by which the proof finds the one from the other.
func creditDetail(ref string, amount money.Amount, reason string) string {
	return ref + " " + amount.String() + " " + reason
}

// credited is a transfer by which an operator gave or took money, beside its
// rows of the audit log.
type credited struct {
	id, ref, memo, actor string
	amount               money.Amount // negative when it was taken
	accountID            string       // whose wallet it is

	acts []logRow
}

func readCredits(tx *db.Tx, from string, limit int) ([]credited, error) {
	page, err := db.All(tx, func(s db.Scanner) (c credited, err error) {
		err = s.Scan(&c.id, &c.ref, &c.memo, &c.actor, &c.amount, &c.accountID)
		return c, err
	}, `
		SELECT t.id, t.ref, t.memo, t.actor, CASE WHEN d.id IS NULL THEN t.amount ELSE -t.amount END,
			COALESCE(d.account_id, c.account_id, '')
		FROM transfers t LEFT JOIN wallets d ON d.id = t.debit LEFT JOIN wallets c ON c.id = t.credit
		WHERE t.kind = 'credit' AND t.ref >= $1 ORDER BY t.ref LIMIT $2`, from, limit)
	if err != nil {
		return nil, err
	}
	args := make([][]any, len(page))
	for i, c := range page {
		args[i] = []any{c.ref}
	}
	err = tx.QueryMany(func(i int, s db.Scanner) error {
		var r logRow
		err := s.Scan(&r.actor, &r.target, &r.detail)
		page[i].acts = append(page[i].acts, r)
		return err
	}, `SELECT actor, target, detail FROM audit_log WHERE action = 'account.credit' AND substr(detail, 1, 30) = $1`, args)
	return page, err
}

func (c credited) check(differs func(string)) {
	if len(c.acts) != 1 {
		differs(fmt.Sprintf("%s: the audit log has %d rows of this credit, each has one", c.id, len(c.acts)))
		return
	}
	act := c.acts[0]
	if act.actor != c.actor || act.target != c.accountID || act.detail != creditDetail(c.ref, c.amount, c.memo) {
		differs(fmt.Sprintf("%s: is a credit of %s by %s, the audit log says %s: %s by %s", c.id, c.amount, c.actor, act.target, act.detail, act.actor))
	}
}
