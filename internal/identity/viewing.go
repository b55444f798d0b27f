package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/staff"
)

// ViewFor is how long staff may look at the pages as a customer before they have to
// ask, and be recorded, again.
const ViewFor = 30 * time.Minute

// Why nobody looks on as somebody, or does nothing while they do.
const (
	OnlyViewed fault.Reason = "only_viewed"
	NoViewing  fault.Reason = "no_viewing"
)

// Viewer is who looks at the pages as a customer. They can change nothing there.
type Viewer struct {
	AccountID string
	Email     string
	Until     time.Time
	// Permissions are what they may do beside looking on.
	Permissions staff.Set
}

// viewing is what a session says of whom it looks on as.
type viewing struct {
	accountID string
	until     time.Time
}

func onlyViewed() error {
	return fault.New(fault.Forbidden, "Who looks at the pages as a customer changes nothing there").Because(OnlyViewed)
}

// asSeen returns who the pages are shown as: the customer, while somebody looks at
// them who still may; else who is signed in.
func (p *People) asSeen(tx *db.Tx, who Person, as viewing) (Person, error) {
	if as.accountID == "" || !as.until.After(tx.Now) || p.MustEnrol(who) || !who.Permissions.Has(staff.AccountsView) {
		return who, nil
	}
	seen, err := readPerson(tx, as.accountID)
	if err != nil || seen.Role != account.Customer {
		return who, err
	}
	seen.Viewer = &Viewer{AccountID: who.AccountID, Email: who.Email, Until: as.until, Permissions: who.Permissions}
	seen.SessionID = who.SessionID
	seen.Preferences = who.Preferences // they read in their own language
	return seen, nil
}

// View lets staff look at the pages as a customer for ViewFor. Nobody looks on as
// staff, and both names are in the audit log.
func (p *People) View(ctx context.Context, accountID string) error {
	v, err := p.current(ctx)
	if err != nil {
		return err
	}
	return p.write(ctx, v, func(tx *db.Tx) error {
		may, err := staff.Of(tx, v.person.AccountID)
		if err != nil {
			return err
		}
		who, err := readPerson(tx, v.person.AccountID)
		if err != nil {
			return err
		}
		if !may.Has(staff.AccountsView) || p.MustEnrol(who) {
			return fault.New(fault.Forbidden, "Staff only").Because(NoViewing)
		}
		seen, err := readPerson(tx, accountID)
		if errors.Is(err, db.ErrNoRows) {
			return fault.New(fault.NotFound, "No such account")
		}
		if err != nil {
			return err
		}
		if seen.Role != account.Customer {
			return fault.New(fault.Conflict, "Nobody looks at the pages as staff").Because(NoViewing)
		}
		until := tx.Now.Add(ViewFor)
		_, err = tx.Exec(`UPDATE sessions SET viewing = $2, viewing_until = $3 WHERE id = $1`, v.person.SessionID, seen.AccountID, db.At(until))
		if err != nil {
			return fmt.Errorf("look on as %s: %w", seen.AccountID, err)
		}
		return account.Record(tx, who.AccountID, "account.view", seen.AccountID, fmt.Sprintf("%s as %s until %s", who.Email, seen.Email, until.Format(time.RFC3339)))
	})
}

// EndView ends looking at the pages as a customer, and returns which one it was; ""
// where nobody does.
func (p *People) EndView(ctx context.Context) (accountID string, err error) {
	v := visitOf(ctx)
	if !v.signedIn || v.person.Viewer == nil {
		return "", nil
	}
	err = p.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE sessions SET viewing = NULL, viewing_until = NULL WHERE id = $1`, v.person.SessionID)
		if err != nil {
			return fmt.Errorf("end looking on: %w", err)
		}
		return account.Record(tx, v.person.Viewer.AccountID, "account.view_end", v.person.AccountID, v.person.Viewer.Email+" as "+v.person.Email)
	})
	return v.person.AccountID, err
}
