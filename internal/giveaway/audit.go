package giveaway

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

// auditPage is how many rows one short read of the proof takes. Each giveaway is
// read with all of its entries.
const auditPage = 500

// Audit proves the giveaways: the entries are numbered without a gap; one that is
// drawn has the seed of its commitment, the winners that seed and entries give, and
// for each of them one transfer of the prize to their account's live wallet; any
// other has revealed and moved nothing; and each prize has its winner. It calls
// differs for what does not hold and returns how many giveaways there are.
func Audit(ctx context.Context, d *db.DB, differs func(text string)) (giveaways int, err error) {
	err = ledger.Pages(ctx, d, 2, readHeld,
		func(h held) string { return h.ID },
		func(h held) {
			giveaways++
			h.check(differs)
		})
	if err != nil {
		return giveaways, err
	}
	return giveaways, ledger.Pages(ctx, d, auditPage, ledger.Query(scanStray, `
		SELECT t.ref, COALESCE(e.number, 0) FROM transfers t
			LEFT JOIN giveaway_entries e ON e.giveaway_id = substr(t.ref, 1, 30) AND e.giveaway_id || '.' || e.place = t.ref
		WHERE t.kind = 'prize' AND t.ref >= $1 ORDER BY t.ref LIMIT $2`),
		func(s stray) string { return s.ref },
		func(s stray) {
			if s.number == 0 {
				differs(s.ref + ": a prize was booked for it, but no entry has won it")
			}
		})
}

// held is a giveaway with all that belongs to it.
type held struct {
	Giveaway

	list          []Entry
	prizes        []prize
	opened, drawn []string // details of the audit log's rows
}

// prize is the transfer of a winner; the id is "" where there is none.
type prize struct {
	place           int64
	transfer, debit string
	account, actor  string
	mode            ledger.Mode
	amount          money.Amount
}

func readHeld(tx *db.Tx, from string, limit int) ([]held, error) {
	all, err := db.All(tx, scan, `SELECT `+columns+` FROM giveaways WHERE id >= $1 ORDER BY id LIMIT $2`, from, limit)
	if err != nil {
		return nil, err
	}
	page := make([]held, len(all))
	for i, g := range all {
		h := held{Giveaway: g}
		if h.list, err = db.All(tx, scanEntry, `SELECT `+entryColumns+` FROM giveaway_entries WHERE giveaway_id = $1 ORDER BY number`, g.ID); err != nil {
			return nil, err
		}
		if h.prizes, err = db.All(tx, scanPrize, `
			SELECT e.place, COALESCE(t.id, ''), COALESCE(t.debit, ''), COALESCE(w.account_id, ''), COALESCE(t.actor, ''), COALESCE(w.mode, ''), COALESCE(t.amount, 0)
			FROM giveaway_entries e LEFT JOIN transfers t ON t.kind = 'prize' AND t.ref = e.giveaway_id || '.' || e.place LEFT JOIN wallets w ON w.id = t.credit
			WHERE e.giveaway_id = $1 AND e.place IS NOT NULL ORDER BY e.place`, g.ID); err != nil {
			return nil, err
		}
		for action, into := range map[string]*[]string{"giveaway.open": &h.opened, "giveaway.draw": &h.drawn} {
			*into, err = db.All(tx, scanText, `SELECT detail FROM audit_log WHERE action = $1 AND target = $2 ORDER BY seq`, action, g.ID)
			if err != nil {
				return nil, err
			}
		}
		page[i] = h
	}
	return page, nil
}

func scanPrize(s db.Scanner) (p prize, err error) {
	err = s.Scan(&p.place, &p.transfer, &p.debit, &p.account, &p.actor, &p.mode, &p.amount)
	return p, err
}

func scanText(s db.Scanner) (text string, err error) {
	err = s.Scan(&text)
	return text, err
}

func (h held) check(differs func(string)) {
	say := func(text string, args ...any) { differs(h.ID + ": " + fmt.Sprintf(text, args...)) }
	if len(h.opened) != 1 || h.opened[0] != opening(h.Commitment, h.Prize, h.Places) {
		say("the audit log says %q of its opening", h.opened)
	}
	if int64(len(h.list)) != h.Entries {
		say("has %d entries, it counts %d", len(h.list), h.Entries)
	}
	for i, e := range h.list {
		if e.Number != int64(i)+1 {
			say("entry %d has the number %d", i+1, e.Number)
			return
		}
	}
	if h.State != Drawn {
		if len(h.prizes) > 0 || len(h.drawn) > 0 {
			say("is %s, but has %d winners and was drawn %d times", h.State, len(h.prizes), len(h.drawn))
		}
		return
	}
	h.checkDraw(say)
}

func (h held) checkDraw(say func(string, ...any)) {
	p := h.proof(h.list, "")
	for _, text := range p.Check() {
		say("%s", text)
	}
	won := make([]Entry, len(h.prizes))
	for i, z := range h.prizes {
		var winner Entry
		for _, e := range h.list {
			if e.Place == z.place {
				winner = e
			}
		}
		won[i] = winner
		if z.transfer == "" {
			say("nothing was booked for place %d", z.place)
		} else if z.amount != h.Prize || z.debit != ledger.Giveaway.Account(ledger.Live) || z.account != winner.AccountID || z.mode != ledger.Live || z.actor != h.DecidedBy {
			say("place %d is of %s and won %s by %s, but %s moved %s from %s to the %s wallet of %s by %s",
				z.place, winner.AccountID, h.Prize, h.DecidedBy, z.transfer, z.amount, z.debit, z.mode, z.account, z.actor)
		}
	}
	if len(h.drawn) != 1 || h.drawn[0] != drawing(h.Seed, h.EntriesHash, won) {
		say("the audit log says %q of its draw", h.drawn)
	}
}

// stray is a prize beside the entry that won it; 0 is none.
type stray struct {
	ref    string
	number int64
}

func scanStray(s db.Scanner) (t stray, err error) {
	err = s.Scan(&t.ref, &t.number)
	return t, err
}
