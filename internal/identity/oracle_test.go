package identity

import (
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
