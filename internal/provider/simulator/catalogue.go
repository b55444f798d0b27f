package simulator

import (
	"encoding/json"
	"strconv"

	"github.com/notpanel/notpanel/internal/money"
)

// service is an entry of the demo catalogue. The unit that is counted stands in
// the description.
type service struct {
	number         int64
	category, name string
	kind           string // the type; "" is Default
	desc           string
	rate           money.Amount // per 1,000, or of the whole where it is flat
	min, max       int64        // of a package both are the units in it

	dripfeed, refill, cancel bool

	flat bool // the rate is the price of a package
	gone bool // not listed and not sold

	// loose services are listed as careless panels list theirs: rate and min as
	// numbers, dripfeed left out.
	loose bool
}

// catalogue returns the demo catalogue as it is at first, sorted by number.
// Numbers are an interface: panels that imported a service keep ordering by its
// number.
func catalogue() []service { return append(plain(), typed()...) }

// plain returns the services that are bought by their quantity alone.
func plain() []service {
	const (
		adverts = "Adverts"
		writing = "Article writing"
		design  = "Design"
		sms     = "SMS delivery"
		audits  = "SEO audits"
	)
	return []service{
		{
			number: 101, category: adverts, name: "Banner impressions, run of site", cancel: true,
			desc: "One unit is one impression of your banner on a site of our network.",
			rate: cents(35), min: 1_000, max: 1_000_000,
		},
		{
			number: 102, category: adverts, name: "Banner impressions, one country", cancel: true,
			desc: "One unit is one impression, shown in the country that the banner names.",
			rate: cents(90), min: 1_000, max: 500_000,
		},
		{
			number: 103, category: adverts, name: "Newsletter sponsor line",
			desc: "One unit is one recipient of a newsletter that carries your line.",
			rate: cents(450), min: 500, max: 50_000,
		},
		{
			number: 104, category: writing, name: "Article draft, general topics", cancel: true,
			desc: "One unit is one word. The link names the brief.",
			rate: cents(1_200), min: 300, max: 20_000,
		},
		{
			number: 105, category: writing, name: "Article, edited and fact-checked",
			desc: "One unit is one word. Two people work on each text.",
			rate: cents(2_500), min: 300, max: 10_000,
		},
		{
			number: 106, category: writing, name: "Product descriptions", loose: true,
			desc: "One unit is one word. The link names the list of products.",
			rate: cents(800), min: 100, max: 20_000,
		},
		{
			number: 107, category: design, name: "Background removal",
			desc: "One unit is one image of the folder that the link names.",
			rate: cents(2_000), min: 10, max: 5_000,
		},
		{
			number: 108, category: design, name: "Image resize and export", cancel: true,
			desc: "One unit is one image, exported in three sizes.",
			rate: cents(125), min: 50, max: 100_000,
		},
		{
			number: 109, category: sms, name: "SMS, standard route",
			desc: "One unit is one message of up to 160 characters to a list with consent.",
			rate: cents(640), min: 100, max: 100_000,
		},
		{
			number: 110, category: sms, name: "SMS, direct route", cancel: true,
			desc: "One unit is one message, with delivery reports, to a list with consent.",
			rate: cents(975), min: 100, max: 100_000,
		},
		{
			number: 111, category: audits, name: "Broken link check", cancel: true,
			desc: "One unit is one page of the site that the link names.",
			rate: cents(5), min: 100, max: 1_000_000,
		},
		{
			number: 112, category: audits, name: "On-page audit",
			desc: "One unit is one page, with a report on titles, headings and load time.",
			rate: cents(280), min: 50, max: 20_000,
		},
	}
}

func cents(n int64) money.Amount { return money.Amount(n) * money.Unit / 100 }

// price is what a quantity costs, rounded up.
func (s service) price(quantity int64) (money.Amount, error) {
	if s.flat {
		return s.rate, nil
	}
	return money.Charge(s.rate, quantity)
}

func (s service) typeName() string {
	if s.kind == "" {
		return typeDefault
	}
	return s.kind
}

// serviceRow is a service on the wire.
type serviceRow struct {
	Service  int64  `json:"service"`
	Name     string `json:"name"`
	Type     string `json:"type"`
	Category string `json:"category"`
	Rate     any    `json:"rate"` // text, or a number from a loose service
	Min      any    `json:"min"`
	Max      string `json:"max"`
	Dripfeed *bool  `json:"dripfeed,omitempty"`
	Refill   bool   `json:"refill"`
	Cancel   bool   `json:"cancel"`
	Desc     string `json:"desc"`
}

func (s service) row() serviceRow {
	row := serviceRow{
		Service: s.number, Name: s.name, Type: s.typeName(), Category: s.category,
		Rate: s.rate.String(), Min: strconv.FormatInt(s.min, 10), Max: strconv.FormatInt(s.max, 10),
		Dripfeed: &s.dripfeed, Refill: s.refill, Cancel: s.cancel, Desc: s.desc,
	}
	if s.loose {
		row.Rate, row.Min, row.Dripfeed = json.Number(s.rate.String()), s.min, nil
	}
	return row
}
