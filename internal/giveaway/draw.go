package giveaway

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/worker"
)

// Draw ends a giveaway whose time for entries is over: it closes the list, and
// books the prizes and reveals the seed in one transaction. It returns the prizes by
// their place. One that is drawn already is a conflict, and moves nothing; whatever
// stopped a draw, the next one goes on to the same winners.
func (s *Store) Draw(ctx context.Context, giveawayID, actor string) (g Giveaway, wins []Win, err error) {
	sealed, err := s.closeEntries(ctx, giveawayID)
	if err != nil {
		return g, nil, err
	}
	// Nothing of this can change any more, and it may be long.
	list, err := s.all(ctx, giveawayID)
	if err != nil {
		return g, nil, err
	}
	if g, err = s.Find(ctx, giveawayID); err != nil {
		return g, nil, err
	}
	seed, err := s.ring.Open(sealed, sealTable, sealColumn, giveawayID)
	if err != nil {
		return g, nil, fmt.Errorf("open the seed of %s: %w", giveawayID, err)
	}
	if commitment(seed) != g.Commitment || int64(len(list)) != g.Entries {
		return g, nil, fmt.Errorf("draw %s: the seed or the entries are not those that were stored", giveawayID)
	}
	d := draw{seed: hex.EncodeToString(seed), hash: EntriesHash(codes(list)), actor: actor}
	for i, number := range Winners(seed, g.ID, d.hash, g.Entries, g.Places) {
		won := list[number-1]
		won.Place = int64(i) + 1
		d.won = append(d.won, won)
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		g, wins, err = s.book(tx, giveawayID, d)
		return err
	})
	return g, wins, err
}

// draw is what a draw found.
type draw struct {
	seed, hash string
	won        []Entry
	actor      string
}

// closeEntries ends the list of a giveaway that is due, and returns its seed as it
// is stored.
func (s *Store) closeEntries(ctx context.Context, giveawayID string) (sealed string, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		g, err := find(tx, giveawayID, forUpdate)
		if err != nil {
			return err
		}
		switch {
		case g.State == Drawn || g.State == Canceled:
			return errEnded(g)
		case g.State == Open && tx.Now.Before(g.ClosesAt):
			return fault.Newf(fault.Conflict, "Entries of %s are taken until %s", g.ID, g.ClosesAt.UTC().Format(time.RFC3339))
		}
		return tx.QueryRow(`UPDATE giveaways SET state = 'closed' WHERE id = $1 RETURNING seed_sealed`, giveawayID).Scan(&sealed)
	})
	return sealed, err
}

func errEnded(g Giveaway) error {
	return fault.Newf(fault.Conflict, "The giveaway %s was %s already", g.ID, g.State)
}

// all returns the entries of a giveaway that takes no more, by their number.
func (s *Store) all(ctx context.Context, giveawayID string) (list []Entry, err error) {
	const page = 5000
	for {
		some, err := s.entries(ctx, `giveaway_id = $1 AND number > $2 ORDER BY number LIMIT $3`, giveawayID, int64(len(list)), page)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
		if len(some) < page {
			return list, nil
		}
	}
}

func codes(list []Entry) []string {
	all := make([]string, len(list))
	for i, e := range list {
		all[i] = e.Code
	}
	return all
}

// book books the prizes of a draw. The winners' wallets are locked first.
func (s *Store) book(tx *db.Tx, giveawayID string, d draw) (g Giveaway, wins []Win, err error) {
	wallets, err := walletsOf(tx, d.won)
	if err != nil {
		return g, nil, err
	}
	book, err := ledger.Open(tx, wallets...)
	if err != nil {
		return g, nil, err
	}
	if g, err = find(tx, giveawayID, forUpdate); err != nil {
		return g, nil, err
	}
	if g.State != Closed {
		return g, nil, errEnded(g)
	}
	places := make([][]any, len(d.won))
	for i, e := range d.won {
		places[i] = []any{e.GiveawayID, e.Number, e.Place}
		err := book.Move(ledger.Transfer{
			Kind: ledger.Prize, Ref: prizeRef(g.ID, e.Place), Debit: ledger.Giveaway.Account(ledger.Live), Credit: wallets[i],
			Amount: g.Prize, Memo: g.Title, Actor: d.actor,
		})
		if err != nil {
			return g, nil, err
		}
	}
	if err := tx.ExecMany(`UPDATE giveaway_entries SET place = $3 WHERE giveaway_id = $1 AND number = $2`, places); err != nil {
		return g, nil, fmt.Errorf("store the winners: %w", err)
	}
	g.State, g.Seed, g.EntriesHash, g.DecidedAt, g.DecidedBy = Drawn, d.seed, d.hash, tx.Now, d.actor
	for i, e := range d.won {
		wins = append(wins, Win{Giveaway: g, Entry: e, Balance: book.Wallet(wallets[i]).Balance})
	}
	if err := book.Flush(); err != nil {
		return g, nil, err
	}
	if err := s.tell(tx, wins); err != nil {
		return g, nil, err
	}
	_, err = tx.Exec(`
		UPDATE giveaways SET state = 'drawn', seed = $2, entries_hash = $3, decided_at = $4, decided_by = $5 WHERE id = $1`,
		g.ID, g.Seed, g.EntriesHash, db.At(tx.Now), d.actor)
	if err != nil {
		return g, nil, fmt.Errorf("store a draw: %w", err)
	}
	return g, wins, account.Record(tx, d.actor, "giveaway.draw", g.ID, drawing(g.Seed, g.EntriesHash, d.won))
}

// walletsOf returns the live wallets of entries, in their order.
func walletsOf(tx *db.Tx, won []Entry) ([]string, error) {
	wallets := make([]string, len(won))
	for i, e := range won {
		var err error
		if wallets[i], err = ledger.WalletID(tx, e.AccountID, ledger.Live); err != nil {
			return nil, err
		}
	}
	return wallets, nil
}

// tell writes the events of prizes and then tells their winners, in the order of all who
// tell several accounts.
func (s *Store) tell(tx *db.Tx, wins []Win) error {
	wins = slices.SortedFunc(slices.Values(wins), func(a, b Win) int { return strings.Compare(a.Entry.AccountID, b.Entry.AccountID) })
	for _, w := range wins {
		if err := event.Credited(tx, event.Scope{AccountID: w.Entry.AccountID, Mode: ledger.Live}, w.Giveaway.Prize, w.Balance); err != nil {
			return err
		}
	}
	for _, w := range wins {
		if err := s.Tell(tx, w); err != nil {
			return err
		}
	}
	return nil
}

func prizeRef(giveawayID string, place int64) string {
	return giveawayID + "." + strconv.FormatInt(place, 10)
}

// drawing is what the audit log says of a draw.
func drawing(seed, hash string, won []Entry) string {
	numbers := make([]string, len(won))
	for i, e := range won {
		numbers[i] = strconv.FormatInt(e.Number, 10)
	}
	return seed + " " + hash + " [" + strings.Join(numbers, " ") + "]"
}

// Cancel ends a giveaway while entries are taken, or before: nothing is drawn. What
// has closed is drawn, and can't be canceled, for by then the seed decides. Everybody
// reads the reason.
func (s *Store) Cancel(ctx context.Context, giveawayID, reason, actor string) (g Giveaway, err error) {
	reason = strings.TrimSpace(reason)
	if err := checkReason(reason); err != nil {
		return g, err
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if g, err = find(tx, giveawayID, forUpdate); err != nil {
			return err
		}
		if g.State != Open || !tx.Now.Before(g.ClosesAt) {
			if g.State == Open || g.State == Closed {
				return fault.Newf(fault.Conflict, "Entries of %s are closed: it is drawn now", g.ID)
			}
			return errEnded(g)
		}
		g.State, g.Reason, g.DecidedAt, g.DecidedBy = Canceled, reason, tx.Now, actor
		_, err := tx.Exec(`UPDATE giveaways SET state = 'canceled', reason = $2, decided_at = $3, decided_by = $4 WHERE id = $1`,
			g.ID, reason, db.At(tx.Now), actor)
		if err != nil {
			return fmt.Errorf("cancel a giveaway: %w", err)
		}
		return account.Record(tx, actor, "giveaway.cancel", g.ID, reason)
	})
	return g, err
}

// Proof returns what the draw of a giveaway was made of. Before the draw there is
// none.
func (s *Store) Proof(ctx context.Context, giveawayID, currency string) (p Proof, err error) {
	g, err := s.Find(ctx, giveawayID)
	if err != nil {
		return p, err
	}
	if g.State != Drawn {
		return p, fault.New(fault.NotFound, "The giveaway is not drawn")
	}
	list, err := s.all(ctx, giveawayID)
	if err != nil {
		return p, err
	}
	return g.proof(list, currency), nil
}

func (g Giveaway) proof(list []Entry, currency string) Proof {
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	p := Proof{
		Version: ProofVersion, ID: g.ID, Title: g.Title, Prize: g.Prize.String(), Currency: currency,
		OpensAt: at(g.OpensAt), ClosesAt: at(g.ClosesAt), DrawnAt: at(g.DecidedAt),
		Commitment: g.Commitment, Seed: g.Seed, EntriesHash: g.EntriesHash, Places: g.Places, Winners: []Winner{}, Entries: codes(list),
	}
	for _, e := range list {
		if e.Place > 0 {
			p.Winners = append(p.Winners, Winner{e.Place, e.Number, e.Code})
		}
	}
	slices.SortFunc(p.Winners, func(a, b Winner) int { return int(a.Place - b.Place) })
	return p
}

// Panel is who draws where nobody asked for it.
const Panel = "panel"

// Loop draws what is due.
func (s *Store) Loop() worker.Loop {
	return worker.Loop{Name: "giveaways", Every: 15 * time.Second, Pass: s.drawDue, Backlog: s.backlog}
}

func (s *Store) drawDue(ctx context.Context) (drawn int, err error) {
	due, err := s.due(ctx)
	if err != nil {
		return 0, err
	}
	for _, giveawayID := range due {
		_, _, drawErr := s.Draw(ctx, giveawayID, Panel)
		if drawErr != nil && !fault.Is(drawErr, fault.Conflict) { // another node was faster
			err = errors.Join(err, drawErr)
			continue // one that can't be drawn holds back no other
		}
		drawn++
	}
	return drawn, err
}

const isDue = `FROM giveaways WHERE state IN ('open', 'closed') AND closes_at <= $1`

func (s *Store) due(ctx context.Context) (ids []string, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		ids, err = db.All(tx, func(s db.Scanner) (giveawayID string, err error) {
			err = s.Scan(&giveawayID)
			return giveawayID, err
		}, `SELECT id `+isDue+` ORDER BY closes_at, id LIMIT 10`, db.At(tx.Now))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for giveaways to draw: %w", err)
	}
	return ids, nil
}

func (s *Store) backlog(ctx context.Context) (b worker.Backlog, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*), MIN(closes_at) `+isDue, db.At(tx.Now)).Scan(&b.Count, db.Time(&b.Oldest))
	})
	if err != nil {
		return b, fmt.Errorf("count giveaways to draw: %w", err)
	}
	return b, nil
}
