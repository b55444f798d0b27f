// Package hint takes what native providers tell by webhook. It is a hint and no
// more: it brings the next look at an order forward, and what the order has become
// is asked for and judged as ever. So a provider that lies, or somebody who has
// got hold of a secret, moves nothing.
package hint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/notpanel/notpanel/client"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/ratelimit"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// maxBody bounds a delivery.
	maxBody = 64 << 10
	// window is how far a delivery's time may be off our clock.
	window = client.DefaultTolerance
	// atOnce is how many deliveries are looked at at the same time.
	atOnce = 64
	// maxID bounds what is looked up and stored of a delivery.
	maxID = 64
)

// Path is where a provider's deliveries come to: its id follows.
const Path = "/hooks/"

// Receiver answers deliveries.
type Receiver struct {
	DB        *db.DB
	Providers *provider.Store
	// Limits bounds deliveries by the address they come from; ClientAddress finds it.
	Limits        *ratelimit.Limiter
	ClientAddress func(*http.Request) netip.Addr
	Log           *slog.Logger

	room chan struct{}
}

// New returns a receiver of r's settings.
func New(r Receiver) *Receiver {
	r.room = make(chan struct{}, atOnce)
	return &r
}

// Errors that are answered with their status. An unknown provider, one without a
// webhook and a wrong signature are not told apart.
var (
	errSignature = fault.New(fault.Unauthorized, "No signature fits")
	errForm      = fault.New(fault.Invalid, "The body is no event")
	errBusy      = fault.New(fault.Unavailable, "Temporarily unavailable")
	errMethod    = fault.New(fault.MethodNotAllowed, "Method not allowed: use POST")
	errLarge     = fault.New(fault.TooLarge, "Request body too large")
	errLimit     = fault.New(fault.RateLimited, "Rate limit exceeded")
)

// ServeHTTP takes a delivery: 204 where it was taken, also for the second time.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	err := r.take(q)
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	f := fault.From(err)
	status := f.Code.HTTPStatus()
	if f.Code == fault.Unauthorized {
		status = http.StatusUnauthorized // the API's own says 400, for its clients' sake
	}
	if f.Code == fault.Internal {
		r.Log.LogAttrs(q.Context(), slog.LevelError, "hint not taken", slog.Any("error", err))
	}
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.Error(w, f.Text, status)
}

func (r *Receiver) take(q *http.Request) error {
	if q.Method != http.MethodPost {
		return errMethod
	}
	if r.Limits.Address(q.Context(), r.ClientAddress(q)).Denied() {
		return errLimit
	}
	providerID := strings.TrimPrefix(q.URL.Path, Path)
	verifier, err := r.verifier(q.Context(), providerID) // first: no place for who does not know a provider
	if err != nil {
		return err
	}
	select {
	case r.room <- struct{}{}:
		defer func() { <-r.room }()
	default:
		return errBusy
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, q.Body, maxBody))
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return errLarge
		}
		return errForm
	}
	e, err := verifier.Verify(body, q.Header)
	switch {
	case errors.Is(err, client.ErrBadEvent):
		return errForm
	case err != nil:
		return fault.Wrap(fault.Unauthorized, errSignature.Text, err)
	}
	return r.note(q.Context(), providerID, e)
}

// verifier takes deliveries whose signature fits the provider's secret and whose
// time is near.
func (r *Receiver) verifier(ctx context.Context, providerID string) (*client.Verifier, error) {
	if !id.Valid(id.Provider, providerID) {
		return nil, errSignature
	}
	_, secret, err := r.Providers.Hook(ctx, providerID)
	if fault.Is(err, fault.NotFound) {
		return nil, errSignature
	}
	if err != nil {
		return nil, err
	}
	v, err := client.NewVerifier([]string{secret})
	if err != nil {
		return nil, fmt.Errorf("webhook of %s: %w", providerID, err)
	}
	return v, nil
}

// note brings the look at what an event is of forward, once for each event. What
// is of no order is taken and left.
func (r *Receiver) note(ctx context.Context, providerID string, e client.Event) error {
	if e.Order == nil {
		return nil
	}
	return r.DB.Write(ctx, func(tx *db.Tx) error { return Note(tx, providerID, e.ID, e.Order.Order, e.Order.Refill) })
}

// Note brings the look at an order and a refill of a provider's forward, if its
// event was not noted before.
func Note(tx *db.Tx, providerID, eventID, orderID, refillID string) error {
	for _, name := range []string{eventID, orderID, refillID} {
		if len(name) > maxID || strings.ContainsRune(name, 0) { // which PostgreSQL stores in no text
			return errForm
		}
	}
	if eventID == "" {
		return errForm
	}
	fresh, err := tx.ExecOne(`INSERT INTO provider_hints (provider_id, event_id, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		providerID, eventID, db.At(tx.Now))
	if err != nil {
		return fmt.Errorf("note hint %s: %w", eventID, err)
	}
	if !fresh {
		return nil
	}
	if orderID != "" {
		if err := order.Hint(tx, providerID, orderID); err != nil {
			return err
		}
	}
	if refillID != "" {
		return order.HintRefill(tx, providerID, refillID)
	}
	return nil
}

// CheckSecret refuses what is no secret of a webhook.
func CheckSecret(secret string) error {
	if _, err := client.NewVerifier([]string{secret}); err != nil {
		return fault.New(fault.Invalid, "the secret must be whsec_ and base64 of 32 bytes, as the provider showed it")
	}
	return nil
}

// Forget is the loop that forgets events which are too old to come again.
func Forget(d *db.DB) worker.Loop {
	return worker.Loop{Name: "hints", Every: time.Minute, Pass: func(ctx context.Context) (int, error) {
		return 0, d.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(`DELETE FROM provider_hints WHERE at < $1`, db.At(tx.Now.Add(-2*window)))
			return err
		})
	}}
}
