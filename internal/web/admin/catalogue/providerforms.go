package catalogue

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/web/proof"

	"github.com/a-h/templ"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/hint"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// What a form about a webhook does.
const (
	hookRegister = "register"
	hookKeep     = "keep"
	hookOff      = "off"
)

// providerFormOf is a form about a provider, which may ask for a proof.
type providerFormOf = func(u upstream, f *ui.Form, asked proof.Asked) templ.Component

func (p *Pages) showProvider(title string, form providerFormOf, u upstream) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		asked, err := proof.Fresh(p.deps.People, r)
		if err != nil {
			return err
		}
		for _, secret := range []string{"key", "header_value", "secret"} {
			f.Values.Del(secret)
		}
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), title)}, form(u, f, asked))
	}
}

func (p *Pages) askProvider(w http.ResponseWriter, r *http.Request, title string, form providerFormOf) error {
	u, err := p.upstreamOf(r)
	if err != nil {
		return err
	}
	return p.showProvider(title, form, u)(w, r, http.StatusOK, ui.NewForm(providerValues(r.Context(), u)))
}

// providerValues are a provider's settings as a form has them.
func providerValues(ctx context.Context, u upstream) url.Values {
	values := url.Values{
		"slots": {strconv.FormatInt(u.Slots, 10)}, "markup": {percentText(ctx, u.Markup)}, "url": {u.URL}, "package_price": {u.Profile.PackagePrice},
		"profile": {profileText(u.Profile)}, "do": {hookRegister},
	}
	for name, sum := range map[string]money.Amount{"more": u.More, "step": u.Step, "least": u.Least} {
		if sum > 0 {
			values.Set(name, decimal(ctx, sum))
		}
	}
	if u.BalanceLow != nil {
		values.Set("balance_low", decimal(ctx, *u.BalanceLow))
	}
	if u.SyncEvery > 0 {
		values.Set("sync_every", strconv.FormatInt(int64(u.SyncEvery/time.Minute), 10))
	}
	return values
}

// profileText is a profile without the price of packages, which has a field of its
// own; "" where it differs in nothing.
func profileText(of provider.Profile) string {
	of.PackagePrice = ""
	text, err := json.MarshalIndent(of, "", "  ")
	if err != nil || string(text) == "{}" {
		return ""
	}
	return string(text)
}

// profileIn reads the profile of a form.
func profileIn(f *ui.Form) (of provider.Profile) {
	text := strings.TrimSpace(f.Value("profile"))
	if text == "" {
		text = "{}"
	}
	of, err := provider.ParseProfile(text)
	if err != nil {
		f.Refuse("profile", fault.From(err).Text)
	}
	switch price := f.Value("package_price"); price {
	case provider.PriceFlat, provider.PricePer1000:
		of.PackagePrice = price
	default:
		of.PackagePrice = ""
	}
	return of
}

// settingsIn reads what of a provider's settings is no secret.
func settingsIn(ctx context.Context, f *ui.Form) (s provider.Settings) {
	s.Slots = wholeIn(ctx, f, "slots", 1, 256)
	terms := pricing(ctx, f)
	s.Markup, s.More, s.Step, s.Least = terms.Markup, terms.More, terms.Step, terms.Least
	if strings.TrimSpace(f.Value("sync_every")) != "" {
		s.SyncEvery = time.Duration(wholeIn(ctx, f, "sync_every", 0, 30*24*60)) * time.Minute
	}
	if low, ok := amountIn(ctx, f, "balance_low"); ok {
		s.BalanceLow = &low
	}
	return s
}

// AskSettings shows the form of a provider's settings.
func (p *Pages) AskSettings(w http.ResponseWriter, r *http.Request) error {
	return p.askProvider(w, r, "providers.settings", settingsForm)
}

// SetSettings sets them.
func (p *Pages) SetSettings(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	u, err := p.upstreamOf(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	s := settingsIn(ctx, f)
	c := settingsChange(u.Settings, s)
	if u.Kind != provider.Manual {
		if profile := profileIn(f); profileText(profile) != profileText(u.Profile) || profile.PackagePrice != u.Profile.PackagePrice {
			c.Profile = &profile
		}
	}
	show := p.showProvider("providers.settings", settingsForm, u)
	if !f.OK() {
		return show(w, r, http.StatusUnprocessableEntity, f)
	}
	if _, err := p.deps.Providers.Set(ctx, u.ID, c, p.by(r)); err != nil {
		return refusal.Again(w, r, f, err, show)
	}
	return ui.Finish(w, r, ui.T(ctx, "catalogue.set_done"), providerPath(u.ID), "")
}

// settingsChange is what differs between two settings.
func settingsChange(is, to provider.Settings) (c provider.Change) {
	if to.Slots != is.Slots {
		c.Slots = &to.Slots
	}
	if !same(is.Markup, to.Markup) {
		c.Markup = &to.Markup
	}
	if to.More != is.More {
		c.More = &to.More
	}
	if to.Step != is.Step {
		c.Step = &to.Step
	}
	if to.Least != is.Least {
		c.Least = &to.Least
	}
	if to.SyncEvery != is.SyncEvery {
		c.SyncEvery = &to.SyncEvery
	}
	if !same(is.BalanceLow, to.BalanceLow) {
		c.BalanceLow = &to.BalanceLow
	}
	return c
}

func same[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// AskAccess shows the form of where a provider is reached and with which secrets.
func (p *Pages) AskAccess(w http.ResponseWriter, r *http.Request) error {
	return p.askProvider(w, r, "providers.access", accessForm)
}

// SetAccess sets it. Who sends it proves who they are; secrets are never shown again.
func (p *Pages) SetAccess(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	u, err := p.upstreamOf(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	c := provider.Change{SameAccount: f.Value("same_account") == yes, Drop: f.Values["drop"]}
	if address := strings.TrimSpace(f.Value("url")); address != u.URL {
		c.URL = &address
	}
	if key := strings.TrimSpace(f.Value("key")); key != "" {
		c.Key = &key
	}
	if h, ok := headerIn(ctx, f); ok {
		c.SetHeaders = []provider.Header{h}
	}
	show := p.showProvider("providers.access", accessForm, u)
	if !f.OK() {
		return show(w, r, http.StatusUnprocessableEntity, f)
	}
	if err := p.prove(r); err != nil {
		return refusal.Again(w, r, f, err, show)
	}
	if _, err := p.deps.Providers.Set(ctx, u.ID, c, p.by(r)); err != nil {
		return refusal.Again(w, r, f, err, show)
	}
	return ui.Finish(w, r, ui.T(ctx, "catalogue.set_done"), providerPath(u.ID), "")
}

// headerIn reads the header of a form; ok is false where none was typed.
func headerIn(ctx context.Context, f *ui.Form) (h provider.Header, ok bool) {
	name, value := strings.TrimSpace(f.Value("header_name")), strings.TrimSpace(f.Value("header_value"))
	if name == "" && value == "" {
		return h, false
	}
	h, err := provider.ParseHeader(name + ": " + value)
	if err != nil || value == "" {
		f.Refuse("header_name", ui.T(ctx, "providers.error_header"))
		return h, false
	}
	return h, true
}

// NewProvider shows the form of a provider.
func (p *Pages) NewProvider(w http.ResponseWriter, r *http.Request) error {
	values := url.Values{"kind": {string(provider.Classic)}, "slots": {strconv.Itoa(provider.DefaultSlots)}, "package_price": {provider.PriceFlat}, "sync_every": {"360"}}
	return p.showProvider("providers.new", newProviderForm, upstream{})(w, r, http.StatusOK, ui.NewForm(values))
}

// AddProvider stores a provider, once it has answered or its operator says that it
// need not yet.
func (p *Pages) AddProvider(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f := ui.Sent(r)
	n := provider.New{
		Name: strings.TrimSpace(f.Value("name")), Kind: provider.Kind(f.Value("kind")), URL: strings.TrimSpace(f.Value("url")),
		Key: strings.TrimSpace(f.Value("key")), Settings: settingsIn(ctx, f),
	}
	if n.Kind != provider.Manual {
		n.Profile = profileIn(f)
	} else {
		n.SyncEvery = 0
	}
	if h, ok := headerIn(ctx, f); ok {
		n.Headers = []provider.Header{h}
	}
	if n.Name == "" {
		f.Refuse("name", ui.T(ctx, "catalogue.error_name"))
	}
	if !slices.Contains([]provider.Kind{provider.Classic, provider.Native, provider.Manual}, n.Kind) {
		f.Refuse("kind", ui.T(ctx, "catalogue.error_deed"))
	}
	show := p.showProvider("providers.new", newProviderForm, upstream{})
	if !f.OK() {
		return show(w, r, http.StatusUnprocessableEntity, f)
	}
	if err := p.prove(r); err != nil {
		return refusal.Again(w, r, f, err, show)
	}
	if f.Value("unreached") != yes {
		if err := p.try(ctx, n); err != nil {
			text, ok := refusal.Text(ctx, inWords(err))
			if !ok {
				return err
			}
			f.Error = ui.T(ctx, "providers.error_unreached", "Why", text)
			f.Values.Set("unreached", "ask")
			return show(w, r, http.StatusUnprocessableEntity, f)
		}
	}
	added, err := p.deps.Providers.Create(ctx, n, p.by(r))
	if err != nil {
		return refusal.Again(w, r, f, err, show)
	}
	return ui.Finish(w, r, ui.T(ctx, "providers.added"), providerPath(added.ID), "")
}

// try asks a provider through the guard before it is stored.
func (p *Pages) try(ctx context.Context, n provider.New) error {
	limited, cancel := context.WithTimeout(ctx, askMost)
	defer cancel()
	_, err := p.deps.Providers.Try(limited, n, p.deps.Importer.Guard, p.deps.Importer.Timeout)
	return err
}

// AskHook shows the form of a provider's webhook to us.
func (p *Pages) AskHook(w http.ResponseWriter, r *http.Request) error {
	return p.askProvider(w, r, "providers.hook", p.hookForm)
}

func (p *Pages) hookForm(u upstream, f *ui.Form, asked proof.Asked) templ.Component {
	return hookForm(u, p.hookAddress(u.ID), f, asked)
}

func (p *Pages) hookAddress(id string) string { return p.deps.URL + hint.Path + id }

// SetHook lets a native provider tell us of orders, or ends that.
func (p *Pages) SetHook(w http.ResponseWriter, r *http.Request) error {
	u, err := p.upstreamOf(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	show := p.showProvider("providers.hook", p.hookForm, u)
	if err := p.prove(r); err != nil {
		return refusal.Again(w, r, f, err, show)
	}
	ctx, cancel := context.WithTimeout(r.Context(), askMost)
	defer cancel()
	if err := p.setHook(ctx, u, f, p.by(r)); err != nil {
		return refusal.Again(w, r, f, inWords(err), show)
	}
	return ui.Finish(w, r, ui.T(ctx, "catalogue.set_done"), providerPath(u.ID), "")
}

func (p *Pages) setHook(ctx context.Context, u upstream, f *ui.Form, by string) error {
	if u.Kind != provider.Native {
		return fault.New(fault.Conflict, "only a native provider has webhooks")
	}
	there, err := p.deps.Providers.Client(u.Provider, p.deps.Importer.Guard, p.deps.Importer.Timeout)
	if err != nil {
		return err
	}
	switch f.Value("do") {
	case hookKeep:
		secret := strings.TrimSpace(f.Value("secret"))
		if err := hint.CheckSecret(secret); err != nil {
			return err
		}
		return p.deps.Providers.SetHook(ctx, u.Provider, "", secret, by)
	case hookOff:
		// What it sends is refused from now on, whether it answers or not.
		if err := p.deps.Providers.SetHook(ctx, u.Provider, "", "", by); err != nil || u.HookID == "" {
			return err
		}
		return goneThere(there.RemoveWebhook(ctx, u.HookID))
	}
	if u.HookID != "" {
		if err := goneThere(there.RemoveWebhook(ctx, u.HookID)); err != nil {
			return err
		}
	}
	id, secret, err := there.AddWebhook(ctx, p.hookAddress(u.ID))
	if err != nil {
		return err
	}
	return p.deps.Providers.SetHook(ctx, u.Provider, id, secret, by)
}

// goneThere takes a refusal for done: what the provider does not know is gone there.
func goneThere(err error) error {
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

func kindOptions(ctx context.Context) []ui.Option {
	return []ui.Option{
		{Value: string(provider.Classic), Label: kindOf(ctx, provider.Classic), Help: ui.T(ctx, "providers.kind_classic_help")},
		{Value: string(provider.Native), Label: kindOf(ctx, provider.Native), Help: ui.T(ctx, "providers.kind_native_help")},
		{Value: string(provider.Manual), Label: kindOf(ctx, provider.Manual), Help: ui.T(ctx, "providers.kind_manual_help")},
	}
}

func packageOptions(ctx context.Context) []ui.Option {
	return []ui.Option{
		{Value: provider.PriceFlat, Label: ui.T(ctx, "providers.package_flat")},
		{Value: provider.PricePer1000, Label: ui.T(ctx, "providers.package_1000")},
		{Value: "", Label: ui.T(ctx, "providers.package_unknown")},
	}
}

func headerOptions(names []string) (options []ui.Option) {
	for _, name := range names {
		options = append(options, ui.Option{Value: name, Label: name})
	}
	return options
}
