// Package massorder owns many orders that are sent together: their lines as they
// were checked, and how far placing them has come.
//
// It places them through the placer and by its rules. A line's request id comes from
// the id of the mass order and the line's number, so however often somebody, or
// another node, or a start after a crash goes on with one, each line is placed once.
package massorder

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

// Bounds.
const (
	// MaxLines is how many orders are sent together at most.
	MaxLines = 1000
	// MaxBytes is how large their text may be.
	MaxBytes = 1 << 20
	// MaxKept is how many mass orders an account keeps; the oldest makes room.
	MaxKept = 5
)

const (
	draftKept = 24 * time.Hour      // one that was checked and not sent
	doneKept  = 30 * 24 * time.Hour // one that was, counted from the check
)

// Busy is the reason of a refusal to check one more: all that are kept are being
// placed.
const Busy fault.Reason = "mass_busy"

var (
	errNotFound = fault.New(fault.NotFound, "Mass order not found")
	errBusy     = fault.Newf(fault.Conflict, "%d mass orders are being placed: wait until one has ended", MaxKept).Because(Busy)
)

// State says how far a mass order has come.
type State string

// The states.
const (
	Checked State = "checked"
	Placing State = "placing"
	Done    State = "done"
)

// Mass is a mass order.
type Mass struct {
	ID        string
	AccountID string
	State     State
	Whole     bool // all lines or none
	CreatedAt time.Time

	Lines   int64
	Bad     int64        // refused, when they were checked or when they were placed
	Placed  int64        // orders
	Shown   money.Amount // what the good lines were to be charged
	Charged money.Amount // what the placed ones were
}

// Open are the lines that are still to be placed.
func (m Mass) Open() int64 { return m.Lines - m.Bad - m.Placed }

// Line is one order of a mass order.
type Line struct {
	Number  int64             // of the line, from 1
	Fields  map[string]string // as they were sent
	Charge  *money.Amount     // that was shown; nil: it can't be placed
	Refusal *Refusal          // nil: nothing was refused
	Order   int64             // its number; 0: there is none
	Charged money.Amount
}

// Refusal is why a line is not placed, in the form in which it is kept.
type Refusal struct {
	Code   fault.Code   `json:"code"`
	Reason fault.Reason `json:"reason,omitempty"`
	Args   []string     `json:"args,omitempty"`
	Text   string       `json:"text"`
}

// Refuse keeps why a line was refused.
func Refuse(err error) *Refusal {
	f := fault.From(err)
	return &Refusal{Code: f.Code, Reason: f.Reason, Args: f.Args, Text: f.Lasting()}
}

// Fault is the refusal as an error.
func (r *Refusal) Fault() error {
	return &fault.Error{Code: r.Code, Reason: r.Reason, Args: r.Args, Text: r.Text}
}

func (r *Refusal) stored() string {
	if r == nil {
		return ""
	}
	text, err := json.Marshal(r)
	if err != nil {
		return "" // texts only: none fails
	}
	return string(text)
}

// requestID is the same for a line whenever and wherever it is placed.
func requestID(massID string, line int64) string {
	return massID + "_" + strconv.FormatInt(line, 10)
}

// request is the line as the placer takes it. It may cost what was shown and no more.
func (l Line) request(massID string) (order.Request, error) {
	return order.ParseRequest(func(name string) string {
		switch name {
		case "request_id":
			return requestID(massID, l.Number)
		case "max_charge":
			return l.Charge.String()
		}
		return l.Fields[name]
	})
}

const lineColumns = `line, fields, charge, refusal, COALESCE(number, 0), COALESCE(charged, 0)`

func scanLine(s db.Scanner) (l Line, err error) {
	var fields, refusal string
	if err := s.Scan(&l.Number, &fields, &l.Charge, &refusal, &l.Order, &l.Charged); err != nil {
		return l, err
	}
	if err := json.Unmarshal([]byte(fields), &l.Fields); err != nil {
		return l, fmt.Errorf("fields of a line: %w", err)
	}
	if refusal != "" {
		l.Refusal = &Refusal{}
		if err := json.Unmarshal([]byte(refusal), l.Refusal); err != nil {
			return l, fmt.Errorf("refusal of a line: %w", err)
		}
	}
	return l, nil
}
