package simulator_test

import (
	"net/url"
	"reflect"
	"testing"

	"github.com/notpanel/notpanel/internal/provider/simulator"
)

// adding is the query of an add of a service on some link, with more.
func adding(service string, more ...string) string {
	form := url.Values{"action": {"add"}, "service": {service}, "link": {"https://example.com/page"}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form.Encode()
}

// Every type of service takes its fields, counts its quantity and charges by its
// own rule.
func TestTypesTakeTheirFields(t *testing.T) {
	t.Parallel()
	cases := []struct {
		kind, query string
		quantity    int64
		charge      string
		fields      simulator.Fields
	}{
		{"Default", adding("113", "quantity", "150"), 150, "0.09", nil},
		{"Package, flat", adding("114", "quantity", "77"), 1, "45.00", nil},
		{"Package, per 1,000", adding("115"), 500, "3.00", nil},
		{"Custom Comments", adding("116", "quantity", "0", "comments", "a, b\r\n\r\n c \nd\re\n"), 4, "0.16", simulator.Fields{"comments": "a, b\r\n\r\n c \nd\re"}},
		{"Custom Comments Package", adding("117", "comments", "Is it clear?"), 1, "18.00", simulator.Fields{"comments": "Is it clear?"}},
		{"Comment Likes", adding("118", "quantity", "5", "username", "reviewer-3"), 5, "0.045", simulator.Fields{"username": "reviewer-3"}},
		{"Comment Replies", adding("119", "username", "reviewer-3", "comments", "Thanks\nDone"), 2, "0.10", simulator.Fields{"username": "reviewer-3", "comments": "Thanks\nDone"}},
		{"Mentions with Hashtags", adding("120", "quantity", "10", "usernames", "a,b", "hashtags", "paper\nink"), 10, "0.15", simulator.Fields{"usernames": "a,b", "hashtags": "paper\nink"}},
		{"Mentions Custom List, lines", adding("121", "usernames", "a, ltd\nb\nc"), 3, "0.06", simulator.Fields{"usernames": "a, ltd\nb\nc"}},
		{"Mentions Custom List, commas", adding("121", "usernames", "a, b,,c"), 3, "0.06", simulator.Fields{"usernames": "a, b,,c"}},
		{"Mentions Hashtag", adding("122", "quantity", "10", "hashtag", "paper"), 10, "0.07", simulator.Fields{"hashtag": "paper"}},
		{"Mentions User Followers", adding("123", "quantity", "50", "username", "trade-weekly"), 50, "0.40", simulator.Fields{"username": "trade-weekly"}},
		{"Mentions Media Likers", adding("124", "quantity", "50", "media", "https://example.com/paper.pdf"), 50, "0.425", simulator.Fields{"media": "https://example.com/paper.pdf"}},
		{"Poll", adding("125", "quantity", "10", "answer_number", "2"), 10, "0.11", simulator.Fields{"answer_number": "2"}},
		{"Invites from Groups", adding("126", "quantity", "50", "groups", "guild"), 50, "0.475", simulator.Fields{"groups": "guild"}},
		{"SEO", adding("128", "quantity", "10", "keywords", "paper,ink"), 10, "0.045", simulator.Fields{"keywords": "paper,ink"}},
		{"SEO, absent words", adding("128", "quantity", "10", "keywords", "ink", "runs", "undefined", "interval", "undefined"), 10, "0.045", simulator.Fields{"keywords": "ink"}},
		{"Web Traffic, keyword", adding("129", "quantity", "100", "country", "US", "device", "5", "type_of_traffic", "1", "google_keyword", "ink"), 100, "0.04", simulator.Fields{"country": "US", "device": "5", "type_of_traffic": "1", "google_keyword": "ink"}},
		{"Web Traffic, referrer", adding("129", "quantity", "100", "country", "US", "device", "1", "type_of_traffic", "2", "referring_url", "https://example.org"), 100, "0.04", simulator.Fields{"country": "US", "device": "1", "type_of_traffic": "2", "referring_url": "https://example.org"}},
		{"Web Traffic, blank", adding("129", "quantity", "100", "country", "US", "device", "1", "type_of_traffic", "3"), 100, "0.04", simulator.Fields{"country": "US", "device": "1", "type_of_traffic": "3"}},
	}
	for _, c := range cases {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			p := setup(t)
			p.expect(t, c.query, `{"order":23501}`)
			if len(p.Orders()) != 1 {
				t.Fatalf("%d orders are held", len(p.Orders()))
			}
			o := p.Orders()[0]
			if o.Quantity != c.quantity || o.Charge.String() != c.charge || !reflect.DeepEqual(o.Fields, c.fields) {
				t.Errorf("%d units for %s with %q", o.Quantity, o.Charge, o.Fields)
			}
		})
	}
}

// What is missing or malformed is refused in the words of the dialect, the link
// first, then the fields, then the quantity; and nothing is held.
func TestTypesRefuseWhatTheyLack(t *testing.T) {
	t.Parallel()
	cases := []struct{ query, want string }{
		{adding("114", "link", ""), "Bad link"},
		{adding("116", "link", ""), "Bad link"},
		{adding("116"), "Incorrect comments"},
		{adding("116", "comments", " \n "), "Incorrect comments"},
		{adding("116", "comments", "one, alone"), "Quantity less than minimal 2"},
		{adding("117"), "Incorrect comments"},
		{adding("118", "quantity", "5"), "Incorrect username"},
		{adding("118", "username", "a", "quantity", "1001"), "Quantity more than maximum 1000"},
		{adding("119", "comments", "a"), "Incorrect username"},
		{adding("119", "username", "a"), "Incorrect comments"},
		{adding("120", "hashtags", "a", "quantity", "10"), "Incorrect usernames"},
		{adding("120", "usernames", "a", "quantity", "10"), "Incorrect hashtags"},
		{adding("120", "usernames", "a", "hashtags", "b"), "Quantity less than minimal 10"},
		{adding("121", "usernames", ",\n"), "Incorrect usernames"},
		{adding("121", "usernames", "a"), "Quantity less than minimal 2"},
		{adding("122", "quantity", "10"), "Incorrect hashtag"},
		{adding("123", "quantity", "50", "username", "undefined"), "Incorrect username"},
		{adding("124", "quantity", "50", "media", "paper"), "Incorrect media"},
		{adding("125", "quantity", "10"), "Incorrect answer_number"},
		{adding("125", "quantity", "10", "answer_number", "0"), "Incorrect answer_number"},
		{adding("126", "quantity", "50"), "Incorrect groups"},
		{adding("128", "quantity", "10"), "Incorrect keywords"},
		{adding("128", "quantity", "10", "keywords", "a", "runs", "2"), "Incorrect interval"},
		{adding("128", "quantity", "10", "keywords", "a", "runs", "2", "interval", "0"), "Incorrect interval"},
		{adding("128", "quantity", "10", "keywords", "a", "runs", "1001", "interval", "5"), "Incorrect runs"},
		{adding("129", "quantity", "100", "device", "1", "type_of_traffic", "3"), "Incorrect country"},
		{adding("129", "quantity", "100", "country", "US", "device", "Desktop", "type_of_traffic", "3"), "Incorrect device"},
		{adding("129", "quantity", "100", "country", "US", "device", "1", "type_of_traffic", "4"), "Incorrect type_of_traffic"},
		{adding("129", "quantity", "100", "country", "US", "device", "1", "type_of_traffic", "1"), "Incorrect google_keyword"},
		{adding("129", "quantity", "100", "country", "US", "device", "1", "type_of_traffic", "2"), "Incorrect referring_url"},
		{adding("127", "min", "50", "max", "60", "delay", "0"), "Incorrect username"},
		{adding("127", "username", "a", "max", "60", "delay", "0"), "Incorrect min"},
		{adding("127", "username", "a", "min", "50", "delay", "0"), "Incorrect max"},
		{adding("127", "username", "a", "min", "50", "max", "60"), "Incorrect delay"},
		{adding("127", "username", "a", "min", "50", "max", "60", "delay", "7"), "Incorrect delay"},
		{adding("127", "username", "a", "min", "60", "max", "50", "delay", "0"), "Incorrect max"},
		{adding("127", "username", "a", "min", "49", "max", "60", "delay", "0"), "Quantity less than minimal 50"},
		{adding("127", "username", "a", "min", "50", "max", "10001", "delay", "0"), "Quantity more than maximum 10000"},
		{adding("127", "username", "a", "min", "50", "max", "60", "delay", "0", "posts", "1001"), "Incorrect posts"},
		{adding("127", "username", "a", "min", "50", "max", "60", "delay", "0", "expiry", "soon"), "Incorrect expiry"},
		{adding("127", "username", "a", "min", "50", "max", "60", "delay", "0", "expiry", "28/02/2026"), "Incorrect expiry"},
		{adding("127", "username", "a#sim=explode", "min", "50", "max", "60", "delay", "0"), "Incorrect link"},
		{adding("113", "quantity", "100", "link", "https://example.com/#sim=stop:1"), "Incorrect link"},
	}
	p := setup(t)
	for _, c := range cases {
		p.expect(t, c.query, `{"error":"`+c.want+`"}`)
	}
	if n := len(p.Orders()); n != 0 {
		t.Errorf("%d orders are held", n)
	}
}
