package account_test

import (
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
)

// An account that is made here counts as verified from the moment it is made.
func TestCreateVerifiesTheAddress(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := create(t, d, email)
		n := one[int64](t, d, `SELECT COUNT(*) FROM accounts WHERE id = $1 AND email_verified_at = created_at AND password_changed_at = created_at`, a.ID)
		if n != 1 {
			t.Error("the address is not verified at the account's making")
		}
	})
}

// Preferences are kept as they were set; what nothing can be done with is refused
// and changes nothing.
func TestPreferences(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, a := account.NewStore(d), create(t, d, email)
		if got, err := s.Preferences(t.Context(), a.ID); err != nil || got != (account.Preferences{}) {
			t.Errorf("a new account prefers %+v, %v", got, err)
		}
		want := account.Preferences{Language: "tr", TimeZone: "Europe/Istanbul", Theme: "dark"}
		if err := s.SetPreferences(t.Context(), a.ID, want); err != nil {
			t.Fatal(err)
		}
		for field, bad := range map[string]account.Preferences{
			"language":  {Language: "../tr"},
			"time_zone": {TimeZone: "Mars/Olympus"},
			"local":     {TimeZone: "Local"},
			"path":      {TimeZone: "../etc/passwd"},
			"theme":     {Theme: "pink"},
		} {
			if err := s.SetPreferences(t.Context(), a.ID, bad); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v, want Invalid", field, err)
			}
		}
		if got, err := s.Preferences(t.Context(), a.ID); err != nil || got != want {
			t.Errorf("kept %+v, %v; want %+v", got, err, want)
		}
		if err := s.SetPreferences(t.Context(), "acc_nobody", want); !fault.Is(err, fault.NotFound) {
			t.Errorf("nobody's: %v, want NotFound", err)
		}
	})
}

// seedSignedIn gives an account a session, a token and every kind of second factor.
func seedSignedIn(t *testing.T, d *db.DB, accountID string) {
	t.Helper()
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		at, later := db.At(tx.Now), db.At(tx.Now.Add(time.Hour))
		for _, s := range []struct {
			statement string
			args      []any
		}{
			{`INSERT INTO sessions (id, hash, account_id, sign_in_version, data, address, agent, created_at, seen_at, expires_at)
				VALUES ('ses_1', 'h1', $1, 0, '{}', '', '', $2, $2, $3)`, []any{accountID, at, later}},
			{`INSERT INTO tokens (account_id, purpose, hash, email, created_at, expires_at) VALUES ($1, 'reset_password', 'h2', 'e', $2, $3)`, []any{accountID, at, later}},
			{`INSERT INTO totp (account_id, secret_sealed, created_at, confirmed_at) VALUES ($1, 'sealed', $2, $2)`, []any{accountID, at}},
			{`INSERT INTO recovery_codes (account_id, hash, created_at) VALUES ($1, 'h3', $2)`, []any{accountID, at}},
			{`INSERT INTO passkeys (id, account_id, credential_id, credential, name, sign_count, created_at) VALUES ('pky_1', $1, 'c', '{}', 'n', 0, $2)`, []any{accountID, at}},
			{`INSERT INTO devices (account_id, hash, created_at, seen_at) VALUES ($1, 'h4', $2, $2)`, []any{accountID, at}},
		} {
			if _, err := tx.Exec(s.statement, s.args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Who is suspended is signed out: sessions and tokens are gone, and what began
// before has an old version.
func TestSuspensionEndsSessions(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := create(t, d, email)
		seedSignedIn(t, d, a.ID)
		if _, err := account.NewStore(d).SetState(t.Context(), a.ID, account.Suspended, staff); err != nil {
			t.Fatal(err)
		}
		if count(t, d, "sessions") != 0 || count(t, d, "tokens") != 0 || count(t, d, "totp") != 1 ||
			one[int64](t, d, `SELECT sign_in_version FROM accounts`) != 1 {
			t.Error("the suspended account is still signed in, or lost its second factor")
		}
	})
}

// A reset takes every second factor away, signs out and is in the audit log; where
// there is none it changes nothing.
func TestResetSecondFactor(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, a := account.NewStore(d), create(t, d, email)
		if _, err := s.ResetSecondFactor(t.Context(), email, staff); !fault.Is(err, fault.Conflict) {
			t.Errorf("without a second factor: %v, want Conflict", err)
		}
		seedSignedIn(t, d, a.ID)
		if got, err := s.ResetSecondFactor(t.Context(), email, staff); err != nil || got.ID != a.ID {
			t.Fatalf("%+v, %v", got, err)
		}
		for _, table := range []string{"totp", "passkeys", "recovery_codes", "sessions", "tokens"} {
			if n := count(t, d, table); n != 0 {
				t.Errorf("%d rows are left in %s", n, table)
			}
		}
		if actor, action, target, _ := logged(t, d); actor != staff || action != "account.reset_2fa" || target != a.ID {
			t.Errorf("the log says %s did %s to %s", actor, action, target)
		}
	})
}

// A password that an operator sets signs the account out everywhere, leaves no browser
// known, and keeps the second factor; its owner can come in with it.
func TestSetPassword(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const next = "violet staircase 7"
		s, a := account.NewStore(d), create(t, d, email)
		seedSignedIn(t, d, a.ID)
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE accounts SET email_verified_at = NULL`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.SetPassword(t.Context(), email, next, staff); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"sessions", "tokens", "devices"} {
			if n := count(t, d, table); n != 0 {
				t.Errorf("%d rows are left in %s", n, table)
			}
		}
		if same, err := s.CheckPassword(t.Context(), a.ID, next); !same || err != nil || count(t, d, "totp") != 1 || count(t, d, "passkeys") != 1 {
			t.Errorf("the password is right: %v, %v", same, err)
		}
		if one[int64](t, d, `SELECT COUNT(*) FROM accounts WHERE email_verified_at IS NOT NULL`) != 1 {
			t.Error("the address is not verified: nobody can sign in")
		}
		if actor, action, target, _ := logged(t, d); actor != staff || action != "account.password" || target != a.ID {
			t.Errorf("the log says %s did %s to %s", actor, action, target)
		}
	})
}
