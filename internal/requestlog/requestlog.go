// Package requestlog keeps what API keys were used for: a log of single requests
// and a count of all of them, by hour and action.
//
// A Recorder notes in memory and writes once a second, so that no request waits
// for it; a Store reads. It knows nothing of HTTP, of fields or of values of keys,
// and is never given what came in: it keeps words of ours, ids and addresses.
package requestlog

import (
	"net/netip"
	"time"

	"github.com/notpanel/notpanel/internal/fault"
)

const (
	// KeptLog is how long the log goes back.
	KeptLog = 7 * 24 * time.Hour
	// KeptUsage is how long the counts go back.
	KeptUsage = 90 * 24 * time.Hour
	// maxError is where an error's text is cut, in characters.
	maxError = 200
)

// answered is the stored outcome of a request that was not refused.
const answered = "ok"

// Entry is a request with a usable key that was answered.
type Entry struct {
	// ID is the answer's X-Request-Id; entries sort by it.
	ID        string
	KeyID     string
	AccountID string
	Mode      string    // the key's: live or test
	At        time.Time // when it came in, to the microsecond
	// Action is the name of an action that there is, in its canonical spelling; ""
	// where none or another word was sent.
	Action  string
	Dialect string // the key's: native or classic
	Status  int    // of HTTP
	// Refused is the refusal's code; "" where the request was carried out.
	Refused fault.Code
	// Error is the refusal's public text, without what came in.
	Error string
	// Duration is from the request's head to the answer's end, in whole microseconds.
	Duration time.Duration
	// Client is the client's address, zero where nobody knows it.
	Client netip.Addr
}

// outcome is the stored form of Refused.
func (e *Entry) outcome() string {
	if e.Refused == "" {
		return answered
	}
	return string(e.Refused)
}

// hour is the hour that the entry is counted in.
func (e *Entry) hour() int64 { return hourOf(e.At) }

// hourOf counts the hours of UTC since 1970.
func hourOf(t time.Time) int64 { return t.Unix() / int64(time.Hour/time.Second) }

// cut shortens an error's text.
func cut(text string) string {
	n := 0
	for i := range text {
		if n == maxError {
			return text[:i]
		}
		n++
	}
	return text
}
