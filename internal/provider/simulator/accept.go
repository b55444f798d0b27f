package simulator

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
)

// Accept says which requests the classic dialect takes beside a POST with the
// parameters in a form, or in its place: no two panels agree. The zero value is
// what most of them take.
type Accept struct {
	Get    bool // GET with everything in the query, add included
	Query  bool // POST with the parameters in the query; what is in the body wins
	JSON   bool // POST with a JSON object
	NoForm bool // no POST with a form

	// Names maps parameters to the names that they have here in their place, such
	// as key to api, link to url and order to order_id.
	Names map[string]string

	// BatchAction is the action that takes orders in place of status, such as
	// orders or multi_status. Empty: status does.
	BatchAction string

	// CancelOne lets cancel take order alone, and refuse orders.
	CancelOne bool

	// Header has the headers that a request needs, by their names. Others are
	// turned away with a page, as a firewall does.
	Header map[string]string
}

// firewall is what a request without the headers gets.
const firewall = "<html>\n<head><title>403 Forbidden</title></head>\n<body><center><h1>403 Forbidden</h1></center></body>\n</html>\n"

// api finds out in which dialect a request is to be answered, and whether at all.
func (s *Simulator) api(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(w, incorrectRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	form, ok := readForm(w, r)
	members, _ := readObject(text)
	if s.isNative(form.Get("key")) || s.isNative(members.Get("key")) {
		s.native(w, r, form)
		return
	}
	if s.isNative(r.URL.Query().Get("key")) {
		if r.Method == http.MethodPost {
			native.refuse(w, &flaw{native: "Send the key in the body, never in the URL"})
			return
		}
		s.native(w, r, nil)
		return
	}
	for name, want := range s.accept.Header {
		if r.Header.Get(name) != want {
			send(w, http.StatusForbidden, typeHTML, []byte(firewall))
			return
		}
	}
	form, ok = s.accept.read(r, text, form, ok)
	if !ok {
		refuse(w, incorrectRequest)
		return
	}
	form = s.accept.rename(form)
	if subtle.ConstantTimeCompare([]byte(value(form, "key")), []byte(s.key)) != 1 {
		refuse(w, invalidKey)
		return
	}
	s.classic(w, r, form)
}

func (s *Simulator) isNative(key string) bool {
	return s.nativeKey != "" && subtle.ConstantTimeCompare([]byte(key), []byte(s.nativeKey)) == 1
}

// read returns the parameters of a request, if it comes in a way that is taken.
// The form is what its body held, whole if that was ok.
func (a Accept) read(r *http.Request, body []byte, form url.Values, whole bool) (url.Values, bool) {
	if r.Method == http.MethodGet && a.Get {
		return r.URL.Query(), true
	}
	if r.Method != http.MethodPost {
		return nil, false
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case kind == typeJSON:
		if !a.JSON {
			return nil, false
		}
		if form, whole = readObject(body); !whole {
			return nil, false
		}
	case a.NoForm && len(body) > 0, !whole, a.NoForm && !a.Query:
		return nil, false
	}
	if a.Query {
		all := r.URL.Query()
		maps.Copy(all, form)
		return all, true
	}
	return form, true
}

// readObject reads parameters from a JSON object of texts, numbers and booleans.
func readObject(body []byte) (url.Values, bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var members map[string]any
	if err := d.Decode(&members); err != nil || d.More() {
		return nil, false
	}
	form := url.Values{}
	for name, v := range members {
		switch v := v.(type) {
		case string:
			form.Set(name, v)
		case json.Number:
			form.Set(name, v.String())
		case bool:
			form.Set(name, map[bool]string{true: "1", false: "0"}[v])
		case nil:
		default:
			return nil, false
		}
	}
	return form, true
}

// rename gives the parameters the names of the dialect. One that has another
// name here is not known by its own.
func (a Accept) rename(form url.Values) url.Values {
	if len(a.Names) == 0 {
		return form
	}
	taken := map[string]bool{}
	for _, here := range a.Names {
		taken[here] = true
	}
	renamed := url.Values{}
	for name, values := range form {
		if _, moved := a.Names[name]; !moved && !taken[name] {
			renamed[name] = values
		}
	}
	for name, here := range a.Names {
		if values, there := form[here]; there {
			renamed[name] = values
		}
	}
	return renamed
}
