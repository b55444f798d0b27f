package dashboard

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/requestlog"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// usageDays is how many days the chart of requests shows.
const usageDays = 30

// usageView is what was asked day by day.
type usageView struct {
	Points []requestlog.Point
	Chart  ui.Series
}

// total is all requests of the chart.
func (u usageView) total() (answered, refused int64) {
	for _, p := range u.Points {
		answered, refused = answered+p.OK, refused+p.Refused
	}
	return answered, refused
}

// usage reads what an account's key was asked, or all its keys.
func (d *Dashboard) usage(r *http.Request, accountID, keyID string) (u usageView, err error) {
	ctx := r.Context()
	now := ui.Of(ctx).Now
	u.Points, err = d.deps.Requests.Usage(ctx, requestlog.Span{
		AccountID: accountID, KeyID: keyID, From: now.AddDate(0, 0, 1-usageDays), To: now,
	}, requestlog.Day)
	if err != nil {
		return u, err
	}
	u.Chart = ui.Series{When: ui.T(ctx, "usage.day"), Names: []string{ui.T(ctx, "usage.answered"), ui.T(ctx, "usage.refused")}, Values: make([][]int64, 2)}
	for _, p := range u.Points {
		u.Chart.At = append(u.Chart.At, p.At.Unix())
		u.Chart.Values[0] = append(u.Chart.Values[0], p.OK)
		u.Chart.Values[1] = append(u.Chart.Values[1], p.Refused)
	}
	return u, nil
}

// keyName is what a key is called; one without a name goes by its prefix.
func keyName(ctx context.Context, k apikey.Key) string {
	if k.Name == "" {
		return ui.T(ctx, "keys.unnamed")
	}
	return k.Name
}

// firstLine is a request that only looks, ready to paste.
func firstLine(ctx context.Context, value string) string {
	return "curl -s " + ui.Of(ctx).Panel.URL + "/api/v2 -d key=" + value + " -d action=balance"
}

// limitsTouched keeps the limits unfolded where one of them was typed.
func limitsTouched(f *ui.Form) bool {
	for _, field := range []string{"networks", "daily_cap", "per_minute"} {
		if f.Value(field) != "" {
			return true
		}
	}
	return f.Value("expires") != "" && f.Value("expires") != "never"
}

func expiryOptions(ctx context.Context, keep bool) (all []ui.Option) {
	if keep {
		all = append(all, ui.Option{Value: "keep", Label: ui.T(ctx, "keys.expires_keep")})
	}
	all = append(all, ui.Option{Value: "never", Label: ui.T(ctx, "keys.expires_never")})
	for _, days := range expiries() {
		all = append(all, ui.Option{Value: strconv.Itoa(days), Label: ui.N(ctx, "keys.expires_days", int64(days))})
	}
	return all
}

// actionName is what a request asked for, where it was a known action.
func actionName(ctx context.Context, e requestlog.Entry) string {
	if e.Action == "" {
		return ui.T(ctx, "requests.unknown")
	}
	return e.Action
}

func statusText(e requestlog.Entry) string { return strconv.Itoa(e.Status) }

func milliseconds(ctx context.Context, d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	text := strconv.FormatFloat(ms, 'f', 1, 64)
	return ui.T(ctx, "requests.ms", "N", ui.Of(ctx).Language.Decimal(text))
}

// nextLog leads to older requests.
func nextLog(v keyView) string {
	if v.Next == "" {
		return ""
	}
	show := ""
	if v.OnlyRefused {
		show = "&show=refused"
	}
	return keyPath(v.Key.ID) + "?before=" + v.Next + show + "#requests"
}
