package order

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
)

// maxText bounds a field that is one line, in characters.
const maxText = 255

// Value is a field of an order's type.
type Value struct {
	Name string `json:"n"`
	Text string `json:"v"` // lists have LF between their lines
}

// Values are the fields that an order's type has beside link and quantity, in
// the order of its schema.
type Values []Value

// Get returns a field's text, "" where it is absent.
func (v Values) Get(name string) string {
	for _, one := range v {
		if one.Name == name {
			return one.Text
		}
	}
	return ""
}

func (v Values) number(name string) int64 {
	n, _ := strconv.ParseInt(v.Get(name), 10, 64) // checked when it was read; absent is 0
	return n
}

func (v Values) lines(name string) int64 {
	text := v.Get(name)
	if text == "" {
		return 0
	}
	return int64(strings.Count(text, "\n")) + 1
}

// stored is the form in which fields are kept; none is "".
func (v Values) stored() string {
	if len(v) == 0 {
		return ""
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "" // texts only: none fails
	}
	return string(text)
}

// readValues reads what stored has written.
func readValues(stored string) (v Values, err error) {
	if stored == "" {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(stored), &v); err != nil {
		return nil, fmt.Errorf("fields of an order: %w", err)
	}
	return v, nil
}

// values reads the fields that the service's type has.
func (c checking) values(p *priced) error {
	for _, f := range c.schema.Fields {
		said := c.request.fields[f.Name]
		if said == "" {
			if f.Required {
				return Missing(f.Name)
			}
			continue
		}
		text, err := c.fieldText(f, said)
		if err != nil {
			return err
		}
		if text == "" && f.Required {
			return Missing(f.Name)
		}
		p.fields = append(p.fields, Value{Name: f.Name, Text: text})
	}
	return c.together(p.fields)
}

// together checks what fields need of each other.
func (c checking) together(v Values) error {
	if c.schema.Type != catalog.WebTraffic {
		return nil
	}
	switch v.Get("type_of_traffic") {
	case "1":
		if v.Get("google_keyword") == "" {
			return Missing("google_keyword")
		}
	case "2":
		if v.Get("referring_url") == "" {
			return Missing("referring_url")
		}
	}
	return nil
}

// fieldText returns a field's value in the form in which it is kept and sent.
func (c checking) fieldText(f catalog.Field, said string) (string, error) {
	switch f.Kind {
	case catalog.Text:
		if strings.ContainsAny(said, "\n\t") || len([]rune(said)) > maxText {
			return "", bad(f.Name, fmt.Sprintf("must be one line of at most %d characters", maxText))
		}
		return said, nil
	case catalog.Whole:
		return wholeText(f, said)
	case catalog.Lines:
		return splitLines(said, false), nil
	case catalog.Words:
		return splitLines(said, true), nil
	case catalog.URL:
		return said, c.request.checkLink(f.Name)
	case catalog.Date:
		day, err := time.Parse(time.DateOnly, said)
		switch {
		case err != nil:
			return "", bad(f.Name, "must be a day such as 2026-12-31")
		case !day.After(c.now):
			return "", bad(f.Name, "must be a day that is still to come")
		}
		return said, nil
	}
	return "", fmt.Errorf("field %s has no kind", f.Name)
}

func wholeText(f catalog.Field, said string) (string, error) {
	for i, word := range f.Known {
		if strings.EqualFold(said, word) {
			return strconv.Itoa(i + 1), nil
		}
	}
	n, err := whole(f.Name, said)
	if err != nil {
		return "", err
	}
	if n < f.Least || n > f.Most {
		return "", bad(f.Name, fmt.Sprintf("must be between %d and %d", f.Least, f.Most))
	}
	return said, nil
}

// splitLines drops blank lines. A list of words may come on one line, with commas
// between; comments may hold commas.
func splitLines(said string, commas bool) string {
	separator := "\n"
	if commas && !strings.Contains(said, "\n") {
		separator = ","
	}
	var kept []string
	for line := range strings.SplitSeq(said, separator) {
		if line = strings.TrimSpace(line); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// listed joins hosts for an error's text.
func listed(hosts []string) string { return strings.Join(hosts, ", ") }
