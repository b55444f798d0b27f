// Package notify tells people by mail. It owns the table of mails, their texts
// and the way to the operator's mail server.
//
// It knows no accounts: who queues a mail says to whom it goes, in which language,
// and what stands in it.
package notify

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/plain"
	"github.com/notpanel/notpanel/internal/secret"
)

// Mail is a mail to one person.
type Mail struct {
	To       string // a plain address
	Language string // the reader's; what the panel does not speak is English
	Template string // one of the constants
	// Data is what stands in it; each template names what it needs. Everywhere
	// "time" (RFC 3339; the time of queuing without it), "zone" (the reader's, as
	// in Europe/Istanbul), "address" and "agent" may be given beside.
	Data map[string]string
}

const (
	maxAddress = 254  // of RFC 5321, in bytes
	maxLink    = 2000 // in bytes; longer ones break in mail programs
	maxValue   = 1000 // in bytes
)

// Store queues mails.
type Store struct{ ring *secret.Ring }

// NewStore returns a store that seals what stands in mails under ring.
func NewStore(ring *secret.Ring) *Store { return &Store{ring: ring} }

// Queue stores a mail in the caller's transaction: it is sent if and only if that
// is committed, and then at least once. An error is the caller's mistake: an
// unknown template, a value that is missing, a link that is none.
func (s *Store) Queue(tx *db.Tx, m Mail) error {
	t, err := m.check()
	if err != nil {
		return err
	}
	text, err := json.Marshal(m.Data)
	if err != nil {
		return fmt.Errorf("queue a mail: %w", err)
	}
	mailID := id.New(id.Mail)
	_, err = tx.Exec(`
		INSERT INTO mails (id, recipient, language, template, data_sealed, state, created_at, expires_at, due_at)
		VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $7, $6)`,
		mailID, m.To, m.Language, m.Template, s.ring.Seal(text, "mails", "data", mailID), db.At(tx.Now), db.At(tx.Now.Add(t.patience)))
	if err != nil {
		return fmt.Errorf("queue a mail: %w", err)
	}
	return nil
}

// check refuses what can't be sent, and masks what a mail may not show whole.
func (m *Mail) check() (kind, error) {
	t, found := kinds()[m.Template]
	if !found {
		return t, fmt.Errorf("no mail is called %q", m.Template)
	}
	if err := CheckAddress(m.To); err != nil {
		return t, err
	}
	data := make(map[string]string, len(m.Data))
	for name, value := range m.Data {
		if name == "new" {
			value = mask(value)
		}
		data[name] = value
	}
	m.Data = data
	for _, name := range t.needs {
		if data[name] == "" {
			return t, fmt.Errorf("mail %s needs %q", m.Template, name)
		}
	}
	for name, value := range data {
		if err := checkValue(name, value); err != nil {
			return t, fmt.Errorf("mail %s: %w", m.Template, err)
		}
	}
	_, err := t.facts(m.Data)
	return t, err
}

// CheckAddress lets plain addresses through, such as name@example.com: nothing
// that could end a header or a command.
func CheckAddress(address string) error {
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address || parsed.Name != "" || len(address) > maxAddress ||
		strings.ContainsAny(address, " <>,;:\"\\") || plain.Line("address", address) != nil {
		return errNoAddress
	}
	return nil
}

// wholeKey is the value of an API key, not its beginning.
func wholeKey(value string) bool {
	return regexp.MustCompile(`np_(live|test)_[0-9A-Za-z]{12}`).MatchString(value)
}

// checkValue never names the value in its error: it may be a link that signs in.
func checkValue(name, value string) error {
	switch {
	case isLink(name):
		return checkLink(name, value)
	case !utf8.ValidString(value) || len(value) > maxValue:
		return fmt.Errorf("%q is too long or no text", name)
	case wholeKey(value):
		return fmt.Errorf("%q holds the value of a key, which no mail may show", name)
	}
	return nil
}

// isLink reports whether a value is an address to open.
func isLink(name string) bool { return name == "link" || name == "reset" }

func checkLink(name, value string) error {
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil ||
		len(value) > maxLink || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("<>\"`", r) }) {
		return fmt.Errorf("%q is no link that can be mailed", name)
	}
	return nil
}

// mask shows of an address enough to be known by whoever owns it: j…@example.com.
func mask(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at <= 0 {
		return "…"
	}
	_, size := utf8.DecodeRuneInString(address)
	return address[:size] + "…" + address[at:]
}
