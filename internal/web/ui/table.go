package ui

import "github.com/a-h/templ"

// Column is a column's head.
type Column struct {
	Name  string
	Right bool // figures
}

// TableHead describes a table.
type TableHead struct {
	Label   string // for who can't see it
	Columns []Column
}

// CellKind says how a cell stands, and where on a phone.
type CellKind int

// The kinds.
const (
	CellPlain  CellKind = iota
	CellMain            // on the first line of a phone's row
	CellGrow            // the same, and takes the room that the others leave
	CellLast            // at the end of the first line
	CellRight           // a figure; there at the end of the first line
	CellFigure          // a figure of the second rank
	CellEnd             // the same, at the end of its line
	CellWhole           // a line of its own below the others
	CellHide            // not on a phone
	CellCut             // a long text that is cut at its end; there on the second line, in the room that the others leave
)

func cellClass(k CellKind) string {
	switch k {
	case CellRight, CellFigure, CellEnd:
		return "right"
	default:
		return ""
	}
}

func galleryStates() []string {
	return []string{"pending", "processing", "in_progress", "completed", "partial", "canceled", "failed", "refunded", "uncertain", "delivered"}
}

func cellAttributes(k CellKind, name string) templ.Attributes {
	a := templ.Attributes{}
	switch k {
	case CellMain:
		a["data-main"] = "part"
	case CellGrow:
		a["data-main"] = "grow"
	case CellLast, CellRight:
		a["data-main"], a["data-end"] = "part", true
	case CellEnd:
		a["data-end"] = true
	case CellWhole:
		a["data-whole"] = true
	case CellHide:
		a["data-hide"] = true
	case CellCut:
		a["data-cut"] = true
	case CellPlain, CellFigure:
	}
	if name != "" {
		a["data-name"] = name
	}
	return a
}
