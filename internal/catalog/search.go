package catalog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// Query says which of the services that are sold are looked for. The zero value
// finds all of them.
type Query struct {
	Text     string   // a service's number, or beginnings of words of its name or category
	Lang     string   // of names; what the catalogue has not is in the panel's own
	For      Customer // whose rate is wanted beside the list price; nobody's is the list price
	Category string   // an id
	Type     Type
	Dripfeed bool // only those that have it; so with Refill and Cancel
	Refill   bool
	Cancel   bool
	After    int64 // Next of the page before
	Most     int   // services on the page, up to MostListed; 0 is UsualListed
}

// Bounds of a page of services.
const (
	UsualListed = 50
	MostListed  = 200
)

// Listing is a service as customers are shown it. Where it is bought and for how
// much is not in it.
type Listing struct {
	ID          int64
	Name        string
	Description string // Markdown of the provider's or the operator's
	CategoryID  string
	Category    string
	Type        Type
	Rate        money.Amount // list price per 1,000
	Own         money.Amount // what the customer pays for 1,000
	Min, Max    int64
	Increment   int64
	Dripfeed    bool
	Refill      bool
	RefillDays  int64 // 0 with Refill: for as long as the order exists
	Cancel      bool
	Facts       *Facts     // nil where too few orders have ended
	Announced   *Announced // nil where no rise was announced
}

// Listed is a page of services.
type Listed struct {
	Services []Listing
	Total    int   // on all pages
	Next     int64 // for After; 0 where this page is the last
}

// Search returns the services that are sold and meet the query, in catalogue
// order. One whose number the text is comes before all others.
func (s *Snapshot) Search(q Query) (page Listed, err error) {
	lang := s.Language(q.Lang)
	after, err := s.place(q.After)
	if err != nil {
		return page, err
	}
	wanted := readText(q.Text)
	lines := s.searchable(lang, wanted)
	var rows []*Service
	most := q.most()
	for i, v := range s.Services {
		if v.State != Active || !q.admits(v) {
			continue
		}
		named := wanted.number == v.ID
		if !named && !wanted.in(lines, i) {
			continue
		}
		page.Total++
		switch {
		case named && q.After == 0:
			rows = slices.Insert(rows, 0, v)
		case named || i < after: // it is on an earlier page
		case len(rows) <= most:
			rows = append(rows, v)
		}
	}
	if len(rows) > most {
		rows = rows[:most]
		page.Next = rows[most-1].ID
		if page.Next == wanted.number && most == 1 {
			page.Next = beginning
		}
	}
	page.Services = make([]Listing, 0, len(rows))
	for _, v := range rows {
		l, err := s.listing(v, lang, q.For)
		if err != nil {
			return page, err
		}
		page.Services = append(page.Services, l)
	}
	return page, nil
}

// beginning is the cursor of a page that held nothing but the service that was
// asked for by its number.
const beginning = -1

// place returns where in the catalogue the page behind a cursor begins. A cursor
// is a service's number: services are never deleted.
func (s *Snapshot) place(after int64) (int, error) {
	if after == 0 || after == beginning {
		return 0, nil
	}
	i := slices.IndexFunc(s.Services, func(v *Service) bool { return v.ID == after })
	if i < 0 {
		return 0, &fault.Error{
			Code: fault.Invalid, Text: "after must be what an earlier page gave", Reason: fault.BadField, Args: []string{"after"},
		}
	}
	return i + 1, nil
}

func (q Query) most() int {
	if q.Most <= 0 {
		return UsualListed
	}
	return min(q.Most, MostListed)
}

// admits reports whether a service passes the filters.
func (q Query) admits(v *Service) bool {
	return (q.Category == "" || v.CategoryID == q.Category) && (q.Type == "" || v.Type == q.Type) &&
		(!q.Dripfeed || v.Drips()) && (!q.Refill || v.Refill) && (!q.Cancel || v.Cancel)
}

// Listing returns one service that is sold, as customers are shown it.
func (s *Snapshot) Listing(serviceID int64, lang string, who Customer) (Listing, error) {
	v, sold := s.Service(serviceID)
	if !sold {
		return Listing{}, &fault.Error{Code: fault.NotFound, Text: "Service not found", Reason: fault.NoService}
	}
	return s.listing(v, s.Language(lang), who)
}

func (s *Snapshot) listing(v *Service, lang string, who Customer) (Listing, error) {
	own, err := s.Price(v, who)
	if err != nil {
		return Listing{}, fmt.Errorf("price of service %d: %w", v.ID, err)
	}
	words := s.Wording(v, lang)
	l := Listing{
		ID: v.ID, Name: words.Name, Description: words.Description, CategoryID: v.CategoryID, Category: s.CategoryName(v, lang),
		Type: v.Type, Rate: v.Rate, Own: own, Min: v.Min, Max: v.Max, Increment: v.Increment,
		Dripfeed: v.Drips(), Refill: v.Refill, Cancel: v.Cancel,
	}
	if v.Refill {
		l.RefillDays = v.RefillDays
	}
	if f, ok := s.Facts(v); ok {
		l.Facts = &f
	}
	if a, ok := s.announced[v.ID]; ok {
		l.Announced = &a
	}
	return l, nil
}

// ListedCategory is a category with something to sell.
type ListedCategory struct {
	ID       string
	Name     string
	Services int // that are sold
}

// ListedCategories returns the categories that have services which are sold, in catalogue
// order, by their names in a language.
func (s *Snapshot) ListedCategories(lang string) (all []ListedCategory) {
	lang = s.Language(lang)
	at := map[string]int{}
	for _, v := range s.Services {
		if v.State != Active {
			continue
		}
		i, known := at[v.CategoryID]
		if !known {
			i = len(all)
			at[v.CategoryID] = i
			all = append(all, ListedCategory{ID: v.CategoryID, Name: s.CategoryName(v, lang)})
		}
		all[i].Services++
	}
	return all
}

// Types returns the types of which services are sold, in the order in which they
// are documented.
func (s *Snapshot) Types() (all []Type) {
	sold := map[Type]bool{}
	for _, v := range s.Services {
		if v.State == Active {
			sold[v.Type] = true
		}
	}
	for _, schema := range schemas {
		if sold[schema.Type] {
			all = append(all, schema.Type)
		}
	}
	return all
}

// index has the folded words of each service by language, each word with a blank
// before it. A language's are made when it is first searched in.
type index struct {
	mu    sync.Mutex
	lines map[string][]string // by language, then by place in the catalogue
}

// searchable returns the lines of a language, or nothing where no words are
// looked for.
func (s *Snapshot) searchable(lang string, wanted typed) []string {
	if len(wanted.words) == 0 {
		return nil
	}
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	if lines, made := s.index.lines[lang]; made {
		return lines
	}
	lines := make([]string, len(s.Services))
	for i, v := range s.Services {
		words := fold(s.Wording(v, lang).Name + " " + s.CategoryName(v, lang))
		if lang != "" { // the panel's own names are known to customers too
			words = append(words, fold(v.Name+" "+v.Category)...)
		}
		lines[i] = " " + strings.Join(words, " ")
	}
	if s.index.lines == nil {
		s.index.lines = map[string][]string{}
	}
	s.index.lines[lang] = lines
	return lines
}

// typed is what somebody typed to find a service.
type typed struct {
	number int64    // of a service; 0 where it is none
	words  []string // folded; nil where nothing was typed
	none   bool     // something was typed that no name can have
}

// readText reads what was typed, as much of it as a name can have.
func readText(said string) (t typed) {
	const longest, most = 100, 10
	said = strings.TrimSpace(strings.ToValidUTF8(said, " "))
	if said == "" {
		return t
	}
	if n, err := strconv.ParseInt(strings.TrimPrefix(said, "#"), 10, 64); err == nil && n > 0 {
		t.number = n
	}
	if utf8.RuneCountInString(said) > longest {
		said = string([]rune(said)[:longest])
	}
	words := fold(said)
	t.none = len(words) == 0
	for _, w := range words[:min(len(words), most)] {
		if !strings.ContainsFunc(w, unspaced) {
			w = " " + w
		}
		t.words = append(t.words, w)
	}
	return t
}

// in reports whether the service at a place has all the words.
func (t typed) in(lines []string, i int) bool {
	if t.none {
		return false
	}
	for _, w := range t.words {
		if !strings.Contains(lines[i], w) {
			return false
		}
	}
	return true
}

// fold takes a text apart into words that are equal however they are typed: in
// small letters, without marks, i without and with a dot alike.
func fold(said string) []string {
	if strings.IndexFunc(said, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
		said = norm.NFKD.String(said)
	}
	var b strings.Builder
	b.Grow(len(said))
	for _, r := range said {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			b.WriteRune(r)
		case 'A' <= r && r <= 'Z':
			b.WriteRune(r + 'a' - 'A')
		case r == '\'', r == '’':
		case r < utf8.RuneSelf:
			b.WriteByte(' ')
		case unicode.Is(unicode.Mn, r):
		case !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mc, r):
			b.WriteByte(' ')
		default:
			b.WriteString(plainLetter(unicode.ToLower(r)))
		}
	}
	return strings.Fields(b.String())
}

// plainLetter returns a letter as who has it not on the keyboard types it.
func plainLetter(r rune) string {
	switch r {
	case 'ı':
		return "i"
	case 'ß':
		return "ss"
	case 'ø':
		return "o"
	case 'đ', 'ð':
		return "d"
	case 'ł':
		return "l"
	case 'æ':
		return "ae"
	case 'œ':
		return "oe"
	case 'ς':
		return "σ"
	}
	return string(r)
}

// unspaced reports letters of scripts that put no blanks between words: their
// words are found inside of others.
func unspaced(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
