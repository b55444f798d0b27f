package orders

import (
	"net/http"
	"time"

	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/download"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// exportChunk is how many orders one read of a download takes.
const exportChunk = 500

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
	end, err := p.deps.Downloads.Begin(p.person(r).Reader())
	if err != nil {
		return err
	}
	defer end()
	name, err := p.naming(ctx)
	if err != nil {
		return err
	}
	f := readFilter(r.URL.Query())
	f.before = 0
	page := f.page(ctx, exportChunk)
	v := ui.Of(ctx)
	file := "orders-" + v.Now.In(v.Zone).Format(time.DateOnly) + ".csv"
	return download.CSV(w, r, file, exportHead(), func(t *download.Table) error {
		for {
			chunk, next, err := p.deps.Orders.Briefs(ctx, p.scope(r), page)
			if err != nil {
				return err
			}
			for _, o := range chunk {
				if err := t.Row(exportRow(o, name(o.ServiceID), v.Panel.Currency)...); err != nil {
					return err
				}
			}
			if page.Before = next; next == 0 {
				return nil
			}
		}
	})
}

func exportRow(o order.Brief, service, currency string) []download.Cell {
	return []download.Cell{
		download.Int(o.Number), download.Text(o.ID), download.Int(o.ServiceID), download.Text(service), download.Text(o.Link), download.Int(o.Quantity),
		download.Text(o.State.Word()), count(o.StartCount), count(o.Remains), download.Amount(o.Charge), download.Amount(o.Refunded), download.Text(currency),
		download.Time(o.CreatedAt.UTC()), download.Time(o.FinishedAt.UTC()), download.Text(o.RequestID),
	}
}

func count(n *int64) download.Cell {
	if n == nil {
		return download.Text("")
	}
	return download.Int(*n)
}
