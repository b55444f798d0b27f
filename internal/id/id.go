// Package id makes the identifiers of the panel: a prefix that names the kind
// and a ULID, as in ord_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9. They sort by their time.
package id

import (
	"crypto/rand"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/notpanel/notpanel/internal/clock"
)

// Prefix names the kind of thing an id belongs to.
type Prefix string

// The prefixes in use.
const (
	Account    Prefix = "acc_"
	Wallet     Prefix = "wal_"
	Transfer   Prefix = "trf_"
	Key        Prefix = "key_"
	Order      Prefix = "ord_"
	Submission Prefix = "sub_"
	Provider   Prefix = "prv_"
	Category   Prefix = "cat_"
	Request    Prefix = "req_"
	Refill     Prefix = "ref_"
	Session    Prefix = "ses_"
	SignIn     Prefix = "sin_"
	Passkey    Prefix = "pky_"
	Mail       Prefix = "mail_"
	Webhook    Prefix = "whk_" // an endpoint
	Event      Prefix = "evt_"
	Delivery   Prefix = "dlv_"
	Payment    Prefix = "pay_"
	Post       Prefix = "pst_" // of the blog
	Announced  Prefix = "ann_" // an announcement
	Giveaway   Prefix = "gvw_"
	Mass       Prefix = "mas_" // many orders that are sent together
	StaffRole  Prefix = "rol_"
	Note       Prefix = "not_" // of staff about an account
	List       Prefix = "lst_" // a reading of a provider's list
	BulkWork   Prefix = "blk_"
	Notice     Prefix = "ntc_"
	Classic    Prefix = "c_" // the request id that a request without one gets
)

// ulidLength is the number of characters of a ULID.
const ulidLength = 26

// source gives ids that grow, whatever the clock does.
type source struct {
	mu      sync.Mutex
	now     clock.Clock
	entropy io.Reader
	ms      uint64 // the time in the last id
}

func (s *source) next() ulid.ULID {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A clock that was set back must not make ids that sort before older ones.
	s.ms = max(s.ms, ulid.Timestamp(s.now()))
	u, err := ulid.New(s.ms, s.entropy)
	if err == nil {
		return u
	}
	// The entropy has no larger value in this millisecond: borrow from the next.
	s.ms++
	return ulid.MustNew(s.ms, s.entropy)
}

//nolint:gochecknoglobals // one monotonic source for the process, guarded by its own lock
var ids = &source{now: clock.System, entropy: ulid.Monotonic(rand.Reader, 0)}

// New returns a fresh id. Ids made by one process never repeat and sort in the
// order they were made.
func New(p Prefix) string { return string(p) + ids.next().String() }

// Valid reports whether s has the form of an id with that prefix.
func Valid(p Prefix, s string) bool {
	rest, ok := strings.CutPrefix(s, string(p))
	if !ok || len(rest) != ulidLength {
		return false
	}
	_, err := ulid.ParseStrict(rest)
	return err == nil
}

// Time returns the moment at which a valid id was made.
func Time(p Prefix, s string) (time.Time, bool) {
	if !Valid(p, s) {
		return time.Time{}, false
	}
	u := ulid.MustParseStrict(strings.TrimPrefix(s, string(p)))
	return ulid.Time(u.Time()).UTC(), true
}

// First returns the lowest id that could have been made at a moment: what was made
// before it sorts below.
func First(p Prefix, t time.Time) string {
	var u ulid.ULID
	if err := u.SetTime(ulid.Timestamp(t)); err != nil {
		return string(p) // out of range: before everything
	}
	return string(p) + u.String()
}
