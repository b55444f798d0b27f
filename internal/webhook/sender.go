package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// ahead is how many deliveries of an endpoint are taken from the database
	// before their turn, for one that is slow less: what is taken and can't be sent
	// within the lease is sent later than if it had not been taken.
	ahead     = 64
	aheadSlow = 2 * perEndpoint
	// claimMost is how many one transaction takes. Each waits for the disk.
	claimMost = 2048
)

const (
	// afterFailure is how long an endpoint that failed gets nothing more than what was
	// taken for it: one that refuses at once would else cost the database two commits
	// as often as it can refuse.
	afterFailure = 100 * time.Millisecond
	// slowAfter makes an endpoint one of the slow.
	slowAfter = 2 * time.Second
	// lease is how long deliveries that were taken are nobody else's. One whose
	// turn comes too late for an attempt within it goes back.
	lease = 30 * time.Second
	// fresh is how old what is known of an endpoint may be when something is sent, as
	// far as other nodes change it. What this node changes is known at once.
	fresh = time.Second
)

// SenderOptions are what the sender works with.
type SenderOptions struct {
	DB    *db.DB
	Store *Store
	// Client calls receivers, as outbound.Guard's DeliveryClient does.
	Client *http.Client
	// Backoff shortens the pauses between attempts and how long they go on, for
	// tests; zero is 1.
	Backoff float64
	Log     *slog.Logger
	// Observe is told the class of every attempt's outcome; may be nil.
	Observe func(class string)
}

// Sender delivers events.
type Sender struct {
	o        SenderOptions
	outcomes chan outcome
	recorded sync.WaitGroup

	mu      sync.Mutex
	lanes   map[string]*lane
	hosts   map[string]int
	healthy pool // to endpoints that answer well
	slow    pool // and to the others
	stopped bool
	changes int // of endpoints, by this node
	sending sync.WaitGroup
	wake    func() // the claim loop
}

// job is a delivery that this node has taken.
type job struct {
	Delivery

	failures int64
	giveUpAt time.Time
	created  time.Time // the event
	data     string
	takenAt  time.Time // by this node's clock
	claimed  time.Time // the same by the database's
}

// NewSender returns a sender; Run starts it.
func NewSender(o SenderOptions) *Sender {
	if o.Observe == nil {
		o.Observe = func(string) {}
	}
	if o.Backoff == 0 {
		o.Backoff = 1
	}
	return &Sender{
		o: o, outcomes: make(chan outcome, outcomesMost), lanes: map[string]*lane{}, hosts: map[string]int{}, wake: func() {},
		healthy: pool{accounts: map[string]int{}}, slow: pool{accounts: map[string]int{}},
	}
}

// Run starts the loops in a group.
func (s *Sender) Run(g *worker.Group) {
	s.recorded.Go(s.record)
	fan := g.Go(s.fanLoop())
	s.mu.Lock() // the loop runs before Go has returned, and its deliveries wake it
	s.wake = g.Go(s.claimLoop())
	wake := s.wake
	s.mu.Unlock()
	s.o.DB.OnCommit(event.Bell, fan)
	s.o.DB.OnCommit(event.Bell, wake)
	s.o.DB.OnCommit(deliveriesBell, wake)
	s.o.DB.OnCommit(endpointsBell, func() {
		s.mu.Lock()
		s.changes++
		s.mu.Unlock()
	})
	g.Go(s.changesLoop())
	g.Go(s.purgeLoop())
}

// Drain ends the sender once the group has stopped: attempts under way are waited
// for and written down. What was only taken is sent when its lease has run out.
func (s *Sender) Drain() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.sending.Wait()
	close(s.outcomes)
	s.recorded.Wait()
}

func (s *Sender) claimLoop() worker.Loop {
	return worker.Loop{
		Name: "webhook-deliveries", Every: lookEvery, Pass: s.Claim,
		Backlog: s.backlog(`SELECT COUNT(*), MIN(due_at) FROM webhook_deliveries WHERE due_at <= $1`),
	}
}

// backlog reads a count and its oldest time.
func (s *Sender) backlog(query string) func(context.Context) (worker.Backlog, error) {
	return func(ctx context.Context) (b worker.Backlog, err error) {
		err = s.o.DB.Read(ctx, func(tx *db.Tx) error {
			return tx.QueryRow(query, db.At(tx.Now)).Scan(&b.Count, db.Time(&b.Oldest))
		})
		return b, err
	}
}

// Claim takes what is due, as far as there is room for it, and lets it be sent.
func (s *Sender) Claim(ctx context.Context) (found int, err error) {
	var waiting []*Endpoint
	err = s.o.DB.Read(ctx, func(tx *db.Tx) error {
		waiting, err = withDue(tx)
		return err
	})
	if err != nil {
		return 0, err
	}
	var wanted []want
	for _, e := range waiting {
		if e.State != Active {
			n, err := s.giveUpAll(ctx, e)
			if err != nil {
				return found, err
			}
			found += n
		}
		if room := s.room(e); room > 0 && e.State != Removed {
			wanted = append(wanted, want{e, room})
		}
	}
	taken, err := s.take(ctx, wanted)
	return found + taken, err
}

// withDue returns the endpoints for which something is due, and those that are told
// nothing any more but have something waiting. It steps from one to the next in the
// index of what is due, however much waits for each and however long the log is:
// the order asked for is that index's and no other's.
func withDue(tx *db.Tx) ([]*Endpoint, error) {
	all, err := db.All(tx, scan, `
		WITH RECURSIVE due (endpoint_id) AS (
			SELECT (SELECT endpoint_id FROM webhook_deliveries WHERE due_at IS NOT NULL ORDER BY endpoint_id, due_at LIMIT 1)
			UNION ALL
			SELECT (SELECT d.endpoint_id FROM webhook_deliveries d WHERE d.due_at IS NOT NULL AND d.endpoint_id > due.endpoint_id
				ORDER BY d.endpoint_id, d.due_at LIMIT 1)
			FROM due WHERE due.endpoint_id IS NOT NULL)
		SELECT `+columns+` FROM webhook_endpoints w
		WHERE w.id IN (SELECT endpoint_id FROM due WHERE endpoint_id IS NOT NULL)
			AND (w.state <> 'active' OR (SELECT MIN(d.due_at) FROM webhook_deliveries d WHERE d.endpoint_id = w.id AND d.due_at IS NOT NULL) <= $1)`, db.At(tx.Now))
	if err != nil {
		return nil, fmt.Errorf("find webhooks with deliveries: %w", err)
	}
	return all, nil
}

// want is how many deliveries of an endpoint are wanted.
type want struct {
	endpoint *Endpoint
	most     int
}

// room is how many more deliveries of an endpoint may be taken.
func (s *Sender) room(e *Endpoint) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return 0
	}
	l := s.lanes[e.ID]
	most := ahead
	switch {
	case l == nil:
		return most
	case l.failing && clock.System().Sub(l.failedAt) < afterFailure:
		return 0
	case l.failing:
		most = 1
	case l.slow:
		most = aheadSlow
	}
	// A batch at a time: taking one for each that was sent would cost as many
	// transactions as deliveries.
	n := l.running + len(l.queue)
	if n > most/2 {
		return 0
	}
	return most - n
}

// claimable are an endpoint's due deliveries, of each order the first that waits.
// It says so with MIN, which looks at one entry of an index: what NOT EXISTS does
// depends on what the planner knows of how many wait, and in a burst it knows
// nothing of the burst. The order is that of the index, so that it stops early.
const claimable = `
	SELECT ` + deliveryColumns + `, d.failures, d.give_up_at, e.created_at, e.data
	FROM webhook_deliveries d JOIN webhook_events e ON e.id = d.event_id
	WHERE d.endpoint_id = $1 AND d.due_at <= $2 AND ($4 = '' OR d.type = $4)
		AND (d.order_id IS NULL OR d.sequence <= (SELECT MIN(b.sequence) FROM webhook_deliveries b
				WHERE b.endpoint_id = d.endpoint_id AND b.order_id = d.order_id AND b.state = 'pending')
			AND d.sequence <= COALESCE((SELECT MIN(n.sequence) FROM webhook_events n WHERE n.order_id = d.order_id AND n.fanned_at IS NULL), d.sequence))
	ORDER BY d.due_at LIMIT $3 FOR NO KEY UPDATE OF d SKIP LOCKED`

// take claims deliveries for this node by moving their time behind the lease.
func (s *Sender) take(ctx context.Context, wanted []want) (taken int, err error) {
	for len(wanted) > 0 {
		some := wanted[:min(len(wanted), claimMost/ahead)]
		wanted = wanted[len(some):]
		var jobs [][]job
		err := s.o.DB.Write(ctx, func(tx *db.Tx) error {
			jobs = make([][]job, len(some))
			args := make([][]any, len(some))
			for i, w := range some {
				only := ""
				if w.endpoint.State == Disabled {
					only = string(event.Ping)
				}
				args[i] = []any{w.endpoint.ID, db.At(tx.Now), w.most, only}
			}
			var leased [][]any
			err := tx.QueryMany(func(i int, r db.Scanner) error {
				j, err := scanJob(r)
				j.takenAt, j.claimed = clock.System(), tx.Now
				jobs[i] = append(jobs[i], j)
				leased = append(leased, []any{j.ID, db.At(tx.Now.Add(lease))})
				return err
			}, claimable, args)
			if err != nil {
				return fmt.Errorf("find deliveries: %w", err)
			}
			return tx.ExecMany(`UPDATE webhook_deliveries SET due_at = $2 WHERE id = $1`, leased)
		})
		if err != nil {
			return taken, err
		}
		for i, w := range some {
			taken += len(jobs[i])
			s.line(w.endpoint, jobs[i]) //nolint:contextcheck // what is sent outlives the pass that took it
		}
	}
	return taken, nil
}

func scanJob(r db.Scanner) (j job, err error) {
	err = r.Scan(append(j.fields(), &j.failures, db.Time(&j.giveUpAt), db.Time(&j.created), &j.data)...)
	return j, err
}

// line puts deliveries into an endpoint's lane and starts them.
func (s *Sender) line(e *Endpoint, jobs []job) {
	if len(jobs) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[e.ID]
	if l == nil {
		failing := !e.FailingSince.IsZero()
		l = &lane{id: e.ID, failing: failing, slow: failing, account: e.AccountID, host: site(e.Host())}
		s.lanes[e.ID] = l
	}
	l.queue = append(l.queue, jobs...)
	s.start(l)
}

// work sends a lane's deliveries one after the other until there are none or the
// lane has more under way than it may have.
func (s *Sender) work(l *lane, p *pool) {
	for {
		j, ok := s.next(l, p)
		if !ok {
			return
		}
		began := clock.System()
		if began.Sub(j.takenAt) > lease-outbound.DeliveryTimeout-time.Second {
			continue // its turn came too late: it is taken again when the lease has run out
		}
		e, keys, err := s.current(l)
		if err != nil {
			s.o.Log.LogAttrs(context.Background(), slog.LevelError, "delivery not sent", slog.String("delivery", j.ID), slog.Any("error", err))
			continue
		}
		if e.State == Removed || e.State == Disabled && j.Type != event.Ping {
			continue
		}
		done := s.attempt(e, keys, j)
		s.mu.Lock()
		l.answered(done.ok(), done.Duration)
		s.mu.Unlock()
		s.outcomes <- done
	}
}

// next takes the next delivery off a lane. Where there is none, or the lane may
// have no more under way, it gives the place back.
func (s *Sender) next(l *lane, p *pool) (j job, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(l.queue) > 0 && !s.stopped && l.running <= l.most() && s.pool(l) == p && !s.yields(l, p) {
		j, l.queue = l.queue[0], l.queue[1:]
		if len(l.queue) == ahead/4 {
			s.wake() // the next batch is there before this one is sent
		}
		return j, true
	}
	s.giveBack(l, p)
	if l.running == 0 && len(l.queue) == 0 && (!l.slow || l.endpoint == nil || l.endpoint.State == Removed) {
		delete(s.lanes, l.id) // a slow one is remembered
	}
	if len(l.queue) == 0 {
		s.wake()
	}
	return job{}, false
}

// current is what is known of an endpoint: one that was removed or got a new secret
// is not sent to as before.
func (s *Sender) current(l *lane) (e *Endpoint, keys [][]byte, err error) {
	now := clock.System()
	s.mu.Lock()
	e, keys = l.endpoint, l.keys
	changes := s.changes
	known := e != nil && now.Sub(l.readAt) < fresh && l.changes == changes
	s.mu.Unlock()
	if known {
		return e, keys, nil
	}
	err = s.o.DB.Read(context.Background(), func(tx *db.Tx) error {
		if e, err = scan(tx.QueryRow(`SELECT `+columns+` FROM webhook_endpoints WHERE id = $1`, l.id)); err != nil {
			return fmt.Errorf("read webhook %s: %w", l.id, err)
		}
		keys, err = s.o.Store.secrets(e, tx.Now)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	l.endpoint, l.keys, l.readAt, l.changes = e, keys, now, changes
	s.mu.Unlock()
	return e, keys, nil
}
