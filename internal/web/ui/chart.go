package ui

import (
	"context"
	"encoding/json"
	"time"

	"github.com/a-h/templ"
)

// Series is what a chart draws: values at moments, a row of them for each name.
// They stand on each other, so what is high is their sum.
type Series struct {
	When   string    `json:"when"` // what the moments are called, in the reader's language
	At     []int64   `json:"at"`   // Unix seconds
	Names  []string  `json:"names"`
	Values [][]int64 `json:"values"`
	Unit   int64     `json:"unit,omitempty"`  // what one of the values is a part of; 0: they are whole
	Apart  bool      `json:"apart,omitempty"` // drawn as lines that don't stand on each other
}

// empty reports whether there is nothing to draw.
func (s Series) empty() bool {
	for _, row := range s.Values {
		for _, n := range row {
			if n != 0 {
				return false
			}
		}
	}
	return true
}

func (s Series) json() string {
	content, err := json.Marshal(s)
	if err != nil {
		return "{}"
	}
	return string(content)
}

// DayUTC writes a day that is counted in UTC, whatever the reader's zone.
func DayUTC(ctx context.Context, t time.Time) string { return Of(ctx).Language.Day(t.UTC()) }

func chipAttributes(on bool) templ.Attributes {
	if !on {
		return nil
	}
	return templ.Attributes{"aria-current": "page"}
}
