package identity

import (
	"context"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/id"
)

// A request that was on its way while its session was ended changes nothing about
// the account any more, however long it took to arrive.
func TestARequestOfAnEndedSessionChangesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		ends := map[string]func(){
			"a reset": func() {
				if err := h.browser().reset(ann); err != nil {
					t.Fatal(err)
				}
				if err := h.browser().setByToken(h.token(MailReset), password); err != nil {
					t.Fatal(err)
				}
			},
			"a sign-out elsewhere": func() { h.browser().in(ann, password).must(h.RevokeOtherSessions) },
		}
		acts := map[string]func(ctx context.Context) error{
			"another address":  func(ctx context.Context) error { return h.RequestEmailChange(ctx, "thief@example.com") },
			"an app":           func(ctx context.Context) error { _, err := h.BeginTOTP(ctx); return err },
			"no app":           h.RemoveTOTP,
			"recovery codes":   func(ctx context.Context) error { _, err := h.RegenerateRecoveryCodes(ctx); return err },
			"a proof":          func(ctx context.Context) error { return h.Prove(ctx, Proof{Password: password}) },
			"another password": func(ctx context.Context) error { return h.ChangePassword(ctx, password, another) },
			"a passkey's name": func(ctx context.Context) error { return h.RenamePasskey(ctx, id.New(id.Passkey), "y") },
			"no passkey":       func(ctx context.Context) error { return h.RemovePasskey(ctx, id.New(id.Passkey)) },
		}
		for how, end := range ends {
			for what, act := range acts {
				h.exec(`DELETE FROM attempts`)
				b := h.browser().in(ann, password)
				b.visit(func(ctx context.Context) {
					end()
					refused(t, what+" after "+how, act(ctx), SignInAgain)
				})
			}
		}
		if h.count(`tokens`) != 0 || h.count(`totp`) != 0 {
			t.Errorf("%d tokens and %d apps are left", h.count(`tokens`), h.count(`totp`))
		}
	})
}

// A passkey that a thief's browser made does not outlive the reset that it was
// overtaken by.
func TestAPasskeyOfAnEndedSessionIsNotKept(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		b := h.browser().in(ann, password)
		var options []byte
		b.must(func(ctx context.Context) (err error) { options, err = h.AddPasskeyOptions(ctx); return err })
		response := newAuthenticator(t).make(options)
		overtake := func() {
			if err := h.browser().reset(ann); err != nil {
				t.Fatal(err)
			}
			if err := h.browser().setByToken(h.token(MailReset), another); err != nil {
				t.Fatal(err)
			}
		}
		b.visit(func(ctx context.Context) {
			overtake()
			_, err := h.AddPasskey(ctx, "mine", response)
			refused(t, "a passkey after a reset", err, SignInAgain)
		})
		if h.count(`passkeys`) != 0 {
			t.Error("the passkey is there")
		}
	})
}
