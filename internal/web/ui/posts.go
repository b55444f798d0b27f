package ui

import "time"

// PostRow is a post in a list.
type PostRow struct {
	Path        string
	Title       string
	Lang        string // of the texts, where it is not the page's
	Description string
	At          time.Time
}

// Announced is a line for everybody.
type Announced struct {
	Text    string
	Lang    string // where it is not the page's
	Warning bool
	Dismiss string // the path that a form sends to; "": it stays
}

// kind is the note's that shows it.
func (a Announced) kind() string {
	if a.Warning {
		return "warning"
	}
	return ""
}
