package simulator

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/money"
)

// journalName is the file in Options.Dir.
const journalName = "simulator.jsonl"

// line is a line of the journal: an order accepted or, where the field for it is
// set, an order canceled by a client, a refill asked for, the catalogue or its
// list changed, or the deposit. Times are Unix microseconds, money is millionths.
type line struct {
	Order    int64        `json:"order,omitempty"`
	Service  int64        `json:"service,omitempty"`
	Link     string       `json:"link,omitempty"`
	Quantity int64        `json:"quantity,omitempty"`
	Charge   money.Amount `json:"charge,omitempty"`
	Accepted int64        `json:"accepted,omitempty"`
	Pace     int64        `json:"pace,omitempty"`
	Canceled int64        `json:"canceled,omitempty"`

	Fields    Fields       `json:"fields,omitempty"`
	RequestID string       `json:"request_id,omitempty"`
	Hash      string       `json:"hash,omitempty"`  // of what the request id stands for
	Parts     int          `json:"parts,omitempty"` // posts or runs
	Rate      money.Amount `json:"rate,omitempty"`  // of the parts

	Refill  int64         `json:"refill,omitempty"`
	Asked   int64         `json:"asked,omitempty"`
	Change  *Change       `json:"change,omitempty"`
	Listing *Listing      `json:"listing,omitempty"`
	Deposit *money.Amount `json:"deposit,omitempty"`
}

func acceptance(o *held) line {
	l := line{
		Order: o.id, Service: o.service, Link: o.link, Quantity: o.quantity, Charge: o.charge,
		Accepted: clock.Micros(o.accepted), Pace: o.pace.Microseconds(),
		Fields: o.fields, RequestID: o.requestID, Hash: o.hash,
	}
	if o.series != nil {
		l.Parts, l.Rate = len(o.series.sizes), o.series.rate
	}
	return l
}

func cancellation(o *held, at time.Time) line {
	return line{Order: o.id, Canceled: clock.Micros(at)}
}

// order is the inverse of acceptance, but for the parts. The plan is read again.
func (l line) order() *held {
	return &held{
		id: l.Order, service: l.Service, quantity: l.Quantity, link: l.Link, fields: l.Fields,
		requestID: l.RequestID, hash: l.Hash, charge: l.Charge,
		accepted: clock.FromMicros(l.Accepted), pace: time.Duration(l.Pace) * time.Microsecond,
		plan: steering(steeredBy(l.Link, l.Fields)), requests: 1,
	}
}

func (l line) canceledAt() time.Time { return clock.FromMicros(l.Canceled) }

// journal is the file of lines. A line that was appended outlives the process,
// though not a machine that loses its power.
type journal struct {
	file *os.File
	size int64 // of the whole lines
	torn bool  // something may stand behind them
}

// openJournal opens or makes the journal in dir and gives each of its lines to
// apply. A last line without an end is a write that was cut off: nobody was told
// of it, so it is removed.
func openJournal(dir string, apply func(line) error) (*journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	path := filepath.Join(dir, journalName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600) //nolint:gosec // the folder is the operator's choice
	if err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	j := &journal{file: file}
	if err := j.replay(apply); err != nil {
		return nil, errors.Join(fmt.Errorf("simulator: %s: %w", path, err), file.Close())
	}
	return j, nil
}

func (j *journal) replay(apply func(line) error) error {
	r := bufio.NewReader(j.file)
	for n := 1; ; n++ {
		text, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return j.rewind()
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := apply(l); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		j.size += int64(len(text))
	}
}

// append writes a line in one piece. What a failed write left behind is cut off
// before the next one could grow onto it.
func (j *journal) append(l line) error {
	if j.torn {
		if err := j.rewind(); err != nil {
			return err
		}
	}
	text := append(encode(l), '\n')
	if _, err := j.file.Write(text); err != nil {
		j.torn = true
		return fmt.Errorf("simulator: %w", err)
	}
	j.size += int64(len(text))
	return nil
}

// rewind cuts off what stands behind the last whole line.
func (j *journal) rewind() error {
	if err := j.file.Truncate(j.size); err != nil {
		return fmt.Errorf("simulator: %w", err)
	}
	j.torn = false
	return nil
}

func (j *journal) close() error {
	if err := j.file.Close(); err != nil {
		return fmt.Errorf("simulator: %w", err)
	}
	return nil
}
