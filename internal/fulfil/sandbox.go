package fulfil

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/provider/simulator"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// playPace is how long a test order takes to its last word.
	playPace = 8 * time.Second
	// playSettles is how long a test order stays uncertain, held or put off.
	playSettles = 5 * time.Second
	// playTries is how often a test order is tried that is refused for now.
	playTries = 6
	// playMost is how many test orders one pass moves on.
	playMost = 100
	// playLease is how long a claimed look at a test order belongs to its node.
	playLease = 10 * time.Second
	// playAtOnce is how many writes of the sandbox run beside each other: few, for
	// live orders write too.
	playAtOnce = 4
)

// Play walks test orders through their lives. It calls nobody: what becomes of an
// order the simulator computes from the order alone, so that every node sees the
// same. It has loops of its own; live orders never wait for it.
type Play struct{ db *db.DB }

// NewPlay returns the sandbox of d.
func NewPlay(d *db.DB) *Play { return &Play{db: d} }

// Run starts the loops in g.
func (p *Play) Run(g *worker.Group) {
	g.Go(worker.Loop{Name: "sandbox", Every: time.Second, Pass: p.Pass})
	g.Go(worker.Loop{
		Name: "sandbox-purge", Every: time.Hour,
		Pass: func(ctx context.Context) (int, error) { return order.PurgePlay(ctx, p.db) },
	})
}

// Pass moves test orders on that are due for something.
func (p *Play) Pass(ctx context.Context) (moved int, err error) {
	for _, work := range []struct {
		due  string // selects ids
		move func(tx *db.Tx, id string) error
	}{
		{`SELECT id FROM orders WHERE mode = 'test' AND next_run_at <= $1 ORDER BY next_run_at LIMIT $2`, order.FeedOne},
		{`SELECT id FROM orders WHERE provider_id = 'sandbox' AND due_at <= $1 ORDER BY due_at LIMIT $2`, receive},
		{`SELECT id FROM orders WHERE provider_id = 'sandbox' AND next_check_at <= $1 ORDER BY next_check_at LIMIT $2`, lookAt},
		{`SELECT id FROM orders WHERE provider_id = 'sandbox' AND cancel_due_at <= $1 ORDER BY cancel_due_at LIMIT $2`, cancelPlay},
		{`SELECT id FROM refills WHERE provider_id = 'sandbox' AND due_at <= $1 ORDER BY due_at LIMIT $2`, refillPlay},
		{`SELECT id FROM refills WHERE provider_id = 'sandbox' AND next_check_at <= $1 ORDER BY next_check_at LIMIT $2`, refillPlay},
		{`SELECT id FROM orders WHERE provider_id = 'sandbox' AND state IN ('held', 'uncertain') AND ` + order.Few + ` AND updated_at + 5000000 <= $1 ORDER BY id LIMIT $2`, settlePlay},
	} {
		n, workErr := p.each(ctx, work.due, work.move)
		moved += n
		err = errors.Join(err, workErr)
	}
	return moved, err
}

// each moves what a query finds due, each in a transaction of its own.
func (p *Play) each(ctx context.Context, query string, move func(tx *db.Tx, id string) error) (int, error) {
	var due []string
	err := p.db.Read(ctx, func(tx *db.Tx) (err error) {
		due, err = db.All(tx, func(s db.Scanner) (id string, err error) {
			err = s.Scan(&id)
			return id, err
		}, query, db.At(tx.Now), playMost)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find test orders: %w", err)
	}
	errs := make([]error, len(due))
	gate := make(chan struct{}, playAtOnce)
	var all sync.WaitGroup
	for i, id := range due {
		all.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			if err := p.db.Write(ctx, func(tx *db.Tx) error { return move(tx, id) }); err != nil {
				errs[i] = fmt.Errorf("test order %s: %w", id, err)
			}
		})
	}
	all.Wait()
	return len(due), errors.Join(errs...)
}

// played is the life that the simulator makes of a test order.
func played(o *order.Order) simulator.Play {
	target := o.Link
	if target == "" {
		target = o.Fields.Get("username")
	}
	cost, err := money.Charge(o.Cost, o.Quantity)
	if err != nil {
		cost = o.Charge
	}
	return simulator.NewPlay(o.Number, target, o.Quantity, cost, playPace)
}

// receive lets the sandbox take or refuse an order, or lose its answer.
func receive(tx *db.Tx, orderID string) error {
	o, book, err := order.Lock(tx, orderID)
	if err != nil || o.State != order.Pending {
		return err
	}
	if o.Step > playTries*2 { // each try is two steps
		return order.Transition(tx, book, o, order.Change{To: order.Canceled, Actor: "panel", Reason: "the sandbox refused it again and again"})
	}
	sandbox := provider.Provider{ID: order.Sandbox, Name: "Sandbox", Kind: provider.Classic}
	claims, err := claimAll(tx, sandbox, []*order.Order{o}, playLease)
	if err != nil {
		return err
	}
	c := claims[0]
	c.submission.Sent, c.submission.EndedAt = true, tx.Now
	r := &recording{tx: tx, book: book, order: o, submission: c.submission, provider: sandbox, answer: reception(o)}
	if err := r.open(); err != nil {
		return err
	}
	if o.State == order.Pending {
		o.DueAt = tx.Now.Add(playSettles)
		return order.Save(tx, o, o.State)
	}
	return nil
}

// reception is the sandbox's answer to an order.
func reception(o *order.Order) provider.Answer {
	in := played(o).Reception(o.Tries + 1)
	switch {
	case in.Lost:
		return provider.Answer{Outcome: provider.Unknown, Text: "the sandbox gave no answer of use"}
	case in.There:
		return provider.Answer{Outcome: provider.Accepted, UpstreamID: o.ID, Status: 200}
	case in.Refuse == "":
		return provider.Classify(in.Status, nil)
	}
	class, _ := provider.ClassOf(in.Refuse)
	return provider.Answer{Outcome: provider.Refused, Class: class, Text: in.Refuse, Status: in.Status}
}

// settlePlay ends the waiting of a test order that would wait for a person.
func settlePlay(tx *db.Tx, orderID string) error {
	o, book, err := order.Lock(tx, orderID)
	if err != nil || o.State != order.Uncertain && o.State != order.Held {
		return err
	}
	if o.State == order.Held || !played(o).Reception(o.Tries+1).There {
		u, open, err := openSubmission(tx, o.ID)
		if err != nil {
			return err
		}
		if open {
			u.Outcome = NotAccepted
			if err := u.save(tx); err != nil {
				return err
			}
		}
		return order.Transition(tx, book, o, order.Change{To: order.Canceled, Actor: "panel", Reason: "the sandbox settles by itself: it was not accepted"})
	}
	u, open, err := openSubmission(tx, o.ID)
	if err != nil {
		return err
	}
	if open {
		u.Outcome, u.UpstreamID = Accepted, o.ID
		if err := u.save(tx); err != nil {
			return err
		}
	}
	return accept(tx, book, o, o.ID, "panel", "the sandbox settles by itself: it was accepted")
}

// lookAt moves a running test order to what the simulator says of it.
func lookAt(tx *db.Tx, orderID string) error {
	o, _, err := order.Lock(tx, orderID) // with its wallet, for endPlay may need that
	if err != nil {
		return err
	}
	play, canceled := played(o), time.Time{}
	if o.CancelState == order.CancelForwarded {
		canceled = o.CancelWishAt
	}
	if o.Kind == order.Subscription {
		begun, word := play.Posts(tx.Now, o.AcceptedAt, o.Runs)
		if !canceled.IsZero() {
			begun, word = o.Run, string(order.Canceled)
		}
		posts := make([]string, begun)
		for i := range posts {
			posts[i] = o.ID + "." + strconv.Itoa(i+1)
		}
		return Apply(tx, o, provider.Report{Word: provider.WordOf(word), Said: word, Posts: begun, PostsTold: true, Orders: posts})
	}
	said := play.At(tx.Now, o.AcceptedAt, canceled)
	report := provider.Report{Word: provider.WordOf(said.Word), Said: said.Word, Remains: &said.Remains, Charge: &said.Charge}
	if said.StartCount > 0 {
		report.StartCount = &said.StartCount
	}
	if err := Apply(tx, o, report); err != nil {
		return err
	}
	return endPlay(tx, o.ID, report)
}

// endPlay ends a test order of which the simulator says something that makes no
// sense: nobody looks at those.
func endPlay(tx *db.Tx, orderID string, r provider.Report) error {
	o, book, err := order.Lock(tx, orderID)
	if err != nil || o.Attention == "" || o.State.Final() {
		return err
	}
	o.Attention = ""
	o.Remains = &o.Quantity
	return order.Transition(tx, book, o, order.Change{To: order.Canceled, Actor: "panel", Reason: "the sandbox settles by itself what a person would look at: " + cut(r.Said)})
}

// cancelPlay takes or refuses the wish to cancel a running test order.
func cancelPlay(tx *db.Tx, orderID string) error {
	o, err := order.LockAlone(tx, orderID)
	if err != nil || o.CancelState != order.CancelWished {
		return err
	}
	result := provider.CancelResult{Accepted: played(o).TakesCancel(), Text: "Order cannot be canceled"}
	return canceled(tx, o, "Sandbox", wishAnswer{result: result, told: true, asked: true})
}

// refillPlay takes a test order's refill and moves it to its end.
func refillPlay(tx *db.Tx, refillID string) error {
	o, r, err := order.LockRefill(tx, refillID)
	if err != nil || r.State.Ended() {
		return err
	}
	word, refused := played(o).Refill(tx.Now, r.CreatedAt)
	if r.State == order.RefillPending {
		if refused {
			r.Reason = "the provider refused it"
			return order.MoveRefill(tx, o, r, order.RefillRejected, "the sandbox refused it")
		}
		r.NextCheckAt = tx.Now.Add(playPace / 4)
		return order.MoveRefill(tx, o, r, order.RefillInProgress, "the sandbox takes it")
	}
	switch word {
	case "Completed":
		return order.MoveRefill(tx, o, r, order.RefillCompleted, "the sandbox says "+word)
	case "Rejected":
		r.Reason = "the provider rejected it"
		return order.MoveRefill(tx, o, r, order.RefillRejected, "the sandbox says "+word)
	}
	r.NextCheckAt = tx.Now.Add(playPace / 4)
	return order.SaveRefill(tx, r)
}
