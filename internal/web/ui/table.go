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
	CellWhole           // the first line alone
	CellRight           // a figure; at the end of its line
	CellFigure          // a figure of the second rank
	CellHide            // not on a phone
	CellEnd             // at the end of its line, of the second rank
)

func cellClass(k CellKind) string {
	switch k {
	case CellRight, CellEnd, CellFigure:
		return "right"
	case CellPlain, CellMain, CellWhole, CellHide:
	}
	return ""
}

func galleryStates() []string {
	return []string{"pending", "processing", "in_progress", "completed", "partial", "canceled", "failed", "refunded", "uncertain"}
}

func cellAttributes(k CellKind, name string) templ.Attributes {
	a := templ.Attributes{}
	switch k {
	case CellMain:
		a["data-main"] = "part"
	case CellWhole:
		a["data-main"] = "whole"
	case CellRight:
		a["data-main"], a["data-end"] = "part", true
	case CellEnd:
		a["data-end"] = true
	case CellHide:
		a["data-hide"] = true
	case CellPlain, CellFigure:
	}
	if name != "" {
		a["data-name"] = name
	}
	return a
}
