package office

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/web/download"
	"github.com/notpanel/notpanel/internal/web/ui"
)

const (
	// verifyFor bounds the proof of the log's chain, so that the page comes in time.
	verifyFor = 8 * time.Second
	// exportRows is how many rows one short read of the export takes.
	exportRows = 500
	// brokenShown is how many places are named at which the chain is broken.
	brokenShown = 20
)

// verified is what a proof of the log has shown.
type verified struct {
	Rows   int64
	Broken []string // the first places where it does not hold
	Ended  bool     // all of it was looked at
}

// logView is a page of the audit log.
type logView struct {
	Form     *ui.Form
	Actions  []string
	Acts     []account.Act
	Next     string
	First    string
	Export   string
	Filtered bool
	Verified *verified // nil: not asked for
	Busy     bool      // somebody else's proof is under way
}

// logFilters are the names of the filters in the address.
func logFilters() []string { return []string{"actor", "action", "target", "from", "until"} }

// logQuery reads what is asked for, and the address that asks for it. A day that
// can't be read is refused in the form.
func logQuery(r *http.Request, f *ui.Form) (q account.LogQuery, kept url.Values) {
	asked := r.URL.Query()
	kept = url.Values{}
	for _, name := range logFilters() {
		if value := cut(strings.TrimSpace(asked.Get(name))); value != "" {
			kept.Set(name, value)
		}
	}
	q = account.LogQuery{
		Actor: kept.Get("actor"), Action: kept.Get("action"), Target: kept.Get("target"), From: day(r, f, "from"), Until: day(r, f, "until"),
		Before: number(asked.Get("before")), Limit: pageRows,
	}
	if !q.Until.IsZero() {
		q.Until = q.Until.AddDate(0, 0, 1) // the day is in it
	}
	return q, kept
}

// day is the beginning of a day in the reader's zone; the zero time is none.
func day(r *http.Request, f *ui.Form, name string) time.Time {
	text := r.URL.Query().Get(name)
	if text == "" {
		return time.Time{}
	}
	at, err := time.ParseInLocation(time.DateOnly, text, ui.Of(r.Context()).Zone)
	if err != nil {
		f.Refuse(name, ui.T(r.Context(), "log.error_day"))
	}
	return at
}

// Log shows the audit log.
func (p *Pages) Log(w http.ResponseWriter, r *http.Request) error { return p.showLog(w, r, nil, false) }

func (p *Pages) showLog(w http.ResponseWriter, r *http.Request, found *verified, busy bool) (err error) {
	ctx := r.Context()
	v := logView{Form: ui.NewForm(r.URL.Query()), Verified: found, Busy: busy}
	q, kept := logQuery(r, v.Form)
	v.Filtered, v.Export = len(kept) > 0, withQuery(logPath+".csv", kept)
	status := http.StatusOK
	if !v.Form.OK() {
		status = http.StatusUnprocessableEntity
	}
	if v.Actions, err = p.deps.Accounts.Actions(ctx); err != nil {
		return err
	}
	var next int64
	if v.Acts, next, err = p.deps.Accounts.Log(ctx, q); err != nil {
		return err
	}
	if q.Before > 0 {
		v.First = withQuery(logPath, kept)
	}
	if next > 0 {
		kept.Set("before", ui.Plain(next))
		v.Next = withQuery(logPath, kept)
	}
	return ui.Render(w, r, status, logPage(v))
}

// Verify proves the log's chain, as far as it gets while a page is waited for.
func (p *Pages) Verify(w http.ResponseWriter, r *http.Request) error {
	if !p.verifying.TryLock() {
		return p.showLog(w, r, nil, true)
	}
	defer p.verifying.Unlock()
	ctx, cancel := context.WithTimeout(r.Context(), verifyFor)
	defer cancel()
	found := &verified{}
	rows, err := p.deps.VerifyLog(ctx, func(text string) {
		if len(found.Broken) < brokenShown {
			found.Broken = append(found.Broken, text)
		}
	})
	if err != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	found.Rows, found.Ended = rows, err == nil
	return p.showLog(w, r, found, false)
}

// ExportLog sends the rows that a search finds as a CSV file, the newest first.
func (p *Pages) ExportLog(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f := ui.NewForm(nil)
	q, _ := logQuery(r, f)
	if !f.OK() {
		return p.Log(w, r)
	}
	who, _ := p.deps.People.Current(ctx)
	end, err := p.deps.Downloads.Begin(who.Reader())
	if err != nil {
		return err
	}
	defer end()
	q.Before, q.Limit = 0, exportRows
	columns := []string{"row", "at", "actor", "actor_email", "action", "target", "target_email", "detail"}
	return download.CSV(w, r, "audit-log.csv", columns, func(t *download.Table) error {
		for {
			page, next, err := p.deps.Accounts.Log(ctx, q)
			if err != nil {
				return err
			}
			for _, a := range page {
				err := t.Row(download.Int(a.Seq), download.Time(a.At.In(ui.Of(ctx).Zone)), download.Text(a.Actor), download.Text(a.Email),
					download.Text(a.Action), download.Text(a.Target), download.Text(a.Named), download.Text(a.Detail))
				if err != nil {
					return err
				}
			}
			if q.Before = next; next == 0 {
				return nil
			}
		}
	})
}

// actText says what was done, in the reader's language; what has no words is named.
func actText(ctx context.Context, action string) string {
	if slices.Contains(Acts(), action) {
		return ui.T(ctx, "act."+strings.NewReplacer(".", "_").Replace(action))
	}
	return action
}

// actorText names who did something: by the address, else as the log does.
func actorText(ctx context.Context, a account.Act) string {
	switch {
	case a.Email != "":
		return a.Email
	case strings.HasPrefix(a.Actor, "cli:"):
		return ui.T(ctx, "log.command_line", "User", strings.TrimPrefix(a.Actor, "cli:"))
	}
	return a.Actor
}

// targetPath leads to what something was done to, where there is a page of it.
func targetPath(a account.Act) string {
	if a.Named != "" {
		return accountPath(a.Target)
	}
	return ""
}

func actionOptions(ctx context.Context, actions []string) []ui.Option {
	options := []ui.Option{{Value: "", Label: ui.T(ctx, "log.any_action")}}
	for _, action := range actions {
		options = append(options, ui.Option{Value: action, Label: actText(ctx, action)})
	}
	return options
}

// Acts are the actions of the audit log that have words.
func Acts() []string {
	return []string{
		"account.create", "account.credit", "account.email", "account.first_number", "account.note", "account.password", "account.recovery_codes_made",
		"account.reset_2fa", "account.sessions_revoked", "account.sign_out", "account.suspended", "account.active", "account.threshold",
		"account.tier.standard", "account.tier.reseller", "account.tier.agency", "account.totp_added", "account.totp_removed",
		"account.passkey_added", "account.passkey_removed", "account.passkey_cloned", "account.verify", "account.verify_email",
		"account.view", "account.view_end", "announcement.add", "announcement.end", "block.add", "block.remove", "category.text", "exchange.set",
		"giveaway.cancel", "giveaway.draw", "giveaway.open",
		"key.create", "key.revoke", "key.rotate", "key.set", "order.settle", "order.work", "panel.first_number",
		"post.create", "post.delete", "post.edit", "post.publish", "post.unpublish",
		"price.remove", "price.set", "price.tier", "provider.active", "provider.add", "provider.classify", "provider.import", "provider.paused",
		"provider.set", "provider.terms", "provider.webhook", "provider.webhook.off", "refill.settle", "service.announce", "service.follow",
		"service.markup", "service.pin", "service.set", "service.source.add", "service.source.prefer", "service.source.remove", "service.text",
		"staff.appoint", "staff.dismiss", "staff.role_change", "staff.role_create", "staff.role_remove",
		"topup.approve", "topup.offer", "topup.reject", "webhook.add", "webhook.disable", "webhook.enable", "webhook.events", "webhook.remove",
		"webhook.rotate",
	}
}

// listed sets texts one below the other.
func listed(all []string) string { return strings.Join(all, "\n") }
