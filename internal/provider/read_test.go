package provider

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/money"
)

// Every spelling of a word that was seen, and near misses that nobody may guess at.
func TestWordOf(t *testing.T) {
	t.Parallel()
	for word, spellings := range map[Word][]string{
		WordWaiting:    {"Pending", "pending", "PENDING", "Awaiting", "Processing", " processing "},
		WordInProgress: {"In progress", "in_progress", "In-Progress", "INPROGRESS", "Inprogess", "Active"},
		WordCompleted:  {"Completed", "completed", "Complete", "Success"},
		WordPartial:    {"Partial", "PARTIAL", "par-tial"},
		WordCanceled:   {"Canceled", "Cancelled", "cancelled", "Refunded"},
		WordTrouble:    {"Fail", "Failed", "Error", "Rejected"},
		WordPaused:     {"Paused", "paused"},
		WordExpired:    {"Expired", "EXPIRED"},
		WordUnknown:    {"", " ", "Refill", "Partially completed", "not completed", "cancel", "In\tprogress", "done", "1", "завершено", "canceled."},
	} {
		for _, said := range spellings {
			if got := WordOf(said); got != word {
				t.Errorf("%q is %d, want %d", said, got, word)
			}
		}
	}
}

// show writes a report as text, for comparing.
func show(r Report) string {
	if r.Err != "" {
		return "error " + r.Err
	}
	count := func(n *int64) string {
		if n == nil {
			return "?"
		}
		return strconv.FormatInt(*n, 10)
	}
	charge := "?"
	if r.Charge != nil {
		charge = r.Charge.String()
	}
	return fmt.Sprintf("%d %s start %s remains %s charge %s", r.Word, r.Said, count(r.StartCount), count(r.Remains), charge)
}

// The shapes that a status has in the wild; all of them say the same.
func TestParseStatusShapes(t *testing.T) {
	t.Parallel()
	const want = "4 Partial start 3572 remains 157 charge 0.27819"
	one, two := []string{"7"}, []string{"7", "8"}
	for name, c := range map[string]struct {
		body string
		ids  []string
	}{
		"single":                  {`{"charge":"0.27819","start_count":"3572","status":"Partial","remains":"157","currency":"USD"}`, one},
		"numbers":                 {`{"charge":0.27819,"start_count":3572,"status":"Partial","remains":157}`, one},
		"floats":                  {`{"charge":2.7819e-1,"start_count":3572.0,"status":"Partial","remains":157.00}`, one},
		"keyed":                   {`{"7":{"charge":"0.27819","start_count":"3572","status":"Partial","remains":"157"}}`, two},
		"keyed for one":           {`{"7":{"charge":"0.27819","start_count":"3572","status":"Partial","remains":"157"}}`, one},
		"keyed beside bad ones":   {`{"8":"Incorrect order ID","9":null,"10":[],"7":{"charge":"0.27819","start_count":"3572","status":"Partial","remains":"157"}}`, two},
		"rows":                    {`[{"order":7,"charge":"0.27819","start_count":"3572","status":"Partial","remains":"157"}]`, two},
		"rows by id":              {`[null,"x",{"id":"7","charge":"0.27819","start_count":"3572","status":"Partial","remains":"157"}]`, two},
		"id inside":               {`{"order":"7","charge":"0.27819","start_count":"3572","status":"Partial","remains":"157"}`, one},
		"many decimals":           {`{"charge":"0.278189000001","start_count":"3572","status":"Partial","remains":"157"}`, one},
		"blanks":                  {`{"charge":" 0.27819 ","start_count":" 3572","status":" Partial ","remains":"157 "}`, one},
		"false error":             {`{"error":"","charge":"0.27819","start_count":"3572","status":"Partial","remains":"157"}`, one},
		"false error in the item": {`{"7":{"error":[],"charge":"0.27819","start_count":"3572","status":"Partial","remains":"157"}}`, one},
		"BOM":                     {"\xef\xbb\xbf{\"charge\":\"0.27819\",\"start_count\":\"3572\",\"status\":\"Partial\",\"remains\":\"157\"}", one},
		"notice before":           {"<br /><b>Notice</b>: Undefined index: x in api.php on line 7<br />{\"charge\":\"0.27819\",\"start_count\":\"3572\",\"status\":\"Partial\",\"remains\":\"157\"}", one},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reports, err := parseStatus([]byte(c.body), c.ids, WordOf)
			if err != nil {
				t.Fatal(err)
			}
			if got := show(reports["7"]); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// Values that are missing or make no sense are unknown, never zero; an error for
// an order is the order's alone.
func TestParseStatusValues(t *testing.T) {
	t.Parallel()
	for item, want := range map[string]string{
		`{"status":"Pending"}`: "1 Pending start ? remains ? charge ?",
		`{"status":"Pending","start_count":null,"remains":null}`:     "1 Pending start ? remains ? charge ?",
		`{"status":"Pending","start_count":"","remains":""}`:         "1 Pending start ? remains ? charge ?",
		`{"status":"Pending","start_count":0,"remains":0}`:           "1 Pending start ? remains 0 charge ?",
		`{"status":"Pending","start_count":-5,"remains":-5}`:         "1 Pending start ? remains ? charge ?",
		`{"status":"Pending","start_count":"x","remains":"Unknown"}`: "1 Pending start ? remains ? charge ?",
		`{"status":"Pending","start_count":1.5,"remains":1.5}`:       "1 Pending start ? remains ? charge ?",
		`{"status":"Pending","start_count":1e3,"remains":"1,000"}`:   "1 Pending start 1000 remains ? charge ?",
		`{"status":"Pending","remains":99999999999999999999}`:        "1 Pending start ? remains ? charge ?",
		`{"status":"Pending","remains":5000000}`:                     "1 Pending start ? remains 5000000 charge ?",
		`{"status":"Pending","charge":"-0.5"}`:                       "1 Pending start ? remains ? charge ?",
		`{"status":"Pending","charge":"$0.5"}`:                       "1 Pending start ? remains ? charge ?",
		`{"status":"Pending","charge":1e99}`:                         "1 Pending start ? remains ? charge ?",
		`{"status":"Pending","charge":"0.0000001"}`:                  "1 Pending start ? remains ? charge 0.000001",
		`{"status":"Pending","charge":0}`:                            "1 Pending start ? remains ? charge 0.00",
		`{"status":null}`:                                            "0  start ? remains ? charge ?",
		`{"status":5}`:                                               "0 5 start ? remains ? charge ?",
		`{"status":{"a":1}}`:                                         "0  start ? remains ? charge ?",
		`{"status":"Pen\u0000ding\n"}`:                               "0 Pen ding start ? remains ? charge ?",
		`{}`:                                                         "0  start ? remains ? charge ?",
		`{"error":"Incorrect order ID"}`:                             "error Incorrect order ID",
		`{"error":{"message":"Incorrect order ID"}}`:                 `error {"message":"Incorrect order ID"}`,
		`{"error":true,"status":"Completed"}`:                        "error true",
		`{"error":404,"status":"Completed"}`:                         "error 404",
		`{"error":"\u0007"}`:                                         "error error",
		`{"error":0,"status":"Completed"}`:                           "3 Completed start ? remains ? charge ?",
		`{"error":false,"status":"Completed"}`:                       "3 Completed start ? remains ? charge ?",
		`{"error":{},"status":"Completed"}`:                          "3 Completed start ? remains ? charge ?",
		`"Incorrect order ID"`:                                       "error Incorrect order ID",
	} {
		t.Run(item, func(t *testing.T) {
			t.Parallel()
			reports, err := parseStatus([]byte(`{"7":`+item+`}`), []string{"7", "8"}, WordOf)
			if err != nil {
				t.Fatal(err)
			}
			if got := show(reports["7"]); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if len(reports) != 1 {
				t.Errorf("%d reports", len(reports))
			}
		})
	}
}

// An answer that is no answer about these orders changes none of them.
func TestParseStatusRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, `null`, `7`, `"Completed"`, `<html>{css}</html>`, `{"7":{"status":"Completed"}`, `{"7":{"status":"Completed"}} <br>`,
		`{"error":"Incorrect order ID"}`, `{"error":{"code":1}}`, `{"error":"Invalid API key","7":{"status":"Completed"}}`, deep,
	} {
		if reports, err := parseStatus([]byte(body), []string{"7"}, WordOf); err == nil {
			t.Errorf("%.60q gives %v", body, reports)
		}
	}
	// Readable, but not about the order: it is missing.
	for _, body := range []string{`{}`, `[]`, `{"8":{"status":"Completed"}}`, `{"status":"Completed"}`, `{"7":null}`, `{"7":[1]}`, `[{"status":"Completed"}]`} {
		reports, err := parseStatus([]byte(body), []string{"7", "9"}, WordOf)
		if _, known := reports["7"]; err != nil || known {
			t.Errorf("%s: %v, %v", body, reports, err)
		}
	}
}

func TestParseServicesShapes(t *testing.T) {
	t.Parallel()
	const row = `{"service":1,"name":"Views","type":"Default","category":"Video","rate":"0.90","min":"50","max":"10000","cancel":true}`
	want := []Listing{{ID: "1", Name: "Views", Category: "Video", Type: catalog.Default, Cost: 900_000, Min: 50, Max: 10_000, Cancel: true}}
	for name, body := range map[string]string{
		"list":                `[` + row + `]`,
		"services":            `{"services":[` + row + `],"count":1,"page":1,"has_more":false}`,
		"data":                `{"status":"success","data":[` + row + `]}`,
		"false error":         `{"error":null,"data":[` + row + `]}`,
		"count of a page":     `{"services":[` + row + `],"count":"1"}`,
		"things that are not": `[null,1,"x",[],` + row + `]`,
		"BOM":                 "\xef\xbb\xbf[" + row + `]`,
		"numbers":             `[{"service":"1","name":"Views","type":"Default","category":"Video","rate":0.9,"min":50,"max":10000.0,"cancel":1}]`,
		"other names":         `[{"id":1,"name":"Views","type":"Default","category":"Video","rate":9e-1,"min":50,"max":"10000","cancel":"1"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseServices([]byte(body))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// A list that is not whole, or no list, is an error: nothing may be paused for it.
func TestParseServicesRefusesWhatIsNotWhole(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty":           ``,
		"HTML":            `<html>`,
		"null":            `null`,
		"error":           `{"error":"Invalid API key"}`,
		"error in a list": `{"error":"Invalid API key","services":[]}`,
		"empty data":      `{"status":"success","data":"Empty Data"}`,
		"no list":         `{"services":{"1":{}}}`,
		"nothing":         `{}`,
		"pages":           `{"services":[{"service":1}],"has_more":true}`,
		"pages as 1":      `{"services":[{"service":1}],"has_more":1}`,
		"one of two":      `{"services":[{"service":1}],"count":2}`,
		"none of five":    `{"data":[],"count":"5"}`,
		"cut short":       `[{"service":1},{"serv`,
		"something after": `[{"service":1}] and more`,
		"two lists":       `[{"service":1}][{"service":2}]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := parseServices([]byte(body)); err == nil {
				t.Errorf("%+v", got)
			}
		})
	}
	if got, err := parseServices([]byte(`[]`)); err != nil || len(got) != 0 {
		t.Errorf("an empty list: %v, %v", got, err)
	}
}

// What a service lacks is named, and nothing about the others is lost by it.
func TestParseServicesValues(t *testing.T) {
	t.Parallel()
	const number, name, rate, limits = "it has no number", "it has no name", "its rate can't be read", "its limits can't be read"
	for row, want := range map[string]string{
		`"service":1,"name":"V","rate":"0.9","min":1,"max":10`:                                 "",
		`"service":"a-1","name":"V","rate":"0.9","min":1,"max":10`:                             "",
		`"service":1,"name":"V","rate":"0","min":1,"max":1`:                                    "",
		`"service":1,"name":"V","rate":"0.123456789","min":1,"max":10`:                         "",
		`"service":1,"name":"V","rate":"+1.5","min":1,"max":10`:                                "",
		`"name":"V","rate":"0.9","min":1,"max":10`:                                             number,
		`"service":null,"name":"V","rate":"0.9","min":1,"max":10`:                              number,
		`"service":-1,"name":"V","rate":"0.9","min":1,"max":10`:                                number,
		`"service":"1 2","name":"V","rate":"0.9","min":1,"max":10`:                             number,
		`"service":"1\u0000","name":"V","rate":"0.9","min":1,"max":10`:                         number,
		`"service":"` + strings.Repeat("1", 65) + `","name":"V","rate":"0.9","min":1,"max":10`: number,
		`"service":1,"rate":"0.9","min":1,"max":10`:                                            name,
		`"service":1,"name":" \u0001 ","rate":"0.9","min":1,"max":10`:                          name,
		`"service":1,"name":["V"],"rate":"0.9","min":1,"max":10`:                               name,
		`"service":1,"name":"V","min":1,"max":10`:                                              rate,
		`"service":1,"name":"V","rate":null,"min":1,"max":10`:                                  rate,
		`"service":1,"name":"V","rate":"","min":1,"max":10`:                                    rate,
		`"service":1,"name":"V","rate":"$0.90","min":1,"max":10`:                               rate,
		`"service":1,"name":"V","rate":"0,90","min":1,"max":10`:                                rate,
		`"service":1,"name":"V","rate":"1,234.50","min":1,"max":10`:                            rate,
		`"service":1,"name":"V","rate":"-0.9","min":1,"max":10`:                                rate,
		`"service":1,"name":"V","rate":1e30,"min":1,"max":10`:                                  rate,
		`"service":1,"name":"V","rate":"NaN","min":1,"max":10`:                                 rate,
		`"service":1,"name":"V","rate":"0.9"`:                                                  limits,
		`"service":1,"name":"V","rate":"0.9","min":0,"max":10`:                                 limits,
		`"service":1,"name":"V","rate":"0.9","min":-1,"max":10`:                                limits,
		`"service":1,"name":"V","rate":"0.9","min":11,"max":10`:                                limits,
		`"service":1,"name":"V","rate":"0.9","min":"ten","max":10`:                             limits,
		`"service":1,"name":"V","rate":"0.9","min":1,"max":1.5`:                                limits,
		`"service":1,"name":"V","rate":"0.9","min":1,"max":"10 000"`:                           limits,
		`"service":1,"name":"V","rate":"0.9","min":1,"max":99999999999999999999999999`:         limits,
	} {
		t.Run(row, func(t *testing.T) {
			t.Parallel()
			got, err := parseServices([]byte(`[{` + row + `},{"service":2,"name":"V","rate":"1","min":1,"max":10}]`))
			if err != nil || len(got) != 2 {
				t.Fatalf("%+v, %v", got, err)
			}
			if got[0].Problem != want {
				t.Errorf("problem %q, want %q", got[0].Problem, want)
			}
			if got[1].Problem != "" || got[1].Category != "Other" {
				t.Errorf("the one beside: %+v", got[1])
			}
		})
	}
}

// Flags have many spellings, descriptions two names.
func TestParseServicesFlagsAndTexts(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		`true`: true, `1`: true, `"1"`: true, `"true"`: true, `"True"`: true,
		`false`: false, `0`: false, `"0"`: false, `"false"`: false, `null`: false, `""`: false, `2`: false, `"yes"`: false, `[]`: false,
	} {
		got, err := parseServices([]byte(`[{"service":1,"cancel":` + value + `}]`))
		if err != nil || got[0].Cancel != want {
			t.Errorf("cancel %s is %v, %v", value, got[0].Cancel, err)
		}
	}
	got, err := parseServices([]byte(`[{"service":1,"desc":"short","description":"long"},{"service":2,"desc":"","description":"long"},
		{"service":3,"name":"two\nlines\u0000 here","category":"a\tb","type":null}]`))
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Description != "short" || got[1].Description != "long" {
		t.Errorf("descriptions %q and %q", got[0].Description, got[1].Description)
	}
	if got[2].Name != "two lines  here" || got[2].Category != "a b" || got[2].Type != catalog.Default {
		t.Errorf("texts %+v", got[2])
	}
}

func TestParseBalance(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]Balance{
		`{"balance":"100.84292","currency":"USD"}`:                {"100.84292", "USD"},
		`{"balance":100.84292,"currency":"usd"}`:                  {"100.84292", "USD"},
		`{"balance":"0.00","currency":" eur "}`:                   {"0.00", "EUR"},
		`{"balance":-5}`:                                          {"-5", ""},
		`{"status":"success","balance":"1e3","currency":null}`:    {"1e3", ""},
		"\xef\xbb\xbf{\"balance\":\"1\",\"currency\":\"USD\"}":    {"1", "USD"},
		`{"error":"","balance":"1,000.00","currency":"USD"}`:      {"1,000.00", "USD"},
		`{"error":false,"balance":"1","currency":{"code":"USD"}}`: {"1", ""},
	} {
		if got, err := parseBalance([]byte(body)); err != nil || got != want {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
	for _, body := range []string{``, `null`, `[]`, `{}`, `{"balance":null}`, `{"balance":""}`, `{"balance":{"USD":1}}`, `{"error":"Invalid API key","balance":"1"}`, `[{"balance":"1"}]`, `<h1>1</h1>`, `{"balance":"1"`} {
		if got, err := parseBalance([]byte(body)); err == nil {
			t.Errorf("%s: %+v", body, got)
		}
	}
}

// A provider's error is told on one line of bounded length.
func TestFailureIsBounded(t *testing.T) {
	t.Parallel()
	_, err := parseBalance([]byte(`{"error":"` + strings.Repeat(`line\n`, 100_000) + `"}`))
	if err == nil || utf8.RuneCountInString(err.Error()) > maxSaid+100 || strings.Contains(err.Error(), "\n") {
		t.Errorf("%.100v", err)
	}
}

// A rate is rounded up to a millionth: never taken for less than it is.
func TestParseServicesRoundsCostUp(t *testing.T) {
	t.Parallel()
	for rate, want := range map[string]money.Amount{
		`"0.9"`: 900_000, `0.9`: 900_000, `"0.0000001"`: 1, `1.0000000000000000001`: 1_000_001, `"12"`: 12_000_000, `"1E-6"`: 1, `"1e-9"`: 1, `0`: 0,
	} {
		got, err := parseServices([]byte(`[{"service":1,"name":"V","rate":` + rate + `,"min":1,"max":2}]`))
		if err != nil || got[0].Cost != want || got[0].Problem != "" {
			t.Errorf("%s: %+v, %v", rate, got, err)
		}
	}
}
