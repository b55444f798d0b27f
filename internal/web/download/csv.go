package download

import (
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/money"
)

// mark tells spreadsheets that a file is UTF-8: without it they show ş and € as two
// letters each. Programs that read CSV files skip it.
const mark = "\ufeff"

// Cell is a field of a table. It is made as a text or as a number, so that none
// goes out unguarded.
type Cell struct{ value string }

// Text is a cell that people or other systems wrote.
func Text(s string) Cell { return Cell{Guarded(s)} }

// Guarded is a text for a table. One that a spreadsheet would take for a formula, and
// run, gets an apostrophe before it.
func Guarded(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// Amount is a cell with an amount of money, with a dot in every language.
func Amount(a money.Amount) Cell { return Cell{a.String()} }

// Int is a cell with a whole number.
func Int(n int64) Cell { return Cell{strconv.FormatInt(n, 10)} }

// Time is a cell with a time to the second and its offset, in the time's own zone;
// the zero time is an empty cell.
func Time(t time.Time) Cell {
	if t.IsZero() {
		return Cell{}
	}
	return Cell{t.Format(time.RFC3339)}
}

// Table is a CSV file on its way.
type Table struct {
	w       *csv.Writer
	columns int
}

// NewTable begins a CSV file (RFC 4180, UTF-8) with the names of its columns, which
// stay the same in every language: programs look for them.
func NewTable(w io.Writer, columns ...string) (*Table, error) {
	if _, err := io.WriteString(w, mark); err != nil {
		return nil, fmt.Errorf("begin a table: %w", err)
	}
	t := &Table{w: csv.NewWriter(w), columns: len(columns)}
	t.w.UseCRLF = true
	cells := make([]Cell, len(columns))
	for i, name := range columns {
		cells[i] = Text(name)
	}
	return t, t.Row(cells...)
}

// Row adds a line. It has as many cells as the table has columns.
func (t *Table) Row(cells ...Cell) error {
	if len(cells) != t.columns {
		return fmt.Errorf("a row of %d cells in a table of %d columns", len(cells), t.columns)
	}
	fields := make([]string, len(cells))
	for i, c := range cells {
		fields[i] = c.value
	}
	if err := t.w.Write(fields); err != nil {
		return fmt.Errorf("write a row: %w", err)
	}
	return nil
}

// End writes what is left. The writer below is flushed by who owns it.
func (t *Table) End() error {
	t.w.Flush()
	if err := t.w.Error(); err != nil {
		return fmt.Errorf("end a table: %w", err)
	}
	return nil
}

// CSV answers with a table whose rows are added while they are read. Rows reads in
// short reads and goes on by a cursor: no snapshot stays open while a reader waits.
func CSV(w http.ResponseWriter, r *http.Request, name string, columns []string, rows func(*Table) error) error {
	return Send(w, r, "text/csv; charset=utf-8; header=present", name, func(out io.Writer) error {
		t, err := NewTable(out, columns...)
		if err != nil {
			return err
		}
		if err := rows(t); err != nil {
			return err
		}
		return t.End()
	})
}
