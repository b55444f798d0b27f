package apiv2

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/fault"
)

const (
	// maxBody bounds a request's body: mass comments fit.
	maxBody = 1 << 20
	// smallBody is what every request may have; larger bodies share a room.
	smallBody = 64 << 10
	// maxFields bounds how many fields of a body are looked at.
	maxFields = 1000
	// maxID bounds an id that is asked about, in bytes.
	maxID = 64
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
	header     http.Header
	form       form
	body       map[string]string // first value of each field, trimmed
	query      map[string]string
	repeatID   string // of the header Idempotency-Key; classic only
	keyInQuery bool
	problem    error      // what is wrong with the body; told once the key is known
	cut        bool       // body is what arrived before something went wrong
	from       netip.Addr // the client; the zero Addr: not known
	reserved   int64      // taken of the room for large bodies, until the answer is out
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

// Errors of a request of which nothing can be used.
var (
	errTooLarge = fault.New(fault.TooLarge, "Request body too large")
	errNoRoom   = fault.New(fault.Unavailable, "Temporarily unavailable")
	errEncoded  = fault.New(fault.Invalid, "Content-Encoding is not supported: send the body as it is")
)

// read reads query and body of a request from an address, whatever form they have.
// Its error means that the request can't be used; what was read of it is returned
// all the same, for the form of the answer. A body that is merely not what it
// should be is in problem. The caller gives back what the input has reserved.
func read(r *http.Request, from netip.Addr, large *room) (*input, error) {
	in := &input{
		method: r.Method, header: r.Header, body: map[string]string{}, query: map[string]string{},
		repeatID: strings.TrimSpace(r.Header.Get("Idempotency-Key")), from: from,
	}
	in.readQuery(r.URL.RawQuery)
	if isEncoded(r) {
		in.cut = true
		return in, errEncoded
	}
	body, err := in.readAll(r, large)
	if err != nil {
		// What stands behind the last & may be the beginning of something else.
		in.cut = true
		body = body[:bytes.LastIndexByte(body[:min(len(body), smallBody)], '&')+1]
	}
	in.readFields(r.Header.Get("Content-Type"), body)
	return in, err
}

func isEncoded(r *http.Request) bool {
	coding := r.Header.Get("Content-Encoding")
	return coding != "" && !strings.EqualFold(coding, "identity")
}

// readFields decodes a body and trims its values.
func (in *input) readFields(contentType string, body []byte) {
	in.readBody(contentType, body)
	for name, v := range in.body {
		in.body[name] = strings.TrimSpace(v)
	}
}

// readAll reads a body. What is above smallBody takes of the room as it arrives, so
// that to announce a large body takes nothing. What was read before an error is
// returned.
func (in *input) readAll(r *http.Request, large *room) ([]byte, error) {
	const least = 512
	most := int64(maxBody)
	if r.ContentLength >= 0 {
		most = min(most, r.ContentLength)
	}
	limited := http.MaxBytesReader(nil, r.Body, maxBody)
	// One byte more than there can be, to see the end.
	body := make([]byte, 0, min(max(r.ContentLength, least), smallBody)+1)
	for {
		n, err := limited.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return body, unread(err)
		case len(body) < cap(body):
			continue
		case len(body) > smallBody && r.ContentLength > maxBody:
			return body, errTooLarge
		}
		size := min(2*int64(cap(body)), most+1)
		if cap(body) <= smallBody {
			size = min(size, smallBody+1)
		} else if !large.take(in, size-int64(cap(body))) {
			return body, errNoRoom
		}
		body = append(make([]byte, 0, size), body...)
	}
}

// unread says why a body could not be read to its end.
func unread(err error) error {
	if err == nil {
		return nil
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return errTooLarge
	}
	return fault.Wrap(fault.Invalid, "Request body could not be read", err)
}

// readQuery keeps the first value of each parameter. Clients that build the URL
// by hand leave links unescaped: a % that begins no escape stands for itself.
func (in *input) readQuery(raw string) {
	fields, _ := firstValues(strayPercents(raw))
	for name, value := range fields {
		in.query[name] = strings.TrimSpace(value)
	}
	_, in.keyInQuery = in.query["key"]
}

// strayPercents escapes each % that begins no escape.
func strayPercents(raw string) string {
	if !strings.Contains(raw, "%") {
		return raw
	}
	var b strings.Builder
	for i := range len(raw) {
		b.WriteByte(raw[i])
		if raw[i] == '%' && (i+2 >= len(raw) || !isHex(raw[i+1]) || !isHex(raw[i+2])) {
			b.WriteString("25")
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// Problems of a body that is read as a form.
var (
	errEscapes = fault.New(fault.Invalid, "Request body is malformed: a % must be followed by two hexadecimal digits")
	errFields  = fault.Newf(fault.Invalid, "Request body must have at most %d fields", maxFields)
)

// firstValues decodes form-encoded text; the first of repeated fields wins. Its
// error says that something was left out.
func firstValues(raw string) (fields map[string]string, problem error) {
	fields = map[string]string{}
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, errName := url.QueryUnescape(name)
		value, errValue := url.QueryUnescape(value)
		if errName != nil || errValue != nil {
			problem = errEscapes
			continue
		}
		if _, known := fields[name]; known || name == "" {
			continue
		}
		if len(fields) >= maxFields {
			problem = errFields
			continue
		}
		fields[name] = value
	}
	return fields, problem
}

// readBody decodes by content type; an object is JSON whatever its type says, for
// some clients leave their library's type for forms on it.
func (in *input) readBody(contentType string, body []byte) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		mediaType = ""
	}
	switch {
	case mediaType == "multipart/form-data":
		in.form = multipartForm
		in.readMultipart(body, parameters["boundary"])
	case len(bytes.TrimSpace(body)) == 0:
		in.form = noBody
	case mediaType == "application/json", bytes.TrimSpace(body)[0] == '{':
		in.form = jsonObject
		in.readJSON(body)
	case mediaType == "application/x-www-form-urlencoded":
		in.form = urlencoded
		in.body, in.problem = firstValues(string(body))
	default:
		in.form = otherForm
		in.body, _ = firstValues(string(body))
	}
}

// errMultipart tells of a multipart body that is not one or was cut short.
var errMultipart = fault.New(fault.Invalid, "Request body is malformed: it is no complete multipart/form-data")

func (in *input) readMultipart(body []byte, boundary string) {
	// The reader takes a body that ends at a boundary for one that is complete.
	if boundary == "" || !bytes.Contains(body, []byte("--"+boundary+"--")) {
		in.problem = errMultipart
	}
	if boundary == "" {
		return
	}
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	var value bytes.Buffer // one for all: parts are many and short
	for range maxFields {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			in.problem = errMultipart
			return
		}
		value.Reset()
		if _, err := value.ReadFrom(part); err != nil {
			in.problem = errMultipart
			return
		}
		if name := part.FormName(); name != "" && part.FileName() == "" {
			if _, known := in.body[name]; !known {
				in.body[name] = value.String()
			}
		}
	}
	if _, err := reader.NextPart(); err == nil {
		in.problem = errFields
	}
}

// checkText refuses values that are not UTF-8 or hold control characters; line
// ends and tabs are part of lists. Of several it names the first by name.
func (in *input) checkText() error {
	for _, name := range slices.Sorted(maps.Keys(in.body)) {
		value, shown := in.body[name], "a field's name"
		if isPlain(name) {
			shown = name
		}
		switch {
		case !utf8.ValidString(name) || !utf8.ValidString(value):
			return fault.Newf(fault.Invalid, "%s must be UTF-8", shown).Keeping("A field must be UTF-8")
		case strings.ContainsFunc(name, isControl) || strings.ContainsFunc(value, isControl):
			return fault.Newf(fault.Invalid, "%s must not hold control characters", shown).Keeping("A field must not hold control characters")
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

// ids splits a list of order ids. At most MaxIDs come in a call.
func ids(name, list string) ([]string, error) {
	var all []string
	seen := map[string]bool{}
	for token := range strings.SplitSeq(list, ",") {
		token = strings.TrimSpace(token)
		if token == "" || seen[token] {
			continue
		}
		if len(token) > maxID {
			return nil, fault.Newf(fault.Invalid, "%s must have ids of at most %d characters", name, maxID)
		}
		seen[token] = true
		if all = append(all, token); len(all) > MaxIDs {
			return nil, fault.Newf(fault.Invalid, "%s must have at most %d ids", name, MaxIDs)
		}
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Invalid, "Missing required parameter: "+name)
	}
	return all, nil
}
