package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
	"github.com/notpanel/notpanel/internal/webhook"
)

// NewWebhook shows the form of a new webhook.
func (d *Dashboard) NewWebhook(w http.ResponseWriter, r *http.Request) error {
	k, err := d.own(r)
	if err != nil {
		return err
	}
	return d.showNewWebhook(k)(w, r, http.StatusOK, ui.NewForm(nil))
}

func (d *Dashboard) showNewWebhook(k apikey.Key) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "webhooks.new_title")}, newWebhookForm(k, f))
	}
}

// AddWebhook registers an address and shows the secret this once.
func (d *Dashboard) AddWebhook(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	k, err := d.own(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	events := readEvents(ctx, r, f)
	address := strings.TrimSpace(f.Value("url"))
	if address == "" {
		f.Refuse("url", ui.T(ctx, "webhooks.error_url"))
	}
	if !f.OK() {
		return d.showNewWebhook(k)(w, r, http.StatusUnprocessableEntity, f)
	}
	e, secret, err := d.deps.Webhooks.Add(ctx, webhook.Owner{AccountID: k.AccountID, KeyID: k.ID}, address, events, k.AccountID)
	if err != nil {
		return refusal.Again(w, r, f, inWords(ctx, err), d.showNewWebhook(k))
	}
	return d.showSecret(w, r, e, secret)
}

// showSecret shows a secret in the only answer that has it.
func (d *Dashboard) showSecret(w http.ResponseWriter, r *http.Request, e *webhook.Endpoint, secret string) error {
	return ui.RenderDialog(w, r, http.StatusOK, ui.Page{Title: ui.T(r.Context(), "webhooks.secret_title")}, webhookSecret(e, secret))
}

// readEvents reads what a webhook is to be told. Nothing at all is refused: to the
// domain it would be the usual.
func readEvents(ctx context.Context, r *http.Request, f *ui.Form) string {
	chosen := r.PostForm["events"]
	f.Values["events"] = chosen // also where it is none, so that the form comes back so
	if len(chosen) == 0 {
		f.Refuse("events", ui.T(ctx, "webhooks.error_events"))
	}
	return strings.Join(chosen, ",")
}

// inWords says in the reader's language what is wrong with an address.
func inWords(ctx context.Context, err error) error {
	f := fault.From(err)
	if f.Reason != fault.BadField || len(f.Args) == 0 || f.Args[0] != "url" {
		return err
	}
	same := *f
	switch {
	case strings.HasSuffix(f.Text, "must be https"):
		same.Text = ui.T(ctx, "webhooks.error_https")
	case strings.HasSuffix(f.Text, "must lead to a public address"):
		same.Text = ui.T(ctx, "webhooks.error_public")
	case strings.Contains(f.Text, "must have port"):
		same.Text = ui.T(ctx, "webhooks.error_port")
	case strings.Contains(f.Text, "characters"):
		same.Text = ui.T(ctx, "webhooks.error_long")
	default:
		same.Text = ui.T(ctx, "webhooks.error_url")
	}
	return &same
}

// EditEvents shows what a webhook is told, to be changed.
func (d *Dashboard) EditEvents(w http.ResponseWriter, r *http.Request) error {
	e, err := d.webhook(r)
	if err != nil {
		return err
	}
	return d.showEvents(e)(w, r, http.StatusOK, ui.NewForm(url.Values{"events": names(e.Events)}))
}

func (d *Dashboard) showEvents(e *webhook.Endpoint) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "webhooks.events_title")}, eventsForm(e, f))
	}
}

// SetEvents changes what a webhook is told.
func (d *Dashboard) SetEvents(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	e, err := d.webhook(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	events := readEvents(ctx, r, f)
	if !f.OK() {
		return d.showEvents(e)(w, r, http.StatusUnprocessableEntity, f)
	}
	if err := d.deps.Webhooks.Choose(ctx, d.owner(r), e.ID, events, e.AccountID); err != nil {
		return refusal.Again(w, r, f, err, d.showEvents(e))
	}
	return ui.Finish(w, r, ui.T(ctx, "webhooks.events_done"), webhookPath(e.ID), "")
}

// AskRotateSecret asks for how long the old secret is to sign too.
func (d *Dashboard) AskRotateSecret(w http.ResponseWriter, r *http.Request) error {
	e, err := d.webhook(r)
	if err != nil {
		return err
	}
	return d.showRotateSecret(e)(w, r, http.StatusOK, ui.NewForm(nil))
}

func (d *Dashboard) showRotateSecret(e *webhook.Endpoint) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "webhooks.rotate_title")}, rotateSecretForm(e, f))
	}
}

// RotateSecret gives a webhook a new secret and shows it this once.
func (d *Dashboard) RotateSecret(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	e, err := d.webhook(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	hours, err := strconv.ParseInt(f.Value("overlap"), 10, 16)
	if err != nil {
		f.Refuse("overlap", ui.T(ctx, "webhooks.error_overlap"))
		return d.showRotateSecret(e)(w, r, http.StatusUnprocessableEntity, f)
	}
	rotated, secret, err := d.deps.Webhooks.Rotate(ctx, d.owner(r), e.ID, time.Duration(hours)*time.Hour, e.AccountID)
	if err != nil {
		return refusal.Again(w, r, f, err, d.showRotateSecret(e))
	}
	return d.showSecret(w, r, rotated, secret)
}

// AskRemoveWebhook asks before a webhook is taken away.
func (d *Dashboard) AskRemoveWebhook(w http.ResponseWriter, r *http.Request) error {
	e, err := d.webhook(r)
	if err != nil {
		return err
	}
	return ui.RenderDialog(w, r, http.StatusOK, ui.Page{Title: ui.T(r.Context(), "webhooks.remove_title")}, removeWebhookForm(e))
}

// RemoveWebhook takes a webhook away. Its page is gone, so the key's is shown.
func (d *Dashboard) RemoveWebhook(w http.ResponseWriter, r *http.Request) error {
	e, err := d.webhook(r)
	if err != nil {
		return err
	}
	if err := d.deps.Webhooks.Remove(r.Context(), d.owner(r), e.ID, e.AccountID); err != nil {
		return err
	}
	if ui.Partial(r) { // a dialog over a page that is no more
		w.Header().Set("HX-Redirect", keyPath(e.KeyID))
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return ui.See(w, r, keyPath(e.KeyID))
}

// localTime is how a browser's field for day and time writes it.
const localTime = "2006-01-02T15:04"

// AskReplay asks from when on what failed is to be sent again.
func (d *Dashboard) AskReplay(w http.ResponseWriter, r *http.Request) error {
	e, err := d.webhook(r)
	if err != nil {
		return err
	}
	v := ui.Of(r.Context())
	return d.showReplay(e)(w, r, http.StatusOK, ui.NewForm(url.Values{"since": {v.Now.Add(-24 * time.Hour).In(v.Zone).Format(localTime)}}))
}

func (d *Dashboard) showReplay(e *webhook.Endpoint) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "webhooks.replay_title")}, replayForm(e, f))
	}
}

// ReplayFailed sends again what failed since a time of the reader's zone.
func (d *Dashboard) ReplayFailed(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	e, err := d.webhook(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	since, err := timeIn(f.Value("since"), ui.Of(ctx).Zone)
	if err != nil {
		f.Refuse("since", ui.T(ctx, "webhooks.error_since"))
		return d.showReplay(e)(w, r, http.StatusUnprocessableEntity, f)
	}
	n, err := d.deps.Webhooks.ReplayFailed(ctx, d.owner(r), e.ID, since)
	if err != nil {
		return refusal.Again(w, r, f, err, d.showReplay(e))
	}
	return ui.Finish(w, r, ui.N(ctx, "webhooks.replayed", int64(n)), webhookPath(e.ID), "?replayed="+strconv.Itoa(n)+"#deliveries")
}

// timeIn reads what such a field sends; browsers may write seconds.
func timeIn(text string, zone *time.Location) (time.Time, error) {
	at, err := time.ParseInLocation(localTime, text, zone)
	if err != nil {
		at, err = time.ParseInLocation(localTime+":05", text, zone)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("a time: %w", err)
	}
	return at, nil
}

// Replay sends one delivery again and shows what became of it.
func (d *Dashboard) Replay(w http.ResponseWriter, r *http.Request) error {
	ctx, by := r.Context(), d.owner(r)
	before, err := d.deps.Webhooks.Delivery(ctx, by, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := d.deps.Webhooks.Replay(ctx, by, before.ID); err != nil {
		text, ok := refusal.Text(ctx, err)
		if !ok {
			return err
		}
		return d.showDelivery(w, r, refusal.Status(err), deliveryView{Delivery: before, Error: text})
	}
	after, err := d.deps.Webhooks.Await(ctx, by, before.ID, before.Tries, outcomeWait)
	if err != nil {
		return err
	}
	if ui.Partial(r) {
		return d.showDelivery(w, r, http.StatusOK, deliveryView{Delivery: after, Changed: true})
	}
	return ui.See(w, r, deliveryPath(after.ID))
}

// refused shows a webhook's page with why something was not done.
func (d *Dashboard) refused(w http.ResponseWriter, r *http.Request, e *webhook.Endpoint, err error) error {
	text, ok := refusal.Text(r.Context(), err)
	if !ok {
		return err
	}
	return ui.RenderDialog(w, r, refusal.Status(err), ui.Page{Title: ui.T(r.Context(), "webhooks.test")}, refusedPart(e, text))
}

// names are the events as forms have them.
func names(all []event.Type) (texts []string) {
	for _, t := range all {
		texts = append(texts, string(t))
	}
	return texts
}
