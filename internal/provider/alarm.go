package provider

import (
	"fmt"
	"strings"

	"github.com/notpanel/notpanel/internal/db"
)

// AlarmKind says what an alarm is about. A provider has at most one of a kind.
type AlarmKind string

// The kinds of alarms of this package.
const (
	AlarmSync     AlarmKind = "sync"     // its list could not be taken over
	AlarmShrink   AlarmKind = "shrink"   // too much of its list vanished at once
	AlarmBalance  AlarmKind = "balance"  // low, or not to be read
	AlarmCurrency AlarmKind = "currency" // it changed
)

// maxAlarm bounds the text of one alarm, in characters.
const maxAlarm = 300

// SetAlarm raises an alarm of a provider in place of the one of that kind, or
// with an empty text ends it. Alarms of other kinds stay.
func SetAlarm(tx *db.Tx, providerID string, kind AlarmKind, text string) error {
	var all string
	if err := tx.QueryRow(`SELECT alarm FROM providers WHERE id = $1 FOR NO KEY UPDATE`, providerID).Scan(&all); err != nil {
		return fmt.Errorf("read the provider's alarm: %w", err)
	}
	now := withAlarm(all, kind, text)
	if now == all {
		return nil
	}
	if _, err := tx.Exec(`UPDATE providers SET alarm = $2 WHERE id = $1`, providerID, now); err != nil {
		return fmt.Errorf("set the provider's alarm: %w", err)
	}
	return nil
}

// withAlarm changes the alarm of one kind among those that are stored, a line each.
func withAlarm(all string, kind AlarmKind, text string) string {
	var lines []string
	for line := range strings.Lines(all) {
		line = strings.TrimSuffix(line, "\n")
		if line != "" && !strings.HasPrefix(line, string(kind)+": ") {
			lines = append(lines, line)
		}
	}
	if text = cutLine(text, maxAlarm); text != "" {
		lines = append(lines, string(kind)+": "+text)
	}
	return strings.Join(lines, "\n")
}

// alarmOf returns the text of one kind, "" for none.
func alarmOf(all string, kind AlarmKind) string {
	for line := range strings.Lines(all) {
		if text, ok := strings.CutPrefix(line, string(kind)+": "); ok {
			return strings.TrimSuffix(text, "\n")
		}
	}
	return ""
}
