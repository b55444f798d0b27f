package order

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// Bounds of a drip-feed.
const (
	MaxRuns     = 1000
	MaxInterval = 10_080 // minutes
)

// priced is a request that the catalogue accepts.
type priced struct {
	service  *catalog.Service
	kind     Kind
	rate     money.Amount
	charge   money.Amount
	quantity int64 // of one run, where there are runs
	runs     int64
	every    int64  // minutes between runs
	fields   Values // what the type has beside link and quantity
	target   string // in the one spelling that equal targets have
}

// price checks the request against a catalogue and computes its charge for a
// customer at a time. Its errors may only be answered after the request id was
// looked for. It runs while everybody waits: what takes long was done by parse.
func (r Request) price(in *catalog.Snapshot, of catalog.Customer, now time.Time) (priced, error) {
	service, ok := in.Service(r.Service)
	if !ok {
		return priced{}, fault.New(fault.NotFound, "Service not found").Because(fault.NoService)
	}
	schema, known := catalog.SchemaOf(service.Type)
	if !known {
		return priced{}, fault.New(fault.NotFound, "Service not found").Because(fault.NoService)
	}
	p := priced{service: service, kind: Single}
	c := checking{request: r, service: service, schema: schema, now: now}
	steps := []func(*priced) error{
		c.available, c.link(in), c.values, c.named(in), c.count, c.drip,
		func(p *priced) error { return p.charges(in, of) },
	}
	for _, step := range steps {
		if err := step(&p); err != nil {
			return priced{}, err
		}
	}
	if r.MaxCharge != nil && p.charge > *r.MaxCharge {
		return priced{}, fault.Newf(fault.Conflict, "charge would be %s, above max_charge %s", p.charge, *r.MaxCharge).
			Because(fault.MaxCharge).Keeping("charge would be above max_charge")
	}
	return p, nil
}

// charges computes what the customer pays for all of it.
func (p *priced) charges(in *catalog.Snapshot, of catalog.Customer) (err error) {
	tooMuch := bad("quantity", "must be "+p.service.Limits())
	if p.rate, err = in.Price(p.service, of); err != nil {
		return tooMuch
	}
	if p.charge, err = money.Charge(p.rate, p.quantity*max(p.runs, 1)); err != nil {
		return tooMuch
	}
	return nil
}

// checking holds a request against its service.
type checking struct {
	request Request
	service *catalog.Service
	schema  catalog.Schema
	now     time.Time
}

// available refuses known fields that this service does not take: their sender
// counts on them. A classic client sends the fields of every type.
func (c checking) available(*priced) error {
	for _, name := range Fields {
		if c.request.fields[name] == "" || c.takes(name) {
			continue
		}
		if name == "coupon" {
			return fault.New(fault.Invalid, "coupon is not valid").Because(fault.BadCoupon)
		}
		if c.request.lenient && name != "runs" {
			continue
		}
		return bad(name, "is not available for this service")
	}
	return nil
}

func (c checking) takes(name string) bool {
	switch name {
	case "service", "quantity", "max_charge":
		return true
	case "link":
		return c.schema.Link
	case "runs", "interval":
		if c.request.lenient && !c.wantsRuns() {
			return true // runs=1 and its like mean none
		}
		return c.schema.Dripfeed && c.service.Dripfeed
	}
	_, ok := c.schema.Field(name)
	return ok
}

// link checks the link against the service's rule and the operator's block-list.
func (c checking) link(in *catalog.Snapshot) func(*priced) error {
	return func(p *priced) error {
		if !c.schema.Link {
			p.target = c.service.Target(c.request.targets["username"].one())
			return nil
		}
		link := c.request.targets["link"].one()
		switch {
		case c.request.Link == "":
			return Missing("link")
		case in.Blocked(link):
			return blocked("link")
		case !c.service.TakesLink(link):
			return offHosts("link", c.service)
		}
		p.target = c.service.Target(link)
		return nil
	}
}

// named checks the type's other fields that may name a target as link does the
// link. A name of an account is on every host.
func (c checking) named(in *catalog.Snapshot) func(*priced) error {
	return func(p *priced) error {
		for _, f := range targetFields {
			if p.fields.Get(f.name) == "" {
				continue
			}
			t := c.request.targets[f.name]
			switch {
			case t.many:
				return bad(f.name, "must have at most "+strconv.Itoa(maxListed)+" links among its lines, of "+strconv.Itoa(maxListedBytes>>10)+" KiB together")
			case slices.ContainsFunc(t.links, in.Blocked):
				return blocked(f.name)
			case !c.schema.Link && t.one().IsAddress() && len(c.service.LinkHosts) > 0 && !c.service.TakesLink(t.one()):
				return offHosts(f.name, c.service)
			}
		}
		return nil
	}
}

// offHosts refuses a target on a host that the service does not work on.
func offHosts(name string, s *catalog.Service) error {
	return fault.Newf(fault.Invalid, "%s must be on %s", name, listed(s.LinkHosts)).Because(fault.BadLink, name)
}

// blocked refuses a field that names a target which nobody may order for.
func blocked(name string) error {
	return fault.New(fault.Invalid, name+" can't be ordered for: the panel's operator has blocked it").Because(fault.Blocked, name)
}

// count finds the quantity where the type has it.
func (c checking) count(p *priced) (err error) {
	switch c.schema.Counting {
	case catalog.ByQuantity:
		if c.request.fields["quantity"] == "" {
			return Missing("quantity")
		}
		said := c.request.fields["quantity"]
		if c.request.lenient && strings.HasPrefix(said, "-") && isDigits(said[1:]) {
			said = "0" // too few is the sentence that classic clients know
		}
		if c.request.lenient && len(said) > maxDigits && isDigits(said) {
			said = strings.Repeat("9", maxDigits) // and so is too many
		}
		if p.quantity, err = whole("quantity", said); err != nil {
			return err
		}
		return c.within(p.quantity, "quantity", "must be ")
	case catalog.ByLines:
		p.quantity = p.fields.lines(c.schema.List)
		return c.within(p.quantity, c.schema.List, "must have as many lines as the service takes: ")
	case catalog.ByPackage:
		p.quantity = c.service.Min // what the provider bills
	case catalog.ByPosts:
		return c.posts(p)
	}
	return nil
}

// within holds a quantity against the service's limits.
func (c checking) within(quantity int64, name, must string) error {
	if c.service.Takes(quantity) {
		return nil
	}
	f := fault.New(fault.Invalid, name+" "+must+c.service.Limits())
	switch {
	case quantity < c.service.Least():
		return f.Because(fault.QuantityLow, strconv.FormatInt(c.service.Least(), 10))
	case quantity > c.service.Most():
		return f.Because(fault.QuantityHigh, strconv.FormatInt(c.service.Most(), 10))
	}
	return f.Because(fault.QuantityStep, strconv.FormatInt(c.service.Increment, 10))
}

// posts checks what a subscription may cost at most: every post at its max.
func (c checking) posts(p *priced) error {
	least, most := p.fields.number("min"), p.fields.number("max")
	if err := c.within(least, "min", "must be "); err != nil {
		return err
	}
	if err := c.within(most, "max", "must be "); err != nil {
		return err
	}
	if least > most {
		return bad("min", "must not be above max")
	}
	p.runs = p.fields.number("posts")
	if p.runs == 0 {
		p.runs = c.service.Posts
	}
	if p.runs == 0 {
		return fault.New(fault.Invalid, "Missing required parameter: posts").Because(fault.BadPosts, "posts")
	}
	p.kind, p.quantity = Subscription, most
	return nil
}

// wantsRuns reports whether the request asks for a drip-feed. In classic one run
// is none.
func (c checking) wantsRuns() bool {
	runs := c.request.fields["runs"]
	return runs != "" && (!c.request.lenient || runs != "0" && runs != "1")
}

// drip reads runs and interval.
func (c checking) drip(p *priced) (err error) {
	if p.kind == Subscription {
		return nil
	}
	if !c.wantsRuns() {
		if c.request.fields["interval"] != "" && !c.request.lenient {
			return Missing("runs")
		}
		return nil
	}
	p.runs, err = whole("runs", c.request.fields["runs"])
	if err != nil || p.runs < 2 || p.runs > MaxRuns {
		return bad("runs", "must be between 2 and "+strconv.Itoa(MaxRuns))
	}
	interval := c.request.fields["interval"]
	if interval == "" {
		return fault.New(fault.Invalid, "Missing required parameter: interval").Because(fault.BadInterval, "interval")
	}
	p.every, err = whole("interval", interval)
	if err != nil || p.every < 1 || p.every > MaxInterval {
		return fault.Newf(fault.Invalid, "interval must be between 1 and %d minutes", MaxInterval).Because(fault.BadInterval, "interval")
	}
	p.kind = Drip
	return nil
}

// linkKey is the same for orders that have the same target.
func (p priced) linkKey() string {
	sum := sha256.Sum256([]byte(p.target))
	return hex.EncodeToString(sum[:12])
}
