package simulator

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/money"
)

// statusOf returns the state of the order that a token names, or an error in its
// place. Single is the answer to a question about one order.
func (s *Simulator) statusOf(d dialect, token string, single bool) any {
	o, p, found := s.book.status(s.now(), number(orderPrefix, token))
	if !found || !means(token, orderPrefix, o.NativeID) || p.forgot {
		return d.failing(incorrectOrder)
	}
	if p.bare {
		if single {
			return d.failing(incorrectOrder)
		}
		return d.failing(incorrectOrder).Error
	}
	answer := s.report(d, o, p)
	if p.inside {
		answer = append(object{{"order", d.id(o)}}, answer...)
	}
	if single && p.keyed {
		return object{{token, answer}}
	}
	return answer
}

// report is what status says of an order.
func (s *Simulator) report(d dialect, o Order, p plan) object {
	if d == native {
		return append(s.nativeReport(o, p), series{kind: seriesKind(o.Series)}.report(d, o)...)
	}
	switch seriesKind(o.Series) {
	case posts, runs:
		return append(object{{"status", o.Status}}, series{kind: seriesKind(o.Series)}.report(d, o)...)
	}
	return s.values(p, object{
		{"charge", p.sayCharge(o.Charge)},
		{"start_count", p.start.or(strconv.FormatInt(o.StartCount, 10))},
		{"status", o.Status},
		{"remains", p.remains.or(strconv.FormatInt(o.Remains, 10))},
		{"currency", s.currency},
	})
}

// nativeReport has null for what is not known before the work began.
func (s *Simulator) nativeReport(o Order, p plan) object {
	start, remains := any(strconv.FormatInt(o.StartCount, 10)), any(strconv.FormatInt(o.Remains, 10))
	if o.StartCount == 0 {
		start = nil
	}
	if o.Status == statusPending {
		remains = nil
	}
	return s.values(p, object{
		{"status", nativeWord(o.Status)},
		{"charge", p.sayCharge(o.Charge)},
		{"start_count", p.start.or(start)},
		{"remains", p.remains.or(remains)},
		{"currency", s.currency},
	})
}

// report is what a status says of the posts or runs of an order.
func (s series) report(d dialect, o Order) object {
	ids := make([]any, 0, len(o.Parts))
	for i, id := range o.Parts {
		if d == native {
			ids = append(ids, o.partIDs[i])
			continue
		}
		ids = append(ids, id)
	}
	done := strconv.Itoa(len(ids))
	switch {
	case s.kind == posts && d == native:
		return object{{"posts", done}, {"orders", ids}, {"expiry", o.Fields["expiry"]}}
	case s.kind == posts:
		return object{{"expiry", o.Fields["expiry"]}, {"posts", done}, {"orders", ids}}
	case s.kind == runs:
		return object{{"runs", done}, {"orders", ids}}
	default:
		return nil
	}
}

// values writes the values of a status as its plan wants them.
func (s *Simulator) values(p plan, all object) object {
	kept := make(object, 0, len(all))
	for _, m := range all {
		text, isText := m.value.(string)
		if isText && text == omitted {
			continue
		}
		if isText && p.numbers && numeric(text) {
			m.value = json.Number(text)
		}
		kept = append(kept, m)
	}
	return kept
}

// numeric reports whether a text is a number as JSON writes them.
func numeric(text string) bool {
	return text != "" && json.Valid([]byte(text)) && strings.Trim(text, "0123456789.-") == ""
}

// omitted is a value that is left out. It is nothing that a link can say.
const omitted = "\x00"

// or returns the lie, or the truth if there is none.
func (l lie) or(truth any) any {
	switch {
	case !l.told:
		return truth
	case l.text == valueNone:
		return omitted
	case l.text == valueNull:
		return nil
	default:
		return l.text
	}
}

func (p plan) sayCharge(a money.Amount) any {
	switch p.charge.text {
	case chargeDouble:
		return (2 * a).String()
	case chargeLong:
		whole, decimals, _ := strings.Cut(a.String(), ".")
		return whole + "." + decimals + strings.Repeat("0", 11-len(decimals))
	case chargeFull:
		return a.String()
	default:
		return p.charge.or(a.String())
	}
}
