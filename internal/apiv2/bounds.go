package apiv2

import "slices"

// Bounds of a request, for the documentation.
const (
	MaxBody   = maxBody   // bytes
	MaxFields = maxFields // of a body
	MaxID     = maxID     // of an id, in characters
	MaxIDs    = 100       // in a call
)

// How many rows a page of a list has at most, and when nothing is said.
const (
	ListMost    = 500 // of changes and of transactions
	ListUsual   = 100
	OrdersMost  = 100
	OrdersUsual = 50
)

// Actions lists the actions of the native dialect in the order in which they are
// documented.
func Actions() []string { return slices.Clone(actionNames) }

// StatusWords lists the words that status answers, in the order of a life.
func StatusWords() []string { return statusWords() }
