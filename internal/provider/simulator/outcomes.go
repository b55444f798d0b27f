package simulator

import (
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxSlow bounds the wait that a link may ask for.
const maxSlow = 5 * time.Minute

// outcome is the word of a link's fragment that says what becomes of its order.
type outcome string

const (
	completes       outcome = "complete"
	endsPartial     outcome = "partial"
	endsCanceled    outcome = "cancel"
	refused         outcome = "refuse"
	refusedUnknown  outcome = "refuse-unknown"
	refusedFunds    outcome = "no-funds"
	timeoutAccepted outcome = "timeout-accepted"
	timeoutLost     outcome = "timeout-lost"
	htmlAccepted    outcome = "500-accepted"
	jsonAccepted    outcome = "500-json-accepted"
	garbage         outcome = "garbage"
	dropBody        outcome = "drop-body"
)

// plan is what a link asks for.
type plan struct {
	outcome outcome
	percent int64         // what endsPartial delivers of the quantity
	slow    time.Duration // before anything is done
}

// steering reads the plan from a link. A link without steering asks for
// completion, one with words that there are not for a refusal.
func steering(link string) plan {
	p := plan{outcome: completes}
	_, fragment, _ := strings.Cut(link, "#")
	// Some clients escape the colon and the comma on their way.
	if plain, err := url.PathUnescape(fragment); err == nil {
		fragment = plain
	}
	words, steered := strings.CutPrefix(fragment, "sim=")
	if !steered {
		return p
	}
	var outcomes, waits int
	for word := range strings.SplitSeq(words, ",") {
		wait, ok := p.take(word)
		if wait {
			waits++
		} else {
			outcomes++
		}
		if !ok || waits > 1 || outcomes > 1 {
			return plan{outcome: refused}
		}
	}
	return p
}

// take adds one word to the plan and reports whether it was a wait, and whether
// it was a word at all.
func (p *plan) take(word string) (wait, ok bool) {
	name, argument, has := strings.Cut(word, ":")
	switch name {
	case "slow":
		d, err := time.ParseDuration(argument)
		p.slow = d
		return true, err == nil && d > 0 && d <= maxSlow
	case string(endsPartial):
		// 100 is allowed: a Partial without remains is something clients meet.
		n, err := strconv.ParseUint(argument, 10, 8)
		p.outcome, p.percent = endsPartial, int64(n)
		return false, err == nil && n <= 100
	}
	p.outcome = outcome(name)
	return false, !has && p.outcome.plain()
}

// plain reports whether o is an outcome that stands without an argument.
func (o outcome) plain() bool {
	switch o {
	case completes, endsCanceled, refused, refusedUnknown, refusedFunds, timeoutAccepted,
		timeoutLost, htmlAccepted, jsonAccepted, garbage, dropBody:
		return true
	default:
		return false
	}
}

// refusal is the text that the plan wants an add to be refused with, or "".
func (p plan) refusal() refusal {
	switch p.outcome {
	case refused:
		return incorrectLink
	case refusedUnknown:
		return declined
	case refusedFunds:
		return notEnoughFunds
	default:
		return ""
	}
}

// ending returns the last word on an order and what remains of its quantity.
func (p plan) ending(quantity int64) (status string, remains int64) {
	switch p.outcome {
	case endsPartial:
		// Rounded down: a started unit is not a delivered one.
		return statusPartial, quantity - share(quantity, p.percent, 100)
	case endsCanceled:
		return statusCanceled, quantity
	default:
		return statusCompleted, 0
	}
}

// What the misbehaving outcomes answer.
const (
	htmlError = "<html>\n<head><title>500 Internal Server Error</title></head>\n" +
		"<body><center><h1>500 Internal Server Error</h1></center></body>\n</html>\n"
	phpNotice = "<br />\n<b>Notice</b>:  Undefined index: order in <b>/var/www/html/api/v2.php</b> on line <b>214</b><br />\n"
)

// answerAdd answers an add whose order was recorded, in the way of its plan.
func (s *Simulator) answerAdd(w http.ResponseWriter, r *http.Request, o outcome, id int64) {
	switch o {
	case timeoutAccepted:
		s.hold(r, o)
	case htmlAccepted:
		send(w, http.StatusInternalServerError, typeHTML, []byte(htmlError))
	case jsonAccepted:
		sendInternal(w)
	case garbage:
		send(w, http.StatusOK, typeHTML, []byte(phpNotice))
	case dropBody:
		cutOff(w, encode(orderAnswer{Order: id}))
	default:
		sendJSON(w, orderAnswer{Order: id})
	}
}

// hold keeps a request open until its client goes away or the simulator is
// closed, and never answers it.
func (s *Simulator) hold(r *http.Request, o outcome) {
	s.log.InfoContext(r.Context(), "answer withheld", slog.String("outcome", string(o)))
	select {
	case <-r.Context().Done():
	case <-s.done:
	}
	panic(http.ErrAbortHandler) // to return would send an empty 200
}

// cutOff promises the whole body, sends the half of it and drops the connection.
func cutOff(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", typeJSON)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush() // or nothing of it would leave
	panic(http.ErrAbortHandler)
}

// pause waits for d. It does not care whether the client is still there: neither
// does the script of a slow provider. It returns false if the simulator closed.
func (s *Simulator) pause(d time.Duration) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.done:
		return false
	}
}
