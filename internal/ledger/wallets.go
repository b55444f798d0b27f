package ledger

import (
	"errors"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
)

// PlayMoney is what a test wallet begins with.
const PlayMoney = 1000 * money.Unit

// PlayKept is how long test orders are kept after their end. Their transfers stay.
const PlayKept = 30 * 24 * time.Hour

// CreateWallets gives a new account its two wallets; the test wallet begins with
// 1,000.00 of play money.
func CreateWallets(tx *db.Tx, accountID string) error {
	var testWallet string
	for _, mode := range []Mode{Live, Test} {
		testWallet = id.New(id.Wallet)
		_, err := tx.Exec(`
			INSERT INTO wallets (id, account_id, mode, balance, seq, last_number, first_number)
			SELECT $1, $2, $3, 0, 0, first_number, first_number FROM panel WHERE id = 1`, testWallet, accountID, string(mode))
		if err != nil {
			return fmt.Errorf("create wallet: %w", err)
		}
	}
	b, err := Open(tx, testWallet)
	if err != nil {
		return err
	}
	err = b.Move(Transfer{
		Kind: Opening, Ref: testWallet, Debit: Bonus.Account(Test), Credit: testWallet,
		Amount: PlayMoney, Memo: "Play money", Actor: "panel",
	})
	if err != nil {
		return err
	}
	return b.Flush()
}

// SetClosed closes wallets that the transaction has locked, or opens them again.
func SetClosed(tx *db.Tx, closed bool, walletIDs ...string) error {
	if _, err := tx.Exec(`UPDATE wallets SET closed = $2 WHERE id = ANY($1) AND closed <> $2`, walletIDs, closed); err != nil {
		return fmt.Errorf("close wallets: %w", err)
	}
	return nil
}

// WalletID returns the id of an account's wallet.
func WalletID(tx *db.Tx, accountID string, mode Mode) (string, error) {
	var walletID string
	err := tx.QueryRow(`SELECT id FROM wallets WHERE account_id = $1 AND mode = $2`,
		accountID, string(mode)).Scan(&walletID)
	if errors.Is(err, db.ErrNoRows) {
		return "", fault.New(fault.NotFound, "Account not found")
	}
	return walletID, err
}

// Balance returns what a wallet holds.
func Balance(tx *db.Tx, walletID string) (money.Amount, error) {
	var balance money.Amount
	err := tx.QueryRow(`SELECT balance FROM wallets WHERE id = $1`, walletID).Scan(&balance)
	if err != nil {
		return 0, fmt.Errorf("balance of %s: %w", walletID, err)
	}
	return balance, nil
}

// AlmostFull is a wallet whose order or refill numbers are nearly used up.
type AlmostFull struct {
	WalletID, AccountID string
	Last                int64 // the highest number given
}

// NumbersAlmostUsed lists the wallets that have used more than 80 % of their
// numbers: above that there is time to act, at the end nobody can order any more.
func NumbersAlmostUsed(tx *db.Tx) ([]AlmostFull, error) {
	const most = (1<<31 - 1) / 5 * 4
	all, err := db.All(tx, func(s db.Scanner) (a AlmostFull, err error) {
		err = s.Scan(&a.WalletID, &a.AccountID, &a.Last)
		return a, err
	}, `
		SELECT id, account_id, CASE WHEN last_refill > last_number THEN last_refill ELSE last_number END
		FROM wallets WHERE last_number > $1 OR last_refill > $1 ORDER BY id`, most)
	if err != nil {
		return nil, fmt.Errorf("numbers of wallets: %w", err)
	}
	return all, nil
}
