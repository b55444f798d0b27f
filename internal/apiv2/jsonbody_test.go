package apiv2

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A body costs a small multiple of its size, whatever it holds: anybody may send it.
// Not parallel: TotalAlloc counts those of the whole process.
//
//nolint:paralleltest // see above
func TestBodyCostsItsSize(t *testing.T) {
	const most = 6
	for name, entry := range map[string]string{
		"numbers":              `{"comments":[|1,|1]}`,
		"whole numbers":        `{"comments":[|1.0,|1]}`,
		"exponents":            `{"comments":[|1e9,|1]}`,
		"texts":                `{"comments":[|"",|""]}`,
		"texts with escapes":   `{"comments":[|"\n",|""]}`,
		"ids":                  `{"orders":[|1,|1]}`,
		"nothing":              `{"comments":[|null,|1]}`,
		"lists":                `{"comments":[|[],|1]}`,
		"objects":              `{"comments":[|{},|1]}`,
		"deep":                 `{"comments":|[|1]}`,
		"list that is unknown": `{"x":[|"",|""]}`,
		"repeated names":       `{|"a":1,|"b":1}`,
		"escaped names":        `{|"\n":1,|"b":1}`,
		"form":                 `|a=1&|b=1`,
		"form with escapes":    `|%61=%61&|b=1`,
		"form with mistakes":   `|a=%&|b=1`,
		"parts":                "|--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n|--b--",
	} {
		contentType := formType
		if strings.HasPrefix(entry, "--") {
			contentType = "multipart/form-data; boundary=b"
		}
		for _, size := range []int{8 << 10, smallBody, maxBody} {
			t.Run(name+" "+strconv.Itoa(size), func(t *testing.T) {
				parts := strings.Split(entry, "|")
				body := []byte(parts[0] + strings.Repeat(parts[1], (size-len(parts[0]+parts[2]))/len(parts[1])) + parts[2])
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				in := &input{body: map[string]string{}}
				in.readFields(contentType, body)
				runtime.ReadMemStats(&after)
				took := after.TotalAlloc - before.TotalAlloc
				if took > most*uint64(len(body))+4096 {
					t.Errorf("%d bytes for a body of %d", took, len(body))
				}
			})
		}
	}
}

// sameAsJSON compares what was read of a JSON body with what encoding/json makes of
// it.
func sameAsJSON(t *testing.T, in *input, body []byte) {
	t.Helper()
	if !json.Valid(body) {
		if in.problem == nil {
			t.Fatalf("%q is taken for JSON", body)
		}
		return
	}
	var want map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	if decoder.Decode(&want) != nil || in.problem != nil {
		return // no object, too deep, too many
	}
	for name, got := range in.body {
		if _, there := want[name]; !there {
			t.Fatalf("%q is made up: %q", name, got)
		}
	}
	for name, v := range want {
		if strings.Count(string(body), `:`) == len(want) && in.body[name] != strings.TrimSpace(asForm(name, v)) {
			t.Fatalf("%q is %q, encoding/json says %v", name, in.body[name], v)
		}
	}
}

// asForm writes a decoded value as a form would.
func asForm(name string, v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		var b strings.Builder
		writeNumber(&b, []byte(v), maxPower)
		return b.String()
	case []any:
		var texts []string
		for _, one := range v {
			switch one := one.(type) {
			case string, bool:
				texts = append(texts, asForm("", one))
			case json.Number:
				var b strings.Builder
				writeNumber(&b, []byte(one), maxPowerInList)
				texts = append(texts, b.String())
			}
		}
		return strings.Join(texts, string(separator(name)))
	}
	return ""
}

// Bodies of every form read as encoding/json reads them, and what it refuses is
// refused.
func TestJSONAsTheStandardLibraryReadsIt(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{}`, ` { } `, "\t{\"a\"\n:\r1 , \"b\" : [ ] }\n", `{"a":""}`, `{"a":"\"\\\/\b\f\n\r\t"}`, `{"a":"\u00e9\u20AC\ud83d\ude00"}`,
		`{"a":"\ud83d"}`, `{"a":"\ud83dx"}`, `{"a":"\ude00\ud83d"}`, `{"a":"\ud83d\u0041"}`, `{"a":"\ud83d\n"}`, `{"\u0061":1}`,
		`{"a":-0}`, `{"a":0.5}`, `{"a":1E+2}`, `{"a":1e-2}`, `{"a":-1.5e3}`, `{"a":true}`, `{"a":false}`, `{"a":null}`,
		`{"a":{"b":[{"c":"}"}]},"d":2}`, `{"a":[1,"two",true,null,[3],{"a":4},""]}`, `{"orders":[1,"2"]}`, `{"order":[1,2]}`,
		`{"":1}`, `{"a":"é€"}`,
		"", " ", "{", "}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a":1 "b":2}`, `{a:1}`, `{'a':1}`, `{"a":01}`, `{"a":+1}`, `{"a":1.}`,
		`{"a":.5}`, `{"a":1e}`, `{"a":-}`, `{"a":tru}`, `{"a":nul}`, `{"a":truex}`, `{"a":"\x"}`, `{"a":"\u12g4"}`, `{"a":"\u12`, `{"a":"\`,
		"{\"a\":\"\n\"}", `{"a":"`, `{"a":[1,]}`, `{"a":[,]}`, `{"a":[1}`, `{"a":{]}`, `{"a":[1 2]}`, `{"a":{"b"}}`, `{"a":1}x`, `{"a":1}{}`, "{\"a\":1}\x00", `[1]`, `"a"`, `1`,
	} {
		in := &input{body: map[string]string{}}
		in.readFields("application/json", []byte(body))
		if strings.TrimSpace(body) == "" {
			continue // no body is no mistake
		}
		sameAsJSON(t, in, []byte(body))
		if json.Valid([]byte(body)) && body[0] != '[' && strings.Contains(body, "{") && in.problem != nil {
			t.Errorf("%s: %v", body, in.problem)
		}
	}
}

// A number that is whole is written as a whole number: languages that know one kind
// of number send 1.0 for an order. All others stay as they were sent.
func TestJSONNumbers(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		"0": "0", "12": "12", "-5": "-5", "1.0": "1", "100.00": "100", "-3.0": "-3", "-0": "-0", "-0.0": "0", "0e5": "0", "0.0e1": "0",
		"5e0": "5", "5E+2": "500", "1.5e3": "1500", "1.20e1": "12", "0.5e1": "5", "0.05e3": "50", "100.0e1": "1000", "-1.5e1": "-15",
		"12.50": "12.50", "0.25": "0.25", "1.25e1": "1.25e1", "1e-2": "1e-2", "100e-2": "100e-2", "1e9": "1000000000", "1e10": "1e10", "1e999999999999999999999": "1e999999999999999999999",
		"true": "true", "false": "false",
	} {
		in := &input{body: map[string]string{}}
		in.readFields("application/json", fmt.Appendf(nil, `{"order":%s,"orders":[7,100.0,1.5e1,5e3]}`, sent))
		if diff := cmp.Diff(map[string]string{"order": want, "orders": "7,100,15,5e3"}, in.body); diff != "" || in.problem != nil {
			t.Errorf("%s: %v %s", sent, in.problem, diff)
		}
	}
}
