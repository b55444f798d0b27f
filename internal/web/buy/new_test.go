package buy_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

// typed are the fields of an order of each type, beside service, link and quantity.
func typed() map[catalog.Type]map[string]string {
	return map[catalog.Type]map[string]string{
		catalog.Default: {}, catalog.Package: {},
		catalog.CustomComments:        {"comments": "Clear\r\n\r\nUseful, and short\r\nKind"},
		catalog.CustomCommentsPackage: {"comments": "Clear"},
		catalog.MentionsWithHashtags:  {"usernames": "a\r\nb", "hashtags": "x,y"},
		catalog.MentionsCustomList:    {"usernames": "a\r\nb\r\nc"},
		catalog.MentionsHashtag:       {"hashtag": "garden"},
		catalog.MentionsUserFollowers: {"username": "gardener"},
		catalog.MentionsMediaLikers:   {"media": "https://example.com/media"},
		catalog.CommentLikes:          {"username": "gardener"},
		catalog.CommentReplies:        {"username": "gardener", "comments": "Yes\r\nNo\r\nPerhaps"},
		catalog.Poll:                  {"answer_number": "2"},
		catalog.InvitesFromGroups:     {"groups": "https://example.com/g1\r\nhttps://example.com/g2"},
		catalog.Subscriptions:         {"username": "gardener", "min": "10", "max": "100", "delay": "5", "posts": "3"},
		catalog.SEO:                   {"keywords": "roses\r\ntulips"},
		catalog.WebTraffic:            {"country": "DE", "device": "1", "type_of_traffic": "2", "referring_url": "https://example.com/from"},
	}
}

// filled is the form of an order of a type.
func (p *panel) filled(kind catalog.Type) (fields []string, units int64) {
	v := p.byType[kind]
	schema, _ := catalog.SchemaOf(kind)
	fields = []string{"service", strconv.FormatInt(v.ID, 10)}
	if schema.Link {
		fields = append(fields, "link", "https://example.com/"+strconv.FormatInt(v.ID, 10))
	}
	switch schema.Counting {
	case catalog.ByQuantity:
		fields, units = append(fields, "quantity", "100"), 100
	case catalog.ByLines:
		units = 3
	case catalog.ByPackage:
		units = v.Min
	case catalog.ByPosts:
		units = 300
	}
	more := typed()[kind]
	for _, name := range slices.Sorted(maps.Keys(more)) {
		fields = append(fields, name, more[name])
	}
	return fields, units
}

// An order of each type is placed from the fields that its form shows, for the total
// that the form has shown, and stands in the database as it was typed.
func TestEachTypeIsPlacedFromItsForm(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		c := p.customer("ann@example.com", 100*money.Unit)
		left := 100 * money.Unit
		for i, s := range catalog.Schemas() {
			fields, units := p.filled(s.Type)
			form := c.get(newOrder + "?service=" + fields[1])
			for j := 2; j < len(fields); j += 2 {
				says(t, string(s.Type), form, http.StatusOK, ` name="`+fields[j]+`"`)
			}
			got := c.post(newOrder, c.shown(fields...)...)
			number := strconv.Itoa(i + 1)
			if got.status != http.StatusSeeOther || got.to() != newOrder+"?placed="+number+"&service="+fields[1] {
				t.Fatalf("%s: %d to %q\n%s", s.Type, got.status, got.to(), main(got.body))
			}
			o := c.orders()[0]
			charge := money.Amount(units) * 2000
			left -= charge
			if o.ServiceID != p.byType[s.Type].ID || o.Charge != charge {
				t.Errorf("%s: %+v", s.Type, o)
			}
			for name, said := range typed()[s.Type] {
				if name == "comments" && strings.Contains(said, "\r\n\r\n") {
					said = "Clear\nUseful, and short\nKind"
				}
				if want := strings.ReplaceAll(said, "\r\n", "\n"); o.Fields.Get(name) != want && o.Fields.Get(name) != strings.ReplaceAll(want, ",", "\n") {
					t.Errorf("%s: %s is %q", s.Type, name, o.Fields.Get(name))
				}
			}
			says(t, string(s.Type), c.get(got.to()), http.StatusOK, "Order "+number, `href="/dashboard/orders/`+number+`"`)
		}
		c.booked(len(catalog.Schemas()), left)
	})
}

// A list may be as long as a service takes, in any letters.
func TestLongListsAreOrdered(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		c := p.customer("ann@example.com", 10*money.Unit)
		list := strings.Repeat("çok güzel bir yazı olmuş\n", 2000)
		c.post(newOrder, c.shown("service", strconv.FormatInt(p.byType[catalog.CustomComments].ID, 10), "link", "https://example.com", "comments", list)...)
		if o := c.orders()[0]; o.Quantity != 2000 || o.Charge != 4*money.Unit {
			t.Errorf("%d for %s", o.Quantity, o.Charge)
		}
		c.booked(1, 6*money.Unit)
	})
}

// A drip-feed is charged whole, and its schedule is shown before.
func TestDripFeedShowsItsSchedule(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		c := p.customer("ann@example.com", 10*money.Unit)
		fields, _ := p.filled(catalog.Default)
		fields = append(fields, "runs", "20", "interval", "90")
		says(t, "total", c.post(newOrder+"/total", fields...), http.StatusOK, "$4.00", "20 × 100 = 2,000", "Run 1:", "Run 5:", "Run 20:", "$6.00")
		c.post(newOrder, c.shown(fields...)...)
		if o := c.orders()[0]; o.Kind != order.Drip || o.Runs != 20 || o.Every != 90 || o.Charge != 4*money.Unit {
			t.Errorf("%+v", o)
		}
		// The drip-feed's own loop may have added its first run by now: it is charged with its parent.
		again := c.get(newOrder + "?again=1")
		says(t, "again", again, http.StatusOK, `name="runs" type="text" value="20"`, `name="interval" type="text" value="90"`, `value="100"`, "$4.00")
	})
}

// However often a form is sent, and side by side, it orders once; changed, it orders
// nothing before that was said.
func TestFormOrdersOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		c := p.customer("ann@example.com", 10*money.Unit)
		fields, _ := p.filled(catalog.Default)
		form := c.shown(fields...)
		answers := make([]answer, 8)
		var group sync.WaitGroup
		for i := range answers {
			group.Go(func() {
				same := &customer{Account: c.Account, p: p, cookies: maps.Clone(c.cookies), lang: "en"}
				answers[i] = same.post(newOrder, form...)
			})
		}
		group.Wait()
		for _, got := range slices.Concat(answers, []answer{c.post(newOrder, form...)}) {
			if got.status != http.StatusSeeOther || !strings.Contains(got.to(), "placed=1") {
				t.Errorf("%d to %q", got.status, got.to())
			}
		}
		c.booked(1, 9_800_000)
		changed := append(slices.Clone(form), "quantity", "50")
		got := c.post(newOrder, changed...)
		says(t, "changed", got, http.StatusUnprocessableEntity, "This form has ordered already", "Order 1", "$0.10")
		if got.hidden()[1] == form[7] {
			t.Error("the next order would go by the first one's request id")
		}
		c.booked(1, 9_800_000)
		// Said, and sent again as an order of its own.
		got = c.post(newOrder, append(append(slices.Clone(fields), "quantity", "50"), got.hidden()...)...)
		if got.status != http.StatusSeeOther {
			t.Errorf("sent again: %d\n%s", got.status, main(got.body))
		}
		c.booked(2, 9_700_000)
	})
}

// Nothing is ordered that was not shown with its total, or for more than was shown.
func TestNothingIsOrderedForMoreThanWasShown(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		c := p.customer("ann@example.com", 10*money.Unit)
		fields, _ := p.filled(catalog.Default)
		form := c.shown(fields...)
		// No total was shown.
		says(t, "unseen", c.post(newOrder, append(slices.Clone(fields), "request_id", "web_1")...), http.StatusOK, "Place order · $0.20")
		// The fields were changed faster than the total came.
		got := c.post(newOrder, append(slices.Clone(form), "quantity", "200")...)
		says(t, "changed", got, http.StatusUnprocessableEntity, "was not for these fields", "Place order · $0.40", `value="200"`)
		// The price has risen.
		rate := 3 * money.Unit
		_, err := p.Core.Catalog.Set(t.Context(), p.byType[catalog.Default].ID, catalog.Change{Rate: &rate}, "a test")
		must(t, err)
		got = c.post(newOrder, form...)
		says(t, "risen", got, http.StatusUnprocessableEntity, "The price has changed", "Place order · $0.30", `value="https://example.com/`)
		c.booked(0, 10*money.Unit)
		got = c.post(newOrder, append(slices.Clone(fields), got.hidden()...)...)
		if got.status != http.StatusSeeOther {
			t.Errorf("seen: %d", got.status)
		}
		c.booked(1, 9_700_000)
	})
}

// What is refused is said beside its field, in the reader's language, and what was
// typed stays.
func TestRefusalsStandBesideTheirFields(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		c := p.customer("ann@example.com", money.Unit)
		_, err := p.Core.Catalog.Block(t.Context(), "blocked.example", "abuse", "a test")
		must(t, err)
		hosts, refuse := []string{"example.org"}, catalog.OverlapRefuse
		onHost := p.byType[catalog.SEO].ID
		_, err = p.Core.Catalog.Set(t.Context(), onHost, catalog.Change{LinkHosts: &hosts}, "a test")
		must(t, err)
		busy := p.byType[catalog.Poll].ID
		_, err = p.Core.Catalog.Set(t.Context(), busy, catalog.Change{Overlap: &refuse}, "a test")
		must(t, err)
		once, _ := p.filled(catalog.Poll)
		c.post(newOrder, c.shown(once...)...)
		for name, change := range map[string]struct {
			kind         catalog.Type
			fields       []string
			id, en, turk string
		}{
			"no link":       {catalog.Default, []string{"link", ""}, "link", "Fill this in.", "Burayı doldurun."},
			"no address":    {catalog.Default, []string{"link", "somewhere"}, "link", "Write an address such as", "gibi, en çok 1.000 karakterlik"},
			"too few":       {catalog.Default, []string{"quantity", "1"}, "quantity", "Between 2 and 100,000.", "2 ile 100.000 arasında."},
			"no number":     {catalog.Default, []string{"quantity", "a few"}, "quantity", "Between 2 and 100,000.", "2 ile 100.000 arasında."},
			"blocked":       {catalog.Default, []string{"link", "https://www.blocked.example/x"}, "link", "Nobody can order for this target", "kimse sipariş veremez"},
			"other host":    {catalog.SEO, nil, "link", "on example.org.", "example.org üzerinde"},
			"busy":          {catalog.Poll, nil, "link", "has not ended yet", "bitmemiş bir siparişi var"},
			"one run":       {catalog.Default, []string{"runs", "1", "interval", "5"}, "runs", "Between 2 and 1,000.", "2 ile 1.000 arasında."},
			"no interval":   {catalog.Default, []string{"runs", "2"}, "interval", "Between 1 and 10,080.", "1 ile 10.080 arasında."},
			"past day":      {catalog.Subscriptions, []string{"expiry", "2020-01-01"}, "expiry", "still to come", "Henüz gelmemiş bir gün"},
			"min above max": {catalog.Subscriptions, []string{"min", "200"}, "min", "not above the most a post", "en çoğu aşmayan"},
			"max too large": {catalog.Subscriptions, []string{"max", "200000"}, "max", "Between 2 and 100,000.", "2 ile 100.000 arasında."},
			"no posts":      {catalog.Subscriptions, []string{"posts", ""}, "posts", "Write how many posts.", "Kaç gönderi olduğunu yazın."},
			"few lines":     {catalog.CustomComments, []string{"comments", "one"}, "comments", "Each line is one unit", "Her satır bir birimdir"},
			"control":       {catalog.Default, []string{"link", "https://example.com/\x01"}, "link", "Write", "yazın"},
			"two lines":     {catalog.MentionsHashtag, []string{"hashtag", "a\nb"}, "hashtag", "one line of at most 255", "255 karakterlik tek bir satır"},
			"no funds":      {catalog.Default, []string{"quantity", "90000"}, "", "The wallet holds too little", "Cüzdandaki tutar bu siparişe yetmiyor"},
		} {
			fields, _ := p.filled(change.kind)
			fields = append(append(fields, "request_id", "web_"+strings.ReplaceAll(name, " ", "_"), "max_charge", "1000"), change.fields...)
			for lang, text := range map[string]string{"en": change.en, "tr": change.turk} {
				c.lang = lang
				got := c.post(newOrder, fields...)
				says(t, name, got, http.StatusUnprocessableEntity, text)
				if change.id != "" && !strings.Contains(got.body, `id="`+change.id+`-error"`) {
					t.Errorf("%s: nothing stands beside %s\n%s", name, change.id, main(got.body))
				}
				if n := strings.Count(got.body, "autofocus"); n != 1 {
					t.Errorf("%s: %d fields ask for the focus", name, n)
				}
			}
		}
		c.lang = "en"
		says(t, "no funds", c.post(newOrder+"/total", "service", strconv.FormatInt(p.byType[catalog.Default].ID, 10), "link", "https://example.com", "quantity", "90000"),
			http.StatusOK, "Missing in the wallet", "$179.20", `href="/dashboard/wallet/topups/new"`)
		c.booked(1, 800_000)
	})
}

// Who is suspended may look, and is told why nothing is ordered.
func TestSuspendedAccountOrdersNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		c := p.customer("ann@example.com", money.Unit)
		fields, _ := p.filled(catalog.Default)
		form := c.shown(fields...)
		batch := c.upload(fields[1]+" | https://example.com | 100", "").to()
		_, err := p.Core.Accounts.SetState(t.Context(), c.ID, account.Suspended, "a test")
		must(t, err)
		for name, got := range map[string]answer{"one": c.post(newOrder, form...), "many": c.post(batch + "/place")} {
			if got.status == http.StatusSeeOther && got.to() != "/login" || got.status == http.StatusOK {
				t.Errorf("%s: %d to %q", name, got.status, got.to())
			}
		}
		c.booked(0, money.Unit)
	})
}

// An order is ordered again from one's own, and from nobody else's.
func TestAgainIsOnesOwn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		ann, bob := p.customer("ann@example.com", 10*money.Unit), p.customer("bob@example.com", 10*money.Unit)
		for _, kind := range []catalog.Type{catalog.CommentReplies, catalog.Subscriptions, catalog.WebTraffic} {
			fields, _ := p.filled(kind)
			ann.post(newOrder, ann.shown(fields...)...)
		}
		for number, want := range map[string][]string{
			"1": {`value="gardener"`, "Yes\nNo\nPerhaps</textarea>", "https://example.com/"}, "2": {`value="100"`, `value="3"`},
			"3": {`value="DE"`, `<option value="2" selected`, `value="https://example.com/from"`},
		} {
			says(t, "again "+number, ann.get(newOrder+"?again="+number), http.StatusOK, append(want, "Place order · ")...)
			says(t, "foreign", bob.get(newOrder+"?again="+number), http.StatusNotFound)
			says(t, "foreign", bob.get(newOrder+"/placed/"+number), http.StatusNotFound)
		}
		id := ann.orders()[0].ID
		says(t, "foreign by id", bob.get(newOrder+"?again="+id), http.StatusNotFound)
		if got := bob.get(newOrder + "?placed=1"); got.status != http.StatusOK || strings.Contains(main(got.body), "Order 1") {
			t.Errorf("another's order: %d", got.status)
		}
		must(t, p.retire(ann.orders()[2].ServiceID))
		says(t, "retired", ann.get(newOrder+"?again=1"), http.StatusOK, "not sold any more")
		ann.booked(3, 10*money.Unit-6000-600_000-200_000)
	})
}

func (p *panel) retire(serviceID int64) error {
	retired := catalog.Retired
	_, err := p.Core.Catalog.Set(p.t.Context(), serviceID, catalog.Change{State: &retired}, "a test")
	return err
}

// Services are found by name and number; what is kept and what is often ordered
// stands first.
func TestServicesAreFound(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		c := p.customer("ann@example.com", 10*money.Unit)
		poll := strconv.FormatInt(p.byType[catalog.Poll].ID, 10)
		says(t, "by name", c.get(newOrder+"?q=poll&link=https%3A%2F%2Fexample.com"), http.StatusOK, "Poll service", "link=https%3A%2F%2Fexample.com&amp;service="+poll)
		says(t, "by number", c.get(newOrder+"?q="+poll), http.StatusOK, "Poll service")
		says(t, "nothing", c.get(newOrder+"?q=zebra"), http.StatusOK, `href="/dashboard/orders/new">Show all`)
		if got := c.post(newOrder+"/favourite", "service", poll, "keep", "1"); got.to() != newOrder+"?service="+poll {
			t.Errorf("keep: %d to %q", got.status, got.to())
		}
		says(t, "kept", c.get(newOrder+"?service="+poll), http.StatusOK, `aria-pressed="true"`)
		fields, _ := p.filled(catalog.Package)
		c.post(newOrder, c.shown(fields...)...)
		page := main(c.get(newOrder).body)
		favourites, often := strings.Index(page, "Favourites"), strings.Index(page, "Often ordered")
		if favourites < 0 || often < favourites || strings.Index(page, "Poll service") < favourites || strings.Index(page, "Package service") < often {
			t.Errorf("what is at hand: %s", page)
		}
		c.post(newOrder+"/favourite", "service", poll)
		if strings.Contains(c.get(newOrder).body, "Favourites") {
			t.Error("it is kept still")
		}
		says(t, "no such service", c.post(newOrder+"/favourite", "service", "999999", "keep", "1"), http.StatusNotFound)
	})
}

// What providers call their services, and what customers type, is text.
func TestHostileNamesAreText(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		c := p.customer("ann@example.com", 10*money.Unit)
		name := "Advert " + hostile
		v := p.byType[catalog.Default]
		_, err := p.Core.Catalog.Set(t.Context(), v.ID, catalog.Change{Name: &name, Description: &name}, "a test")
		must(t, err)
		id := strconv.FormatInt(v.ID, 10)
		link := "https://example.com/" + url.PathEscape(hostile)
		placed := c.post(newOrder, c.shown("service", id, "link", link, "quantity", "100")...)
		batch := c.upload(fmt.Sprintf("%s | %s | 100\n%s | %s | %s\n%s", id, link, id, hostile, hostile, hostile), "")
		answers := map[string]answer{
			"list": c.get(newOrder), "form": c.get(newOrder + "?service=" + id + "&link=" + url.QueryEscape(hostile)), "search": c.get(newOrder + "?q=" + url.QueryEscape(hostile)),
			"placed": c.get(placed.to()), "refused": c.post(newOrder, "service", id, "link", hostile, "quantity", hostile, "max_charge", "1", "request_id", hostile),
			"total": c.post(newOrder+"/total", "service", id, "link", hostile, "quantity", hostile), "batch": c.get(batch.to()),
			"column": c.upload("service,"+strings.ReplaceAll(hostile, `"`, "'"), ""), "mend": c.get(mass + "?from=" + strings.TrimPrefix(batch.to(), mass+"/batches/")),
		}
		for name, got := range answers {
			if strings.Contains(got.body, "<script>alert") || got.status >= http.StatusInternalServerError {
				t.Errorf("%s: %d\n%s", name, got.status, main(got.body))
			}
		}
		for _, name := range []string{"list", "form", "placed", "batch"} {
			says(t, name, answers[name], http.StatusOK, "Advert &#34;&gt;&lt;script&gt;")
		}
	})
}
