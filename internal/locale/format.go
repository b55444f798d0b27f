package locale

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/currency"
	xlanguage "golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/notpanel/notpanel/internal/money"
)

// minus is the sign before what is less than nothing; a hyphen is too short
// beside figures.
const minus = "\u2212"

// Number writes a whole number with the language's grouping: "12,345".
func (l *Language) Number(n int64) string {
	digits, negative := strings.CutPrefix(strconv.FormatInt(n, 10), "-")
	return signed(negative, l.grouped(digits))
}

func signed(negative bool, text string) string {
	if negative {
		return minus + text
	}
	return text
}

// grouped sets a separator between thousands.
func (l *Language) grouped(digits string) string {
	const size = 3
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%size == 0 {
			b.WriteString(l.group)
		}
		b.WriteRune(d)
	}
	return b.String()
}

// Amount writes an amount without its currency: at least two and at most six
// decimals, as the ledger has them.
func (l *Language) Amount(a money.Amount) string {
	digits, negative := strings.CutPrefix(a.String(), "-")
	whole, frac, _ := strings.Cut(digits, ".")
	return signed(negative, l.grouped(whole)+l.decimal+frac)
}

// Money writes an amount with its currency: "$12.50", "CHF 12.50".
func (l *Language) Money(a money.Amount, code string) string {
	text, negative := strings.CutPrefix(l.Amount(a), minus)
	symbol := Symbol(code)
	if symbol == code {
		symbol += "\u00a0" // letters keep a space
	}
	return signed(negative, symbol+text)
}

// Symbol returns the short sign of a currency, or its code where it has none.
func Symbol(code string) string {
	unit, err := currency.ParseISO(code)
	if err != nil {
		return code
	}
	return message.NewPrinter(xlanguage.English).Sprint(currency.NarrowSymbol(unit))
}

// Day writes a day: "27 Nov 2026".
func (l *Language) Day(t time.Time) string {
	return l.Text("date.day", "Day", t.Day(), "Month", l.months[t.Month()-1], "Year", t.Year())
}

// Moment writes a day, a time and its zone: "27 Nov 2026, 14:05:09 UTC".
func (l *Language) Moment(t time.Time) string {
	return l.Text("date.moment", "Day", l.Day(t), "Time", t.Format("15:04:05"), "Zone", t.Format("MST"))
}

// Ago writes how long a moment is past, or ahead, in one unit: "3 min ago". What
// is further than a month is a day of the calendar.
func (l *Language) Ago(t, now time.Time) string {
	const day = 24 * time.Hour
	d, ahead := now.Sub(t), false
	if d < 0 {
		d, ahead = -d, true
	}
	unit, size := "", time.Duration(0)
	switch {
	case d < 10*time.Second:
		return l.Text("time.now")
	case d < time.Minute:
		unit, size = "seconds", time.Second
	case d < time.Hour:
		unit, size = "minutes", time.Minute
	case d < day:
		unit, size = "hours", time.Hour
	case d < 30*day:
		unit, size = "days", day
	default:
		return l.Day(t)
	}
	if ahead {
		return l.Count("time.in_"+unit, int64(d/size))
	}
	return l.Count("time.ago_"+unit, int64(d/size))
}

// Span writes a length of time in its largest unit: "45 s", "12 min", "3 h", "2 d".
func (l *Language) Span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 2*time.Minute:
		return l.Text("time.span_seconds", "N", l.Number(int64(d.Round(time.Second)/time.Second)))
	case d < 2*time.Hour:
		return l.Text("time.span_minutes", "N", l.Number(int64(d.Round(time.Minute)/time.Minute)))
	case d < 2*day:
		return l.Text("time.span_hours", "N", l.Number(int64(d.Round(time.Hour)/time.Hour)))
	}
	return l.Text("time.span_days", "N", l.Number(int64(d.Round(day)/day)))
}

// Decimal writes a decimal number that has a dot with the language's own sign.
func (l *Language) Decimal(text string) string { return strings.Replace(text, ".", l.decimal, 1) }

// ReadAmount reads an amount as somebody types it: with a dot, or the language's own
// sign, before the decimals, and without grouping. Where the language groups by dots,
// 1.000 may be meant as a thousand or as one, and is malformed.
func (l *Language) ReadAmount(text string) (money.Amount, error) {
	text = strings.TrimSpace(text)
	_, decimals, dotted := strings.Cut(text, ".")
	switch {
	case !dotted:
		text = strings.Replace(text, l.decimal, ".", 1)
	case l.group == "." && len(decimals) == 3:
		return 0, money.ErrMalformed
	}
	return money.Parse(text)
}
