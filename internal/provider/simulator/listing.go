package simulator

import (
	"net/http"
	"net/url"
	"strconv"
)

// services answers with the list in the form that was set.
func (s *Simulator) services(w http.ResponseWriter, form url.Values) {
	all, l := s.book.catalogue()
	rows := make([]serviceRow, 0, len(all))
	for _, sv := range all {
		if !sv.gone && (l.First == 0 || len(rows) < l.First) {
			rows = append(rows, sv.row())
		}
	}
	switch l.Form {
	case ListPages:
		sendJSON(w, paged(rows, l.Page, quantity(value(form, "page"))))
	case ListData:
		sendJSON(w, object{{"data", rows}})
	case ListEmpty:
		sendJSON(w, object{{"status", "success"}, {"data", "Empty Data"}})
	case ListNone:
		sendJSON(w, []serviceRow{})
	default:
		sendJSON(w, rows)
	}
}

// paged returns a page of the list, the first being 1.
func paged(rows []serviceRow, size int, page int64) object {
	page = min(max(page, 1), int64(len(rows)/size)+1)
	from := min((int(page)-1)*size, len(rows))
	to := min(from+size, len(rows))
	return object{
		{"services", rows[from:to]},
		{"count", len(rows)},
		{"page", page},
		{"limit", size},
		{"has_more", to < len(rows)},
	}
}

// nativeServices answers with the list in the native dialect.
func (s *Simulator) nativeServices(w http.ResponseWriter) {
	all, _ := s.book.catalogue()
	rows := make([]object, 0, len(all))
	for _, sv := range all {
		if sv.gone {
			continue
		}
		var refillDays any
		if sv.refill {
			refillDays = 30
		}
		rows = append(rows, object{
			{"service", sv.number},
			{"name", sv.name},
			{"type", sv.typeName()},
			{"category", sv.category},
			{"rate", sv.rate.String()},
			{"min", strconv.FormatInt(sv.min, 10)},
			{"max", strconv.FormatInt(sv.max, 10)},
			{"dripfeed", sv.dripfeed},
			{"refill", sv.refill},
			{"cancel", sv.cancel},
			{"description", sv.desc},
			{"average_time", nil},
			{"refill_days", refillDays},
			{"increment", "1"},
			{"currency", s.currency},
		})
	}
	sendJSON(w, rows)
}
