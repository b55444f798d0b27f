package client

import (
	"errors"
	"hash/crc32"
	"strings"
)

// ErrMalformedKey says that a text can't be an API key: it was cut off or mistyped.
var ErrMalformedKey = errors.New("notpanel: the API key is malformed: copy it anew, whole, from the panel's page of keys")

// A key is np_live_ or np_test_, 43 digits of base62, and 6 more that are the
// CRC-32 (IEEE) of all before.
const (
	keyDigits      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	randomDigits   = 43
	checksumDigits = 6
)

// checkKey finds out what can be known of a key without asking the panel.
func checkKey(key string) error {
	digits, live := strings.CutPrefix(key, "np_live_")
	if !live {
		var test bool
		if digits, test = strings.CutPrefix(key, "np_test_"); !test {
			return ErrMalformedKey
		}
	}
	if len(digits) != randomDigits+checksumDigits || strings.Trim(digits, keyDigits) != "" {
		return ErrMalformedKey
	}
	said := len(key) - checksumDigits
	if checksum(key[:said]) != key[said:] {
		return ErrMalformedKey
	}
	return nil
}

// checksum is the CRC-32 of a text in base62.
func checksum(text string) string {
	sum := crc32.ChecksumIEEE([]byte(text))
	var out [checksumDigits]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = keyDigits[sum%uint32(len(keyDigits))]
		sum /= uint32(len(keyDigits))
	}
	return string(out[:])
}
