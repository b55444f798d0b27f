package admin

import (
	"context"

	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/report"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// figureDays is how many days the charts show.
const figureDays = 30

// figures are what the orders of the last days brought.
type figures struct {
	Days   []report.Day
	Paid   money.Amount
	Margin money.Amount
	Ended  int64
	Money  ui.Series
	Orders ui.Series
}

func (a *Admin) figures(ctx context.Context) (f figures, err error) {
	if f.Days, err = a.deps.Report.Days(ctx, figureDays); err != nil {
		return f, err
	}
	day := ui.T(ctx, "usage.day")
	f.Money = ui.Series{
		When: day, Names: []string{ui.T(ctx, "admin.cost"), ui.T(ctx, "admin.paid")}, Values: make([][]int64, 2), Unit: int64(money.Unit), Apart: true,
	}
	f.Orders = ui.Series{When: day, Names: []string{ui.T(ctx, "admin.ended")}, Values: make([][]int64, 1)}
	for _, d := range f.Days {
		f.Paid, f.Margin, f.Ended = f.Paid+d.Paid, f.Margin+d.Margin(), f.Ended+d.Ended
		f.Money.At, f.Orders.At = append(f.Money.At, d.At.Unix()), append(f.Orders.At, d.At.Unix())
		f.Money.Values[0] = append(f.Money.Values[0], int64(d.Cost))
		f.Money.Values[1] = append(f.Money.Values[1], int64(d.Paid))
		f.Orders.Values[0] = append(f.Orders.Values[0], d.Ended)
	}
	return f, nil
}
