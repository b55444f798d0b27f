package apiv2

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/fault"
)

const (
	// maxDepth bounds how deep what is passed over may be nested.
	maxDepth = 1000
	// maxPower bounds the exponent that a number is written without. In a list it is
	// what makes no text longer than it came in.
	maxPower       = 9
	maxPowerInList = 2
)

// Problems of a body that is read as JSON.
var (
	errJSON       = fault.New(fault.Invalid, "JSON body is malformed")
	errJSONObject = fault.New(fault.Invalid, "JSON body must be an object")
)

// readJSON reads an object's members: the first of repeated names wins, numbers
// and booleans become text, a list of them a list as forms write it; null and what
// is deeper are passed over. Anybody may send this, so it takes no more memory than
// the body has, which encoding/json can't promise for a list of many short texts.
func (in *input) readJSON(body []byte) {
	s := jsonScanner{body}
	if !s.next('{') {
		in.problem = errJSONObject
		return
	}
	in.problem = s.fields(in.body)
}

// jsonScanner reads JSON from its beginning; rest is what was not read yet. Its
// methods report false for what is no JSON.
type jsonScanner struct{ rest []byte }

// fields reads an object behind its brace, up to the body's end. What stands
// before a mistake is kept: it tells who sent it.
func (s *jsonScanner) fields(to map[string]string) error {
	for first := true; !s.next('}'); first = false {
		if !first && !s.next(',') {
			return errJSON
		}
		raw, ok := s.text()
		if !ok || !s.next(':') {
			return errJSON
		}
		name := unquoted(raw)
		if _, known := to[name]; known {
			if !s.skip(0) {
				return errJSON
			}
			continue
		}
		value, is, ok := s.value(separator(name))
		switch {
		case !ok:
			return errJSON
		case is && len(to) >= maxFields:
			return errFields
		case is:
			to[name] = value
		}
	}
	if s.peek() != 0 || len(s.rest) > 0 {
		return errJSON
	}
	return nil
}

// separator stands between the entries of a list in a form.
func separator(name string) byte {
	switch name {
	case "order", "orders", "refill", "refills":
		return ','
	}
	return '\n'
}

// value reads a member's value as a form would hold it; null and objects are none.
func (s *jsonScanner) value(separator byte) (text string, is, ok bool) {
	switch s.peek() {
	case '"':
		raw, ok := s.text()
		return unquoted(raw), true, ok
	case '{', 'n':
		return "", false, s.skip(0)
	case '[':
		list := *s
		if !s.skip(0) {
			return "", false, false
		}
		return list.joined(len(list.rest)-len(s.rest), separator), true, true
	}
	raw, ok := s.scalar()
	var b strings.Builder
	writeNumber(&b, raw, maxPower)
	return b.String(), true, ok
}

// joined reads a list that is known to be well formed and has the given length.
func (s *jsonScanner) joined(length int, separator byte) string {
	var b strings.Builder
	b.Grow(length)
	entries := 0
	for s.next('['); !s.next(']'); s.next(',') {
		first := s.peek()
		if first == '[' || first == '{' || first == 'n' {
			s.skip(0)
			continue
		}
		if entries++; entries > 1 {
			b.WriteByte(separator)
		}
		if first == '"' {
			raw, _ := s.text()
			writeUnquoted(&b, raw)
			continue
		}
		raw, _ := s.scalar()
		writeNumber(&b, raw, maxPowerInList)
	}
	return b.String()
}

// peek returns the next byte that is no space, 0 at the end.
func (s *jsonScanner) peek() byte {
	for len(s.rest) > 0 {
		switch s.rest[0] {
		case ' ', '\t', '\r', '\n':
			s.rest = s.rest[1:]
		default:
			return s.rest[0]
		}
	}
	return 0
}

// next reads one byte if it is the next.
func (s *jsonScanner) next(c byte) bool {
	if s.peek() != c || len(s.rest) == 0 {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// skip reads a value and forgets it.
func (s *jsonScanner) skip(depth int) (ok bool) {
	opening := s.peek()
	switch opening {
	case '"':
		_, ok = s.text()
		return ok
	case '{', '[':
	default:
		_, ok = s.scalar()
		return ok
	}
	if s.next(opening); depth >= maxDepth {
		return false
	}
	closing := opening + 2 // of both kinds
	for first := true; !s.next(closing); first = false {
		if !first && !s.next(',') {
			return false
		}
		if opening == '{' {
			if _, ok := s.text(); !ok || !s.next(':') {
				return false
			}
		}
		if !s.skip(depth + 1) {
			return false
		}
	}
	return true
}

// text reads a text and returns what stands between its quotes.
func (s *jsonScanner) text() (raw []byte, ok bool) {
	if !s.next('"') {
		return nil, false
	}
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			raw, s.rest = s.rest[:i], s.rest[i+1:]
			return raw, true
		case c < ' ':
			return nil, false
		case c == '\\':
			length := escape(s.rest[i:])
			if length == 0 {
				return nil, false
			}
			i += length - 1
		}
	}
	return nil, false
}

// escape returns the length of the escape that s begins with, 0 where it is none.
func escape(s []byte) int {
	const short, long = 2, 6
	switch {
	case len(s) < short:
		return 0
	case strings.IndexByte(`"\/bfnrt`, s[1]) >= 0:
		return short
	case s[1] != 'u' || len(s) < long || !isHex(s[2]) || !isHex(s[3]) || !isHex(s[4]) || !isHex(s[5]):
		return 0
	}
	return long
}

// scalar reads a number, true, false or null.
func (s *jsonScanner) scalar() (raw []byte, ok bool) {
	word, length := "", 0
	switch s.peek() {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	case 'n':
		word = "null"
	default:
		length = numberLength(s.rest)
	}
	if word != "" && len(s.rest) >= len(word) && string(s.rest[:len(word)]) == word {
		length = len(word)
	}
	raw, s.rest = s.rest[:length], s.rest[length:]
	return raw, length > 0
}

// numberLength returns the length of the number that s begins with, 0 where it is
// none.
func numberLength(s []byte) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if !digits() {
		return 0
	}
	if i < len(s) && s[i] == '.' {
		if i++; !digits() {
			return 0
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		if i++; i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}

// writeNumber writes a number as forms do: what is whole has neither fraction nor
// exponent, for languages that know one kind of number write 1.0 and 1e3 too. An
// exponent above most and any other scalar stay as they are.
func writeNumber(b *strings.Builder, raw []byte, most int) {
	if bytes.IndexByte(raw, '.') < 0 && bytes.IndexByte(raw, 'e') < 0 && bytes.IndexByte(raw, 'E') < 0 || raw[0] > '9' {
		b.Write(raw) // most are so
		return
	}
	mantissa, power := raw, 0
	if at := bytes.IndexAny(raw, "eE"); at > 0 {
		n, err := strconv.Atoi(string(raw[at+1:]))
		if err != nil || n < 0 || n > most {
			b.Write(raw)
			return
		}
		mantissa, power = raw[:at], n
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	fraction = bytes.TrimRight(fraction, "0")
	zeros := power - len(fraction)
	if zeros < 0 {
		b.Write(raw)
		return
	}
	digits, negative := bytes.CutPrefix(whole, []byte("-"))
	if bytes.Equal(digits, []byte("0")) {
		digits = nil // of 0.5e1 five is left
		if fraction = bytes.TrimLeft(fraction, "0"); len(fraction) == 0 {
			b.WriteByte('0')
			return
		}
	}
	if negative {
		b.WriteByte('-')
	}
	b.Write(digits)
	b.Write(fraction)
	for range zeros {
		b.WriteByte('0')
	}
}

// unquoted returns the text that raw stands for.
func unquoted(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	var b strings.Builder
	b.Grow(len(raw))
	writeUnquoted(&b, raw)
	return b.String()
}

// writeUnquoted writes the text that raw, which is well formed, stands for.
func writeUnquoted(b *strings.Builder, raw []byte) {
	for {
		at := bytes.IndexByte(raw, '\\')
		if at < 0 {
			b.Write(raw)
			return
		}
		b.Write(raw[:at])
		if raw = raw[at:]; raw[1] != 'u' {
			b.WriteByte(unescaped(raw[1]))
			raw = raw[2:]
			continue
		}
		r, length := codePoint(raw)
		b.WriteRune(r)
		raw = raw[length:]
	}
}

// unescaped is what a letter stands for behind a backslash.
func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// codePoint reads an escape such as \u00e9, or a pair of surrogates. Half a pair is
// the replacement character.
func codePoint(raw []byte) (r rune, length int) {
	const one = 6
	r = hexRune(raw[2:one])
	if !utf16.IsSurrogate(r) {
		return r, one
	}
	if rest := raw[one:]; len(rest) >= one && rest[0] == '\\' && rest[1] == 'u' {
		if pair := utf16.DecodeRune(r, hexRune(rest[2:one])); pair != utf8.RuneError {
			return pair, 2 * one
		}
	}
	return utf8.RuneError, one
}

// hexRune reads hexadecimal digits.
func hexRune(digits []byte) (r rune) {
	for _, c := range digits {
		switch {
		case c >= 'a':
			c -= 'a' - 10
		case c >= 'A':
			c -= 'A' - 10
		default:
			c -= '0'
		}
		r = r<<4 | rune(c)
	}
	return r
}
