package docs

import (
	"html"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/apiv2"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/ratelimit"
)

// table is a table of a page.
type table struct {
	section, sample string // where it stands, and the sample that follows or goes before it there
	head            []string
	rows            [][]string // cells as text; code in them has its backquotes
}

var (
	tableHTML = regexp.MustCompile(`(?s)<table>.*?</table>`)
	rowHTML   = regexp.MustCompile(`(?s)<tr>.*?</tr>`)
	cellHTML  = regexp.MustCompile(`(?s)<t[hd][^>]*>(.*?)</t[hd]>`)
)

// tables reads those of a page as readers get it.
func tables(t *testing.T, d *Docs, slug string) (all []table) {
	t.Helper()
	return tablesIn(t, d, English, slug)
}

func tablesIn(t *testing.T, d *Docs, language, slug string) (all []table) {
	t.Helper()
	for _, s := range pageIn(t, d, language, slug).Sections {
		sample := ""
		for _, b := range s.Blocks {
			if len(b.Samples) > 0 && sample == "" {
				sample = b.Samples[0].ID
			}
		}
		for _, b := range s.Blocks {
			for _, found := range tableHTML.FindAllString(b.HTML, -1) {
				one := table{section: s.ID, sample: sample}
				for i, row := range rowHTML.FindAllString(found, -1) {
					var cells []string
					for _, cell := range cellHTML.FindAllStringSubmatch(row, -1) {
						text := strings.NewReplacer("<code>", "`", "</code>", "`").Replace(cell[1])
						cells = append(cells, html.UnescapeString(tags.ReplaceAllString(text, "")))
					}
					if i == 0 {
						one.head = cells
						continue
					}
					one.rows = append(one.rows, cells)
				}
				all = append(all, one)
			}
		}
	}
	return all
}

// code are the words in backquotes of a cell.
func code(cell string) (all []string) {
	for _, found := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(cell, -1) {
		all = append(all, found[1])
	}
	return all
}

// Every table of every page is held against the program: a new one needs a check.
func TestEveryTableIsTrue(t *testing.T) {
	t.Parallel()
	checks := map[string]func(*testing.T, *live, table){
		"Action|What it does|Page":            checkActions,
		"Link|The order ends as":              checkSimulator,
		"Layer|Requests a minute|What counts": checkLayers,
		"Header|Meaning":                      checkHeaders,
		"Limit|Value":                         checkSizes,
		"Status|Text|When":                    checkErrors,
		"Status|What happened|What to do":     checkWhatToDo,
		"Field|Needed|Meaning":                checkFields,
		"Property|Meaning":                    checkProperties,
		"Type|Fields|Quantity":                checkTypes,
		"Field|Kind|Meaning":                  checkKinds,
		"Status|Final|Meaning":                checkStatuses,
		"Refill status|Meaning":               checkRefillStatuses,
		"Status|What happens":                 checkCancel,
		"Your panel asks for|Enter":           checkEndpoint,
		"Action|Fields|Answer":                checkClassicActions,
		"Classic status|When":                 checkClassicStatuses,
		"Error|What to do":                    checkClassicErrors,
		"Event|When|Data":                     checkEvents,
		"Language|Install|Needs":              checkLibraries,
	}
	used := map[string]bool{}
	for _, slug := range Slugs() {
		for _, one := range tables(t, usual(t), slug) {
			kind := strings.Join(one.head, "|")
			check, ok := checks[kind]
			if used[kind] = true; !ok {
				t.Errorf("%s#%s: nothing checks the table %s", slug, one.section, kind)
				continue
			}
			t.Run(slug+"#"+one.section+" "+one.head[0], func(t *testing.T) {
				t.Parallel()
				p := newLive(t, ratelimit.Limits{})
				check(t, p, one)
			})
		}
	}
	for kind := range checks {
		if !used[kind] {
			t.Errorf("no table has the head %s", kind)
		}
	}
}

func checkActions(t *testing.T, _ *live, one table) {
	var named []string
	for _, row := range one.rows {
		named = append(named, code(row[0])...)
	}
	want := apiv2.Actions()
	slices.Sort(want)
	slices.Sort(named)
	if diff := cmp.Diff(want, named); diff != "" {
		t.Error(diff)
	}
}

// checkSimulator plays an order for each row to its end.
func checkSimulator(t *testing.T, p *live, one table) {
	ends := map[string]string{}
	for i, row := range one.rows {
		link := code(row[0])[0]
		got := p.call("test", "action", "add", "request_id", "sim-"+strconv.Itoa(i), "service", "1", "quantity", "100", "link", strings.ReplaceAll(link, "#", "%23"))
		if got.status != http.StatusOK {
			t.Errorf("%s: %+v", link, got)
		}
		ends[anyID.FindString(got.body)] = code(row[1])[0]
	}
	play := fulfil.NewPlay(p.d)
	for range 20 {
		p.d.AdvanceClock(10 * time.Second)
		_, err := play.Pass(t.Context())
		must(t, err)
	}
	for id, want := range ends {
		got := p.call("test", "action", "order", "order", id)
		if !strings.Contains(got.body, `"status":"`+want+`"`) {
			t.Errorf("want %s: %s", want, got.body)
		}
		paid := map[string]string{"completed": `"charge":"0.20"`, "partial": `"charge":"0.08"`, "canceled": `"charge":"0.00"`, "failed": `"charge":"0.00"`}
		if !strings.Contains(got.body, paid[want]) {
			t.Errorf("%s: %s", want, got.body)
		}
	}
}

// A layer lets through as many requests as its row says, and refuses the next.
func checkLayers(t *testing.T, p *live, _ table) {
	limits := ratelimit.Limits{Address: 9, Key: 5, Tiers: map[string]int64{"standard": 7, "reseller": 3, "agency": 4}}
	d := New(settingsOf(limits))
	ask := []string{"action", "orders"}
	rows := map[string]string{}
	for _, row := range tables(t, d, "rate-limits")[0].rows {
		rows[code(row[0])[0]] = row[1]
	}
	for layer, want := range map[string]string{"ip": "9", "key": "5", "tier": "7 (Standard), 3 (Reseller), 4 (Agency)"} {
		if rows[layer] != want {
			t.Errorf("the row of %s says %q, want %q", layer, rows[layer], want)
		}
	}
	until := func(l ratelimit.Limits, layer string, keys ...string) (allowed int64) {
		t.Helper()
		p.limit(l)
		for ; ; allowed++ {
			got := p.call(keys[int(allowed)%len(keys)], ask...)
			if got.status == http.StatusTooManyRequests {
				if by := got.told("X-RateLimit-DeniedBy"); !slices.Equal(by, []string{layer}) {
					t.Errorf("refused by %v, want %s", by, layer)
				}
				return allowed
			}
		}
	}
	if n := until(limits, "ip", "nobody's"); n != limits.Address {
		t.Errorf("an address: %d", n)
	}
	wide := limits
	wide.Address = 0
	if n := until(wide, "key", "live"); n != limits.Key {
		t.Errorf("a key: %d", n)
	}
	if n := until(wide, "tier", "live", "capped"); n != limits.Tiers[string(account.Standard)] {
		t.Errorf("an account: %d", n)
	}
	wide.Tiers = nil
	if n := until(wide, "key", "test"); n != limits.Key {
		t.Errorf("a test key: %d", n)
	}
}

func checkHeaders(t *testing.T, p *live, one table) {
	p.limit(usualLimits(t))
	got := p.call("live", "action", "orders")
	if one.sample == "limited" {
		for range 200 {
			got = p.call("live", "action", "orders")
		}
	}
	for _, row := range one.rows {
		if name := code(row[0])[0]; len(got.header[name]) != 1 {
			t.Errorf("no header %s in %v", name, got.header)
		}
	}
	if test := p.call("test", "action", "orders"); len(test.told("X-RateLimit-Limit")) != 1 || len(test.told("X-RateLimit-Tier-Remaining")) != 0 {
		t.Errorf("a test key gets %v", test.header)
	}
}

// sizes tell, of each limit, whether a request of that size is let through.
var sizes = map[string]func(p *live, n int) bool{
	"Body of a request": func(p *live, n int) bool {
		head := "key=" + p.values["live"] + "&action=balance&x="
		return p.send(http.MethodPost, "", urlencoded, head+strings.Repeat("a", n<<20-len(head))).status == http.StatusOK &&
			p.send(http.MethodPost, "", urlencoded, head+strings.Repeat("a", n<<20-len(head)+1)).status == http.StatusRequestEntityTooLarge
	},
	"Fields in a body": func(p *live, n int) bool {
		fields := []string{"action", "balance"} // and the key
		for i := range n - 2 {
			fields = append(fields, "x"+strconv.Itoa(i), "1")
		}
		return p.call("live", fields...).status == http.StatusOK
	},
	"Ids in one call": func(p *live, n int) bool {
		var ids []string
		for i := range n {
			ids = append(ids, strconv.Itoa(i+1))
		}
		return p.call("live", "action", "status", "orders", strings.Join(ids, ",")).status == http.StatusOK
	},
	"Characters of an id": func(p *live, n int) bool {
		return strings.Contains(p.call("live", "action", "status", "order", strings.Repeat("x", n)).body, "Order not found")
	},
	"Characters of a request_id": func(p *live, n int) bool {
		return p.call("live", "action", "add", "service", "1", "quantity", "10", "link", "https://example.com", "request_id", strings.Repeat("x", n)).status == http.StatusOK
	},
	"Characters of a link": func(p *live, n int) bool {
		const start = "https://example.com/"
		return p.call("live", "action", "add", "service", "1", "quantity", "10", "request_id", strconv.Itoa(n), "link", start+strings.Repeat("x", n-len(start))).status == http.StatusOK
	},
	"Active keys of an account": func(p *live, n int) bool {
		var active int
		must(p, p.count(&active, `SELECT COUNT(*) FROM api_keys WHERE account_id = $1`, p.issued["other"].AccountID))
		for ; active < n; active++ {
			k := apikey.NewKey{AccountID: p.issued["other"].AccountID, Dialect: apikey.Native, Mode: apikey.Test}
			if _, _, err := p.keys.Issue(p.Context(), k, "test"); err != nil {
				return false
			}
		}
		return true
	},
	"Test orders of an account in a day": nil,
}

// A size that a row names is let through, and one more is not.
func checkSizes(t *testing.T, p *live, one table) {
	for _, row := range one.rows {
		name := strings.ReplaceAll(row[0], "`", "")
		n, err := strconv.Atoi(strings.ReplaceAll(strings.TrimSuffix(row[1], " MiB"), ",", ""))
		must(t, err)
		fits, known := sizes[name]
		switch {
		case !known:
			t.Errorf("nothing checks %q", name)
		case fits == nil: // see checkErrors, which places them all
			if n != order.MaxTestOrders {
				t.Errorf("%s: %d", name, n)
			}
		case !fits(p, n):
			t.Errorf("%s: %d is refused", name, n)
		case !strings.HasSuffix(row[1], "MiB") && fits(p, n+1):
			t.Errorf("%s: %d is let through", name, n+1)
		}
	}
}

func checkWhatToDo(t *testing.T, _ *live, one table) {
	told := map[string]bool{}
	for _, row := range one.rows {
		told[row[0]] = true
	}
	known := map[string]bool{}
	for _, other := range tables(t, usual(t), "errors") {
		if strings.Join(other.head, "|") == "Status|Text|When" {
			for _, row := range other.rows {
				known[row[0]] = true
			}
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(known)), slices.Sorted(maps.Keys(told))); diff != "" {
		t.Error(diff)
	}
}

// wrongFields are a wrong value of each field of an action, and words of the answer
// that show that the field was read; no words are an answer like any other.
var wrongFields = map[string][2]string{
	"services/lang": {"de", ""}, "service/service": {"x", "service must be"}, "service/lang": {"de", ""},
	"changes/cursor": {"x", "cursor must be"}, "changes/limit": {"501", "between 1 and 500"},
	"add/service": {"x", "service must be"}, "add/request_id": {"%20a%20b", "request_id must"}, "add/link": {"x", "link must be"},
	"add/quantity": {"x", "quantity must be"}, "add/runs": {"1", "runs must be"}, "add/interval": {"0", "interval must be"},
	"add/max_charge": {"x", "max_charge must be"}, "add/coupon": {"x", "coupon is not valid"},
	"status/order": {"x", "Order not found"}, "status/orders": {"x", "Order not found"},
	"order/order": {"x", "Order not found"}, "order/request_id": {"x", "Order not found"},
	"orders/cursor": {"x", "cursor must be"}, "orders/limit": {"101", "between 1 and 100"}, "orders/status": {"x", "status must be one of"}, "orders/service": {"x", "service must be"},
	"refill/order": {"x", "Order not found"}, "refill/orders": {"x", "Order not found"},
	"refill_status/refill": {"x", "Refill not found"}, "refill_status/refills": {"x", "Refill not found"},
	"cancel/order": {"x", "Order not found"}, "cancel/orders": {"x", "Order not found"},
	"transactions/cursor": {"x", "cursor must be"}, "transactions/limit": {"501", "between 1 and 500"},
	"webhook.add/url": {"x", "url must be"}, "webhook.add/events": {"x", "events must be of"},
	"webhook.test/id": {"x", "Webhook not found"}, "webhook.remove/id": {"x", "Webhook not found"},
	"webhook.deliveries/id": {"x", "Webhook not found"}, "webhook.deliveries/cursor": {"x", "cursor must be"}, "webhook.deliveries/limit": {"101", "between 1 and 100"},
	"webhook.replay/delivery": {"x", "Delivery not found"}, "webhook.replay/id": {"x", "Missing required parameter: since"}, "webhook.replay/since": {"x", "since must be"},
	"webhook.rotate/id": {"x", "Webhook not found"}, "webhook.rotate/overlap": {"169", "between 0 and 168 hours"},
}

// checkFields sends each field with a value that it can't have: the action reads it.
func checkFields(t *testing.T, p *live, one table) {
	e := exampleOf(t, one.sample)
	for _, row := range one.rows {
		for _, name := range code(row[0]) {
			wrong, known := wrongFields[e.action+"/"+name]
			if !known {
				t.Errorf("nothing checks %s of %s", name, e.action)
				continue
			}
			said := map[string]string{}
			if e.action == "add" {
				said = map[string]string{"request_id": "x", "service": "1", "quantity": "10", "link": "https://example.com/x", "runs": "2", "interval": "1"}
			}
			switch {
			case e.action == "service":
				said["service"] = "1"
			case e.action == "webhook.add":
				said["url"] = "https://shop.example/more"
			case strings.HasPrefix(e.action, "webhook.") && name != "delivery":
				said["id"] = "whk_any"
			}
			said[name] = wrong[0]
			var fields []string
			for _, n := range slices.Sorted(maps.Keys(said)) {
				fields = append(fields, n, said[n])
			}
			if got := p.call("live", append([]string{"action", e.action}, fields...)...); !strings.Contains(got.body, wrong[1]) {
				t.Errorf("%s of %s: %+v", name, e.action, got)
			}
			if row[1] == "required" && e.action != "add" {
				if got := p.call("live", "action", e.action); !strings.Contains(got.body, "Missing required parameter: "+name) {
					t.Errorf("without %s of %s: %+v", name, e.action, got)
				}
			}
		}
	}
}

func exampleOf(t *testing.T, id string) example {
	t.Helper()
	i := slices.IndexFunc(examples(), func(e example) bool { return e.id == id })
	if i < 0 {
		t.Fatalf("no sample stands with the table: %q", id)
	}
	return examples()[i]
}

// checkProperties expects every property of the answer beside the table, and no
// other.
func checkProperties(t *testing.T, _ *live, one table) {
	var told []string
	for _, row := range one.rows {
		told = append(told, code(row[0])...)
	}
	e := exampleOf(t, one.sample)
	answer, err := e.answer()
	must(t, err)
	v := decode(t, answer.Text)
	if list, ok := v.([]any); ok {
		v = list[0]
	}
	object, ok := v.(map[string]any)
	if !ok {
		t.Fatalf("%s is no object", answer.Text)
	}
	for _, name := range []string{"changes", "transactions", "deliveries"} {
		if rows, ok := object[name].([]any); ok {
			v = rows[0]
		}
	}
	if facts, ok := object["facts"]; ok {
		v = facts
	}
	inner, ok := v.(map[string]any)
	if !ok {
		t.Fatalf("%v is no object", v)
	}
	slices.Sort(told)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(inner)), told); diff != "" {
		t.Errorf("(-answer +table):\n%s", diff)
	}
}

// checkTypes holds the fields of each type and what counts against the catalogue's
// schemas.
func checkTypes(t *testing.T, _ *live, one table) {
	var want, got [][]string
	for _, s := range catalog.Schemas() {
		var fields []string
		for _, f := range s.Fields {
			fields = append(fields, f.Name)
		}
		counting := map[catalog.Counting]string{
			catalog.ByQuantity: "`quantity`", catalog.ByLines: "its lines", catalog.ByPackage: "the service's `min`", catalog.ByPosts: "`max` for each post",
		}
		want = append(want, append([]string{string(s.Type), counting[s.Counting]}, fields...))
	}
	for _, row := range one.rows {
		got = append(got, append([]string{code(row[0])[0], row[2]}, code(row[1])...))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// checkKinds holds the fields of all types, their kinds and bounds against the
// catalogue's schemas.
func checkKinds(t *testing.T, _ *live, one table) {
	kinds := map[catalog.Kind]string{
		catalog.Text: "text", catalog.Whole: "whole number", catalog.Lines: "list", catalog.Words: "list", catalog.URL: "URL", catalog.Date: "day",
	}
	want, got := map[string]string{}, map[string]string{}
	bounds := map[string]string{"delay": "0 to 10,080", "posts": "1 to 1,000", "old_posts": "0 to 1,000", "device": "5 mixed", "type_of_traffic": "3 blank", "answer_number": "From 1"}
	known := map[string]catalog.Field{}
	for _, s := range catalog.Schemas() {
		for _, f := range s.Fields {
			want[f.Name], known[f.Name] = kinds[f.Kind], f
		}
	}
	for _, row := range one.rows {
		for _, name := range code(row[0]) {
			got[name] = row[1]
			if !strings.Contains(row[2], bounds[name]) {
				t.Errorf("%s says %q, want %q", name, row[2], bounds[name])
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for name, at := range map[string][2]int64{"delay": {0, 10_080}, "posts": {1, 1000}, "old_posts": {0, 1000}, "device": {1, 5}, "type_of_traffic": {1, 3}} {
		if f := known[name]; f.Least != at[0] || f.Most != at[1] {
			t.Errorf("%s is between %d and %d", name, f.Least, f.Most)
		}
	}
}

func checkStatuses(t *testing.T, _ *live, one table) {
	var words []string
	final := map[string]string{}
	for _, row := range one.rows {
		words = append(words, code(row[0])...)
		final[code(row[0])[0]] = row[1]
	}
	if diff := cmp.Diff(apiv2.StatusWords(), words); diff != "" {
		t.Error(diff)
	}
	for _, s := range order.States() {
		if want := map[bool]string{true: "yes", false: "no"}[s.Final()]; final[s.Word()] != want {
			t.Errorf("%s is final: %s", s, final[s.Word()])
		}
	}
}

func checkRefillStatuses(t *testing.T, _ *live, one table) {
	var words []string
	for _, row := range one.rows {
		words = append(words, code(row[0])...)
	}
	want := []string{string(order.RefillPending), string(order.RefillInProgress), string(order.RefillCompleted), string(order.RefillRejected)}
	if diff := cmp.Diff(want, words); diff != "" {
		t.Error(diff)
	}
}

// checkCancel cancels a pending order and one that is running, with a service that
// allows it and one that doesn't.
func checkCancel(t *testing.T, p *live, one table) {
	var words []string
	for _, row := range one.rows {
		words = append(words, code(row[0])...)
	}
	if diff := cmp.Diff([]string{"pending", "processing", "in_progress"}, words); diff != "" {
		t.Error(diff)
	}
	told := func(number, want string) {
		t.Helper()
		if got := p.call("live", "action", "status", "order", number); !strings.Contains(got.body, want) {
			t.Errorf("order %s: %+v, want %s", number, got, want)
		}
	}
	p.call("live", "action", "cancel", "order", "4")
	told("4", `"status":"canceled","charge":"0.00"`)
	if got := p.call("live", "action", "cancel", "order", "2"); got.status != http.StatusOK {
		t.Errorf("%+v", got)
	}
	told("2", `"status":"in_progress"`)
	if got := p.call("live", "action", "order", "order", "2"); !strings.Contains(got.body, `"note":"cancel requested"`) {
		t.Errorf("%+v", got)
	}
	for state, want := range map[order.State]string{order.Submitting: `{"cancel":`, order.InProgress: `{"error":"Order cannot be canceled"}`} {
		got := p.call("live", "action", "add", "request_id", "c-"+string(state), "service", "2", "quantity", "100", "link", "https://example.com/x")
		orderID := anyID.FindString(got.body)
		for _, to := range []order.State{order.Submitting, order.Processing, order.InProgress} {
			if p.move(orderID, to, 1); to == state {
				break
			}
		}
		if got = p.call("live", "action", "cancel", "order", orderID); !strings.HasPrefix(got.body, want) {
			t.Errorf("%s: %+v", state, got)
		}
	}
	if got := p.call("live", "action", "cancel", "order", "1"); !strings.Contains(got.body, "Order cannot be canceled") {
		t.Errorf("an order that has ended: %+v", got)
	}
}

func checkEndpoint(t *testing.T, _ *live, one table) {
	if got := code(one.rows[0][1]); !slices.Equal(got, []string{"https://panel.example/api/v2"}) {
		t.Errorf("%v", got)
	}
}
