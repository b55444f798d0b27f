package ui

// TickWay is a column of a TickTable; Name is what its boxes are sent as.
type TickWay struct {
	Name  string
	Label string // in the reader's language
}
