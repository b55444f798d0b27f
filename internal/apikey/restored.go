package apikey

import (
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
)

// RevokeEvery ends the keys of all accounts in the caller's transaction and reports how
// many there were: of a restored copy nobody knows which were revoked since. The caller
// moves the auth epoch.
func (s *Store) RevokeEvery(tx *db.Tx, actor string) (revoked int, err error) {
	accounts, err := db.All(tx, func(s db.Scanner) (accountID string, err error) {
		err = s.Scan(&accountID)
		return accountID, err
	}, `SELECT DISTINCT account_id FROM api_keys WHERE revoked_at IS NULL ORDER BY account_id`)
	if err != nil {
		return 0, fmt.Errorf("find keys to revoke: %w", err)
	}
	for _, accountID := range accounts {
		keys, err := s.RevokeAll(tx, accountID, actor)
		if err != nil {
			return revoked, err
		}
		revoked += keys
	}
	return revoked, nil
}
