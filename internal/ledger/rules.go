package ledger

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
)

// AuditRules proves what the chains can't: that each transfer is of a kind in
// use, between accounts and with a ref that this kind has, with a place in the
// chain of each wallet that it names; and that each account has its two wallets,
// as CreateWallets makes them.
func AuditRules(ctx context.Context, d *db.DB, differs func(text string)) error {
	err := Pages(ctx, d, auditPage, Query(scanMoved, `
		SELECT t.id, t.kind, t.ref, t.amount,
			t.debit, t.debit_seq, t.debit_balance, COALESCE(d.mode, ''), COALESCE(d.seq, 0),
			t.credit, t.credit_seq, t.credit_balance, COALESCE(c.mode, ''), COALESCE(c.seq, 0)
		FROM transfers t LEFT JOIN wallets d ON d.id = t.debit LEFT JOIN wallets c ON c.id = t.credit
		WHERE t.id >= $1 ORDER BY t.id LIMIT $2`),
		func(m moved) string { return m.id },
		func(m moved) { m.check(differs) })
	if err != nil {
		return err
	}
	err = Pages(ctx, d, auditPage, Query(scanHeld, `
		SELECT w.id, w.mode, w.balance, w.overdraft, COALESCE(a.id, ''), COALESCE(t.credit, ''), COALESCE(t.amount, 0)
		FROM wallets w LEFT JOIN accounts a ON a.id = w.account_id
			LEFT JOIN transfers t ON t.kind = 'opening' AND t.ref = w.id
		WHERE w.id >= $1 ORDER BY w.id LIMIT $2`),
		func(h held) string { return h.id },
		func(h held) { h.check(differs) })
	if err != nil {
		return err
	}
	return Pages(ctx, d, auditPage, Query(scanOwner, `
		SELECT a.id,
			(SELECT COUNT(*) FROM wallets w WHERE w.account_id = a.id AND w.mode = 'live'),
			(SELECT COUNT(*) FROM wallets w WHERE w.account_id = a.id AND w.mode = 'test')
		FROM accounts a WHERE a.id >= $1 ORDER BY a.id LIMIT $2`),
		func(o owner) string { return o.id },
		func(o owner) {
			if o.live != 1 || o.test != 1 {
				differs(fmt.Sprintf("%s: has %d live and %d test wallets, each account has one of each", o.id, o.live, o.test))
			}
		})
}

// moved is a transfer beside the wallets that it names.
type moved struct {
	id, ref    string
	kind       Kind
	amount     money.Amount
	from, into side
}

// side is one ledger account of a transfer.
type side struct {
	account string
	seq     *int64
	balance *int64
	mode    Mode  // of the wallet; "" where the account is no wallet
	head    int64 // the wallet's own seq
}

func scanMoved(s db.Scanner) (m moved, err error) {
	d, c := &m.from, &m.into
	err = s.Scan(&m.id, &m.kind, &m.ref, &m.amount,
		&d.account, &d.seq, &d.balance, &d.mode, &d.head, &c.account, &c.seq, &c.balance, &c.mode, &c.head)
	return m, err
}

func (m moved) check(differs func(string)) {
	say := func(text string) {
		differs(fmt.Sprintf("%s: %s of %s: %s", m.id, m.kind, m.ref, text))
	}
	for _, s := range []side{m.from, m.into} {
		if text := s.wrong(); text != "" {
			say(text)
		}
	}
	pair, ref := m.allowed()
	if !pair {
		say(fmt.Sprintf("no such transfer moves money from %s to %s", m.from.account, m.into.account))
	}
	if !ref {
		say("no such transfer has this ref")
	}
}

// wrong says what is the matter with an account's place in its chain.
func (s side) wrong() string {
	switch {
	case s.mode == "" && !isHouse(s.account):
		return s.account + " is no ledger account"
	case s.mode == "" && (s.seq != nil || s.balance != nil):
		return "it has a place in the chain of " + s.account + ", which has none"
	case s.mode == "":
		return ""
	case s.seq == nil || s.balance == nil:
		return "it has no place in the chain of " + s.account
	case *s.seq < 1 || *s.seq > s.head:
		return fmt.Sprintf("it has place %d in the chain of %s, which ends at %d", *s.seq, s.account, s.head)
	}
	return ""
}

func isHouse(account string) bool {
	for _, house := range []House{Sales, Adjustment, Bonus, Giveaway} {
		if account == house.Account(Live) || account == house.Account(Test) {
			return true
		}
	}
	return isDeposits(account)
}

// isDeposits reports whether an account is what Deposits returns, of real money:
// no gateway brings play money.
func isDeposits(account string) bool {
	gateway, found := strings.CutPrefix(account, depositsPrefix)
	return found && gateway != ""
}

// allowed reports whether the kind moves money between these two accounts, and
// whether its refs are like this one.
func (m moved) allowed() (pair, ref bool) {
	from, into := m.from, m.into
	switch m.kind {
	case OrderCharge:
		return from.mode != "" && into.account == Sales.Account(from.mode), id.Valid(id.Order, m.ref)
	case OrderRefund:
		_, _, ref = RefundRef(m.ref)
		return into.mode != "" && from.account == Sales.Account(into.mode), ref
	case Credit:
		if from.mode != "" {
			from, into = into, from
		}
		return into.mode == Live && from.account == Adjustment.Account(Live), id.Valid(id.Transfer, m.ref)
	case Deposit:
		return into.mode == Live && isDeposits(from.account), id.Valid(id.Payment, m.ref)
	case Prize:
		_, _, ref = PrizeRef(m.ref)
		return into.mode == Live && from.account == Giveaway.Account(Live), ref
	case Opening:
		return into.mode == Test && from.account == Bonus.Account(Test), m.ref == into.account
	}
	return false, true // one line is enough for an unknown kind
}

// RefundRef reads the ref of a refund: an order's id, a dot, the number of the
// step that refunded.
func RefundRef(ref string) (orderID string, step int64, ok bool) {
	return numbered(id.Order, ref)
}

// PrizeRef reads the ref of a prize: a giveaway's id, a dot, the winner's place.
func PrizeRef(ref string) (giveawayID string, place int64, ok bool) {
	return numbered(id.Giveaway, ref)
}

// numbered reads an id and a number from 1 on, with a dot between.
func numbered(prefix id.Prefix, ref string) (of string, n int64, ok bool) {
	of, number, _ := strings.Cut(ref, ".")
	n, err := strconv.ParseInt(number, 10, 64)
	ok = err == nil && n > 0 && strconv.FormatInt(n, 10) == number && id.Valid(prefix, of)
	return of, n, ok
}

// held is a wallet beside its account and its opening.
type held struct {
	id        string
	mode      Mode
	balance   money.Amount
	overdraft bool
	accountID string       // "" where there is no such account
	opened    string       // the wallet that the opening reached, "" for no opening
	opening   money.Amount // the opening's amount
}

func scanHeld(s db.Scanner) (h held, err error) {
	err = s.Scan(&h.id, &h.mode, &h.balance, &h.overdraft, &h.accountID, &h.opened, &h.opening)
	return h, err
}

func (h held) check(differs func(string)) {
	if !id.Valid(id.Wallet, h.id) || h.mode != Live && h.mode != Test {
		differs(h.id + ": is no wallet that the panel made")
	}
	if h.accountID == "" {
		differs(h.id + ": belongs to no account")
	}
	if h.overdraft || h.balance < 0 {
		differs(h.id + ": may go below zero, which no wallet may")
	}
	if h.mode == Test && (h.opened != h.id || h.opening != PlayMoney) {
		differs(fmt.Sprintf("%s: has no opening of %s", h.id, PlayMoney))
	}
}

// owner is an account and how many wallets it has.
type owner struct {
	id         string
	live, test int64
}

func scanOwner(s db.Scanner) (o owner, err error) {
	err = s.Scan(&o.id, &o.live, &o.test)
	return o, err
}
