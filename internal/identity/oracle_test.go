package identity

import (
	"context"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
)

// Who signs up with an address and then in with the same password, over and over,
// meets the same answers whether the address was free or somebody's: what is mailed
// on the way uses up nothing that they can see.
func TestNoBudgetTellsWhetherAnAddressWasFree(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		answers := func(email string) (all []string) {
			h.exec(`DELETE FROM attempts`)
			b := h.browser()
			told := func(err error) {
				text := "done"
				if err != nil {
					text = err.Error()
				}
				all = append(all, text)
			}
			told(b.signUp(email, another))
			for range passwordLimit {
				_, err := b.signIn(email, another)
				told(err)
			}
			for range mailLimit {
				told(b.signUp(email, another))
			}
			for i := range mailLineLimit {
				told(b.reset("nobody" + string(rune('a'+i)) + "@example.com"))
			}
			return all
		}
		free, taken := answers("free@example.com"), answers(ann)
		for i := range free {
			if free[i] != taken[i] {
				t.Errorf("answer %d: %q of a free address, %q of a taken one", i, free[i], taken[i])
			}
		}
	})
}

// Who asks to change their address to somebody's loses the link of the change that
// they asked for before, as with a free one.
func TestAnEarlierChangeTellsNotWhetherAnAddressIsFree(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		h.account("eve@example.com", account.Customer)
		for _, wanted := range []string{"free@example.com", ann} {
			b := h.browser().in("eve@example.com", password)
			ask := func(email string) {
				b.must(func(ctx context.Context) error { return h.RequestEmailChange(ctx, email) })
			}
			h.exec(`DELETE FROM attempts`)
			ask("mine@example.com")
			token := h.token(MailChange)
			ask(wanted)
			h.mailed(MailChange)
			err := b.do(func(ctx context.Context) error { _, err := h.PeekChange(ctx, token); return err })
			refused(t, "the earlier link, after one for "+wanted, err, BadToken)
		}
	})
}
