package apiv2

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/fault"
)

const (
	// maxBody bounds a request's body: mass comments fit.
	maxBody = 1 << 20
	// maxFields bounds how many fields of a body are looked at.
	maxFields = 1000
)

// form is how a request's fields were written.
type form int

const (
	noBody form = iota
	urlencoded
	multipartForm
	jsonObject
	otherForm
)

// input is a request as it was read: the same for every dialect, which then says
// what of it is allowed.
type input struct {
	method     string
	form       form
	body       map[string]string // first value of each field, trimmed
	query      map[string]string
	keyInQuery bool
	problem    error // what is wrong with the body; told once the key is known
}

// get returns a field of the body.
func (in *input) get(name string) string { return in.body[name] }

// either returns a field of the body or, where that has none, of the query.
func (in *input) either(name string) string {
	if v, ok := in.body[name]; ok {
		return v
	}
	return in.query[name]
}

// errTooLarge answers a body above the limit.
//
//nolint:gochecknoglobals // a constant that Go can't spell as one
var errTooLarge = fault.New(fault.TooLarge, "Request body too large")

// read reads query and body of a request, whatever form they have. Its error
// means that nothing of the request can be used; a body that is merely not what
// it should be is in problem.
func read(r *http.Request) (*input, error) {
	in := &input{method: r.Method, body: map[string]string{}, query: map[string]string{}}
	in.readQuery(r.URL.RawQuery)
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return in, errTooLarge
	case err != nil:
		return in, fault.Wrap(fault.Invalid, "Request body could not be read", err)
	}
	if r.Header.Get("Content-Encoding") != "" {
		in.form, in.problem = otherForm, fault.New(fault.Invalid, "Content-Encoding is not supported: send the body as it is")
		return in, nil
	}
	in.readBody(r.Header.Get("Content-Type"), body)
	for name, v := range in.body {
		in.body[name] = strings.TrimSpace(v)
	}
	return in, nil
}

// readQuery keeps the first value of each parameter; what can't be decoded is
// left out, for nothing in the query is needed.
func (in *input) readQuery(raw string) {
	for name, values := range firstValues(raw) {
		in.query[name] = strings.TrimSpace(values)
	}
	_, in.keyInQuery = in.query["key"]
}

// firstValues decodes form-encoded text; the first of repeated fields wins.
func firstValues(raw string) map[string]string {
	fields := map[string]string{}
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, errName := url.QueryUnescape(name)
		value, errValue := url.QueryUnescape(value)
		if _, known := fields[name]; known || errName != nil || errValue != nil || name == "" || len(fields) >= maxFields {
			continue
		}
		fields[name] = value
	}
	return fields
}

// readBody decodes by content type, and by the first byte where there is none.
func (in *input) readBody(contentType string, body []byte) {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		mediaType = ""
	}
	switch {
	case mediaType == "multipart/form-data":
		in.form = multipartForm
		in.readMultipart(body, parameters["boundary"])
	case len(bytes.TrimSpace(body)) == 0:
		in.form = noBody
	case mediaType == "application/x-www-form-urlencoded":
		in.form = urlencoded
		in.body = firstValues(string(body))
	case mediaType == "application/json", bytes.TrimSpace(body)[0] == '{':
		in.form = jsonObject
		in.readJSON(body)
	default:
		in.form = otherForm
		in.body = firstValues(string(body))
	}
}

func (in *input) readMultipart(body []byte, boundary string) {
	malformed := fault.New(fault.Invalid, "multipart body is malformed")
	if boundary == "" {
		in.problem = malformed
		return
	}
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for range maxFields {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			in.problem = malformed
			return
		}
		value, err := io.ReadAll(part)
		if err != nil {
			in.problem = malformed
			return
		}
		if name := part.FormName(); name != "" && part.FileName() == "" {
			if _, known := in.body[name]; !known {
				in.body[name] = string(value)
			}
		}
	}
}

// readJSON reads an object's members token by token: the first of repeated names
// wins, numbers and booleans become text, deeper values are passed over.
func (in *input) readJSON(body []byte) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		in.problem = fault.New(fault.Invalid, "JSON body must be an object")
		return
	}
	for decoder.More() && len(in.body) < maxFields {
		token, err := decoder.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			break
		}
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			in.problem = fault.New(fault.Invalid, "JSON body is malformed")
			return
		}
		if value, ok := jsonText(raw); ok {
			if _, known := in.body[name]; !known {
				in.body[name] = value
			}
		}
	}
}

func jsonText(raw json.RawMessage) (string, bool) {
	switch raw[0] {
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err == nil
	case '{', '[', 'n':
		return "", false
	}
	return string(raw), true
}

// checkText refuses values that are not UTF-8 or hold control characters; line
// ends and tabs are part of lists.
func (in *input) checkText() error {
	for name, value := range in.body {
		shown := "a field's name"
		if isPlain(name) {
			shown = name
		}
		switch {
		case !utf8.ValidString(name) || !utf8.ValidString(value):
			return fault.Newf(fault.Invalid, "%s must be UTF-8", shown)
		case strings.ContainsFunc(name, isControl) || strings.ContainsFunc(value, isControl):
			return fault.Newf(fault.Invalid, "%s must not hold control characters", shown)
		}
	}
	return nil
}

func isControl(r rune) bool {
	return (r < ' ' && r != '\n' && r != '\r' && r != '\t') || (r >= 0x7f && r <= 0x9f)
}

// isPlain reports whether a field's name is one that may be shown again.
func isPlain(name string) bool {
	return len(name) <= 32 && name != "" && strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && r != '_'
	}) < 0
}

// ids splits a list of order ids. At most 100 come in a call.
func ids(name, list string) ([]string, error) {
	const most = 100
	var all []string
	seen := map[string]bool{}
	for token := range strings.SplitSeq(list, ",") {
		token = strings.TrimSpace(token)
		if token == "" || seen[token] {
			continue
		}
		seen[token] = true
		if all = append(all, token); len(all) > most {
			return nil, fault.Newf(fault.Invalid, "%s must have at most %d ids", name, most)
		}
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("Missing required parameter: %s", name))
	}
	return all, nil
}
