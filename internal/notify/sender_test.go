package notify

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
)

const (
	canary     = "canaryT0kenThatSignsIn"
	canaryLink = "https://panel.example/verify?token=" + canary + "&next=%2Fdashboard&long=0123456789012345678901234567890123456789"
)

func verify(to string) Mail {
	return Mail{To: to, Language: "en", Template: VerifyEmail, Data: map[string]string{"link": canaryLink}}
}

// A queued mail arrives whole over STARTTLS and a sign-in, with the headers of a
// machine, and its row forgets what stood in it.
func TestMailArrives(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newInbox(t, inboxOptions{})
		b.user, b.password = "panel@panel.example", "mail password"
		f := setup(t, d, b.server(StartTLS))
		f.queue(verify("reader@example.com"))
		f.pass(1)
		f.pass(0)
		letters := b.letters()
		if len(letters) != 1 || letters[0].from != "panel@panel.example" || letters[0].to != "reader@example.com" || !letters[0].secure {
			t.Fatalf("%+v", letters)
		}
		r := parse(t, letters[0].raw)
		for name, want := range map[string]string{
			"To": "<reader@example.com>", "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All", "Mime-Version": "1.0",
			"From": "=?utf-8?q?Panel_=C3=96rnek?= <panel@panel.example>",
		} {
			if got := r.header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if _, err := r.header.Date(); err != nil {
			t.Error(err)
		}
		if got := r.header.Get("Message-Id"); !strings.HasPrefix(got, "<mail_") || !strings.HasSuffix(got, "@panel.example>") {
			t.Errorf("Message-ID %q", got)
		}
		if r.subject != "Confirm your e-mail address for Panel Örnek" {
			t.Errorf("subject %q", r.subject)
		}
		if !strings.Contains(r.text, "\n"+canaryLink+"\n") {
			t.Errorf("the link is not on a line of its own:\n%s", r.text)
		}
		if !strings.Contains(r.html, `href="`+strings.ReplaceAll(canaryLink, "&", "&amp;")+`"`) {
			t.Errorf("no link in the HTML:\n%s", r.html)
		}
		if got := f.only(); got.State != "sent" || got.Sealed != "" || got.Attempts != 1 || got.Ended.IsZero() || !got.Due.IsZero() {
			t.Errorf("%+v", got)
		}
	})
}

// TLS from the first byte, and no encryption for a server that the operator lists.
func TestMailArrivesByEachSecurity(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options  inboxOptions
		security Security
	}{"implicit": {inboxOptions{implicit: true}, Implicit}, "clear": {inboxOptions{noTLS: true}, Clear}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newInbox(t, c.options)
			b.user, b.password = "panel", "mail password"
			f := setup(t, dbtest.Open(t, db.SQLite), b.server(c.security))
			f.queue(verify("reader@example.com"))
			f.pass(1)
			if letters := b.letters(); len(letters) != 1 || letters[0].secure != (c.security == Implicit) {
				t.Errorf("%+v, %s", letters, f.log)
			}
		})
	}
}

// Two nodes at work send each mail once.
func TestTwoNodesSendEachMailOnce(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			const mails = 20
			url := dbtest.NewURL(t, engine)
			b := newInbox(t, inboxOptions{})
			nodes := []*fixture{setup(t, dbtest.Connect(t, url), b.server(StartTLS)), setup(t, dbtest.Connect(t, url), b.server(StartTLS))}
			for i := range mails {
				nodes[0].queue(verify(fmt.Sprintf("reader%d@example.com", i)))
			}
			var working sync.WaitGroup
			for _, n := range nodes {
				working.Go(func() {
					for {
						if found, err := n.sender.Pass(t.Context()); err != nil || found == 0 {
							if err != nil {
								t.Error(err)
							}
							return
						}
					}
				})
			}
			working.Wait()
			seen := map[string]int{}
			for _, l := range b.letters() {
				seen[l.to]++
			}
			if len(seen) != mails || len(b.letters()) != mails {
				t.Errorf("%d letters to %d readers, want %d", len(b.letters()), len(seen), mails)
			}
			for _, r := range nodes[0].rows() {
				if r.State != "sent" || r.Attempts != 1 {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

// A connection that breaks before the end of the message is no delivery: the mail
// is sent again, as the same message.
func TestMailIsSentAgainAfterACut(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newInbox(t, inboxOptions{})
		b.set(func(b *inbox) { b.cut = 1 })
		f := setup(t, d, b.server(StartTLS))
		f.queue(verify("reader@example.com"))
		f.pass(1)
		got := f.only()
		if got.State != "waiting" || got.Failure != string(Broken) || got.Sealed == "" || len(b.letters()) != 0 {
			t.Fatalf("%+v, %d letters", got, len(b.letters()))
		}
		f.pass(0)
		d.AdvanceClock(30 * time.Second)
		f.pass(1)
		if got := f.only(); got.State != "sent" || got.Failure != "" || got.Attempts != 2 || len(b.letters()) != 1 {
			t.Errorf("%+v, %d letters", got, len(b.letters()))
		}
	})
}

// A node that dies with a mail in its hands loses it to the others, once its lease
// is over; what it reports late spoils nothing.
func TestMailOfADeadNodeIsTakenOver(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newInbox(t, inboxOptions{})
		f := setup(t, d, b.server(StartTLS))
		f.queue(verify("reader@example.com"))
		lost, err := f.sender.claim(t.Context())
		if err != nil || len(lost) != 1 {
			t.Fatal(lost, err)
		}
		f.pass(0)
		d.AdvanceClock(lease)
		again, err := f.sender.claim(t.Context())
		if err != nil || len(again) != 1 {
			t.Fatal(again, err)
		}
		before := f.only()
		if err := f.sender.put(t.Context(), lost[0], &DeliveryError{Class: Refused, Code: 550}); err != nil {
			t.Fatal(err)
		}
		if got := f.only(); got != before {
			t.Errorf("the dead node changed %+v to %+v", before, got)
		}
		if err := f.sender.work(t.Context(), again[0]); err != nil || f.only().State != "sent" {
			t.Errorf("%v, %+v", err, f.only())
		}
	})
}

// Pauses grow, and after a day the mail and what stood in it are given up.
func TestMailIsGivenUpAfterADay(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newInbox(t, inboxOptions{})
		b.set(func(b *inbox) { b.to = &smtp.SMTPError{Code: 451, Message: "greylisted, " + canary} })
		f := setup(t, d, b.server(StartTLS))
		f.queue(verify("reader@example.com"))
		waited, now := []time.Duration{}, f.only().Created
		for range 20 {
			f.pass(1)
			got := f.only()
			if got.State != "waiting" {
				break
			}
			if got.Failure != string(RefusedForNow) {
				t.Fatalf("%+v", got)
			}
			pause := got.Due.Sub(now)
			waited, now = append(waited, pause), got.Due
			d.AdvanceClock(pause + time.Second)
		}
		want := []time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 6 * time.Hour, 6 * time.Hour}
		if len(waited) != len(want)+1 {
			t.Fatalf("waits %v", waited)
		}
		for i, w := range want {
			if waited[i] < w || waited[i] > w+25*time.Second { // the clock runs while the test does
				t.Errorf("wait %d: %s, want %s", i, waited[i], w)
			}
		}
		if got := f.only(); got.State != "given_up" || got.Sealed != "" || got.Failure != string(RefusedForNow) || got.Ended.Sub(got.Created) > patience {
			t.Errorf("%+v", got)
		}
		f.neverSaid()
	})
}

// neverSaid fails where the canary is in the log.
func (f *fixture) neverSaid() {
	f.t.Helper()
	if strings.Contains(f.log.String(), canary) {
		f.t.Errorf("the canary is in the log:\n%s", f.log)
	}
}

// A recipient refused for good ends it at once; what the operator can mend does not.
func TestRefusals(t *testing.T) {
	t.Parallel()
	no := func(code int) error { return &smtp.SMTPError{Code: code, Message: "no"} }
	for name, c := range map[string]struct {
		set   func(*inbox)
		class Class
		state string
	}{
		"no such recipient":  {func(b *inbox) { b.to = no(550) }, Refused, "given_up"},
		"recipient for now":  {func(b *inbox) { b.to = no(450) }, RefusedForNow, "waiting"},
		"sign-in is missing": {func(b *inbox) { b.to = no(530) }, SignInRefused, "waiting"},
		"sender":             {func(b *inbox) { b.from = no(553) }, SenderRefused, "waiting"},
		"message":            {func(b *inbox) { b.data = no(554) }, MessageRefused, "waiting"},
		"message for now":    {func(b *inbox) { b.data = no(451) }, RefusedForNow, "waiting"},
		"wrong password":     {func(b *inbox) { b.password = "another" }, SignInRefused, "waiting"},
		"sign-in for now":    {func(b *inbox) { b.auth = no(454) }, RefusedForNow, "waiting"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newInbox(t, inboxOptions{})
			b.user, b.password = "panel", "mail password"
			f := setup(t, dbtest.Open(t, db.SQLite), b.server(StartTLS))
			b.set(c.set)
			f.queue(verify("reader@example.com"))
			f.pass(1)
			got := f.only()
			if got.State != c.state || got.Failure != string(c.class) || (got.Sealed == "") != (c.state == "given_up") {
				t.Errorf("%+v\n%s", got, f.log)
			}
			f.neverSaid()
			for _, not := range []string{"mail password", "reader@example.com"} {
				if strings.Contains(f.log.String(), not) {
					t.Errorf("%q is in the log: %s", not, f.log)
				}
			}
		})
	}
}

// The committed act is what sends a mail.
func TestRollbackSendsNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newInbox(t, inboxOptions{})
		f := setup(t, d, b.server(StartTLS))
		changed := errors.New("changed its mind")
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			if err := f.store.Queue(tx, verify("reader@example.com")); err != nil {
				return err
			}
			return changed
		})
		if !errors.Is(err, changed) {
			t.Fatal(err)
		}
		f.pass(0)
		if len(f.rows()) != 0 || len(b.letters()) != 0 {
			t.Errorf("%v, %v", f.rows(), b.letters())
		}
	})
}

// What stands in a mail is nowhere in clear: not in the database before or after
// it was sent, not in the log.
func TestMailIsSealedAtRest(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newInbox(t, inboxOptions{})
		b.set(func(b *inbox) { b.cut = 1 })
		f := setup(t, d, b.server(StartTLS))
		f.queue(verify("reader@example.com"))
		f.nowhere()
		if f.only().Sealed == "" {
			t.Error("nothing is stored")
		}
		f.pass(1)
		f.nowhere()
		d.AdvanceClock(time.Minute)
		f.pass(1)
		f.nowhere()
		if f.only().Sealed != "" || len(b.letters()) != 1 || !strings.Contains(parse(t, b.letters()[0].raw).text, canary) {
			t.Errorf("%+v", f.only())
		}
	})
}

// nowhere fails where the canary is in the database or the log.
func (f *fixture) nowhere() {
	f.t.Helper()
	f.neverSaid()
	var all strings.Builder
	err := f.d.Read(f.t.Context(), func(tx *db.Tx) error {
		return tx.Each(func(s db.Scanner) error {
			var parts [6]string
			err := s.Scan(&parts[0], &parts[1], &parts[2], &parts[3], &parts[4], &parts[5])
			all.WriteString(strings.Join(parts[:], " "))
			return err
		}, `SELECT id, recipient, language, template, data_sealed, failure FROM mails`)
	})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal"} {
		if path := f.d.SQLitePath(); path != "" {
			content, _ := os.ReadFile(path + suffix)
			_, _ = all.Write(content)
		}
	}
	if strings.Contains(all.String(), canary) {
		f.t.Error("the canary is in the database")
	}
}

// A sealed value of another row, or one that was changed, is never sent.
func TestMailOfAnotherRowIsNotSent(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newInbox(t, inboxOptions{})
		f := setup(t, d, b.server(StartTLS))
		f.queue(verify("victim@example.com"))
		f.queue(verify("thief@example.com"))
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE mails SET data_sealed = (SELECT data_sealed FROM mails WHERE recipient = 'victim@example.com')
				WHERE recipient = 'thief@example.com'`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		f.pass(2)
		if letters := b.letters(); len(letters) != 1 || letters[0].to != "victim@example.com" {
			t.Errorf("%+v", letters)
		}
		if got := f.rows()[1]; got.State != "given_up" || got.Failure != string(Unreadable) {
			t.Errorf("%+v", got)
		}
	})
}

// Without a server mails wait, and are given up in time; a link that works for an
// hour does not go out after it.
func TestMailsWithoutAServerWaitAndAreGivenUp(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := setup(t, d, nil)
		if f.sender.CanSend() {
			t.Error("it says that mail can be sent")
		}
		f.queue(verify("reader@example.com"))
		f.queue(Mail{To: "reader@example.com", Language: "en", Template: ResetPassword, Data: map[string]string{"link": canaryLink}})
		f.pass(0)
		if b, err := f.sender.backlog(t.Context()); err != nil || b.Count != 2 {
			t.Errorf("%+v, %v", b, err)
		}
		d.AdvanceClock(resetPatience)
		f.pass(0)
		rows := f.rows()
		if rows[0].State != "waiting" || rows[1].State != "given_up" || rows[1].Failure != string(TooLate) || rows[1].Sealed != "" {
			t.Fatalf("%+v", rows)
		}
		if _, err := f.sender.Outbox(t.Context(), 10); !fault.Is(err, fault.NotFound) {
			t.Errorf("an outbox outside development: %v", err)
		}
		// A server that is set in time gets what waits.
		b := newInbox(t, inboxOptions{})
		set := setup(t, d, b.server(StartTLS))
		set.pass(1)
		if len(b.letters()) != 1 || !set.sender.CanSend() {
			t.Errorf("%+v", b.letters())
		}
	})
}

// In development mails are looked at in the outbox, the newest first.
func TestOutboxShowsMails(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := setup(t, d, nil)
		f.sender.o.ShowOutbox = true
		f.queue(verify("first@example.com"))
		f.queue(Mail{To: "second@example.com", Language: "tr", Template: PasswordChanged})
		d.AdvanceClock(2 * patience)
		f.pass(0)
		shown, err := f.sender.Outbox(t.Context(), 10)
		if err != nil || len(shown) != 2 || !f.sender.CanSend() {
			t.Fatalf("%+v, %v", shown, err)
		}
		if shown[0].To != "second@example.com" || shown[0].Subject != "Panel Örnek parolanız değiştirildi" || shown[0].HTML == "" {
			t.Errorf("%+v", shown[0])
		}
		if !strings.Contains(shown[1].Text, "\n"+canaryLink+"\n") {
			t.Errorf("%+v", shown[1])
		}
		if shown, err := f.sender.Outbox(t.Context(), 1); err != nil || len(shown) != 1 {
			t.Errorf("%d, %v", len(shown), err)
		}
		f.nowhere()
	})
}

// What became of mails is known for a month.
func TestOldMailsAreForgotten(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newInbox(t, inboxOptions{})
		f := setup(t, d, b.server(StartTLS))
		f.queue(verify("reader@example.com"))
		f.pass(1)
		for _, c := range []struct {
			after time.Duration
			left  int
		}{{kept - time.Hour, 1}, {time.Hour, 0}} {
			d.AdvanceClock(c.after)
			if _, err := f.sender.Forget(t.Context()); err != nil || len(f.rows()) != c.left {
				t.Errorf("%d left, %v; want %d", len(f.rows()), err, c.left)
			}
		}
	})
}
