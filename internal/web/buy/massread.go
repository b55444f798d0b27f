package buy

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/massorder"
	"github.com/notpanel/notpanel/internal/order"
)

// lineForm is the reason of a line that is in no form that can be read.
const lineForm fault.Reason = "line_form"

var errLineForm = fault.New(fault.Invalid, "A line is service | link | quantity").Because(lineForm)

// unread says why a text as a whole can't be read: a key of the language files, and
// what it names.
type unread struct{ key, what string }

// readMass reads orders from what was pasted or sent as a file: lines of
// service | link | quantity or, where the first line names columns, a table.
func readMass(text string) (lines []massorder.Line, why unread) {
	text = strings.TrimPrefix(text, "\ufeff")
	if !readable(text) {
		return nil, unread{key: "mass.error_text"}
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	text = strings.Trim(text, "\n")
	if strings.TrimSpace(text) == "" {
		return nil, unread{key: "mass.error_empty"}
	}
	first, _, _ := strings.Cut(text, "\n")
	if separator, is := headed(first); is {
		lines, why = readTable(text, separator)
	} else {
		lines = readPlain(text)
	}
	switch {
	case why.key != "":
		return nil, why
	case len(lines) == 0:
		return nil, unread{key: "mass.error_empty"}
	case len(lines) > massorder.MaxLines:
		return nil, unread{key: "mass.error_lines"}
	}
	return lines, unread{}
}

// headed reports whether a line names columns, and what stands between them: the
// programs that write tables differ by the country they are set to.
func headed(line string) (separator rune, is bool) {
	for _, separator = range []rune{',', ';', '\t'} {
		name, _, _ := strings.Cut(line, string(separator))
		if strings.EqualFold(strings.Trim(strings.TrimSpace(name), `"`), "service") && strings.ContainsRune(line, separator) {
			return separator, true
		}
	}
	return 0, false
}

// readPlain reads lines of service | link | quantity. A link may hold the sign too.
func readPlain(text string) (lines []massorder.Line) {
	for said := range strings.SplitSeq(text, "\n") {
		if strings.TrimSpace(said) == "" {
			continue
		}
		l := massorder.Line{Number: int64(len(lines)) + 1, Fields: map[string]string{}}
		service, rest, found := strings.Cut(said, "|")
		set(l.Fields, "service", service)
		if i := strings.LastIndex(rest, "|"); i >= 0 {
			set(l.Fields, "quantity", rest[i+1:])
			rest = rest[:i]
		}
		set(l.Fields, "link", rest)
		if !found {
			l.Fields = map[string]string{"link": strings.TrimSpace(said)}
			l.Refusal = massorder.Refuse(errLineForm)
		}
		lines = append(lines, l)
	}
	return lines
}

func set(fields map[string]string, name, said string) {
	if said = strings.TrimSpace(said); said != "" {
		fields[name] = said
	}
}

// readTable reads a table whose first row names the fields of an order.
func readTable(text string, separator rune) (lines []massorder.Line, why unread) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = separator, -1, true
	var columns []string
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return lines, unread{}
		}
		if err != nil {
			line, _ := r.FieldPos(0)
			if parse, is := errors.AsType[*csv.ParseError](err); is {
				line = parse.Line
			}
			return nil, unread{"mass.error_table", plain(int64(line))}
		}
		if columns == nil {
			if columns, why = readColumns(row); why.key != "" {
				return nil, why
			}
			continue
		}
		if len(lines) > massorder.MaxLines {
			return lines, unread{} // more than are taken: the caller says so
		}
		l := massorder.Line{Number: int64(len(lines)) + 1, Fields: map[string]string{}}
		for i, said := range row {
			if i < len(columns) {
				set(l.Fields, columns[i], said)
			} else if strings.TrimSpace(said) != "" {
				l.Refusal = massorder.Refuse(errLineForm)
			}
		}
		if len(l.Fields) > 0 {
			lines = append(lines, l)
		}
	}
}

// readColumns reads the names of a table's columns.
func readColumns(row []string) (columns []string, why unread) {
	for _, name := range row {
		name = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(order.Fields, name) || slices.Contains(ours, name) || slices.Contains(columns, name) {
			return nil, unread{"mass.error_column", name}
		}
		columns = append(columns, name)
	}
	return columns, unread{}
}
