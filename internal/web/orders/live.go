package orders

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// streamsMost is how many streams an account has at once.
	streamsMost = 10
	// streamsInAll is how many this process has.
	streamsInAll = 2000
	// lookEvery is the pause between two looks for changes.
	lookEvery = time.Second
)

// sessions tells as whom each that still signs somebody in lets them look.
type sessions interface {
	Alive(ctx context.Context, sessionIDs []string) (map[string]string, error)
}

// wallets tells what accounts hold.
type wallets interface {
	LiveBalances(ctx context.Context, accountIDs []string) (map[string]money.Amount, error)
}

// live tells streams which of their orders have changed, and that their account's
// balance has. However many there are, one look compares the orders and balances of
// all of them with what they last saw: that finds the changes of every node.
type live struct {
	orders   *order.Store
	wallets  wallets
	sessions sessions

	mu     sync.Mutex
	open   map[*stream]bool
	of     map[string]int // streams, by reader
	closed bool
}

func newLive(orders *order.Store, w wallets, s sessions) *live {
	return &live{orders: orders, wallets: w, sessions: s, open: map[*stream]bool{}, of: map[string]int{}}
}

// stream is a page that listens.
type stream struct {
	reader    string // whose place among the streams it takes
	accountID string // whose orders and balance it shows
	sessionID string

	wake chan struct{} // something has changed
	over chan struct{} // its reader is not signed in there any more, or the panel stops

	// Under live's lock:
	seen    map[string]order.Mark // by order
	changed map[string]bool
	balance money.Amount
	paid    bool // the balance has changed
	ended   bool
	left    bool // the sign-in is over
}

// errTooMany refuses a stream; the page that asked asks again by itself.
var errTooMany = fault.New(fault.Unavailable, "Too many open pages")

// begin makes a stream of somebody's that sees nothing yet.
func (l *live) begin(who identity.Person) (*stream, error) {
	reader := who.Reader()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.of[reader] >= streamsMost || len(l.open) >= streamsInAll {
		return nil, errTooMany
	}
	s := &stream{
		reader: reader, accountID: who.AccountID, sessionID: who.SessionID, wake: make(chan struct{}, 1), over: make(chan struct{}),
		seen: map[string]order.Mark{}, changed: map[string]bool{},
	}
	l.open[s] = true
	l.of[reader]++
	return s, nil
}

func (l *live) end(s *stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.open[s] {
		return
	}
	delete(l.open, s)
	if l.of[s.reader]--; l.of[s.reader] == 0 {
		delete(l.of, s.reader)
	}
}

// watch sets which orders a stream sees. Their marks are taken before they are read
// to be shown, so that no change falls between.
func (l *live) watch(ctx context.Context, s *stream, orderIDs []string) error {
	marks, err := l.orders.Marks(ctx, orderIDs)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, orderID := range orderIDs {
		if _, known := marks[orderID]; !known {
			marks[orderID] = order.Mark{}
		}
	}
	s.seen = marks
	return nil
}

// hold returns what a stream's account holds. From now on the stream is told of what
// is not that.
func (l *live) hold(ctx context.Context, s *stream) (money.Amount, error) {
	balances, err := l.wallets.LiveBalances(ctx, []string{s.accountID})
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.balance, s.paid = balances[s.accountID], false
	return s.balance, nil
}

// taken returns what has changed since it was last asked for: orders, and whether the
// balance has.
func (l *live) taken(s *stream) (orderIDs []string, paid bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	orderIDs, paid = slices.Sorted(maps.Keys(s.changed)), s.paid
	s.changed, s.paid = map[string]bool{}, false
	return orderIDs, paid
}

// loop looks for changes while somebody listens.
func (l *live) loop() worker.Loop {
	return worker.Loop{Name: "live-pages", Every: lookEvery, Pass: func(ctx context.Context) (int, error) { return 0, l.look(ctx) }}
}

// look tells all streams what has changed, and ends those of who is not signed in any
// more, or does not look as that account any more.
func (l *live) look(ctx context.Context) error {
	sessionIDs, accountIDs, orderIDs := l.asked()
	if len(sessionIDs) == 0 {
		return nil
	}
	alive, err := l.sessions.Alive(ctx, sessionIDs)
	if err != nil {
		return err
	}
	marks, err := l.orders.Marks(ctx, orderIDs)
	if err != nil {
		return err
	}
	balances, err := l.wallets.LiveBalances(ctx, accountIDs)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range l.open {
		if _, asked := slices.BinarySearch(sessionIDs, s.sessionID); asked && alive[s.sessionID] != s.accountID {
			s.left = true
			s.finish()
			continue
		}
		s.compare(marks, balances)
	}
	return nil
}

// asked are the sessions, the accounts and the orders of all streams.
func (l *live) asked() (sessionIDs, accountIDs, orderIDs []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sessions, accounts, orders := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for s := range l.open {
		sessions[s.sessionID], accounts[s.accountID] = true, true
		for orderID := range s.seen {
			orders[orderID] = true
		}
	}
	return slices.Sorted(maps.Keys(sessions)), slices.Sorted(maps.Keys(accounts)), slices.Sorted(maps.Keys(orders))
}

func (s *stream) compare(marks map[string]order.Mark, balances map[string]money.Amount) {
	if now, known := balances[s.accountID]; known && now != s.balance {
		s.balance, s.paid = now, true
	}
	for orderID, before := range s.seen {
		now, known := marks[orderID]
		if !known || now == before {
			continue
		}
		s.seen[orderID], s.changed[orderID] = now, true
	}
	if len(s.changed) == 0 && !s.paid {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *stream) finish() {
	if !s.ended {
		s.ended = true
		close(s.over)
	}
}

// close ends all streams, and lets no new ones begin: the panel stops.
func (l *live) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for s := range l.open {
		s.finish()
	}
}

// hasLeft reports whether a stream is over because nobody is signed in there.
func (l *live) hasLeft(s *stream) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return s.left
}

// Loop keeps open pages as their orders are. It runs on every node.
func (p *Pages) Loop() worker.Loop { return p.live.loop() }

// Close ends the streams of open pages: who stops the panel waits for all requests.
func (p *Pages) Close() { p.live.close() }
