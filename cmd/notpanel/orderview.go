package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/order"
)

// orderView is an order in JSON, as staff may see it.
type orderView struct {
	ID              string  `json:"id"`
	AccountID       string  `json:"account_id"`
	Account         string  `json:"account"`
	Mode            string  `json:"mode"`
	Number          int64   `json:"number"`
	Kind            string  `json:"kind"`
	ParentID        string  `json:"parent_id,omitempty"`
	Run             int64   `json:"run,omitempty"`
	Runs            int64   `json:"runs,omitempty"`
	Interval        int64   `json:"interval,omitempty"`
	NextRunAt       *string `json:"next_run_at,omitempty"`
	PausedAt        *string `json:"paused_at,omitempty"`
	State           string  `json:"state"`
	Attention       string  `json:"attention"`
	Refusal         string  `json:"refusal"`
	Service         int64   `json:"service"`
	Link            string  `json:"link"`
	Quantity        int64   `json:"quantity"`
	Fields          values  `json:"fields,omitempty"`
	Expiry          string  `json:"expiry,omitempty"`
	Currency        string  `json:"currency"`
	Rate            string  `json:"rate"`
	Cost            string  `json:"cost"`
	Charge          string  `json:"charge"`
	Refunded        string  `json:"refunded"`
	Paid            string  `json:"paid"`
	StartCount      *int64  `json:"start_count"`
	Remains         *int64  `json:"remains"`
	ProviderID      string  `json:"provider_id"`
	Provider        string  `json:"provider"`
	ProviderService string  `json:"provider_service"`
	UpstreamID      string  `json:"upstream_id"`
	ProviderCharge  *string `json:"provider_charge"`
	EverUnknown     bool    `json:"ever_unknown"`
	Generation      int64   `json:"generation"`
	Tries           int64   `json:"tries"`
	Step            int64   `json:"step"`
	WalletID        string  `json:"wallet_id"`
	KeyID           string  `json:"key_id"`
	RequestID       string  `json:"request_id"`
	RequestHash     string  `json:"request_hash"`
	EqualKey        string  `json:"equal_key"`
	CatalogEpoch    int64   `json:"catalog_epoch"`
	CancelWishAt    *string `json:"cancel_wish_at"`
	CancelState     string  `json:"cancel_state"`
	Preference      int64   `json:"preference"`
	Released        bool    `json:"released"`
	StartedAt       *string `json:"started_at"`
	DueAt           *string `json:"due_at"`
	GiveUpAt        *string `json:"give_up_at"`
	NextCheckAt     *string `json:"next_check_at"`
	AcceptedAt      *string `json:"accepted_at"`
	FinishedAt      *string `json:"finished_at"`
	CreatedAt       *string `json:"created_at"`
	UpdatedAt       *string `json:"updated_at"`
}

// values are the fields of an order's type, by name.
type values map[string]string

func valuesOf(fields order.Values) values {
	v := values{}
	for _, f := range fields {
		v[f.Name] = f.Text
	}
	return v
}

// stepView is a row of an order's timeline in JSON.
type stepView struct {
	Step       int64   `json:"step"`
	At         *string `json:"at"`
	Actor      string  `json:"actor"`
	From       string  `json:"from"`
	To         string  `json:"to"`
	Reason     string  `json:"reason"`
	StartCount *int64  `json:"start_count"`
	Remains    *int64  `json:"remains"`
	Refund     string  `json:"refund"`
}

// submissionView is one sending of an order in JSON.
type submissionView struct {
	ID         string  `json:"id"`
	ProviderID string  `json:"provider_id"`
	Provider   string  `json:"provider"`
	Outcome    string  `json:"outcome"`
	Sent       bool    `json:"bytes_sent"` // a byte of the request left
	HTTPStatus int64   `json:"http_status"`
	UpstreamID string  `json:"upstream_id"`
	Answer     string  `json:"answer"`
	BeganAt    *string `json:"began_at"`
	EndedAt    *string `json:"ended_at"`
	LeaseUntil *string `json:"lease_until"`
}

// wholeOrderView is an order with its trail.
type wholeOrderView struct {
	orderView

	Timeline    []stepView       `json:"timeline"`
	Submissions []submissionView `json:"submissions"`
	Balances    []balanceView    `json:"balances"` // around the newest submission, where its outcome was ever unknown
}

// balanceView is what the panel's account at a provider held at a time, in the
// provider's currency.
type balanceView struct {
	At      *string `json:"at"`
	Balance string  `json:"balance"`
}

// names turns the ids in orders into what people call them.
type names struct {
	accounts  *emails
	providers map[string]string
	currency  string
}

func newNames(ctx context.Context, core *app.Core) (names, error) {
	providers, err := providerNames(ctx, core)
	return names{newEmails(core), providers, core.Currency}, err
}

// view returns an order for printing.
func (n names) view(ctx context.Context, o *order.Order) (orderView, error) {
	email, err := n.accounts.of(ctx, o.AccountID)
	v := orderView{
		ID: o.ID, AccountID: o.AccountID, Account: email, Mode: string(o.Mode), Number: o.Number,
		Kind: string(o.Kind), ParentID: o.ParentID, Run: o.Run, Runs: o.Runs, Interval: o.Every, NextRunAt: when(o.NextRunAt), PausedAt: when(o.PausedAt),
		State: string(o.State), Attention: o.Attention, Refusal: o.Refusal, Service: o.ServiceID, Link: o.Link, Quantity: o.Quantity,
		Fields: valuesOf(o.Fields), Expiry: o.Expiry, CancelState: string(o.CancelState), Preference: o.Preference,
		Released: o.Released, StartedAt: when(o.StartedAt),
		Currency: n.currency, Rate: o.Rate.String(), Cost: o.Cost.String(), Charge: o.Charge.String(),
		Refunded: o.Refunded.String(), Paid: o.Paid().String(), StartCount: o.StartCount, Remains: o.Remains,
		ProviderID: o.ProviderID, Provider: n.providers[o.ProviderID], ProviderService: o.ProviderService,
		UpstreamID: o.UpstreamID, EverUnknown: o.EverUnknown, Generation: o.Generation, Tries: o.Tries, Step: o.Step,
		WalletID: o.WalletID, KeyID: o.KeyID, RequestID: o.RequestID, RequestHash: o.RequestHash, EqualKey: o.EqualKey,
		CatalogEpoch: o.CatalogEpoch, CancelWishAt: when(o.CancelWishAt), DueAt: when(o.DueAt), GiveUpAt: when(o.GiveUpAt),
		NextCheckAt: when(o.NextCheckAt), AcceptedAt: when(o.AcceptedAt), FinishedAt: when(o.FinishedAt),
		CreatedAt: when(o.CreatedAt), UpdatedAt: when(o.UpdatedAt),
	}
	if o.ProviderCharge != nil {
		text := o.ProviderCharge.String()
		v.ProviderCharge = &text
	}
	return v, err
}

func viewSteps(steps []order.Step) []stepView {
	all := make([]stepView, len(steps))
	for i, s := range steps {
		all[i] = stepView{
			Step: s.Number, At: when(s.At), Actor: s.Actor, From: string(s.From), To: string(s.To), Reason: s.Reason,
			StartCount: s.StartCount, Remains: s.Remains, Refund: s.Refund.String(),
		}
	}
	return all
}

func viewSubmissions(submissions []*fulfil.Submission, providers map[string]string) []submissionView {
	all := make([]submissionView, len(submissions))
	for i, u := range submissions {
		all[i] = submissionView{
			ID: u.ID, ProviderID: u.ProviderID, Provider: providers[u.ProviderID], Outcome: string(u.Outcome), Sent: u.Sent,
			HTTPStatus: u.HTTPStatus, UpstreamID: u.UpstreamID, Answer: u.Answer,
			BeganAt: when(u.BeganAt), EndedAt: when(u.EndedAt), LeaseUntil: when(u.LeaseUntil),
		}
	}
	return all
}

// printOrder prints an order and its trail for people.
func printOrder(t terminal, v wholeOrderView) error {
	if err := t.aligned(orderRows(v.orderView)); err != nil {
		return err
	}
	fmt.Fprintln(t.out, "\nTimeline")
	err := list(t, false, v.Timeline, table[stepView]{
		none: "Nothing has happened to it yet.",
		head: []string{"STEP", "AT", "ACTOR", "FROM", "TO", "START", "REMAINS", "REFUND", "REASON"},
		row: func(s stepView) []string {
			return []string{
				strconv.FormatInt(s.Step, 10), orEmpty(s.At), s.Actor, s.From, s.To,
				orEmpty(s.StartCount), orEmpty(s.Remains), s.Refund, s.Reason,
			}
		},
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(t.out, "\nSubmissions")
	if len(v.Submissions) == 0 {
		fmt.Fprintln(t.out, "It was never sent.")
	}
	for i, u := range v.Submissions {
		if i > 0 {
			fmt.Fprintln(t.out)
		}
		if err := t.aligned(submissionRows(u)); err != nil {
			return err
		}
	}
	return printBalances(t, v.Balances)
}

// printBalances prints what the panel's account at the provider held before and
// after an order was sent of which nobody knew whether it arrived.
func printBalances(t terminal, samples []balanceView) error {
	if len(samples) == 0 {
		return nil
	}
	fmt.Fprintln(t.out, "\nBalance at the provider around the newest submission")
	return list(t, false, samples, table[balanceView]{
		head: []string{"AT", "BALANCE"},
		row:  func(b balanceView) []string { return []string{orEmpty(b.At), b.Balance} },
	})
}

// orderRows names each field of an order.
func orderRows(o orderView) [][]string {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	money := func(text string) string { return text + " " + o.Currency }
	return [][]string{
		{"Order", o.ID},
		{"Account", o.Account + ", " + o.AccountID},
		{"Mode and number", o.Mode + ", " + number(o.Number)},
		{"Kind", kindText(o)},
		{"State", o.State},
		{"Needs a person", o.Attention},
		{"Last refusal", o.Refusal},
		{"Service", number(o.Service)},
		{"Link", o.Link},
		{"Quantity", number(o.Quantity)},
		{"Fields", fieldsText(o.Fields)},
		{"Start count", orEmpty(o.StartCount)},
		{"Remains", orEmpty(o.Remains)},
		{"Rate per 1,000", money(o.Rate)},
		{"Cost per 1,000", money(o.Cost)},
		{"Charge", money(o.Charge)},
		{"Refunded", money(o.Refunded)},
		{"Paid", money(o.Paid)},
		{"Provider", o.Provider + ", " + o.ProviderID},
		{"Service there", o.ProviderService},
		{"Order there", o.UpstreamID},
		{"Charge there", orEmpty(o.ProviderCharge)},
		{"Ever unknown", yesNo(o.EverUnknown)},
		{"Generation", number(o.Generation)},
		{"Tries", number(o.Tries)},
		{"Step", number(o.Step)},
		{"Wallet", o.WalletID},
		{"Key", o.KeyID},
		{"Request id", o.RequestID},
		{"Request hash", o.RequestHash},
		{"Equal key", o.EqualKey},
		{"Catalogue epoch", number(o.CatalogEpoch)},
		{"Cancel wished at", strings.TrimSpace(orEmpty(o.CancelWishAt) + " " + o.CancelState)},
		{"Due at", orEmpty(o.DueAt)},
		{"Given up at", orEmpty(o.GiveUpAt)},
		{"Next check at", orEmpty(o.NextCheckAt)},
		{"Accepted at", orEmpty(o.AcceptedAt)},
		{"Finished at", orEmpty(o.FinishedAt)},
		{"Created at", orEmpty(o.CreatedAt)},
		{"Updated at", orEmpty(o.UpdatedAt)},
	}
}

// kindText says what an order is to others.
func kindText(o orderView) string {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	switch order.Kind(o.Kind) {
	case order.Drip:
		text := number(o.Run) + " of " + number(o.Runs) + " runs, every " + number(o.Interval) + " minutes"
		if o.PausedAt != nil {
			text += ", paused"
		}
		return "drip-feed: " + text
	case order.Subscription:
		return "subscription: " + number(o.Run) + " of at most " + number(o.Runs) + " posts"
	case order.Run, order.Post:
		return o.Kind + " " + number(o.Run) + " of " + o.ParentID
	case order.Single:
	}
	return o.Kind
}

// fieldsText is one line of the fields of an order's type.
func fieldsText(fields values) string {
	all := make([]string, 0, len(fields))
	for name, text := range fields {
		all = append(all, name+": "+strings.ReplaceAll(text, "\n", " / "))
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// submissionRows names each field of a submission.
func submissionRows(u submissionView) [][]string {
	status := ""
	if u.HTTPStatus != 0 {
		status = strconv.FormatInt(u.HTTPStatus, 10)
	}
	return [][]string{
		{"Submission", u.ID},
		{"Provider", u.Provider + ", " + u.ProviderID},
		{"Outcome", u.Outcome},
		{"Bytes sent", yesNo(u.Sent)},
		{"HTTP status", status},
		{"Order there", u.UpstreamID},
		{"Began at", orEmpty(u.BeganAt)},
		{"Ended at", orEmpty(u.EndedAt)},
		{"Over for sure at", orEmpty(u.LeaseUntil)},
		{"Answer", u.Answer},
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
