package apiv2

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/order"
)

// count writes a count or number as text.
func count(n int64) string { return strconv.FormatInt(n, 10) }

// number writes an id of ours: a number, or text for clients that insist on it.
func (c *call) number(n int64) any {
	if c.who.ClassicIDs == apikey.StringIDs {
		return count(n)
	}
	return n
}

// token writes an id as it was received. What is no number can only be text.
func (c *call) token(text string) any {
	const most = 18 // digits; a longer one is no id of anybody's
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || len(text) > most || count(n) != text || c.who.ClassicIDs == apikey.StringIDs {
		return text
	}
	return n
}

// nested is an error in the place of a value.
func nested(err error) any {
	if err == nil {
		return nil
	}
	return errorBody{classicText(fault.From(err))}
}

// classicService is a service in the answer to services.
type classicService struct {
	Service     any          `json:"service"`
	Name        string       `json:"name"`
	Type        catalog.Type `json:"type"`
	Category    string       `json:"category"`
	Rate        string       `json:"rate"`
	Min         string       `json:"min"`
	Max         string       `json:"max"`
	Dripfeed    bool         `json:"dripfeed"`
	Refill      bool         `json:"refill"`
	Cancel      bool         `json:"cancel"`
	Desc        *string      `json:"desc,omitempty"`
	Description *string      `json:"description,omitempty"`
}

// services lists what add accepts now at the caller's price, by number, all of it
// of one moment. Descriptions come only where the key asks for them: the list
// would be too large for some readers.
func (d classic) services(c *call) (any, error) {
	variant := "classic " + string(c.who.ClassicIDs) + " " + strconv.FormatBool(c.who.Descriptions)
	return d.list(c, variant, func(v view) ([]byte, error) {
		rows := []classicService{}
		for _, s := range byNumber(v.Snapshot) {
			if s.State != catalog.Active {
				continue
			}
			native, err := v.row(s, d.Currency)
			if err != nil {
				return nil, err
			}
			row := classicService{
				Service: c.number(s.ID), Name: native.Name, Type: s.Type, Category: native.Category, Rate: native.Rate,
				Min: native.Min, Max: native.Max, Dripfeed: native.Dripfeed, Refill: native.Refill, Cancel: native.Cancel,
			}
			if c.who.Descriptions {
				row.Desc, row.Description = &native.Description, &native.Description
			}
			rows = append(rows, row)
		}
		return encode(rows), nil
	})
}

func byNumber(s *catalog.Snapshot) []*catalog.Service {
	all := slices.Clone(s.Services)
	slices.SortFunc(all, func(a, b *catalog.Service) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// statusRow writes an order's state. Of a drip-feed and a subscription the truth
// is in their runs and posts, which are listed.
func (d classic) statusRow(c *call, f order.Found) ordered {
	o := f.Order
	word, remains := classicState(o)
	start := int64(0) // not known
	if o.StartCount != nil {
		start = max(*o.StartCount, 0)
	}
	row := ordered{
		{"charge", o.Paid().String()},
		{"start_count", count(start)},
		{"status", word},
		{"remains", count(remains)},
		{"currency", d.Currency},
	}
	switch o.Kind {
	case order.Drip:
		return append(row, member{"runs", count(o.Run)}, member{"orders", c.parts(f)})
	case order.Subscription:
		return append(row, member{"posts", count(o.Run)}, member{"orders", c.parts(f)}, member{"expiry", classicExpiry(o)})
	case order.Single, order.Run, order.Post:
	}
	return row
}

// parts lists a parent's runs or posts.
func (c *call) parts(f order.Found) []any {
	all := []any{}
	for _, part := range f.Parts {
		all = append(all, c.number(part.Number))
	}
	return all
}

// lastDay is the day on which a subscription ends, by its provider where that has
// named one; not ok where it has no end. What an old report left there otherwise
// is no day.
func lastDay(o *order.Order) (day time.Time, ok bool) {
	for _, said := range []string{o.Expiry, o.Fields.Get("expiry")} {
		if day, err := time.Parse(time.DateOnly, said); err == nil {
			return day, true
		}
	}
	return day, false
}

// classicExpiry is that day as clients send it and show it; "" is none.
func classicExpiry(o *order.Order) string {
	day, ok := lastDay(o)
	if !ok {
		return ""
	}
	return day.Format("02/01/2006")
}
