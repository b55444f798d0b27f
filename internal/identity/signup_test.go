package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/fault"
)

func (b *browser) signUp(email, password string) error {
	b.h.t.Helper()
	return b.do(func(ctx context.Context) error {
		return b.h.SignUp(ctx, NewPerson{Email: email, Password: password, Language: "tr", TimeZone: "Europe/Istanbul"})
	})
}

func (b *browser) verify(token, password string) error {
	b.h.t.Helper()
	return b.do(func(ctx context.Context) error { return b.h.Verify(ctx, token, password) })
}

// Somebody new gets an account with wallets, and is signed in once the mailed link was
// followed with the password.
func TestSignUpThenVerify(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		if err := b.signUp(" Ann@Example.com", password); err != nil {
			t.Fatal(err)
		}
		if h.count(`wallets`) != 2 || b.signedIn() || h.count(`sessions`) != 0 {
			t.Error("want an account with two wallets, and nobody signed in")
		}
		token := h.token(MailVerify)
		if email, err := h.Peek(t.Context(), VerifyEmail, token); err != nil || email != ann {
			t.Errorf("peek: %s, %v", email, err)
		}
		refused(t, "a wrong password", b.verify(token, another), WrongPassword)
		if err := b.verify(token, password); err != nil {
			t.Errorf("a look or a wrong password spent the token: %v", err)
		}
		refused(t, "the token again", b.verify(token, password), BadToken)
		who, _ := b.who()
		if who.Email != ann || who.Language != "tr" || who.TimeZone != "Europe/Istanbul" || who.Role != account.Customer {
			t.Errorf("signed in as %+v", who)
		}
		if rows, err := account.VerifyLog(t.Context(), h.db, func(text string) { t.Error(text) }); err != nil || rows != 2 {
			t.Errorf("%d rows in the audit log, %v", rows, err)
		}
		if err := account.VerifyActs(t.Context(), h.db, func(text string) { t.Error(text) }); err != nil {
			t.Error(err)
		}
	})
}

// A known address is answered as a new one; its owner is told, and nothing changes.
func TestSignUpWithAKnownAddress(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		if err := h.browser().signUp(ann, another); err != nil {
			t.Errorf("the answer differs: %v", err)
		}
		if mails := h.mailed(MailRegistered); len(mails) != 1 || mails[0].To != ann || mails[0].Data["link"] != public+"/login" {
			t.Errorf("mailed %+v", mails)
		}
		if h.count(`accounts`) != 1 || h.count(`tokens`) != 0 {
			t.Error("the sign-up left something behind")
		}
		h.browser().in(ann, password)
		_, err := h.browser().signIn(ann, another)
		refused(t, "the new password", err, BadCredentials)
	})
}

// Ten people who sign up with one address at once get one account.
func TestSignUpAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		atOnce(10, func(int) error { return h.browser().signUp(ann, password) })
		if h.count(`accounts`) != 1 || h.count(`wallets`) != 2 || h.count(`tokens`) != 1 {
			t.Errorf("%d accounts, %d wallets, %d tokens", h.count(`accounts`), h.count(`wallets`), h.count(`tokens`))
		}
	})
}

// What is guessed first is no password, and what is no address no address.
func TestSignUpRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		for given, kind := range map[string]string{
			"short 7 b":                "length",
			strings.Repeat("ab", 129):  "length",
			"password123":              "common",
			"PassWord123":              "common",
			"1234567890":               "common",
			"aaaaaaaaaaaab":            "common",
			"notpanel2026":             "personal",
			"NotPanel!!!":              "personal",
			"ann.longname":             "personal",
			"ann-longname-1":           "personal",
			"ann.longname@example.com": "personal",
		} {
			err := h.browser().signUp("Ann.LongName@example.com", given)
			refused(t, given, err, WeakPassword)
			if f := fault.From(err); len(f.Args) != 1 || f.Args[0] != kind {
				t.Errorf("%s: %v, want %s", given, f.Args, kind)
			}
		}
		for _, bad := range []string{"", "ann", "Ann <ann@example.com>", "ann@example.com\x00"} {
			refused(t, bad, h.browser().signUp(bad, password), BadEmail)
		}
		if h.count(`accounts`) != 0 || h.count(`attempts`) != 0 {
			t.Error("a refusal left something behind")
		}
	})
}

// A second mail ends the first one's token, a day ends the second's.
func TestVerificationTokensEnd(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		if err := b.signUp(ann, password); err != nil {
			t.Fatal(err)
		}
		first := h.token(MailVerify)
		again := func() {
			_, err := b.signIn(ann, password)
			refused(t, "before the address is verified", err, BadCredentials)
		}
		again()
		second := h.token(MailVerify)
		refused(t, "the older token", h.browser().verify(first, password), BadToken)
		h.db.AdvanceClock(24 * time.Hour)
		refused(t, "a day later", h.browser().verify(second, password), BadToken)
		_, err := h.Peek(t.Context(), VerifyEmail, second)
		refused(t, "a look a day later", err, BadToken)
		again()
		third := h.token(MailVerify)
		_, err = h.Peek(t.Context(), ResetPassword, third)
		refused(t, "for another purpose", err, BadToken)
		h.db.AdvanceClock(24*time.Hour - time.Second)
		if err := h.browser().verify(third, password); err != nil {
			t.Errorf("within the day: %v", err)
		}
		b.in(ann, password)
		if mails := h.mailed(MailVerify); len(mails) != 0 {
			t.Errorf("verified already, mailed %+v", mails)
		}
	})
}

// Who signs up with an address and then in with the same password learns nothing of
// whether it was free: the answers, the attempts that are left and the wait are the
// same, nobody is signed in, and only the mail knows.
func TestSigningInAfterSignUpTellsNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		told := map[string][]string{}
		for n, email := range []string{ann, "free@example.com"} {
			b := h.browser()
			b.address = fmt.Sprintf("192.0.2.%d:1", n+1)
			if err := b.signUp(email, another); err != nil {
				t.Fatal(err)
			}
			for range passwordLimit + 1 {
				before := h.gate.uses.Load()
				second, err := b.signIn(email, another)
				f := fault.From(err)
				told[email] = append(told[email], fmt.Sprint(second, f.Code, f.Reason, f.Text, h.gate.uses.Load()-before))
			}
			if b.signedIn() || b.cookies[DeviceCookie] != "" {
				t.Errorf("%s: signed in", email)
			}
		}
		if !slices.Equal(told[ann], told["free@example.com"]) {
			t.Errorf("the known address is answered\n%q\nthe free one\n%q", told[ann], told["free@example.com"])
		}
		if n := h.count(`sessions`) + h.count(`devices`); n != 0 {
			t.Errorf("%d sessions and devices", n)
		}
		// The sign-up's own, and as many as an hour has of the others.
		if n := len(h.mailed(MailVerify)); n != 1+mailLimit {
			t.Errorf("%d mails with the link, want %d", n, 1+mailLimit)
		}
	})
}

// Only the right password sends the link again, and no more often than others can
// have an address mailed.
func TestTheLinkIsSentAgainForTheRightPasswordAlone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		if err := h.browser().signUp(ann, password); err != nil {
			t.Fatal(err)
		}
		first := h.token(MailVerify)
		_, err := h.browser().signIn(ann, another)
		refused(t, "a wrong password", err, BadCredentials)
		if mails := h.outbox(); len(mails) != 0 {
			t.Errorf("mailed %+v", mails)
		}
		for range 8 {
			_, _ = h.browser().signIn(ann, password)
		}
		mails := h.mailed(MailVerify)
		if len(mails) != mailLimit || mails[0].To != ann || mails[0].Language != "tr" {
			t.Errorf("mailed %+v", mails)
		}
		refused(t, "the older link", h.browser().verify(first, password), BadToken)
	})
}

// Ten who spend one token at once: one succeeds.
func TestTokenIsSpentOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		if err := h.browser().signUp(ann, password); err != nil {
			t.Fatal(err)
		}
		token := h.token(MailVerify)
		if n := atOnce(10, func(int) error { return h.browser().verify(token, password) }); n != 1 {
			t.Errorf("%d succeeded, want 1", n)
		}
	})
}

// Mails that anybody can ask for are limited by the address asked for, known or
// not, and by who asks.
func TestMailsAreLimited(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		reset := func(b *browser, email string) error {
			return b.do(func(ctx context.Context) error { return h.RequestReset(ctx, email) })
		}
		for _, email := range []string{ann, "nobody@example.com"} {
			for n := range 4 {
				b := h.browser()
				b.address = []string{"192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1", "192.0.2.4:1"}[n]
				err := reset(b, email)
				if n < 3 && err != nil {
					t.Errorf("%s, mail %d: %v", email, n+1, err)
				}
				if n == 3 {
					refused(t, email+", the fourth mail", err, Throttled)
				}
			}
		}
		line := h.browser()
		line.address = "[2001:db8:1:1::1]:1"
		for n := range 10 {
			if err := reset(line, string(rune('a'+n))+"@example.com"); err != nil {
				t.Errorf("from one line, mail %d: %v", n+1, err)
			}
		}
		line.address = "[2001:db8:1:1:ffff::2]:1"
		refused(t, "the eleventh from the /64", reset(line, "z@example.com"), Throttled)
		line.address = "[2001:db8:1:2::1]:1"
		if err := reset(line, "z@example.com"); err != nil {
			t.Errorf("from another /64: %v", err)
		}
		h.db.AdvanceClock(time.Hour)
		if err := reset(h.browser(), ann); err != nil {
			t.Errorf("an hour later: %v", err)
		}
	})
}
