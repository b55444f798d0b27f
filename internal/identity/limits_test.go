package identity

import (
	"context"
	"fmt"
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

// A stranger who goes on guessing does not keep the owner out after a reset.
func TestAResetLetsItsBrowserIn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		owner := h.browser()
		guess := func() {
			for n := range passwordLimit {
				b := h.browser()
				b.address = fmt.Sprintf("198.51.100.%d:1", n)
				_, _ = b.signIn(ann, "wrong wrong 1")
			}
		}
		guess()
		if err := owner.reset(ann); err != nil {
			t.Fatal(err)
		}
		if err := owner.setByToken(h.token(MailReset), another); err != nil {
			t.Fatal(err)
		}
		guess()
		if _, err := owner.signIn(ann, another); err != nil {
			t.Errorf("the browser of the reset: %v", err)
		}
	})
}

// Who throws the other sessions out ends the change of address that one of them
// asked for.
func TestRevokingSessionsEndsAChangeOfAddress(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		thief, owner := h.browser().in(ann, password), h.browser().in(ann, password)
		thief.must(func(ctx context.Context) error { return h.RequestEmailChange(ctx, "thief@example.com") })
		token := h.token(MailChange)
		owner.must(h.RevokeOtherSessions)
		err := thief.do(func(ctx context.Context) error { return h.ConfirmEmailChange(ctx, token) })
		refused(t, "the thief's change", err, BadToken)
		if who, _ := owner.who(); who.Email != ann {
			t.Errorf("the account is %s's now", who.Email)
		}
	})
}

// Strangers who sign up with an address use up none of its owner's resets.
func TestStrangersDoNotUseUpResets(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		h.account("bob@example.com", account.Customer)
		for n := range 4 {
			b := h.browser()
			b.address = fmt.Sprintf("198.51.100.%d:1", n)
			_ = b.signUp(ann, another)
		}
		bob := h.browser().in("bob@example.com", password)
		for range 3 {
			_ = bob.do(func(ctx context.Context) error { return h.RequestEmailChange(ctx, ann) })
		}
		if err := h.browser().reset(ann); err != nil {
			t.Errorf("the owner's reset: %v", err)
		}
	})
}

// An account's browsers and sessions are bounded, and the latest stay.
func TestAnAccountsRowsAreBounded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		var last *browser
		for range 60 {
			last = h.browser().in(ann, password)
		}
		for table, most := range map[string]int64{"devices": 10, "sessions": 50} {
			if n := h.count(table); n > most {
				t.Errorf("%d %s, want at most %d", n, table, most)
			}
		}
		if n := len(h.mailed(MailNewDevice)); n > 10 {
			t.Errorf("%d mails of new browsers within an hour", n)
		}
		if !last.signedIn() {
			t.Error("the last one is out")
		}
	})
}

// What one account does over and over fills neither the queue of mails nor the audit
// log.
func TestChangesOfFactorsAreBounded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		b := h.browser().in(ann, password)
		b.enrol()
		h.mailed("")
		for range 100 {
			_ = b.do(func(ctx context.Context) error { _, err := h.RegenerateRecoveryCodes(ctx); return err })
		}
		if n := len(h.mailed(MailSecondFactor)); n > 30 {
			t.Errorf("%d mails", n)
		}
	})
}

// Asking for a challenge costs who is not signed in as much as it costs us: its rows
// are counted.
func TestChallengesOfStrangersAreBounded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		for range 200 {
			_ = h.browser().do(func(ctx context.Context) error { _, err := h.SignInOptions(ctx); return err })
		}
		if n := h.count(`sessions`); n > 100 {
			t.Errorf("%d sessions of nobody from one address", n)
		}
	})
}

// Right passwords make no end of keys and their mails.
func TestProofsForKeysAreBounded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		a := h.account(ann, account.Customer)
		b := h.browser().in(ann, password)
		prove := func(ctx context.Context) error {
			_, err := h.ProveForKey(ctx, Proof{Password: password})
			return err
		}
		b.must(prove)
		h.exec(`UPDATE attempts SET used = $2 WHERE bucket = $1`, "key:"+a.ID, keyLimit)
		refused(t, "another proof", b.do(prove), Throttled)
		h.db.AdvanceClock(keyWindow)
		b.must(prove)
	})
}
