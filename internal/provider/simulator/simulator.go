// Package simulator is a provider that delivers nothing: an HTTP handler that
// speaks both dialects of the v2 API, keeps the orders it accepts and walks each
// of them, and each refill, to a last word. The demo and the sandbox order from
// it, and tests count what it holds.
//
// What becomes of an order is chosen by the fragment of its link, so that any
// client can ask for any outcome through the ordinary API: #sim= and words with
// commas between them, such as
//
//	#sim=partial:40                        40 percent delivered, then Partial
//	#sim=timeout-accepted                  recorded, never answered
//	#sim=slow:1s,take-back:60,numbers      accepted after a second, Completed, later Partial; counts are numbers
//
// One word says what add answers, one what becomes of the order, one what of a
// wish to cancel, one what of a refill, one where a subscription or drip-feed
// stops; others say how its status lies. docs/simulator.md has all of them.
// A word that there is not, and two of one kind, are refused with Incorrect link.
// A subscription has no link: its user name is steered instead.
//
// The package knows nothing of the panel that orders from it: the two meet on
// the wire alone.
package simulator

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
)

// defaultPace is short enough to watch and long enough to see each status.
const defaultPace = 6 * time.Second

// about is what a browser sees that finds its way here.
const about = "This is notpanel's simulated provider: it speaks the v2 API at POST /api/v2 and delivers nothing.\n" +
	"GET /sim/orders lists the orders that it holds, /sim/catalogue and /sim/balance what it sells and our money there.\n"

// defaultCurrency is the provider's, in which its rates and charges are.
const defaultCurrency = "USD"

// Options say how a simulator behaves.
type Options struct {
	// Key is the API key that clients have to send. Required.
	Key string

	// NativeKey is a second key of the same account, whose requests are answered
	// in the native dialect. Empty: the provider has the classic one alone.
	NativeKey string

	// Currency is what the provider counts in. Empty means USD.
	Currency string

	// Accept says which forms of a request the classic dialect takes.
	Accept Accept

	// FlatErrors puts the error of a row in a classic batch beside the order, and
	// not in the place of its value.
	FlatErrors bool

	// Dir is the folder in which orders are kept, in the file simulator.jsonl.
	// It is made if it is missing, and belongs to one simulator at a time.
	// Empty: orders live in memory and end with the process.
	Dir string

	// Pace is the time from the acceptance of an order to its last word. The
	// first sixth of it is Pending, the rest In progress. Zero means 6 s. An
	// order keeps the pace that it was accepted with.
	Pace time.Duration

	// Clock tells the time that statuses are computed from. Nil means
	// clock.System. The wait of slow is real time in any case.
	Clock clock.Clock

	// Log takes a line for each order accepted and for each answer withheld.
	// Keys and links are not in it. Nil means no log.
	Log *slog.Logger
}

// Simulator is the provider, an http.Handler. It is safe for concurrent use.
type Simulator struct {
	key, nativeKey string
	currency       string
	accept         Accept
	flatErrors     bool
	clock          clock.Clock
	log            *slog.Logger
	book           *book

	stop sync.Once
	done chan struct{} // closed by Close
}

// New returns a simulator that goes on with the orders found in o.Dir. It fails
// without a key, with a negative pace, and where the folder cannot be used or
// holds a file that it cannot read.
func New(o Options) (*Simulator, error) {
	if o.Key == "" {
		return nil, errors.New("simulator: a key is required")
	}
	if o.Pace < 0 {
		return nil, errors.New("simulator: the pace is negative")
	}
	if o.NativeKey == o.Key {
		return nil, errors.New("simulator: the native key is the classic one")
	}
	if o.Currency == "" {
		o.Currency = defaultCurrency
	}
	if o.Pace == 0 {
		o.Pace = defaultPace
	}
	if o.Clock == nil {
		o.Clock = clock.System
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b, err := openBook(o.Dir, o.Pace)
	if err != nil {
		return nil, err
	}
	return &Simulator{
		key: o.Key, nativeKey: o.NativeKey,
		currency: o.Currency, accept: o.Accept, flatErrors: o.FlatErrors,
		clock: o.Clock,
		log:   o.Log,
		book:  b,
		done:  make(chan struct{}),
	}, nil
}

// ServeHTTP answers /api/v2 (a slash at the end is accepted) in the dialect of the
// key, GET /sim/orders with the held orders as JSON, and GET / with a word about
// itself. GET /sim/catalogue and /sim/balance show, and POST to them from this
// machine changes, what is sold and the balance. An answer that is withheld or cut off ends in a panic with
// http.ErrAbortHandler, which is how a handler tells its server to drop the
// connection; whatever wraps this handler has to let it pass.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.closed() {
		http.Error(w, "The simulated provider is shutting down", http.StatusServiceUnavailable)
		return
	}
	switch r.URL.Path {
	case "/api/v2", "/api/v2/":
		s.api(w, r)
	case "/sim/orders":
		readOnly(w, r, func() { sendJSON(w, rows(s.Orders())) })
	case "/sim/catalogue":
		s.catalogueControl(w, r)
	case "/sim/balance":
		s.balanceControl(w, r)
	case "/":
		readOnly(w, r, func() { send(w, http.StatusOK, typeText, []byte(about)) })
	default:
		http.NotFound(w, r)
	}
}

// Orders returns every order that the simulator holds, oldest first, each as it
// stands now. An order is in it once it was accepted, whatever was answered.
func (s *Simulator) Orders() []Order { return s.book.all(s.now()) }

// Close cuts off the requests that are held open and closes the file; later
// requests are answered 503. Call it before http.Server.Shutdown or
// httptest.Server.Close, both of which wait for held requests. Calls after the
// first do nothing.
func (s *Simulator) Close() error {
	var err error
	s.stop.Do(func() {
		close(s.done)
		err = s.book.close()
	})
	return err
}

func (s *Simulator) closed() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// now is the time in the precision in which it is kept, so that a status reads
// the same before and after a restart.
func (s *Simulator) now() time.Time { return clock.FromMicros(clock.Micros(s.clock())) }
