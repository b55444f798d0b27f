package identity

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// The right password signs in, whatever the address's case; an unknown address, a
// wrong password and nonsense have one answer.
func TestSignIn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		a := h.account(ann, account.Customer)
		b := h.browser()
		var texts []string
		for _, c := range [][2]string{
			{"nobody@example.com", password},
			{ann, another},
			{ann, ""},
			{"", ""},
			{"\x00", password},
			{"\xff", password},
			{strings.Repeat("x", 5000), password},
			{ann, strings.Repeat("x", 5000)},
		} {
			_, err := b.signIn(c[0], c[1])
			refused(t, c[0], err, BadCredentials)
			texts = append(texts, fault.From(err).Text)
		}
		for _, text := range texts {
			if text != texts[0] {
				t.Errorf("two answers: %q and %q", text, texts[0])
			}
		}
		if b.signedIn() || h.count(`sessions`) != 0 {
			t.Error("a refusal left a session")
		}
		who, signedIn := b.in("ANN@example.com ", password).who()
		if !signedIn || who.AccountID != a.ID || who.Email != ann || !who.Fresh() || who.HasSecondFactor() {
			t.Errorf("signed in as %+v", who)
		}
	})
}

// A password is hashed once for each try, whatever is wrong with it, and so it is at
// sign-up, whether the address is known or not.
func TestUnknownAddressesCostTheSame(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		cost := func(do func()) int64 {
			before := h.gate.uses.Load()
			do()
			return h.gate.uses.Load() - before
		}
		for _, email := range []string{ann, "nobody@example.com", "", "\xff"} {
			if n := cost(func() { _, _ = h.browser().signIn(email, another) }); n != 1 {
				t.Errorf("sign in as %q: %d hashes", email, n)
			}
		}
		for _, email := range []string{ann, "new@example.com"} {
			if n := cost(func() { _ = h.browser().signUp(email, another) }); n != 1 {
				t.Errorf("sign up as %q: %d hashes", email, n)
			}
		}
	})
}

// Where all slots are taken for too long the try is not counted, and may be repeated.
func TestHashingIsBounded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		h.gate = newGate(1, time.Millisecond)
		leave, err := h.gate.enter(t.Context(), netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.browser().signIn(ann, password); !fault.Is(err, fault.Unavailable) {
			t.Errorf("sign in: %v, want Unavailable", err)
		}
		if err := h.browser().signUp("new@example.com", password); !fault.Is(err, fault.Unavailable) {
			t.Errorf("sign up: %v, want Unavailable", err)
		}
		if h.count(`attempts WHERE used > 0`) != 0 || h.count(`sign_ins`) != 0 || h.count(`accounts`) != 1 {
			t.Error("what was not tried was counted")
		}
		leave()
		h.gate = newGate(1, 2*time.Second)
		h.browser().in(ann, password)
	})
}

// Who is suspended is told so only with the right password, and is signed out at
// once.
func TestSuspended(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		b := h.browser().in(ann, password)
		set := func(to account.State) {
			if _, err := account.NewStore(h.db).SetState(t.Context(), ann, to, "command line"); err != nil {
				t.Fatal(err)
			}
		}
		set(account.Suspended)
		if b.signedIn() {
			t.Error("still signed in")
		}
		_, err := b.signIn(ann, password)
		refused(t, "the right password", err, IsSuspended)
		_, err = b.signIn(ann, another)
		refused(t, "a wrong password", err, BadCredentials)
		set(account.Active)
		if b.signedIn() {
			t.Error("the old session came back")
		}
		b.in(ann, password)
		if h.count(`sign_ins WHERE outcome = 'suspended'`) != 1 || h.count(`sign_ins WHERE outcome = 'ok'`) != 2 {
			t.Error("the history differs")
		}
	})
}

// After ten wrong passwords the right one is refused too, for known and unknown
// addresses alike, and the wait is named; then it ends.
func TestPasswordsAreThrottled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		for _, email := range []string{ann, "nobody@example.com"} {
			b := h.browser()
			for n := range 11 {
				_, err := b.signIn(email, another)
				if n < 10 {
					refused(t, email, err, BadCredentials)
					continue
				}
				refused(t, email+", the eleventh", err, Throttled)
				if text := fault.From(err).Text; text != "Too many attempts: try again in 15 minutes" || !fault.Is(err, fault.RateLimited) {
					t.Errorf("%s: %q", email, text)
				}
			}
		}
		_, err := h.browser().signIn(ann, password)
		refused(t, "the right password", err, Throttled)
		h.db.AdvanceClock(15 * time.Minute)
		h.browser().in(ann, password)
	})
}

// Ten right passwords at once pass, a hundred wrong ones at once are ten tries.
func TestGuessesAtOnceAreCounted(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		h.gate = newGate(2, time.Minute) // on a slow machine they wait long for their turn
		atOnce(30, func(int) error { _, err := h.browser().signIn(ann, another); return err })
		if n := h.count(`sign_ins WHERE outcome = 'wrong_password'`); n != 10 {
			t.Errorf("%d passwords were tried, want 10", n)
		}
	})
}

// A stranger's guesses do not lock the owner out of a browser that signed in before;
// such a browser has ten guesses of its own.
func TestStrangersDoNotLockTheOwnerOut(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		own := h.browser().in(ann, password)
		own.must(h.SignOut)
		for range 11 {
			_, _ = h.browser().signIn(ann, another)
		}
		h.exec(`UPDATE attempts SET used = 30 WHERE bucket = 'from:192.0.2.1'`)
		_, err := h.browser().signIn("bob@example.com", another)
		refused(t, "others from that address", err, Throttled)
		own.in(ann, password)
		own.must(h.SignOut)
		for range 10 {
			_, err := own.signIn(ann, another)
			refused(t, "the owner's wrong one", err, BadCredentials)
		}
		_, err = own.signIn(ann, password)
		refused(t, "after ten of the owner's", err, Throttled)
	})
}

// A device cookie that was planted in a browser is not taken over: the browser gets
// one of its own, at a sign-in and at a reset, and keeps that for other accounts too.
func TestAPlantedDeviceIsNotAdopted(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const planted, bob = "a-value-that-somebody-else-knows", "bob@example.com"
		h.account(ann, account.Customer)
		h.account(bob, account.Customer)
		b := h.browser()
		b.cookies[DeviceCookie] = planted
		b.in(ann, password)
		own := b.cookies[DeviceCookie]
		b.in(bob, password)
		if own == planted || b.cookies[DeviceCookie] != own || h.count(`devices WHERE hash = $1`, h.deviceHash(own)) != 2 {
			t.Errorf("the browser keeps %q, then %q", own, b.cookies[DeviceCookie])
		}
		other := h.browser()
		other.cookies[DeviceCookie] = planted
		if err := other.reset(ann); err != nil {
			t.Fatal(err)
		}
		if err := other.setByToken(h.token(MailReset), another); err != nil {
			t.Fatal(err)
		}
		if other.cookies[DeviceCookie] == planted || h.count(`devices WHERE hash = $1`, h.deviceHash(planted)) != 0 {
			t.Error("the reset adopts the planted cookie")
		}
	})
}

// Whether a browser is known is asked for an address that nobody has, too: without
// the table both fail alike, and without the cookie neither asks.
func TestUnknownAddressesAreAskedForTheirDevice(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		h.exec(`ALTER TABLE devices RENAME TO devices_elsewhere`)
		for _, email := range []string{ann, "nobody@example.com"} {
			b := h.browser()
			_, err := b.signIn(email, another)
			refused(t, email+" without the cookie", err, BadCredentials)
			b.cookies[DeviceCookie] = "some-device"
			if _, err := b.signIn(email, another); err == nil || because(err, BadCredentials) {
				t.Errorf("%s: the device was not asked for: %v", email, err)
			}
		}
	})
}

// One address tries thirty passwords, whosever; an IPv6 address stands for its /64.
func TestAddressesAreThrottled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.exec(`INSERT INTO attempts (bucket, used, ends_at) VALUES ('from:2001:db8:1:1::/64', 29, $1)`, db.At(h.now().Add(time.Minute)))
		b := h.browser()
		b.address = "[2001:db8:1:1::1]:1"
		_, err := b.signIn("a@example.com", another)
		refused(t, "the thirtieth", err, BadCredentials)
		b.address = "[2001:db8:1:1:ffff::1]:1"
		_, err = b.signIn("b@example.com", another)
		refused(t, "the thirty-first", err, Throttled)
		if text := fault.From(err).Text; text != "Too many attempts: try again in a minute" {
			t.Errorf("the wait: %q", text)
		}
		b.address = "[2001:db8:1:2::1]:1"
		_, err = b.signIn("b@example.com", another)
		refused(t, "from another /64", err, BadCredentials)
	})
}

// IPv4 is counted by the address, however it is written, IPv6 by the /64 and, at ten
// times, by the /48.
func TestWhereAttemptsAreCounted(t *testing.T) {
	t.Parallel()
	for from, want := range map[string][]bucket{
		"192.0.2.1":            {{"k:192.0.2.1", 3, time.Hour}},
		"::ffff:192.0.2.1":     {{"k:192.0.2.1", 3, time.Hour}},
		"2001:db8:1:2:3:4:5:6": {{"k:2001:db8:1:2::/64", 3, time.Hour}, {"k:2001:db8:1::/48", 30, time.Hour}},
		"fe80::1%eth0":         {{"k:fe80::/64", 3, time.Hour}, {"k:fe80::/48", 30, time.Hour}},
	} {
		if got := lines("k", netip.MustParseAddr(from), 3, time.Hour); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", from, got, want)
		}
	}
	if got := lines("k", netip.Addr{}, 3, time.Hour); len(got) != 1 {
		t.Errorf("no address: %v, want one bucket for all", got)
	}
}

// The token changes at sign-in, and a planted one is never taken over.
func TestSessionFixation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		planted := strings.Repeat("A", 43)
		b := h.browser()
		b.cookies[SessionCookie] = planted
		b.in(ann, password)
		first := b.cookies[SessionCookie]
		if first == planted || first == "" {
			t.Error("the planted token was taken over")
		}
		thief := h.browser()
		thief.cookies[SessionCookie] = planted
		if thief.signedIn() {
			t.Error("the planted token is signed in")
		}
		b.in(ann, password)
		if b.cookies[SessionCookie] == first {
			t.Error("the token stayed the same")
		}
		thief.cookies[SessionCookie] = first
		if thief.signedIn() || h.count(`sessions`) != 1 {
			t.Error("the token from before still holds")
		}
	})
}

// A session ends after 14 days without use and after 90 in all, and a request writes
// at most every five minutes.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		b := h.browser().in(ann, password)
		seen := func() int64 { return h.count(`sessions WHERE seen_at > created_at`) }
		h.db.AdvanceClock(4 * time.Minute)
		if !b.signedIn() || seen() != 0 {
			t.Error("after four minutes: signed out, or written")
		}
		h.db.AdvanceClock(time.Minute)
		if !b.signedIn() || seen() != 1 {
			t.Error("after five minutes: signed out, or not touched")
		}
		if cookies := b.visit(func(context.Context) {}); len(cookies) != 0 {
			t.Error("a mere visit sends a cookie")
		}
		h.db.AdvanceClock(14*24*time.Hour - time.Second)
		if !b.signedIn() {
			t.Error("signed out before 14 days")
		}
		h.db.AdvanceClock(14 * 24 * time.Hour)
		if b.signedIn() {
			t.Error("signed in after 14 days without use")
		}
		b.in(ann, password)
		for range 9 {
			h.db.AdvanceClock(9 * 24 * time.Hour)
			if !b.signedIn() {
				t.Error("signed out while in use")
			}
		}
		h.db.AdvanceClock(9*24*time.Hour + time.Second)
		if b.signedIn() {
			t.Error("signed in after 90 days")
		}
	})
}

// Sessions are listed, and ended one by one or all others at once; nobody else's
// are touched.
func TestRevokeSessions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		h.account("bob@example.com", account.Customer)
		one, two, three, bob := h.browser(), h.browser(), h.browser(), h.browser().in("bob@example.com", password)
		two.agent = "\u202e\u009b" + strings.Repeat("é", 150) + "\n"
		for _, b := range []*browser{one, two, three} {
			b.in(ann, password)
		}
		list := func() (all []Session) {
			one.must(func(ctx context.Context) (err error) { all, err = h.Sessions(ctx); return err })
			return all
		}
		all := list()
		if len(all) != 3 || !all[2].Current || all[0].Current || all[0].Address != "192.0.2.1" || all[1].Agent != strings.Repeat("é", 97) {
			t.Errorf("listed %+v", all)
		}
		who, _ := bob.who()
		one.must(func(ctx context.Context) error { return h.RevokeSession(ctx, who.SessionID) })
		if !bob.signedIn() {
			t.Error("somebody else's session was ended")
		}
		one.must(func(ctx context.Context) error { return h.RevokeSession(ctx, all[1].ID) })
		if two.signedIn() || !three.signedIn() {
			t.Error("another session than the one named was ended")
		}
		one.must(h.RevokeOtherSessions)
		if three.signedIn() || !one.signedIn() || !bob.signedIn() || len(list()) != 1 {
			t.Error("all others: not those were ended")
		}
		one.must(h.RevokeOtherSessions) // ends none
		owner, _ := one.who()
		if h.count(`audit_log WHERE action = 'account.sessions_revoked'`) != 2 ||
			h.count(`audit_log WHERE action = 'account.sessions_revoked' AND actor = $1 AND target = $1 AND detail = '1'`, owner.AccountID) != 2 {
			t.Error("the two that were ended are not in the audit log")
		}
		one.must(func(ctx context.Context) error { return h.RevokeSession(ctx, list()[0].ID) })
		if one.signedIn() {
			t.Error("the own session was not ended")
		}
	})
}

// A session that is ended while its request runs is not made again.
func TestARevokedSessionStaysRevoked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		b := h.browser().in(ann, password)
		b.visit(func(ctx context.Context) {
			h.scs.Put(ctx, "something", "changed")
			err := h.db.Write(ctx, func(tx *db.Tx) error { _, err := tx.Exec(`DELETE FROM sessions`); return err })
			if err != nil {
				t.Error(err)
			}
		})
		if b.signedIn() || h.count(`sessions`) != 0 {
			t.Error("the session came back")
		}
		// A sign-in under way while the account is signed out everywhere.
		b.visit(func(ctx context.Context) {
			if _, err := h.SignIn(ctx, ann, password); err != nil {
				t.Error(err)
			}
			err := h.db.Write(ctx, func(tx *db.Tx) error {
				who, _ := h.Current(ctx)
				_, err := account.EndSessions(tx, who.AccountID)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
		if b.signedIn() {
			t.Error("a session that was being made outlived the end of all")
		}
	})
}

// A sign-in whose account was signed out everywhere since its password was compared
// is refused, and not noted as one.
func TestASignInUnderWayEnds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		a := h.account(ann, account.Customer)
		b := h.browser()
		err := b.do(func(ctx context.Context) error {
			c, err := h.candidate(ctx, h.VisitorOf(ctx), "a.id = $1", a.ID)
			if err != nil {
				return err
			}
			err = h.db.Write(ctx, func(tx *db.Tx) error { _, err := account.EndSessions(tx, a.ID); return err })
			if err != nil {
				return err
			}
			return h.complete(ctx, c, func(*db.Tx) (Method, error) { return ByPassword, nil })
		})
		refused(t, "after the end of all sessions", err, SignInAgain)
		if b.signedIn() || h.count(`sign_ins`) != 0 || h.count(`devices`) != 0 {
			t.Error("the sign-in left something behind")
		}
	})
}

// Visitors have no row until something needs one.
func TestVisitorsHaveNoSession(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		if cookies := b.visit(func(context.Context) {}); len(cookies) != 0 || h.count(`sessions`) != 0 {
			t.Error("a mere visit made a session")
		}
		b.must(func(ctx context.Context) error { _, err := h.SignInOptions(ctx); return err })
		if h.count(`sessions WHERE account_id IS NULL`) != 1 || b.signedIn() {
			t.Error("a challenge needs a session in which nobody is signed in")
		}
	})
}

// The history has every try with its outcome; a sign-in from a new browser is mailed,
// but for the first of all.
func TestHistoryAndNewDevices(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		b := h.browser().in(ann, password)
		if n := len(h.mailed(MailNewDevice)); n != 0 {
			t.Errorf("%d notices of the first sign-in", n)
		}
		b.in(ann, password)
		if n := len(h.mailed(MailNewDevice)); n != 0 {
			t.Errorf("%d notices of a known device", n)
		}
		other := h.browser()
		other.address, other.agent = "198.51.100.7:1", "Other/2"
		_, _ = other.signIn(ann, another)
		other.in(ann, password)
		mails := h.mailed(MailNewDevice)
		if len(mails) != 1 || mails[0].To != ann || mails[0].Data["address"] != "198.51.100.7" || mails[0].Data["agent"] != "Other/2" {
			t.Errorf("mailed %+v", mails)
		}
		var all []SignedIn
		b.must(func(ctx context.Context) (err error) { all, err = h.History(ctx, 10); return err })
		if len(all) != 4 || all[0].Outcome != OK || all[1].Outcome != OutcomeWrong || all[1].Address != "198.51.100.7" || all[3].Method != ByPassword {
			t.Errorf("the history is %+v", all)
		}
	})
}

// What is past its time is purged, and nothing else.
func TestPurge(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		b := h.browser().in(ann, password)
		b.must(func(ctx context.Context) error { return h.RequestReset(ctx, ann) })
		purge := func() (n int) {
			n, err := h.Purge().Pass(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := purge(); n != 0 {
			t.Errorf("%d rows purged at once", n)
		}
		h.db.AdvanceClock(time.Hour)
		purge()
		if h.count(`tokens`) != 0 || h.count(`attempts`) != 0 || h.count(`sessions`) != 1 {
			t.Error("after an hour: want the session alone")
		}
		h.db.AdvanceClock(180 * 24 * time.Hour)
		purge()
		if h.count(`sessions`) != 0 || h.count(`sign_ins`) != 0 || h.count(`devices`) != 1 {
			t.Error("after 180 days: want the device alone")
		}
		h.db.AdvanceClock(220 * 24 * time.Hour)
		purge()
		if h.count(`devices`) != 0 || h.count(`accounts`) != 1 {
			t.Error("after 400 days: want nothing but the account")
		}
	})
}

// An id that is no text is nobody's, on either database.
func TestIDsThatAreNoText(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		b := h.browser().in(ann, password)
		for _, bad := range []string{"\xff", "a\x00b", ""} {
			if err := b.do(func(ctx context.Context) error { return h.RevokeSession(ctx, bad) }); err != nil {
				t.Errorf("session %q: %v", bad, err)
			}
			if err := b.do(func(ctx context.Context) error { return h.RemovePasskey(ctx, bad) }); !fault.Is(err, fault.NotFound) {
				t.Errorf("passkey %q: %v", bad, err)
			}
			if err := b.do(func(ctx context.Context) error { return h.RenamePasskey(ctx, bad, "key") }); !fault.Is(err, fault.NotFound) {
				t.Errorf("passkey %q: %v", bad, err)
			}
		}
	})
}

// Whose last sign-in is so long ago that the history has lost it is told of the next
// one: nobody knows that it is their first.
func TestAfterTheHistoryANewDeviceIsTold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.account(ann, account.Customer)
		h.browser().in(ann, password)
		if mails := h.mailed(MailNewDevice); len(mails) != 0 {
			t.Errorf("the first sign-in of a new account mailed %+v", mails)
		}
		h.db.AdvanceClock(historyFor + time.Hour)
		if _, err := h.purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.browser().in(ann, password)
		if mails := h.mailed(MailNewDevice); len(mails) != 1 {
			t.Errorf("a sign-in from a new browser after a long time mailed %+v", mails)
		}
	})
}
