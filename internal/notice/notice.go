// Package notice tells accounts what happened that concerns them: on the pages, by
// mail and by Telegram, as each of them has chosen. A notice is written by the
// change that it tells of, in its transaction: it is there when the change is, once.
//
// It owns the notices, the choices, the chats, and the rounds in which mails and
// messages go out. It does not know how a mail or a message travels: those are
// packages notify and telegram.
package notice

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/notpanel/notpanel/internal/money"
)

// Kind says what a notice tells.
type Kind string

// The kinds.
const (
	OrderCompleted Kind = "order.completed"
	OrderPartial   Kind = "order.partial"
	OrderCanceled  Kind = "order.canceled" // or failed: nothing comes any more
	OrderRefunded  Kind = "order.refunded"
	RefillEnded    Kind = "refill.ended" // done or refused
	CancelRejected Kind = "cancel.rejected"
	BalanceLow     Kind = "balance.low"
	Credited       Kind = "balance.credited"
	TopupRejected  Kind = "topup.rejected"
	WebhookStopped Kind = "webhook.stopped"
	KeyExpires     Kind = "key.expires"
	// ChatLost can't be chosen: it says that one of the ways to be told has ended.
	ChatLost Kind = "telegram.lost"
)

// Kinds lists what can be chosen, in the order of the page.
func Kinds() []Kind {
	return []Kind{
		OrderCompleted, OrderPartial, OrderCanceled, OrderRefunded, RefillEnded, CancelRejected,
		BalanceLow, Credited, TopupRejected, WebhookStopped, KeyExpires,
	}
}

// ofOrder reports whether a kind tells of an order, of which there may be many.
func (k Kind) ofOrder() bool {
	return slices.Contains([]Kind{OrderCompleted, OrderPartial, OrderCanceled, OrderRefunded, RefillEnded, CancelRejected}, k)
}

// Channel is a way to be told.
type Channel string

// The channels.
const (
	Web      Channel = "web"
	Mail     Channel = "mail"
	Telegram Channel = "telegram"
)

// Channels lists them in the order of the page.
func Channels() []Channel { return []Channel{Web, Mail, Telegram} }

// Details that tell two events of a kind apart.
const (
	Failed  = "failed"  // of OrderCanceled
	Refused = "refused" // of RefillEnded
	Gone    = "gone"    // of WebhookStopped: it was removed
	ByPanel = "panel"   // of Credited: it is no top-up
	Prize   = "prize"   // of Credited: it was won in a giveaway
)

// Data is what a notice says beside its kind. What does not belong to the kind is
// empty.
type Data struct {
	Detail  string       `json:"detail,omitempty"`
	Number  int64        `json:"number,omitempty"`  // of the order
	Service int64        `json:"service,omitempty"` // of the order
	Amount  money.Amount `json:"amount,omitempty"`  // that came back or in, or the balance
	Below   money.Amount `json:"below,omitempty"`   // the threshold of BalanceLow
	Name    string       `json:"name,omitempty"`    // a reference, a server, a key or a giveaway
	Reason  string       `json:"reason,omitempty"`  // of TopupRejected, for the customer
	Until   time.Time    `json:"until,omitzero"`    // when the key expires
}

// Notice is what an account was told.
type Notice struct {
	ID        string
	AccountID string
	Kind      Kind
	Subject   string // the id of what it is about
	Data      Data
	ReadAt    time.Time // zero: not yet
	CreatedAt time.Time
}

// Choices are of what and how an account wants to be told. The zero value is the
// panel's defaults.
type Choices struct {
	Wanted map[Kind]map[Channel]bool `json:"wanted,omitempty"`
	// KeyOrders asks to be told of orders that were placed with an API key too. Their
	// program knows already.
	KeyOrders bool `json:"key_orders,omitempty"`
}

// Wants reports whether a kind is told by a channel.
func (c Choices) Wants(k Kind, by Channel) bool {
	if k == ChatLost {
		return by == Web
	}
	if wanted, chosen := c.Wanted[k][by]; chosen {
		return wanted
	}
	return usual(k, by)
}

// usual is the choice of who has made none: the pages tell everything, a mail comes
// of money and of what stops working. Who links a chat wants to read in it.
func usual(k Kind, by Channel) bool { return by != Mail || !k.ofOrder() }

// Set makes a choice.
func (c *Choices) Set(k Kind, by Channel, wanted bool) {
	if c.Wanted == nil {
		c.Wanted = map[Kind]map[Channel]bool{}
	}
	if c.Wanted[k] == nil {
		c.Wanted[k] = map[Channel]bool{}
	}
	c.Wanted[k][by] = wanted
}

// ReadChoices reads choices as they are stored; "" is none.
func ReadChoices(stored string) (c Choices, err error) {
	if stored == "" {
		return c, nil
	}
	if err := json.Unmarshal([]byte(stored), &c); err != nil {
		return c, fmt.Errorf("choices of notices: %w", err)
	}
	return c, nil
}
