package dashboard

import (
	"net/http"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/web/ui"
	"github.com/notpanel/notpanel/internal/webhook"
)

func webhookPath(endpointID string) string { return keysPath + "/webhooks/" + endpointID }

func deliveryPath(deliveryID string) string { return keysPath + "/deliveries/" + deliveryID }

// deliveriesPage is how many deliveries a page of the log shows.
const deliveriesPage = 25

// outcomeWait is for how long a page waits for what becomes of a delivery that its
// reader asked for. What takes longer stands in the log.
const outcomeWait = 4 * time.Second

// listedWebhook is a webhook in a list.
type listedWebhook struct {
	*webhook.Endpoint

	Key  string            // the name of its key, where that is not plain
	Last *webhook.Delivery // nil: nothing was sent yet
}

// owner sees the webhooks of all keys of who is signed in.
func (d *Dashboard) owner(r *http.Request) webhook.Owner {
	return webhook.Owner{AccountID: d.person(r).AccountID}
}

// webhooks lists those of an owner.
func (d *Dashboard) webhooks(r *http.Request, by webhook.Owner) (all []listedWebhook, err error) {
	endpoints, latest, err := d.deps.Webhooks.List(r.Context(), by)
	if err != nil {
		return nil, err
	}
	for _, e := range endpoints {
		l := listedWebhook{Endpoint: e}
		if last, has := latest[e.ID]; has {
			l.Last = &last
		}
		all = append(all, l)
	}
	return all, nil
}

// webhooksOf lists those of a key.
func (d *Dashboard) webhooksOf(r *http.Request, k apikey.Key) ([]listedWebhook, error) {
	return d.webhooks(r, webhook.Owner{AccountID: k.AccountID, KeyID: k.ID})
}

// allWebhooks lists those of the account, with the names of their keys.
func (d *Dashboard) allWebhooks(r *http.Request, keys []listedKey) ([]listedWebhook, error) {
	all, err := d.webhooks(r, d.owner(r))
	for i := range all {
		for _, k := range keys {
			if k.ID == all[i].KeyID {
				all[i].Key = keyName(r.Context(), k.Key)
			}
		}
	}
	return all, err
}

// webhook returns the webhook that the path names. Another account's is not there.
func (d *Dashboard) webhook(r *http.Request) (*webhook.Endpoint, error) {
	return d.deps.Webhooks.Get(r.Context(), d.owner(r), r.PathValue("id"))
}

// filterOf reads which deliveries are shown; "" is all.
func filterOf(r *http.Request) webhook.Outcome {
	switch o := webhook.Outcome(r.URL.Query().Get("show")); o {
	case webhook.Failed, webhook.Pending:
		return o
	case webhook.Delivered:
	}
	return ""
}

// Webhook shows one webhook and what was sent to it.
func (d *Dashboard) Webhook(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	e, err := d.webhook(r)
	if err != nil {
		return err
	}
	v := webhookView{Endpoint: e, Only: filterOf(r), Replayed: replayedIn(r)}
	if v.Key, err = d.deps.Keys.Own(ctx, e.AccountID, e.KeyID); err != nil {
		return err
	}
	before := r.URL.Query().Get("before")
	if !id.Valid(id.Delivery, before) {
		before = ""
	}
	// One more tells whether there is another page.
	v.Log, err = d.deps.Webhooks.DeliveriesIn(ctx, d.owner(r), e.ID, v.Only, before, deliveriesPage+1)
	if err != nil {
		return err
	}
	if len(v.Log) > deliveriesPage {
		v.Log = v.Log[:deliveriesPage]
		v.Next = v.Log[deliveriesPage-1].ID
	}
	v.First = before == ""
	return ui.Render(w, r, http.StatusOK, webhookPage(v))
}

// replayedIn reads how many deliveries the form before has sent again; -1 is none
// of the kind.
func replayedIn(r *http.Request) int64 {
	n, err := strconv.ParseInt(r.URL.Query().Get("replayed"), 10, 32)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// TestWebhook sends a ping and shows the log as soon as it has an answer.
func (d *Dashboard) TestWebhook(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	e, err := d.webhook(r)
	if err != nil {
		return err
	}
	by := d.owner(r)
	deliveryID, err := d.deps.Webhooks.Test(ctx, by, e.ID)
	if err != nil {
		return d.refused(w, r, e, err)
	}
	if _, err := d.deps.Webhooks.Await(ctx, by, deliveryID, 0, outcomeWait); err != nil {
		return err
	}
	return ui.See(w, r, webhookPath(e.ID)+"#deliveries")
}

// DisableWebhook stops deliveries until it is enabled.
func (d *Dashboard) DisableWebhook(w http.ResponseWriter, r *http.Request) error {
	e, err := d.webhook(r)
	if err != nil {
		return err
	}
	if err := d.deps.Webhooks.Disable(r.Context(), d.owner(r), e.ID, e.AccountID); err != nil {
		return err
	}
	return ui.See(w, r, webhookPath(e.ID))
}

// EnableWebhook lets it be told again.
func (d *Dashboard) EnableWebhook(w http.ResponseWriter, r *http.Request) error {
	e, err := d.webhook(r)
	if err != nil {
		return err
	}
	if err := d.deps.Webhooks.Enable(r.Context(), d.owner(r), e.ID, e.AccountID); err != nil {
		return err
	}
	return ui.See(w, r, webhookPath(e.ID))
}

// Delivery shows one delivery: what was sent and each answer.
func (d *Dashboard) Delivery(w http.ResponseWriter, r *http.Request) error {
	one, err := d.deps.Webhooks.Delivery(r.Context(), d.owner(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return d.showDelivery(w, r, http.StatusOK, deliveryView{Delivery: one})
}

func (d *Dashboard) showDelivery(w http.ResponseWriter, r *http.Request, status int, v deliveryView) error {
	return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "webhooks.delivery")}, deliveryPart(v))
}
