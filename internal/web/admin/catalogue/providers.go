package catalogue

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// askMost is how long a page waits for a provider.
const askMost = 45 * time.Second

// upstream is a provider as its pages show it.
type upstream struct {
	provider.Provider

	Health  provider.Health
	Headers []string // names alone
	HookID  string
	Hooked  bool // it tells us of orders
	Change  bool // the reader may change it
	Imports bool // the reader may import from it
	Said    string
	Wrong   string
}

// Low reports that the balance is below its mark.
func (u upstream) Low() bool {
	return u.Balance != nil && u.BalanceLow != nil && *u.Balance < *u.BalanceLow
}

// Providers lists all providers with how they do.
func (p *Pages) Providers(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	all, err := p.deps.Providers.List(ctx)
	if err != nil {
		return err
	}
	ids := make([]string, len(all))
	for i, one := range all {
		ids[i] = one.ID
	}
	health, err := p.deps.Providers.Health(ctx, ids)
	if err != nil {
		return err
	}
	rows := make([]upstream, len(all))
	for i, one := range all {
		rows[i] = upstream{Provider: one, Health: health[one.ID]}
	}
	return ui.Render(w, r, http.StatusOK, providersPage(rows, p.may(r, staff.ProvidersChange), p.may(r, staff.TextsDecide)))
}

// upstreamOf reads the provider that a path names.
func (p *Pages) upstreamOf(r *http.Request) (u upstream, err error) {
	ctx := r.Context()
	if u.Provider, err = p.deps.Providers.Find(ctx, r.PathValue("id")); err != nil {
		return u, err
	}
	if u.ID != r.PathValue("id") {
		return u, fault.New(fault.NotFound, "There is no such provider")
	}
	health, err := p.deps.Providers.Health(ctx, []string{u.ID})
	if err != nil {
		return u, err
	}
	u.Health = health[u.ID]
	if u.Headers, err = p.deps.Providers.HeaderNames(u.Provider); err != nil {
		return u, err
	}
	if u.HookID, _, err = p.deps.Providers.Hook(ctx, u.ID); err != nil && !fault.Is(err, fault.NotFound) {
		return u, err
	}
	u.Hooked = err == nil
	u.Change, u.Imports = p.may(r, staff.ProvidersChange), p.may(r, staff.CatalogueChange)
	return u, nil
}

// Provider shows one provider.
func (p *Pages) Provider(w http.ResponseWriter, r *http.Request) error {
	u, err := p.upstreamOf(r)
	if err != nil {
		return err
	}
	switch r.URL.Query().Get("did") {
	case "balance":
		u.Said = ui.T(r.Context(), "providers.balance_read")
	case "sync":
		u.Said = ui.T(r.Context(), "providers.synced_now")
	}
	return ui.Render(w, r, http.StatusOK, providerPage(u))
}

// failed shows a provider's page with what went wrong there, in words.
func (p *Pages) failed(w http.ResponseWriter, r *http.Request, err error) error {
	text, ok := refusal.Text(r.Context(), inWords(err))
	if !ok {
		return err
	}
	u, readErr := p.upstreamOf(r)
	if readErr != nil {
		return readErr
	}
	u.Wrong = text
	return ui.Render(w, r, http.StatusUnprocessableEntity, providerPage(u))
}

// ReadBalance asks a provider now what our account there holds.
func (p *Pages) ReadBalance(w http.ResponseWriter, r *http.Request) error {
	of, err := p.deps.Providers.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), askMost)
	defer cancel()
	if _, err := p.deps.Providers.ReadBalance(ctx, of, p.deps.Importer.Guard, p.deps.Importer.Timeout); err != nil {
		return p.failed(w, r, err)
	}
	return ui.See(w, r, providerPath(of.ID)+"?did=balance")
}

// Sync brings what is sold of a provider up to date now.
func (p *Pages) Sync(w http.ResponseWriter, r *http.Request) error {
	of, err := p.deps.Providers.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), askMost)
	defer cancel()
	if _, err := p.deps.Importer.Sync(ctx, of.ID, ui.Sent(r).Value("accept") == yes, p.by(r)); err != nil {
		return p.failed(w, r, err)
	}
	return ui.See(w, r, providerPath(of.ID)+"?did=sync")
}

// AskPause shows the form of a pause.
func (p *Pages) AskPause(w http.ResponseWriter, r *http.Request) error {
	return p.askProvider(w, r, "providers.pause", pauseForm)
}

// Pause sends no orders to a provider from now on.
func (p *Pages) Pause(w http.ResponseWriter, r *http.Request) error {
	u, err := p.upstreamOf(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	reason := strings.TrimSpace(f.Value("reason"))
	if reason == "" || len([]rune(reason)) > 200 {
		f.Refuse("reason", ui.T(r.Context(), "providers.error_reason"))
		return p.showProvider("providers.pause", pauseForm, u)(w, r, http.StatusUnprocessableEntity, f)
	}
	if err := p.deps.Providers.SetState(r.Context(), u.ID, provider.Paused, reason, p.by(r)); err != nil {
		return err
	}
	return ui.Finish(w, r, ui.T(r.Context(), "providers.paused_done"), providerPath(u.ID), "")
}

// Resume lets orders go to a provider again.
func (p *Pages) Resume(w http.ResponseWriter, r *http.Request) error {
	of, err := p.deps.Providers.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := p.deps.Providers.SetState(r.Context(), of.ID, provider.Active, "", p.by(r)); err != nil {
		return err
	}
	return ui.See(w, r, providerPath(of.ID))
}

func kindOf(ctx context.Context, k provider.Kind) string {
	switch k {
	case provider.Classic:
		return ui.T(ctx, "providers.kind_classic")
	case provider.Native:
		return ui.T(ctx, "providers.kind_native")
	case provider.Manual:
		return ui.T(ctx, "providers.kind_manual")
	}
	return string(k)
}

// balanceText is a balance in the provider's currency.
func balanceText(ctx context.Context, a money.Amount, currency string) string {
	if currency == "" {
		return ui.Of(ctx).Language.Amount(a)
	}
	return ui.Of(ctx).Language.Money(a, currency)
}

// latency writes how long a submission took.
func latency(ctx context.Context, d time.Duration) string {
	l := ui.Of(ctx).Language
	if d < time.Second {
		return ui.T(ctx, "providers.ms", "N", strconv.FormatInt(d.Milliseconds(), 10))
	}
	tenths := d.Round(100*time.Millisecond).Milliseconds() / 100
	return ui.T(ctx, "providers.seconds", "N", l.Decimal(strconv.FormatInt(tenths/10, 10)+"."+strconv.FormatInt(tenths%10, 10)))
}

func latencies(ctx context.Context, h provider.Health) string {
	if h.Submissions == 0 {
		return ""
	}
	return latency(ctx, h.Half) + " · " + latency(ctx, h.Most)
}

// every writes a rhythm.
func every(ctx context.Context, d time.Duration) string {
	if d == 0 {
		return ui.T(ctx, "providers.never")
	}
	return ui.Of(ctx).Language.Span(d)
}

// alarms are the lines of a provider's alarm.
func alarms(u upstream) (all []string) {
	for line := range strings.Lines(u.Alarm) {
		all = append(all, strings.TrimSpace(line))
	}
	return all
}

// shrunk reports that a sync found much of the list gone, which a person may accept.
func shrunk(u upstream) bool {
	for _, line := range alarms(u) {
		if strings.HasPrefix(line, string(provider.AlarmShrink)+": ") {
			return true
		}
	}
	return false
}

func balanceFigure(ctx context.Context, u upstream) string {
	if u.Balance == nil {
		return "–"
	}
	return balanceText(ctx, *u.Balance, u.Currency)
}

func balanceNote(ctx context.Context, u upstream) string {
	if u.Balance == nil {
		return ui.T(ctx, "providers.balance_unread")
	}
	ago := ui.Of(ctx).Language.Ago(u.BalanceAt, ui.Of(ctx).Now)
	if u.Low() {
		return ui.T(ctx, "providers.balance_is_low", "Low", balanceText(ctx, *u.BalanceLow, u.Currency), "Ago", ago)
	}
	return ago
}

func errorFigure(ctx context.Context, u upstream) string {
	if u.Health.Submissions == 0 {
		return "–"
	}
	return share(ctx, u.Health.ErrorShare())
}

func latencyFigure(ctx context.Context, u upstream) string {
	if u.Health.Submissions == 0 {
		return "–"
	}
	return latency(ctx, u.Health.Half)
}

// latencyNote says how fast the slower answers came.
func latencyNote(ctx context.Context, u upstream) string {
	if u.Health.Submissions == 0 {
		return ""
	}
	return ui.T(ctx, "providers.latency_note", "Slow", latency(ctx, u.Health.Most))
}

// termsText is how a provider's costs become rates, in words.
func termsText(ctx context.Context, u upstream) string {
	text := markupWord(ctx, u.Markup)
	if u.More > 0 {
		text += " + " + ui.Amount(ctx, u.More)
	}
	if u.Step > 0 {
		text += " · " + ui.T(ctx, "providers.in_steps", "Step", ui.Amount(ctx, u.Step))
	}
	if u.Least > 0 {
		text += " · " + ui.T(ctx, "providers.at_least", "Least", ui.Amount(ctx, u.Least))
	}
	return text
}

func packageWord(ctx context.Context, price string) string {
	for _, o := range packageOptions(ctx) {
		if o.Value == price {
			return o.Label
		}
	}
	return price
}
