package simulator

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// What the misbehaving outcomes answer.
const (
	htmlError = "<html>\n<head><title>500 Internal Server Error</title></head>\n" +
		"<body><center><h1>500 Internal Server Error</h1></center></body>\n</html>\n"
	phpNotice = "<br />\n<b>Notice</b>:  Undefined index: order in <b>/var/www/html/api/v2.php</b> on line <b>214</b><br />\n"
)

// answerAdd answers an add whose order was recorded, in the way of its plan.
func (s *Simulator) answerAdd(w http.ResponseWriter, r *http.Request, d dialect, p placing) {
	body := s.placed(d, p.order)
	switch o := p.plan.answer; o {
	case timeoutAccepted:
		s.hold(r, o)
	case htmlAccepted:
		send(w, http.StatusInternalServerError, typeHTML, []byte(htmlError))
	case jsonAccepted:
		sendInternal(w)
	case garbage:
		send(w, http.StatusOK, typeHTML, []byte(phpNotice))
	case dropBody:
		cutOff(w, encode(body))
	case duplicateID:
		sendJSON(w, s.placed(d, p.prior))
	case idAndError:
		sendJSON(w, object{{"order", d.id(p.order)}, {"error", somethingWrong}})
	case noID:
		sendJSON(w, object{{"status", "success"}})
	case textID:
		sendJSON(w, object{{"order", d.text(p.order)}})
	case created:
		send(w, http.StatusCreated, typeJSON, encode(object{
			{"status", "success"}, {"order", d.id(p.order)}, {"charge", p.order.Charge.String()}, {"currency", s.currency},
		}))
	case emptyBody:
		send(w, http.StatusOK, typeJSON, nil)
	case redirects:
		// Back to where it came from: a client that follows orders again.
		w.Header().Set("Location", r.URL.Path)
		send(w, http.StatusTemporaryRedirect, typeHTML, nil)
	default:
		sendJSON(w, body)
	}
}

// spoil answers an add that is to leave no order behind, and reports whether it
// did. It may not return, as hold.
func (s *Simulator) spoil(w http.ResponseWriter, r *http.Request, d dialect, rq request) bool {
	if why := rq.plan.refusal(); why != "" {
		d.refuse(w, say(why))
		return true
	}
	of := steeredBy(rq.link, rq.fields)
	switch rq.plan.answer {
	case refusedLater:
		if !s.book.spoils(of, rq.plan.times) {
			return false
		}
		if d == native {
			w.Header().Set("X-Ratelimit-Deniedby", "key")
			w.Header().Set("Retry-After", "1")
		}
		d.refuse(w, say(tooMany))
	case bareStatus:
		if rq.plan.code == http.StatusTooManyRequests || rq.plan.code == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1")
		}
		send(w, rq.plan.code, typeText, []byte(http.StatusText(rq.plan.code)+"\n"))
	case timeoutLost:
		times := rq.plan.times
		if d == native {
			// A request that can be repeated safely is lost once, or nobody could see
			// that its repeat settles it.
			of, times = rq.requestID, max(times, 1)
		}
		if !s.book.spoils(of, times) {
			return false
		}
		s.hold(r, timeoutLost)
	default:
		return false
	}
	return true
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
