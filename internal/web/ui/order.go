package ui

import (
	"strconv"

	"github.com/a-h/templ"
)

// Buy is the form of an order: its fields on one side, on the other what stays in
// sight.
type Buy struct {
	Path  string // that it is sent to
	Total string // path that answers what it would cost, while somebody types
	Into  string // "#id" of what that answer replaces
}

// live asks for the total while somebody types. A newer question ends an older one.
func (b Buy) live() templ.Attributes {
	return templ.Attributes{
		"hx-post": b.Total, "hx-trigger": "input delay:250ms", "hx-target": b.Into, "hx-swap": "outerHTML", "hx-sync": "this:replace",
	}
}

// every makes an element ask again after a while. An answer without it ends that.
func every(path, swap string, seconds int) templ.Attributes {
	if path == "" {
		return nil
	}
	return templ.Attributes{"hx-get": path, "hx-trigger": "every " + strconv.Itoa(seconds) + "s", "hx-swap": swap}
}

func rowsOf(n int) string { return strconv.Itoa(n) }

func pressed(on bool) string { return strconv.FormatBool(on) }
