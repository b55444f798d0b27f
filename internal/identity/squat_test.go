package identity

import (
	"context"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
)

// Who signs up with another's address does not come in, and nothing of theirs is left
// when its owner comes by a reset.
func TestASquatterLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		squatter := h.browser()
		if err := squatter.signUp(ann, another); err != nil {
			t.Fatal(err)
		}
		_, err := squatter.signIn(ann, another)
		refused(t, "the squatter", err, BadCredentials)
		if err := h.browser().signUp(ann, password); err != nil { // the owner comes
			t.Fatal(err)
		}
		if err := h.browser().reset(ann); err != nil {
			t.Fatal(err)
		}
		if err := h.browser().setByToken(h.token(MailReset), password); err != nil {
			t.Fatal(err)
		}
		second, err := h.browser().signIn(ann, password)
		if second || err != nil {
			t.Errorf("the owner: second factor %v, %v", second, err)
		}
		_, err = squatter.signIn(ann, another)
		refused(t, "the squatter, of a verified account", err, BadCredentials)
	})
}

// Who owns an address and follows the link of a sign-up that was not theirs opens that
// account to nobody: they don't know the password that somebody else chose.
func TestTheOwnersClickLetsNoSquatterIn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		squatter := h.browser()
		if err := squatter.signUp(ann, another); err != nil {
			t.Fatal(err)
		}
		h.mailed("")
		if err := h.browser().signUp(ann, password); err != nil { // the owner comes
			t.Fatal(err)
		}
		_, err := squatter.signIn(ann, another) // a link more in the owner's inbox
		refused(t, "the squatter", err, BadCredentials)
		token, owner := h.token(MailVerify), h.browser()
		refused(t, "the owner's own password", owner.verify(token, password), WrongPassword)
		if owner.signedIn() || h.count(`accounts WHERE email_verified_at IS NOT NULL`) != 0 {
			t.Error("the address is verified")
		}
		_, err = squatter.signIn(ann, another) // and one more, in the place of that one
		refused(t, "the squatter after it", err, BadCredentials)
		token = h.token(MailVerify)
		for range passwordLimit {
			err = h.browser().verify(token, "a guess of many")
		}
		refused(t, "guess after guess", err, Throttled)
	})
}

// An app's secret that was shown before a reset is not offered after it.
func TestAResetEndsAnEnrolment(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		h.browser().in(ann, password).must(func(ctx context.Context) error { _, err := h.BeginTOTP(ctx); return err })
		if err := h.browser().reset(ann); err != nil {
			t.Fatal(err)
		}
		if err := h.browser().setByToken(h.token(MailReset), password); err != nil {
			t.Fatal(err)
		}
		h.browser().in(ann, password).must(func(ctx context.Context) error {
			_, found, err := h.PendingTOTP(ctx)
			if found {
				t.Error("the secret that somebody else saw is still under way")
			}
			return err
		})
	})
}
