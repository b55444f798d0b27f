package buy

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/order"
)

// ours are the fields of a request that no customer writes.
//
//nolint:gochecknoglobals // a table
var ours = []string{"max_charge", "coupon"}

// read returns what came in as the fields of a request, read as the API reads them.
func read(values url.Values) (fields map[string]string, err error) {
	fields = map[string]string{}
	for _, name := range order.Fields {
		if slices.Contains(ours, name) {
			continue
		}
		said := strings.TrimSpace(values.Get(name))
		if said == "" {
			continue
		}
		if !readable(said) {
			return nil, unreadable(name)
		}
		fields[name] = said
	}
	return fields, nil
}

// unreadable refuses a field that is no text.
func unreadable(name string) error {
	return fault.Newf(fault.Invalid, "%s must be UTF-8 without control characters", name).Because(fault.BadField, name)
}

// readable reports whether a value is text; line ends and tabs are part of lists.
func readable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r >= 0x7f && r <= 0x9f
	})
}

// request parses fields under a request id. Shown is the total that the reader saw;
// "" sets no limit.
func request(fields map[string]string, requestID, shown string) (order.Request, error) {
	return order.ParseRequest(func(name string) string {
		switch name {
		case "request_id":
			return requestID
		case "max_charge":
			return shown
		}
		return fields[name]
	})
}

// fieldNames are the fields that the form of a service shows, in its order.
func fieldNames(v *catalog.Service, s catalog.Schema) (names []string) {
	if s.Link {
		names = append(names, "link")
	}
	if s.Counting == catalog.ByQuantity {
		names = append(names, "quantity")
	}
	for _, f := range s.Fields {
		names = append(names, f.Name)
	}
	if v.Drips() {
		names = append(names, "runs", "interval")
	}
	return names
}

// number reads a number of an address; 0 is none.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0
	}
	return n
}

// serviceOf returns a service that is sold, with its schema.
func serviceOf(s *catalog.Snapshot, serviceID int64) (*catalog.Service, catalog.Schema, bool) {
	v, sold := s.Service(serviceID)
	if !sold {
		return nil, catalog.Schema{}, false
	}
	schema, known := catalog.SchemaOf(v.Type)
	return v, schema, known
}
