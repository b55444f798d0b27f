package apiv2

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/order"
)

// serviceRow is a service as it is answered.
type serviceRow struct {
	Service     int64        `json:"service"`
	Name        string       `json:"name"`
	Type        catalog.Type `json:"type"`
	Category    string       `json:"category"`
	Rate        string       `json:"rate"`
	Min         string       `json:"min"`
	Max         string       `json:"max"`
	Dripfeed    bool         `json:"dripfeed"`
	Refill      bool         `json:"refill"`
	Cancel      bool         `json:"cancel"`
	Description string       `json:"description"`
	AverageTime *int64       `json:"average_time"`
	RefillDays  int64        `json:"refill_days"`
	Increment   string       `json:"increment"`
	Currency    string       `json:"currency"`
}

func (a *API) listServices(c *call) (any, error) {
	return a.list(c, "native", func(v view) ([]byte, error) {
		rows := []serviceRow{}
		for _, s := range v.Services {
			if s.State != catalog.Active {
				continue
			}
			row, err := v.row(s, a.Currency)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
		return encode(rows), nil
	})
}

// view is the catalogue as one customer sees it in one language.
type view struct {
	*catalog.Snapshot

	who  catalog.Customer
	lang string
}

// seen returns the catalogue as the caller sees it, at least as new as epoch.
func (a *API) seen(c *call, epoch int64) (view, error) {
	snapshot, err := a.Catalog.At(c.ctx, epoch)
	if err != nil {
		return view{}, err
	}
	who := catalog.Customer{AccountID: c.who.AccountID, Tier: string(c.who.Tier)}
	return view{snapshot, who, snapshot.Language(c.get("lang"))}, nil
}

func (v view) row(s *catalog.Service, currency string) (serviceRow, error) {
	rate, err := v.Price(s, v.who)
	if err != nil {
		return serviceRow{}, fmt.Errorf("price of service %d: %w", s.ID, err)
	}
	words := v.Wording(s, v.lang)
	row := serviceRow{
		Service: s.ID, Name: words.Name, Type: s.Type, Category: v.CategoryName(s, v.lang), Rate: rate.String(),
		Min: strconv.FormatInt(s.Min, 10), Max: strconv.FormatInt(s.Max, 10),
		Dripfeed: s.Drips(), Refill: s.Refill, Cancel: s.Cancel, Description: words.Description,
		Increment: strconv.FormatInt(s.Increment, 10), Currency: currency,
	}
	if s.Refill {
		row.RefillDays = s.RefillDays
	}
	if facts, ok := v.Facts(s); ok {
		row.AverageTime = facts.CompleteHalf
	}
	return row, nil
}

// encoder writes the list of services of one dialect, as one customer sees it.
type encoder func(v view) ([]byte, error)

// list answers with the list that encode writes, from memory where the caller's
// price group has it already. What of a key's settings changes the list's bytes
// belongs into variant, for lists of one variant, group and language are the same.
func (a *API) list(c *call, variant string, encode encoder) (any, error) {
	epoch := c.epoch.Catalog
	for {
		v, err := a.seen(c, epoch)
		if err != nil {
			return nil, err
		}
		key := listKey{variant, v.Group(v.who), v.lang}
		d, err := a.lists.get(c.ctx, key, v.Epoch, func() (document, error) {
			plain, err := encode(v)
			if err != nil {
				return document{}, err
			}
			return newDocument(plain, v.Epoch)
		})
		if err != nil {
			return nil, err
		}
		if d.epoch == v.Epoch {
			return d.answer(c.header), nil
		}
		epoch = d.epoch // the catalogue moved meanwhile, and the caller's group with it perhaps
	}
}

// document is a list ready to be sent.
type document struct {
	epoch int64 // of the catalogue that it is from
	tag   string
	plain []byte
	gzip  []byte // nil where it would not be shorter
}

// gzipMark tells the entity tag of the compressed bytes from that of the plain.
const gzipMark = "-gzip"

func newDocument(plain []byte, epoch int64) (document, error) {
	sum := sha256.Sum256(plain)
	d := document{epoch: epoch, plain: plain, tag: base64.RawURLEncoding.EncodeToString(sum[:16])}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(plain); err != nil {
		return d, fmt.Errorf("compress list: %w", err)
	}
	if err := w.Close(); err != nil {
		return d, fmt.Errorf("compress list: %w", err)
	}
	if b.Len() < len(plain) {
		d.gzip = b.Bytes()
	}
	return d, nil
}

// size is what the document takes in memory, in bytes.
func (d document) size() int64 {
	const rest = 512 // entry, key and tag
	return int64(len(d.plain)) + int64(cap(d.gzip)) + rest
}

// answer chooses the form that a request asks for, or says that its sender has
// the list already.
func (d document) answer(header http.Header) answer {
	out := answer{status: http.StatusOK, body: d.plain, etag: `"` + d.tag + `"`}
	if d.gzip != nil && takesGzip(header.Values("Accept-Encoding")) {
		out.body, out.encoding, out.etag = d.gzip, "gzip", `"`+d.tag+gzipMark+`"`
	}
	if had, ok := d.named(header.Values("If-None-Match"), out.etag); ok {
		return answer{status: http.StatusNotModified, etag: had}
	}
	return out
}

// named reports whether a condition names the document, in either form, and by
// which tag.
func (d document) named(conditions []string, own string) (tag string, ok bool) {
	for _, condition := range conditions {
		for named := range strings.SplitSeq(condition, ",") {
			switch named = strings.TrimPrefix(strings.TrimSpace(named), "W/"); named {
			case "*":
				return own, true
			case `"` + d.tag + `"`, `"` + d.tag + gzipMark + `"`:
				return named, true
			}
		}
	}
	return "", false
}

// takesGzip reports whether an answer may be compressed: gzip is named, or
// everything is, and not with less weight than the plain form.
func takesGzip(accepted []string) bool {
	weights := map[string]int{}
	for _, line := range accepted {
		for one := range strings.SplitSeq(line, ",") {
			coding, parameters, _ := strings.Cut(one, ";")
			coding = strings.ToLower(strings.TrimSpace(coding))
			if coding == "x-gzip" {
				coding = "gzip"
			}
			weights[coding] = max(weights[coding], weight(parameters))
		}
	}
	gzipped, named := weights["gzip"]
	if !named {
		gzipped = weights["*"]
	}
	return gzipped > 0 && gzipped >= weights["identity"]
}

// weight reads q of a coding's parameters in thousandths; what can't be read
// weighs nothing.
func weight(parameters string) int {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, ok := strings.Cut(parameter, "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		whole, decimals, _ := strings.Cut(strings.TrimSpace(value), ".")
		if len(decimals) > 3 {
			return 0
		}
		n, err := strconv.ParseUint(whole+decimals+strings.Repeat("0", 3-len(decimals)), 10, 16)
		if err != nil || n > 1000 {
			return 0
		}
		return int(n)
	}
	return 1000
}

// factsRow is what was measured of a service.
type factsRow struct {
	Orders           int64  `json:"orders"`
	StartMedian      *int64 `json:"start_median"`
	Start90          *int64 `json:"start_p90"`
	CompletionMedian *int64 `json:"completion_median"`
	Completion90     *int64 `json:"completion_p90"`
	Completed        string `json:"completed"`
	Partial          string `json:"partial"`
	Canceled         string `json:"canceled"`
}

// serviceAnswer is one service with what was measured of it.
type serviceAnswer struct {
	serviceRow

	Facts *factsRow `json:"facts"`
}

func (a *API) service(c *call) (any, error) {
	if c.get("service") == "" {
		return nil, order.Missing("service")
	}
	serviceID, err := c.whole("service")
	if err != nil {
		return nil, err
	}
	v, err := a.seen(c, c.epoch.Catalog)
	if err != nil {
		return nil, err
	}
	s, sold := v.Service(serviceID)
	if !sold {
		return nil, fault.New(fault.NotFound, "Service not found")
	}
	row, err := v.row(s, a.Currency)
	if err != nil {
		return nil, err
	}
	out := serviceAnswer{serviceRow: row}
	if f, ok := v.Facts(s); ok {
		out.Facts = &factsRow{
			Orders: f.Orders, StartMedian: f.StartHalf, Start90: f.StartMost,
			CompletionMedian: f.CompleteHalf, Completion90: f.CompleteMost,
			Completed: shareText(f.Completed), Partial: shareText(f.Partial), Canceled: shareText(f.Canceled),
		}
	}
	return out, nil
}

// shareText writes thousandths as a decimal.
func shareText(thousandths int64) string {
	return fmt.Sprintf("%d.%03d", thousandths/1000, thousandths%1000)
}
