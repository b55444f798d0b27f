package simulator

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"

	"github.com/notpanel/notpanel/internal/money"
)

// control lets a request through that was made on this machine, and not by a
// page that some browser shows.
func control(w http.ResponseWriter, r *http.Request, handle func(form url.Values) error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "Method not allowed", http.StatusMethodNotAllowed)
		return
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	if ip, err := netip.ParseAddr(host); err != nil || !ip.Unmap().IsLoopback() {
		http.Error(w, "Only from this machine", http.StatusForbidden)
		return
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	form, ok := readForm(w, r)
	if !ok {
		http.Error(w, "Send a form", http.StatusBadRequest)
		return
	}
	switch err := handle(form); {
	case errors.Is(err, errClosed):
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// catalogueControl shows the catalogue, those that are gone included, and changes
// a service or the form of the list.
func (s *Simulator) catalogueControl(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		sendJSON(w, s.shelfView())
		return
	}
	control(w, r, func(form url.Values) error {
		if !form.Has("service") && !form.Has("as") {
			return errors.New("name a service, or with as the form of the list")
		}
		if form.Has("service") {
			c, err := readChange(form)
			if err != nil {
				return err
			}
			if err := s.Change(c); err != nil {
				return err
			}
		}
		if form.Has("as") {
			l, err := readListing(form)
			if err != nil {
				return err
			}
			if err := s.List(l); err != nil {
				return err
			}
		}
		sendJSON(w, s.shelfView())
		return nil
	})
}

func (s *Simulator) shelfView() object {
	all, l := s.book.catalogue()
	rows := make([]object, 0, len(all))
	for _, sv := range all {
		state := "back"
		if sv.gone {
			state = "gone"
		}
		rows = append(rows, object{
			{"service", sv.number},
			{"name", sv.name},
			{"type", sv.typeName()},
			{"category", sv.category},
			{"rate", sv.rate.String()},
			{"flat", sv.flat},
			{"min", sv.min},
			{"max", sv.max},
			{"dripfeed", sv.dripfeed},
			{"refill", sv.refill},
			{"cancel", sv.cancel},
			{"state", state},
		})
	}
	return object{{"as", l.Form}, {"page", l.Page}, {"first", l.First}, {"services", rows}}
}

// readChange reads a change of a service. A parameter that is not there changes
// nothing.
func readChange(form url.Values) (c Change, err error) {
	if c.Service, err = strconv.ParseInt(value(form, "service"), 10, 64); err != nil {
		return c, errors.New("service is a number")
	}
	if c.Min, err = given(form, "min", parseCount); err != nil {
		return c, err
	}
	if c.Max, err = given(form, "max", parseCount); err != nil {
		return c, err
	}
	if c.Rate, err = given(form, "rate", money.Parse); err != nil {
		return c, err
	}
	for name, flag := range map[string]**bool{"dripfeed": &c.Dripfeed, "refill": &c.Refill, "cancel": &c.Cancel} {
		if *flag, err = given(form, name, strconv.ParseBool); err != nil {
			return c, err
		}
	}
	for name, text := range map[string]**string{"name": &c.Name, "category": &c.Category} {
		if v := value(form, name); v != "" {
			*text = &v
		}
	}
	c.Gone, err = given(form, "state", parseState)
	return c, err
}

// given reads a parameter, nil if it is not there.
func given[T any](form url.Values, name string, parse func(string) (T, error)) (*T, error) {
	text := value(form, name)
	if text == "" {
		return nil, nil //nolint:nilnil // what is not given does not change
	}
	v, err := parse(text)
	if err != nil {
		return nil, errors.New(name + " makes no sense: " + strconv.Quote(text))
	}
	return &v, nil
}

func parseCount(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, errors.New("no number")
	}
	return n, nil
}

func parseState(text string) (gone bool, err error) {
	switch text {
	case "gone":
		return true, nil
	case "back":
		return false, nil
	default:
		return false, strconv.ErrSyntax
	}
}

func readListing(form url.Values) (Listing, error) {
	l := Listing{Form: ListForm(value(form, "as"))}
	page, err := given(form, "page", strconv.Atoi)
	if err != nil {
		return l, err
	}
	first, err := given(form, "first", strconv.Atoi)
	if err != nil {
		return l, err
	}
	set(&l.Page, page)
	set(&l.First, first)
	return l, nil
}

// balanceControl shows the balance and sets it.
func (s *Simulator) balanceControl(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		sendJSON(w, s.balance())
		return
	}
	control(w, r, func(form url.Values) error {
		amount, err := money.Parse(value(form, "balance"))
		if err != nil {
			return errors.New("balance is an amount")
		}
		if err := s.SetBalance(amount); err != nil {
			return err
		}
		sendJSON(w, s.balance())
		return nil
	})
}
