package provider

import (
	"errors"
	"fmt"
	"strings"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/money"
)

// ErrNoChange says that the provider was asked for its services and has nothing to
// tell. It is no empty list: nothing may be paused for it.
var ErrNoChange = errors.New("the provider has no services to tell of")

// parseServices reads a list that comes in one answer.
func parseServices(body []byte) ([]Listing, error) {
	var all listings
	more, err := all.add(body)
	switch {
	case err != nil:
		return nil, err
	case more:
		return nil, errors.New("the provider's list comes in pages")
	}
	return all.whole()
}

// listings collects a list that may come in pages.
type listings struct {
	all   []Listing
	known map[string]bool
	pages int
	rows  int64 // in all pages, those listed twice too
	total int64 // as the provider counts; 0: it doesn't
	size  int64 // bytes read
}

// add reads an answer, a list alone or wrapped as "services" or "data", and
// reports whether there is another page.
func (ls *listings) add(body []byte) (more bool, err error) {
	v, err := decode(body)
	if err != nil {
		return false, err
	}
	ls.pages++
	paged := false
	if o, ok := v.(map[string]any); ok {
		if err := failure(v); err != nil {
			return false, err
		}
		if v = o["services"]; v == nil {
			v = o["data"]
		}
		if strings.EqualFold(text(v), "empty data") && ls.pages == 1 {
			return false, ErrNoChange
		}
		ls.total, _ = count(o["count"])
		_, told := o["has_more"]
		more, paged = flag(o["has_more"]), !told && o["page"] != nil
	}
	list, ok := v.([]any)
	if !ok {
		return false, errUnreadable
	}
	fresh := ls.take(list)
	if paged {
		more = ls.rows < ls.total && len(list) > 0
	}
	if more && !fresh {
		return false, errors.New("the provider's list comes in pages that repeat themselves")
	}
	return more, nil
}

// take keeps a page's services, of an id listed twice the first. It reports
// whether the page brought anything.
func (ls *listings) take(list []any) (fresh bool) {
	if ls.known == nil {
		ls.known = map[string]bool{}
		ls.all = make([]Listing, 0, len(list))
	}
	ls.rows += int64(len(list))
	for _, one := range list {
		o, ok := one.(map[string]any)
		if !ok {
			continue
		}
		l := parseListing(o)
		if l.ID != "" && ls.known[l.ID] {
			continue
		}
		ls.known[l.ID] = true
		ls.all, fresh = append(ls.all, l), true
	}
	return fresh
}

// whole returns the list unless the provider counts more than it listed.
func (ls *listings) whole() ([]Listing, error) {
	if ls.total > ls.rows {
		return nil, fmt.Errorf("the provider's list is not whole: %d of %d services", ls.rows, ls.total)
	}
	return ls.all, nil
}

// parseListing reads what it can and names the first thing that makes the
// service impossible to sell.
func parseListing(o map[string]any) Listing {
	l := Listing{
		ID: text(o["service"]), Name: cutName(text(o["name"])), Category: cutName(text(o["category"])),
		Description: text(o["desc"]), Dripfeed: flag(o["dripfeed"]), Refill: flag(o["refill"]), Cancel: flag(o["cancel"]),
	}
	if l.ID == "" {
		l.ID = text(o["id"])
	}
	if l.Description == "" {
		l.Description = text(o["description"])
	}
	if l.Category == "" {
		l.Category = "Other"
	}
	if l.Refill {
		l.RefillDays = refillDays(o)
	}
	var okType, okMin, okMax bool
	l.Type, okType = catalog.ParseType(text(o["type"]))
	var err error
	l.Cost, err = money.ParseUp(text(o["rate"]))
	l.Min, okMin = count(o["min"])
	l.Max, okMax = count(o["max"])
	if l.Increment, _ = count(o["increment"]); l.Increment > l.Max {
		l.Increment = 0 // nothing could be ordered
	}
	switch {
	case l.ID == "" || !plausibleID(l.ID, false):
		l.Problem = "it has no number"
	case l.Name == "":
		l.Problem = "it has no name"
	case err != nil || l.Cost < 0:
		l.Problem = "its rate can't be read"
	case !okMin || !okMax || l.Min < 1 || l.Max < l.Min:
		l.Problem = "its limits can't be read"
	case !okType:
		l.Problem = "its type is not sold here: " + cutName(text(o["type"]))
	}
	return l
}

// refillDays reads for how long a service is refilled; 0 where that is not told,
// or is longer than anybody means.
func refillDays(o map[string]any) int64 {
	const most = 3650
	for _, name := range []string{"refill_days", "refillDays", "refill_period"} {
		if n, ok := count(o[name]); ok && n > 0 && n <= most {
			return n
		}
	}
	return 0
}
