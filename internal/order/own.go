package order

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
)

// Page says which of a customer's orders to return.
type Page struct {
	Before      int64  // orders with lower numbers; 0 starts with the newest
	Word        string // the word that the customer sees; "" is any
	Service     int64  // 0 is any
	Kind        Kind   // Drip or Subscription; "" is any but runs and posts
	From, Until time.Time
	// Text is an order's number or id, its request id, or a part of its link; "" is
	// any. The order that it names comes first, whatever its number.
	Text  string
	Limit int
}

const (
	// scanned bounds how many orders one page looks at, so that a filter that fits
	// few of many costs no more than one that fits all.
	scanned = 4_000
	// stampSlack is how far an order may be stamped from its neighbours by number: its
	// time is that of its transaction's beginning, its number is taken later.
	stampSlack = 10 * time.Minute
	// afterAll is above every number.
	afterAll = 1 << 31
	// recent is how many of the newest orders tell which services an account uses.
	recent = 500
	// marksMost is how many orders one read compares.
	marksMost = 1000
)

// One returns the order of the scope that ref names, with all that it has.
func (s *Store) One(ctx context.Context, in Scope, ref Ref) (o *Order, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		o, err = find(tx, in, ref)
		return err
	})
	return o, err
}

// Own returns a page of the scope's orders, the newest first, and the number to
// go on below; 0 says that there are no more. A page that is filtered may be
// short, or empty, and still have one after it. Runs and posts belong to their
// parents and are not listed, but where the text names one.
func (s *Store) Own(ctx context.Context, in Scope, p Page) (orders []*Order, next int64, err error) {
	return ownPage(ctx, s.db, in, p, reading[*Order]{columns, scan, func(o *Order) int64 { return o.Number }})
}

// reading is what a page has of its orders, and how it is read.
type reading[T any] struct {
	columns string
	scan    func(db.Scanner) (T, error)
	number  func(T) int64
}

// Brief is what a list to download has of an order.
type Brief struct {
	ID         string
	Number     int64
	Kind       Kind
	RequestID  string
	ServiceID  int64
	Link       string
	Quantity   int64
	State      State
	StartCount *int64
	Remains    *int64
	Charge     money.Amount
	Refunded   money.Amount
	CreatedAt  time.Time
	FinishedAt time.Time
}

const briefColumns = `id, number, kind, request_id, service_id, link, quantity, state, start_count, remains, charge, refunded, created_at, finished_at`

func scanBrief(s db.Scanner) (b Brief, err error) {
	err = s.Scan(&b.ID, &b.Number, &b.Kind, &b.RequestID, &b.ServiceID, &b.Link, &b.Quantity, &b.State, &b.StartCount, &b.Remains,
		&b.Charge, &b.Refunded, db.Time(&b.CreatedAt), db.Time(&b.FinishedAt))
	return b, err
}

// Briefs is Own for lists to download. Each call is a read of its own, so a list of a
// million holds up nobody who places.
func (s *Store) Briefs(ctx context.Context, in Scope, p Page) (all []Brief, next int64, err error) {
	return ownPage(ctx, s.db, in, p, reading[Brief]{briefColumns, scanBrief, func(b Brief) int64 { return b.Number }})
}

// ownPage reads a page in one snapshot.
func ownPage[T any](ctx context.Context, d *db.DB, in Scope, p Page, as reading[T]) (all []T, next int64, err error) {
	err = d.Read(ctx, func(tx *db.Tx) error {
		all, next = nil, 0
		q, err := p.query(tx, in)
		if err != nil {
			return err
		}
		exact, err := exactly(tx, in, p.Text)
		if err != nil {
			return err
		}
		if len(exact) > 0 && p.Before <= 0 {
			text, args := q.filtered(as.columns, "number = ANY($3)", exact)
			if all, err = db.All(tx, as.scan, text, args...); err != nil {
				return err
			}
		}
		found, onward, err := scanPage(tx, q, exact, p.Limit-len(all), as)
		all, next = append(all, found...), onward
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("page of orders: %w", err)
	}
	return all, next, nil
}

// scanPage reads up to limit orders below the page's beginning, but those that were
// named.
func scanPage[T any](tx *db.Tx, q query, named []int64, limit int, as reading[T]) (found []T, next int64, err error) {
	if limit <= 0 {
		return nil, q.before, nil
	}
	lowest, whole, err := q.lowest(tx)
	if err != nil {
		return nil, 0, err
	}
	text, args := q.filtered(as.columns, "number < $3 AND number >= $4 AND kind IN ('single', 'drip', 'subscription')", q.before, lowest)
	if q.page.Text != "" {
		args = append(args, likePart(q.page.Text))
		text += fmt.Sprintf(` AND lower(link) LIKE $%d ESCAPE '\'`, len(args))
	}
	if len(named) > 0 {
		args = append(args, named)
		text += fmt.Sprintf(` AND NOT (number = ANY($%d))`, len(args))
	}
	args = append(args, limit)
	found, err = db.All(tx, as.scan, text+fmt.Sprintf(` ORDER BY number DESC LIMIT $%d`, len(args)), args...)
	switch {
	case err != nil:
		return nil, 0, err
	case len(found) == limit && as.number(found[limit-1]) > lowest:
		next = as.number(found[limit-1])
	case !whole:
		next = lowest
	}
	return found, next, nil
}

// query is a page's filter, as far as it is the same for what is named and what is
// looked through.
type query struct {
	in            Scope
	page          Page
	before, least int64 // the numbers that are looked through
}

func (p Page) query(tx *db.Tx, in Scope) (q query, err error) {
	q = query{in: in, page: p, before: p.Before}
	if q.before <= 0 {
		q.before = afterAll
	}
	if !p.Until.IsZero() {
		until, err := firstSince(tx, in, p.Until.Add(stampSlack))
		if err != nil {
			return q, err
		}
		q.before = min(q.before, until)
	}
	if !p.From.IsZero() {
		q.least, err = firstSince(tx, in, p.From.Add(-stampSlack))
	}
	return q, err
}

// kinds narrows to the kind by the index that parents have.
func (q query) kinds() string {
	switch q.page.Kind {
	case Drip:
		return ` AND kind IN ('drip', 'subscription') AND kind = 'drip'`
	case Subscription:
		return ` AND kind IN ('drip', 'subscription') AND kind = 'subscription'`
	case Single, Run, Post:
	}
	return ""
}

// lowest is the lowest number that the page looks at; whole says that there are none
// below.
func (q query) lowest(tx *db.Tx) (number int64, whole bool, err error) {
	var looked int64
	err = tx.QueryRow(`SELECT COALESCE(MIN(number), 0), COUNT(*) FROM (
			SELECT number FROM orders WHERE account_id = $1 AND mode = $2 AND number < $3 AND number >= $4`+q.kinds()+`
			ORDER BY number DESC LIMIT $5) AS page`,
		q.in.AccountID, string(q.in.Mode), q.before, q.least, scanned).Scan(&number, &looked)
	return number, looked < scanned, err
}

// filtered is a statement for the orders of the scope that fit the filter and a
// condition, whose arguments begin with $3.
func (q query) filtered(columns, condition string, more ...any) (text string, args []any) {
	args = append([]any{q.in.AccountID, string(q.in.Mode)}, more...)
	var b strings.Builder
	b.WriteString(`SELECT ` + columns + ` FROM orders WHERE account_id = $1 AND mode = $2 AND ` + condition + q.kinds())
	and := func(condition string, arg any) {
		args = append(args, arg)
		b.WriteString(` AND ` + condition + `$` + strconv.Itoa(len(args)))
	}
	if q.page.Word != "" {
		and("state = ANY(", statesOf(q.page.Word))
		b.WriteString(")")
	}
	if q.page.Service != 0 {
		and("service_id = ", q.page.Service)
	}
	if !q.page.From.IsZero() {
		and("created_at >= ", db.At(q.page.From))
	}
	if !q.page.Until.IsZero() {
		and("created_at < ", db.At(q.page.Until))
	}
	return b.String(), args
}

// statesOf are the states that customers see as a word.
func statesOf(word string) (states []string) {
	for _, state := range States() {
		if state.Word() == word {
			states = append(states, string(state))
		}
	}
	return states
}

// likePart is the pattern of what has a text somewhere in it, in small letters.
func likePart(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(text)) + "%"
}

// exactly returns the numbers of the scope's orders that a text names: by number, by
// id or by request id.
func exactly(tx *db.Tx, in Scope, text string) (numbers []int64, err error) {
	if text == "" {
		return nil, nil
	}
	conditions, args := []string{"request_id = $3"}, []any{text}
	if number, isNumber := numberOf(Ref(text)); isNumber {
		conditions, args = append(conditions, "number = $3"), append(args, number)
	}
	if id.Valid(id.Order, text) {
		conditions, args = append(conditions, "id = $3"), append(args, text)
	}
	for i, condition := range conditions {
		found, err := db.All(tx, func(s db.Scanner) (number int64, err error) {
			err = s.Scan(&number)
			return number, err
		}, `SELECT number FROM orders WHERE account_id = $1 AND mode = $2 AND `+condition, in.AccountID, string(in.Mode), args[i])
		if err != nil {
			return nil, err
		}
		for _, number := range found {
			if !slices.Contains(numbers, number) {
				numbers = append(numbers, number)
			}
		}
	}
	return numbers, nil
}

// firstSince returns the number from which on the scope's orders were placed at a
// moment or later, or one above all. Numbers rise with time, so halving finds it in
// some twenty looks, and placing keeps no index of times.
func firstSince(tx *db.Tx, in Scope, at time.Time) (int64, error) {
	var low, high int64
	err := tx.QueryRow(`SELECT COALESCE((SELECT number FROM orders WHERE account_id = $1 AND mode = $2 ORDER BY number LIMIT 1), 0),
			COALESCE((SELECT number FROM orders WHERE account_id = $1 AND mode = $2 ORDER BY number DESC LIMIT 1), -1)`,
		in.AccountID, string(in.Mode)).Scan(&low, &high)
	if err != nil {
		return 0, fmt.Errorf("numbers of an account: %w", err)
	}
	found := int64(afterAll)
	for low <= high {
		middle := low + (high-low)/2
		var number int64
		var placed time.Time
		err := tx.QueryRow(`SELECT number, created_at FROM orders WHERE account_id = $1 AND mode = $2 AND number >= $3 ORDER BY number LIMIT 1`,
			in.AccountID, string(in.Mode), middle).Scan(&number, db.Time(&placed))
		if err != nil {
			return 0, fmt.Errorf("orders of a time: %w", err)
		}
		if placed.Before(at) {
			low = number + 1
			continue
		}
		found, high = number, middle-1
	}
	return found, nil
}

// HasTest reports whether an account has orders of test keys.
func (s *Store) HasTest(ctx context.Context, accountID string) (has bool, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM orders WHERE account_id = $1 AND mode = 'test')`, accountID).Scan(&has)
	})
	return has, err
}

// Services returns the services of the scope's newest orders, by their numbers.
func (s *Store) Services(ctx context.Context, in Scope) (serviceIDs []int64, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		serviceIDs, err = db.All(tx, func(r db.Scanner) (serviceID int64, err error) {
			err = r.Scan(&serviceID)
			return serviceID, err
		}, `SELECT DISTINCT service_id FROM (
				SELECT service_id FROM orders WHERE account_id = $1 AND mode = $2 ORDER BY number DESC LIMIT $3) AS newest
			ORDER BY service_id`, in.AccountID, string(in.Mode), recent)
		return err
	})
	return serviceIDs, err
}

// ByNumbers returns those of the scope's orders that have the numbers, the newest
// first.
func (s *Store) ByNumbers(ctx context.Context, in Scope, numbers []int64) (orders []*Order, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		orders, err = db.All(tx, scan, `SELECT `+columns+` FROM orders WHERE account_id = $1 AND mode = $2 AND number = ANY($3) ORDER BY number DESC`,
			in.AccountID, string(in.Mode), numbers)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("orders by number: %w", err)
	}
	return orders, nil
}

// Runs returns a page of the runs of a drip-feed, or the posts of a subscription, that
// the scope has: the newest first, those before a run; 0 begins with the last.
func (s *Store) Runs(ctx context.Context, in Scope, ref Ref, before int64, limit int) (runs []*Order, err error) {
	if before <= 0 {
		before = afterAll
	}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		parent, err := find(tx, in, ref)
		if err != nil {
			return err
		}
		runs, err = db.All(tx, scan, `SELECT `+columns+` FROM orders WHERE parent_id = $1 AND run < $2 ORDER BY run DESC LIMIT $3`, parent.ID, before, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("runs: %w", err)
	}
	return runs, nil
}

// Mark tells one moment of an order from another.
type Mark struct {
	Updated, Step, Run int64
	Refunded           money.Amount // of a parent it rises without the rest
}

// Marks returns the marks of orders, by their ids. Those that are not there have none.
func (s *Store) Marks(ctx context.Context, orderIDs []string) (map[string]Mark, error) {
	marks := make(map[string]Mark, len(orderIDs))
	for some := range slices.Chunk(orderIDs, marksMost) {
		err := s.db.Read(ctx, func(tx *db.Tx) error {
			return tx.Each(func(r db.Scanner) error {
				var orderID string
				var m Mark
				var run *int64
				err := r.Scan(&orderID, &m.Updated, &m.Step, &run, &m.Refunded)
				if run != nil {
					m.Run = *run
				}
				marks[orderID] = m
				return err
			}, `SELECT id, updated_at, step, run, refunded FROM orders WHERE id = ANY($1)`, some)
		})
		if err != nil {
			return nil, fmt.Errorf("marks of orders: %w", err)
		}
	}
	return marks, nil
}

// OwnRefill is a refill with what its customer knows its order by.
type OwnRefill struct {
	*Refill

	Order   int64 // its number
	Service int64
	Link    string
}

// Own returns a page of the scope's refills, the newest first, those with lower
// numbers than before; 0 begins with the last.
func (f *Refiller) Own(ctx context.Context, in Scope, before int64, limit int) (refills []OwnRefill, err error) {
	if before <= 0 {
		before = afterAll
	}
	err = f.db.Read(ctx, func(tx *db.Tx) error {
		found, err := db.All(tx, scanRefill, `SELECT `+refillColumns+` FROM refills
			WHERE account_id = $1 AND mode = $2 AND number < $3 ORDER BY number DESC LIMIT $4`, in.AccountID, string(in.Mode), before, limit)
		if err != nil {
			return err
		}
		refills = make([]OwnRefill, len(found))
		args := make([][]any, len(found))
		for i, r := range found {
			refills[i], args[i] = OwnRefill{Refill: r}, []any{r.OrderID}
		}
		return tx.QueryMany(func(i int, s db.Scanner) error {
			return s.Scan(&refills[i].Order, &refills[i].Service, &refills[i].Link)
		}, `SELECT number, service_id, link FROM orders WHERE id = $1`, args)
	})
	if err != nil {
		return nil, fmt.Errorf("page of refills: %w", err)
	}
	return refills, nil
}
