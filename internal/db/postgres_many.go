package db

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// manyFrom is how many rows are written or asked for by one statement. Fewer are sent
// as they are, in one round trip all the same.
const manyFrom = 4

// What is one statement for many rows is known by the text of that for one: an insert
// of no more than parameters and constants, which are of one type wherever they
// stand, an update of one row by its key, and a plain query. The server then parses,
// plans and answers once where it would do so for every row.
var (
	insertForm = regexp.MustCompile(`(?s)^\s*(INSERT INTO \w+ \(([\w\s,]+)\))\s*VALUES\s*\(((?:\s*(?:\$\d+|\d+|TRUE|FALSE|'\w*')\s*,?)+)\)` +
		`\s*(ON CONFLICT(?: \([\w\s,]+\))? DO NOTHING|ON CONFLICT \(([\w\s,]+)\)\s+DO UPDATE\s+SET [^$]+)?\s*$`)
	updateForm = regexp.MustCompile(`(?s)^\s*UPDATE (\w+) SET ((?:\s*\w+ = \$\d+\s*,)*\s*\w+ = \$\d+)\s+WHERE (\w+) = \$(\d+)\s*$`)
	selectForm = regexp.MustCompile(`(?s)^\s*SELECT\s`)
	// orderedForm is what a query may not have: an order or a lock of its rows, sums over
	// many, which together may take longer than the server gives a statement, or our own
	// name for the arguments.
	orderedForm = regexp.MustCompile(`(?i)\b(ORDER|LIMIT|OFFSET|FETCH|FOR|UNION|GROUP|M)\b|'[^']*\$`)
	paramForm   = regexp.MustCompile(`\$(\d+)`)
)

// manyForm is a statement for many rows of arguments.
type manyForm struct {
	text string // "": there is none
	// unique are the arguments that name the row which is changed. Of two alike, one
	// after the other, the second would change what the first has left: one statement
	// can't say that.
	unique []int
}

// manyText turns a statement for one row of arguments of the given types into one that
// takes an array for each parameter.
func manyText(query string, types []string) manyForm {
	if len(types) == 0 {
		return manyForm{}
	}
	arrays, names := make([]string, len(types)), make([]string, len(types))
	for i, name := range types {
		arrays[i] = fmt.Sprintf("$%d::%s[]", i+1, name)
		names[i] = "v" + strconv.Itoa(i+1)
	}
	array, row := strings.Join(arrays, ", "), strings.Join(names, ", ")
	valued := func(text string) string { return paramForm.ReplaceAllString(text, "m.v$1") }
	if parts := insertForm.FindStringSubmatch(query); parts != nil {
		unique, ok := valuesOf(parts[5], parts[2], parts[3])
		if !ok {
			return manyForm{}
		}
		return manyForm{fmt.Sprintf("%s SELECT %s FROM unnest(%s) AS m (%s) %s", parts[1], valued(parts[3]), array, row, parts[4]), unique}
	}
	if parts := updateForm.FindStringSubmatch(query); parts != nil {
		if regexp.MustCompile(`\b` + parts[3] + ` =`).MatchString(parts[2]) {
			return manyForm{} // one row's new key may be the next one's old
		}
		key, _ := strconv.Atoi(parts[4])
		return manyForm{fmt.Sprintf("UPDATE %s SET %s FROM unnest(%s) AS m (%s) WHERE %[1]s.%[5]s = m.v%[6]d",
			parts[1], valued(parts[2]), array, row, parts[3], key), []int{key - 1}}
	}
	if selectForm.MatchString(query) && !orderedForm.MatchString(query) {
		// OFFSET keeps the server from joining: it runs the query for each row, as it
		// would if they came one by one.
		return manyForm{text: fmt.Sprintf("SELECT m.n, q.* FROM unnest(%s) WITH ORDINALITY AS m (%s, n) CROSS JOIN LATERAL (%s OFFSET 0) AS q",
			array, row, valued(query))}
	}
	return manyForm{}
}

// valuesOf returns which arguments an insert has for the columns of its conflict. Not
// ok: one of them is a constant.
func valuesOf(conflict, columns, values string) (unique []int, ok bool) {
	if conflict == "" {
		return nil, true
	}
	place := map[string]string{}
	value := strings.Split(values, ",")
	for i, column := range strings.Split(columns, ",") {
		place[strings.TrimSpace(column)] = strings.TrimSpace(value[i])
	}
	for column := range strings.SplitSeq(conflict, ",") {
		n, err := strconv.Atoi(strings.TrimPrefix(place[strings.TrimSpace(column)], "$"))
		if err != nil || !strings.HasPrefix(place[strings.TrimSpace(column)], "$") {
			return nil, false
		}
		unique = append(unique, n-1)
	}
	return unique, true
}

// fits reports whether the statement means the same for these rows as one after the
// other would.
func (f manyForm) fits(argRows [][]any) bool {
	if f.text == "" || len(argRows) < manyFrom {
		return false
	}
	if f.unique == nil {
		return true
	}
	seen := make(map[string]bool, len(argRows))
	for _, args := range argRows {
		var key []byte
		for _, i := range f.unique {
			key = fmt.Appendf(key, "%q ", fmt.Sprint(args[i]))
		}
		if seen[string(key)] {
			return false
		}
		seen[string(key)] = true
	}
	return true
}

// manyKey marks, in a connection's own data, the statement for many rows.
const manyKey = "notpanel.many "

// many returns the statement for many rows of a connection.
func (p postgresConn) many(ctx context.Context, query string) (manyForm, error) {
	kept := p.c.PgConn().CustomData()
	if form, ok := kept[manyKey+query].(manyForm); ok {
		return form, nil
	}
	one, err := p.c.Prepare(ctx, query, query)
	if err != nil {
		return manyForm{}, err
	}
	types := make([]string, len(one.ParamOIDs))
	for i, oid := range one.ParamOIDs {
		t, known := p.c.TypeMap().TypeForOID(oid)
		if !known || strings.HasPrefix(t.Name, "_") { // arrays of arrays are something else
			types = nil
			break
		}
		types[i] = t.Name
	}
	form := manyText(query, types)
	kept[manyKey+query] = form
	return form, nil
}

// forRows returns the statement for these rows, "" where they go one by one, in one
// round trip all the same.
func (p postgresConn) forRows(ctx context.Context, query string, argRows [][]any) (text string, err error) {
	if len(argRows) < manyFrom {
		return "", nil
	}
	form, err := p.many(ctx, query)
	if err != nil || !form.fits(argRows) {
		return "", err
	}
	return form.text, nil
}

// execMany runs a statement for each row of arguments and returns how many rows they
// changed.
func (p postgresConn) execMany(ctx context.Context, query string, argRows [][]any) (changed int64, err error) {
	text, err := p.forRows(ctx, query, argRows)
	if err != nil {
		return 0, err
	}
	if text != "" {
		tag, err := p.c.Exec(ctx, text, columnsOf(argRows)...)
		return tag.RowsAffected(), err
	}
	batch := &pgx.Batch{}
	for _, args := range argRows {
		batch.Queue(query, args...).Exec(func(tag pgconn.CommandTag) error {
			changed += tag.RowsAffected()
			return nil
		})
	}
	err = p.c.SendBatch(ctx, batch).Close() // which reads what each has changed
	return changed, err
}

// queryMany runs a query for each row of arguments.
func (p postgresConn) queryMany(ctx context.Context, query string, argRows [][]any, scan func(int, Scanner) error) error {
	text, err := p.forRows(ctx, query, argRows)
	if err != nil {
		return err
	}
	if text != "" {
		rs, err := p.c.Query(ctx, text, columnsOf(argRows)...)
		if err != nil {
			return err
		}
		return readAll(postgresRows{rs}, func(Scanner) error {
			var n int
			number := rs.FieldDescriptions()[0]
			if err := p.c.TypeMap().Scan(number.DataTypeOID, number.Format, rs.RawValues()[0], &n); err != nil {
				return err
			}
			return scan(n-1, besideNumber{rs})
		})
	}
	batch := &pgx.Batch{}
	for _, args := range argRows {
		batch.Queue(query, args...)
	}
	results := p.c.SendBatch(ctx, batch)
	for i := range argRows {
		rs, err := results.Query()
		if err == nil {
			err = readAll(postgresRows{rs}, func(s Scanner) error { return scan(i, s) })
		}
		if err != nil {
			_ = results.Close()
			return err
		}
	}
	return results.Close()
}

// besideNumber is a row without its first column.
type besideNumber struct{ rows pgx.Rows }

func (r besideNumber) Scan(dest ...any) error { return r.rows.Scan(append([]any{nil}, dest...)...) }

// columnsOf turns rows of arguments into an array for each argument.
func columnsOf(argRows [][]any) []any {
	columns := make([]any, len(argRows[0]))
	for i := range columns {
		column := make(pgtype.FlatArray[any], len(argRows))
		for j, args := range argRows {
			column[j] = args[i]
		}
		columns[i] = column
	}
	return columns
}
