package simulator

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxBody is the largest request that is read.
const maxBody = 1 << 20

// maxBatch is the number of orders that one request may name.
const maxBatch = 100

// Content types of the answers.
const (
	typeJSON = "application/json"
	typeHTML = "text/html; charset=UTF-8"
	typeText = "text/plain; charset=utf-8"
)

// Content types of the requests.
const (
	typeForm      = "application/x-www-form-urlencoded"
	typeMultipart = "multipart/form-data"
)

// errorAnswer is an error, alone or in the place of a value.
type errorAnswer struct {
	Error string `json:"error"`
}

// balanceAnswer is the answer to balance.
type balanceAnswer struct {
	Balance  string `json:"balance"`
	Currency string `json:"currency"`
}

// member is one key of an object whose keys stand in the order of the request.
type member struct {
	key   string
	value any
}

// object is a JSON object that keeps the order of its members.
type object []member

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encode(m.key))
		b.WriteByte(':')
		b.Write(encode(m.value))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// readForm reads the parameters from a body that is URL-encoded or, as PHP sends
// an array, multipart.
func readForm(w http.ResponseWriter, r *http.Request) (form url.Values, ok bool) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return nil, false
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == typeMultipart {
		if err := r.ParseMultipartForm(maxBody); err != nil {
			return nil, false
		}
	}
	return r.PostForm, true
}

// value returns a parameter without the space around it, and as valid UTF-8: the
// journal could not hold it otherwise, and a link must read the same after a
// restart.
func value(form url.Values, name string) string {
	return strings.TrimSpace(strings.ToValidUTF8(form.Get(name), "\uFFFD"))
}

// tokensOf returns the orders or refills that a request names, each once, and
// whether it asked for them as a batch. Some clients put a list into the
// parameter for one.
func tokensOf(form url.Values, many, single string) (tokens []string, batch bool) {
	list := value(form, many)
	if list == "" {
		list = value(form, single)
		if list != "" && !strings.Contains(list, ",") {
			return []string{list}, false
		}
	}
	seen := map[string]bool{"": true}
	for token := range strings.SplitSeq(list, ",") {
		token = strings.TrimSpace(token)
		if !seen[token] {
			seen[token] = true
			tokens = append(tokens, token)
		}
	}
	return tokens, true
}

func refuse(w http.ResponseWriter, why refusal) { sendJSON(w, errorAnswer{Error: string(why)}) }

// sendInternal answers as a panel whose script failed.
func sendInternal(w http.ResponseWriter) {
	send(w, http.StatusInternalServerError, typeJSON, encode(errorAnswer{Error: string(internalError)}))
}

func sendJSON(w http.ResponseWriter, v any) { send(w, http.StatusOK, typeJSON, encode(v)) }

func send(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone needs no answer
}

// encode returns v as compact JSON with &, < and > as they are. What is sent
// here is built of text and numbers, which always encode.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// readOnly calls answer for GET and HEAD, and refuses the rest.
func readOnly(w http.ResponseWriter, r *http.Request, answer func()) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Method not allowed", http.StatusMethodNotAllowed)
		return
	}
	answer()
}
