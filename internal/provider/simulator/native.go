package simulator

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// nativeActions are the actions of the native dialect, as an unknown one is told.
const nativeActions = "services, add, status, refill, refill_status, cancel, balance, order"

// maxRequestID is the length of a request id.
const maxRequestID = 128

// native answers a request in the native dialect, which takes a form and nothing
// else.
func (s *Simulator) native(w http.ResponseWriter, r *http.Request, form url.Values) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		native.refuse(w, &flaw{native: "Method not allowed: use POST", status: http.StatusMethodNotAllowed})
		return
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != typeForm && kind != typeMultipart {
		native.refuse(w, &flaw{native: "Content-Type must be application/x-www-form-urlencoded or multipart/form-data"})
		return
	}
	switch action := value(form, "action"); action {
	case "":
		native.refuse(w, lacks("action", ""))
	case "services":
		s.nativeServices(w)
	case "add":
		s.add(w, r, form, native)
	case "status":
		s.nativeStatus(w, form)
	case "refill":
		s.nativeEach(w, r, form, action, func(token string) (any, refusal, error) {
			f, _, why, err := s.refillOne(token)
			return f.NativeID, why, err
		})
	case "refill_status":
		s.nativeRefillStatus(w, form)
	case "cancel":
		s.nativeCancel(w, r, form)
	case "balance":
		sendJSON(w, s.balance())
	case "order":
		s.nativeOrder(w, form)
	default:
		if runes := []rune(action); len(runes) > 64 {
			action = string(runes[:64])
		}
		native.refuse(w, &flaw{native: "Unknown action: " + action + ". Available actions: " + nativeActions})
	}
}

// known reads the request id of an add and reports whether the add was answered:
// because of it, or as a repeat.
func (s *Simulator) known(w http.ResponseWriter, form url.Values, rq *request) bool {
	rq.requestID = value(form, "request_id")
	for _, name := range []string{"service", "request_id"} {
		if value(form, name) == "" {
			native.refuse(w, lacks(name, ""))
			return true
		}
	}
	if len(rq.requestID) > maxRequestID || strings.ContainsFunc(rq.requestID, func(r rune) bool { return r <= ' ' || r > '~' }) {
		native.refuse(w, &flaw{native: "request_id must have 1 to 128 printable ASCII characters without spaces"})
		return true
	}
	rq.hash = hashOf(form)
	p, found, why := s.book.repeat(s.now(), *rq)
	switch {
	case !found:
		return false
	case why != "":
		native.refuse(w, say(why))
	default:
		sendJSON(w, s.placed(native, p.order))
	}
	return true
}

// nativeTokens returns the ids that a request names, or refuses it.
func nativeTokens(w http.ResponseWriter, form url.Values, name string) (tokens []string, batch, ok bool) {
	single, list := value(form, name), value(form, name+"s")
	switch {
	case single != "" && list != "":
		native.refuse(w, &flaw{native: "Send " + name + " or " + name + "s, not both"})
		return nil, false, false
	case single != "":
		return []string{single}, false, true
	}
	tokens, _ = tokensOf(form, name+"s", name)
	switch {
	case len(tokens) == 0:
		native.refuse(w, lacks(name, ""))
		return nil, false, false
	case len(tokens) > maxBatch:
		native.refuse(w, &flaw{native: name + "s must have at most 100 ids"})
		return nil, false, false
	}
	return tokens, true, true
}

func (s *Simulator) nativeStatus(w http.ResponseWriter, form url.Values) {
	tokens, batch, ok := nativeTokens(w, form, "order")
	if !ok {
		return
	}
	answers := make(object, 0, len(tokens))
	for _, token := range tokens {
		answers = append(answers, member{token, s.statusOf(native, token, !batch)})
	}
	if batch {
		sendJSON(w, answers)
		return
	}
	nativeSend(w, answers[0].value)
}

// nativeSend answers with a value, or with the error in its place.
func nativeSend(w http.ResponseWriter, v any) {
	if bad, is := v.(errorAnswer); is {
		native.refuse(w, &flaw{native: bad.Error})
		return
	}
	sendJSON(w, v)
}

// nativeEach answers an action that takes one order or several.
func (s *Simulator) nativeEach(w http.ResponseWriter, r *http.Request, form url.Values, name string, do one) {
	tokens, batch, ok := nativeTokens(w, form, "order")
	if !ok {
		return
	}
	rows := make([]object, 0, len(tokens))
	for _, token := range tokens {
		done, why, err := do(token)
		switch {
		case err != nil:
			s.fail(w, r, err)
			return
		case why != "" && !batch:
			native.refuse(w, say(why))
			return
		case why != "":
			rows = append(rows, object{{"order", token}, {"error", native.failing(why).Error}})
		case !batch:
			sendJSON(w, object{{name, done}})
			return
		case name == "cancel":
			rows = append(rows, object{{"order", token}, {name, true}})
		default:
			rows = append(rows, object{{"order", token}, {name, done}})
		}
	}
	sendJSON(w, rows)
}

func (s *Simulator) nativeCancel(w http.ResponseWriter, r *http.Request, form url.Values) {
	s.nativeEach(w, r, form, "cancel", func(token string) (any, refusal, error) {
		o, why, err := s.cancelOne(token)
		return o.NativeID, why, err
	})
}

func (s *Simulator) nativeRefillStatus(w http.ResponseWriter, form url.Values) {
	tokens, batch, ok := nativeTokens(w, form, "refill")
	if !ok {
		return
	}
	rows := make([]object, 0, len(tokens))
	for _, token := range tokens {
		f, found := s.refillNamed(token)
		switch {
		case !found && !batch:
			native.refuse(w, say(refillNotFound))
			return
		case !found:
			rows = append(rows, object{{"refill", token}, {"error", string(refillNotFound)}})
		case !batch:
			sendJSON(w, object{{"status", nativeWord(f.Status)}})
			return
		default:
			rows = append(rows, object{{"refill", token}, {"status", nativeWord(f.Status)}})
		}
	}
	sendJSON(w, rows)
}

// nativeOrder answers with one order, found by its id or its request id.
func (s *Simulator) nativeOrder(w http.ResponseWriter, form url.Values) {
	token, requestID := value(form, "order"), value(form, "request_id")
	var o Order
	var p plan
	var found bool
	switch {
	case token != "" && requestID != "":
		native.refuse(w, &flaw{native: "Send order or request_id, not both"})
		return
	case requestID != "":
		o, p, found = s.book.byRequestID(s.now(), requestID)
	case token != "":
		o, p, found = s.book.status(s.now(), number(orderPrefix, token))
		found = found && means(token, orderPrefix, o.NativeID)
	default:
		native.refuse(w, lacks("order", ""))
		return
	}
	if !found {
		native.refuse(w, say(incorrectOrder))
		return
	}
	answer := object{
		{"order", o.NativeID}, {"number", o.ID}, {"request_id", o.RequestID}, {"service", o.Service}, {"link", o.Link},
	}
	sendJSON(w, append(answer, s.report(native, o, p)...))
}
