package identity

import (
	"context"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
)

// Who signs up with another's address sets up nothing there that is left when its
// owner comes by a reset.
func TestASquatterLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		squatter := h.browser()
		if err := squatter.signUp(ann, another); err != nil {
			t.Fatal(err)
		}
		squatter.in(ann, another)
		var e Enrolment
		err := squatter.do(func(ctx context.Context) (err error) { e, err = h.BeginTOTP(ctx); return err })
		if err == nil {
			code := h.code(e.Secret)
			squatter.must(func(ctx context.Context) error { _, err := h.ConfirmTOTP(ctx, code); return err })
		}
		var options []byte
		if squatter.do(func(ctx context.Context) (err error) { options, err = h.AddPasskeyOptions(ctx); return err }) == nil {
			response := newAuthenticator(t).make(options)
			squatter.must(func(ctx context.Context) error { _, err := h.AddPasskey(ctx, "mine", response); return err })
		}
		refused(t, "an app", err, Unverified)
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
		if n := h.count(`passkeys`); n != 0 {
			t.Errorf("%d passkeys of the squatter sign in still", n)
		}
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
