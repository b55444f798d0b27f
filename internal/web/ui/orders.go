package ui

import (
	"time"

	"github.com/a-h/templ"
)

// Dates are a filter of days, in the reader's zone.
type Dates struct {
	Pick // the usual spans

	Path               string // where the form leads
	From, To           string // as YYYY-MM-DD; "" leaves it open
	FromLabel, ToLabel string
	Button             string
	Keep               []Kept // what else stands in the address
	FromName, ToName   string
}

// Moment is a step of a timeline.
type Moment struct {
	At   time.Time
	Word string // the state that began; "" where it stayed
	Text string
}

// fresh makes a part that comes from the stream take the place of its namesake.
func fresh(is bool) templ.Attributes {
	if !is {
		return nil
	}
	return templ.Attributes{"hx-swap-oob": "outerMorph"}
}

// share is a part of a whole in percent.
func share(done, total int64) int64 {
	if total <= 0 {
		return 0
	}
	return min(max(done, 0), total) * 100 / total
}

// progressColour is the colour of a state's line; a state without one of its own has
// that of what is under way.
func progressColour(word string) string {
	if c := shapeOf(word).colour; word == "completed" || word == "partial" || word == "canceled" || word == "failed" || word == "refunded" {
		return c
	}
	return "blue"
}
