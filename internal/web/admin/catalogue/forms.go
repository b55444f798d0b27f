package catalogue

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// How a service's price comes about.
const (
	priceFixed    = "fixed"
	priceMarkup   = "markup"
	priceProvider = "provider"
)

// edit is a form about a service: its template, what stands in it before anything
// was typed, and what it does.
type edit struct {
	title  string
	form   func(v *catalog.Service, f *ui.Form) templ.Component
	values func(ctx context.Context, v *catalog.Service) url.Values
	do     func(ctx context.Context, v *catalog.Service, f *ui.Form, by string) error
	done   string
}

// ask shows the form, and send does what it says.
func (p *Pages) ask(e edit) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := p.named(r)
		if err != nil {
			return err
		}
		var values url.Values
		if e.values != nil {
			values = e.values(r.Context(), v)
		}
		return p.show(e, v)(w, r, http.StatusOK, ui.NewForm(values))
	}
}

func (p *Pages) send(e edit) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := p.named(r)
		if err != nil {
			return err
		}
		f := ui.Sent(r)
		err = e.do(r.Context(), v, f, p.by(r))
		if err != nil {
			return refusal.Again(w, r, f, err, p.show(e, v))
		}
		if !f.OK() {
			return p.show(e, v)(w, r, http.StatusUnprocessableEntity, f)
		}
		return ui.Finish(w, r, ui.T(r.Context(), e.done), servicePath(v.ID), "")
	}
}

func (p *Pages) show(e edit, v *catalog.Service) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), e.title)}, e.form(v, f))
	}
}

func (p *Pages) named(r *http.Request) (*catalog.Service, error) {
	id, err := serviceID(r)
	if err != nil {
		return nil, err
	}
	return p.deps.Catalog.One(r.Context(), id)
}

func (p *Pages) price() edit {
	return edit{
		title: "catalogue.set_price", form: priceForm, done: "catalogue.price_done",
		values: func(ctx context.Context, v *catalog.Service) url.Values {
			how := priceProvider
			switch {
			case slices.Contains(v.Pinned, "rate"):
				how = priceFixed
			case v.Markup != nil:
				how = priceMarkup
			}
			return url.Values{"how": {how}, "rate": {decimal(ctx, v.Rate)}, "markup": {percentText(ctx, v.Markup)}}
		},
		do: p.setPrice,
	}
}

// AskPrice and SetPrice are the form of a service's price.
func (p *Pages) AskPrice(w http.ResponseWriter, r *http.Request) error { return p.ask(p.price())(w, r) }

// SetPrice sets a rate of the service's own, or the mark-up that it follows by.
func (p *Pages) SetPrice(w http.ResponseWriter, r *http.Request) error {
	return p.send(p.price())(w, r)
}

func (p *Pages) setPrice(ctx context.Context, v *catalog.Service, f *ui.Form, by string) error {
	switch f.Value("how") {
	case priceFixed:
		rate, ok := amountIn(ctx, f, "rate")
		switch {
		case !ok:
			f.Refuse("rate", ui.T(ctx, "catalogue.error_amount"))
		case rate < v.Source.Cost && f.Value("below") != yes:
			f.Refuse("below", ui.T(ctx, "catalogue.error_below", "Rate", ui.Amount(ctx, rate), "Cost", ui.Amount(ctx, v.Source.Cost)))
		}
		if !f.OK() {
			return nil
		}
		_, err := p.deps.Catalog.Set(ctx, v.ID, catalog.Change{Rate: &rate}, by)
		return err
	case priceMarkup:
		share, ok := percentIn(ctx, f, "markup")
		if !ok {
			f.Refuse("markup", ui.T(ctx, "catalogue.error_percent"))
			return nil
		}
		return p.followAt(ctx, v, &share, by)
	case priceProvider:
		return p.followAt(ctx, v, nil, by)
	}
	f.Refuse("how", ui.T(ctx, "catalogue.error_deed"))
	return nil
}

// followAt lets the rate follow by a mark-up, from now on and at once.
func (p *Pages) followAt(ctx context.Context, v *catalog.Service, markup *money.Percent, by string) error {
	if slices.Contains(v.Pinned, "rate") {
		if _, err := p.deps.Catalog.Follow(ctx, v.ID, []string{"rate"}, by); err != nil {
			return err
		}
	}
	_, err := p.deps.Catalog.SetMarkup(ctx, v.ID, markup, by)
	return err
}

func (p *Pages) announcing() edit {
	return edit{
		title: "catalogue.announce", form: announceForm, done: "catalogue.announced",
		do: func(ctx context.Context, v *catalog.Service, f *ui.Form, by string) error {
			rate, ok := amountIn(ctx, f, "rate")
			if !ok {
				f.Refuse("rate", ui.T(ctx, "catalogue.error_amount"))
			}
			at := timeIn(ctx, f, "at")
			switch {
			case !f.OK():
				return nil
			case rate <= v.Rate:
				f.Refuse("rate", ui.T(ctx, "catalogue.error_announce_low", "Rate", ui.Amount(ctx, v.Rate)))
				return nil
			case !at.After(ui.Of(ctx).Now) || at.After(ui.Of(ctx).Now.Add(366*24*time.Hour)):
				f.Refuse("at", ui.T(ctx, "catalogue.error_announce_at"))
				return nil
			}
			_, err := p.deps.Catalog.Announce(ctx, v.ID, rate, at, by)
			return err
		},
	}
}

// AskAnnounce shows the form of a rate that holds later.
func (p *Pages) AskAnnounce(w http.ResponseWriter, r *http.Request) error {
	return p.ask(p.announcing())(w, r)
}

// Announce tells customers of a higher rate ahead of its time.
func (p *Pages) Announce(w http.ResponseWriter, r *http.Request) error {
	return p.send(p.announcing())(w, r)
}

func (p *Pages) limits() edit {
	return edit{
		title: "catalogue.set_limits", form: limitsForm, done: "catalogue.set_done",
		values: func(_ context.Context, v *catalog.Service) url.Values {
			values := url.Values{
				"min": {strconv.FormatInt(v.Min, 10)}, "max": {strconv.FormatInt(v.Max, 10)}, "increment": {strconv.FormatInt(v.Increment, 10)},
				"refill_days": {strconv.FormatInt(v.RefillDays, 10)},
			}
			for name, on := range map[string]bool{"dripfeed": v.Dripfeed, "refill": v.Refill, "cancel": v.Cancel} {
				if on {
					values.Set(name, yes)
				}
			}
			return values
		},
		do: func(ctx context.Context, v *catalog.Service, f *ui.Form, by string) error {
			const most = 1 << 40
			c := catalog.Change{}
			number := func(field string, least, most, is int64) *int64 {
				if n := wholeIn(ctx, f, field, least, most); n != is {
					return &n
				}
				return nil
			}
			flag := func(field string, is bool) *bool {
				if on := f.Value(field) == yes; on != is {
					return &on
				}
				return nil
			}
			c.Min, c.Max, c.Increment = number("min", 1, most, v.Min), number("max", 1, most, v.Max), number("increment", 1, most, v.Increment)
			c.RefillDays = number("refill_days", 0, 3650, v.RefillDays)
			c.Dripfeed, c.Refill, c.Cancel = flag("dripfeed", v.Dripfeed), flag("refill", v.Refill), flag("cancel", v.Cancel)
			return p.set(ctx, v, f, c, by)
		},
	}
}

// set makes a change, unless the form is wrong or changes nothing: only what
// differs is pinned.
func (p *Pages) set(ctx context.Context, v *catalog.Service, f *ui.Form, c catalog.Change, by string) error {
	if !f.OK() || c == (catalog.Change{}) {
		return nil
	}
	_, err := p.deps.Catalog.Set(ctx, v.ID, c, by)
	return err
}

// AskLimits shows the form of a service's quantities and options.
func (p *Pages) AskLimits(w http.ResponseWriter, r *http.Request) error {
	return p.ask(p.limits())(w, r)
}

// SetLimits sets them.
func (p *Pages) SetLimits(w http.ResponseWriter, r *http.Request) error {
	return p.send(p.limits())(w, r)
}

func (p *Pages) rules() edit {
	return edit{
		title: "catalogue.set_rules", form: rulesForm, done: "catalogue.set_done",
		values: func(_ context.Context, v *catalog.Service) url.Values {
			return url.Values{
				"refill_most": {strconv.FormatInt(v.RefillMost, 10)}, "posts": {strconv.FormatInt(v.Posts, 10)},
				"link_hosts": {strings.Join(v.LinkHosts, "\n")}, "link_form": {string(v.LinkForm)}, "overlap": {string(v.Overlap)},
			}
		},
		do: func(ctx context.Context, v *catalog.Service, f *ui.Form, by string) error {
			refills := wholeIn(ctx, f, "refill_most", 0, 100)
			hosts := strings.FieldsFunc(f.Value("link_hosts"), func(r rune) bool { return r == '\n' || r == '\r' || r == ',' || r == ' ' })
			form, overlap := catalog.LinkForm(f.Value("link_form")), catalog.Overlap(f.Value("overlap"))
			c := catalog.Change{RefillMost: &refills, LinkHosts: &hosts, LinkForm: &form, Overlap: &overlap}
			if v.Type == catalog.Subscriptions {
				posts := wholeIn(ctx, f, "posts", 0, catalog.MaxPosts)
				c.Posts = &posts
			}
			return p.set(ctx, v, f, c, by)
		},
	}
}

// AskRules shows the form of what orders of a service have to heed.
func (p *Pages) AskRules(w http.ResponseWriter, r *http.Request) error {
	return p.ask(p.rules())(w, r)
}

// SetRules sets it.
func (p *Pages) SetRules(w http.ResponseWriter, r *http.Request) error {
	return p.send(p.rules())(w, r)
}

func (p *Pages) stating() edit {
	return edit{
		title: "catalogue.set_state", form: stateForm, done: "catalogue.set_done",
		values: func(_ context.Context, v *catalog.Service) url.Values { return url.Values{"state": {string(v.State)}} },
		do: func(ctx context.Context, v *catalog.Service, f *ui.Form, by string) error {
			state := catalog.State(f.Value("state"))
			if state == v.State && v.PauseReason == "" {
				return nil
			}
			return p.set(ctx, v, f, catalog.Change{State: &state}, by)
		},
	}
}

// AskState shows the form of whether a service is sold.
func (p *Pages) AskState(w http.ResponseWriter, r *http.Request) error {
	return p.ask(p.stating())(w, r)
}

// SetState sets it.
func (p *Pages) SetState(w http.ResponseWriter, r *http.Request) error {
	return p.send(p.stating())(w, r)
}

// AskTexts shows the form of a service's name, description and category.
func (p *Pages) AskTexts(w http.ResponseWriter, r *http.Request) error {
	e, err := p.wording(r.Context())
	if err != nil {
		return err
	}
	return p.ask(e)(w, r)
}

// SetTexts sets them, or shows how the description will look.
func (p *Pages) SetTexts(w http.ResponseWriter, r *http.Request) error {
	e, err := p.wording(r.Context())
	if err != nil {
		return err
	}
	if ui.Sent(r).Value("look") == yes {
		v, err := p.named(r)
		if err != nil {
			return err
		}
		return p.show(e, v)(w, r, http.StatusOK, ui.Sent(r))
	}
	return p.send(e)(w, r)
}

func (p *Pages) wording(ctx context.Context) (e edit, err error) {
	categories, err := p.deps.Catalog.Categories(ctx)
	return edit{
		title: "catalogue.set_texts", done: "catalogue.set_done",
		form: func(v *catalog.Service, f *ui.Form) templ.Component { return textsForm(v, categories, f) },
		values: func(_ context.Context, v *catalog.Service) url.Values {
			return url.Values{"name": {v.Name}, "description": {v.Description}, "category": {v.CategoryID}}
		},
		do: func(ctx context.Context, v *catalog.Service, f *ui.Form, by string) error {
			c := catalog.Change{}
			for _, text := range []struct {
				field, is string
				to        **string
			}{{"name", v.Name, &c.Name}, {"description", lines(v.Description), &c.Description}, {"category", v.CategoryID, &c.Category}} {
				if said := lines(f.Value(text.field)); said != text.is {
					*text.to = &said
				}
			}
			if c.Name != nil && *c.Name == "" {
				f.Refuse("name", ui.T(ctx, "catalogue.error_name"))
			}
			return p.set(ctx, v, f, c, by)
		},
	}, err
}

// lines is a text with the line ends of browsers made ours.
func lines(text string) string { return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")) }

// AskTranslate shows the form of a service's words in a language.
func (p *Pages) AskTranslate(w http.ResponseWriter, r *http.Request) error {
	v, err := p.named(r)
	if err != nil {
		return err
	}
	texts, err := p.deps.Catalog.Texts(r.Context(), v.ID)
	if err != nil {
		return err
	}
	lang := cut(r.URL.Query().Get("lang"))
	said := texts[lang]
	return p.show(p.translating(), v)(w, r, http.StatusOK, ui.NewForm(url.Values{"lang": {lang}, "name": {said.Name}, "description": {said.Description}}))
}

// Translate says what a service is called in a language.
func (p *Pages) Translate(w http.ResponseWriter, r *http.Request) error {
	return p.send(p.translating())(w, r)
}

func (p *Pages) translating() edit {
	return edit{
		title: "catalogue.translate", done: "catalogue.set_done",
		form: func(v *catalog.Service, f *ui.Form) templ.Component { return translateForm(v, p.deps.Languages, f) },
		do: func(ctx context.Context, v *catalog.Service, f *ui.Form, by string) error {
			name, description := f.Value("name"), lines(f.Value("description"))
			_, err := p.deps.Catalog.SetServiceText(ctx, v.ID, f.Value("lang"), &name, &description, by)
			return err
		},
	}
}

// inWords makes of what went wrong with a provider a refusal that staff may read:
// who it was that failed, not that we did.
func inWords(err error) error {
	if f := fault.From(err); f.Code != fault.Internal {
		return err
	}
	return fault.Wrap(fault.Conflict, err.Error(), err)
}
