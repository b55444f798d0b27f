package catalog

import (
	"errors"
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
)

// importer plans what a list changes and, in a write, does it.
type importer struct {
	in    *Intake
	actor string

	tx      *db.Tx
	known   map[string]*held // by the provider's number
	steps   []*step
	notSold int
}

// family is a service with all its sources, as the steps so far leave them.
type family struct {
	service Service
	listed  map[int64]bool // by preference: whether the provider still lists it
}

// held is a source that is there.
type held struct {
	*family

	source Source
	at     sourceState
}

// sourceState is what an import changes of a source.
type sourceState struct {
	cost    money.Amount
	foreign *money.Amount
	gone    bool
}

// step is what an import changes of one source and its service.
type step struct {
	before, after *Service // before is nil where it is new
	source        Source
	position      int64
	from, to      sourceState
}

func (im *importer) reset(tx *db.Tx) {
	im.tx, im.known, im.steps, im.notSold = tx, map[string]*held{}, nil, 0
}

// withMore reads further columns behind those that scan knows.
type withMore struct {
	db.Scanner

	more []any
}

// Scan reads a row.
func (w withMore) Scan(dest ...any) error { return w.Scanner.Scan(append(dest, w.more...)...) }

// heldColumns are the columns of a source behind those of its service.
const heldColumns = `, s.foreign_cost, s.gone_at IS NOT NULL`

func scanHeld(r db.Scanner) (*held, error) {
	h := &held{}
	v, err := scan(withMore{r, []any{&h.at.foreign, &h.at.gone}})
	h.family, h.source = &family{service: *v}, v.Source
	h.at.cost = v.Source.Cost
	return h, err
}

// sources reads sources with their services and links those of one service.
func sources(tx *db.Tx, where string, args ...any) ([]*held, error) {
	all, err := db.All(tx, scanHeld, selected+heldColumns+joined+priced+where+` ORDER BY s.service_id, s.preference`, args...)
	if err != nil {
		return nil, fmt.Errorf("read sources: %w", err)
	}
	families := map[int64]*family{}
	var ids []int64
	for _, h := range all {
		serviceID := h.service.ID
		if families[serviceID] == nil {
			families[serviceID] = &family{service: h.service, listed: map[int64]bool{}}
			ids = append(ids, serviceID)
		}
		h.family = families[serviceID]
	}
	err = tx.Each(func(r db.Scanner) error {
		var serviceID, preference int64
		var listed bool
		err := r.Scan(&serviceID, &preference, &listed)
		if err == nil {
			families[serviceID].listed[preference] = listed
		}
		return err
	}, `SELECT service_id, preference, gone_at IS NULL FROM sources WHERE service_id = ANY($1)`, ids)
	if err != nil {
		return nil, fmt.Errorf("read sources: %w", err)
	}
	return all, nil
}

func (im *importer) load(numbers []string) error {
	all, err := sources(im.tx, ` WHERE s.provider_id = $1 AND s.provider_service = ANY($2)`, im.in.ProviderID, numbers)
	if err != nil {
		return err
	}
	for _, h := range all {
		im.known[h.source.ProviderService] = h
	}
	return nil
}

// first reports whether no source is preferred to this one: it says what the service is.
func (h *held) first() bool {
	for preference := range h.listed {
		if preference < h.source.Preference {
			return false
		}
	}
	return true
}

// leads reports whether no source that is listed is preferred to this one: its
// terms are the service's.
func (h *held) leads() bool {
	for preference, listed := range h.listed {
		if listed && preference < h.source.Preference {
			return false
		}
	}
	return true
}

// alone reports whether no other source is listed.
func (h *held) alone() bool {
	for preference, listed := range h.listed {
		if listed && preference != h.source.Preference {
			return false
		}
	}
	return true
}

// planOffers plans what offers change; position is the first one's in the list.
func (im *importer) planOffers(offers []Offer, position int64) error {
	numbers := make([]string, len(offers))
	for i := range offers {
		numbers[i] = offers[i].ProviderService
	}
	if err := im.sameExchange(); err != nil {
		return err
	}
	if err := im.load(numbers); err != nil {
		return err
	}
	for i := range offers {
		o := &offers[i]
		if h := im.known[o.ProviderService]; h != nil {
			im.planKnown(h, o)
		} else if im.in.KnownOnly {
			im.notSold++
		} else {
			im.planNew(o, position+int64(i))
		}
	}
	return nil
}

// sameExchange refuses offers whose costs were reckoned by an exchange rate that
// was set anew meanwhile: they would undo it.
func (im *importer) sameExchange() error {
	if im.in.Exchange == 0 {
		return nil
	}
	var rate money.Exchange
	err := im.tx.QueryRow(`SELECT rate FROM exchange_rates WHERE currency = $1`, im.in.Currency).Scan(&rate)
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return fmt.Errorf("read the exchange rate: %w", err)
	}
	if rate != im.in.Exchange {
		return fault.Newf(fault.Conflict, "the exchange rate of %s changed meanwhile: import again", im.in.Currency)
	}
	return nil
}

func (im *importer) planNew(o *Offer, position int64) {
	v := o.service()
	v.RefillMost, v.LinkForm, v.Overlap, v.State = UsualRefills, FormQuery, OverlapAllow, Active // the schema's defaults
	if o.PriceUnclear {
		v.State, v.PauseReason = Paused, unclear
	}
	im.steps = append(im.steps, &step{
		after: v, position: position, to: sourceState{cost: o.Cost, foreign: o.Foreign},
		source: Source{Preference: 1, ProviderID: im.in.ProviderID, ProviderService: o.ProviderService},
	})
}

// service is a service as the provider offers it.
func (o *Offer) service() *Service {
	return &Service{
		Name: o.Name, Category: o.Category, Description: o.Description, Type: o.Type, Rate: o.Rate, Min: o.Min, Max: o.Max,
		Increment: max(o.Increment, 1), Dripfeed: o.Dripfeed, Refill: o.Refill, RefillDays: o.RefillDays, Cancel: o.Cancel,
	}
}

// BillsMin reports a service of packages: its min is what one holds, here and at
// the provider.
func (v *Service) BillsMin() bool {
	schema, known := SchemaOf(v.Type)
	return known && schema.Counting == ByPackage
}

// planKnown plans what an offer changes of a source that is there.
func (im *importer) planKnown(h *held, o *Offer) {
	if !h.first() && o.Type != h.service.Type {
		im.gone(h, unsellable) // orders of the service's type can't go there
		return
	}
	after := h.service
	offered := o.service()
	leads, first := h.leads(), h.first()
	reason := ""
	if o.PriceUnclear {
		reason = unclear
	}
	terms := im.in.Pricing
	terms.Markup = nil // the offer's own rate has it
	switch rate, known, err := followedRate(&after, o.Cost, terms); {
	case after.pinned(fieldRate):
	case err != nil:
		reason, offered.Rate = tooDear, after.Rate
	case known:
		offered.Rate = rate
	case o.KeepRate:
		offered.Rate = after.Rate
	}
	for _, f := range followedFields {
		if !after.pinned(f.name) && (leads && !f.itself || first && f.itself) {
			f.take(&after, offered)
		}
	}
	if after.Min > after.Max || after.BillsMin() && after.Min != o.Min {
		after.Min, after.Max, reason = h.service.Min, h.service.Max, misfit
	}
	if leads {
		after.settle(reason)
	}
	im.note(h, &after, sourceState{cost: o.Cost, foreign: o.Foreign})
}

// planGone plans what it changes that the provider's list lacks numbers.
func (im *importer) planGone(numbers []string) error {
	if err := im.load(numbers); err != nil {
		return err
	}
	listed := map[string]bool{}
	for _, number := range im.in.Unsellable {
		listed[number] = true
	}
	for _, number := range numbers {
		h := im.known[number]
		switch {
		case h == nil: // removed meanwhile
		case listed[number]:
			im.gone(h, unsellable)
		default:
			im.gone(h, vanished)
		}
	}
	return nil
}

// gone marks a source that can't be used, and pauses its service where no other
// is left.
func (im *importer) gone(h *held, reason string) {
	after := h.service
	if h.alone() {
		after.settle(reason)
	}
	to := h.at
	to.gone = true
	im.note(h, &after, to)
}

// settle pauses a service for a reason, or lets it come back where there is none
// any more. What a person paused, retired or pinned stays.
func (v *Service) settle(reason string) {
	switch {
	case v.pinned(fieldState) || v.State == Retired || v.State == Paused && !ofSync(v.PauseReason):
	case reason == "":
		v.State, v.PauseReason = Active, ""
	default:
		v.State, v.PauseReason = Paused, reason
	}
}

// note keeps a step where it changes something.
func (im *importer) note(h *held, after *Service, to sourceState) {
	before := h.service
	st := &step{before: &before, after: after, source: h.source, from: h.at, to: to}
	if len(st.difference().Fields) == 0 && before.PauseReason == after.PauseReason {
		return
	}
	im.steps = append(im.steps, st)
	h.service, h.at = *after, to
	h.listed[h.source.Preference] = !to.gone
}

const fieldSource = "source"

// difference tells what the step changes.
func (st *step) difference() Difference {
	d := Difference{
		Kind: DifferenceChanged, Service: st.after.ID, ProviderService: st.source.ProviderService, Name: st.after.Name,
		Reason: st.after.PauseReason, Fields: []FieldChange{},
	}
	add := func(field, before, after string) {
		if before != after {
			d.Fields = append(d.Fields, FieldChange{field, before, after})
		}
	}
	if st.before == nil {
		d.Kind = DifferenceAdded
		for _, f := range followedFields {
			add(f.name, "", f.text(st.after))
		}
		add("cost", "", st.to.cost.String())
		add(fieldState, "", string(st.after.State))
		return d
	}
	for _, f := range followedFields {
		add(f.name, f.text(st.before), f.text(st.after))
	}
	add("cost", st.from.cost.String(), st.to.cost.String())
	add("cost there", foreignText(st.from.foreign), foreignText(st.to.foreign))
	changed := len(d.Fields) > 0
	add(fieldSource, listedText(st.from.gone), listedText(st.to.gone))
	add(fieldState, string(st.before.State), string(st.after.State))
	switch {
	case st.before.State == Active && st.after.State == Paused:
		d.Kind = DifferencePaused
	case st.before.State == Paused && st.after.State == Active:
		d.Kind = DifferenceResumed
	case !changed:
		d.Kind = DifferenceSource
	}
	return d
}

func foreignText(a *money.Amount) string {
	if a == nil {
		return ""
	}
	return a.String()
}

func listedText(gone bool) string {
	if gone {
		return "gone"
	}
	return "listed"
}

// apply does what was planned.
func (im *importer) apply() error {
	categories, err := loadCategories(im.tx)
	if err != nil {
		return err
	}
	var lastID int64
	if err := im.tx.QueryRow(`SELECT COALESCE(MAX(id), 0) FROM services`).Scan(&lastID); err != nil {
		return fmt.Errorf("last service: %w", err)
	}
	for _, st := range im.steps {
		if st.after.CategoryID, err = categories.id(st.after.Category); err != nil {
			return err
		}
		if st.before == nil {
			lastID++
			st.after.ID = lastID
			err = im.insert(st)
		} else {
			err = im.update(st)
		}
		if err != nil {
			return fmt.Errorf("service %s: %w", st.source.ProviderService, err)
		}
	}
	return nil
}

func (im *importer) insert(st *step) error {
	v, now := st.after, db.At(im.tx.Now)
	_, err := im.tx.Exec(`
		INSERT INTO services (id, category_id, position, name, type, description, rate, min_quantity, max_quantity, increment,
			dripfeed, refill, refill_days, cancel, state, pause_reason, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)`,
		v.ID, v.CategoryID, st.position, v.Name, string(v.Type), v.Description, v.Rate, v.Min, v.Max, v.Increment,
		v.Dripfeed, v.Refill, v.RefillDays, v.Cancel, string(v.State), v.PauseReason, now)
	if err != nil {
		return err
	}
	_, err = im.tx.Exec(`
		INSERT INTO sources (service_id, preference, provider_id, provider_service, cost, foreign_cost) VALUES ($1, $2, $3, $4, $5, $6)`,
		v.ID, st.source.Preference, st.source.ProviderID, st.source.ProviderService, st.to.cost, nullAmount(st.to.foreign))
	if err != nil {
		return err
	}
	if err := noteExchange(im.tx, v.ID, st.source.Preference); err != nil {
		return err
	}
	return noteChanges(im.tx, nil, v, im.actor)
}

func (im *importer) update(st *step) error {
	v, now := st.after, db.At(im.tx.Now)
	_, err := im.tx.Exec(`
		UPDATE services SET category_id = $2, name = $3, type = $4, description = $5, rate = $6, min_quantity = $7, max_quantity = $8,
			increment = $9, dripfeed = $10, refill = $11, refill_days = $12, cancel = $13, state = $14, pause_reason = $15, updated_at = $16
		WHERE id = $1`,
		v.ID, v.CategoryID, v.Name, string(v.Type), v.Description, v.Rate, v.Min, v.Max,
		v.Increment, v.Dripfeed, v.Refill, v.RefillDays, v.Cancel, string(v.State), v.PauseReason, now)
	if err != nil {
		return err
	}
	goneAt := now
	if !st.to.gone {
		goneAt = nil
	}
	_, err = im.tx.Exec(`
		UPDATE sources SET cost = $3, foreign_cost = $4, gone_at = CASE WHEN gone_at IS NOT NULL AND $6 THEN gone_at ELSE $5 END
		WHERE service_id = $1 AND preference = $2`,
		v.ID, st.source.Preference, st.to.cost, nullAmount(st.to.foreign), goneAt, st.to.gone)
	if err != nil {
		return err
	}
	if st.to.cost != st.from.cost || st.to.foreign != st.from.foreign {
		if err := noteExchange(im.tx, v.ID, st.source.Preference); err != nil {
			return err
		}
	}
	return noteChanges(im.tx, st.before, v, im.actor)
}

// categories are the ids of all categories by name.
type categories struct {
	tx    *db.Tx
	known map[string]string
}

func loadCategories(tx *db.Tx) (*categories, error) {
	c := &categories{tx, map[string]string{}}
	err := tx.Each(func(r db.Scanner) error {
		var categoryID, name string
		err := r.Scan(&categoryID, &name)
		c.known[name] = categoryID
		return err
	}, `SELECT id, name FROM categories`)
	if err != nil {
		return nil, fmt.Errorf("read categories: %w", err)
	}
	return c, nil
}

// id returns the id of a category, which is made where it is new.
func (c *categories) id(name string) (string, error) {
	if known, ok := c.known[name]; ok {
		return known, nil
	}
	categoryID := id.New(id.Category)
	_, err := c.tx.Exec(`INSERT INTO categories (id, name, position) VALUES ($1, $2, $3)`, categoryID, name, len(c.known)+1)
	if err != nil {
		return "", fmt.Errorf("make category: %w", err)
	}
	c.known[name] = categoryID
	return categoryID, nil
}
