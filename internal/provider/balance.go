package provider

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// balanceEvery is how often a provider is asked what our account there holds.
	balanceEvery = 5 * time.Minute
	// balanceStale is after how long without an answer that is an alarm.
	balanceStale = 3 * balanceEvery
	// balancesKept is how long samples are kept, for staff who settle an order by them.
	balancesKept = 30 * 24 * time.Hour
	// balancesDeleted is how many old samples one write deletes at most.
	balancesDeleted = 200
	// balancesAtOnce is how many providers a node asks at the same time.
	balancesAtOnce = 8
)

// BalanceSample is what our account at a provider held at a time, in the
// provider's currency.
type BalanceSample struct {
	At      time.Time
	Balance money.Amount
}

// ReadBalance asks a provider what our account there holds and keeps the answer.
func (s *Store) ReadBalance(ctx context.Context, p Provider, guard *outbound.Guard, timeout time.Duration) (Balance, error) {
	client, err := s.Client(p, guard, timeout)
	if err != nil {
		return Balance{}, err
	}
	b, err := client.Balance(ctx)
	if err != nil {
		return Balance{}, fmt.Errorf("ask %s: %w", p.Name, err)
	}
	return b, s.KeepBalance(ctx, p, b)
}

// KeepBalance keeps what a provider said of our account: the newest, and a sample
// of its time. It raises the alarm of a low balance, or ends it. A balance in a
// currency that the provider did not count in before is an alarm and no sample.
func (s *Store) KeepBalance(ctx context.Context, p Provider, b Balance) error {
	amount, err := money.ParseUp(b.Amount)
	if err != nil {
		return fmt.Errorf("balance of %s: %w", p.Name, err)
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		var currency, alarms string
		var low *money.Amount
		err := tx.QueryRow(`SELECT currency, balance_low, alarm FROM providers WHERE id = $1 FOR NO KEY UPDATE`, p.ID).Scan(&currency, &low, &alarms)
		if err != nil {
			return err
		}
		if b.Currency != "" && currency != "" && b.Currency != currency {
			return SetAlarm(tx, p.ID, AlarmCurrency, fmt.Sprintf("its balance is in %q, its prices were in %q", cutName(b.Currency), currency))
		}
		if _, err := tx.Exec(`UPDATE providers SET balance = $2, balance_at = $3 WHERE id = $1`, p.ID, amount, db.At(tx.Now)); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO provider_balances (provider_id, at, balance) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			p.ID, db.At(tx.Now), amount); err != nil {
			return err
		}
		if _, err := tx.Exec(`
			DELETE FROM provider_balances WHERE provider_id = $1 AND at IN (
				SELECT at FROM provider_balances WHERE provider_id = $1 AND at < $2 ORDER BY at LIMIT $3)`,
			p.ID, db.At(tx.Now.Add(-balancesKept)), balancesDeleted); err != nil {
			return err
		}
		if err := SetAlarm(tx, p.ID, AlarmCurrency, ""); err != nil {
			return err
		}
		text := lowText(amount, low, currency)
		if text != "" && s.TellLow != nil && !strings.Contains(alarmOf(alarms, AlarmBalance), isLeft) {
			if err := s.TellLow(tx, Low{p.ID, p.Name, amount, *low, currency}); err != nil {
				return err
			}
		}
		return SetAlarm(tx, p.ID, AlarmBalance, text)
	})
	if err != nil {
		return fmt.Errorf("keep the balance of %s: %w", p.Name, err)
	}
	return nil
}

// lowText is the alarm of a balance below its mark, "" for one that is not.
func lowText(amount money.Amount, low *money.Amount, currency string) string {
	if low == nil || amount >= *low {
		return ""
	}
	return fmt.Sprintf("%s %s"+isLeft+"%s", amount, currency, *low)
}

// isLeft tells the alarm of a low balance from that of one that can't be read.
const isLeft = " is left, less than "

// BalancesAround returns up to n samples of a provider's balance before a time
// and up to n from it on, oldest first. Beside an order of which nobody knows
// whether the provider has it, they show whether it was paid there.
func (s *Store) BalancesAround(ctx context.Context, providerID string, at time.Time, n int) (samples []BalanceSample, err error) {
	read := func(r db.Scanner) (b BalanceSample, err error) {
		err = r.Scan(db.Time(&b.At), &b.Balance)
		return b, err
	}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		before, err := db.All(tx, read, `
			SELECT at, balance FROM provider_balances WHERE provider_id = $1 AND at < $2 ORDER BY at DESC LIMIT $3`, providerID, db.At(at), n)
		if err != nil {
			return err
		}
		after, err := db.All(tx, read, `
			SELECT at, balance FROM provider_balances WHERE provider_id = $1 AND at >= $2 ORDER BY at LIMIT $3`, providerID, db.At(at), n)
		slices.Reverse(before)
		samples = append(before, after...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read balances: %w", err)
	}
	return samples, nil
}

// BalanceWatch asks every active provider what our account there holds.
type BalanceWatch struct {
	providers *Store
	guard     *outbound.Guard
	timeout   time.Duration
	log       *slog.Logger
	now       clock.Clock

	mu    sync.Mutex
	asked map[string]time.Time // by provider: when this node asked last
}

// NewBalanceWatch returns a watch that does nothing until its loop runs.
func NewBalanceWatch(s *Store, guard *outbound.Guard, timeout time.Duration, log *slog.Logger, now clock.Clock) *BalanceWatch {
	return &BalanceWatch{providers: s, guard: guard, timeout: timeout, log: log, now: now, asked: map[string]time.Time{}}
}

// Loop returns the watch's loop. Nodes do not claim a provider: who finds a fresh
// balance does not ask, and a question too many costs nothing.
func (w *BalanceWatch) Loop() worker.Loop {
	return worker.Loop{Name: "balance", Every: 15 * time.Second, Pass: w.pass}
}

func (w *BalanceWatch) pass(ctx context.Context) (found int, err error) {
	var due []Provider
	err = w.providers.db.Read(ctx, func(tx *db.Tx) error {
		due, err = db.All(tx, scan, `SELECT `+columns+` FROM providers
			WHERE state = 'active' AND kind <> 'manual' AND (balance_at IS NULL OR balance_at <= $1) ORDER BY id`, db.At(tx.Now.Add(-balanceEvery)))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("look for balances to ask for: %w", err)
	}
	var all sync.WaitGroup
	slots := make(chan struct{}, balancesAtOnce)
	var mu sync.Mutex
	for _, p := range due {
		if !w.turn(p.ID) {
			continue
		}
		found++
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			oneErr := w.one(ctx, p)
			mu.Lock()
			defer mu.Unlock()
			err = errors.Join(err, oneErr)
		})
	}
	all.Wait()
	return found, err
}

// turn reports whether this node may ask a provider: one that does not answer is
// not asked more often than others.
func (w *BalanceWatch) turn(providerID string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if last, ok := w.asked[providerID]; ok && now.Sub(last) < balanceEvery {
		return false
	}
	w.asked[providerID] = now
	return true
}

// one asks one provider. That it does not answer is the provider's failure, not
// the loop's.
func (w *BalanceWatch) one(ctx context.Context, p Provider) error {
	_, err := w.providers.ReadBalance(ctx, p, w.guard, w.timeout)
	if err == nil || ctx.Err() != nil || fault.Is(err, fault.Unavailable) {
		return err
	}
	w.log.LogAttrs(ctx, slog.LevelWarn, "balance not read", slog.String("provider", p.Name), slog.Any("error", err))
	return w.providers.db.Write(ctx, func(tx *db.Tx) error {
		var last time.Time
		if err := tx.QueryRow(`SELECT COALESCE(balance_at, created_at) FROM providers WHERE id = $1`, p.ID).Scan(db.Time(&last)); err != nil {
			return fmt.Errorf("read the last balance: %w", err)
		}
		if tx.Now.Sub(last) < balanceStale {
			return nil
		}
		return SetAlarm(tx, p.ID, AlarmBalance, "it can't be read: "+err.Error())
	})
}
