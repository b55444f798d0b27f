package account

import (
	"fmt"

	"github.com/alexedwards/argon2id"

	"github.com/notpanel/notpanel/internal/fault"
)

// Bounds of a password, in bytes: shorter ones are guessed, longer ones only
// cost time.
const (
	MinPassword = 10
	MaxPassword = 256
)

// CheckPasswordLength refuses what is out of bounds as a new password.
func CheckPasswordLength(password string) error {
	if len(password) < MinPassword || len(password) > MaxPassword {
		return fault.Newf(fault.Invalid, "password must have between %d and %d characters", MinPassword, MaxPassword)
	}
	return nil
}

// hashParams take about 40 ms and 19 MiB (OWASP's first choice for argon2id).
//
//nolint:gochecknoglobals // a constant that Go can't spell as one
var hashParams = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// HashPassword returns what is stored of a password. It takes about 40 ms and
// 19 MiB, so never call it in a transaction, and bound how many run at once where
// strangers can ask for it.
func HashPassword(password string) (string, error) {
	hash, err := argon2id.CreateHash(password, hashParams)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return hash, nil
}

// SamePassword reports whether hash is that of password. It costs what
// HashPassword does.
func SamePassword(password, hash string) (bool, error) {
	same, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, fmt.Errorf("compare password: %w", err)
	}
	return same, nil
}
