package webhook_test

import (
	"fmt"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/webhook/webhooktest"
)

// A program that ends while the database hangs does not wait for outcomes to be stored,
// one after the other: what was sent is sent again.
func TestDrainGivesUpOutcomes(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Open(t, db.Postgres))
	r := webhooktest.New(t)
	s.add(r, "")
	s.Exec(`CREATE SEQUENCE tries`)
	s.Exec(`CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF nextval('tries') = 1 THEN PERFORM pg_sleep(60); END IF; -- the server ends what takes so long
		RAISE EXCEPTION 'away' USING ERRCODE = 'query_canceled'; END $$`)
	s.Exec(`CREATE TRIGGER hang BEFORE INSERT ON webhook_attempts FOR EACH STATEMENT EXECUTE FUNCTION hang()`)
	stop := s.send(1)
	const deliveries = 6
	for i := range deliveries {
		s.Place(fmt.Sprint("order", i), fmt.Sprint("https://example.com/", i), 100)
	}
	r.Wait(t, deliveries)
	stop()
	// What was sent first, and then all that came meanwhile, at once.
	if n := s.count(`SELECT last_value FROM tries`); n > 2 {
		t.Errorf("it tried to store outcomes %d times, want 2 at most", n)
	}
	if n := s.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'pending'`); n != deliveries {
		t.Errorf("%d deliveries wait to be sent again, want %d", n, deliveries)
	}
}
