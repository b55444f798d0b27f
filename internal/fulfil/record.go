package fulfil

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

// firstCheck is how soon after acceptance the provider is asked about an order.
const firstCheck = 3 * time.Second

// record stores the outcome of a call on its own submission and moves the order,
// in one transaction. An outcome that comes late, after the lease ran out or a
// person settled the order, is stored all the same.
func record(tx *db.Tx, c claim, a provider.Answer, sent bool) error {
	o, book, err := order.LockFor(tx, c.order, mayEnd(a.Outcome))
	if err != nil {
		return err
	}
	u, err := lockSubmission(tx, c.submission.ID, c.submission.Token)
	if errors.Is(err, db.ErrNoRows) {
		return nil // somebody else holds the submission now
	}
	if err != nil {
		return err
	}
	if u.Outcome == Unknown && !u.EndedAt.IsZero() && u.HTTPStatus == int64(a.Status) && u.Answer == a.Kept {
		return nil // it is on record: only what became of that commit was not known
	}
	u.Sent, u.HTTPStatus, u.Answer, u.EndedAt = sent || c.again, int64(a.Status), a.Kept, tx.Now
	r := &recording{tx: tx, book: book, order: o, submission: u, answer: a, provider: c.provider, repeated: c.again}
	if c.provider.Kind == provider.Native {
		u.LeaseUntil = tx.Now.Add(nextAsk(u, tx.Now)) // if the outcome is unknown, it is asked for then
	}
	switch u.Outcome {
	case Sending, Unknown:
		return r.open()
	case Accepted, Refused, NotSent, NotAccepted, Dead, Late:
		return r.late()
	}
	return fmt.Errorf("submission %s has outcome %q", u.ID, u.Outcome)
}

// mayEnd reports whether an order may end with this outcome, and its charge be given back.
func mayEnd(outcome provider.Outcome) bool {
	switch outcome {
	case provider.Accepted, provider.Unknown:
		return false
	case provider.Refused, provider.NotSent:
	}
	return true
}

// withdraw puts an order back of which nothing was sent, if it is on record as being
// sent or, its lease having run out since, as uncertain. It has the locks only once
// that record was committed or undone, whichever. What somebody settled stays so.
func withdraw(tx *db.Tx, c claim) error {
	o, book, err := order.Lock(tx, c.order.ID)
	if errors.Is(err, order.ErrNotFound) {
		return nil // the order was lost with its primary
	}
	if err != nil {
		return err
	}
	u, err := lockSubmission(tx, c.submission.ID, c.submission.Token)
	if errors.Is(err, db.ErrNoRows) {
		return nil
	}
	open := u != nil && u.EndedAt.IsZero() && (u.Outcome == Sending || u.Outcome == Unknown)
	if err != nil || !open || o.State != order.Submitting && o.State != order.Uncertain {
		return err
	}
	u.EndedAt, o.DueAt = tx.Now, tx.Now
	r := &recording{tx: tx, book: book, order: o, submission: u, provider: c.provider}
	if err := r.close(NotSent); err != nil {
		return err
	}
	return r.move(order.Pending, "not sent: the database did not say whether its sending was on record")
}

// recording is one run of record.
type recording struct {
	tx         *db.Tx
	book       *ledger.Book
	order      *order.Order
	submission *Submission
	answer     provider.Answer
	provider   provider.Provider
	repeated   bool // the answer is to a repeated request of a native provider
}

// open stores the outcome of a submission that nobody has settled.
func (r *recording) open() error {
	a := r.answer
	if a.UpstreamID != "" {
		r.submission.UpstreamID = a.UpstreamID
	}
	if err := countOutcome(r.tx, r.submission.ProviderID, a.Outcome); err != nil {
		return err
	}
	switch a.Outcome {
	case provider.Accepted:
		return r.accepted()
	case provider.NotSent:
		if r.repeated {
			return r.unknown("asked again, not reached: " + a.Text) // it was sent before
		}
		return r.notSent()
	case provider.Refused:
		if r.repeated && !a.Settles() {
			return r.unknown("asked again, and it says nothing of the order: " + a.Text)
		}
		// After an unknown submission "active order with this link" may speak of
		// our own order.
		if a.LinkActive && r.order.EverUnknown {
			return r.unknown(a.Text)
		}
		return r.refused()
	case provider.Unknown:
		return r.unknown(a.Text)
	}
	return fmt.Errorf("answer with outcome %v", a.Outcome)
}

func (r *recording) accepted() error {
	holder, held, err := order.HolderOf(r.tx, r.order.ProviderID, r.answer.UpstreamID)
	if err != nil {
		return err
	}
	if held {
		return r.unknown(fmt.Sprintf("the provider answered with id %s, which order %s has already", r.answer.UpstreamID, holder))
	}
	if err := r.close(Accepted); err != nil {
		return err
	}
	return accept(r.tx, r.book, r.order, r.answer.UpstreamID, "panel", r.provider.Name+" accepted it as "+r.answer.UpstreamID)
}

// accept moves an order to processing under the provider's id.
func accept(tx *db.Tx, book *ledger.Book, o *order.Order, upstreamID, actor, reason string) error {
	o.UpstreamID, o.AcceptedAt = upstreamID, tx.Now
	o.NextCheckAt, o.Tries, o.Refusal = tx.Now.Add(firstCheck), 0, ""
	if err := order.Transition(tx, book, o, order.Change{To: order.Processing, Actor: actor, Reason: reason}); err != nil {
		return err
	}
	return order.KeepWish(tx, o)
}

func (r *recording) notSent() error {
	if err := r.close(NotSent); err != nil {
		return err
	}
	r.giveUpAfter(order.Patience)
	return r.again("not sent: " + r.answer.Text)
}

// again puts the order back to be sent, later each time.
func (r *recording) again(reason string) error {
	o := r.order
	o.Tries++
	o.DueAt = r.tx.Now.Add(backoff(o.Tries))
	return r.move(order.Pending, reason)
}

func (r *recording) refused() error {
	a := r.answer
	class := a.Class
	r.order.Refusal = ""
	if a.Said != "" {
		decided, _, err := provider.SeeText(r.tx, r.submission.ProviderID, a.Said)
		if err != nil {
			return err
		}
		if decided != provider.Unclassified {
			class = decided
		}
		r.order.Refusal = provider.TextKey(a.Said)
	}
	if r.order.State == order.Uncertain && class == provider.Unclassified && !r.repeated {
		// Nobody knows what this answer means, so it settles nothing.
		return r.unknown("refused late: " + a.Text)
	}
	if err := r.close(Refused); err != nil {
		return err
	}
	r.order.Generation++
	return r.byClass(class, fmt.Sprintf("%s refused it (%s): %s", r.provider.Name, class, a.Text))
}

// byClass moves an order that its provider certainly does not have.
func (r *recording) byClass(class provider.Class, reason string) error {
	switch class {
	case provider.TryLater:
		r.giveUpAfter(order.Patience)
		return r.again(reason)
	case provider.SourcePaused:
		return r.elsewhere(reason, func() error {
			r.order.DueAt = r.tx.Now.Add(time.Second) // the source is paused; it waits there
			return r.move(order.Pending, reason)
		})
	case provider.OtherSource:
		return r.elsewhere(reason, func() error { return r.move(order.Failed, reason) })
	case provider.CustomerFault:
		return r.move(order.Failed, reason)
	case provider.Unclassified:
		r.giveUpAfter(order.Patience)
		if r.order.State == order.Uncertain || !r.order.CancelWishAt.IsZero() {
			// It is not there for certain: a wish to cancel it is carried out.
			if err := r.move(order.Pending, reason); err != nil || r.order.State != order.Pending {
				return err
			}
		}
		return r.move(order.Held, reason)
	}
	return fmt.Errorf("refusal of class %v", class)
}

// elsewhere sends the order to its service's next source, or does what is left
// where there is none.
func (r *recording) elsewhere(reason string, otherwise func() error) error {
	next, found, err := order.NextSource(r.tx, r.order)
	if err != nil {
		return err
	}
	if !found {
		return otherwise()
	}
	order.Reroute(r.order, next)
	r.order.DueAt = r.tx.Now
	return r.move(order.Pending, reason+"; it goes to the next source")
}

// giveUpAfter starts the time after which the order is canceled and refunded,
// where it has not started before.
func (r *recording) giveUpAfter(wait time.Duration) {
	if r.order.GiveUpAt.IsZero() {
		r.order.GiveUpAt = r.tx.Now.Add(wait)
	}
}

// unknown leaves the order for a person, or for a provider that can be asked.
func (r *recording) unknown(reason string) error {
	if err := r.close(Unknown); err != nil {
		return err
	}
	r.order.EverUnknown = true
	switch {
	case r.order.State == order.Uncertain && r.repeated:
		return order.Save(r.tx, r.order, r.order.State) // it is asked again and again
	case r.order.State == order.Uncertain:
		return order.Note(r.tx, r.order, "panel", reason)
	}
	return r.move(order.Uncertain, reason)
}

// late stores what came in after the submission was settled. An acceptance then
// means that the order may exist twice.
func (r *recording) late() error {
	if r.answer.Outcome == provider.Refused && r.submission.Outcome == Accepted {
		if err := r.submission.save(r.tx); err != nil {
			return err
		}
		return order.Raise(r.tx, r.order, "panel",
			fmt.Sprintf("settled as accepted, but %s refused it after all: %s", r.provider.Name, r.answer.Text))
	}
	if r.answer.Outcome != provider.Accepted {
		return r.submission.save(r.tx)
	}
	known := r.submission.Outcome == Accepted || r.submission.Outcome == Dead
	if known && r.answer.UpstreamID == r.submission.UpstreamID {
		return r.submission.save(r.tx) // it is on record with this very id, perhaps as ended since
	}
	r.submission.UpstreamID = r.answer.UpstreamID
	if err := r.close(Late); err != nil {
		return err
	}
	return order.Raise(r.tx, r.order, "panel",
		fmt.Sprintf("exists twice: %s accepted an earlier sending as %s", r.provider.Name, r.answer.UpstreamID))
}

func (r *recording) close(outcome Outcome) error {
	r.submission.Outcome = outcome
	return r.submission.save(r.tx)
}

func (r *recording) move(to order.State, reason string) error {
	return order.Transition(r.tx, r.book, r.order, order.Change{To: to, Actor: "panel", Reason: reason})
}

// backoff is how long an order waits after it was put off for the nth time: from
// 5 s, doubling, to 10 min, each a little random so that orders don't move in step.
func backoff(tries int64) time.Duration {
	const first, most = 5 * time.Second, 10 * time.Minute
	wait := most
	if tries < 8 {
		wait = min(first<<(max(tries, 1)-1), most)
	}
	return wait - wait/5 + time.Duration(rand.Int64N(int64(2*wait/5))) //nolint:gosec // spreads load, guards nothing
}
