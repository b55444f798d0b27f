// Package account holds who may use the panel: customers and staff, their
// standing and their tier.
//
// It knows the ledger, because an account comes with its wallets. It does not
// know keys, orders or pages.
package account

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/plain"
)

// State says whether an account may act.
type State string

// The states.
const (
	Active    State = "active"
	Suspended State = "suspended"
	// Closed is by its owner. In the database such an account is suspended, and has a
	// time at which it was closed: what asks for active accounts need not know.
	Closed State = "closed"
)

// StateColumn is the state of the account a in a query.
const StateColumn = `CASE WHEN a.closed_at IS NOT NULL THEN 'closed' ELSE a.state END`

// Tier is a customer's price and limit class.
type Tier string

// The tiers.
const (
	Standard Tier = "standard"
	Reseller Tier = "reseller"
	Agency   Tier = "agency"
)

// Role says what an account may do beside ordering.
type Role string

// The roles.
const (
	Customer Role = "customer"
	Staff    Role = "staff" // what it may do is in package staff
	Owner    Role = "owner"
)

// Account is a person or a business with wallets.
type Account struct {
	ID        string
	Email     string
	State     State
	Tier      Tier
	Role      Role
	CreatedAt time.Time
}

const maxEmail = 254

// Store keeps accounts.
type Store struct {
	db    *db.DB
	guard Guard
}

// NewStore returns the accounts of d.
func NewStore(d *db.DB) *Store { return &Store{db: d} }

// CreateAct is what the audit log calls the making of an account. Each account
// has one such row.
const CreateAct = "account.create"

// Create adds an account with its two wallets. The e-mail address is kept in
// lower case, is unique and counts as verified: who makes accounts here vouches
// for it.
func (s *Store) Create(ctx context.Context, email, password string, role Role, actor string) (Account, error) {
	email, err := NormalEmail(email)
	if err != nil {
		return Account{}, err
	}
	if err := CheckPasswordLength(password); err != nil {
		return Account{}, err
	}
	if role != Customer && role != Owner {
		return Account{}, fault.Newf(fault.Invalid, "role must be %s or %s", Customer, Owner)
	}
	hash, err := HashPassword(password)
	if err != nil {
		return Account{}, err
	}
	a := Account{ID: id.New(id.Account), Email: email, State: Active, Tier: Standard, Role: role}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		a.CreatedAt = tx.Now
		created, err := Insert(tx, a, hash, tx.Now)
		if err != nil {
			return err
		}
		if !created {
			return fault.Newf(fault.Conflict, "an account with the e-mail address %s exists already", a.Email)
		}
		return Record(tx, actor, CreateAct, a.ID, a.Email+" as "+string(role))
	})
	return a, err
}

// Insert adds an account with its two wallets, or nothing where its address is
// taken. verifiedAt is zero while the address is not verified. The caller records
// CreateAct at the end of the transaction.
func Insert(tx *db.Tx, a Account, passwordHash string, verifiedAt time.Time) (created bool, err error) {
	created, err = tx.ExecOne(`
		INSERT INTO accounts (id, email, password_hash, state, tier, role, created_at, password_changed_at, email_verified_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8) ON CONFLICT (email) DO NOTHING`,
		a.ID, a.Email, passwordHash, string(a.State), string(a.Tier), string(a.Role), db.At(a.CreatedAt), db.At(verifiedAt))
	if err != nil {
		return false, fmt.Errorf("create account: %w", err)
	}
	if !created {
		return false, nil
	}
	return true, ledger.CreateWallets(tx, a.ID)
}

// NormalEmail returns an address in the form in which it is kept: in lower case,
// without spaces around it. Invalid answers what is no plain address, and what can't
// be mailed.
func NormalEmail(email string) (string, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	parsed, err := mail.ParseAddress(email)
	if err != nil || parsed.Address != email || len(email) > maxEmail || strings.ContainsFunc(email, unmailed) ||
		!isDomain(email[strings.LastIndexByte(email, '@')+1:]) {
		return "", fault.New(fault.Invalid, "email must be a plain address such as name@example.com")
	}
	return email, plain.Line("email", email)
}

// unmailed reports what could end a header or a command of mail, and characters that
// nobody sees: two addresses would look alike.
func unmailed(r rune) bool { return strings.ContainsRune(" <>,;:\"\\", r) || unicode.Is(unicode.Cf, r) }

// isDomain reports whether mail can go to a host of that name. A bare address in
// brackets is none.
func isDomain(name string) bool {
	const longest = 63 // bytes between two dots
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > longest || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			if r != '-' && !unicode.In(r, unicode.L, unicode.M, unicode.Nd) {
				return false
			}
		}
	}
	return true
}

// CheckPassword reports whether password is the account's.
func (s *Store) CheckPassword(ctx context.Context, accountID, password string) (bool, error) {
	var hash string
	err := s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT password_hash FROM accounts WHERE id = $1`, accountID).Scan(&hash)
	})
	if err != nil {
		return false, fmt.Errorf("password of %s: %w", accountID, err)
	}
	return SamePassword(password, hash)
}

// RoleColumn is the role of the account a: who has a staff role is no customer.
const RoleColumn = `CASE WHEN a.role = 'customer' AND a.staff_role IS NOT NULL THEN 'staff' ELSE a.role END`

const columns = `a.id, a.email, ` + StateColumn + `, a.tier, ` + RoleColumn + `, a.created_at`

func scan(s db.Scanner) (a Account, err error) {
	err = s.Scan(&a.ID, &a.Email, &a.State, &a.Tier, &a.Role, db.Time(&a.CreatedAt))
	return a, err
}

// Find returns the account with that id or e-mail address.
func (s *Store) Find(ctx context.Context, idOrEmail string) (a Account, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		a, err = find(tx, idOrEmail)
		return err
	})
	return a, err
}

func find(tx *db.Tx, idOrEmail string) (Account, error) {
	a, err := scan(tx.QueryRow(`SELECT `+columns+` FROM accounts a WHERE a.id = $1 OR a.email = $2`,
		idOrEmail, strings.ToLower(idOrEmail)))
	if errors.Is(err, db.ErrNoRows) {
		return a, fault.Newf(fault.NotFound, "no account %s: `notpanel account list` shows them", idOrEmail)
	}
	return a, err
}

// Lock locks the account with that id or e-mail address and returns it.
func Lock(tx *db.Tx, idOrEmail string) (Account, error) {
	a, err := find(tx, idOrEmail)
	if err != nil {
		return a, err
	}
	var accountID string
	if err := tx.QueryRow(`SELECT id FROM accounts WHERE id = $1 FOR NO KEY UPDATE`, a.ID).Scan(&accountID); err != nil {
		return a, fmt.Errorf("lock the account %s: %w", a.ID, err)
	}
	return find(tx, a.ID)
}

// Balances returns what an account's live and test wallets hold.
func (s *Store) Balances(ctx context.Context, accountID string) (live, test money.Amount, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.Each(func(r db.Scanner) error {
			var mode ledger.Mode
			var balance money.Amount
			if err := r.Scan(&mode, &balance); err != nil {
				return err
			}
			if mode == ledger.Live {
				live = balance
			} else {
				test = balance
			}
			return nil
		}, `SELECT mode, balance FROM wallets WHERE account_id = $1`, accountID)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("balances of %s: %w", accountID, err)
	}
	return live, test, nil
}

// balancesMost is how many accounts' balances are read at once.
const balancesMost = 500

// LiveBalances returns what the live wallets of accounts hold. Those that are not
// there have none.
func (s *Store) LiveBalances(ctx context.Context, accountIDs []string) (map[string]money.Amount, error) {
	balances := make(map[string]money.Amount, len(accountIDs))
	for some := range slices.Chunk(accountIDs, balancesMost) {
		err := s.db.Read(ctx, func(tx *db.Tx) error {
			return tx.Each(func(r db.Scanner) error {
				var accountID string
				var balance money.Amount
				err := r.Scan(&accountID, &balance)
				balances[accountID] = balance
				return err
			}, `SELECT account_id, balance FROM wallets WHERE mode = 'live' AND account_id = ANY($1)`, some)
		})
		if err != nil {
			return nil, fmt.Errorf("live balances: %w", err)
		}
	}
	return balances, nil
}

// Listed is an account beside its balances.
type Listed struct {
	Account
	Balance money.Amount
}

// List returns up to limit accounts after the id, oldest first.
func (s *Store) List(ctx context.Context, afterID string, limit int) (all []Listed, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, func(r db.Scanner) (l Listed, err error) {
			err = r.Scan(&l.ID, &l.Email, &l.State, &l.Tier, &l.Role, db.Time(&l.CreatedAt), &l.Balance)
			return l, err
		}, `
			SELECT `+columns+`, w.balance
			FROM accounts a JOIN wallets w ON w.account_id = a.id AND w.mode = 'live'
			WHERE a.id > $1 ORDER BY a.id LIMIT $2`, afterID, limit)
		return err
	})
	return all, err
}

// SetTier moves an account to a tier.
func (s *Store) SetTier(ctx context.Context, idOrEmail string, to Tier, actor string) (Account, error) {
	switch to {
	case Standard, Reseller, Agency:
	default:
		return Account{}, fault.Newf(fault.Invalid, "tier must be %s, %s or %s", Standard, Reseller, Agency)
	}
	return s.change(ctx, idOrEmail, "account.tier."+string(to), actor, func(tx *db.Tx, a *Account) error {
		a.Tier = to
		_, err := tx.Exec(`UPDATE accounts SET tier = $2 WHERE id = $1`, a.ID, string(to))
		return err
	})
}

// act is what the audit log says of a change.
type act struct{ action, reason, actor string }

// change runs one update of an account, records it and moves the epoch.
func (s *Store) change(ctx context.Context, idOrEmail, action, actor string, update func(*db.Tx, *Account) error) (Account, error) {
	return s.changeFor(ctx, idOrEmail, act{action: action, actor: actor}, update)
}

func (s *Store) changeFor(ctx context.Context, idOrEmail string, by act, update func(*db.Tx, *Account) error) (a Account, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if a, err = find(tx, idOrEmail); err != nil {
			return err
		}
		if err := update(tx, &a); err != nil {
			return fmt.Errorf("%s: %w", by.action, err)
		}
		if err := epoch.MoveAuth(tx); err != nil {
			return err
		}
		detail := a.Email
		if by.reason != "" {
			detail += ": " + by.reason
		}
		return s.record(tx, by.actor, by.action, a.ID, detail)
	})
	return a, err
}

// Contact is where an account's mail goes, and how it is written.
type Contact struct {
	Email, Language, TimeZone string
	Verified                  bool // the address
	Closed                    bool // by its owner: nothing but that is told any more
}

// ContactOf returns the contact of an account.
func ContactOf(tx *db.Tx, accountID string) (c Contact, err error) {
	err = tx.QueryRow(`SELECT email, language, time_zone, email_verified_at IS NOT NULL, closed_at IS NOT NULL FROM accounts WHERE id = $1`, accountID).
		Scan(&c.Email, &c.Language, &c.TimeZone, &c.Verified, &c.Closed)
	if err != nil {
		return c, fmt.Errorf("contact of %s: %w", accountID, err)
	}
	return c, nil
}

// Emails returns the addresses of accounts by their ids.
func (s *Store) Emails(ctx context.Context, accountIDs []string) (emails map[string]string, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		emails = map[string]string{}
		return tx.Each(func(r db.Scanner) error {
			var accountID, email string
			err := r.Scan(&accountID, &email)
			emails[accountID] = email
			return err
		}, `SELECT id, email FROM accounts WHERE id = ANY($1)`, accountIDs)
	})
	if err != nil {
		return nil, fmt.Errorf("addresses of accounts: %w", err)
	}
	return emails, nil
}
