package staff

import (
	"errors"
	"fmt"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// NotHeld is why a deed is refused whose permission the actor does not hold, or not
// any more.
const NotHeld fault.Reason = "permission_not_held"

// Over lets an actor act upon accounts who holds the permission for it at that moment.
// It keeps everybody but owners from their own account, and from those of staff who
// hold what they do not; nobody but an owner reaches an owner's.
func Over(by Actor, needs Permission) account.Guard {
	return func(tx *db.Tx, accountID string) error {
		own, isOwner, err := holds(tx, by, needs)
		if err != nil || isOwner {
			return err
		}
		if accountID == by.AccountID {
			return yourself()
		}
		role, err := roleOf(tx, accountID)
		if err != nil {
			return err
		}
		has, err := held(tx, accountID)
		if err != nil {
			return err
		}
		if role == account.Owner || !own.Covers(has) {
			return fault.New(fault.Forbidden, "Who has the account may do more than you may").Because(Beyond)
		}
		return nil
	}
}

// ForOthers lets an actor decide for every account but their own, which only owners
// decide for.
func ForOthers(by Actor, needs Permission) account.Guard {
	return func(tx *db.Tx, accountID string) error {
		_, isOwner, err := holds(tx, by, needs)
		if err == nil && !isOwner && accountID == by.AccountID {
			return yourself()
		}
		return err
	}
}

// Still lets a deed go on whose actor holds the permission for it at that moment.
func Still(by Actor, needs Permission) func(tx *db.Tx) error {
	return func(tx *db.Tx) error {
		_, _, err := holds(tx, by, needs)
		return err
	}
}

func yourself() error {
	return fault.New(fault.Forbidden, "Nobody but an owner does this to their own account").Because(Yourself)
}

// holds refuses an actor who does not hold a permission now. It locks what changes of
// roles lock, so that it stays so until the deed is recorded.
func holds(tx *db.Tx, by Actor, needs Permission) (own Set, isOwner bool, err error) {
	if own, err = lock(tx, by); err != nil {
		return "", false, err
	}
	if !own.Has(needs) {
		return "", false, fault.New(fault.Forbidden, "Your role does not hold this").Because(NotHeld)
	}
	role, err := roleOf(tx, by.AccountID)
	return own, role == account.Owner, err
}

func roleOf(tx *db.Tx, accountID string) (role account.Role, err error) {
	err = tx.QueryRow(`SELECT `+account.RoleColumn+` FROM accounts a WHERE a.id = $1`, accountID).Scan(&role)
	if errors.Is(err, db.ErrNoRows) {
		return "", fault.New(fault.NotFound, "Account not found")
	}
	if err != nil {
		return "", fmt.Errorf("role of %s: %w", accountID, err)
	}
	return role, nil
}
