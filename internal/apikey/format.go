// Package apikey issues, rotates, revokes and authenticates the keys of the API.
// It owns the form of a key's value and the table of keys; the value itself it
// never keeps, only its hash under the panel's secret key.
//
// It knows nothing of requests and limits: the edge asks who a value belongs to.
package apikey

import (
	"crypto/rand"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/notpanel/notpanel/internal/ledger"
)

// Mode says which of an account's two wallets a key acts on.
type Mode = ledger.Mode

// The modes. What one made, the other doesn't see.
const (
	Live = ledger.Live
	Test = ledger.Test
)

// alphabet holds the digits of base62 in the order of their values. It is not
// the order that math/big uses.
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const (
	randomBytes    = 32
	randomDigits   = 43 // 62^43 is just above 2^256
	checksumDigits = 6  // 62^6 is above 2^32
	shownDigits    = 4
)

// NewValue returns a fresh random value: "np_live_" or "np_test_", 43 digits of
// 32 random bytes, and 6 digits of the CRC-32 of everything before.
func NewValue(mode Mode) string {
	var raw [randomBytes]byte
	_, _ = rand.Read(raw[:]) // never fails: the runtime stops the program instead
	return encodeValue(mode, raw)
}

func encodeValue(mode Mode, raw [randomBytes]byte) string {
	value := prefix(mode) + base62(raw[:], randomDigits)
	return value + checksum(value)
}

func prefix(mode Mode) string { return "np_" + string(mode) + "_" }

// DisplayPrefix returns what may be shown of a value: its prefix and the first
// four characters after it. Of a text without the prefix it shows nothing.
func DisplayPrefix(value string) string {
	for _, mode := range []Mode{Live, Test} {
		p := prefix(mode)
		if strings.HasPrefix(value, p) {
			return value[:min(len(value), len(p)+shownDigits)]
		}
	}
	return ""
}

// WellFormed reports whether value has the form of a key, checksum included. It
// serves the command line and scanners; the server never decides by it, so that
// a malformed value costs what an unknown one costs.
func WellFormed(value string) bool {
	for _, mode := range []Mode{Live, Test} {
		digits, found := strings.CutPrefix(value, prefix(mode))
		if found {
			return len(digits) == randomDigits+checksumDigits && allBase62(digits) && checksummed(value)
		}
	}
	return false
}

func checksummed(value string) bool {
	end := len(value) - checksumDigits
	return checksum(value[:end]) == value[end:]
}

func allBase62(s string) bool {
	for i := range len(s) {
		if strings.IndexByte(alphabet, s[i]) < 0 {
			return false
		}
	}
	return true
}

func checksum(s string) string {
	sum := crc32.ChecksumIEEE([]byte(s))
	return base62(binary.BigEndian.AppendUint32(nil, sum), checksumDigits)
}

// base62 spells a big-endian number with exactly digits digits, by dividing it
// again and again.
func base62(number []byte, digits int) string {
	number = slices.Clone(number)
	out := make([]byte, digits)
	for i := digits - 1; i >= 0; i-- {
		rest := 0
		for j, b := range number {
			rest = rest<<8 | int(b)
			number[j] = byte(rest / len(alphabet)) //nolint:gosec // rest was below 62 before the shift, so this is below 256
			rest %= len(alphabet)
		}
		out[i] = alphabet[rest]
	}
	return string(out)
}
