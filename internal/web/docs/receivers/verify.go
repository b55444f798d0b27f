// Package receiver is told of what happens on the panel.
package receiver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// Verified reports whether a delivery is the panel's. Secret is the webhook's,
// signature the header X-NotPanel-Signature, body what arrived, to the byte.
func Verified(secret, signature string, body []byte) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return false
	}
	var sent string
	var given [][]byte
	for part := range strings.SplitSeq(signature, ",") {
		switch name, value, _ := strings.Cut(part, "="); name {
		case "t":
			sent = value
		case "v1":
			if mac, err := hex.DecodeString(value); err == nil {
				given = append(given, mac)
			}
		}
	}
	seconds, err := strconv.ParseInt(sent, 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return false
	}
	hash := hmac.New(sha256.New, key)
	hash.Write([]byte(sent + "."))
	hash.Write(body)
	want := hash.Sum(nil)
	for _, mac := range given {
		if hmac.Equal(want, mac) {
			return true
		}
	}
	return false
}
