package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// The purposes. Each has a key of its own, so that what one use shows tells
// nothing about another. They are part of every stored hash and sealed value.
const (
	purposeAPIKey      = "apikey"
	purposeToken       = "token"
	purposeSeal        = "seal"
	purposeFingerprint = "fingerprint"
	purposeCheck       = "check"
)

const (
	fingerprintSize = 8
	checkSize       = 16
)

// derived holds what follows from one key.
type derived struct {
	id     string // the fingerprint; sealed values carry it
	check  string
	apiKey []byte
	token  []byte
	seal   cipher.AEAD
}

func derive(raw [Size]byte) (*derived, error) {
	var failures []error
	key := func(purpose string, size int) []byte {
		k, err := hkdf.Key(sha256.New, raw[:], nil, purpose, size)
		failures = append(failures, err)
		return k
	}
	d := &derived{
		id:     hex.EncodeToString(key(purposeFingerprint, fingerprintSize)),
		apiKey: key(purposeAPIKey, Size),
		token:  key(purposeToken, Size),
	}
	d.check = d.id + "." + hex.EncodeToString(key(purposeCheck, checkSize))
	sealKey := key(purposeSeal, Size)
	if err := errors.Join(failures...); err != nil {
		return nil, fmt.Errorf("derive from the secret key: %w", err)
	}
	block, err := aes.NewCipher(sealKey)
	if err != nil {
		return nil, fmt.Errorf("derive from the secret key: %w", err)
	}
	// Random nonces: a panel seals far fewer values than the 2^32 they allow.
	if d.seal, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, fmt.Errorf("derive from the secret key: %w", err)
	}
	return d, nil
}
