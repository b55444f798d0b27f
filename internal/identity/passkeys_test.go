package identity

import (
	"context"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
)

// options asks for options in a request of its own.
func (b *browser) options(ask func(ctx context.Context) ([]byte, error)) (options []byte) {
	b.h.t.Helper()
	b.must(func(ctx context.Context) (err error) { options, err = ask(ctx); return err })
	return options
}

// addPasskey gives who is signed in a passkey.
func (b *browser) addPasskey(name string) (*authenticator, []string) {
	b.h.t.Helper()
	a := newAuthenticator(b.h.t)
	response := a.make(b.options(b.h.AddPasskeyOptions))
	var recovery []string
	b.must(func(ctx context.Context) (err error) { recovery, err = b.h.AddPasskey(ctx, name, response); return err })
	return a, recovery
}

func (b *browser) withPasskey(response []byte) error {
	b.h.t.Helper()
	return b.do(func(ctx context.Context) error { return b.h.SignInWithPasskey(ctx, response) })
}

// A passkey signs in alone; it is listed, renamed and removed, and the recovery codes
// go with it.
func TestPasskey(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		a := h.account(ann, account.Customer)
		b := h.browser().in(ann, password)
		key, recovery := b.addPasskey("Laptop")
		if len(recovery) != 10 || string(key.handle) != a.ID {
			t.Errorf("%d recovery codes, handle %s", len(recovery), key.handle)
		}
		if mails := h.mailed(MailSecondFactor); len(mails) != 1 || mails[0].Data["change"] != ChangePasskeyAdded {
			t.Errorf("mailed %+v", mails)
		}
		other := h.browser()
		options := other.options(h.SignInOptions)
		if q := key.read(options); q.PublicKey.RPID != "localhost" || q.PublicKey.UserVerification != "required" || len(q.PublicKey.AllowCredentials) != 0 {
			t.Errorf("asked for %+v", q)
		}
		if err := other.withPasskey(key.sign(options)); err != nil {
			t.Fatal(err)
		}
		if who, _ := other.who(); who.AccountID != a.ID || who.Passkeys != 1 || !who.HasSecondFactor() {
			t.Errorf("signed in as %+v", who)
		}
		list := func() (all []Passkey) {
			b.must(func(ctx context.Context) (err error) { all, err = h.Passkeys(ctx); return err })
			return all
		}
		all := list()
		if len(all) != 1 || all[0].Name != "Laptop" || all[0].LastUsedAt.IsZero() || !all[0].ClonedAt.IsZero() {
			t.Fatalf("listed %+v", all)
		}
		h.account("bob@example.com", account.Customer)
		bob := h.browser().in("bob@example.com", password)
		rename := func(ctx context.Context) error { return h.RenamePasskey(ctx, all[0].ID, " Old laptop ") }
		remove := func(ctx context.Context) error { return h.RemovePasskey(ctx, all[0].ID) }
		if !fault.Is(bob.do(rename), fault.NotFound) || !fault.Is(bob.do(remove), fault.NotFound) {
			t.Error("somebody else's passkey was found")
		}
		b.must(rename)
		if got := list(); got[0].Name != "Old laptop" {
			t.Errorf("renamed to %s", got[0].Name)
		}
		b.must(remove)
		if len(list()) != 0 || h.count(`recovery_codes`) != 0 {
			t.Error("it was not removed with its recovery codes")
		}
		refused(t, "the removed one", other.withPasskey(key.sign(other.options(h.SignInOptions))), BadPasskey)
		h.browser().in(ann, password)
	})
}

// A passkey is a second step after the password, and a second factor of a proof.
func TestPasskeyAsSecondFactor(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		key, recovery := h.browser().in(ann, password).addPasskey("Key")
		b := h.browser()
		if second, err := b.signIn(ann, password); !second || err != nil {
			t.Fatalf("second factor %v, %v", second, err)
		}
		key.flags = userPresent // the password was the other factor
		step := func(response []byte) error {
			return b.do(func(ctx context.Context) error { return h.SecondFactor(ctx, Factor{Passkey: response}) })
		}
		if err := step(key.sign(b.options(h.SecondFactorOptions))); err != nil || !b.signedIn() {
			t.Fatalf("the second step: %v", err)
		}
		prove := func(password string, response []byte) error {
			return b.do(func(ctx context.Context) error {
				return h.Prove(ctx, Proof{Password: password, Factor: Factor{Passkey: response}})
			})
		}
		refused(t, "the password alone", prove(password, nil), BadCode)
		refused(t, "the password wrong", prove(another, key.sign(b.options(h.ProofOptions))), WrongPassword)
		if err := prove(password, key.sign(b.options(h.ProofOptions))); err != nil {
			t.Errorf("both: %v", err)
		}
		refused(t, "an answer for another purpose", prove(password, key.sign(b.options(h.SignInOptions))), BadPasskey)
		refused(t, "another's key", prove(password, newAuthenticator(t).sign(b.options(h.ProofOptions))), BadPasskey)
		if err := b.prove(password, recovery[0]); err != nil {
			t.Errorf("a recovery code in its place: %v", err)
		}
		if h.count(`sign_ins WHERE method = 'password+passkey' AND outcome = 'ok'`) != 1 {
			t.Error("the history differs")
		}
	})
}

// A passkey's answer is for one challenge, once, within five minutes, at our origin,
// with its user verified where it signs in alone.
func TestPasskeyAnswersAreRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		key, _ := h.browser().in(ann, password).addPasskey("Key")
		b := h.browser()
		refused(t, "without a challenge", b.withPasskey(key.sign(h.browser().options(h.SignInOptions))), BadPasskey)

		options := b.options(h.SignInOptions)
		b.options(h.SignInOptions)
		refused(t, "an older challenge", b.withPasskey(key.sign(options)), BadPasskey)

		options = b.options(h.SignInOptions)
		h.db.AdvanceClock(5 * time.Minute)
		refused(t, "five minutes later", b.withPasskey(key.sign(options)), BadPasskey)

		key.origin = "https://phish.example"
		refused(t, "another origin", b.withPasskey(key.sign(b.options(h.SignInOptions))), BadPasskey)
		key.origin = public

		key.flags = userPresent
		refused(t, "its user not verified", b.withPasskey(key.sign(b.options(h.SignInOptions))), BadPasskey)
		key.flags = userPresent | userVerified

		for name, nonsense := range map[string]string{"empty": "", "not JSON": "{", "no key": "{}", "huge": string(make([]byte, 1<<17))} {
			b.options(h.SignInOptions)
			refused(t, name, b.withPasskey([]byte(nonsense)), BadPasskey)
		}

		// A passkey without a counter: nothing but the challenge tells two answers apart.
		owner := h.browser()
		if err := owner.withPasskey(key.sign(owner.options(h.SignInOptions))); err != nil {
			t.Fatal(err)
		}
		key = newAuthenticator(t)
		key.step = 0
		made := key.make(owner.options(h.AddPasskeyOptions))
		owner.must(func(ctx context.Context) error { _, err := h.AddPasskey(ctx, "Synced", made); return err })
		response := key.sign(owner.options(h.ProofOptions))
		err := owner.do(func(ctx context.Context) error {
			_, err := h.assertion(ctx, forSecond, string(key.handle), response)
			return err
		})
		refused(t, "for another purpose", err, BadPasskey)

		options = b.options(h.SignInOptions)
		response = key.sign(options)
		if n := atOnce(4, func(int) error { return b.clone().withPasskey(response) }); n != 1 {
			t.Errorf("one answer signed in %d times", n)
		}
		if _, err := account.NewStore(h.db).SetState(t.Context(), ann, account.Suspended, "command line"); err != nil {
			t.Fatal(err)
		}
		refused(t, "suspended", b.withPasskey(key.sign(b.options(h.SignInOptions))), IsSuspended)
	})
}

// A passkey whose counter goes back is refused, proves nothing any more wherever it is
// offered, and its owner is told once; a second step is asked for all the same. One
// without a counter works.
func TestClonedPasskey(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		owner := h.browser().in(ann, password)
		key, codes := owner.addPasskey("Key")
		b := h.browser()
		if err := b.withPasskey(key.sign(b.options(h.SignInOptions))); err != nil {
			t.Fatal(err)
		}
		key.count -= 2
		refused(t, "the counter went back", b.withPasskey(key.sign(b.options(h.SignInOptions))), BadPasskey)
		key.count += 10
		refused(t, "further on", b.withPasskey(key.sign(b.options(h.SignInOptions))), BadPasskey)
		mails := h.mailed(MailSecondFactor)
		if len(mails) != 2 || mails[1].To != ann || mails[1].Data["change"] != ChangePasskeyCloned || mails[1].Data["address"] != "192.0.2.1" {
			t.Errorf("mailed %+v", mails)
		}
		if h.count(`passkeys WHERE cloned_at IS NOT NULL`) != 1 || h.count(`audit_log WHERE action = 'account.passkey_cloned' AND detail = 'Key'`) != 1 {
			t.Error("it was not marked, or not recorded once")
		}
		if err := owner.do(func(ctx context.Context) error { _, err := h.ProofOptions(ctx); return err }); !fault.Is(err, fault.Conflict) {
			t.Errorf("as a proof: %v, want Conflict", err)
		}
		if second, err := b.signIn(ann, password); !second || err != nil {
			t.Errorf("a sign-in by password: second step %v, %v", second, err)
		}
		b.must(func(ctx context.Context) error {
			pending, found, err := h.Pending(ctx)
			if !found || pending.Passkeys {
				t.Errorf("the second step offers the passkey: %+v", pending)
			}
			return err
		})
		if err := b.code(codes[0]); err != nil {
			t.Errorf("a recovery code: %v", err)
		}
		plain := newAuthenticator(t)
		plain.step = 0
		response := plain.make(owner.options(h.AddPasskeyOptions))
		owner.must(func(ctx context.Context) error { _, err := h.AddPasskey(ctx, "Synced", response); return err })
		for range 2 {
			if err := b.withPasskey(plain.sign(b.options(h.SignInOptions))); err != nil {
				t.Errorf("without a counter: %v", err)
			}
		}
	})
}

// One passkey is one account's, and a name is readable.
func TestAddPasskeyRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		h.account("bob@example.com", account.Customer)
		key, _ := h.browser().in(ann, password).addPasskey("Key")
		bob := h.browser().in("bob@example.com", password)
		add := func(name string, response []byte) error {
			return bob.do(func(ctx context.Context) error { _, err := h.AddPasskey(ctx, name, response); return err })
		}
		if err := add("Key", key.make(bob.options(h.AddPasskeyOptions))); !fault.Is(err, fault.Conflict) {
			t.Errorf("another's passkey: %v, want Conflict", err)
		}
		for _, name := range []string{"", "  ", "two\nlines", "\u202e"} {
			if err := add(name, key.make(bob.options(h.AddPasskeyOptions))); !fault.Is(err, fault.Invalid) {
				t.Errorf("%q: %v, want Invalid", name, err)
			}
		}
		who, _ := bob.who()
		for range maxPasskeys {
			h.exec(`INSERT INTO passkeys (id, account_id, credential_id, credential, name, sign_count, created_at) VALUES ($1, $2, $1, '{}', 'n', 0, 1)`,
				id.New(id.Passkey), who.AccountID)
		}
		if err := add("Key", newAuthenticator(t).make(bob.options(h.AddPasskeyOptions))); !fault.Is(err, fault.Conflict) {
			t.Errorf("one too many: %v, want Conflict", err)
		}
		h.exec(`DELETE FROM passkeys WHERE account_id = $1`, who.AccountID)
		refused(t, "nonsense", add("Key", []byte("{}")), BadPasskey)
		if who, _ := bob.who(); who.HasSecondFactor() || who.Recovery != 0 {
			t.Errorf("a refusal left %+v", who)
		}
	})
}

// Passkeys are bound to the public URL's host, and to localhost on loopback, where
// browsers know none for bare addresses.
func TestRelyingParty(t *testing.T) {
	t.Parallel()
	for public, want := range map[string][2]string{
		"https://panel.example":      {"panel.example", "https://panel.example"},
		"https://panel.example:8443": {"panel.example", "https://panel.example:8443"},
		"http://localhost:8080":      {"localhost", "http://localhost:8080"},
		"http://127.0.0.1:8080":      {"localhost", "http://localhost:8080"},
		"http://[::1]:8080":          {"localhost", "http://localhost:8080"},
	} {
		w, err := relyingParty(Options{PublicURL: public, Name: func() string { return "Panel" }})
		if err != nil {
			t.Errorf("%s: %v", public, err)
			continue
		}
		if origins := w.Config.RPOrigins; w.Config.RPID != want[0] || origins[len(origins)-1] != want[1] {
			t.Errorf("%s: %s at %v", public, w.Config.RPID, origins)
		}
	}
	if _, err := relyingParty(Options{PublicURL: "panel.example", Name: func() string { return "Panel" }}); err == nil {
		t.Error("a URL without a scheme is taken")
	}
}
