// Package apiv2 is the wire of the v2 reseller API: it reads a request, calls the
// domain and writes the answer. It holds no rule of business and no SQL.
//
// docs/api-v2.md describes the contract; the golden files in testdata hold its
// bytes.
package apiv2

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clientaddr"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/ratelimit"
	"github.com/notpanel/notpanel/internal/requestlog"
	"github.com/notpanel/notpanel/internal/webhook"
)

// Deps are what the API calls.
type Deps struct {
	Keys     *apikey.Authenticator
	Epochs   *epoch.Reader
	Catalog  *catalog.Cache
	Services *catalog.Store // its change feed
	Placer   *order.Placer
	Orders   *order.Store
	Cancel   *order.Canceller
	Refills  *order.Refiller
	Webhooks *webhook.Store
	Balance  func(ctx context.Context, walletID string) (money.Amount, error)
	Currency string
	Log      *slog.Logger
	// ClientAddress finds the client behind proxies; nil takes the peer.
	ClientAddress func(*http.Request) netip.Addr
	// Limits decide whether a request may go on; nil: every one may.
	Limits Limiter
	// Observe is told the action and the status of every answer; may be nil.
	Observe func(action string, status int)
	// Noted is given every answered request with a usable key; may be nil.
	Noted func(requestlog.Entry)
}

// API answers requests to the endpoint.
type API struct {
	Deps

	lists    *lists
	large    room
	saidDown atomic.Int64 // the second in which a failure to serve was last logged
}

// New returns the API.
func New(d Deps) *API {
	if d.Observe == nil {
		d.Observe = func(string, int) {}
	}
	if d.Limits == nil {
		d.Limits = ratelimit.New(ratelimit.Limits{}, clock.System)
	}
	if d.ClientAddress == nil {
		d.ClientAddress = clientaddr.New(nil, nil).Of
	}
	return &API{Deps: d, lists: newLists(roomForLists)}
}

// call is a request with a usable key.
type call struct {
	*input

	ctx   context.Context //nolint:containedctx // a call lives as long as its request
	who   apikey.Principal
	epoch epoch.Epochs
	// delivered is told whether the answer reached the client; may be nil.
	delivered func(arrived bool)
}

// scope is whose orders the call may see.
func (c *call) scope() order.Scope {
	return order.Scope{AccountID: c.who.AccountID, Mode: c.who.Mode}
}

// Errors of the order in which a request is checked.
var (
	errMethod      = fault.New(fault.MethodNotAllowed, "Method not allowed: use POST")
	errKeyInQuery  = fault.New(fault.Invalid, "Send the key in the body, never in the URL")
	errContentType = fault.New(fault.Invalid, "Content-Type must be application/x-www-form-urlencoded or multipart/form-data")
	errSuspended   = fault.New(fault.Forbidden, "Account suspended")
)

// ServeHTTP answers one request: the address's limit, body, key, account, the key's
// and the tier's limits, action, fields, in this order.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began, requestID := clock.System(), id.New(id.Request)
	w.Header().Set("X-Request-Id", requestID)
	action, answer := a.serve(w, r, requestID)
	answer.send(w, r)
	a.Observe(action, answer.status)
	a.note(requestID, action, began, answer)
}

// refusing answers a fault in the form that the caller understands: nobody knows
// which before the key is known.
type refusing func(*fault.Error) answer

// serve returns the action's name, for metrics, and the answer.
func (a *API) serve(w http.ResponseWriter, r *http.Request, requestID string) (action string, out answer) {
	action = "none"
	no := refusing(func(f *fault.Error) answer { return text(f.Code.HTTPStatus(), f) }) // nothing is known of it
	defer a.recovered(r.Context(), requestID, &action, &out, &no)
	from := a.ClientAddress(r)
	if limits := a.Limits.Address(r.Context(), from); limits.Denied() {
		return action, turnAway(w, r, limits)
	}
	if r.Method != http.MethodPost && r.Method != http.MethodGet {
		return action, refuse(errMethod)
	}
	in, err := read(r, from, &a.large)
	defer a.large.give(in)
	no = func(f *fault.Error) answer { return beforeKey(in, f) }
	if err != nil {
		return action, no(fault.From(err))
	}
	c, err := a.authenticate(r.Context(), in)
	if err != nil {
		a.report(r.Context(), requestID, action, err)
		return action, no(fault.From(err))
	}
	a.Limits.KeySeen(r.Context(), from, string(c.who.Tier))
	speaks := a.dialectOf(c)
	no = speaks.refuse
	limits := a.Limits.Key(r.Context(), c.use())
	defer func() { out.limits, out.delivered, out.by = limits, c.delivered, c }()
	if limits.Denied() {
		return action, no(errLimited)
	}
	action, handle, err := speaks.open(c)
	if err != nil {
		return action, no(fault.From(err))
	}
	v, err := handle(c)
	if err != nil {
		a.report(r.Context(), requestID, action, err)
		return action, no(fault.From(err))
	}
	if ready, is := v.(answer); is {
		return action, ready
	}
	return action, ok(v)
}

// recovered makes of a panic what any fault of ours is, so that its request too
// has an answer and a line in the log.
func (a *API) recovered(ctx context.Context, requestID string, action *string, out *answer, no *refusing) {
	if p := recover(); p != nil {
		err := fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		a.report(ctx, requestID, *action, err)
		limits, delivered, by := out.limits, out.delivered, out.by
		*out = (*no)(fault.From(err))
		out.limits, out.delivered, out.by = limits, delivered, by
	}
}

// report logs a failure of ours; a refusal is the caller's, and what ends with a
// client that hung up is for nobody. Of a database that is away it logs once a
// second, not once a request.
func (a *API) report(ctx context.Context, requestID, action string, err error) {
	level := slog.LevelError
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		level = slog.LevelDebug
	}
	switch fault.From(err).Code {
	case fault.Internal:
	case fault.Unavailable:
		if fault.From(err).Reason == fault.Maintenance {
			return // it was closed by a person
		}
		now := clock.System().Unix()
		if a.saidDown.Swap(now) == now {
			return
		}
	default:
		return
	}
	a.Log.LogAttrs(ctx, level, "request failed", slog.String("request", requestID),
		slog.String("action", action), slog.Any("error", err))
}

// authenticate finds out who calls. The epoch is learnt after the body has
// arrived, so a key revoked before is refused.
func (a *API) authenticate(ctx context.Context, in *input) (*call, error) {
	epochs, err := a.Epochs.Current(ctx)
	if err != nil {
		return nil, err
	}
	key := in.either("key")
	who, err := a.Keys.Authenticate(ctx, key, epochs.Auth, in.from)
	if err != nil {
		if _, sent := in.body["key"]; in.method == http.MethodGet && !sent && !in.keyInQuery && !mayBePoll(in) {
			return nil, errMethod // nobody tried a key: somebody opened the address
		}
		return nil, err
	}
	return &call{input: in, ctx: ctx, who: who, epoch: epochs}, nil
}

// beforeKey answers while the caller's dialect is not known. A poll of an order
// gets plain text, for clients of the classic dialect take an error in JSON for
// the order's end; so does an add that they would not repeat safely.
func beforeKey(in *input, f *fault.Error) answer {
	poll := mayBePoll(in)
	switch f.Code {
	case fault.MethodNotAllowed:
		return refuse(f)
	case fault.Unauthorized:
		if poll {
			return text(http.StatusUnauthorized, f)
		}
	case fault.Unavailable, fault.RateLimited, fault.Internal:
		if poll || strings.EqualFold(in.either("action"), "add") && in.either("request_id") == "" {
			return text(f.Code.HTTPStatus(), f)
		}
	default:
		if poll {
			return text(f.Code.HTTPStatus(), f)
		}
	}
	return refuse(f)
}

// asksAbout reports whether an action, in any case, is a question about orders or
// refills.
func asksAbout(action string) bool {
	switch strings.ToLower(action) {
	case "status", "refill_status", "orders", "statuses", "multi_status", "multi-status":
		return true
	}
	return false
}

// mayBePoll reports a question about an order or refill by its classic number. What
// was not read whole is one as long as nothing says that it is none.
func mayBePoll(in *input) bool {
	action, said := in.body["action"]
	if in.cut && !said {
		return true // the body's word counts, not the query's
	}
	if !said {
		action = in.query["action"]
	}
	if !asksAbout(action) {
		return false
	}
	named := false
	for _, name := range []string{"order", "orders", "refill", "refills"} {
		for token := range strings.SplitSeq(in.either(name), ",") {
			token = strings.TrimSpace(token)
			if token != "" && strings.IndexFunc(token, func(r rune) bool { return r < '0' || r > '9' }) < 0 {
				return true
			}
			named = named || token != ""
		}
	}
	return in.cut && !named
}
