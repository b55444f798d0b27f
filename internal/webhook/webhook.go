// Package webhook tells resellers' servers what happened: it keeps the endpoints
// that a key's user registered, turns events into deliveries and sends them,
// signed, until they arrive or are given up.
//
// At least once: a receiver may get an event again and knows it by its id. In
// order: of one order's events an endpoint gets the next only when the one before
// has arrived or was given up. Apart: each endpoint has lanes of its own, so that
// one which is slow or dead delays nobody else.
//
// What an event says is package event's business.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/secret"
)

// Bounds of what customers may have.
const (
	MaxPerKey   = 5  // endpoints of a key
	AddsPerHour = 20 // endpoints that a key adds in an hour
	TestsPerMin = 10 // test events of an account in a minute
	// MaxOverlap bounds how long a rotated secret still signs.
	MaxOverlap = 7 * 24 * time.Hour
	// UsualOverlap is how long it does where nothing else is said.
	UsualOverlap = 24 * time.Hour
)

// State is whether an endpoint is told.
type State string

// The states.
const (
	Active   State = "active"
	Disabled State = "disabled" // its events are kept as failed, and can be replayed
	Removed  State = "removed"
)

// Reason is why an endpoint is not active.
type Reason string

// The reasons.
const (
	ByOwner   Reason = "owner"
	Failing   Reason = "failing" // nothing but failures for days
	Gone      Reason = "gone"    // it answered 410
	KeyEnded  Reason = "revoked"
	NoReason  Reason = ""
	keyActive        = `revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)`
)

// Endpoint is where events are sent.
type Endpoint struct {
	ID            string
	KeyID         string
	AccountID     string
	Mode          ledger.Mode
	URL           string
	Events        []event.Type
	State         State
	Reason        Reason
	PreviousUntil time.Time // until then the secret before signs too; zero: it does not
	FailingSince  time.Time // the first failure since the last success; zero: none
	CreatedAt     time.Time
	UpdatedAt     time.Time

	sealed, sealedBefore string
}

// Wants reports whether the endpoint is subscribed to a type.
func (e *Endpoint) Wants(t event.Type) bool { return slices.Contains(e.Events, t) }

// Host is the server that the endpoint's address names.
func (e *Endpoint) Host() string {
	u, err := url.Parse(e.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// Owner is whose endpoints a call may see: those of an account, or of one of its
// keys alone.
type Owner struct {
	AccountID string
	KeyID     string // "": all keys of the account
}

// Notice is what the owner of an endpoint is told by mail.
type Notice string

// The notices.
const (
	NoticeAdded    Notice = "added"
	NoticeDisabled Notice = "disabled"
	NoticeGone     Notice = "gone"
)

// Store keeps endpoints and the log of their deliveries.
type Store struct {
	// CheckURL holds an address against what may be called, and returns it as it
	// is kept. Its refusals are for the customer.
	CheckURL func(ctx context.Context, raw string) (string, error)
	// Tell queues a notice to the endpoint's owner in the transaction; nil tells
	// nobody.
	Tell func(tx *db.Tx, n Notice, e *Endpoint) error

	db   *db.DB
	ring *secret.Ring
}

// NewStore returns the endpoints of a database. Addresses are held against what
// customers may name on the open internet, until CheckURL is set to something
// else.
func NewStore(d *db.DB, ring *secret.Ring) *Store {
	return &Store{CheckURL: outbound.NewCustomer().CheckURL, db: d, ring: ring}
}

func (s *Store) tell(tx *db.Tx, n Notice, e *Endpoint) error {
	if s.Tell == nil {
		return nil
	}
	return s.Tell(tx, n, e)
}

// errNotFound answers for an endpoint or a delivery that is not there or somebody
// else's.
var errNotFound = fault.New(fault.NotFound, "Webhook not found")

const columns = `id, key_id, account_id, mode, url, events, state, reason, secret, previous_secret, previous_until,
	failing_since, created_at, updated_at`

func scan(s db.Scanner) (*Endpoint, error) {
	e := &Endpoint{}
	var events string
	err := s.Scan(&e.ID, &e.KeyID, &e.AccountID, &e.Mode, &e.URL, &events, &e.State, &e.Reason, &e.sealed, &e.sealedBefore,
		db.Time(&e.PreviousUntil), db.Time(&e.FailingSince), db.Time(&e.CreatedAt), db.Time(&e.UpdatedAt))
	for name := range strings.SplitSeq(events, ",") {
		e.Events = append(e.Events, event.Type(name))
	}
	return e, err
}

// ParseEvents reads a list of types with commas between. An empty one is the usual.
func ParseEvents(list string) ([]event.Type, error) {
	if strings.TrimSpace(list) == "" {
		return event.Usual(), nil
	}
	known := event.Types()
	var asked []event.Type
	for name := range strings.SplitSeq(list, ",") {
		t := event.Type(strings.TrimSpace(name))
		if !slices.Contains(known, t) {
			return nil, fault.Newf(fault.Invalid, "events must be of %s", joined(known)).Keeping("events must be of")
		}
		asked = append(asked, t)
	}
	return slices.DeleteFunc(known, func(t event.Type) bool { return !slices.Contains(asked, t) }), nil
}

func joined(all []event.Type) string {
	names := make([]string, len(all))
	for i, t := range all {
		names[i] = string(t)
	}
	return strings.Join(names, ",")
}

// Add registers an address for a key and returns the endpoint with its secret,
// which can't be shown again. The sixth of a key is refused.
func (s *Store) Add(ctx context.Context, by Owner, rawURL, events, actor string) (e *Endpoint, value string, err error) {
	types, err := ParseEvents(events)
	if err != nil {
		return nil, "", err
	}
	e = &Endpoint{ID: id.New(id.Webhook), KeyID: by.KeyID, AccountID: by.AccountID, Events: types, State: Active}
	// Who may add none lets no name be looked up.
	if err := s.db.Read(ctx, func(tx *db.Tx) error { return mayAdd(tx, e, "") }); err != nil {
		return nil, "", err
	}
	if e.URL, err = s.CheckURL(ctx, rawURL); err != nil {
		return nil, "", err
	}
	value = NewSecret()
	e.sealed = s.seal(e.ID, value)
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if err := mayAdd(tx, e, ` FOR NO KEY UPDATE OF k`); err != nil {
			return err
		}
		e.CreatedAt, e.UpdatedAt = tx.Now, tx.Now
		_, err := tx.Exec(`
			INSERT INTO webhook_endpoints (id, key_id, account_id, mode, url, events, state, secret, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`,
			e.ID, e.KeyID, e.AccountID, string(e.Mode), e.URL, joined(e.Events), string(e.State), e.sealed, db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("add webhook: %w", err)
		}
		if err := s.tell(tx, NoticeAdded, e); err != nil {
			return err
		}
		return account.Record(tx, actor, "webhook.add", e.ID, e.KeyID)
	})
	if err != nil {
		return nil, "", err
	}
	return e, value, nil
}

// mayAdd reports why a key can have no more endpoints. With the key's lock it can't
// be revoked meanwhile, and of two endpoints made at once the second counts the first.
func mayAdd(tx *db.Tx, e *Endpoint, lock string) error {
	var usable bool
	var confirmed *int64
	err := tx.QueryRow(`SELECT k.mode, `+keyActive+`, a.email_verified_at FROM api_keys k JOIN accounts a ON a.id = k.account_id
		WHERE k.id = $1 AND k.account_id = $3`+lock, e.KeyID, db.At(tx.Now), e.AccountID).Scan(&e.Mode, &usable, &confirmed)
	switch {
	case errors.Is(err, db.ErrNoRows) || err == nil && !usable:
		return fault.New(fault.Unauthorized, "Invalid API key")
	case err != nil:
		return fmt.Errorf("lock key: %w", err)
	case confirmed == nil:
		return fault.New(fault.Forbidden, "Confirm the account's email address before you add a webhook")
	}
	var has int
	err = tx.QueryRow(`SELECT COUNT(*) FROM webhook_endpoints WHERE key_id = $1 AND state <> 'removed'`, e.KeyID).Scan(&has)
	if err != nil {
		return fmt.Errorf("count webhooks: %w", err)
	}
	if has >= MaxPerKey {
		return fault.Newf(fault.Conflict, "A key can have %d webhooks: remove one first", MaxPerKey).Because(TooMany)
	}
	// The owner is mailed of each.
	err = tx.QueryRow(`SELECT COUNT(*) FROM webhook_endpoints WHERE key_id = $1 AND created_at > $2`,
		e.KeyID, db.At(tx.Now.Add(-time.Hour))).Scan(&has)
	if err != nil {
		return fmt.Errorf("count webhooks: %w", err)
	}
	if has >= AddsPerHour {
		return fault.Newf(fault.Conflict, "A key can add %d webhooks an hour", AddsPerHour).Because(TooManyAdds)
	}
	return nil
}

// List returns an owner's endpoints, the oldest first, and the latest delivery of
// each that has one.
func (s *Store) List(ctx context.Context, by Owner) (all []*Endpoint, latest map[string]Delivery, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		latest = map[string]Delivery{}
		all, err = db.All(tx, scan, `SELECT `+columns+` FROM webhook_endpoints
			WHERE account_id = $1 AND ($2 = '' OR key_id = $2) AND state <> 'removed' ORDER BY id`, by.AccountID, by.KeyID)
		if err != nil {
			return fmt.Errorf("list webhooks: %w", err)
		}
		args := make([][]any, len(all))
		for i, e := range all {
			args[i] = []any{e.ID}
		}
		return tx.QueryMany(func(i int, s db.Scanner) error {
			d, err := scanDelivery(s)
			latest[all[i].ID] = d
			return err
		}, `SELECT `+deliveryColumns+` FROM webhook_deliveries d WHERE d.endpoint_id = $1 ORDER BY d.id DESC LIMIT 1`, args)
	})
	return all, latest, err
}

// Get returns one endpoint of an owner.
func (s *Store) Get(ctx context.Context, by Owner, endpointID string) (e *Endpoint, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		e, err = find(tx, by, endpointID, "")
		return err
	})
	return e, err
}

// find reads an endpoint that was not removed; lock is "" or the lock's clause.
func find(tx *db.Tx, by Owner, endpointID, lock string) (*Endpoint, error) {
	if !id.Valid(id.Webhook, endpointID) {
		return nil, errNotFound
	}
	e, err := scan(tx.QueryRow(`SELECT `+columns+` FROM webhook_endpoints
		WHERE id = $1 AND account_id = $2 AND ($3 = '' OR key_id = $3) AND state <> 'removed'`+lock, endpointID, by.AccountID, by.KeyID))
	if errors.Is(err, db.ErrNoRows) {
		return nil, errNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find webhook: %w", err)
	}
	return e, nil
}

const forUpdate = ` FOR NO KEY UPDATE`

// change moves an owner's endpoint and records it.
func (s *Store) change(ctx context.Context, by Owner, endpointID, action, actor string, move func(*db.Tx, *Endpoint) error) (e *Endpoint, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if e, err = find(tx, by, endpointID, forUpdate); err != nil {
			return err
		}
		if err := move(tx, e); err != nil {
			return err
		}
		tx.Ring(endpointsBell)
		return account.Record(tx, actor, action, e.ID, e.KeyID)
	})
	return e, err
}

// setState writes the state of a locked endpoint.
func setState(tx *db.Tx, e *Endpoint, to State, why Reason) error {
	e.State, e.Reason, e.UpdatedAt = to, why, tx.Now
	_, err := tx.Exec(`UPDATE webhook_endpoints SET state = $2, reason = $3, failing_since = NULL, updated_at = $4 WHERE id = $1`,
		e.ID, string(to), string(why), db.At(tx.Now))
	if err != nil {
		return fmt.Errorf("webhook %s to %s: %w", e.ID, to, err)
	}
	tx.Ring(event.Bell) // what waits for it is done with
	tx.Ring(endpointsBell)
	return nil
}

// Remove takes an endpoint away for good: nothing more is sent there.
func (s *Store) Remove(ctx context.Context, by Owner, endpointID, actor string) error {
	_, err := s.change(ctx, by, endpointID, "webhook.remove", actor, func(tx *db.Tx, e *Endpoint) error {
		return setState(tx, e, Removed, ByOwner)
	})
	return err
}

// Disable stops deliveries until Enable. Events that come meanwhile are kept as
// failed, so that they can be replayed.
func (s *Store) Disable(ctx context.Context, by Owner, endpointID, actor string) error {
	_, err := s.change(ctx, by, endpointID, "webhook.disable", actor, func(tx *db.Tx, e *Endpoint) error {
		return setState(tx, e, Disabled, ByOwner)
	})
	return err
}

// Enable lets events be sent again.
func (s *Store) Enable(ctx context.Context, by Owner, endpointID, actor string) error {
	_, err := s.change(ctx, by, endpointID, "webhook.enable", actor, func(tx *db.Tx, e *Endpoint) error {
		return setState(tx, e, Active, NoReason)
	})
	return err
}

// Choose changes what an endpoint is told.
func (s *Store) Choose(ctx context.Context, by Owner, endpointID, events, actor string) error {
	types, err := ParseEvents(events)
	if err != nil {
		return err
	}
	_, err = s.change(ctx, by, endpointID, "webhook.events", actor, func(tx *db.Tx, e *Endpoint) error {
		_, err := tx.Exec(`UPDATE webhook_endpoints SET events = $2, updated_at = $3 WHERE id = $1`, e.ID, joined(types), db.At(tx.Now))
		return err
	})
	return err
}

// Rotate gives an endpoint a new secret and returns it. For the overlap
// deliveries are signed with the one before as well.
func (s *Store) Rotate(ctx context.Context, by Owner, endpointID string, overlap time.Duration, actor string) (e *Endpoint, value string, err error) {
	if overlap < 0 || overlap > MaxOverlap {
		return nil, "", fault.Newf(fault.Invalid, "overlap must be between 0 and %d hours", int(MaxOverlap.Hours()))
	}
	value = NewSecret()
	e, err = s.change(ctx, by, endpointID, "webhook.rotate", actor, func(tx *db.Tx, e *Endpoint) error {
		var usable bool
		err := tx.QueryRow(`SELECT `+keyActive+` FROM api_keys WHERE id = $1 FOR NO KEY UPDATE`, e.KeyID, db.At(tx.Now)).Scan(&usable)
		if err != nil {
			return fmt.Errorf("lock key: %w", err)
		}
		if !usable {
			return fault.New(fault.Unauthorized, "Invalid API key")
		}
		before := ""
		e.PreviousUntil = time.Time{}
		if overlap > 0 {
			plain, err := s.open(e.ID, "secret", e.sealed)
			if err != nil {
				return err
			}
			before, e.PreviousUntil = s.ring.Seal([]byte(plain), table, "previous_secret", e.ID), tx.Now.Add(overlap)
		}
		e.sealed, e.sealedBefore = s.seal(e.ID, value), before
		_, err = tx.Exec(`UPDATE webhook_endpoints SET secret = $2, previous_secret = $3, previous_until = $4, updated_at = $5 WHERE id = $1`,
			e.ID, e.sealed, e.sealedBefore, db.At(e.PreviousUntil), db.At(tx.Now))
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return e, value, nil
}

// KeyRevoked removes the endpoints of a key that has ended, in the transaction
// that ends it.
func KeyRevoked(tx *db.Tx, keyID string) error {
	n, err := tx.Exec(`UPDATE webhook_endpoints SET state = 'removed', reason = 'revoked', updated_at = $2 WHERE key_id = $1 AND state <> 'removed'`,
		keyID, db.At(tx.Now))
	if err != nil {
		return fmt.Errorf("webhooks of %s: %w", keyID, err)
	}
	if n > 0 {
		tx.Ring(event.Bell)
		tx.Ring(endpointsBell)
	}
	return nil
}

// Test sends an endpoint a ping and returns the delivery's id. One that was
// disabled because it failed is told again once it answers well.
func (s *Store) Test(ctx context.Context, by Owner, endpointID string) (deliveryID string, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		// Of tests at the same moment the second counts the first, whichever webhooks
		// they are for.
		if _, err := tx.Exec(`SELECT 1 FROM accounts WHERE id = $1`+forUpdate, by.AccountID); err != nil {
			return fmt.Errorf("lock account: %w", err)
		}
		e, err := find(tx, by, endpointID, forUpdate)
		if err != nil {
			return err
		}
		var recent int
		err = tx.QueryRow(`SELECT COUNT(*) FROM webhook_events WHERE account_id = $1 AND type = 'ping' AND created_at > $2`,
			by.AccountID, db.At(tx.Now.Add(-time.Minute))).Scan(&recent)
		if err != nil {
			return fmt.Errorf("count tests: %w", err)
		}
		if recent >= TestsPerMin {
			return fault.Newf(fault.Conflict, "Webhooks can be tested %d times a minute", TestsPerMin).Because(TooManyTests)
		}
		ping := event.Event{
			ID: id.New(id.Event), Scope: event.Scope{AccountID: e.AccountID, Mode: e.Mode}, Type: event.Ping, Data: event.Endpoint{Webhook: e.ID},
		}
		deliveryID, err = sendAlone(tx, e, ping)
		return err
	})
	return deliveryID, err
}

// sendAlone writes an event for one endpoint.
func sendAlone(tx *db.Tx, e *Endpoint, one event.Event) (deliveryID string, err error) {
	if err := event.Tell(tx, map[event.Scope]event.Listener{one.Scope: {Webhooks: true}}, one); err != nil {
		return "", err
	}
	if _, err := tx.Exec(`UPDATE webhook_events SET fanned_at = $2 WHERE id = $1`, one.ID, db.At(tx.Now)); err != nil {
		return "", fmt.Errorf("write ping: %w", err)
	}
	deliveryID = id.New(id.Delivery)
	row := delivering{id: deliveryID, endpointID: e.ID, eventID: one.ID, eventType: one.Type, due: tx.Now}.row(tx.Now)
	return deliveryID, tx.ExecMany(insertDelivery, [][]any{row})
}
