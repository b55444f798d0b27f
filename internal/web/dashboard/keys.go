package dashboard

import (
	"net/http"

	"github.com/notpanel/notpanel/internal/web/proof"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/ratelimit"
	"github.com/notpanel/notpanel/internal/requestlog"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// keysPath is the page of API keys.
const keysPath = "/dashboard/api"

func keyPath(keyID string) string { return keysPath + "/keys/" + keyID }

// listedKey is a key in the list.
type listedKey struct {
	apikey.Key
	Active bool
	Used   ratelimit.Usage // in this minute; of active keys
}

// Keys shows the account's keys, those in use first.
func (d *Dashboard) Keys(w http.ResponseWriter, r *http.Request) error {
	who := d.person(r)
	all, err := d.ownKeys(r, who)
	if err != nil {
		return err
	}
	usage, err := d.usage(r, who.AccountID, "")
	if err != nil {
		return err
	}
	webhooks, err := d.allWebhooks(r, all)
	if err != nil {
		return err
	}
	return ui.Render(w, r, http.StatusOK, keysPage(keysView{Keys: all, Usage: usage, Most: apikey.MaxActive, Webhooks: webhooks}))
}

// ownKeys returns the keys of who is signed in, the active ones first and the
// newest of each first.
func (d *Dashboard) ownKeys(r *http.Request, who identity.Person) (all []listedKey, err error) {
	const most = 200 // an account that made more sees the oldest of them no more
	keys, err := d.deps.Keys.Latest(r.Context(), who.AccountID, most)
	if err != nil {
		return nil, err
	}
	now := ui.Of(r.Context()).Now
	for _, k := range keys {
		l := listedKey{Key: d.withUse(k), Active: k.Active(now)}
		if l.Active {
			l.Used = d.usedNow(r, who, k)
		}
		all = append(all, l)
	}
	return all, nil
}

// withUse is the key with its last use, stored or not yet.
func (d *Dashboard) withUse(k apikey.Key) apikey.Key {
	if at, ok := d.deps.LastUse(k.ID); ok {
		k.LastUsedAt = at
	}
	return k
}

func (d *Dashboard) usedNow(r *http.Request, who identity.Person, k apikey.Key) ratelimit.Usage {
	return d.deps.Limits.UsedNow(r.Context(), ratelimit.Use{
		KeyID: k.ID, AccountID: who.AccountID, Tier: string(who.Tier), PerMinute: k.PerMinute,
		Classic: k.Dialect == apikey.Classic, Test: k.Mode == apikey.Test,
	})
}

// NewKey shows the form of a new key.
func (d *Dashboard) NewKey(w http.ResponseWriter, r *http.Request) error {
	return d.showNewKey(w, r, http.StatusOK, ui.NewForm(nil))
}

func (d *Dashboard) showNewKey(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	asked, err := proof.Fields(d.deps.People, r)
	if err != nil {
		return err
	}
	return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "keys.new_title")}, newKeyForm(f, asked))
}

// CreateKey makes a key for who proves themselves in the same form, and shows its
// value this once.
func (d *Dashboard) CreateKey(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	n, f := readKey(ctx, r, ui.Of(ctx).Now)
	if !f.OK() {
		return d.showNewKey(w, r, http.StatusUnprocessableEntity, f)
	}
	who, err := d.deps.People.ProveForKey(ctx, proof.Of(r))
	if err != nil {
		return refusal.Again(w, r, f, err, d.showNewKey)
	}
	n.AccountID = who.AccountID
	value, k, err := d.deps.Keys.Issue(ctx, n, who.AccountID)
	if err != nil {
		return refusal.Again(w, r, f, err, d.showNewKey)
	}
	page := ui.Page{Title: ui.T(ctx, "keys.made_title")}
	return ui.RenderDialog(w, r, http.StatusOK, page, keyValue(k, value, false, nil))
}

// own returns the key that the path names. Another account's is not there.
func (d *Dashboard) own(r *http.Request) (apikey.Key, error) {
	return d.deps.Keys.Own(r.Context(), d.person(r).AccountID, r.PathValue("id"))
}

// Key shows one key: what it may do, what it used and what it was asked.
func (d *Dashboard) Key(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	k, err := d.own(r)
	if err != nil {
		return err
	}
	who := d.person(r)
	v := keyView{Key: d.withUse(k), Active: k.Active(ui.Of(ctx).Now), OnlyRefused: r.URL.Query().Get("show") == "refused"}
	v.Used = d.usedNow(r, who, k)
	v.Log, v.Next, err = d.deps.Requests.Page(ctx, requestlog.Query{
		AccountID: who.AccountID, KeyID: k.ID, Before: cursorOf(r), Limit: logPage, OnlyRefused: v.OnlyRefused,
	})
	if err != nil {
		return err
	}
	if v.Usage, err = d.usage(r, who.AccountID, k.ID); err != nil {
		return err
	}
	if v.Webhooks, err = d.webhooksOf(r, k); err != nil {
		return err
	}
	return ui.Render(w, r, http.StatusOK, keyPage(v))
}

// logPage is how many requests a page of the log shows.
const logPage = 50

// cursorOf reads where a page of a list begins; what is no cursor begins at the
// front.
func cursorOf(r *http.Request) string {
	cursor := r.URL.Query().Get("before")
	if !id.Valid(id.Request, cursor) {
		return ""
	}
	return cursor
}

// EditKey shows the form of a key's settings.
func (d *Dashboard) EditKey(w http.ResponseWriter, r *http.Request) error {
	k, err := d.own(r)
	if err != nil {
		return err
	}
	return d.showEditKey(k)(w, r, http.StatusOK, ui.NewForm(valuesOf(r.Context(), k)))
}

func (d *Dashboard) showEditKey(k apikey.Key) func(http.ResponseWriter, *http.Request, int, *ui.Form) error {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		asked, err := proof.Fields(d.deps.People, r)
		if err != nil {
			return err
		}
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "keys.edit_title")}, editKeyForm(k, f, asked))
	}
}

// SetKey changes a key's settings.
func (d *Dashboard) SetKey(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	k, err := d.own(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	change := changeOf(ctx, f, k, ui.Of(ctx).Now)
	if !f.OK() {
		return d.showEditKey(k)(w, r, http.StatusUnprocessableEntity, f)
	}
	who, err := d.deps.People.ProveForKey(ctx, proof.Of(r))
	if err == nil {
		_, err = d.deps.Keys.Set(ctx, k.ID, change, who.AccountID)
	}
	if err != nil {
		return refusal.Again(w, r, f, err, d.showEditKey(k))
	}
	return d.done(w, r, "keys.set_done", keyPath(k.ID))
}

// AskRotate asks before a key gets a new value.
func (d *Dashboard) AskRotate(w http.ResponseWriter, r *http.Request) error {
	k, err := d.own(r)
	if err != nil {
		return err
	}
	return d.showRotate(k)(w, r, http.StatusOK, ui.NewForm(nil))
}

func (d *Dashboard) showRotate(k apikey.Key) func(http.ResponseWriter, *http.Request, int, *ui.Form) error {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		asked, err := proof.Fields(d.deps.People, r)
		if err != nil {
			return err
		}
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "keys.rotate_title")}, rotateForm(k, f, asked))
	}
}

// RotateKey gives a key a new value and shows it this once.
func (d *Dashboard) RotateKey(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	k, err := d.own(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	who, err := d.deps.People.ProveForKey(ctx, proof.Of(r))
	if err != nil {
		return refusal.Again(w, r, f, err, d.showRotate(k))
	}
	value, k, err := d.deps.Keys.Rotate(ctx, k.ID, who.AccountID)
	if err != nil {
		return refusal.Again(w, r, f, err, d.showRotate(k))
	}
	webhooks, err := d.webhooksOf(r, k)
	if err != nil {
		webhooks = nil // the value is shown now or never
	}
	return ui.RenderDialog(w, r, http.StatusOK, ui.Page{Title: ui.T(ctx, "keys.made_title")}, keyValue(k, value, true, webhooks))
}

// AskRevoke asks before a key ends.
func (d *Dashboard) AskRevoke(w http.ResponseWriter, r *http.Request) error {
	k, err := d.own(r)
	if err != nil {
		return err
	}
	return ui.RenderDialog(w, r, http.StatusOK, ui.Page{Title: ui.T(r.Context(), "keys.revoke_title")}, revokeForm(k))
}

// RevokeKey ends a key. It needs no proof: it takes nothing that a thief wants.
func (d *Dashboard) RevokeKey(w http.ResponseWriter, r *http.Request) error {
	k, err := d.own(r)
	if err != nil {
		return err
	}
	_, err = d.deps.Keys.Revoke(r.Context(), k.ID, d.person(r).AccountID)
	if err != nil && !fault.Is(err, fault.Conflict) { // revoked meanwhile is what was wanted
		return err
	}
	return d.done(w, r, "keys.revoked_done", keysPath)
}

// done ends a form: who sent it from a dialog sees that it was done there, the
// others the page with the same note.
func (d *Dashboard) done(w http.ResponseWriter, r *http.Request, text, path string) error {
	if ui.Partial(r) {
		return ui.Render(w, r, http.StatusOK, doneNote(ui.T(r.Context(), text)))
	}
	return ui.See(w, r, path)
}
