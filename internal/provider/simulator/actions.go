package simulator

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"

	"github.com/notpanel/notpanel/internal/money"
)

// api answers a request in the classic dialect.
func (s *Simulator) api(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		refuse(w, incorrectRequest)
		return
	}
	form, ok := readForm(w, r)
	if !ok {
		refuse(w, incorrectRequest)
		return
	}
	if subtle.ConstantTimeCompare([]byte(value(form, "key")), []byte(s.key)) != 1 {
		refuse(w, invalidKey)
		return
	}
	switch value(form, "action") {
	case "services":
		s.services(w)
	case "add":
		s.add(w, r, form)
	case "status":
		s.status(w, form)
	case "cancel":
		s.cancel(w, r, form)
	case "balance":
		sendJSON(w, balanceAnswer{Balance: s.book.funds(s.now()).String(), Currency: currency})
	default:
		refuse(w, incorrectRequest)
	}
}

func (s *Simulator) services(w http.ResponseWriter) {
	list := catalogue()
	rows := make([]serviceRow, 0, len(list))
	for _, sv := range list {
		rows = append(rows, sv.row())
	}
	sendJSON(w, rows)
}

// request is an order as asked for.
type request struct {
	service, quantity int64
	link              string
	plan              plan
}

func (s *Simulator) add(w http.ResponseWriter, r *http.Request, form url.Values) {
	p := steering(value(form, "link"))
	if !s.pause(p.slow) {
		panic(http.ErrAbortHandler)
	}
	rq, charge, why := s.check(form)
	if why == "" {
		why = p.refusal()
	}
	if why != "" {
		refuse(w, why)
		return
	}
	if p.outcome == timeoutLost {
		s.hold(r, p.outcome)
	}
	rq.plan = p
	id, why, err := s.book.accept(s.now(), rq, charge)
	switch {
	case err != nil:
		s.fail(w, r, err)
	case why != "":
		refuse(w, why)
	default:
		s.log.InfoContext(r.Context(), "order accepted", slog.Int64("order", id), slog.String("outcome", string(p.outcome)))
		s.answerAdd(w, r, p.outcome, id)
	}
}

// check reads an order and its charge, or says why it cannot be one.
func (s *Simulator) check(form url.Values) (rq request, charge money.Amount, why refusal) {
	number, err := strconv.ParseInt(value(form, "service"), 10, 64)
	sv, found := s.catalog[number]
	if err != nil || !found {
		return rq, 0, incorrectService
	}
	rq = request{service: number, link: value(form, "link"), quantity: quantity(value(form, "quantity"))}
	switch {
	case rq.link == "":
		return rq, 0, badLink
	case rq.quantity < sv.min:
		return rq, 0, refusal(fmt.Sprintf("Quantity less than minimal %d", sv.min))
	case rq.quantity > sv.max:
		return rq, 0, refusal(fmt.Sprintf("Quantity more than maximum %d", sv.max))
	}
	charge, err = money.Charge(sv.rate, rq.quantity)
	if err != nil {
		return rq, 0, incorrectRequest
	}
	return rq, charge, ""
}

// quantity reads a number as a lenient script does: what is no number is 0, what
// is too large to hold is very large.
func quantity(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0
	}
	return n
}

func (s *Simulator) status(w http.ResponseWriter, form url.Values) {
	tokens, batch := orderTokens(form)
	if len(tokens) == 0 || len(tokens) > maxBatch {
		refuse(w, incorrectRequest)
		return
	}
	answers := make(object, 0, len(tokens))
	for _, token := range tokens {
		answers = append(answers, member{key: token, value: s.statusOf(token)})
	}
	if !batch {
		sendJSON(w, answers[0].value)
		return
	}
	sendJSON(w, answers)
}

// statusOf returns a statusAnswer or an errorAnswer.
func (s *Simulator) statusOf(token string) any {
	st, found := s.book.status(s.now(), orderID(token))
	if !found {
		return errorAnswer{Error: incorrectOrder}
	}
	return st.answer()
}

func (s *Simulator) cancel(w http.ResponseWriter, r *http.Request, form url.Values) {
	tokens, batch := orderTokens(form)
	if len(tokens) == 0 || len(tokens) > maxBatch {
		refuse(w, incorrectRequest)
		return
	}
	rows := make([]cancelRow, 0, len(tokens))
	for _, token := range tokens {
		row, err := s.cancelOne(token)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		rows = append(rows, row)
	}
	if batch {
		sendJSON(w, rows)
		return
	}
	if _, done := rows[0].Cancel.(int); done {
		sendJSON(w, cancelAnswer{Cancel: 1})
		return
	}
	sendJSON(w, rows[0].Cancel)
}

func (s *Simulator) cancelOne(token string) (cancelRow, error) {
	row := cancelRow{Order: token, Cancel: 1}
	id := orderID(token)
	if id > 0 {
		row.Order = id
	}
	why, err := s.book.cancel(s.now(), id, func(service int64) bool { return s.catalog[service].cancel })
	if why != "" {
		row.Cancel = errorAnswer{Error: why}
	}
	return row, err
}

// fail answers a request whose order could not be written down.
func (s *Simulator) fail(w http.ResponseWriter, r *http.Request, err error) {
	s.log.ErrorContext(r.Context(), "journal not written", slog.Any("error", err))
	sendInternal(w)
}
