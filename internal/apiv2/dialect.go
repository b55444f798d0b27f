package apiv2

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/order"
)

// dialect is how a group of clients writes requests and reads answers. What is
// behind it is the same for all.
type dialect interface {
	// open holds a request against the dialect's rules. It returns the action
	// that is asked for, a word of ours even where it is refused, and who
	// carries it out.
	open(c *call) (action string, carryOut handler, err error)
	// refuse answers a fault.
	refuse(f *fault.Error) answer
}

// handler carries out an action and returns what is answered as JSON, or an
// answer that is ready.
type handler func(*call) (any, error)

// dialectOf returns the dialect of a call's key.
func (a *API) dialectOf(c *call) dialect {
	if c.who.Dialect == apikey.Classic {
		return classic{a}
	}
	return native{a}
}

// noteKeyInURL marks a key that was sent where logs keep it, for its owner. It
// fails for nobody.
func (a *API) noteKeyInURL(c *call) {
	if c.query["key"] == "" || c.query["key"] != c.either("key") {
		return
	}
	if err := a.Keys.NoteInURL(c.ctx, c.who.KeyID); err != nil {
		a.Log.LogAttrs(c.ctx, slog.LevelError, "key in URL not noted", slog.String("key", c.who.KeyID), slog.Any("error", err))
	}
}

// native is the panel's own dialect.
type native struct{ *API }

// open refuses what the native dialect does not allow.
func (n native) open(c *call) (action string, carryOut handler, err error) {
	n.noteKeyInURL(c)
	switch {
	case c.method != http.MethodPost:
		return "none", nil, errMethod
	case c.keyInQuery:
		return "none", nil, errKeyInQuery
	case c.form == jsonObject || c.form == otherForm:
		return "none", nil, errContentType
	case c.problem != nil:
		return "none", nil, c.problem
	case c.who.State != account.Active:
		return "none", nil, errSuspended
	}
	if err := c.checkText(); err != nil {
		return "none", nil, err
	}
	action = c.get("action")
	if action == "" {
		return "none", nil, order.Missing("action")
	}
	carryOut, known := n.actions()[action]
	if !known {
		return "unknown", nil, unknownAction(action)
	}
	return action, carryOut, nil
}

// refuse answers with the fault's own status and text.
func (native) refuse(f *fault.Error) answer { return refuse(f) }

// actionNames lists the actions in the order in which they are documented.
//
//nolint:gochecknoglobals // a table
var actionNames = []string{
	"services", "service", "changes", "add", "status", "refill", "refill_status", "cancel", "balance", "order", "orders", "transactions",
	"webhook.add", "webhook.list", "webhook.remove", "webhook.test", "webhook.rotate", "webhook.deliveries", "webhook.replay",
}

func (a *API) actions() map[string]handler {
	return map[string]handler{
		"services":      a.listServices,
		"service":       a.service,
		"changes":       a.changes,
		"add":           a.add,
		"status":        a.status,
		"refill":        a.refill,
		"refill_status": a.refillStatus,
		"cancel":        a.cancel,
		"balance":       a.balance,
		"order":         a.order,
		"orders":        a.orders,
		"transactions":  a.transactions,

		"webhook.add":        a.addWebhook,
		"webhook.list":       a.listWebhooks,
		"webhook.remove":     a.removeWebhook,
		"webhook.test":       a.testWebhook,
		"webhook.rotate":     a.rotateWebhook,
		"webhook.deliveries": a.deliveries,
		"webhook.replay":     a.replay,
	}
}

// unknownAction names the action, cut short, and those there are.
func unknownAction(name string) *fault.Error {
	const most = 64
	runes := []rune(name)
	return fault.Newf(fault.Invalid, "Unknown action: %s. Available actions: %s",
		string(runes[:min(len(runes), most)]), strings.Join(actionNames, ", ")).Keeping("Unknown action")
}
