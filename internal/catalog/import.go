package catalog

import (
	"context"
	"fmt"
	"slices"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/money"
)

// Offer is a provider's service on its way into the catalogue.
type Offer struct {
	ProviderService string
	Category        string
	Name            string
	Type            Type
	Description     string
	Cost            money.Amount  // per 1,000, in the panel's currency
	Foreign         *money.Amount // the same in the provider's; nil: that is the panel's
	Rate            money.Amount
	KeepRate        bool // no mark-up is known: a rate that is there stays
	Min, Max        int64
	Increment       int64 // 0 is 1
	Dripfeed        bool
	Refill          bool
	RefillDays      int64
	Cancel          bool
	PriceUnclear    bool // what it costs is not certain: it is not sold
}

// Intake is a provider's list on its way into the catalogue.
type Intake struct {
	ProviderID string
	Currency   string         // that Foreign of the offers is in
	Exchange   money.Exchange // that their Cost was reckoned by; 0: they are in the panel's
	Pricing    Pricing        // that Rate of the offers was reckoned by
	Offers     []Offer
	Unsellable []string // numbers that it lists in a form that can't be sold
	Part       bool     // not its whole list: what is missing has not vanished
	KnownOnly  bool     // adds nothing
	Guarded    bool     // where it shrank, nothing is paused
	MayVanish  int      // so many may vanish from a guarded list: a person said so
	// Progress is told how many offers of how many are done; it may be nil.
	Progress func(done, of int)
}

// Imported counts what an import did.
type Imported struct {
	Added   int `json:"added"`
	Changed int `json:"changed"`
	Paused  int `json:"paused"`  // vanished from the provider's list
	Resumed int `json:"resumed"` // came back to it
}

// Taken is what an import did, or in a preview would do.
type Taken struct {
	Imported

	Differences []Difference `json:"differences"`
	NotSold     int          `json:"not_sold"` // offers that KnownOnly passed over
	Shrunk      *Shrunk      `json:"shrunk"`   // nil: it did not
}

// Shrunk counts what vanished from a list at once.
type Shrunk struct {
	Vanished int `json:"vanished"`
	Listed   int `json:"listed"` // before
}

// Kinds of differences.
const (
	DifferenceAdded   = "added"
	DifferenceChanged = "changed"
	DifferencePaused  = "paused"
	DifferenceResumed = "resumed"
	DifferenceSource  = "source" // only a source came or went
)

// Difference is what an import changes of a service.
type Difference struct {
	Kind            string        `json:"kind"`
	Service         int64         `json:"service"` // 0 in a preview: it has no number yet
	ProviderService string        `json:"provider_service"`
	Name            string        `json:"name"`
	Reason          string        `json:"reason"` // why it is paused
	Fields          []FieldChange `json:"fields"`
}

// FieldChange is a field before and after.
type FieldChange struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Why a sync pauses a service. Only such a service comes back by itself.
const (
	vanished   = "the provider no longer lists it"
	unsellable = "the provider lists it in a form that can't be sold"
	unclear    = "it is not known whether the provider's package price is for one package or for 1,000"
	misfit     = "the pinned min or max does not fit the provider's limits"
	tooDear    = "its rate would be out of range"
)

// ofSync reports whether a pause is the sync's own.
func ofSync(reason string) bool {
	return slices.Contains([]string{vanished, unsellable, unclear, misfit, tooDear}, reason)
}

const (
	// importChunk is how many services one write of an import takes, so that orders
	// placed meanwhile wait a moment only.
	importChunk = 50
	// A list has shrunk when at least shrunkLeast, and more than one in shrunkShare,
	// of what it had vanish at once.
	shrunkLeast = 3
	shrunkShare = 5
)

// Import takes a provider's whole list, whatever vanishes with it. A service is
// known again by the provider and its number there; one that vanished is paused,
// and comes back by itself. Of a number listed twice the first entry stands.
func (s *Store) Import(ctx context.Context, providerID string, offers []Offer, actor string) (Imported, error) {
	taken, err := s.Take(ctx, Intake{ProviderID: providerID, Offers: offers}, actor)
	return taken.Imported, err
}

// Preview returns what Take would do, and does nothing.
func (s *Store) Preview(ctx context.Context, in Intake) (Taken, error) {
	return s.take(ctx, in, "", false)
}

// Take brings a list into the catalogue, some services a write. What one write
// did is whole, and a repeat goes on where an import ended early.
func (s *Store) Take(ctx context.Context, in Intake, actor string) (Taken, error) {
	taken, err := s.take(ctx, in, actor, true)
	if err != nil || in.KnownOnly && taken.Imported == (Imported{}) {
		return taken, err
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		detail := fmt.Sprintf("%d added, %d changed, %d paused, %d resumed", taken.Added, taken.Changed, taken.Paused, taken.Resumed)
		return account.Record(tx, actor, "provider.import", in.ProviderID, detail)
	})
	if err != nil {
		return taken, fmt.Errorf("record the import: %w", err)
	}
	return taken, nil
}

func (s *Store) take(ctx context.Context, in Intake, actor string, apply bool) (taken Taken, err error) {
	listed := map[string]bool{}
	in.Offers = slices.DeleteFunc(slices.Clone(in.Offers), func(o Offer) bool {
		again := listed[o.ProviderService]
		listed[o.ProviderService] = true
		return again
	})
	run := func(plan func(*importer) error) error {
		return s.chunk(ctx, &importer{in: &in, actor: actor}, &taken, apply, plan)
	}
	position := int64(0)
	for offers := range slices.Chunk(in.Offers, importChunk) {
		if err := run(func(im *importer) error { return im.planOffers(offers, position) }); err != nil {
			return taken, err
		}
		position += int64(len(offers))
		if in.Progress != nil {
			in.Progress(int(position), len(in.Offers))
		}
	}
	if in.Part {
		return taken, nil
	}
	gone, shrunk, err := s.vanished(ctx, &in, listed)
	if err != nil || shrunk != nil {
		taken.Shrunk = shrunk
		return taken, err
	}
	for numbers := range slices.Chunk(gone, importChunk) {
		if err := run(func(im *importer) error { return im.planGone(numbers) }); err != nil {
			return taken, err
		}
	}
	return taken, nil
}

// vanished returns the numbers of the provider's sources that its list lacks and
// that are not known to be gone. Where they are too many, they are counted only.
func (s *Store) vanished(ctx context.Context, in *Intake, listed map[string]bool) (gone []string, shrunk *Shrunk, err error) {
	had := 0
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		gone, had = nil, 0
		return tx.Each(func(r db.Scanner) error {
			var number string
			if err := r.Scan(&number); err != nil {
				return err
			}
			had++
			if !listed[number] {
				gone = append(gone, number)
			}
			return nil
		}, `SELECT provider_service FROM sources WHERE provider_id = $1 AND gone_at IS NULL ORDER BY service_id, preference`, in.ProviderID)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("import: %w", err)
	}
	if in.Guarded && len(gone) >= shrunkLeast && len(gone)*shrunkShare > had && len(gone) > in.MayVanish {
		return nil, &Shrunk{Vanished: len(gone), Listed: had}, nil
	}
	return gone, nil, nil
}

// chunk plans one write on what is there and, where there is something to do and
// apply says so, does it. It is planned again inside of the write, for another
// import may have been faster.
func (s *Store) chunk(ctx context.Context, im *importer, taken *Taken, apply bool, plan func(*importer) error) error {
	planned := func(tx *db.Tx) error {
		im.reset(tx)
		return plan(im)
	}
	err := s.db.Read(ctx, planned)
	if err == nil && apply && len(im.steps) > 0 {
		err = s.db.Write(ctx, func(tx *db.Tx) error {
			// Moving the epoch first lets imports take turns: they number services.
			if err := epoch.MoveCatalog(tx); err != nil {
				return err
			}
			if err := planned(tx); err != nil {
				return err
			}
			return im.apply()
		})
	}
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	taken.NotSold += im.notSold
	for _, st := range im.steps {
		taken.count(st)
	}
	return nil
}

// count adds a step to what was done.
func (t *Taken) count(st *step) {
	d := st.difference()
	t.Differences = append(t.Differences, d)
	switch d.Kind {
	case DifferenceAdded:
		t.Added++
		return
	case DifferencePaused:
		t.Paused++
	case DifferenceResumed:
		t.Resumed++
	}
	if slices.ContainsFunc(d.Fields, func(f FieldChange) bool { return f.Field != fieldState && f.Field != fieldSource }) {
		t.Changed++
	}
}
