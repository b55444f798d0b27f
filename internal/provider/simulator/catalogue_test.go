package simulator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/provider/simulator"
)

// listed reads the catalogue as a client does, by number.
func (p *provider) listed(t *testing.T) map[int64]map[string]any {
	t.Helper()
	var rows []map[string]any
	if err := json.Unmarshal([]byte(p.call(t, "action=services")), &rows); err != nil {
		t.Fatal(err)
	}
	byNumber := map[int64]map[string]any{}
	for _, row := range rows {
		n, ok := row["service"].(float64)
		if !ok {
			t.Fatalf("%v", row)
		}
		byNumber[int64(n)] = row
	}
	return byNumber
}

// control posts to one of the simulator's own addresses.
func (p *provider) control(t *testing.T, path, form string, status int) string {
	t.Helper()
	a := p.post(t, path, urlencoded, form)
	if a.status != status {
		t.Errorf("%s: %d %s", form, a.status, a.body)
	}
	return a.body
}

// There is one service of each type at least, and what the flags promise is kept.
func TestCatalogueHasEveryType(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for _, row := range setup(t).listed(t) {
		kind, ok := row["type"].(string)
		if !ok {
			t.Fatalf("%v", row)
		}
		seen[kind]++
	}
	want := []string{
		"Default", "Package", "Custom Comments", "Custom Comments Package", "Mentions with Hashtags", "Mentions Custom List",
		"Mentions Hashtag", "Mentions User Followers", "Mentions Media Likers", "Comment Likes", "Comment Replies", "Poll",
		"Invites from Groups", "Subscriptions", "SEO", "Web Traffic",
	}
	for _, kind := range want {
		if seen[kind] == 0 {
			t.Errorf("no service of the type %s", kind)
		}
	}
	if len(seen) != len(want) {
		t.Errorf("%v", seen)
	}
}

// What changes is listed, charged and held to from then on; an order that is
// there keeps what it was sold at.
func TestCatalogueChanges(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.expect(t, order(108, 1000, "#sim=partial:50"), `{"order":23501}`)
	p.control(t, "/sim/catalogue", "service=108&rate=2.50&min=100&max=2000&name=Image+export&category=Pictures&refill=true&dripfeed=1&cancel=false", 200)
	row := p.listed(t)[108]
	for name, want := range map[string]any{
		"rate": "2.50", "min": "100", "max": "2000", "name": "Image export", "category": "Pictures",
		"refill": true, "dripfeed": true, "cancel": false, "type": "Default",
	} {
		if row[name] != want {
			t.Errorf("%s is %v, want %v", name, row[name], want)
		}
	}
	p.expect(t, order(108, 99, ""), `{"error":"Quantity less than minimal 100"}`)
	p.expect(t, order(108, 2001, ""), `{"error":"Quantity more than maximum 2000"}`)
	p.expect(t, order(108, 1000, ""), `{"order":23502}`)
	p.expect(t, "action=cancel&order=23502", `{"error":"Order cannot be canceled"}`)
	p.clock.advance(pace)
	p.expect(t, "action=status&order=23501", `{"charge":"0.625","start_count":"24985","status":"Partial","remains":"500","currency":"USD"}`)
	p.expect(t, "action=status&order=23502", `{"charge":"2.50","start_count":"24992","status":"Completed","remains":"0","currency":"USD"}`)
	p.expect(t, "action=refill&order=23502", `{"refill":"901"}`)
}

// A service that is gone is neither listed nor sold, its orders go on, and it can
// come back as it was.
func TestServiceGoesAndComesBack(t *testing.T) {
	t.Parallel()
	p := setup(t)
	before := p.call(t, "action=services")
	p.expect(t, order(108, 1000, ""), `{"order":23501}`)
	body := p.control(t, "/sim/catalogue", "service=108&state=gone", 200)
	if !strings.Contains(body, `{"service":108,"name":"Image resize and export","type":"Default","category":"Design","rate":"1.25","flat":false,"min":50,"max":100000,"dripfeed":false,"refill":false,"cancel":true,"state":"gone"}`) {
		t.Error(body)
	}
	if list := p.listed(t); len(list) != 28 || list[108] != nil {
		t.Errorf("%d are listed", len(list))
	}
	p.expect(t, order(108, 1000, ""), `{"error":"Incorrect service ID"}`)
	p.expect(t, "action=cancel&order=23501", `{"cancel":1}`)
	p.control(t, "/sim/catalogue", "service=108&state=back", 200)
	p.expect(t, "action=services", before)
	p.expect(t, order(108, 1000, ""), `{"order":23502}`)
}

// The forms in which panels write their list.
func TestListForms(t *testing.T) {
	t.Parallel()
	const (
		row101 = `{"service":101,"name":"Banner impressions, run of site","type":"Default","category":"Adverts","rate":"0.35","min":"1000","max":"1000000","dripfeed":false,"refill":false,"cancel":true,"desc":"One unit is one impression of your banner on a site of our network."}`
		row102 = `{"service":102,"name":"Banner impressions, one country","type":"Default","category":"Adverts","rate":"0.90","min":"1000","max":"500000","dripfeed":false,"refill":false,"cancel":true,"desc":"One unit is one impression, shown in the country that the banner names."}`
		row103 = `{"service":103,"name":"Newsletter sponsor line","type":"Default","category":"Adverts","rate":"4.50","min":"500","max":"50000","dripfeed":false,"refill":false,"cancel":false,"desc":"One unit is one recipient of a newsletter that carries your line."}`
	)
	p := setup(t)
	whole := p.call(t, "action=services")
	steps := []struct{ control, query, want string }{
		{"as=array&first=2", "", `[` + row101 + `,` + row102 + `]`},
		{"as=pages&first=3&page=2", "", `{"services":[` + row101 + `,` + row102 + `],"count":3,"page":1,"limit":2,"has_more":true}`},
		{"as=pages&first=3&page=2", "&page=2", `{"services":[` + row103 + `],"count":3,"page":2,"limit":2,"has_more":false}`},
		{"as=pages&first=3&page=2", "&page=9223372036854775807", `{"services":[],"count":3,"page":2,"limit":2,"has_more":false}`},
		{"as=pages&first=2&page=2", "&page=2", `{"services":[],"count":2,"page":2,"limit":2,"has_more":false}`},
		{"as=data&first=1", "", `{"data":[` + row101 + `]}`},
		{"as=empty", "", `{"status":"success","data":"Empty Data"}`},
		{"as=none", "", `[]`},
		{"as=array", "", whole},
	}
	for _, step := range steps {
		p.control(t, "/sim/catalogue", step.control, 200)
		got := p.call(t, "action=services"+step.query)
		if strings.HasSuffix(step.query, "7") {
			step.want = got // beyond the end there is nothing, whatever its number
			if !strings.HasPrefix(got, `{"services":[`) || !strings.HasSuffix(got, `"has_more":false}`) {
				t.Error(got)
			}
		}
		if got != step.want {
			t.Errorf("%s%s\n got %s\nwant %s", step.control, step.query, got, step.want)
		}
	}
	p.control(t, "/sim/catalogue", "as=empty", 200)
	p.expect(t, order(108, 1000, ""), `{"order":23501}`) // a list that lies sells all the same
}

func TestControlRefusesNonsense(t *testing.T) {
	t.Parallel()
	p := setup(t)
	for _, form := range []string{
		"", "service=100&rate=1", "service=x", "service=101&rate=-1", "service=101&rate=x", "service=101&min=0", "service=101&max=1000000001",
		"service=101&state=away", "service=101&cancel=maybe", "service=101&name=" + strings.Repeat("x", 201),
		"as=xml", "as=pages", "as=pages&page=x", "as=array&first=-1", "as=array&first=x",
	} {
		if body := p.control(t, "/sim/catalogue", form, 400); body == "" {
			t.Errorf("%s: no word why", form)
		}
	}
	for _, form := range []string{"", "balance=x", "balance=-1", "balance=500000000.01"} {
		p.control(t, "/sim/balance", form, 400)
	}
	a := p.do(t, http.MethodPut, "/sim/catalogue", "", "")
	if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("%d", a.status)
	}
}

// The controls are for this machine, and not for a page in its browser.
func TestControlIsForThisMachine(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, from, site string
		status           int
	}{
		{"another machine", "192.0.2.7:4711", "", http.StatusForbidden},
		{"no address", "@", "", http.StatusForbidden},
		{"a page of another site", "127.0.0.1:4711", "cross-site", http.StatusForbidden},
		{"this machine", "127.0.0.1:4711", "", http.StatusOK},
		{"this machine, IPv6", "[::1]:4711", "", http.StatusOK},
	}
	p := setup(t)
	for _, c := range cases {
		for path, form := range map[string]string{"/sim/balance": "balance=1", "/sim/catalogue": "service=101&rate=9"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(form))
			r.Header.Set("Content-Type", urlencoded)
			r.RemoteAddr = c.from
			if c.site != "" {
				r.Header.Set("Sec-Fetch-Site", c.site)
			}
			w := httptest.NewRecorder()
			p.ServeHTTP(w, r)
			if w.Code != c.status {
				t.Errorf("%s, %s: %d %s", c.name, path, w.Code, w.Body)
			}
		}
	}
}

// A balance that is set pays for what it reaches for, and orders go on from it.
func TestBalanceIsSet(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.call(t, order(108, 1000, "#sim=cancel"))
	if got := p.control(t, "/sim/balance", "balance=1.25", 200); got != `{"balance":"1.25","currency":"USD"}` {
		t.Error(got)
	}
	p.expect(t, order(108, 1001, ""), `{"error":"Not enough funds on balance"}`)
	p.expect(t, order(108, 1000, ""), `{"order":23502}`)
	p.expect(t, "action=balance", `{"balance":"0.00","currency":"USD"}`)
	p.clock.advance(pace)
	if got := p.do(t, http.MethodGet, "/sim/balance", "", "").body; got != `{"balance":"1.25","currency":"USD"}` {
		t.Error(got)
	}
}

func TestOtherCurrency(t *testing.T) {
	t.Parallel()
	p := setupWith(t, newHands(), simulator.Options{Currency: "EUR"})
	p.expect(t, "action=balance", `{"balance":"1000.00","currency":"EUR"}`)
	p.call(t, order(108, 1000, ""))
	p.expect(t, "action=status&order=23501", `{"charge":"1.25","start_count":"0","status":"Pending","remains":"1000","currency":"EUR"}`)
}

// A restart in the same folder keeps the catalogue, its form and the balance.
func TestRestartKeepsTheCatalogue(t *testing.T) {
	t.Parallel()
	dir, clock := filepath.Join(t.TempDir(), "sim"), newHands()
	p := setupIn(t, dir, clock)
	p.call(t, order(108, 1000, ""))
	p.control(t, "/sim/catalogue", "service=108&rate=2.50&state=gone", 200)
	p.control(t, "/sim/catalogue", "service=113&refill=false&max=200&as=pages&page=7&first=9", 200)
	p.control(t, "/sim/balance", "balance=250000.50", 200)
	p.expect(t, order(105, 10_000, ""), `{"order":23502}`)
	shelf, balance := p.do(t, http.MethodGet, "/sim/catalogue", "", "").body, p.call(t, "action=balance")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p = setupIn(t, dir, clock)
	if got := p.do(t, http.MethodGet, "/sim/catalogue", "", "").body; got != shelf || !strings.HasPrefix(got, `{"as":"pages","page":7,"first":9,"services":[{"service":101,`) {
		t.Errorf("\n got %s\nwant %s", got, shelf)
	}
	p.expect(t, "action=balance", balance)
}

// The methods do what the addresses do, and nothing once it is closed.
func TestControlInCode(t *testing.T) {
	t.Parallel()
	p := setup(t)
	gone := true
	if err := p.Change(simulator.Change{Service: 101, Gone: &gone}); err != nil {
		t.Error(err)
	}
	if err := p.List(simulator.Listing{Form: simulator.ListNone}); err != nil {
		t.Error(err)
	}
	p.expect(t, order(101, 1000, ""), `{"error":"Incorrect service ID"}`)
	p.expect(t, "action=services", `[]`)
	for name, err := range map[string]error{
		"service": p.Change(simulator.Change{Service: 1}), "form": p.List(simulator.Listing{Form: "x"}), "balance": p.SetBalance(-1),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if p.Change(simulator.Change{Service: 101, Gone: &gone}) == nil || p.List(simulator.Listing{Form: simulator.ListArray}) == nil || p.SetBalance(1) == nil {
		t.Error("a closed simulator changes")
	}
}
