package identity

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/fault"
)

//go:embed common.txt
var commonText string

//nolint:gochecknoglobals // a set that Go can't spell as a constant
var commonPasswords = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for line := range strings.Lines(commonText) {
		set[strings.TrimSpace(line)] = true
	}
	return set
})

// panelName is a password that people choose for this program.
const panelName = "notpanel"

// minLetters is how many different characters a password must have.
const minLetters = 4

// checkNewPassword refuses what is guessed first: passwords that many have, and the
// panel's or the person's own name with figures around it.
func checkNewPassword(password, email string) error {
	if account.CheckPasswordLength(password) != nil {
		return fault.Newf(fault.Invalid, "The password must have between %d and %d characters", account.MinPassword, account.MaxPassword).
			Because(WeakPassword, "length")
	}
	lower := strings.ToLower(password)
	different := map[rune]bool{}
	for _, r := range lower {
		different[r] = true
	}
	if commonPasswords()[lower] || len(different) < minLetters {
		return fault.New(fault.Invalid, "This password is one of the first that are guessed").Because(WeakPassword, "common")
	}
	local, _, _ := strings.Cut(email, "@")
	bare := letters(lower)
	if lower == email || lower == local || bare == panelName || bare == panelName+panelName || (bare != "" && bare == letters(local)) {
		return fault.New(fault.Invalid, "The password must not be your address or the panel's name").Because(WeakPassword, "personal")
	}
	return nil
}

// letters drops all but letters.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, s)
}
