package giveaway_test

import (
	"errors"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/notice"
)

// Who won is told once, however often the draw is stopped and begun again, between its
// steps and in the middle of the telling; who did not is not.
func TestWinnersAreToldOnce(t *testing.T) {
	t.Parallel()
	each(t, func(p *panel) {
		p.Helper()
		notices := notice.NewStore(p.db, p.ring)
		told := func(accountID string) (n int) {
			p.Helper()
			all, err := notices.Of(p.Context(), accountID, "", 10)
			if err != nil {
				p.Fatal(err)
			}
			for _, one := range all {
				if one.Kind == notice.Credited && one.Data.Detail == notice.Prize {
					n++
				}
			}
			return n
		}
		broken, calls := true, 0
		p.store.Tell = func(tx *db.Tx, w giveaway.Win) error {
			if calls++; broken && calls == 2 {
				return errors.New("killed while it told")
			}
			_, err := notice.Tell(tx, notice.Told{
				AccountID: w.Entry.AccountID, Kind: notice.Credited, Subject: w.Giveaway.ID, Data: notice.Data{Detail: notice.Prize, Amount: w.Giveaway.Prize},
			})
			return err
		}
		g, who := p.open(p.terms(3)), p.accounts(6)
		p.enter(g, who...)
		p.db.AdvanceClock(time.Hour)
		if _, _, err := p.store.Draw(p.Context(), g.ID, staff); err == nil {
			p.Fatal("drawn without telling")
		}
		for _, accountID := range who {
			if told(accountID) != 0 {
				p.Error("who has not won yet was told")
			}
		}
		if paid, _ := p.paid(who); paid != 0 {
			p.Errorf("%s was paid", paid)
		}
		broken = false
		p.exec(`ALTER TABLE audit_head RENAME TO away`)
		if _, _, err := p.store.Draw(p.Context(), g.ID, staff); err == nil {
			p.Fatal("drawn without a row of the audit log")
		}
		p.exec(`ALTER TABLE away RENAME TO audit_head`)
		_, wins, err := p.store.Draw(p.Context(), g.ID, staff)
		if err != nil || len(wins) != 3 {
			p.Fatalf("%d winners, %v", len(wins), err)
		}
		if _, _, err := p.store.Draw(p.Context(), g.ID, staff); err == nil {
			p.Error("drawn twice")
		}
		won := map[string]int{}
		for _, w := range wins {
			won[w.Entry.AccountID] = 1
		}
		for _, accountID := range who {
			if n := told(accountID); n != won[accountID] {
				p.Errorf("told %d times of %d prizes", n, won[accountID])
			}
		}
		p.proved()
	})
}

// What an account entered is listed in pages, with what it won.
func TestWhatAnAccountEntered(t *testing.T) {
	t.Parallel()
	each(t, func(p *panel) {
		p.Helper()
		one := p.account("ann@example.com", account.Customer)
		other := p.account("bob@example.com", account.Customer)
		var newest []string
		for range 3 {
			g := p.open(p.terms(1))
			p.enter(g, one)
			newest = append([]string{g.ID}, newest...)
		}
		p.enter(p.open(p.terms(1)), other)
		p.db.AdvanceClock(time.Hour)
		if _, _, err := p.store.Draw(p.Context(), newest[2], staff); err != nil {
			p.Fatal(err)
		}
		var seen []string
		for before := ""; ; {
			page, err := p.store.EnteredBy(p.Context(), one, before, 2)
			if err != nil {
				p.Fatal(err)
			}
			for _, e := range page {
				before, seen = e.GiveawayID, append(seen, e.GiveawayID)
				if e.Title == "" || e.Prize != 10*unit || (e.Place == 1) != (e.GiveawayID == newest[2]) || e.AccountID != one {
					p.Errorf("%+v", e)
				}
			}
			if len(page) < 2 {
				break
			}
		}
		if len(seen) != 3 || seen[0] != newest[0] || seen[2] != newest[2] {
			p.Errorf("it entered %q, want %q", seen, newest)
		}
	})
}
