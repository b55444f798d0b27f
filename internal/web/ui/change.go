package ui

// Change is a field before and after. New has nothing before it.
type Change struct {
	Name, Before, After string
	New                 bool
}
