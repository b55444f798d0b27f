package simulator

import (
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// dialect is one of the two ways in which the same provider answers.
type dialect int

const (
	classic dialect = iota
	native
)

// The beginnings of native ids.
const (
	orderPrefix  = "ord_"
	refillPrefix = "ref_"
)

// refuse answers with an error: classic always with status 200.
func (d dialect) refuse(w http.ResponseWriter, f *flaw) {
	if d == classic {
		sendJSON(w, errorAnswer{Error: string(f.classic)})
		return
	}
	status := f.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	send(w, status, typeJSON, encode(errorAnswer{Error: f.native}))
}

// failing is an error in the place of a value.
func (d dialect) failing(why refusal) errorAnswer {
	f := say(why)
	if d == native {
		return errorAnswer{Error: f.native}
	}
	return errorAnswer{Error: string(f.classic)}
}

// id is an order's id as the dialect has it: a number or text.
func (d dialect) id(o Order) any {
	if d == native {
		return o.NativeID
	}
	return o.ID
}

// text is an order's id as text.
func (d dialect) text(o Order) string {
	if d == native {
		return o.NativeID
	}
	return strconv.FormatInt(o.ID, 10)
}

// nativeWord is a status word as the native dialect has it.
func nativeWord(status string) string { return strings.ReplaceAll(strings.ToLower(status), " ", "_") }

// placed is the answer to add.
func (s *Simulator) placed(d dialect, o Order) any {
	if d == native {
		// As it was at first, however late the repeat.
		return object{{"order", o.NativeID}, {"status", "pending"}, {"charge", o.Full.String()}, {"currency", s.currency}}
	}
	return object{{"order", o.ID}}
}

// nativeID is the native form of a number: nothing more has to be kept to find
// it, and it is the same after a restart.
func nativeID(prefix string, number int64, at time.Time) string {
	var u ulid.ULID
	_ = u.SetTime(ulid.Timestamp(at))                 // fails after the year 10889
	binary.BigEndian.PutUint64(u[8:], uint64(number)) //nolint:gosec // numbers are positive
	return prefix + u.String()
}

// number returns the number that a token stands for in either form, 0 if in
// none. The time in a native id has to be checked against what is found.
func number(prefix, token string) int64 {
	if rest, ok := strings.CutPrefix(token, prefix); ok {
		u, err := ulid.ParseStrict(rest)
		if err != nil {
			return 0
		}
		return max(0, int64(binary.BigEndian.Uint64(u[8:]))) //nolint:gosec // what does not fit is no number of ours
	}
	id, err := strconv.ParseInt(token, 10, 64)
	if err != nil || id < 0 {
		return 0
	}
	return id
}

// means reports whether a token names what it was found by: a native id does
// only as a whole.
func means(token, prefix, nativeID string) bool {
	return !strings.HasPrefix(token, prefix) || token == nativeID
}
