package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/download"
	"github.com/notpanel/notpanel/internal/web/ui"
)

const (
	statementPath = walletPath + "/statement.csv"
	receiptsPath  = walletPath + "/receipts"
)

// linesRead is how many lines of a statement to download one read returns.
const linesRead = 500

// period is the days of a statement, in the reader's zone.
type period struct {
	Form        *ui.Form // from and to as they were typed, with what is wrong with them
	from, until time.Time
}

// readPeriod reads the days from a request's query. A day that is none is said beside
// its field, and bounds nothing.
func readPeriod(r *http.Request) period {
	ctx := r.Context()
	query := r.URL.Query()
	p := period{Form: ui.NewForm(url.Values{"from": {query.Get("from")}, "to": {query.Get("to")}})}
	p.from = p.day(ctx, "from")
	if to := p.day(ctx, "to"); !to.IsZero() {
		p.until = to.AddDate(0, 0, 1)
	}
	if !p.from.IsZero() && !p.until.IsZero() && !p.from.Before(p.until) {
		p.Form.Refuse("to", ui.T(ctx, "statement.error_order"))
		p.from, p.until = time.Time{}, time.Time{}
	}
	return p
}

// day reads one field; the zero time where it holds no day.
func (p period) day(ctx context.Context, field string) time.Time {
	text := strings.TrimSpace(p.Form.Value(field))
	if text == "" {
		return time.Time{}
	}
	day, err := time.ParseInLocation(time.DateOnly, text, ui.Of(ctx).Zone)
	if err != nil || day.Year() < 1970 || day.Year() > 9998 {
		p.Form.Refuse(field, ui.T(ctx, "statement.error_day"))
		return time.Time{}
	}
	return day
}

// everything reports that no days were asked for.
func (p period) everything() bool {
	return strings.TrimSpace(p.Form.Value("from")) == "" && strings.TrimSpace(p.Form.Value("to")) == ""
}

// stretch is the part of an account's statement that the period has.
func (p period) stretch(ctx context.Context, orders *order.Store, accountID string) (order.Stretch, error) {
	return orders.Stretch(ctx, order.Scope{AccountID: accountID, Mode: ledger.Live}, p.from, p.until)
}

// link is a path with the period in its query.
func (p period) link(path string, more ...string) string {
	values := url.Values{}
	for _, field := range []string{"from", "to"} {
		if text := strings.TrimSpace(p.Form.Value(field)); text != "" {
			values.Set(field, text)
		}
	}
	for i := 0; i+1 < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// olderLines leads to the page of the statement behind this one.
func olderLines(v walletView) string {
	if v.Next == 0 {
		return ""
	}
	return v.Period.link(walletPath, "before", strconv.FormatInt(v.Next, 10)) + "#statement"
}

func newestLines(v walletView) string {
	if v.First {
		return ""
	}
	return v.Period.link(walletPath) + "#statement"
}

func receiptPath(l order.Line) string { return receiptsPath + "/" + strconv.FormatInt(l.Seq, 10) }

// StatementCSV sends the statement, or some days of it, as a table, the oldest line
// first. It is read in steps, each a short read of its own, by the lines' numbers:
// what is booked meanwhile comes at the end or in the next file, and nothing twice.
func (d *Dashboard) StatementCSV(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := readPeriod(r)
	if !p.Form.OK() {
		return ui.See(w, r, p.link(walletPath)+"#statement") // the page says what is wrong
	}
	end, err := d.deps.Downloads.Begin(d.person(r).Reader())
	if err != nil {
		return err
	}
	defer end()
	part, err := p.stretch(ctx, d.deps.Orders, d.person(r).AccountID)
	if err != nil {
		return err
	}
	return download.CSV(w, r, p.fileName(), statementColumns(), func(t *download.Table) error {
		return d.writeStatement(ctx, t, part)
	})
}

func statementColumns() []string {
	return []string{"line", "time", "kind", "order", "reference", "amount", "balance", "currency"}
}

// fileName names the file by its days.
func (p period) fileName() string {
	parts := []string{"statement"}
	for _, field := range []string{"from", "to"} {
		if text := strings.TrimSpace(p.Form.Value(field)); text != "" {
			parts = append(parts, field, text)
		}
	}
	return strings.Join(parts, "-") + ".csv"
}

// writeStatement writes lines of a statement by statementColumns.
func (d *Dashboard) writeStatement(ctx context.Context, t *download.Table, part order.Stretch) error {
	v := ui.Of(ctx)
	for after := int64(0); ; {
		lines, err := d.deps.Orders.NextOf(ctx, part, after, linesRead)
		if err != nil {
			return err
		}
		for _, l := range lines {
			number := download.Text("")
			if l.Number > 0 {
				number = download.Int(l.Number)
			}
			err := t.Row(download.Int(l.Seq), download.Time(l.At.In(v.Zone)), download.Text(string(l.Kind)), number, download.Text(l.Reference),
				download.Amount(l.Amount), download.Amount(l.Balance), download.Text(v.Panel.Currency))
			if err != nil {
				return err
			}
			after = l.Seq
		}
		if len(lines) < linesRead {
			return nil
		}
	}
}
