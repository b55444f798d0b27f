package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/secret"
)

// openRing finds the panel's key and makes sure that it is the database's. A new
// database takes the key it is first opened with; a command from another folder
// can't quietly make its own.
func openRing(ctx context.Context, d *db.DB, s config.Storage) (*secret.Ring, error) {
	check, err := storedCheck(ctx, d)
	if err != nil {
		return nil, err
	}
	ring, err := ringOf(s, check == "")
	if err != nil {
		return nil, err
	}
	if check == "" {
		if check, err = storeCheck(ctx, d, ring.Check()); err != nil {
			return nil, err
		}
	}
	if !ring.Matches(check) {
		return nil, fmt.Errorf("this is not the database's key: the database was made with key %s, this is key %s; "+
			"set NOTPANEL_SECRET_KEY or bring back the key file", secret.CheckFingerprint(check), ring.Fingerprint())
	}
	return ring, nil
}

// ringOf reads the panel's key, and the one before a change of keys.
func ringOf(s config.Storage, fresh bool) (*secret.Ring, error) {
	current, err := currentKey(s, fresh)
	if err != nil {
		return nil, err
	}
	var old *secret.Key
	if s.SecretKeyOld() != "" {
		k, err := secret.Parse(s.SecretKeyOld())
		if err != nil {
			return nil, fmt.Errorf("NOTPANEL_SECRET_KEY_OLD: %w", err)
		}
		old = &k
	}
	ring, err := secret.NewRing(current, old)
	if err != nil {
		return nil, fmt.Errorf("the panel's key: %w", err)
	}
	return ring, nil
}

// RingFor reads the panel's key for a database that is yet to be: the key must be
// there already, and have made what has this fingerprint ("" is any).
func RingFor(s config.Storage, fingerprint string) (*secret.Ring, error) {
	ring, err := ringOf(s, false)
	if err != nil {
		return nil, err
	}
	if fingerprint != "" && !ring.Has(fingerprint) {
		return nil, fmt.Errorf("this is not the backup's key: the backup was made with key %s, this is key %s; set NOTPANEL_SECRET_KEY or bring back the key file",
			fingerprint, ring.Fingerprint())
	}
	return ring, nil
}

// KeyPlace names what holds the panel's key, for people who must keep it.
func KeyPlace(s config.Storage) string {
	const name, before = "NOTPANEL_SECRET_KEY", "NOTPANEL_SECRET_KEY_OLD"
	place := "the file " + keyFile(s)
	if absolute, err := filepath.Abs(keyFile(s)); err == nil {
		place = "the file " + absolute
	}
	if s.SecretKey() != "" {
		place = placeOf(name)
	}
	if s.SecretKeyOld() != "" {
		place += " and " + placeOf(before)
	}
	return place
}

func placeOf(setting string) string {
	if file := os.Getenv(setting + "_FILE"); file != "" {
		return "the file " + file
	}
	return "the value of " + setting
}

// currentKey reads the key from the environment or its file. The file is made
// only while the database has no key yet.
func currentKey(s config.Storage, fresh bool) (secret.Key, error) {
	if s.SecretKey() != "" {
		k, err := secret.Parse(s.SecretKey())
		if err != nil {
			return k, fmt.Errorf("NOTPANEL_SECRET_KEY: %w", err)
		}
		return k, nil
	}
	path := keyFile(s)
	k, _, err := secret.LoadOrCreate(path, fresh)
	if errors.Is(err, fs.ErrNotExist) {
		return k, fmt.Errorf("the panel's key is missing: the database has one already, but there is no %s; "+
			"bring the file back or set NOTPANEL_SECRET_KEY", path)
	}
	if err != nil {
		return k, fmt.Errorf("the panel's key: %w", err)
	}
	return k, nil
}

// keyFile is beside a SQLite database, else in the working folder.
func keyFile(s config.Storage) string {
	if path, isFile := s.SQLitePath(); isFile {
		return filepath.Clean(path) + ".key"
	}
	return "notpanel.key"
}

func storedCheck(ctx context.Context, d *db.DB) (check string, err error) {
	err = d.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT secret_check FROM panel WHERE id = 1`).Scan(&check)
	})
	if err != nil {
		return "", fmt.Errorf("read the key's check value: %w", err)
	}
	return check, nil
}

// storeCheck stores the check value, unless another process was first, and
// returns the one that stands.
func storeCheck(ctx context.Context, d *db.DB, mine string) (check string, err error) {
	err = d.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(`UPDATE panel SET secret_check = $1 WHERE id = 1 AND secret_check = ''`, mine); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT secret_check FROM panel WHERE id = 1`).Scan(&check)
	})
	if err != nil {
		return "", fmt.Errorf("store the key's check value: %w", err)
	}
	return check, nil
}
