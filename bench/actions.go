package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/db"
)

const (
	// actionsAtOnce is how many connections the actions are measured on.
	actionsAtOnce = 16
	// dearer and dearerAdd are by how much an action may cost more with a hundred times
	// the orders.
	dearer, dearerAdd = 1.3, 1.8
)

// side is a panel in a process of its own whose actions are measured.
type side struct {
	*served
	*crowded
	*caller

	next   atomic.Int64 // for request ids
	before int64        // orders that were there

	mu       sync.Mutex
	placed   []string
	refilled []string
}

func newSide(ctx context.Context, s *served, c *crowded) (*side, error) {
	n, err := countOrders(ctx, c.url)
	return &side{served: s, crowded: c, caller: newCaller(s.url+"/api/v2", producers), before: n}, err
}

// countOrders counts those in a database, beside the panel that serves it.
func countOrders(ctx context.Context, url string) (n int64, err error) {
	d, err := db.Open(ctx, url, db.Options{})
	if err != nil {
		return 0, err
	}
	err = d.Read(ctx, func(tx *db.Tx) error { return tx.QueryRow(`SELECT COUNT(*) FROM orders`).Scan(&n) })
	return n, errors.Join(err, d.Close())
}

// keep notes what an answer names, to be asked about later.
func (s *side) keep(list *[]string, body []byte, field string) error {
	var answer map[string]any
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("read an answer: %w", err)
	}
	name, ok := answer[field].(string)
	if !ok {
		return fmt.Errorf("the answer %s names no %s", body, field)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	*list = append(*list, name)
	return nil
}

// action is one whose cost is measured.
type action struct {
	name string
	mark *mark
	// forms are the requests: of a question they are asked again and again, of a deed
	// each once.
	forms func(*side) []string
	once  bool
	// kept is where what the answers name goes, and under which field they name it.
	kept  func(*side) *[]string
	field string
}

// actionsOf are the actions that a customer's program calls.
func actionsOf() []action {
	ask := func(name string, forms func(*side) []string) action {
		return action{name: name, mark: most(dearer), forms: forms}
	}
	one := func(name, action string, fields ...string) action {
		return ask(name, func(s *side) []string { return []string{form(s.key, action, fields...)} })
	}
	each := func(action, field string, names func(*side) []string) func(*side) []string {
		return func(s *side) (forms []string) {
			for _, name := range names(s) {
				forms = append(forms, form(s.key, action, field, name))
			}
			return forms
		}
	}
	completed := func(s *side) []string { return s.completed }
	hundreds := func(s *side) (all []string) {
		for from := 0; from+100 <= len(s.completed); from += 20 {
			all = append(all, strings.Join(s.completed[from:from+100], ","))
		}
		return all
	}
	return []action{
		{name: "add", mark: most(dearerAdd), kept: func(s *side) *[]string { return &s.placed }, field: "order"},
		ask("status of one order", each("status", "order", completed)),
		ask("status of 100 orders", each("status", "orders", hundreds)),
		one("balance", "balance"),
		one("services, 5,000 of them", "services"),
		one("service", "service", "service", "1"),
		one("changes", "changes"),
		ask("order with its timeline", each("order", "order", completed)),
		one("orders, the newest 50", "orders"),
		one("orders, 50 of a status", "orders", "status", "in_progress"),
		one("transactions, 100 of them", "transactions"),
		one("webhook.list", "webhook.list"),
		{name: "cancel", forms: each("cancel", "order", func(s *side) []string { return s.placed }), once: true},
		{
			name: "refill", forms: each("refill", "order", completed), once: true,
			kept: func(s *side) *[]string { return &s.refilled }, field: "refill",
		},
		ask("refill_status", each("refill_status", "refill", func(s *side) []string { return s.refilled })),
	}
}

// actions measures each action with few orders and with many, in turn.
func (b *bench) actions(ctx context.Context, e engine, few, many *side) error {
	for _, a := range actionsOf() {
		name := a.name + ", " + e.name
		b.say(name)
		rates, err := inTurn(2*b.length, few.measured(ctx, a), many.measured(ctx, a))
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		floor := a.name + " with 10,000 orders"
		b.floor(floor, 1e6/rates[0])
		b.note(row{Name: name, Value: 1e6 / rates[1], Unit: micros, Reference: floor, Mark: a.mark})
	}
	for _, s := range []*side{few, many} {
		if n, err := countOrders(ctx, s.url()); err != nil || n != s.before+int64(len(s.placed)) {
			return errors.Join(err, fmt.Errorf("%d orders were placed beside %d: the database has %d", len(s.placed), s.before, n))
		}
	}
	return nil
}

// url is the address of the database.
func (s *side) url() string { return s.crowded.url }

// measured returns what measures one round of an action.
func (s *side) measured(ctx context.Context, a action) func(time.Duration) (tally, error) {
	round := 0
	return func(length time.Duration) (tally, error) {
		var forms []string
		if a.forms != nil {
			forms = a.forms(s)
		}
		if a.once { // each round has its part of them
			part := len(forms) / rounds
			forms = forms[round*part : (round+1)*part]
			round++
		}
		var next atomic.Int64
		return together(ctx, actionsAtOnce, length, func(ctx context.Context, _, _ int) error {
			i := int(next.Add(1) - 1)
			var request string
			switch {
			case a.forms == nil:
				request = addForm(s.key, "a-"+strconv.FormatInt(s.next.Add(1), 10))
			case a.once && i >= len(forms):
				return errNoMore
			case len(forms) == 0:
				return errors.New("there is nothing to ask about")
			default:
				request = forms[i%len(forms)]
			}
			if a.kept == nil {
				return s.weigh(ctx, request, 0)
			}
			_, body, err := s.ask(ctx, request)
			if err != nil {
				return err
			}
			return s.keep(a.kept(s), body, a.field)
		})
	}
}
