package identity

import (
	"context"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
)

// Who knew the password before there was a second factor has as few guesses of its
// codes as a stranger, however many browsers they signed in from.
func TestGuessesOfCodesAreBounded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		var thieves []*browser
		for range 12 {
			thieves = append(thieves, h.browser().in(ann, password))
		}
		h.browser().in(ann, password).enrol()
		looked := 0
		for _, b := range thieves {
			for range 3 {
				if second, err := b.signIn(ann, password); err != nil || !second {
					break
				}
				for range pendingLimit {
					if because(b.code("000000"), BadCode) {
						looked++
					}
				}
			}
		}
		if looked > codeLimit {
			t.Errorf("%d codes were looked at within an hour, want at most %d", looked, codeLimit)
		}
	})
}

// A new password forgets the other browsers: they have no guesses of their own.
func TestANewPasswordForgetsTheOtherBrowsers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		thief, owner := h.browser().in(ann, password), h.browser().in(ann, password)
		owner.must(func(ctx context.Context) error { return h.ChangePassword(ctx, password, another) })
		if n := h.count(`devices`); n != 1 {
			t.Errorf("%d browsers are known, want the owner's", n)
		}
		for range passwordLimit {
			_, _ = h.browser().signIn(ann, "wrong wrong 1")
		}
		_, err := thief.signIn(ann, "wrong wrong 2")
		refused(t, "the thief's browser", err, Throttled)
		owner.in(ann, another)
	})
}
