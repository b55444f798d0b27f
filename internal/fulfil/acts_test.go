package fulfil_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/provider"
)

// refilling is a stage with an order that has ended and whose refill is wished.
func refilling(t *testing.T) (k *stage, o *order.Order, refill func() *order.Refill) {
	t.Helper()
	k = newStage(t, dbtest.Open(t, db.Postgres), provider.Classic)
	k.Exec(`UPDATE sources SET provider_service = '` + refillable(k) + `'`)
	o = k.order("complete")
	k.play(k.ended)
	refiller := order.NewRefiller(k.d, nil)
	_, err := refiller.Request(t.Context(), k.Buyer.Scope, order.Ref(o.ID), "key_test")
	ordertest.Must(t, err)
	return k, o, func() *order.Refill {
		r, err := refiller.ByOrder(t.Context(), k.Buyer.Scope, order.Ref(o.ID))
		ordertest.Must(t, err)
		return r
	}
}

// refillsAsked is how many refills the provider was asked for.
func (k *stage) refillsAsked() (n int) {
	for _, held := range k.sim.Orders() {
		n += len(held.Refills)
	}
	return n
}

// A refill whose claim had a commit of unknown outcome was not asked for: it is asked
// for once, whether the claim was on record or not, and is no person's work.
func TestRefillAfterAClaimOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ when, level string }{
		"taken":                   {"NEW.due_at > OLD.due_at", "WARNING"},
		"taken, undone":           {"NEW.due_at > OLD.due_at", "EXCEPTION"},
		"being asked for":         {"NEW.ever_unknown", "WARNING"},
		"being asked for, undone": {"NEW.ever_unknown", "EXCEPTION"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, o, refill := refilling(t)
			firstIsUnknown(k.Fixture, "UPDATE ON refills", c.when, c.level)
			for range 2 { // the first one's outcome is unknown, the second goes through: no lease is waited for
				_, err := k.actor.Refills(t.Context())
				ordertest.Must(t, err)
				k.actor.Drain()
			}
			if r := refill(); r.State != order.RefillInProgress || k.refillsAsked() != 1 {
				t.Errorf("the refill is %s, asked for %d times", r.State, k.refillsAsked())
			}
			if now := k.Order(o.ID); now.Attention != "" {
				t.Errorf("a person is asked: %q%s", now.Attention, k.trail(o))
			}
		})
	}
}

// asksForWhatIsNotStored asks for a refill whose answer the database does not take.
func (k *stage) asksForWhatIsNotStored() {
	k.T.Helper()
	k.Exec(`CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'away'; END $$`)
	k.Exec(`CREATE TRIGGER away BEFORE UPDATE ON refills FOR EACH ROW WHEN (NEW.state = 'in_progress') EXECUTE FUNCTION away()`)
	_, err := k.actor.Refills(k.T.Context())
	ordertest.Must(k.T, err)
}

// What a provider said to a refill is stored when the database is back, also after
// another node found the claim run out and asked for a person; it is asked for once.
func TestAnAnswerToARefillOutlastsItsClaim(t *testing.T) {
	t.Parallel()
	k, o, refill := refilling(t)
	log := k.listen()
	k.asksForWhatIsNotStored()
	log.until(t, "WARN not stored yet")
	k.d.AdvanceClock(10 * time.Minute)
	other := fulfil.NewActor(node(t, k.d, k.Fixture))
	_, err := other.Refills(t.Context())
	ordertest.Must(t, err)
	other.Drain()
	if now := k.Order(o.ID); !strings.Contains(now.Attention, "nobody knows whether") {
		t.Fatalf("attention %q", now.Attention)
	}
	k.Exec(`DROP TRIGGER away ON refills`)
	k.actor.Drain()
	if r := refill(); r.State != order.RefillInProgress || k.refillsAsked() != 1 {
		t.Errorf("the refill is %s, asked for %d times", r.State, k.refillsAsked())
	}
	if now := k.Order(o.ID); now.Attention != "" {
		t.Errorf("a person is still asked: %q", now.Attention)
	}
}

// A cancel whose claim had a commit of unknown outcome is told at the next pass.
func TestCancelAfterAClaimOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	k := newStage(t, dbtest.Open(t, db.Postgres), provider.Classic)
	o := k.order("complete")
	k.pass(15 * time.Second)
	_, err := order.NewCanceller(k.d, nil).Cancel(t.Context(), k.Buyer.Scope, order.Ref(o.ID), "key_test")
	ordertest.Must(t, err)
	firstIsUnknown(k.Fixture, "UPDATE ON orders", "NEW.cancel_due_at > OLD.cancel_due_at", "WARNING")
	for range 2 {
		_, err := k.actor.Cancels(t.Context())
		ordertest.Must(t, err)
		k.actor.Drain()
	}
	if now := k.Order(o.ID); now.CancelState != order.CancelForwarded {
		t.Errorf("the wish is %s: %s", now.CancelState, k.trail(o))
	}
}

// A claim of unknown outcome that was undone is not taken back from the node that has
// the refill since and is asking for it.
func TestARefillIsNotPutBackUnderAnother(t *testing.T) {
	t.Parallel()
	k, _, refill := refilling(t)
	log := k.listen()
	firstIsUnknown(k.Fixture, "UPDATE ON refills", "NEW.ever_unknown", "EXCEPTION")
	k.Exec(`CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'away'; END $$`)
	k.Exec(`CREATE TRIGGER away BEFORE UPDATE ON refills FOR EACH ROW WHEN (NEW.due_at < OLD.due_at) EXECUTE FUNCTION away()`)
	_, err := k.actor.Refills(t.Context())
	ordertest.Must(t, err)
	log.until(t, "WARN not stored yet")
	k.Exec(`UPDATE refills SET due_at = due_at + 3600000000, ever_unknown = TRUE`)
	theirs := refill()
	k.Exec(`DROP TRIGGER away ON refills`)
	k.actor.Drain()
	if r := refill(); !r.EverUnknown || !r.DueAt.Equal(theirs.DueAt) {
		t.Errorf("asked for: %v, due at %s, want it as the other node has it: %s", r.EverUnknown, r.DueAt, theirs.DueAt)
	}
	if n := k.refillsAsked(); n != 0 {
		t.Errorf("it was asked for %d times here, want none", n)
	}
}

// A program that ends while the database is away does not wait without end for what
// a provider said to a refill: its claim runs out, and a person is asked.
func TestDrainGivesUpAnAnswerToARefill(t *testing.T) {
	t.Parallel()
	k, o, _ := refilling(t)
	log := k.listen()
	k.asksForWhatIsNotStored()
	k.actor.Drain()
	log.until(t, "ERROR not stored")
	k.d.AdvanceClock(10 * time.Minute)
	_, err := k.actor.Refills(t.Context())
	ordertest.Must(t, err)
	k.actor.Drain()
	if now := k.Order(o.ID); !strings.Contains(now.Attention, "nobody knows whether") || k.refillsAsked() != 1 {
		t.Errorf("attention %q, asked for %d times", now.Attention, k.refillsAsked())
	}
}

// A program that ends while the database hangs does not wait for reports to be stored,
// one after the other: they are asked for again.
func TestDrainGivesUpReports(t *testing.T) {
	t.Parallel()
	k := newStage(t, dbtest.Open(t, db.Postgres), provider.Classic)
	o := k.order("complete")
	k.play(func() bool { return k.Order(o.ID).State == order.Processing })
	k.Exec(`CREATE SEQUENCE tries`)
	k.Exec(`CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF nextval('tries') = 1 THEN PERFORM pg_sleep(60); END IF; RETURN NEW; END $$`)
	k.Exec(`CREATE TRIGGER hang BEFORE UPDATE ON orders FOR EACH ROW WHEN (NEW.state <> OLD.state) EXECUTE FUNCTION hang()`)
	k.ahead.Add(int64(time.Hour))
	k.d.AdvanceClock(time.Hour)
	_, err := k.follower.Pass(t.Context())
	ordertest.Must(t, err)
	if k.follower.Drain() {
		t.Error("the end waited for a report that can't be stored")
	}
	for !k.follower.Drain() { // the server ends what takes so long
	}
	k.d.AdvanceClock(24 * time.Hour)
	k.play(k.ended)
	if now := k.Order(o.ID); now.State != order.Completed {
		t.Errorf("the order is %s", now.State)
	}
}

// listen gives the stage's actor a log that the test reads.
func (k *stage) listen() told {
	log := make(told, 100)
	options := node(k.t(), k.d, k.Fixture)
	options.Log = slog.New(log)
	k.actor = fulfil.NewActor(options)
	return log
}
