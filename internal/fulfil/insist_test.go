package fulfil_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// told is a log of which the test reads each line.
type told chan string

func (l told) Enabled(context.Context, slog.Level) bool { return true }
func (l told) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l told) WithGroup(string) slog.Handler            { return l }

func (l told) Handle(_ context.Context, r slog.Record) error {
	l <- r.Level.String() + " " + r.Message
	return nil
}

// listen gives the desk's forwarder a log that the test reads.
func (k *desk) listen() told {
	log := make(told, 100)
	k.options.Log = slog.New(log)
	k.forwarder = fulfil.NewForwarder(k.options)
	return log
}

// until waits for a line of the log and returns those before it.
func (l told) until(t *testing.T, line string) (before []string) {
	t.Helper()
	for late := time.After(time.Minute); ; {
		select {
		case said := <-l:
			if said == line {
				return before
			}
			before = append(before, said)
		case <-late:
			t.Fatalf("the log never says %q, but %q", line, before)
		}
	}
}

// firstIsUnknown lets the first commit that changes a table so have an unknown outcome:
// WARNING commits it, EXCEPTION undoes it.
func firstIsUnknown(k *ordertest.Fixture, change, when, level string) {
	k.T.Helper()
	k.Exec(`CREATE SEQUENCE commits`)
	k.Exec(`CREATE FUNCTION first_is_unknown() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF ` + when + ` AND nextval('commits') = 1 THEN RAISE ` + level + ` 'no standby'; END IF; RETURN NULL; END $$`)
	k.Exec(`CREATE CONSTRAINT TRIGGER at_commit AFTER ` + change + ` DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION first_is_unknown()`)
}

// What a provider answered while the database was away is written when it is back,
// however long that took: also after the lease ran out and the order became uncertain.
func TestAnOutcomeOutlastsTheLease(t *testing.T) {
	t.Parallel()
	k := newDesk(t, dbtest.Open(t, db.Postgres))
	log := k.listen()
	o := k.Place("r", "https://example.com/a", 1000)
	k.Exec(`CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'away'; END $$`)
	k.upstream.Add(func(w http.ResponseWriter, r *http.Request, form url.Values) {
		k.Exec(`CREATE TRIGGER away BEFORE UPDATE ON submissions FOR EACH ROW WHEN (NEW.outcome <> 'unknown') EXECUTE FUNCTION away()`)
		k.upstream.Accept(w, r, form)
	})
	_, err := k.forwarder.Pass(t.Context())
	ordertest.Must(t, err)
	log.until(t, "WARN not stored yet")
	k.options.DB.AdvanceClock(timeout + 2*time.Minute)
	_, err = fulfil.NewRecoverer(k.options.DB, slog.New(slog.DiscardHandler)).Pass(t.Context())
	ordertest.Must(t, err)
	k.want(o, order.Uncertain, "0.00")
	k.Exec(`DROP TRIGGER away ON submissions`)
	if before := log.until(t, "INFO order sent"); len(before) != 0 {
		t.Errorf("the log tells of each try: %q", before)
	}
	k.forwarder.Drain()
	k.want(o, order.Processing, "0.00")
}

// A program that ends while the database is away does not wait for it without end,
// and says once what it could not store.
func TestDrainGivesUpWhatCanNotBeStored(t *testing.T) {
	t.Parallel()
	k := newDesk(t, dbtest.Open(t, db.Postgres))
	log := k.listen()
	k.Place("r", "https://example.com/a", 1000)
	k.upstream.Add(func(w http.ResponseWriter, r *http.Request, form url.Values) {
		k.Exec(`ALTER TABLE submissions RENAME TO away`)
		k.upstream.Accept(w, r, form)
	})
	_, err := k.forwarder.Pass(t.Context())
	ordertest.Must(t, err)
	log.until(t, "WARN not stored yet")
	if k.forwarder.Drain() {
		t.Error("Drain says that all was stored")
	}
	if before := log.until(t, "ERROR not stored"); len(before) != 0 {
		t.Errorf("the log says before: %q", before)
	}
	k.forwarder.Drain() // nothing is under way any more
	if len(log) != 0 {
		t.Errorf("the log goes on: %q", <-log)
	}
}

// A claim of which nothing was sent is withdrawn also when its lease ran out before
// the database was back; but what a person has settled meanwhile stays settled.
func TestAWithdrawalOutlastsTheLease(t *testing.T) {
	t.Parallel()
	for name, settled := range map[string]bool{"nobody settled it": false, "a person settled it": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newDesk(t, dbtest.Open(t, db.Postgres))
			log, ctx := k.listen(), t.Context()
			firstIsUnknown(k.Fixture, "INSERT ON submissions", "TRUE", "WARNING")
			k.Exec(`CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'away'; END $$`)
			k.Exec(`CREATE TRIGGER away BEFORE UPDATE ON submissions FOR EACH ROW WHEN (NEW.outcome = 'not_sent') EXECUTE FUNCTION away()`)
			o := k.Place("r", "https://example.com/a", 1000)
			if _, err := k.forwarder.Pass(ctx); !errors.Is(err, db.ErrOutcomeUnknown) {
				t.Fatalf("Pass = %v, want an unknown outcome", err)
			}
			log.until(t, "WARN not stored yet")
			k.options.DB.AdvanceClock(timeout + 2*time.Minute)
			_, err := fulfil.NewRecoverer(k.options.DB, slog.New(slog.DiscardHandler)).Pass(ctx)
			ordertest.Must(t, err)
			k.want(o, order.Uncertain, "0.00")
			if settled {
				_, err := fulfil.NewSettler(k.options.DB).Settle(ctx, o.ID, fulfil.Settlement{How: fulfil.CancelIt, Actor: "test"})
				ordertest.Must(t, err)
			}
			k.Exec(`DROP TRIGGER away ON submissions`)
			k.forward()
			k.forward()
			if settled {
				k.want(o, order.Canceled, "2.00")
				if n := len(k.upstream.Adds()); n != 0 {
					t.Errorf("the provider was sent %d orders, want none", n)
				}
				return
			}
			k.want(o, order.Processing, "0.00")
			if n := len(k.upstream.Adds()); n != 1 {
				t.Errorf("the provider was sent %d orders, want 1", n)
			}
		})
	}
}

// An order whose cancel is wished while its claim is being withdrawn is canceled, with
// its money back, once.
func TestAWishMeetsAWithdrawal(t *testing.T) {
	t.Parallel()
	k := newDesk(t, dbtest.Open(t, db.Postgres))
	firstIsUnknown(k.Fixture, "INSERT ON submissions", "TRUE", "WARNING")
	k.Exec(`CREATE FUNCTION wished() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN NEW.cancel_wish_at := 1; NEW.cancel_state := 'wished'; RETURN NEW; END $$`)
	k.Exec(`CREATE TRIGGER wish BEFORE UPDATE ON orders FOR EACH ROW WHEN (NEW.state = 'submitting') EXECUTE FUNCTION wished()`)
	o := k.Place("r", "https://example.com/a", 1000)
	if _, err := k.forwarder.Pass(t.Context()); !errors.Is(err, db.ErrOutcomeUnknown) {
		t.Errorf("Pass = %v, want an unknown outcome", err)
	}
	k.forwarder.Drain()
	k.want(o, order.Canceled, "2.00")
	if n := len(k.upstream.Adds()); n != 0 {
		t.Errorf("the provider was sent %d orders, want none", n)
	}
}
