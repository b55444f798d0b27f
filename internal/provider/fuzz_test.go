package provider

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/catalog"

	"github.com/notpanel/notpanel/internal/money"
)

// Whatever a server answers: no panic, an acceptance only where there is one, and
// never a decision from a 5xx.
func FuzzClassify(f *testing.F) {
	for _, c := range hostileAnswers() {
		if len(c.body) < 1000 {
			f.Add(c.status, []byte(c.body))
		}
	}
	for _, c := range refusalTexts {
		body, err := json.Marshal(map[string]string{"error": c.text})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(200, body)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) { checkAnswer(t, status, body) })
}

// Whatever a server answers to status: no panic, no negative counts, texts that
// can be stored, and of one id alone nothing that is said of another.
func FuzzParseStatus(f *testing.F) {
	for _, body := range []string{
		`{"charge":"0.27819","start_count":"3572","status":"Partial","remains":"157","currency":"USD"}`,
		`{"7":{"status":"In progress","start_count":0,"remains":"-1"},"8":{"error":"Incorrect order ID"},"9":"Incorrect order ID"}`,
		`[{"order":7,"status":"Completed","charge":1e-7},{"id":"8","status":null}]`,
		`{"error":"Invalid API key"}`,
		`{"7":{"error":{"a":[1]},"status":5,"remains":157.00}}`,
		"<b>Notice</b>: x in /srv/[api].php\n{\"status\":\"Success\"}",
		`{"7":null,"8":[],"status":"Completed"}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, ids := range [][]string{{"7"}, {"7", "8"}} {
			reports, err := parseStatus(body, ids, WordOf)
			if err != nil {
				if reports != nil {
					t.Fatal("reports beside an error")
				}
				continue
			}
			for _, r := range reports {
				checkReport(t, r)
			}
		}
	})
}

func checkReport(t *testing.T, r Report) {
	t.Helper()
	if !storableText(r.Said) || !storableText(r.Err) {
		t.Fatalf("%+v can't be stored", r)
	}
	if r.StartCount != nil && *r.StartCount <= 0 || r.Remains != nil && *r.Remains < 0 {
		t.Fatalf("%s has a count that is none", show(r))
	}
	if r.Charge != nil && (*r.Charge < 0 || *r.Charge > money.Max) {
		t.Fatalf("%s has a charge that is none", show(r))
	}
	if r.Err != "" && (r.Word != WordUnknown || r.Remains != nil || r.Charge != nil) {
		t.Fatalf("%+v has an error and more", r)
	}
	if r.Word < WordUnknown || r.Word > WordExpired {
		t.Fatalf("word %d", r.Word)
	}
}

// Whatever a server lists: no panic, and what has no problem can be sold and
// stored.
func FuzzParseServices(f *testing.F) {
	for _, body := range []string{
		`[{"service":1,"name":"Views","type":"Default","category":"Video","rate":"0.90","min":"50","max":"10000","cancel":true}]`,
		`{"services":[{"id":"a-1","name":"V","rate":9e-1,"min":1,"max":10.0,"desc":"d"}],"count":1,"has_more":false}`,
		`{"status":"success","data":"Empty Data"}`,
		`{"data":[null,1,"x",{}],"count":4}`,
		`[{"service":"1\u0000","name":"\u0001","rate":"1,234.50","min":-1,"max":1e9}]`,
		`{"error":{"message":"Invalid API key"}}`,
		"\xef\xbb\xbf[]",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		listings, err := parseServices(body)
		if err != nil {
			if listings != nil {
				t.Fatal("services beside an error")
			}
			return
		}
		offers, left := offersOf(listings, &terms{pricing: catalog.Pricing{Markup: new(twentyPercent)}})
		if len(offers)+len(left) != len(listings) {
			t.Fatalf("%d services became %d offers and %d left out", len(listings), len(offers), len(left))
		}
		for _, o := range offers {
			if o.ProviderService == "" || o.Name == "" || o.Category == "" || o.Min < 1 || o.Max < o.Min || o.Cost < 0 || o.Rate < o.Cost {
				t.Fatalf("%+v is sold", o)
			}
			for _, text := range []string{o.ProviderService, o.Name, o.Category} {
				if !storableText(text) {
					t.Fatalf("%q is stored", text)
				}
			}
			if strings.ContainsRune(o.Description, 0) {
				t.Fatalf("%q is stored", o.Description)
			}
		}
		for _, l := range left {
			if l.Reason == "" || !storableText(l.Name) || !storableText(l.Service) {
				t.Fatalf("%+v is left out", l)
			}
		}
	})
}
