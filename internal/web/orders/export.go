package orders

import (
	"bufio"
	"encoding/csv"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/web/download"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/ui"
)

const (
	// exportChunk is how many orders one read of a download takes.
	exportChunk = 500
	// exportsMost is how many downloads an account has at once.
	exportsMost = 2
	// chunkTimeout is how long a reader may take for a chunk.
	chunkTimeout = 30 * time.Second
)

// exportHead names the columns as the API does, whatever the reader's language: who
// reads the file may be a program.
func exportHead() []string {
	return []string{
		"number", "order", "service", "service_name", "link", "quantity", "status", "start_count", "remains",
		"charge", "refunded", "currency", "created_at", "finished_at", "request_id",
	}
}

// Export sends what the filter shows as CSV: every order once that there was when it
// began. It reads a chunk at a time, each in a moment of its own, so it holds up
// nobody who orders and needs no more memory for a million than for a few.
func (p *Pages) Export(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	scope := p.scope(r)
	if !p.beginExport(scope.AccountID) {
		return fault.New(fault.RateLimited, "Two downloads are under way already")
	}
	defer p.endExport(scope.AccountID)
	name, err := p.naming(ctx)
	if err != nil {
		return err
	}
	f := readFilter(r.URL.Query())
	f.before = 0
	page := f.page(ctx, exportChunk)
	chunk, next, err := p.deps.Orders.Briefs(ctx, scope, page)
	if err != nil {
		return err // nothing was sent: it becomes a page
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="orders-`+ui.Of(ctx).Now.In(ui.Of(ctx).Zone).Format(time.DateOnly)+`.csv"`)
	if r.Method == http.MethodHead {
		return nil
	}
	out := newSheet(w)
	out.write(exportHead())
	for {
		for _, o := range chunk {
			out.write(exportRow(o, name(o.ServiceID), ui.Of(ctx).Panel.Currency))
		}
		err := out.flush()
		if err == nil && next != 0 {
			page.Before = next
			chunk, next, err = p.deps.Orders.Briefs(ctx, scope, page)
		} else if err == nil {
			return nil
		}
		if err != nil {
			p.deps.Log.LogAttrs(ctx, slog.LevelInfo, "a download of orders was cut short", slog.Any("error", err))
			panic(http.ErrAbortHandler) // the reader must not take a part for the whole
		}
	}
}

func exportRow(o order.Brief, service, currency string) []string {
	return []string{
		strconv.FormatInt(o.Number, 10), o.ID, strconv.FormatInt(o.ServiceID, 10), download.Guarded(service), download.Guarded(o.Link), strconv.FormatInt(o.Quantity, 10),
		o.State.Word(), count(o.StartCount), count(o.Remains), o.Charge.String(), o.Refunded.String(), currency,
		stamp(o.CreatedAt), stamp(o.FinishedAt), download.Guarded(o.RequestID),
	}
}

func count(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (p *Pages) beginExport(accountID string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.exporting[accountID] >= exportsMost {
		return false
	}
	p.exporting[accountID]++
	return true
}

func (p *Pages) endExport(accountID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.exporting[accountID]--; p.exporting[accountID] == 0 {
		delete(p.exporting, accountID)
	}
}

// sheet writes CSV to somebody who may read slowly, but not stop.
type sheet struct {
	control *http.ResponseController
	buffer  *bufio.Writer
	rows    *csv.Writer
}

func newSheet(w http.ResponseWriter) *sheet {
	const size = 64 << 10
	s := &sheet{control: http.NewResponseController(w), buffer: bufio.NewWriterSize(w, size)}
	s.rows = csv.NewWriter(s.buffer)
	s.extend()
	return s
}

// extend gives the reader time for what comes next.
func (s *sheet) extend() {
	_ = s.control.SetWriteDeadline(time.Now().Add(chunkTimeout)) //nolint:forbidigo // the connection's clock
}

func (s *sheet) write(row []string) { _ = s.rows.Write(row) } // flush tells what went wrong

func (s *sheet) flush() error {
	s.extend()
	s.rows.Flush()
	if err := s.rows.Error(); err != nil {
		return err //nolint:wrapcheck // the reader has gone
	}
	if err := s.buffer.Flush(); err != nil {
		return err //nolint:wrapcheck // the reader has gone
	}
	return s.control.Flush() //nolint:wrapcheck // the reader has gone
}
