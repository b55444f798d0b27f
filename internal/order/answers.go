package order

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

const (
	// undeliveredFor is how long an equal request is given the answer that did not
	// arrive the first time.
	undeliveredFor = 15 * time.Minute
	// otherNode is how old an answer of another node must be before a missing mark
	// means that it did not arrive.
	otherNode = time.Second
	// marksEvery is how often marks are written while nothing is placed.
	marksEvery = 250 * time.Millisecond
	// deliveryWait bounds the wait for an answer that is being written.
	deliveryWait = 2 * time.Second
	// askAgainMost bounds how often a request without an id is asked anew.
	askAgainMost = 5
	// answersKept is how long answers are remembered: the longest window and a bit.
	answersKept = 25 * time.Hour
	// forgetMost is how many answers one pass forgets.
	forgetMost = 500
)

// answers knows, for requests without a request id, which answers of this process
// arrived. A client that never got its answer sends the same again and must get
// the same order; one that got it and sends the same wants a second order.
type answers struct {
	node string

	mu    sync.Mutex
	open  map[string]*delivery // by order: answers that are on their way
	marks []string             // orders whose answer arrived, not yet written
}

// delivery is an answer on its way.
type delivery struct {
	over    chan struct{}
	waiting int // handlers that write it
}

// replayKey names a request by what it says.
type replayKey struct {
	scope       Scope
	fingerprint string
}

// answered is what an equal request was answered before.
type answered struct {
	placed    Placed
	node      string
	at        time.Time
	delivered time.Time // zero: nobody knows that it arrived
}

// askAgainError says that the answer depends on whether another one arrives.
type askAgainError struct{ over <-chan struct{} }

// Error describes the wait.
func (a *askAgainError) Error() string { return "an equal request is being answered" }

// wait ends when it is known whether the other answer arrived, or it is late.
func (a *askAgainError) wait(ctx context.Context) {
	limit := deliveryWait
	if a.over == nil {
		limit = otherNode
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-a.over:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// given notes that the batch's answers are on their way to their callers.
func (a *answers) given(all []*placing) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, one := range all {
		if one.request.Fingerprint == "" || one.err != nil {
			continue
		}
		d := a.open[one.answer.OrderID]
		if d == nil {
			d = &delivery{over: make(chan struct{})}
			a.open[one.answer.OrderID] = d
		}
		d.waiting++
	}
}

// Delivered says what became of an answer to a request that has a fingerprint. It
// must be called once for each such answer, after it was written or could not be.
func (p *Placer) Delivered(orderID string, arrived bool) {
	a := &p.answers
	a.mu.Lock()
	defer a.mu.Unlock()
	if arrived {
		a.marks = append(a.marks, orderID)
	}
	d := a.open[orderID]
	if d == nil {
		return
	}
	if d.waiting--; d.waiting <= 0 || arrived {
		close(d.over)
		delete(a.open, orderID)
	}
}

// unsettled returns what ends when it can be told whether the order's answer
// arrived, nil when it did not: no handler of this process is writing it, and no
// mark of it came after the transaction that asks had stored them.
func (a *answers) unsettled(orderID string) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if d := a.open[orderID]; d != nil {
		return d.over
	}
	if slices.Contains(a.marks, orderID) {
		over := make(chan struct{})
		close(over)
		return over
	}
	return nil
}

// arrived returns the marks that are not written yet.
func (a *answers) arrived() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clip(a.marks)
}

// written forgets marks that were committed.
func (a *answers) written(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.marks = a.marks[n:]
}

// writeMarks stores the marks while nothing is placed, so that other nodes see them.
func (p *Placer) writeMarks() {
	marks := p.answers.arrived()
	if len(marks) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), batchWait)
	defer cancel()
	// An error keeps the marks for the next time.
	if p.db.Write(ctx, func(tx *db.Tx) error { return markDelivered(tx, marks) }) == nil {
		p.answers.written(len(marks))
	}
}

func markDelivered(tx *db.Tx, orderIDs []string) error {
	sorted := append([]string(nil), orderIDs...)
	sort.Strings(sorted) // one lock order on all nodes
	args := make([][]any, len(sorted))
	for i, orderID := range sorted {
		args[i] = []any{orderID, db.At(tx.Now)}
	}
	err := tx.ExecMany(`UPDATE replays SET delivered_at = $2 WHERE order_id = $1 AND delivered_at IS NULL`, args)
	if err != nil {
		return fmt.Errorf("mark answers: %w", err)
	}
	return nil
}

// lookUpAnswers stores the marks collected so far and finds what equal requests
// were answered. The marks come first: who got an answer and orders again must
// not get the old order.
func (b *batch) lookUpAnswers(a *answers) error {
	b.node = a
	var asking []*placing
	for _, one := range b.all {
		if one.request.Fingerprint != "" {
			asking = append(asking, one)
		}
	}
	if len(asking) == 0 {
		return nil
	}
	if err := markDelivered(b.tx, a.arrived()); err != nil {
		return err
	}
	args := make([][]any, len(asking))
	for i, one := range asking {
		args[i] = []any{one.buyer.AccountID, string(one.buyer.Mode), one.request.Fingerprint}
	}
	err := b.tx.QueryMany(func(i int, s db.Scanner) error {
		var e answered
		err := s.Scan(&e.placed.OrderID, &e.placed.Number, &e.placed.Charge, &e.node, db.Time(&e.at), db.Time(&e.delivered))
		b.answers[asking[i].replayKey()] = e
		return err
	}, `
		SELECT o.id, o.number, o.charge, r.node, r.at, r.delivered_at FROM replays r JOIN orders o ON o.id = r.order_id
		WHERE r.account_id = $1 AND r.mode = $2 AND r.fingerprint = $3`, args)
	if err != nil {
		return fmt.Errorf("look up answers: %w", err)
	}
	return nil
}

func (one *placing) replayKey() replayKey {
	return replayKey{scope: one.buyer.Scope, fingerprint: one.request.Fingerprint}
}

// answerAgain answers a request without an id from an earlier equal one, if that
// one's answer did not arrive or its key asks for a window.
func (b *batch) answerAgain(one *placing) (placed Placed, found bool, err error) {
	if one.request.Fingerprint == "" {
		return Placed{}, false, nil
	}
	e, known := b.answers[one.replayKey()]
	if !known {
		return Placed{}, false, nil
	}
	switch now := b.tx.Now; {
	case e.at.IsZero(): // another request of this very batch
		e.placed.Repeat = true
		return e.placed, true, nil
	case !e.delivered.IsZero():
		// A mark may be younger than this transaction's beginning: it waited for the
		// wallet meanwhile.
		if window := one.request.ReplayWindow; window == 0 || max(now.Sub(e.delivered), 0) >= window {
			return Placed{}, false, nil
		}
	case now.Sub(e.at) >= undeliveredFor:
		return Placed{}, false, nil
	case e.node == b.node.node:
		if over := b.node.unsettled(e.placed.OrderID); over != nil {
			return Placed{}, false, fault.Wrap(fault.Unavailable, "Temporarily unavailable", &askAgainError{over: over})
		}
	case now.Sub(e.at) < otherNode:
		return Placed{}, false, fault.Wrap(fault.Unavailable, "Temporarily unavailable", &askAgainError{})
	}
	e.placed.Repeat = true
	b.again = append(b.again, e.placed.OrderID)
	return e.placed, true, nil
}

// remember notes the answer to a request without an id.
func (b *batch) remember(one *placing, placed Placed) {
	if one.request.Fingerprint == "" {
		return
	}
	b.answers[one.replayKey()] = answered{placed: placed}
	b.given = append(b.given, []any{
		one.buyer.AccountID, string(one.buyer.Mode), one.request.Fingerprint, placed.OrderID, b.node.node, db.At(b.tx.Now),
	})
}

// writeAnswers stores the answers. One that is given once more is this node's from
// now on, for only it learns whether that arrived; the order notes it.
func (b *batch) writeAnswers() error {
	err := b.tx.ExecMany(`
		INSERT INTO replays (account_id, mode, fingerprint, order_id, node, at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (account_id, mode, fingerprint)
		DO UPDATE SET order_id = excluded.order_id, node = excluded.node, at = excluded.at, delivered_at = NULL`, b.given)
	if err != nil {
		return fmt.Errorf("remember answers: %w", err)
	}
	sort.Strings(b.again)
	for _, orderID := range b.again {
		if err := b.noteAgain(orderID); err != nil {
			return err
		}
		if _, err := b.tx.Exec(`UPDATE replays SET node = $2, at = $3 WHERE order_id = $1`, orderID, b.node.node, db.At(b.tx.Now)); err != nil {
			return fmt.Errorf("remember who answers: %w", err)
		}
	}
	return nil
}

// noteAgain notes on an order that its answer is given once more. An order that somebody
// else keeps locked goes without the note: its answer stands, and the other requests of
// the batch must not fail for it.
func (b *batch) noteAgain(orderID string) error {
	lock := LockAlone
	if b.openOnly {
		lock = tryLock
	}
	o, err := lock(b.tx, orderID)
	if errors.Is(err, db.ErrLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	return Note(b.tx, o, "panel", "the same request came again; its answer had not arrived")
}

// ForgetAnswers drops answers that are too old to be given again.
func ForgetAnswers(ctx context.Context, d *db.DB) (forgotten int, err error) {
	err = d.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(`
			DELETE FROM replays WHERE order_id IN (SELECT order_id FROM replays WHERE at < $1 ORDER BY at LIMIT $2)`,
			db.At(tx.Now.Add(-answersKept)), forgetMost)
		forgotten = int(n)
		return err
	})
	return forgotten, err
}
