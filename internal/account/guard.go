package account

import "github.com/notpanel/notpanel/internal/db"

// Guard says, in the transaction of a deed, whether who asks may do it to an account.
// It is asked when all but the row of the audit log is written, and what it refuses
// is undone. Nil lets everybody: who reads the database's file is the owner.
type Guard func(tx *db.Tx, accountID string) error

// Allow asks the guard.
func (g Guard) Allow(tx *db.Tx, accountID string) error {
	if g == nil {
		return nil
	}
	return g(tx, accountID)
}

// Under returns the store whose changes of accounts a guard lets through.
func (s *Store) Under(g Guard) *Store {
	guarded := *s
	guarded.guard = g
	return &guarded
}

// record is Record for a deed that the guard may refuse. As the guard may lock the
// log's head, it comes as late.
func (s *Store) record(tx *db.Tx, actor, action, accountID, detail string) error {
	if err := s.guard.Allow(tx, accountID); err != nil {
		return err
	}
	return Record(tx, actor, action, accountID, detail)
}
