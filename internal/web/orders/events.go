package orders

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/ui"
)

const (
	// watchedMost is how many orders a stream may name.
	watchedMost = 100
	// pingEvery keeps proxies from taking a quiet stream for a dead one.
	pingEvery = 20 * time.Second
	// streamFor bounds a stream: what lets a reader in may have changed otherwise than
	// by the end of the session.
	streamFor = 10 * time.Minute
	// sendTimeout is how long a reader may take for what is sent.
	sendTimeout = 20 * time.Second
)

// watching is what a page listens to: lines of orders, or one with all that its page
// shows.
type watching struct {
	scope  order.Scope
	lines  []int64
	whole  order.Ref
	before int64 // which of its runs are shown

	ids map[string]int64 // the lines' numbers, by id
}

func (p *Pages) readWatching(r *http.Request) (*watching, error) {
	q := r.URL.Query()
	w := &watching{scope: p.scope(r), whole: order.Ref(q.Get("whole")), before: cursorIn(q)}
	if list := q.Get("orders"); list != "" {
		for name := range strings.SplitSeq(list, ",") {
			number, err := strconv.ParseInt(name, 10, 32)
			if err != nil || len(w.lines) == watchedMost {
				return nil, fault.New(fault.Invalid, "orders must be at most 100 numbers of orders")
			}
			w.lines = append(w.lines, number)
		}
	}
	return w, nil
}

// Events streams the parts of a page that change: lines of the orders that it names,
// or all of one order's page. What it shows is sent at once, for it may have changed
// since the page was made, and each change after it. It ends when nobody is signed
// in there any more.
func (p *Pages) Events(w http.ResponseWriter, r *http.Request) error {
	watching, err := p.readWatching(r)
	if err != nil {
		return err
	}
	h := w.Header()
	if len(watching.lines) == 0 && watching.whole == "" || r.Method == http.MethodHead {
		h.Set("Content-Type", "text/event-stream")
		return nil
	}
	who := p.person(r)
	s, err := p.live.begin(who)
	if err != nil {
		h.Set("Retry-After", "5")
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(errTooMany.Text)) // a script asked
		return nil
	}
	defer p.live.end(s)
	first, err := p.first(r.Context(), s, watching)
	if err != nil {
		return err
	}
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	out := &eventWriter{w: w, control: http.NewResponseController(w)}
	_ = out.control.SetReadDeadline(time.Time{}) // the request has been read; what comes now is its end
	if out.send(first) != nil {
		return nil // the reader has gone
	}
	p.follow(r.Context(), s, watching, out)
	return nil
}

// follow sends changes until the stream or its reader is gone.
func (p *Pages) follow(ctx context.Context, s *stream, watching *watching, out *eventWriter) {
	ping, long := time.NewTicker(pingEvery), time.NewTimer(streamFor)
	defer ping.Stop()
	defer long.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-long.C:
			return // the page asks again, and is let in anew
		case <-s.over:
			if p.live.hasLeft(s) {
				_ = out.write("event: signed-out\ndata:\n\n") // the reader may have gone
			}
			return
		case <-ping.C:
			err = out.write(":\n\n")
		case <-s.wake:
			var parts []byte
			if parts, err = p.changes(ctx, s, watching); err == nil {
				err = out.send(parts)
			}
		}
		if err != nil {
			return // the page connects again
		}
	}
}

// first is what a page shows, as it is now.
func (p *Pages) first(ctx context.Context, s *stream, w *watching) ([]byte, error) {
	if w.whole != "" {
		return p.wholeNow(ctx, s, w)
	}
	found, err := p.deps.Orders.ByNumbers(ctx, w.scope, w.lines)
	if err != nil {
		return nil, err
	}
	w.ids = make(map[string]int64, len(found))
	ids := make([]string, len(found))
	for i, o := range found {
		ids[i], w.ids[o.ID] = o.ID, o.Number
	}
	if err := p.live.watch(ctx, s, ids); err != nil {
		return nil, err
	}
	return p.linesNow(ctx, w, w.lines)
}

// changes is what has changed, as it is now.
func (p *Pages) changes(ctx context.Context, s *stream, w *watching) ([]byte, error) {
	ids := p.live.taken(s)
	if len(ids) == 0 {
		return nil, nil
	}
	if w.whole != "" {
		return p.wholeNow(ctx, s, w)
	}
	var numbers []int64
	for _, orderID := range ids {
		numbers = append(numbers, w.ids[orderID])
	}
	return p.linesNow(ctx, w, numbers)
}

func (p *Pages) linesNow(ctx context.Context, w *watching, numbers []int64) ([]byte, error) {
	found, err := p.deps.Orders.ByNumbers(ctx, w.scope, numbers)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, o := range found {
		if err := lineParts(o).Render(p.nowIn(ctx), &b); err != nil {
			return nil, err //nolint:wrapcheck // a component's
		}
	}
	return b.Bytes(), nil
}

// wholeNow is an order's page without its frame. Its runs may be more than before, so
// what is watched is set anew.
func (p *Pages) wholeNow(ctx context.Context, s *stream, w *watching) ([]byte, error) {
	ctx = p.nowIn(ctx)
	v, err := p.view(ctx, w.scope, w.whole, w.before)
	if err != nil {
		return nil, err
	}
	if err := p.live.watch(ctx, s, v.watched()); err != nil {
		return nil, err
	}
	if v, err = p.view(ctx, w.scope, w.whole, w.before); err != nil {
		return nil, err
	}
	return rendered(ctx, orderBlock(v, true))
}

func rendered(ctx context.Context, c templ.Component) ([]byte, error) {
	var b bytes.Buffer
	err := c.Render(ctx, &b)
	return b.Bytes(), err
}

// nowIn is the context of a page that is shown now: a stream outlives the moment of
// its request.
func (p *Pages) nowIn(ctx context.Context) context.Context {
	v := *ui.Of(ctx)
	v.Now = p.deps.Now()
	return ui.With(ctx, &v)
}

// eventWriter sends events to a page.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// send sends parts of a page as one event.
func (e *eventWriter) send(parts []byte) error {
	if len(parts) == 0 {
		return nil
	}
	return e.write("data: " + strings.ReplaceAll(strings.ReplaceAll(string(parts), "\r", ""), "\n", "\ndata: ") + "\n\n")
}

func (e *eventWriter) write(text string) error {
	_ = e.control.SetWriteDeadline(time.Now().Add(sendTimeout)) //nolint:forbidigo // the connection's clock
	if _, err := e.w.Write([]byte(text)); err != nil {          //nolint:gosec // components have escaped it
		return err //nolint:wrapcheck // the reader has gone
	}
	return e.control.Flush() //nolint:wrapcheck // the reader has gone
}

// wholePath is where changes of an order's page come from.
func wholePath(o *order.Order, before int64) string {
	return in(o.Mode, eventsPath, "whole", strconv.FormatInt(o.Number, 10), "before", cursor(before))
}

// cursor writes the number that a page goes on before; "" is the newest page.
func cursor(before int64) string {
	if before == 0 {
		return ""
	}
	return strconv.FormatInt(before, 10)
}
