package order_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// audited is a database with an order in every state, and the names that the
// forgeries below use for what is in it.
type audited struct {
	*ordertest.Fixture

	names []string // pairs: a name in braces, the id
}

// newAudited places the orders: each costs 2.00, but for one that costs nothing.
func newAudited(t *testing.T, d *db.DB) *audited {
	t.Helper()
	f := ordertest.New(t, d, provider, 100*money.Unit)
	a := &audited{Fixture: f}
	a.live("pending")
	a.live("held", order.Held)
	a.live("uncertain", order.Submitting, order.Uncertain)
	a.live("processing", order.Submitting, order.Processing)
	a.live("completed", order.Submitting, order.Processing, order.InProgress, order.Completed)
	a.live("partial", order.Submitting, order.Processing, order.Partial)
	a.live("canceled", order.Canceled)
	a.live("failed", order.Submitting, order.Failed)
	a.live("refunded", order.Submitting, order.Processing, order.Completed, order.Refunded)
	a.live("delivered", order.Submitting, order.Processing, order.Canceled)
	uncertain := a.Place("wish", "https://example.com/wish", 1000)
	ordertest.Must(t, transition(d, uncertain.ID, order.Change{To: order.Submitting, Actor: "test"}, nil))
	_, err := order.NewCanceller(d, nil).Cancel(t.Context(), f.Buyer.Scope, order.Ref(uncertain.ID), "key_test")
	ordertest.Must(t, err)
	ordertest.Must(t, transition(d, uncertain.ID, order.Change{To: order.Uncertain, Actor: "test"}, nil))
	ordertest.Must(t, transition(d, uncertain.ID, order.Change{To: order.Pending, Actor: "test"}, nil))
	a.free()
	a.other()
	return a
}

// live places an order and moves it on.
func (a *audited) live(name string, through ...order.State) {
	a.T.Helper()
	o := a.Place(name, "https://example.com/"+name, 1000)
	for _, to := range through {
		ordertest.Must(a.T, transition(a.DB, o.ID, order.Change{To: to, Actor: "test", Delivered: name == "delivered"}, func(o *order.Order) {
			remains := int64(400)
			if to == order.Partial || to == order.Canceled && name == "delivered" {
				o.Remains = &remains
			}
		}))
	}
	a.names = append(a.names, "{"+name+"}", o.ID)
}

// free places orders whose charge or refund is nothing, which moves no money.
func (a *audited) free() {
	a.T.Helper()
	_, err := catalog.NewStore(a.DB).Import(context.Background(), a.Provider.ID, []catalog.Offer{
		{
			ProviderService: "101", Category: "Adverts", Name: "Banner impressions", Type: catalog.Default,
			Cost: ordertest.Cost, Rate: ordertest.Rate, Min: ordertest.Min, Max: ordertest.Max, Cancel: true,
		},
		{ProviderService: "102", Category: "Adverts", Name: "Free", Type: catalog.Default, Min: 10, Max: 1000},
		{ProviderService: "103", Category: "Adverts", Name: "Cheap", Type: catalog.Default, Cost: 1, Rate: 1, Min: 10, Max: 1000},
	}, "test")
	ordertest.Must(a.T, err)
	paid := a.Service
	for _, s := range a.Snapshot().Services {
		if s.Name == "Free" || s.Name == "Cheap" {
			a.Service = s
			a.live(strings.ToLower(s.Name), order.Submitting, order.Processing, order.Partial)
		}
	}
	a.Service = paid
}

// other places an order of another customer and one of play money.
func (a *audited) other() {
	a.T.Helper()
	first := a.Buyer
	a.Buyer = a.NewBuyer(10 * money.Unit)
	a.live("other")
	other := a.Buyer
	a.Buyer = order.Buyer{
		Scope:    order.Scope{AccountID: first.AccountID, Mode: ledger.Test},
		WalletID: a.Wallet(first.AccountID, ledger.Test), KeyID: "key_test",
	}
	a.live("play", order.Canceled)
	a.names = append(a.names, "{wallet}", first.WalletID, "{account}", first.AccountID, "{provider}", a.Provider.ID,
		"{test wallet}", a.Buyer.WalletID, "{other wallet}", other.WalletID, "{other account}", other.AccountID,
		"{other test wallet}", a.Wallet(other.AccountID, ledger.Test), "{trf}", "trf_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9",
		"{nobody}", "ord_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9")
	a.Buyer = first
}

// named puts ids in the place of their names.
func (a *audited) named(text string) string { return strings.NewReplacer(a.names...).Replace(text) }

// audit returns what the proofs say.
func (a *audited) audit() string {
	a.T.Helper()
	var found []string
	differs := func(text string) { found = append(found, text) }
	ctx := context.Background()
	_, err := ledger.Audit(ctx, a.DB, differs)
	ordertest.Must(a.T, err)
	ordertest.Must(a.T, ledger.AuditRules(ctx, a.DB, differs))
	_, err = order.Audit(ctx, a.DB, differs)
	ordertest.Must(a.T, err)
	_, err = account.VerifyLog(ctx, a.DB, differs)
	ordertest.Must(a.T, err)
	ordertest.Must(a.T, account.VerifyActs(ctx, a.DB, differs))
	return strings.Join(found, "\n")
}

// forge runs statements past the triggers and puts those back.
func (a *audited) forge(statements []string) {
	a.T.Helper()
	before, after := []string{`ALTER TABLE transfers DISABLE TRIGGER USER`, `ALTER TABLE audit_log DISABLE TRIGGER USER`},
		[]string{`ALTER TABLE transfers ENABLE TRIGGER USER`, `ALTER TABLE audit_log ENABLE TRIGGER USER`}
	a.Write(func(tx *db.Tx) error {
		if a.DB.Engine() == db.SQLite {
			before, after = nil, nil
			err := tx.Each(func(s db.Scanner) error {
				var name, text string
				err := s.Scan(&name, &text)
				before, after = append(before, `DROP TRIGGER `+name), append(after, text)
				return err
			}, `SELECT name, sql FROM sqlite_master WHERE type = 'trigger'`)
			if err != nil {
				return err
			}
		}
		return runAll(tx, before)
	})
	a.Write(func(tx *db.Tx) error { return runAll(tx, statements) })
	a.Write(func(tx *db.Tx) error { return runAll(tx, after) })
}

func runAll(tx *db.Tx, statements []string) error {
	for _, s := range statements {
		if _, err := tx.Exec(s); err != nil {
			return err
		}
	}
	return nil
}

// The audit finds nothing in what the panel itself has written, whatever became
// of the orders.
func TestAuditOfHonestBooksIsClean(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := newAudited(t, d)
		if found := a.audit(); found != "" {
			t.Errorf("the audit says:\n%s", found)
		}
		a.forge(nil)
		if found := a.audit(); found != "" {
			t.Errorf("without a change it says:\n%s", found)
		}
	})
}

// into books 1.00 into a wallet as the ledger would: next in the chain, the
// wallet raised.
func into(wallet, kind, ref, from string) []string {
	return []string{
		`INSERT INTO transfers (id, kind, ref, debit, credit, credit_seq, credit_balance, amount, memo, actor, created_at)
			SELECT '{trf}', '` + kind + `', '` + ref + `', '` + from + `', id, seq + 1, balance + 1000000, 1000000, '', 'x', 1
			FROM wallets WHERE id = '` + wallet + `'`,
		`UPDATE wallets SET seq = seq + 1, balance = balance + 1000000 WHERE id = '` + wallet + `'`,
	}
}

// outOf is into the other way.
func outOf(wallet, kind, ref, to string) []string {
	return []string{
		`INSERT INTO transfers (id, kind, ref, debit, credit, debit_seq, debit_balance, amount, memo, actor, created_at)
			SELECT '{trf}', '` + kind + `', '` + ref + `', id, '` + to + `', seq + 1, balance - 1000000, 1000000, '', 'x', 1
			FROM wallets WHERE id = '` + wallet + `'`,
		`UPDATE wallets SET seq = seq + 1, balance = balance - 1000000 WHERE id = '` + wallet + `'`,
	}
}

// beside books 1.00 from a wallet's side with a place of its own.
func beside(wallet, seq, balance string) []string {
	return []string{`INSERT INTO transfers (id, kind, ref, debit, credit, credit_seq, credit_balance, amount, memo, actor, created_at)
		VALUES ('{trf}', 'credit', '{trf}', 'adjustment', '` + wallet + `', ` + seq + `, ` + balance + `, 1000000, '', 'x', 1)`}
}

func and(statements []string, more ...string) []string { return append(statements, more...) }

func one(statement string) []string { return []string{statement} }

// toState is what somebody does who moves an order by SQL and knows of the timeline.
func toState(name, from, to, refund string) []string {
	return []string{
		`INSERT INTO order_timeline (order_id, step, at, actor, from_state, to_state, reason, remains, refund)
			SELECT id, step + 1, 1, 'x', '` + from + `', '` + to + `', '', remains, ` + refund + ` FROM orders WHERE id = '{` + name + `}'`,
		`UPDATE orders SET step = step + 1, state = '` + to + `' WHERE id = '{` + name + `}'`,
	}
}

// forgery is a change by SQL and what the audit must say of it.
type forgery struct {
	statements []string
	says       string
}

var forgedTransfers = map[string]forgery{
	"refund with an order's id":        {into("{wallet}", "refund", "{completed}", "sales"), "{trf}: refunds {completed}, which is no step"},
	"refund with an order's id and x":  {into("{wallet}", "refund", "{completed}x", "sales"), "{trf}: refund of {completed}x: no such transfer has this ref"},
	"refund with an order's id and -1": {into("{wallet}", "refund", "{completed}-1", "sales"), "{trf}: refunds {completed}-1"},
	"refund of step 05":                {into("{wallet}", "refund", "{completed}.05", "sales"), "{trf}: refunds {completed}.05"},
	"refund of a step yet to come": {and(into("{wallet}", "refund", "{completed}.9", "sales"),
		`UPDATE orders SET refunded = 1000000 WHERE id = '{completed}'`), "{trf}: refunds {completed}.9"},
	"refund of a step that refunded none": {into("{wallet}", "refund", "{completed}.5", "sales"), "{completed}: step 5 refunded 0.00, the ledger moved 1.00"},
	"refund to another wallet":            {into("{other wallet}", "refund", "{completed}.5", "sales"), "{completed}: step 5 was refunded from sales to {other wallet}"},
	"refund of no order":                  {into("{wallet}", "refund", "{nobody}.2", "sales"), "{trf}: refunds {nobody}.2"},
	"refund from adjustment":              {into("{wallet}", "refund", "{completed}.5", "adjustment"), "no such transfer moves money from adjustment"},
	"refund from the other mode":          {into("{wallet}", "refund", "{completed}.5", "test:sales"), "no such transfer moves money from test:sales"},
	"charge of no order":                  {outOf("{wallet}", "order", "{nobody}", "sales"), "{trf}: moves money for {nobody}, which is no order"},
	"charge to the other mode":            {outOf("{wallet}", "order", "{nobody}", "test:sales"), "no such transfer moves money from {wallet} to test:sales"},
	"unknown kind":                        {into("{wallet}", "gift", "{trf}", "adjustment"), "{trf}: gift of {trf}: no such transfer"},
	"unknown kind without an id": {and(into("{wallet}", "gift", "{trf}", "adjustment"),
		`UPDATE transfers SET id = '' WHERE kind = 'gift'`), ": gift of {trf}: no such transfer"},
	"house to house": {one(`INSERT INTO transfers (id, kind, ref, debit, credit, amount, memo, actor, created_at)
		VALUES ('{trf}', 'credit', '{trf}', 'adjustment', 'sales', 5, '', 'x', 1)`), "{trf}: credit of {trf}: no such transfer moves money from adjustment to sales"},
	"opening into a live wallet":   {into("{wallet}", "opening", "{wallet}", "test:bonus"), "{trf}: opening of {wallet}: no such transfer moves"},
	"second opening":               {into("{test wallet}", "opening", "{trf}", "test:bonus"), "{trf}: opening of {trf}: no such transfer has this ref"},
	"credit from nobody":           {into("{wallet}", "credit", "{trf}", "treasury"), "treasury is no ledger account"},
	"charge to nobody":             {outOf("{wallet}", "order", "{nobody}", "nowhere"), "nowhere is no ledger account"},
	"credit into a test wallet":    {into("{test wallet}", "credit", "{trf}", "adjustment"), "{trf}: credit of {trf}: no such transfer moves"},
	"credit that nobody recorded":  {into("{wallet}", "credit", "{trf}", "adjustment"), "{trf}: the audit log has 0 rows of this credit"},
	"side without a place":         {beside("{wallet}", "NULL", "NULL"), "{trf}: credit of {trf}: it has no place in the chain of {wallet}"},
	"side at place 0":              {beside("{wallet}", "0", "5"), "it has place 0 in the chain of {wallet}"},
	"side at place -1":             {beside("{wallet}", "-1", "5"), "it has place -1 in the chain"},
	"side beyond the head":         {beside("{wallet}", "9999", "5"), "it has place 9999 in the chain of {wallet}"},
	"side of no wallet":            {beside("wal_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9", "1", "5"), "wal_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9 is no ledger account"},
	"same place on the other side": {one(`UPDATE transfers SET debit_seq = 1 WHERE kind = 'order' AND ref = '{pending}'`), "{wallet}: there are two transfers 1"},
	"balance taken out of a side":  {one(`UPDATE transfers SET debit_balance = NULL WHERE kind = 'order' AND ref = '{pending}'`), "it has no place in the chain of {wallet}"},
	"place in the chain of sales":  {one(`UPDATE transfers SET credit_seq = 1 WHERE kind = 'order' AND ref = '{pending}'`), "it has a place in the chain of sales"},
}

var forgedTimelines = map[string]forgery{
	"all rows deleted":      {one(`DELETE FROM order_timeline WHERE order_id = '{completed}'`), `{completed}: is completed at step 5, its timeline ends with "" at step 0`},
	"first row deleted":     {one(`DELETE FROM order_timeline WHERE order_id = '{completed}' AND step = 1`), "{completed}: step 1 of its timeline is missing"},
	"row between deleted":   {one(`DELETE FROM order_timeline WHERE order_id = '{completed}' AND step = 3`), "{completed}: step 3 of its timeline is missing"},
	"last row deleted":      {one(`DELETE FROM order_timeline WHERE order_id = '{completed}' AND step = 5`), "{completed}: is completed at step 5, its timeline ends"},
	"refund's row deleted":  {one(`DELETE FROM order_timeline WHERE order_id = '{partial}' AND refund > 0`), "refunds {partial}.4, which is no step"},
	"refund's amount":       {one(`UPDATE order_timeline SET refund = refund - 1 WHERE order_id = '{partial}' AND refund > 0`), "{partial}: step 4 refunded 0.799999, the ledger moved 0.80"},
	"refund of a step":      {one(`UPDATE order_timeline SET refund = 1 WHERE order_id = '{completed}' AND step = 3`), "{completed}: step 3 refunded 0.000001, the ledger moved 0.00"},
	"row too many":          {one(`INSERT INTO order_timeline (order_id, step, at, actor, from_state, to_state, reason) VALUES ('{completed}', 6, 1, 'x', 'completed', 'completed', '')`), "{completed}: is completed at step 5"},
	"row before the first":  {one(`INSERT INTO order_timeline (order_id, step, at, actor, from_state, to_state, reason) VALUES ('{completed}', 0, 1, 'x', '', '', '')`), "{completed}: step 1 of its timeline is missing or not the first"},
	"rows of no order":      {one(`INSERT INTO order_timeline (order_id, step, at, actor, from_state, to_state, reason) VALUES ('{nobody}', 1, 1, 'x', '', 'pending', '')`), "{nobody}: has a timeline and is no order"},
	"row of an empty id":    {one(`INSERT INTO order_timeline (order_id, step, at, actor, from_state, to_state, reason) VALUES ('', 1, 1, 'x', '', 'pending', '')`), ": has a timeline and is no order"},
	"row to another state":  {one(`UPDATE order_timeline SET to_state = 'held' WHERE order_id = '{completed}' AND step = 3`), `{completed}: step 4 of its timeline comes from "processing"`},
	"move that is none":     {toState("failed", "failed", "completed", "0"), `{failed}: step 4 of its timeline goes from "failed" to "completed"`},
	"begun in the middle":   {one(`UPDATE order_timeline SET to_state = 'held' WHERE order_id = '{held}' AND step = 1`), `{held}: step 1 of its timeline goes from "" to "held"`},
	"partial with no money": {and(toState("completed", "completed", "partial", "0"), `UPDATE order_timeline SET remains = 5 WHERE order_id = '{completed}' AND step = 6`), "{completed}: step 6 to partial makes its refunds 0.00, that state asks for 0.01"},
	"refund without money":  {toState("completed", "completed", "refunded", "2000000"), "{completed}: step 6 refunded 2.00, the ledger moved 0.00"},
	"canceled for nothing":  {toState("processing", "processing", "canceled", "0"), "{processing}: step 4 to canceled makes its refunds 0.00"},
	"canceled, nothing remains": {and(toState("completed", "completed", "canceled", "0"), `UPDATE order_timeline SET remains = 0 WHERE order_id = '{completed}' AND step = 6`,
		`UPDATE orders SET remains = 0 WHERE id = '{completed}'`), "{completed}: step 6 to canceled makes its refunds 0.00"},
}

var forgedOrders = map[string]forgery{
	"charge":                 {one(`UPDATE orders SET charge = charge + 1 WHERE id = '{pending}'`), "{pending}: charged 2.000001"},
	"refunded":               {one(`UPDATE orders SET refunded = 1 WHERE id = '{pending}'`), "{pending}: refunded 0.000001"},
	"held to completed":      {one(`UPDATE orders SET state = 'completed' WHERE id = '{held}'`), "{held}: is completed at step 2"},
	"uncertain to completed": {one(`UPDATE orders SET state = 'completed' WHERE id = '{uncertain}'`), "{uncertain}: is completed at step 3"},
	"processing, completed":  {one(`UPDATE orders SET state = 'completed' WHERE id = '{processing}'`), "{processing}: is completed at step 3"},
	"pending to failed":      {one(`UPDATE orders SET state = 'failed' WHERE id = '{pending}'`), "{pending}: is failed at step 1"},
	"failed to canceled":     {one(`UPDATE orders SET state = 'canceled' WHERE id = '{failed}'`), "{failed}: is canceled"},
	"failed to refunded":     {one(`UPDATE orders SET state = 'refunded' WHERE id = '{failed}'`), "{failed}: is refunded"},
	"canceled to failed":     {one(`UPDATE orders SET state = 'failed' WHERE id = '{canceled}'`), "{canceled}: is failed"},
	"canceled to refunded":   {one(`UPDATE orders SET state = 'refunded' WHERE id = '{canceled}'`), "{canceled}: is refunded"},
	"refunded to canceled":   {one(`UPDATE orders SET state = 'canceled' WHERE id = '{refunded}'`), "{refunded}: is canceled"},
	"refunded to failed":     {one(`UPDATE orders SET state = 'failed' WHERE id = '{refunded}'`), "{refunded}: is failed"},
	"completed to canceled":  {one(`UPDATE orders SET state = 'canceled', remains = 0 WHERE id = '{completed}'`), "{completed}: is canceled"},
	"step":                   {one(`UPDATE orders SET step = step + 1 WHERE id = '{completed}'`), "{completed}: is completed at step 6"},
	"account": {
		one(`UPDATE orders SET account_id = '{other account}', number = 77 WHERE id = '{completed}'`),
		"{completed}: is a live order of {other account}, its wallet {wallet} is not",
	},
	"wallet": {one(`UPDATE orders SET wallet_id = '{other wallet}' WHERE id = '{completed}'`), "{completed}: is a live order of {account}, its wallet {other wallet} is not"},
	"account and wallet": {
		one(`UPDATE orders SET account_id = '{other account}', wallet_id = '{other wallet}', number = 2 WHERE id = '{completed}'`),
		"{completed}: was charged from {wallet} to sales",
	},
	"mode":                  {one(`UPDATE orders SET mode = 'test', number = 99 WHERE id = '{completed}'`), "{completed}: is a test order of {account}, its wallet {wallet} is not"},
	"quantity":              {one(`UPDATE orders SET quantity = quantity + 1 WHERE id = '{completed}'`), "{completed}: charged 2.00, its rate and quantity make 2.002"},
	"quantity and rate":     {one(`UPDATE orders SET quantity = quantity * 2, rate = rate / 2 WHERE id = '{completed}'`), "{completed}: its provider, service, link or quantity"},
	"quantity of a partial": {one(`UPDATE orders SET quantity = quantity * 2 WHERE id = '{partial}'`), "{partial}: step 4 to partial makes its refunds 0.80, that state asks for 0.40"},
	"link":                  {one(`UPDATE orders SET link = 'https://example.com/mine' WHERE id = '{pending}'`), "{pending}: its provider, service, link or quantity"},
	"rate":                  {one(`UPDATE orders SET rate = rate + 1000 WHERE id = '{completed}'`), "{completed}: charged 2.00, its rate and quantity make 2.001"},
	"remains of a partial":  {one(`UPDATE orders SET remains = 300 WHERE id = '{partial}'`), "{partial}: its remains are not those"},
	"remains taken away":    {one(`UPDATE orders SET remains = NULL WHERE id = '{partial}'`), "{partial}: its remains are not those"},
	"remains, both":         {and(one(`UPDATE orders SET remains = 300 WHERE id = '{partial}'`), `UPDATE order_timeline SET remains = 300 WHERE order_id = '{partial}' AND step = 4`), "{partial}: step 4 to partial makes its refunds 0.80, that state asks for 0.60"},
	"number":                {one(`UPDATE orders SET number = 5000 WHERE id = '{completed}'`), "{wallet}: has given 13 order numbers, its last order is number 5000"},
	"last number lowered":   {one(`UPDATE wallets SET last_number = last_number - 1 WHERE id = '{wallet}'`), "{wallet}: has given 12 order numbers"},
	"last number raised":    {one(`UPDATE wallets SET last_number = last_number + 1 WHERE id = '{wallet}'`), "{wallet}: has given 14 order numbers"},
	"free order deleted":    {and(one(`DELETE FROM orders WHERE id = '{free}'`), `DELETE FROM order_timeline WHERE order_id = '{free}'`), "but number 12 is missing"},
	"order deleted":         {and(one(`DELETE FROM orders WHERE id = '{pending}'`), `DELETE FROM order_timeline WHERE order_id = '{pending}'`), "moves money for {pending}, which is no order"},
}

var forgedWallets = map[string]forgery{
	"overdraft": {one(`UPDATE wallets SET overdraft = TRUE WHERE id = '{wallet}'`), "{wallet}: may go below zero"},
	"test wallet and opening deleted": {and(one(`DELETE FROM transfers WHERE credit = '{other test wallet}'`),
		`DELETE FROM wallets WHERE id = '{other test wallet}'`), "{other account}: has 1 live and 0 test wallets"},
	"opening deleted": {and(one(`DELETE FROM transfers WHERE credit = '{other test wallet}'`),
		`UPDATE wallets SET seq = 0, balance = 0 WHERE id = '{other test wallet}'`), "{other test wallet}: has no opening of 1000.00"},
	"opening raised": {and(one(`UPDATE transfers SET amount = amount + 5, credit_balance = credit_balance + 5 WHERE credit = '{other test wallet}'`),
		`UPDATE wallets SET balance = balance + 5 WHERE id = '{other test wallet}'`), "{other test wallet}: has no opening of 1000.00"},
	"wallet of another name": {one(`UPDATE wallets SET id = 'sales' WHERE id = '{other wallet}'`), "sales: is no wallet that the panel made"},
	"wallet of no name":      {one(`UPDATE wallets SET id = '' WHERE id = '{other wallet}'`), ": is no wallet that the panel made"},
}

// The log of newAudited has 7 rows: the provider, two imports, two accounts with
// a credit each.
var forgedLogs = map[string]forgery{
	"row 0":  {one(`INSERT INTO audit_log (seq, at, actor, action, target, detail, hash) VALUES (0, 1, '', '', '', '', '')`), "audit log: row 0"},
	"row -5": {one(`INSERT INTO audit_log (seq, at, actor, action, target, detail, hash) VALUES (-5, 1, '', '', '', '', '')`), "audit log: row -5"},
	"tail cut off": {and(one(`DELETE FROM audit_log WHERE seq > 5`),
		`UPDATE audit_head SET seq = 5, hash = (SELECT hash FROM audit_log WHERE seq = 5)`), "{other account}: the audit log has 0 rows of its account.create"},
	"credit cut off": {and(one(`DELETE FROM audit_log WHERE seq > 6`),
		`UPDATE audit_head SET seq = 6, hash = (SELECT hash FROM audit_log WHERE seq = 6)`), "the audit log has 0 rows of this credit"},
	"everything deleted": {and(one(`DELETE FROM audit_log`), `UPDATE audit_head SET seq = 0, hash = ''`), "{provider}: the audit log has 0 rows of its provider.add"},
	"account made by SQL": {one(`INSERT INTO accounts (id, email, password_hash, state, tier, role, created_at)
		VALUES ('acc_x', 'x@example.com', '', 'active', 'agency', 'owner', 1)`), "acc_x: the audit log has 0 rows of its account.create"},
	"key made by SQL": {one(`INSERT INTO api_keys (id, account_id, name, dialect, mode, hash, prefix, created_at)
		VALUES ('key_x', '{account}', '', 'native', 'live', 'x', 'x', 1)`), "key_x: the audit log has 0 rows of its key.create"},
	"key taken away":  {one(`UPDATE audit_log SET action = 'key.create', target = 'key_gone' WHERE seq = 2`), "row 2 is the key.create of key_gone, which is not there"},
	"credit's actor":  {one(`UPDATE transfers SET actor = 'somebody' WHERE kind = 'credit' AND credit = '{wallet}'`), "is a credit of 100.00 by somebody, the audit log says {account}"},
	"credit's wallet": {one(`UPDATE transfers SET credit = '{other wallet}', credit_seq = 99 WHERE kind = 'credit' AND credit = '{wallet}'`), "the audit log says {account}"},
	"credit's reason": {one(`UPDATE transfers SET memo = 'a gift' WHERE kind = 'credit' AND credit = '{wallet}'`), "is a credit of 100.00"},
}

// Somebody with SQL access who drops the triggers, changes what he likes and puts
// them back is found out, and the line names what he changed.
func TestAuditFindsForgeries(t *testing.T) {
	t.Parallel()
	for group, forgeries := range map[string]map[string]forgery{
		"transfers": forgedTransfers, "timelines": forgedTimelines, "orders": forgedOrders, "wallets": forgedWallets, "log": forgedLogs,
	} {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				a := newAudited(t, d)
				a.Write(func(tx *db.Tx) error { return runAll(tx, eachTable(`CREATE TABLE kept_%s AS SELECT * FROM %s`)) })
				for name, c := range forgeries {
					statements := make([]string, len(c.statements))
					for i, s := range c.statements {
						statements[i] = a.named(s)
					}
					a.forge(statements)
					if found, want := a.audit(), a.named(c.says); !strings.Contains(found, want) {
						t.Errorf("%s: the audit says\n%s\nwant %q", name, found, want)
					}
					a.forge(slices.Concat(eachTable(`DELETE FROM %[2]s`), restored()))
				}
				if found := a.audit(); found != "" {
					t.Errorf("with all put back it says:\n%s", found)
				}
			})
		})
	}
}

// eachTable makes a statement for every table that a forgery changes, those that
// refer to others first.
func eachTable(statement string) (all []string) {
	for _, table := range []string{"audit_log", "audit_head", "api_keys", "order_timeline", "orders", "transfers", "wallets", "accounts"} {
		all = append(all, fmt.Sprintf(statement, table, table))
	}
	return all
}

// restored puts the rows back that were kept.
func restored() []string {
	all := eachTable(`INSERT INTO %s SELECT * FROM kept_%s`)
	slices.Reverse(all)
	return all
}

// REPLACE takes rows out past the DELETE triggers on a connection that is not
// ours. It is refused whichever key it would take a row out by; a key given
// twice stays a plain unique violation on our own.
func TestReplaceIsRefusedOnAnyConnection(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	a := newAudited(t, d)
	const columns = `id, kind, ref, debit, debit_seq, debit_balance, credit, credit_seq, credit_balance, amount, memo, actor, created_at`
	const last = ` 1, 'memo', 'x', 1 FROM transfers WHERE kind = 'order' AND ref = '{pending}'`
	for _, recursive := range []string{"ON", "OFF"} {
		for name, statement := range map[string]string{
			"id":     `(` + columns + `) SELECT id, 'credit', '{trf}', 'sales', NULL, NULL, 'bonus', NULL, NULL,` + last,
			"ref":    `(` + columns + `) SELECT '{trf}', kind, ref, 'sales', NULL, NULL, 'bonus', NULL, NULL,` + last,
			"debit":  `(` + columns + `) SELECT '{trf}', 'credit', '{trf}', debit, debit_seq, 1, 'bonus', NULL, NULL,` + last,
			"credit": `(` + columns + `) SELECT '{trf}', 'credit', '{trf}', 'sales', NULL, NULL, '{wallet}', 1, 1,` + last,
			"rowid":  `(rowid, ` + columns + `) SELECT rowid, '{trf}', 'credit', '{trf}', 'sales', NULL, NULL, 'bonus', NULL, NULL,` + last,
		} {
			err := d.Write(t.Context(), func(tx *db.Tx) error {
				return runAll(tx, []string{`PRAGMA recursive_triggers = ` + recursive, a.named(`REPLACE INTO transfers ` + statement)})
			})
			if err == nil || !strings.Contains(err.Error(), "never changed") {
				t.Errorf("transfers by %s with recursive_triggers %s: %v", name, recursive, err)
			}
		}
		for _, statement := range []string{
			`(seq, at, actor, action, target, detail, hash) SELECT seq, 1, '', '', '', '', '' FROM audit_log WHERE seq = 2`,
			`(rowid, seq, at, actor, action, target, detail, hash) SELECT rowid, 77, 1, '', '', '', '', '' FROM audit_log WHERE seq = 2`,
		} {
			err := d.Write(t.Context(), func(tx *db.Tx) error { return runAll(tx, []string{`INSERT OR REPLACE INTO audit_log ` + statement}) })
			if err == nil || !strings.Contains(err.Error(), "never changed") {
				t.Errorf("%s with recursive_triggers %s: %v", statement, recursive, err)
			}
		}
	}
	if found := a.audit(); found != "" {
		t.Errorf("the audit says:\n%s", found)
	}
}

// The audit of a panel that is serving never mixes two states of an order.
func TestAuditBesideOrdersFindsNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := newAudited(t, d)
		placer, canceller := order.NewPlacer(d, order.PlacerOptions{}), order.NewCanceller(d, nil)
		defer placer.Close()
		catalogue := a.Snapshot()
		requests := make([]order.Request, 150)
		for i := range requests {
			requests[i] = a.Request(fmt.Sprint("beside-", i), "https://example.com/beside", 10)
		}
		var all sync.WaitGroup
		for worker := range 2 {
			all.Go(func() {
				for i := worker; i < len(requests); i += 2 {
					placed, err := placer.Place(context.Background(), a.Buyer, requests[i], catalogue)
					if err == nil {
						_, err = canceller.Cancel(context.Background(), a.Buyer.Scope, order.Ref(placed.OrderID), "key_test")
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { all.Wait(); close(done) }()
		for {
			if found := a.audit(); found != "" {
				t.Errorf("the audit says:\n%s", found)
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
}
