package dashboard

import (
	"context"
	"time"

	"github.com/notpanel/notpanel/internal/activity"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// chartDays is how many days the overview's charts show.
const chartDays = 30

// words are the open states, in the order of an order's life.
func words() []string { return []string{"pending", "processing", "in_progress"} }

// figures are what an account has under way, and what it did in the charts' days.
type figures struct {
	Open map[string]int64 // by word
	More bool             // there are more than were counted
	Days []activity.Day
	activity.Figures
}

// any reports whether there is anything to draw.
func (f figures) any() bool { return f.Figures != (activity.Figures{}) }

// figuresOf reads what the overview shows of orders, each in a bounded read.
func (d *Dashboard) figuresOf(ctx context.Context, accountID string) (f figures, err error) {
	if f.Open, f.More, err = d.deps.Orders.OpenWords(ctx, order.Scope{AccountID: accountID, Mode: ledger.Live}); err != nil {
		return f, err
	}
	v := ui.Of(ctx)
	if f.Days, err = d.deps.Activity.Days(ctx, accountID, v.Now.In(v.Zone), chartDays); err != nil {
		return f, err
	}
	for _, day := range f.Days {
		f.Placed, f.Completed = f.Placed+day.Placed, f.Completed+day.Completed
		f.Charged, f.Refunded = f.Charged+day.Charged, f.Refunded+day.Refunded
	}
	return f, nil
}

// openCount writes how many orders are in a state. What was not counted to its end
// is at least so many.
func (f figures) openCount(ctx context.Context, word string) string {
	text := ui.Int(ctx, f.Open[word])
	if f.More && f.Open[word] > 0 {
		text += "+"
	}
	return text
}

// spending is the chart of what was paid.
func (f figures) spending(ctx context.Context) ui.Series {
	s := ui.Series{When: ui.T(ctx, "usage.day"), Names: []string{ui.T(ctx, "figures.spent")}, Values: make([][]int64, 1), Unit: int64(money.Unit)}
	for _, day := range f.Days {
		s.At = append(s.At, dayLabel(day.At))
		s.Values[0] = append(s.Values[0], int64(day.Spent()))
	}
	return s
}

// delivery is the chart of orders that came and that were done.
func (f figures) delivery(ctx context.Context) ui.Series {
	s := ui.Series{
		When: ui.T(ctx, "usage.day"), Names: []string{ui.T(ctx, "figures.placed"), ui.T(ctx, "figures.completed")},
		Values: make([][]int64, 2), Apart: true,
	}
	for _, day := range f.Days {
		s.At = append(s.At, dayLabel(day.At))
		s.Values[0] = append(s.Values[0], day.Placed)
		s.Values[1] = append(s.Values[1], day.Completed)
	}
	return s
}

// dayLabel is the moment by which a chart, which writes its days in UTC, names a day
// of the reader's zone.
func dayLabel(day time.Time) int64 {
	return time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC).Unix()
}
