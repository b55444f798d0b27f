package order

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sort"
	"strconv"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/panel"
)

// placeAll is the transaction: lock the wallets, look for the request ids, then
// decide each request in turn. Refusals answer their caller alone and are given
// only here, after the look-up.
func placeAll(tx *db.Tx, all []*placing, openOnly bool, p *Placer) error {
	open := ledger.Open
	if openOnly {
		open = ledger.TryOpen
	}
	b := &batch{tx: tx, all: all, openOnly: openOnly, earlier: map[requestKey]earlier{}, answers: map[replayKey]answered{}, spent: map[string]money.Amount{}}
	var err error
	// The wallets' locks come first, in a statement of their own: a look-up before
	// them or beside them would miss what another node commits meanwhile.
	wallets := b.wallets()
	if b.book, err = open(tx, wallets...); err != nil {
		return err
	}
	b.before = balances(b.book, wallets)
	for _, step := range []func() error{b.lookUp, func() error { return b.lookUpAnswers(&p.answers) }, b.lookUpSpending, b.refresh} {
		if err := step(); err != nil {
			return err
		}
	}
	for _, one := range all {
		one.answer, one.err = b.decide(one)
		if one.err != nil && fault.From(one.err).Code == fault.Internal {
			return one.err
		}
	}
	return b.write()
}

// errLocked answers a request whose wallet somebody else holds.
var errLocked = fault.Wrap(fault.Unavailable, "Temporarily unavailable", db.ErrLocked)

// errClosed answers a request that was on its way when its account was closed, in the
// words for an account that may not order.
var errClosed = fault.New(fault.Forbidden, "Account suspended")

// requestKey is what makes a request unique.
type requestKey struct {
	scope     Scope
	requestID string
}

// earlier is what an older request with the same id became.
type earlier struct {
	placed Placed
	hash   string
}

// batch is the state of one run of placeAll.
type batch struct {
	tx      *db.Tx
	all     []*placing
	book    *ledger.Book
	before  map[string]money.Amount // what the wallets held
	earlier map[requestKey]earlier
	current *catalog.Snapshot // of the services whose price is out of date; nil: none is
	epoch   int64
	closed  bool // for maintenance

	openOnly bool // it waits for no wallet and no order that is locked

	orders [][]any
	steps  [][]any

	node    *answers
	answers map[replayKey]answered
	events  []event.Event
	given   [][]any  // answers to requests without an id, to be remembered
	again   []string // orders whose answer is given once more
	spent   map[string]money.Amount
	spends  map[string]bool
}

func (b *batch) wallets() []string {
	seen := map[string]bool{}
	var ids []string
	for _, one := range b.all {
		if !seen[one.buyer.WalletID] {
			seen[one.buyer.WalletID] = true
			ids = append(ids, one.buyer.WalletID)
		}
	}
	sort.Strings(ids)
	return ids
}

// lookUp finds the orders that these requests made before.
func (b *batch) lookUp() error {
	args := make([][]any, len(b.all))
	for i, one := range b.all {
		args[i] = []any{one.buyer.AccountID, string(one.buyer.Mode), one.request.RequestID}
	}
	err := b.tx.QueryMany(func(i int, s db.Scanner) error {
		var e earlier
		err := s.Scan(&e.placed.OrderID, &e.placed.Number, &e.placed.Charge, &e.hash)
		b.earlier[keyOf(b.all[i])] = e
		return err
	}, `SELECT id, number, charge, request_hash FROM orders WHERE account_id = $1 AND mode = $2 AND request_id = $3`, args)
	if err != nil {
		return fmt.Errorf("look up request ids: %w", err)
	}
	return nil
}

func keyOf(one *placing) requestKey {
	return requestKey{scope: one.buyer.Scope, requestID: one.request.RequestID}
}

// refresh reads whether orders are taken, and the services again whose catalogue has
// moved since the request saw it.
func (b *batch) refresh() error {
	err := b.tx.QueryRow(`SELECT catalog, `+panel.SQLClosed+` FROM epochs WHERE id = 1`).Scan(&b.epoch, &b.closed)
	if err != nil {
		return fmt.Errorf("catalogue's epoch: %w", err)
	}
	var stale []int64
	for _, one := range b.all {
		if one.snapshot.Epoch != b.epoch {
			stale = append(stale, one.request.Service)
		}
	}
	if len(stale) == 0 {
		return nil
	}
	b.current, err = catalog.LoadSome(b.tx, stale)
	return err
}

// decide answers one request.
func (b *batch) decide(one *placing) (Placed, error) {
	if b.book.Wallet(one.buyer.WalletID) == nil {
		return Placed{}, errLocked
	}
	// A repeat of a request that went through is answered, not charged.
	if e, found := b.earlier[keyOf(one)]; found {
		if e.hash != one.hash {
			return Placed{}, errReused
		}
		e.placed.Repeat = true
		return e.placed, nil
	}
	if placed, found, err := b.answerAgain(one); found || err != nil {
		return placed, err
	}
	if b.closed {
		return Placed{}, panel.ErrClosed
	}
	if b.book.Wallet(one.buyer.WalletID).Closed {
		return Placed{}, errClosed // the key was good when it was read
	}
	snapshot := one.snapshot
	if snapshot.Epoch != b.epoch {
		snapshot = b.current
	}
	p, err := one.request.price(snapshot, one.buyer.customer(), b.tx.Now)
	if err != nil {
		return Placed{}, err
	}
	if err := b.checkOverlap(p, one.buyer.Mode); err != nil {
		return Placed{}, err
	}
	if err := b.checkCap(one.buyer, p.charge); err != nil {
		return Placed{}, err
	}
	if err := b.checkPlay(one.buyer, p.runs); err != nil {
		return Placed{}, err
	}
	number, err := b.book.NextNumber(one.buyer.WalletID)
	if err != nil {
		return Placed{}, err
	}
	err = b.book.Move(ledger.Transfer{
		Kind: ledger.OrderCharge, Ref: one.orderID,
		Debit: one.buyer.WalletID, Credit: ledger.Sales.Account(one.buyer.Mode), Amount: p.charge,
		Memo: "Order " + strconv.FormatInt(number, 10), Actor: actor(one.buyer),
	})
	if err != nil {
		b.book.TakeNumberBack(one.buyer.WalletID)
		return Placed{}, err
	}
	b.spend(one.buyer, p.charge)
	b.add(one, p, number)
	answer := Placed{OrderID: one.orderID, Number: number, Charge: p.charge}
	b.remember(one, answer)
	b.earlier[keyOf(one)] = earlier{placed: answer, hash: one.hash}
	return answer, nil
}

// actor names the buyer in ledger and timeline.
func actor(b Buyer) string {
	if b.KeyID != "" {
		return b.KeyID
	}
	return b.AccountID
}

// add notes the rows of an order that write will insert.
func (b *batch) add(one *placing, p priced, number int64) {
	source := p.service.Source
	o := &Order{
		ID: one.orderID, Kind: p.kind, Runs: p.runs, Every: p.every, AccountID: one.buyer.AccountID, Mode: one.buyer.Mode, WalletID: one.buyer.WalletID,
		Number: number, KeyID: one.buyer.KeyID, RequestID: one.request.RequestID, RequestHash: one.hash,
		ServiceID: p.service.ID, Link: one.request.Link, LinkKey: p.linkKey(), Quantity: p.quantity, Fields: p.fields,
		Rate: p.rate, Cost: source.Cost, Exchange: source.Exchange, CatalogEpoch: b.epoch, Charge: p.charge, State: Pending, Step: 1,
		ProviderID: source.ProviderID, ProviderService: source.ProviderService, Preference: source.Preference,
		CreatedAt: b.tx.Now, UpdatedAt: b.tx.Now, Events: 1,
	}
	if o.Mode == ledger.Test {
		o.ProviderID = Sandbox // the loops of live orders look at providers, and it is none
	}
	o.EqualKey = equalKey(o)
	if o.Kind == Drip {
		o.NextRunAt = b.tx.Now
	} else {
		o.DueAt = b.tx.Now
	}
	b.orders = append(b.orders, o.row())
	b.events = append(b.events, o.event(event.OrderCreated, ""))
	b.steps = append(b.steps, []any{
		one.orderID, 1, db.At(b.tx.Now), actor(one.buyer), "", string(Pending), "placed", nil, nil, 0,
	})
}

// equalKey is the same for two orders that a provider could take for one.
func equalKey(o *Order) string {
	h := sha256.New()
	for _, part := range []string{
		o.ProviderID, o.ProviderService, o.Link + o.Fields.Get("username"), strconv.FormatInt(o.Quantity, 10),
	} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

const insertOrder = `
	INSERT INTO orders (id, account_id, mode, wallet_id, number, key_id, request_id, request_hash,
		service_id, link, quantity, rate, cost, catalog_epoch, charge, state, step,
		provider_id, provider_service, equal_key, due_at, created_at, updated_at,
		kind, parent_id, run, runs, every_minutes, next_run_at, fields, link_key, exchange, preference,
		upstream_id, next_check_at, accepted_at, events)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 1, $17, $18, $19, $20, $21, $21,
		$22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35)`

// row are the arguments of insertOrder.
func (o *Order) row() []any {
	return []any{
		o.ID, o.AccountID, string(o.Mode), o.WalletID, o.Number, o.KeyID, o.RequestID, o.RequestHash,
		o.ServiceID, o.Link, o.Quantity, o.Rate, o.Cost, o.CatalogEpoch, o.Charge, string(o.State),
		o.ProviderID, o.ProviderService, o.EqualKey, db.At(o.DueAt), db.At(o.CreatedAt),
		string(o.Kind), db.Text(o.ParentID), o.runOrNone(), o.Runs, o.Every, db.At(o.NextRunAt), o.Fields.stored(), db.Text(o.LinkKey),
		o.Exchange, o.Preference, db.Text(o.UpstreamID), db.At(o.NextCheckAt), db.At(o.AcceptedAt), o.Events,
	}
}

// write stores the orders, their timeline and the money moved.
func (b *batch) write() error {
	if err := b.book.Flush(); err != nil {
		return err
	}
	if err := b.tx.ExecMany(insertOrder, b.orders); err != nil {
		return fmt.Errorf("insert orders: %w", err)
	}
	if err := b.tx.ExecMany(insertStep, b.steps); err != nil {
		return fmt.Errorf("insert timeline: %w", err)
	}
	if err := b.writeSpending(); err != nil {
		return err
	}
	if err := b.writeAnswers(); err != nil {
		return err
	}
	return b.tell()
}
