package client

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync"
)

// Service is something that can be ordered, at your own price.
type Service struct {
	Service     int64  `json:"service"` // its number
	Name        string `json:"name"`
	Type        string `json:"type"` // which fields an order needs, such as "Default"; see [OrderRequest]
	Category    string `json:"category"`
	Rate        Amount `json:"rate"` // what you pay for 1,000
	Min         int64  `json:"min,string"`
	Max         int64  `json:"max,string"`
	Increment   int64  `json:"increment,string"` // a quantity must be a multiple of it
	DripFeed    bool   `json:"dripfeed"`         // an order may be delivered in runs
	Refill      bool   `json:"refill"`           // what was lost again is refilled
	RefillDays  int64  `json:"refill_days"`      // after the order's end; 0 with Refill: as long as the order exists
	Cancel      bool   `json:"cancel"`           // a running order can be canceled; a pending one always can
	Description string `json:"description"`
	// AverageTime is the measured median from placing to completion; nil where too few
	// orders tell.
	AverageTime *Seconds `json:"average_time"`
	Currency    string   `json:"currency"`
	// Facts are in the answer of [Client.Service] alone; nil where too few orders tell.
	Facts *Facts `json:"facts"`
}

// Facts are what was measured of a service: of the newest orders of all customers that
// have ended, 1,000 at most. A time that too few of them have is nil.
type Facts struct {
	Orders           int64    `json:"orders"`       // how many were looked at
	StartMedian      *Seconds `json:"start_median"` // from placing to the start of half of them
	StartP90         *Seconds `json:"start_p90"`    // of nine in ten
	CompletionMedian *Seconds `json:"completion_median"`
	CompletionP90    *Seconds `json:"completion_p90"`
	// The shares, decimals from 0 to 1, of all that ended. What they lack to 1 failed
	// or was refunded.
	Completed string `json:"completed"`
	Partial   string `json:"partial"`
	Canceled  string `json:"canceled"`
}

// Services returns what can be ordered now, in the panel's order. lang, such as "de"
// or "pt-BR", picks the language of names and descriptions; "" is the panel's own.
//
// The client keeps the last list of each language, and while nothing has changed the
// panel only says so: asking often costs little, and prices are never old. The list
// is yours to change.
func (c *Client) Services(ctx context.Context, lang string) ([]Service, error) {
	kept, etag := c.lists.get(lang)
	q := newRequest("services", "lang", lang)
	q.etag = etag
	var list []Service
	got, err := c.send(ctx, q, func(a answer) (err error) {
		if list = kept; a.status != http.StatusNotModified {
			list, err = decode[[]Service](a, nil)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if got.status != http.StatusNotModified {
		c.lists.keep(lang, list, got.header.Get("ETag"))
	}
	return ownServices(list), nil
}

// Service returns one service with what was measured of it. [ErrNotFound]: it is not
// known, or not sold now.
func (c *Client) Service(ctx context.Context, service int64, lang string) (Service, error) {
	return ask(ctx, c, newRequest("service", "service", whole(service), "lang", lang), func(s *Service) bool { return s.Service != 0 })
}

// whole writes a number that is not 0, which is absent.
func whole[T int | int64](n T) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(int64(n), 10)
}

// mostLists is how many lists of services are kept, one for each language.
const mostLists = 32

// serviceLists are the lists of services that were answered last.
type serviceLists struct {
	mu   sync.Mutex
	kept map[string]serviceList
}

type serviceList struct {
	services []Service
	etag     string
}

func (l *serviceLists) get(lang string) (services []Service, etag string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept[lang].services, l.kept[lang].etag
}

func (l *serviceLists) keep(lang string, services []Service, etag string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.kept[lang]; l.kept == nil || (!known && len(l.kept) >= mostLists) {
		l.kept = map[string]serviceList{}
	}
	delete(l.kept, lang)
	if etag != "" {
		l.kept[lang] = serviceList{services, etag}
	}
}

// ownServices is a copy that shares nothing with the list.
func ownServices(list []Service) []Service {
	own := slices.Clone(list)
	for i, s := range own {
		if s.AverageTime != nil {
			own[i].AverageTime = new(*s.AverageTime)
		}
	}
	return own
}
