package identity

import (
	"context"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/fault"
)

func (b *browser) reset(email string) error {
	b.h.t.Helper()
	return b.do(func(ctx context.Context) error { return b.h.RequestReset(ctx, email) })
}

func (b *browser) setByToken(token, password string) error {
	b.h.t.Helper()
	return b.do(func(ctx context.Context) error { return b.h.Reset(ctx, token, password) })
}

// A new password needs the present one; it ends the other sessions and the mailed
// tokens, changes this one's token, and tells the owner.
func TestChangePassword(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		one, two := h.browser().in(ann, password), h.browser().in(ann, password)
		if err := two.reset(ann); err != nil {
			t.Fatal(err)
		}
		token := h.token(MailReset)
		change := func(present, next string) error {
			return one.do(func(ctx context.Context) error { return h.ChangePassword(ctx, present, next) })
		}
		refused(t, "a wrong password", change(another, another), WrongPassword)
		refused(t, "a common one", change(password, "password123"), WeakPassword)
		refused(t, "nobody", h.browser().do(func(ctx context.Context) error { return h.ChangePassword(ctx, password, another) }), SignInAgain)
		before := one.cookies[SessionCookie]
		if err := change(password, another); err != nil {
			t.Fatal(err)
		}
		if !one.signedIn() || two.signedIn() || one.cookies[SessionCookie] == before || h.count(`sessions`) != 1 {
			t.Error("want this session alone, under a new token")
		}
		refused(t, "the token from before", two.setByToken(token, password), BadToken)
		if mails := h.mailed(MailPassword); len(mails) != 1 || mails[0].To != ann {
			t.Errorf("mailed %+v", mails)
		}
		_, err := two.signIn(ann, password)
		refused(t, "the old password", err, BadCredentials)
		two.in(ann, another)

		one.must(func(ctx context.Context) error { return h.Prove(ctx, Proof{Password: another}) })
		one.enrol()
		h.db.AdvanceClock(10 * time.Minute)
		refused(t, "with an app, without a fresh proof", change(another, password), NeedsProof)
	})
}

// A reset is asked for alike by known and unknown; its token works once, within the
// hour, ends all sessions, and never skips the second factor.
func TestReset(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		b := h.browser().in(ann, password)
		secret, _ := b.enrol()
		h.mailed("")
		for _, email := range []string{"nobody@example.com", ann} {
			if err := h.browser().reset(email); err != nil {
				t.Errorf("%s: %v", email, err)
			}
		}
		if mails := h.outbox(); len(mails) != 1 {
			t.Errorf("mailed %+v, want one to the known address", mails)
		}
		late := h.token(MailReset)
		h.db.AdvanceClock(time.Hour)
		refused(t, "an hour later", b.setByToken(late, another), BadToken)
		if err := b.reset(ann); err != nil {
			t.Fatal(err)
		}
		token := h.token(MailReset)
		refused(t, "a weak one", b.setByToken(token, "short"), WeakPassword)
		for range 10 { // a stranger has used up the address's tries
			_, _ = h.browser().signIn(ann, "wrong wrong 1")
		}
		if n := atOnce(4, func(int) error { return h.browser().setByToken(token, another) }); n != 1 {
			t.Errorf("%d resets, want 1", n)
		}
		if b.signedIn() || h.count(`sessions`) != 0 || h.count(`tokens`) != 0 || len(h.mailed(MailPassword)) != 1 {
			t.Error("sessions or tokens outlived the reset, or nobody was told")
		}
		second, err := b.signIn(ann, another)
		if !second || err != nil || b.signedIn() {
			t.Errorf("after the reset: second factor %v, %v", second, err)
		}
		if err := b.code(h.code(secret)); err != nil {
			t.Error(err)
		}
		if len(h.mailed(MailNewDevice)) != 1 {
			t.Error("a browser from before the reset is still known")
		}
		if _, err := account.NewStore(h.db).SetState(t.Context(), ann, account.Suspended, "command line"); err != nil {
			t.Fatal(err)
		}
		if err := h.browser().reset(ann); err != nil || len(h.outbox()) != 0 {
			t.Errorf("suspended: %v, mailed %+v", err, h.outbox())
		}
	})
}

// Who follows a reset mail has the address: it is verified, and who signed up with
// another's address is out.
func TestResetVerifies(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		squatter := h.browser()
		if err := squatter.signUp(ann, another); err != nil {
			t.Fatal(err)
		}
		if err := h.browser().reset(ann); err != nil {
			t.Fatal(err)
		}
		if err := h.browser().setByToken(h.token(MailReset), password); err != nil {
			t.Fatal(err)
		}
		h.browser().in(ann, password)
		_, err := squatter.signIn(ann, another)
		refused(t, "the squatter", err, BadCredentials)
	})
}

// A new address takes effect by the token that was mailed to it; the old one is told
// twice, and tokens mailed to it end.
func TestChangeEmail(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const fresh = "ann@new.example"
		h.account(ann, account.Customer)
		b := h.browser().in(ann, password)
		if err := b.reset(ann); err != nil {
			t.Fatal(err)
		}
		old := h.token(MailReset)
		ask := func(email string) error {
			return b.do(func(ctx context.Context) error { return h.RequestEmailChange(ctx, email) })
		}
		refused(t, "the same", ask("ANN@example.com"), BadEmail)
		refused(t, "no address", ask("ann"), BadEmail)
		if err := ask("Ann@New.example"); err != nil {
			t.Fatal(err)
		}
		mails := h.outbox()
		if len(mails) != 2 || mails[0].To != fresh || mails[1].To != ann || mails[1].Template != MailChangeNotice || mails[1].Data["email"] != fresh {
			t.Errorf("mailed %+v", mails)
		}
		token := h.token(MailChange)
		if who, _ := b.who(); who.Email != ann {
			t.Error("it was changed without the token")
		}
		confirm := func() error {
			return b.do(func(ctx context.Context) error { return h.ConfirmEmailChange(ctx, token) })
		}
		if n := atOnce(4, func(int) error { return confirm() }); n != 1 {
			t.Errorf("%d changes, want 1", n)
		}
		if mails := h.mailed(MailChanged); len(mails) != 1 || mails[0].To != ann || mails[0].Data["email"] != fresh {
			t.Errorf("mailed %+v", mails)
		}
		if who, _ := b.who(); who.Email != fresh {
			t.Errorf("now %+v", who)
		}
		refused(t, "the reset mailed to the old address", b.setByToken(old, another), BadToken)
		h.browser().in(fresh, password)
		_, err := h.browser().signIn(ann, password)
		refused(t, "the old address", err, BadCredentials)
	})
}

// A thief who asks for another's address does not get it by its owner's click: the
// change is made in a browser that is signed in as the account that asked, and until
// then the link stays good.
func TestAChangeOfAddressIsConfirmedByWhoAsked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const mine, bob = "mine@example.com", "bob@example.com"
		h.account(ann, account.Customer)
		h.account(bob, account.Customer)
		b := h.browser().in(ann, password)
		b.must(func(ctx context.Context) error { return h.RequestEmailChange(ctx, mine) })
		token := h.token(MailChange)
		confirm := func(ctx context.Context) error { return h.ConfirmEmailChange(ctx, token) }
		look := func(ctx context.Context) error { _, err := h.PeekChange(ctx, token); return err }
		for who, other := range map[string]*browser{"nobody": h.browser(), "another account": h.browser().in(bob, password)} {
			refused(t, who, other.do(confirm), NotYours)
			refused(t, who+" looks", other.do(look), NotYours)
		}
		if who, _ := b.who(); who.Email != ann || len(h.mailed(MailChanged)) != 0 || h.count(`tokens`) != 1 {
			t.Errorf("the account is %s's, %d tokens", who.Email, h.count(`tokens`))
		}
		b.must(look)
		b.must(confirm)
		if who, _ := b.who(); who.Email != mine {
			t.Errorf("the account is still %s's", who.Email)
		}
		refused(t, "again", b.do(confirm), BadToken)
		refused(t, "nonsense", h.browser().do(func(ctx context.Context) error { return h.ConfirmEmailChange(ctx, "x") }), BadToken)
	})
}

// Whether a new address is another's is told to its owner alone.
func TestChangeEmailToATakenAddress(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const bob, late = "bob@example.com", "late@example.com"
		h.account(ann, account.Customer)
		h.account(bob, account.Customer)
		b := h.browser().in(ann, password)
		ask := func(email string) error {
			return b.do(func(ctx context.Context) error { return h.RequestEmailChange(ctx, email) })
		}
		if err := ask(bob); err != nil {
			t.Errorf("the answer differs: %v", err)
		}
		if mails := h.mailed(MailRegistered); len(mails) != 1 || mails[0].To != bob {
			t.Errorf("mailed %+v", mails)
		}
		if err := ask(late); err != nil {
			t.Fatal(err)
		}
		token := h.token(MailChange)
		h.account(late, account.Customer)
		err := b.do(func(ctx context.Context) error { return h.ConfirmEmailChange(ctx, token) })
		refused(t, "taken in between", err, BadToken)
		if who, _ := b.who(); who.Email != ann || !fault.Is(err, fault.Conflict) {
			t.Errorf("now %s", who.Email)
		}
	})
}

// Each act is in the audit log under the account's own id, and the log holds.
func TestActsAreRecorded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		a := h.account(ann, account.Customer)
		b := h.browser().in(ann, password)
		b.enrol()
		b.must(func(ctx context.Context) error { _, err := h.RegenerateRecoveryCodes(ctx); return err })
		b.must(h.RemoveTOTP)
		b.must(func(ctx context.Context) error { return h.RequestEmailChange(ctx, "new@example.com") })
		token := h.token(MailChange)
		b.must(func(ctx context.Context) error { return h.ConfirmEmailChange(ctx, token) })
		b.must(func(ctx context.Context) error { return h.ChangePassword(ctx, password, another) })
		for _, action := range []string{
			"account.totp_added", "account.recovery_codes_made", "account.totp_removed", "account.email_asked", "account.email", "account.password",
		} {
			if n := h.count(`audit_log WHERE actor = $1 AND target = $1 AND action = $2`, a.ID, action); n != 1 {
				t.Errorf("%s is %d times in the log", action, n)
			}
		}
		if rows, err := account.VerifyLog(t.Context(), h.db, func(text string) { t.Error(text) }); err != nil || rows != 7 {
			t.Errorf("%d rows, %v", rows, err)
		}
	})
}

// A link to set a password that reaches an address which the account has left is of no
// use, though it was asked for at the very moment of the change.
func TestALinkToAFormerAddressSetsNoPassword(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		a := h.account(ann, account.Customer)
		if err := h.browser().reset(ann); err != nil {
			t.Fatal(err)
		}
		token := h.token(MailReset)
		h.exec(`UPDATE accounts SET email = 'new@example.com' WHERE id = $1`, a.ID)
		refused(t, "the link to the former address", h.browser().setByToken(token, another), BadToken)
		h.browser().in("new@example.com", password)
	})
}
