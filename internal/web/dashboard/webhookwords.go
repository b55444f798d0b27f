package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/web/docs"
	"github.com/notpanel/notpanel/internal/web/ui"
	"github.com/notpanel/notpanel/internal/webhook"
)

// webhookView is what the page of one webhook shows.
type webhookView struct {
	*webhook.Endpoint

	Key      apikey.Key
	Log      []webhook.Delivery
	Only     webhook.Outcome // "": all
	Next     string          // the last one shown, where there are more
	First    bool            // of the log's pages
	Replayed int64           // by the form before; -1: it was none
}

// deliveryView is what is shown of one delivery.
type deliveryView struct {
	webhook.Delivery

	Error   string // why it was not sent again
	Changed bool   // the page behind shows it as it was
}

// verifyPath leads to how a signature is checked.
func verifyPath() string { return docs.Path("webhooks") + "#verify" }

// eventName says in plain words what an event is.
func eventName(ctx context.Context, t event.Type) string { return ui.T(ctx, "event."+string(t)) }

// eventOptions are the events to choose from.
func eventOptions(ctx context.Context) (all []ui.Option) {
	for _, t := range event.Types() {
		all = append(all, ui.Option{Value: string(t), Label: eventName(ctx, t), Help: string(t)})
	}
	return all
}

func overlapOptions(ctx context.Context) (all []ui.Option) {
	all = append(all, ui.Option{Value: "0", Label: ui.T(ctx, "webhooks.overlap_none")})
	for _, hours := range []int64{1, int64(webhook.UsualOverlap / time.Hour), 72, int64(webhook.MaxOverlap / time.Hour)} {
		all = append(all, ui.Option{Value: strconv.FormatInt(hours, 10), Label: ui.N(ctx, "webhooks.overlap_hours", hours)})
	}
	return all
}

// addLine registers a webhook from the command line.
func addLine(ctx context.Context) string {
	return "curl -s " + ui.Of(ctx).Panel.URL + "/api/v2 -d key=" + docs.Placeholder + " -d action=webhook.add --data-urlencode url=https://shop.example/webhooks"
}

// testLine sends a webhook a test from the command line.
func testLine(ctx context.Context, e *webhook.Endpoint) string {
	return "curl -s " + ui.Of(ctx).Panel.URL + "/api/v2 -d key=" + docs.Placeholder + " -d action=webhook.test -d id=" + e.ID
}

// answerOf is what came back at an attempt: a status, or why there was none.
func answerOf(a webhook.Attempt) string {
	if a.Error != "" || a.Status == 0 {
		return a.Error
	}
	if text := http.StatusText(a.Status); text != "" {
		return strconv.Itoa(a.Status) + " " + text
	}
	return strconv.Itoa(a.Status)
}

// answerKind colours it.
func answerKind(a webhook.Attempt) string {
	if a.Error == "" && a.Status/100 == http.StatusOK/100 {
		return "accent"
	}
	return "danger"
}

// latest is the last attempt of a delivery; not ok is one that was not tried.
func latest(d webhook.Delivery) (a webhook.Attempt, ok bool) {
	if len(d.Attempts) == 0 {
		return webhook.Attempt{}, false
	}
	return d.Attempts[len(d.Attempts)-1], true
}

// pretty is JSON with line ends for people; what is none stays as it is.
func pretty(text string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(text), "", "  "); err != nil {
		return text
	}
	return b.String()
}

// filterPath is the log with a filter.
func filterPath(e *webhook.Endpoint, only webhook.Outcome) string {
	if only == "" {
		return webhookPath(e.ID) + "#deliveries"
	}
	return webhookPath(e.ID) + "?show=" + string(only) + "#deliveries"
}

// olderPath leads to the next page of the log.
func olderPath(v webhookView) string {
	if v.Next == "" {
		return ""
	}
	show := ""
	if v.Only != "" {
		show = "&show=" + string(v.Only)
	}
	return webhookPath(v.ID) + "?before=" + v.Next + show + "#deliveries"
}

// newestPath leads back to the first page of the log.
func newestPath(v webhookView) string {
	if v.First {
		return ""
	}
	return filterPath(v.Endpoint, v.Only)
}

// shortURL is an address as lists show it: the page of the webhook has all of it.
func shortURL(address string) string {
	const most = 80
	if len(address) <= most {
		return address
	}
	return address[:most] + "…" // addresses are ASCII
}

// webhookColumns are those of a list of webhooks.
func webhookColumns(ctx context.Context, withKey bool) []ui.Column {
	all := []ui.Column{{Name: ui.T(ctx, "webhooks.url")}}
	if withKey {
		all = append(all, ui.Column{Name: ui.T(ctx, "webhooks.key")})
	}
	return append(all, ui.Column{Name: ui.T(ctx, "webhooks.state")}, ui.Column{Name: ui.T(ctx, "webhooks.events"), Right: true},
		ui.Column{Name: ui.T(ctx, "webhooks.last"), Right: true})
}

// attempts says how often a delivery was tried.
func attempts(ctx context.Context, d webhook.Delivery) string {
	return ui.N(ctx, "webhooks.attempts", int64(len(d.Attempts)))
}
