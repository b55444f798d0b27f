package simulator

import (
	"log/slog"
	"net/http"
	"net/url"
)

// classic answers a request in the classic dialect.
func (s *Simulator) classic(w http.ResponseWriter, r *http.Request, form url.Values) {
	action := value(form, "action")
	if batch := s.accept.BatchAction; batch != "" {
		if value(form, "orders") != "" && action == "status" {
			action = ""
		}
		if action == batch {
			action = "status"
		}
	}
	switch action {
	case "services":
		s.services(w, form)
	case "add":
		s.add(w, r, form, classic)
	case "status":
		s.status(w, form)
	case "refill":
		s.refill(w, r, form)
	case "refill_status":
		s.refillStatus(w, form)
	case "cancel":
		s.cancel(w, r, form)
	case "balance":
		sendJSON(w, s.balance())
	default:
		refuse(w, incorrectRequest)
	}
}

func (s *Simulator) balance() balanceAnswer {
	return balanceAnswer{Balance: s.book.funds(s.now()).String(), Currency: s.currency}
}

func (s *Simulator) add(w http.ResponseWriter, r *http.Request, form url.Values, d dialect) {
	rq := request{link: value(form, "link")}
	rq.plan = steering(rq.link)
	if sv, found := s.book.service(value(form, "service")); found && shapeOf(sv.kind).linkless {
		rq.plan = steering(value(form, "username"))
	}
	if !s.pause(rq.plan.slow) {
		panic(http.ErrAbortHandler)
	}
	if d == native && s.known(w, form, &rq) {
		return
	}
	if bad := s.check(form, d, &rq); bad != nil {
		d.refuse(w, bad)
		return
	}
	if s.spoil(w, r, d, rq) {
		return
	}
	p, why, err := s.book.accept(s.now(), rq)
	switch {
	case err != nil:
		s.fail(w, r, err)
	case why != "":
		d.refuse(w, say(why))
	default:
		s.log.InfoContext(r.Context(), "order accepted", slog.Int64("order", p.order.ID), slog.String("outcome", rq.plan.name()))
		s.answerAdd(w, r, d, p)
	}
}

func (s *Simulator) status(w http.ResponseWriter, form url.Values) {
	tokens, batch := tokensOf(form, "orders", "order")
	if len(tokens) == 0 || len(tokens) > maxBatch {
		refuse(w, incorrectRequest)
		return
	}
	answers := make(object, 0, len(tokens))
	for _, token := range tokens {
		answers = append(answers, member{key: token, value: s.statusOf(classic, token, !batch)})
	}
	if !batch {
		sendJSON(w, answers[0].value)
		return
	}
	sendJSON(w, answers)
}

// one does something to the order or refill that a token names, and returns what
// came of it or why nothing did.
type one func(token string) (done any, why refusal, err error)

// each answers an action that takes one order or several: what the one is called
// alone, and as a value in a batch.
func (s *Simulator) each(w http.ResponseWriter, r *http.Request, tokens []string, name string, do one) {
	rows := make([]object, 0, len(tokens))
	for _, token := range tokens {
		done, why, err := do(token)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		row := object{{"order", echoed(orderPrefix, token)}}
		switch {
		case why == "":
			row = append(row, member{name, done})
		case s.flatErrors:
			row = append(row, member{"error", string(why)})
		default:
			row = append(row, member{name, errorAnswer{Error: string(why)}})
		}
		rows = append(rows, row)
	}
	sendJSON(w, rows)
}

// echoed is a token in a row: a number where it is one.
func echoed(prefix, token string) any {
	if id := number(prefix, token); id > 0 {
		return id
	}
	return token
}

func (s *Simulator) cancel(w http.ResponseWriter, r *http.Request, form url.Values) {
	tokens, batch := tokensOf(form, "orders", "order")
	if len(tokens) == 0 || len(tokens) > maxBatch || batch && s.accept.CancelOne {
		refuse(w, incorrectRequest)
		return
	}
	do := func(token string) (any, refusal, error) {
		_, why, err := s.cancelOne(token)
		return 1, why, err
	}
	if batch {
		s.each(w, r, tokens, "cancel", do)
		return
	}
	done, why, err := do(tokens[0])
	switch {
	case err != nil:
		s.fail(w, r, err)
	case why != "":
		refuse(w, why)
	default:
		sendJSON(w, object{{"cancel", done}})
	}
}

func (s *Simulator) cancelOne(token string) (Order, refusal, error) {
	id := number(orderPrefix, token)
	if o, found := s.book.look(s.now(), id); !found || !means(token, orderPrefix, o.NativeID) {
		return Order{}, incorrectOrder, nil
	}
	return s.book.cancel(s.now(), id)
}

func (s *Simulator) refill(w http.ResponseWriter, r *http.Request, form url.Values) {
	tokens, batch := tokensOf(form, "orders", "order")
	if len(tokens) == 0 || len(tokens) > maxBatch {
		refuse(w, incorrectRequest)
		return
	}
	if batch {
		s.each(w, r, tokens, "refill", func(token string) (any, refusal, error) {
			f, _, why, err := s.refillOne(token)
			return f.ID, why, err
		})
		return
	}
	f, p, why, err := s.refillOne(tokens[0])
	switch {
	case err != nil:
		s.fail(w, r, err)
	case why != "":
		refuse(w, why)
	case p.refill == refillNameless:
		sendJSON(w, object{{"status", "Success"}, {"message", "Refill request was sent"}})
	case p.refill == refillNumber:
		sendJSON(w, object{{"success", true}, {"refill", f.ID}})
	default:
		sendJSON(w, object{{"refill", f.text()}})
	}
}

func (s *Simulator) refillOne(token string) (Refill, plan, refusal, error) {
	id := number(orderPrefix, token)
	if o, found := s.book.look(s.now(), id); !found || !means(token, orderPrefix, o.NativeID) {
		return Refill{}, plan{}, incorrectOrder, nil
	}
	return s.book.refill(s.now(), id)
}

func (s *Simulator) refillStatus(w http.ResponseWriter, form url.Values) {
	if order := value(form, "order"); order != "" && value(form, "refill") == "" && value(form, "refills") == "" {
		f, found := s.book.lastRefill(s.now(), number(orderPrefix, order))
		if !found {
			refuse(w, refillNotFound)
			return
		}
		sendJSON(w, object{{"status", f.Status}})
		return
	}
	tokens, batch := tokensOf(form, "refills", "refill")
	if len(tokens) == 0 || len(tokens) > maxBatch {
		refuse(w, incorrectRequest)
		return
	}
	rows := make([]object, 0, len(tokens))
	for _, token := range tokens {
		f, found := s.refillNamed(token)
		row := object{{"refill", echoed(refillPrefix, token)}}
		switch {
		case found:
			row = append(row, member{"status", f.Status})
		case s.flatErrors:
			row = append(row, member{"error", string(refillNotFound)})
		default:
			row = append(row, member{"status", classic.failing(refillNotFound)})
		}
		rows = append(rows, row)
	}
	if batch {
		sendJSON(w, rows)
		return
	}
	f, found := s.refillNamed(tokens[0])
	if !found {
		refuse(w, refillNotFound)
		return
	}
	sendJSON(w, object{{"status", f.Status}})
}

func (s *Simulator) refillNamed(token string) (Refill, bool) {
	f, found := s.book.refillByID(s.now(), number(refillPrefix, token))
	return f, found && means(token, refillPrefix, f.NativeID)
}

// fail answers a request whose order could not be written down.
func (s *Simulator) fail(w http.ResponseWriter, r *http.Request, err error) {
	s.log.ErrorContext(r.Context(), "journal not written", slog.Any("error", err))
	sendInternal(w)
}
