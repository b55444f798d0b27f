package staff

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/plain"
)

const (
	// MaxName is how many characters a role's name may have.
	MaxName = 60
	// MaxRoles is how many roles there may be.
	MaxRoles = 50
)

// Why the domain refuses.
const (
	Beyond    fault.Reason = "beyond_own_role" // it holds more than who asks
	NoRole    fault.Reason = "no_staff_role"
	NameTaken fault.Reason = "role_name_taken"
	InUse     fault.Reason = "role_in_use"
	TooMany   fault.Reason = "too_many_roles"
	IsOwner   fault.Reason = "is_owner" // owners are made and unmade on the command line
	NotActive fault.Reason = "account_not_active"
	Yourself  fault.Reason = "yourself"
)

// Actor is who asks: an account with what it may do.
type Actor struct {
	AccountID   string
	Permissions Set
}

// Role is a name for permissions.
type Role struct {
	ID          string
	Name        string
	Permissions Set
	Holders     int64 // how many accounts have it
	UpdatedAt   time.Time
}

// Member is somebody who helps to run the panel.
type Member struct {
	AccountID string
	Email     string
	Owner     bool
	RoleID    string // "" of an owner
	RoleName  string
	Factor    bool // has a second factor
	SeenAt    time.Time
}

// Store keeps roles and who has them.
type Store struct{ db *db.DB }

// NewStore returns the roles of d.
func NewStore(d *db.DB) *Store { return &Store{db: d} }

const roleColumns = `r.id, r.name, r.permissions, (SELECT COUNT(*) FROM accounts a WHERE a.staff_role = r.id), r.updated_at`

func scanRole(s db.Scanner) (r Role, err error) {
	err = s.Scan(&r.ID, &r.Name, &r.Permissions, &r.Holders, db.Time(&r.UpdatedAt))
	return r, err
}

// Roles returns all roles by name.
func (s *Store) Roles(ctx context.Context) (all []Role, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanRole, `SELECT `+roleColumns+` FROM staff_roles r ORDER BY r.name`)
		return err
	})
	return all, err
}

// Role returns one role.
func (s *Store) Role(ctx context.Context, roleID string) (r Role, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		r, err = find(tx, roleID)
		return err
	})
	return r, err
}

func find(tx *db.Tx, roleID string) (Role, error) {
	r, err := scanRole(tx.QueryRow(`SELECT `+roleColumns+` FROM staff_roles r WHERE r.id = $1`, roleID))
	if errors.Is(err, db.ErrNoRows) {
		return r, fault.New(fault.NotFound, "There is no such role").Because(NoRole)
	}
	return r, err
}

// lock takes the one row that all changes of roles go through, so that what an
// actor holds can't change between the look and the deed, and reads what the actor
// holds now.
func lock(tx *db.Tx, by Actor) (Set, error) {
	var one int64
	if err := tx.QueryRow(`SELECT seq FROM audit_head WHERE id = 1 FOR NO KEY UPDATE`).Scan(&one); err != nil {
		return "", fmt.Errorf("lock the roles: %w", err)
	}
	return Of(tx, by.AccountID)
}

// Of reads what an account may do now: everything, if it is an owner's, nothing, if
// it is a customer's or is not active.
func Of(tx *db.Tx, accountID string) (Set, error) {
	var role account.Role
	var state account.State
	var permissions Set
	err := tx.QueryRow(`
		SELECT a.role, a.state, COALESCE(r.permissions, '') FROM accounts a LEFT JOIN staff_roles r ON r.id = a.staff_role
		WHERE a.id = $1`, accountID).Scan(&role, &state, &permissions)
	switch {
	case errors.Is(err, db.ErrNoRows) || (err == nil && state != account.Active):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("permissions of %s: %w", accountID, err)
	case role == account.Owner:
		return Everything(), nil
	}
	return permissions, nil
}

// covers refuses where an actor holds less than what is given or taken.
func covers(own, other Set) error {
	if !own.Has(StaffChange) || !own.Covers(other) {
		return fault.New(fault.Forbidden, "The role may do more than you may").Because(Beyond)
	}
	return nil
}

// Create makes a role.
func (s *Store) Create(ctx context.Context, name string, may Set, by Actor) (r Role, err error) {
	if name, err = goodName(name); err != nil {
		return r, err
	}
	made := Role{ID: id.New(id.StaffRole), Name: name, Permissions: SetOf(may.List()...)}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		r = made
		own, err := lock(tx, by)
		if err != nil {
			return err
		}
		if err := covers(own, r.Permissions); err != nil {
			return err
		}
		var roles int64
		if err := tx.QueryRow(`SELECT COUNT(*) FROM staff_roles`).Scan(&roles); err != nil {
			return err
		}
		if roles >= MaxRoles {
			return fault.Newf(fault.Conflict, "There are %d roles already", MaxRoles).Because(TooMany)
		}
		r.UpdatedAt = tx.Now
		created, err := tx.ExecOne(`INSERT INTO staff_roles (id, name, permissions, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
			ON CONFLICT (name) DO NOTHING`, r.ID, r.Name, string(r.Permissions), db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("create a role: %w", err)
		}
		if !created {
			return nameTaken()
		}
		return account.Record(tx, by.AccountID, "staff.role_create", r.ID, r.Name+": "+string(r.Permissions))
	})
	return r, err
}

func nameTaken() error {
	return fault.New(fault.Conflict, "name: there is a role of that name").Because(NameTaken)
}

func goodName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || len([]rune(name)) > MaxName {
		return "", fault.Newf(fault.Invalid, "name must have 1 to %d characters", MaxName)
	}
	return name, plain.Line("name", name)
}

// Change gives a role another name and other permissions. Everybody who has it may
// do at once what it says then.
func (s *Store) Change(ctx context.Context, roleID, name string, may Set, by Actor) (r Role, err error) {
	if name, err = goodName(name); err != nil {
		return r, err
	}
	may = SetOf(may.List()...)
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		own, err := lock(tx, by)
		if err != nil {
			return err
		}
		before, err := find(tx, roleID)
		if err != nil {
			return err
		}
		if err := covers(own, SetOf(append(before.Permissions.List(), may.List()...)...)); err != nil {
			return err
		}
		var taken bool
		if err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM staff_roles WHERE name = $1 AND id <> $2)`, name, roleID).Scan(&taken); err != nil {
			return err
		}
		if taken {
			return nameTaken()
		}
		r = before
		r.Name, r.Permissions, r.UpdatedAt = name, may, tx.Now
		_, err = tx.Exec(`UPDATE staff_roles SET name = $2, permissions = $3, updated_at = $4 WHERE id = $1`, r.ID, r.Name, string(may), db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("change a role: %w", err)
		}
		return account.Record(tx, by.AccountID, "staff.role_change", r.ID,
			fmt.Sprintf("%s: %s (before %s: %s)", r.Name, r.Permissions, before.Name, before.Permissions))
	})
	return r, err
}

// Remove takes a role away that nobody has.
func (s *Store) Remove(ctx context.Context, roleID string, by Actor) error {
	return s.db.Write(ctx, func(tx *db.Tx) error {
		own, err := lock(tx, by)
		if err != nil {
			return err
		}
		r, err := find(tx, roleID)
		if err != nil {
			return err
		}
		if err := covers(own, r.Permissions); err != nil {
			return err
		}
		if r.Holders > 0 {
			return fault.New(fault.Conflict, "Somebody has the role").Because(InUse)
		}
		if _, err := tx.Exec(`DELETE FROM staff_roles WHERE id = $1`, r.ID); err != nil {
			return fmt.Errorf("remove a role: %w", err)
		}
		return account.Record(tx, by.AccountID, "staff.role_remove", r.ID, r.Name)
	})
}

// Appoint gives an account a role in the place of the one that it has. roleID ""
// makes it a customer again. An account that has a role already is touched only by
// who holds all that it holds.
func (s *Store) Appoint(ctx context.Context, idOrEmail, roleID string, by Actor) (m Member, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		m = Member{}
		a, err := account.Lock(tx, idOrEmail)
		if err != nil {
			return err
		}
		own, err := lock(tx, by)
		if err != nil {
			return err
		}
		r, err := appointable(tx, a, roleID, own, by)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE accounts SET staff_role = $2 WHERE id = $1`, a.ID, db.Text(roleID)); err != nil {
			return fmt.Errorf("appoint %s: %w", a.ID, err)
		}
		m = Member{AccountID: a.ID, Email: a.Email, RoleID: r.ID, RoleName: r.Name}
		if roleID == "" {
			return account.Record(tx, by.AccountID, "staff.dismiss", a.ID, a.Email)
		}
		return account.Record(tx, by.AccountID, "staff.appoint", a.ID, a.Email+" as "+r.Name+": "+string(r.Permissions))
	})
	return m, err
}

// appointable returns the role that an account gets, and says why it can't have it.
func appointable(tx *db.Tx, a account.Account, roleID string, own Set, by Actor) (r Role, err error) {
	switch {
	case a.Role == account.Owner:
		return r, fault.New(fault.Conflict, "The account is an owner's").Because(IsOwner)
	case a.ID == by.AccountID:
		return r, fault.New(fault.Conflict, "Nobody changes their own role").Because(Yourself)
	case roleID != "" && a.State != account.Active:
		return r, fault.New(fault.Conflict, "The account is not active").Because(NotActive)
	}
	has, err := held(tx, a.ID)
	if err != nil {
		return r, err
	}
	if roleID != "" {
		if r, err = find(tx, roleID); err != nil {
			return r, err
		}
	}
	return r, covers(own, SetOf(append(has.List(), r.Permissions.List()...)...))
}

// held is what an account's role says, also while it is suspended: that is what it
// would hold again.
func held(tx *db.Tx, accountID string) (may Set, err error) {
	err = tx.QueryRow(`SELECT COALESCE(r.permissions, '') FROM accounts a LEFT JOIN staff_roles r ON r.id = a.staff_role WHERE a.id = $1`, accountID).
		Scan(&may)
	if err != nil {
		return "", fmt.Errorf("role of %s: %w", accountID, err)
	}
	return may, nil
}

// Members returns who helps to run the panel: owners first, then by address.
func (s *Store) Members(ctx context.Context) (all []Member, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, func(r db.Scanner) (m Member, err error) {
			var role account.Role
			var factors int64
			err = r.Scan(&m.AccountID, &m.Email, &role, db.String(&m.RoleID), &m.RoleName, &factors, db.Time(&m.SeenAt))
			m.Owner, m.Factor = role == account.Owner, factors > 0
			return m, err
		}, `
			SELECT a.id, a.email, a.role, a.staff_role, COALESCE(r.name, ''),
				(SELECT COUNT(*) FROM totp f WHERE f.account_id = a.id AND f.confirmed_at IS NOT NULL) +
				(SELECT COUNT(*) FROM passkeys f WHERE f.account_id = a.id AND f.cloned_at IS NULL),
				(SELECT MAX(s.seen_at) FROM sessions s WHERE s.account_id = a.id)
			FROM accounts a LEFT JOIN staff_roles r ON r.id = a.staff_role
			WHERE a.id IN (SELECT id FROM accounts WHERE role = 'owner' UNION ALL SELECT id FROM accounts WHERE staff_role IS NOT NULL)
			ORDER BY CASE WHEN a.role = 'owner' THEN 0 ELSE 1 END, a.email`)
		return err
	})
	return all, err
}
