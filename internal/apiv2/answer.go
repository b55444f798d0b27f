package apiv2

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ratelimit"
)

// answer is what goes out: the status, a body and how it is to be read.
type answer struct {
	status     int
	body       []byte
	plain      bool // text, not JSON
	allow      string
	retryAfter int  // seconds; 0 is none
	hangUp     bool // the connection is not used again
	limits     ratelimit.Verdict
	etag       string
	encoding   string             // of the body; "" is none
	delivered  func(arrived bool) // may be nil
	refused    *fault.Error       // nil: carried out
	by         *call              // nil: no usable key is known
}

// send writes the answer and, where somebody wants to know, tells whether it
// arrived: all of it was handed to the network while the client was there. A
// proxy between may still lose it.
func (a answer) send(w http.ResponseWriter, r *http.Request) {
	a.head(w.Header())
	// Afterwards it would be too late to ask: who has read an answer may hang up.
	waits := r.Context().Err() == nil
	w.WriteHeader(a.status)
	_, err := w.Write(a.body)
	if a.delivered == nil {
		return
	}
	if err == nil {
		err = http.NewResponseController(w).Flush()
	}
	a.delivered(waits && err == nil)
}

func (a answer) head(h http.Header) {
	h.Set("Content-Type", "application/json")
	if a.plain {
		h.Set("Content-Type", "text/plain; charset=utf-8")
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if a.status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	if a.etag != "" {
		h.Set("ETag", a.etag)
		h.Set("Vary", "Accept-Encoding")
	}
	if a.encoding != "" {
		h.Set("Content-Encoding", a.encoding)
	}
	if a.allow != "" {
		h.Set("Allow", a.allow)
	}
	if a.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(a.retryAfter))
	}
	if a.hangUp {
		h.Set("Connection", "close")
	}
	writeLimits(h, a.limits)
}

// afterMaintenance is when to ask again a panel that is closed, in seconds.
const afterMaintenance = 60

// ok answers with a value as compact JSON.
func ok(v any) answer { return answer{status: http.StatusOK, body: encode(v)} }

// encode writes compact JSON without escapes for HTML and without a line's end.
func encode(v any) []byte {
	w := newWriter()
	if err := w.put(v); err != nil {
		return []byte(`{"error":"Internal error"}`) // only values of this package come here; none fails
	}
	return w.Bytes()
}

// errorBody is the body of every error: one field.
type errorBody struct {
	Error string `json:"error"`
}

// refuse answers with a fault in the native form.
func refuse(f *fault.Error) answer {
	a := answer{status: f.Code.HTTPStatus(), body: encode(errorBody{f.Text}), refused: f}
	switch f.Code {
	case fault.MethodNotAllowed:
		a.allow = http.MethodPost
	case fault.Unavailable:
		a.retryAfter = 1
		if f.Reason == fault.Maintenance {
			a.retryAfter = afterMaintenance
		}
	default:
	}
	return a
}

// text answers in plain text, for clients that take any JSON for a final word.
func text(status int, f *fault.Error) answer {
	a := refuse(f)
	a.status, a.body, a.plain = status, []byte(f.Text), true
	return a
}

// member is a name and value of an object that keeps its order.
type member struct {
	name  string
	value any
}

// ordered is a JSON object with its members in the given order.
type ordered []member

// MarshalJSON implements json.Marshaler.
func (o ordered) MarshalJSON() ([]byte, error) {
	w := newWriter()
	err := w.putOrdered(o)
	return w.Bytes(), err
}

// writer puts JSON together.
type writer struct {
	bytes.Buffer

	encoder *json.Encoder // into the buffer
}

func newWriter() *writer {
	w := &writer{}
	w.encoder = json.NewEncoder(&w.Buffer)
	w.encoder.SetEscapeHTML(false)
	return w
}

// put appends a value. An object of ours is not left to the encoder, which reads and
// copies once more whatever MarshalJSON returns.
func (w *writer) put(v any) error {
	if o, is := v.(ordered); is {
		return w.putOrdered(o)
	}
	if err := w.encoder.Encode(v); err != nil {
		return fmt.Errorf("encode %T: %w", v, err)
	}
	w.Truncate(w.Len() - 1) // the line's end
	return nil
}

// putOrdered appends the members one after the other.
func (w *writer) putOrdered(o ordered) error {
	w.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			w.WriteByte(',')
		}
		if err := w.put(m.name); err != nil {
			return err
		}
		w.WriteByte(':')
		if err := w.put(m.value); err != nil {
			return err
		}
	}
	w.WriteByte('}')
	return nil
}
