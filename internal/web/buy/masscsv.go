package buy

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/notpanel/notpanel/internal/web/download"

	"github.com/notpanel/notpanel/internal/massorder"
	"github.com/notpanel/notpanel/internal/order"
)

// columnsOf are the fields that some line has, in the order of an order's fields.
func columnsOf(lines []massorder.Line) (names []string) {
	for _, name := range order.Fields {
		for _, l := range lines {
			if l.Fields[name] != "" {
				names = append(names, name)
				break
			}
		}
	}
	return names
}

// written is a text that readMass reads as the same lines. It is for the form, where
// nobody takes a cell for a formula.
func written(lines []massorder.Line) string {
	if len(lines) == 0 {
		return ""
	}
	names := columnsOf(lines)
	var b strings.Builder
	w := csv.NewWriter(&b)
	rows := [][]string{names}
	for _, l := range lines {
		row := make([]string, len(names))
		for i, name := range names {
			row[i] = l.Fields[name]
		}
		rows = append(rows, row)
	}
	if w.WriteAll(rows) != nil { // into memory: none fails
		return ""
	}
	return b.String()
}

// result writes what became of lines as a table.
func result(to io.Writer, lines []shownLine) error {
	bare := make([]massorder.Line, len(lines))
	for i, l := range lines {
		bare[i] = l.Line
	}
	names := columnsOf(bare)
	w := csv.NewWriter(to)
	rows := [][]string{append(append([]string{"line"}, names...), "charge", "order", "error")}
	for _, l := range lines {
		row := []string{plain(l.Number)}
		for _, name := range names {
			row = append(row, download.Guarded(l.Fields[name]))
		}
		charge, number := "", ""
		switch {
		case l.Order != 0:
			charge, number = l.Charged.String(), plain(l.Order)
		case l.Charge != nil && l.Refusal == nil:
			charge = l.Charge.String()
		}
		rows = append(rows, append(row, charge, number, download.Guarded(l.Why)))
	}
	if err := w.WriteAll(rows); err != nil {
		return fmt.Errorf("write the result of a mass order: %w", err)
	}
	return nil
}
