package catalog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/plain"
)

// Bounds of a service's settings.
const (
	maxName        = 300    // characters
	maxDescription = 10_000 // characters
	maxRefillDays  = 3650
	maxRefills     = 100
	maxLinkHosts   = 50
)

// UsualRefills is how many refills an order of a service has where nobody decided it;
// it is the default of the schema.
const UsualRefills = 3

// Change says what to set of a service; nil leaves a field as it is. Of what a
// provider's list has too, a field that is set no longer follows the provider.
type Change struct {
	Name        *string
	Description *string // Markdown
	Category    *string // an id
	Rate        *money.Amount
	Min, Max    *int64
	Increment   *int64
	Dripfeed    *bool
	Refill      *bool
	RefillDays  *int64 // 0: for as long as the order exists
	RefillMost  *int64 // refills of one order
	Cancel      *bool
	Posts       *int64    // of a subscription that names no number; 0: it has to
	LinkHosts   *[]string // no hosts are any host
	LinkForm    *LinkForm
	Overlap     *Overlap
	State       *State
}

// setting collects what a change sets.
type setting struct {
	v    *Service
	said []string
	err  error
}

// put records that a field was set, and keeps it from following the provider.
func (s *setting) put(field, value string) {
	s.said = append(s.said, field+" "+value)
	pin(s.v, field)
}

// refuse keeps the first refusal.
func (s *setting) refuse(format string, args ...any) {
	if s.err == nil {
		s.err = fault.Newf(fault.Invalid, format, args...)
	}
}

// apply sets the fields and describes what changed.
func (c Change) apply(v *Service) (detail string, err error) {
	s := &setting{v: v}
	c.texts(s)
	c.terms(s)
	c.flags(s)
	c.links(s)
	if c.State != nil {
		v.State, v.PauseReason = *c.State, ""
		// Not pinned: what the operator sells is paused all the same when it vanishes.
		s.said = append(s.said, "state "+string(v.State))
		if v.State != Active && v.State != Paused && v.State != Retired {
			s.refuse("state must be %s, %s or %s", Active, Paused, Retired)
		}
	}
	if s.err != nil {
		return "", s.err
	}
	if len(s.said) == 0 {
		return "", fault.New(fault.Invalid, "nothing to change was given")
	}
	return strings.Join(s.said, ", "), nil
}

func (c Change) texts(s *setting) {
	if c.Name != nil {
		s.v.Name = strings.TrimSpace(*c.Name)
		s.put("name", s.v.Name)
		if err := checkName(s.v.Name); s.err == nil {
			s.err = err
		}
	}
	if c.Description != nil {
		s.v.Description = strings.TrimSpace(*c.Description)
		s.put("description", fmt.Sprintf("of %d characters", utf8.RuneCountInString(s.v.Description)))
		if err := checkDescription(s.v.Description); s.err == nil {
			s.err = err
		}
	}
	if c.Category != nil {
		s.v.CategoryID = *c.Category
		s.put("category", *c.Category)
	}
}

// checkName refuses what can't be shown as one line.
func checkName(name string) error {
	if name == "" {
		return fault.New(fault.Invalid, "name must not be empty")
	}
	if utf8.RuneCountInString(name) > maxName {
		return fault.Newf(fault.Invalid, "name must have at most %d characters", maxName)
	}
	return plain.Line("name", name)
}

// checkDescription refuses what can't be shown; it may have several lines.
func checkDescription(text string) error {
	if utf8.RuneCountInString(text) > maxDescription {
		return fault.Newf(fault.Invalid, "description must have at most %d characters", maxDescription)
	}
	if plain.Line("description", strings.NewReplacer("\n", "", "\r", "", "\t", "").Replace(text)) != nil {
		return fault.New(fault.Invalid, "description must be readable text, without control characters or marks that turn the direction of writing")
	}
	return nil
}

func (c Change) terms(s *setting) {
	v := s.v
	if c.Rate != nil {
		v.Rate = *c.Rate
		s.put("rate", v.Rate.String())
		if v.Rate < 0 {
			s.refuse("rate must not be negative")
		}
	}
	for _, limit := range []struct {
		name string
		from *int64
		to   *int64
	}{{"min", c.Min, &v.Min}, {"max", c.Max, &v.Max}, {"increment", c.Increment, &v.Increment}} {
		if limit.from != nil {
			*limit.to = *limit.from
			s.put(limit.name, strconv.FormatInt(*limit.from, 10))
		}
	}
	if v.Min < 1 || v.Max < v.Min || v.Increment < 1 {
		s.refuse("min %d, max %d and increment %d leave nothing to order", v.Min, v.Max, v.Increment)
	}
	// An imported service may be beyond it already: other changes must go through.
	if err := chargeable(v.Rate, v.Max); s.err == nil && (c.Rate != nil || c.Max != nil) {
		s.err = err
	}
}

// chargeable refuses a rate at which the largest order could not be charged.
func chargeable(rate money.Amount, most int64) error {
	if _, err := money.Charge(rate, most); err != nil {
		return fault.Newf(fault.Invalid, "max %d at the rate %s costs more than %s, the most that an order may: lower max or rate",
			most, rate, money.Max)
	}
	return nil
}

func (c Change) flags(s *setting) {
	v := s.v
	for _, flag := range []struct {
		name string
		from *bool
		to   *bool
	}{{"dripfeed", c.Dripfeed, &v.Dripfeed}, {"refill", c.Refill, &v.Refill}, {"cancel", c.Cancel, &v.Cancel}} {
		if flag.from != nil {
			*flag.to = *flag.from
			s.put(flag.name, strconv.FormatBool(*flag.from))
		}
	}
	for _, bound := range []struct {
		name string
		from *int64
		to   *int64
		most int64
	}{
		{"refill_days", c.RefillDays, &v.RefillDays, maxRefillDays},
		{"refill_most", c.RefillMost, &v.RefillMost, maxRefills},
		{"posts", c.Posts, &v.Posts, MaxPosts},
	} {
		if bound.from == nil {
			continue
		}
		*bound.to = *bound.from
		s.put(bound.name, strconv.FormatInt(*bound.from, 10))
		if *bound.from < 0 || *bound.from > bound.most {
			s.refuse("%s must be between 0 and %d", bound.name, bound.most)
		}
	}
	if schema, known := SchemaOf(v.Type); known && c.Dripfeed != nil && *c.Dripfeed && !schema.Dripfeed {
		s.refuse("dripfeed can't be had for the type %s", v.Type)
	}
	if c.Posts != nil && *c.Posts > 0 && v.Type != Subscriptions {
		s.refuse("posts are for the type %s alone, this is %s", Subscriptions, v.Type)
	}
}

func (c Change) links(s *setting) {
	v := s.v
	if c.LinkHosts != nil {
		hosts, err := parseHosts(*c.LinkHosts)
		if s.err == nil {
			s.err = err
		}
		v.LinkHosts = hosts
		s.put("link_hosts", strings.Join(hosts, ","))
	}
	if c.LinkForm != nil {
		v.LinkForm = *c.LinkForm
		s.put("link_form", string(v.LinkForm))
		if v.LinkForm != FormQuery && v.LinkForm != FormPath && v.LinkForm != FormHost {
			s.refuse("link_form must be %s, %s or %s", FormQuery, FormPath, FormHost)
		}
	}
	if c.Overlap != nil {
		v.Overlap = *c.Overlap
		s.put("overlap", string(v.Overlap))
		if v.Overlap != OverlapAllow && v.Overlap != OverlapQueue && v.Overlap != OverlapRefuse {
			s.refuse("overlap must be %s, %s or %s", OverlapAllow, OverlapQueue, OverlapRefuse)
		}
	}
}

// parseHosts reads hosts as people write them.
func parseHosts(said []string) (hosts []string, err error) {
	for _, text := range said {
		if strings.TrimSpace(text) == "" {
			continue
		}
		host, err := ParsePattern(text)
		if err != nil || strings.Contains(host, "/") {
			return nil, fault.Newf(fault.Invalid, "link_hosts must be names of hosts such as video.example, %q is none", text)
		}
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	if len(hosts) > maxLinkHosts {
		return nil, fault.Newf(fault.Invalid, "link_hosts must be at most %d", maxLinkHosts)
	}
	return hosts, nil
}

// Drips reports whether orders of the service may be delivered in runs: it is
// allowed, and its type has it.
func (s *Service) Drips() bool {
	schema, known := SchemaOf(s.Type)
	return s.Dripfeed && known && schema.Dripfeed
}
