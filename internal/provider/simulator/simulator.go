// Package simulator is a provider that delivers nothing: an HTTP handler that
// speaks the classic v2 dialect, keeps the orders it accepts and walks each of
// them to a last word. The demo and the sandbox order from it, and tests count
// what it holds.
//
// What becomes of an order is chosen by the fragment of its link, so that any
// client can ask for any outcome through the ordinary API:
//
//	#sim=complete             delivered in full; also without a fragment
//	#sim=partial:40           40 percent delivered, then Partial
//	#sim=cancel               Canceled, nothing delivered, nothing charged
//	#sim=refuse               refused: Incorrect link
//	#sim=refuse-unknown       refused with a text that nobody has classified
//	#sim=no-funds             refused: Not enough funds on balance
//	#sim=timeout-accepted     recorded, never answered
//	#sim=timeout-lost         neither recorded nor answered
//	#sim=500-accepted         recorded, answered 500 with HTML
//	#sim=500-json-accepted    recorded, answered 500 with a JSON error
//	#sim=garbage              recorded, answered 200 with a PHP notice
//	#sim=drop-body            recorded, the answer cut off in its middle
//	#sim=slow:5s              the same as without, after a wait of at most 5 minutes
//
// One outcome may be joined with slow by a comma: #sim=slow:1s,partial:40. An
// outcome that only spoils the answer lets its order run to completion. Other
// words are refused with Incorrect link.
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
const about = "This is notpanel's simulated provider: it speaks the classic v2 dialect at POST /api/v2 and delivers nothing.\n" +
	"GET /sim/orders lists the orders that it holds.\n"

// Options say how a simulator behaves.
type Options struct {
	// Key is the API key that clients have to send. Required.
	Key string

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
	key     string
	clock   clock.Clock
	log     *slog.Logger
	catalog map[int64]service
	book    *book

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
		key:     o.Key,
		clock:   o.Clock,
		log:     o.Log,
		catalog: byNumber(catalogue()),
		book:    b,
		done:    make(chan struct{}),
	}, nil
}

// ServeHTTP answers POST /api/v2 (a slash at the end is accepted) in the classic
// dialect, GET /sim/orders with the held orders as JSON, and GET / with a word
// about itself. An answer that is withheld or cut off ends in a panic with
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
