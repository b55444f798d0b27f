package identity

import (
	"bytes"
	"context"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/secret"
)

// An authenticator app counts once a code of it was given; from then on the password
// alone signs nobody in, and the token changes at both steps.
func TestTOTP(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		b := h.browser().in(ann, password)
		var e Enrolment
		b.must(func(ctx context.Context) (err error) { e, err = h.BeginTOTP(ctx); return err })
		if !strings.HasPrefix(e.URI, "otpauth://totp/Panel:ann@example.com?") || !strings.Contains(e.URI, e.Secret) {
			t.Errorf("the URI is %s", e.URI)
		}
		qr, err := e.QR()
		if err != nil {
			t.Fatal(err)
		}
		if picture, err := png.DecodeConfig(bytes.NewReader(qr)); err != nil || picture.Width != 240 {
			t.Errorf("the QR code is %d wide, %v", picture.Width, err)
		}
		b.must(func(ctx context.Context) error {
			again, found, err := h.PendingTOTP(ctx)
			if !found || again != e {
				t.Errorf("shown again it is %+v, %v; want %+v", again, found, e)
			}
			return err
		})
		h.browser().in(ann, password) // not confirmed: the password is enough
		confirm := func(code string) error {
			return b.do(func(ctx context.Context) error { _, err := h.ConfirmTOTP(ctx, code); return err })
		}
		refused(t, "a wrong code", confirm("000000x"), BadCode)
		code := h.code(e.Secret)
		if err := confirm(code[:3] + " " + code[3:]); err != nil {
			t.Fatal(err)
		}
		if mails := h.mailed(MailSecondFactor); len(mails) != 1 || mails[0].Data["change"] != ChangeTOTPAdded {
			t.Errorf("mailed %+v", mails)
		}

		other := h.browser()
		second, err := other.signIn(ann, password)
		if !second || err != nil || other.signedIn() {
			t.Fatalf("after the password: second factor %v, %v", second, err)
		}
		first := other.cookies[SessionCookie]
		var waits PendingSignIn
		other.visit(func(ctx context.Context) { waits, _, err = h.Pending(ctx) })
		if waits != (PendingSignIn{Email: ann, TOTP: true}) || err != nil {
			t.Errorf("pending %+v, %v", waits, err)
		}
		refused(t, "the code that confirmed", other.code(code), BadCode)
		h.db.AdvanceClock(30 * time.Second)
		if err := other.code(h.code(e.Secret)); err != nil || !other.signedIn() {
			t.Fatalf("the next code: %v", err)
		}
		if other.cookies[SessionCookie] == first {
			t.Error("the token stayed the same")
		}
		if who, _ := other.who(); !who.TOTP || who.Recovery != 10 || !who.Fresh() {
			t.Errorf("signed in as %+v", who)
		}
		refused(t, "a second step without a first", other.code(h.code(e.Secret)), SignInAgain)
		if h.count(`sign_ins WHERE method = 'password+totp' AND outcome = 'ok'`) != 1 || h.count(`sign_ins WHERE outcome = 'wrong_code'`) != 1 {
			t.Error("the history differs")
		}
		if err := b.do(func(ctx context.Context) error { _, err := h.BeginTOTP(ctx); return err }); !fault.Is(err, fault.Conflict) {
			t.Errorf("a second app: %v, want Conflict", err)
		}
	})
}

// A code of the step before or after is taken, one further off is not.
func TestTOTPWindow(t *testing.T) {
	t.Parallel()
	const secret = "JBSWY3DPEHPK3PXP"
	now := time.Unix(1_700_000_010, 0)
	for shift, want := range map[int64]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		step := now.Unix()/totpPeriod + shift
		code := codeAt(t, secret, time.Unix(step*totpPeriod, 0))
		if got := (totpSecret{plain: secret, now: now}).matchStep(code); (got == step) != want {
			t.Errorf("%d steps off: matched %d, want %v", shift, got, want)
		}
	}
}

// One code given by ten at once signs one of them in.
func TestOneStepCountsOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		secret, _ := h.browser().in(ann, password).enrol()
		all := make([]*browser, 4)
		for i := range all {
			all[i] = h.browser()
			if _, err := all[i].signIn(ann, password); err != nil {
				t.Fatal(err)
			}
		}
		code := h.code(secret)
		if n := atOnce(len(all), func(i int) error { return all[i].code(code) }); n != 1 {
			t.Errorf("%d signed in, want 1", n)
		}
	})
}

// A recovery code signs in once, spelled as people do, and the owner is told how many
// are left.
func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		secret, codes := h.browser().in(ann, password).enrol()
		if len(codes) != 10 || len(codes[0]) != 11 || h.count(`recovery_codes`) != 10 {
			t.Fatalf("made %v", codes)
		}
		h.mailed("")
		all := make([]*browser, 4)
		for i := range all {
			all[i] = h.browser()
			if _, err := all[i].signIn(ann, password); err != nil {
				t.Fatal(err)
			}
		}
		spelled := " " + strings.ToUpper(strings.ReplaceAll(codes[3], "-", " "))
		if n := atOnce(len(all), func(i int) error { return all[i].code(spelled) }); n != 1 {
			t.Errorf("%d signed in, want 1", n)
		}
		if mails := h.mailed(MailRecoveryCode); len(mails) != 1 || mails[0].Data["left"] != "9" {
			t.Errorf("mailed %+v", mails)
		}
		b := h.browser()
		_, _ = b.signIn(ann, password)
		if err := b.code(codes[4]); err != nil {
			t.Fatal(err)
		}
		var fresh []string
		b.must(func(ctx context.Context) (err error) { fresh, err = h.RegenerateRecoveryCodes(ctx); return err })
		other := h.browser()
		_, _ = other.signIn(ann, password)
		refused(t, "a code of the old set", other.code(codes[5]), BadCode)
		if err := other.code(fresh[0]); err != nil || h.count(`recovery_codes`) != 9 {
			t.Errorf("a code of the new set: %v", err)
		}
		h.db.AdvanceClock(time.Minute)
		if err := other.prove(password, h.code(secret)); err != nil {
			t.Fatal(err)
		}
		other.must(h.RemoveTOTP)
		if h.count(`recovery_codes`) != 0 || h.count(`totp`) != 0 {
			t.Error("the codes outlived the last second factor")
		}
		h.browser().in(ann, password)
	})
}

// The fifth wrong code ends the sign-in; the tenth within the hour ends all codes of
// the account, but not those of a browser that signed in before.
func TestCodesAreThrottled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		own := h.browser().in(ann, password)
		secret, _ := own.enrol()
		for round := range 3 {
			b := h.browser()
			b.address = "198.51.100.1:1"
			if _, err := b.signIn(ann, password); err != nil {
				t.Fatal(err)
			}
			for n := range 5 {
				err := b.code("000000")
				switch {
				case round == 2:
					refused(t, "after ten", err, Throttled)
				case n == 4:
					refused(t, "the fifth", err, SignInAgain)
				default:
					refused(t, "a wrong one", err, BadCode)
				}
			}
			if round == 2 {
				refused(t, "the right one after ten", b.code(h.code(secret)), Throttled)
				break
			}
			refused(t, "after the fifth", b.code(h.code(secret)), SignInAgain)
		}
		own.must(h.SignOut)
		if _, err := own.signIn(ann, password); err != nil {
			t.Fatal(err)
		}
		if err := own.code(h.code(secret)); err != nil {
			t.Errorf("the owner's own browser: %v", err)
		}
	})
}

// Copies of one sign-in share its five tries.
func TestCopiesOfASignInShareItsTries(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		h.browser().in(ann, password).enrol()
		b := h.browser()
		if _, err := b.signIn(ann, password); err != nil {
			t.Fatal(err)
		}
		atOnce(12, func(int) error { return b.clone().code("000000") })
		if n := h.count(`sign_ins WHERE outcome = 'wrong_code'`); n > 5 {
			t.Errorf("%d codes were tried, want at most 5", n)
		}
		refused(t, "one more", b.code("000000"), SignInAgain)
	})
}

// The second step waits a quarter of an hour, and ends with a suspension.
func TestPendingSignInEnds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		secret, _ := h.browser().in(ann, password).enrol()
		b := h.browser()
		_, _ = b.signIn(ann, password)
		h.db.AdvanceClock(15 * time.Minute)
		refused(t, "a quarter of an hour later", b.code(h.code(secret)), SignInAgain)
		_, _ = b.signIn(ann, password)
		if _, err := account.NewStore(h.db).SetState(t.Context(), ann, account.Suspended, "command line"); err != nil {
			t.Fatal(err)
		}
		refused(t, "after a suspension", b.code(h.code(secret)), SignInAgain)
		b.visit(func(ctx context.Context) {
			if _, found, err := h.Pending(ctx); found || err != nil {
				t.Errorf("still pending, %v", err)
			}
		})
	})
}

// A proof is the password and, where there is one, the second factor with it; each
// code proves once, and what is wrong counts.
func TestProve(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		refused(t, "nobody signed in", h.browser().prove(password, ""), SignInAgain)
		b := h.browser().in(ann, password)
		refused(t, "a wrong password", b.prove(another, ""), WrongPassword)
		if err := b.prove(password, ""); err != nil {
			t.Errorf("the password alone: %v", err)
		}
		secret, codes := b.enrol()
		refused(t, "the password alone, with an app", b.prove(password, ""), BadCode)
		code := h.code(secret)
		refused(t, "a wrong password with a right code", b.prove(another, code), WrongPassword)
		if err := b.prove(password, code); err != nil {
			t.Errorf("both right: the wrong password spent the code: %v", err)
		}
		refused(t, "the code again", b.prove(password, code), BadCode)
		if err := b.prove(password, codes[0]); err != nil {
			t.Errorf("a recovery code: %v", err)
		}
		for range 10 {
			_ = b.prove(another, "")
		}
		refused(t, "after ten wrong ones", b.prove(password, codes[1]), Throttled)
	})
}

// Ten minutes after the proof it is asked for again, by everything that changes the
// account itself.
func TestFreshness(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		b := h.browser().in(ann, password)
		h.db.AdvanceClock(10*time.Minute - time.Second)
		b.must(h.RequireFresh)
		h.db.AdvanceClock(time.Second)
		for name, do := range map[string]func(ctx context.Context) error{
			"begin TOTP":     func(ctx context.Context) error { _, err := h.BeginTOTP(ctx); return err },
			"show TOTP":      func(ctx context.Context) error { _, _, err := h.PendingTOTP(ctx); return err },
			"confirm TOTP":   func(ctx context.Context) error { _, err := h.ConfirmTOTP(ctx, "1"); return err },
			"remove TOTP":    h.RemoveTOTP,
			"codes":          func(ctx context.Context) error { _, err := h.RegenerateRecoveryCodes(ctx); return err },
			"passkey":        func(ctx context.Context) error { _, err := h.AddPasskeyOptions(ctx); return err },
			"add passkey":    func(ctx context.Context) error { _, err := h.AddPasskey(ctx, "n", nil); return err },
			"remove passkey": func(ctx context.Context) error { return h.RemovePasskey(ctx, "pky_1") },
			"e-mail":         func(ctx context.Context) error { return h.RequestEmailChange(ctx, "new@example.com") },
		} {
			refused(t, name, b.do(do), NeedsProof)
			refused(t, name+" by nobody", h.browser().do(do), SignInAgain)
		}
		if err := b.prove(password, ""); err != nil {
			t.Fatal(err)
		}
		b.must(h.RequireFresh)
	})
}

// Staff need a second factor to work, customers don't; the operator may let them.
func TestStaffNeedASecondFactor(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Owner)
		b := h.browser().in(ann, password)
		who, _ := b.who()
		if !h.RequiresSecondFactor(account.Owner) || h.RequiresSecondFactor(account.Customer) || !h.MustEnrol(who) {
			t.Error("an owner without a second factor is let in")
		}
		refused(t, "a key", b.do(func(ctx context.Context) error { _, err := h.ProveForKey(ctx, Proof{Password: password}); return err }), NeedsFactor)
		h.options.StaffWithoutSecondFactor = true
		if h.RequiresSecondFactor(account.Owner) || h.MustEnrol(who) {
			t.Error("the setting does nothing")
		}
		h.options.StaffWithoutSecondFactor = false
		b.enrol()
		if who, _ := b.who(); h.MustEnrol(who) {
			t.Error("still to enrol")
		}
	})
}

// A secret that another tab made while a code was checked is not confirmed by it.
func TestACodeConfirmsTheSecretThatItIsOf(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		a := h.account(ann, account.Customer)
		b := h.browser().in(ann, password)
		begin := func(ctx context.Context) error { _, err := h.BeginTOTP(ctx); return err }
		b.must(begin)
		secret, found, err := h.totpSecret(t.Context(), a.ID, false)
		if err != nil || !found {
			t.Fatal(found, err)
		}
		b.must(begin)
		err = b.do(func(ctx context.Context) error {
			_, err := h.confirmTOTP(ctx, visitOf(ctx), secret, secret.now.Unix()/totpPeriod, nil)
			return err
		})
		refused(t, "the code of the older secret", err, BadCode)
		if h.count(`totp WHERE confirmed_at IS NOT NULL`) != 0 || h.count(`recovery_codes`) != 0 {
			t.Error("the newer secret counts")
		}
	})
}

// While the panel's key is changed, sessions, codes and mailed tokens that were made
// under the old one still hold.
func TestTheOldKeyStillHolds(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		key := secret.Generate()
		before, err := secret.NewRing(key, nil)
		if err != nil {
			t.Fatal(err)
		}
		old := openHouse(t, d, before)
		old.exec(`CREATE TABLE test_mails (id TEXT PRIMARY KEY, mail TEXT NOT NULL)`)
		old.account(ann, account.Customer)
		b := old.browser().in(ann, password)
		seed, codes := b.enrol()
		if err := b.reset(ann); err != nil {
			t.Fatal(err)
		}
		token := old.token(MailReset)

		after, err := secret.NewRing(secret.Generate(), &key)
		if err != nil {
			t.Fatal(err)
		}
		h := openHouse(t, d, after)
		same := h.browser()
		same.cookies = b.cookies
		if !same.signedIn() {
			t.Error("the session ended")
		}
		for _, code := range []string{h.code(seed), codes[0]} {
			other := h.browser()
			if second, err := other.signIn(ann, password); !second || err != nil {
				t.Fatalf("second factor %v, %v", second, err)
			}
			if err := other.code(code); err != nil {
				t.Errorf("the code %s: %v", code, err)
			}
		}
		if err := h.browser().setByToken(token, another); err != nil {
			t.Errorf("the mailed token: %v", err)
		}
		same.must(h.SignOut)
		if same.signedIn() {
			t.Error("the old session was not ended")
		}
	})
}

// A sign-in that is given up leaves nothing to finish.
func TestCancelPending(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		secret, _ := h.browser().in(ann, password).enrol()
		b := h.browser()
		if _, err := b.signIn(ann, password); err != nil {
			t.Fatal(err)
		}
		b.visit(h.CancelPending)
		refused(t, "the code afterwards", b.code(h.code(secret)), SignInAgain)
	})
}

// What a password alone had proved before there was a second factor does not take that
// away again: every other session proves itself anew.
func TestAProofFromBeforeTheSecondFactorIsNoneAfterIt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		thief := h.browser().in(ann, password)
		owner := h.browser().in(ann, password)
		now := h.now()
		enrol := func() {
			owner.must(func(ctx context.Context) error {
				e, err := h.BeginTOTP(ctx)
				if err != nil {
					return err
				}
				_, err = h.ConfirmTOTP(ctx, codeAt(t, e.Secret, now))
				return err
			})
		}
		thief.visit(func(ctx context.Context) {
			enrol()
			refused(t, "the app's removal by a request that was on its way", h.RemoveTOTP(ctx), NeedsProof)
		})
		refused(t, "the app's removal by a session from before", thief.do(h.RemoveTOTP), NeedsProof)
		refused(t, "another address", thief.do(func(ctx context.Context) error { return h.RequestEmailChange(ctx, "thief@example.com") }), NeedsProof)
		owner.must(h.RequireFresh)
	})
}

// A password that was looked at before there was a second factor lets nobody in after
// it, nor makes their session fresh, however long the look took.
func TestAPasswordFromBeforeTheSecondFactorIsNotEnoughAfterIt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		a := h.account(ann, account.Customer)
		owner, thief := h.browser().in(ann, password), h.browser().in(ann, password)
		enrol := func() { owner.enrol() }
		thief.visit(func(ctx context.Context) {
			before, err := h.candidate(ctx, h.VisitorOf(ctx), "a.id = $1", a.ID)
			if err != nil {
				t.Fatal(err)
			}
			enrol()
			byPassword := func(*db.Tx) (Method, error) { return ByPassword, nil }
			refused(t, "a proof", h.makeFresh(ctx, before, byPassword, nil), SignInAgain)
			refused(t, "a sign-in", h.complete(ctx, before, byPassword), SignInAgain)
		})
	})
}

// An app's secret is shown and confirmed in the session that it was made in, and in no
// other: who is signed in elsewhere neither sees the owner's nor slips them one that
// they know.
func TestAnEnrolmentIsItsSessions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		owner, thief := h.browser().in(ann, password), h.browser().in(ann, password)
		begin := func(b *browser) (secret string) {
			b.must(func(ctx context.Context) error {
				e, err := h.BeginTOTP(ctx)
				secret = e.Secret
				return err
			})
			return secret
		}
		pending := func(b *browser) (secret string, found bool) {
			b.must(func(ctx context.Context) error {
				e, is, err := h.PendingTOTP(ctx)
				secret, found = e.Secret, is
				return err
			})
			return secret, found
		}
		confirm := func(b *browser, secret string) error {
			code := h.code(secret)
			return b.do(func(ctx context.Context) error { _, err := h.ConfirmTOTP(ctx, code); return err })
		}
		secret := begin(owner)
		if _, found := pending(thief); found {
			t.Error("another session is shown the secret")
		}
		if got, found := pending(owner); !found || got != secret {
			t.Error("its own session is not shown the secret once more")
		}
		slipped := begin(thief)
		if _, found := pending(owner); found {
			t.Error("the owner is shown a secret that another session made")
		}
		if err := confirm(owner, slipped); !fault.Is(err, fault.Conflict) {
			t.Errorf("the owner confirmed a secret that another session made: %v", err)
		}
		if err := confirm(owner, begin(owner)); err != nil {
			t.Error(err)
		}
	})
}
