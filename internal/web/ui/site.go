package ui

import "github.com/a-h/templ"

// Pick is a filter of which one value is chosen, or none.
type Pick struct {
	Label  string // what is chosen from: "Category"
	Chosen string // "" where nothing is
	Clear  string // the path without the choice
	Items  []PickItem
}

func (p Pick) text() string {
	if p.Chosen == "" {
		return p.Label
	}
	return p.Label + ": " + p.Chosen
}

// PickItem is one of what can be chosen.
type PickItem struct {
	Path  string
	Text  string
	Note  string // a number beside it
	Taken bool
}

// ServiceGroup is the services of a category, one below the other.
type ServiceGroup struct {
	Name string
	Path string // shows this category alone; "" leads nowhere
	Rows []ServiceRow
}

// ServiceRow is a service in a list, in the reader's language.
type ServiceRow struct {
	Number  string
	Path    string
	Name    string
	Rate    string
	Limits  string
	Time    string // "" where too little was measured
	Options []string
}

// ServiceHeads are the heads of a list of services. Without Times nothing of them
// was measured, and the column is left out.
type ServiceHeads struct {
	Label                                      string // for who can't see it
	Number, Name, Options, Rate, Limits, Times string
}

// Crumb is a step on the way to a page.
type Crumb struct {
	Text string
	Path string
}

// Search is a form that looks for services. Where Results is set, what is typed is
// looked for at once and its answer takes that element's place.
type Search struct {
	Path    string
	Label   string
	Hint    string
	Button  string
	Value   string
	Results string // "#id"
	Keep    []Kept // what else stands in the address
	Max     int
}

// Kept is a part of the address that a form sends along.
type Kept struct{ Name, Value string }

// live makes a search box ask while somebody types. The address is replaced, not
// added: Back leads to where the reader came from, not through each letter.
func (s Search) live() templ.Attributes {
	if s.Results == "" {
		return nil
	}
	return templ.Attributes{
		"hx-get": s.Path, "hx-trigger": "input changed delay:200ms", "hx-include": "closest form", "hx-target": s.Results,
		"hx-swap": "outerHTML", "hx-replace-url": "true",
	}
}

func langOf(tag string) templ.Attributes {
	if tag == "" {
		return nil
	}
	return templ.Attributes{"lang": tag}
}

func columns(h ServiceHeads) string {
	if h.Times == "" {
		return "5"
	}
	return "6"
}

func galleryServices() []ServiceGroup {
	return []ServiceGroup{{Name: "Adverts", Path: "/_ui", Rows: []ServiceRow{
		{Number: "1", Path: "/_ui", Name: "Banner impressions, run of site", Rate: "$0.42", Limits: "1,000–1,000,000", Time: "12 min", Options: []string{"Refill 30 days", "Cancelable"}},
		{Number: "12", Path: "/_ui", Name: "Newsletter sponsor line", Rate: "$5.40", Limits: "500–50,000"},
	}}}
}
