package simulator_test

import (
	"net/http"
	"testing"

	"github.com/notpanel/notpanel/internal/provider/simulator"
)

// Each form of a request is taken where the options say so, and nowhere else.
func TestRequestFormsThatAreAccepted(t *testing.T) {
	t.Parallel()
	const (
		yes  = `{"balance":"1000.00","currency":"USD"}`
		no   = `{"error":"Incorrect request"}`
		key0 = `{"error":"Invalid API key"}`
		ask  = "key=" + key + "&action=balance"
		json = "application/json"
		obj  = `{"key":"` + key + `","action":"balance","page":1,"is_test":false,"coupon":null}`
	)
	cases := []struct {
		name              string
		accept            simulator.Accept
		method, query     string
		contentType, body string
		want              string
	}{
		{"form", simulator.Accept{}, http.MethodPost, "", urlencoded, ask, yes},
		{"query of a POST", simulator.Accept{}, http.MethodPost, ask, urlencoded, "", key0},
		{"query of a POST, taken", simulator.Accept{Query: true}, http.MethodPost, ask, urlencoded, "", yes},
		{"query of a POST without a type, taken", simulator.Accept{Query: true}, http.MethodPost, ask, "", "", yes},
		{"the body wins", simulator.Accept{Query: true}, http.MethodPost, "action=services", urlencoded, ask, yes},
		{"the query alone", simulator.Accept{Query: true, NoForm: true}, http.MethodPost, ask, urlencoded, "", yes},
		{"the query alone, but a body", simulator.Accept{Query: true, NoForm: true}, http.MethodPost, "", urlencoded, ask, no},
		{"GET", simulator.Accept{}, http.MethodGet, ask, "", "", no},
		{"GET, taken", simulator.Accept{Get: true}, http.MethodGet, ask, "", "", yes},
		{"GET beside form", simulator.Accept{Get: true}, http.MethodPost, "", urlencoded, ask, yes},
		{"GET alone", simulator.Accept{Get: true, NoForm: true}, http.MethodPost, "", urlencoded, ask, no},
		{"JSON", simulator.Accept{}, http.MethodPost, "", json, obj, no},
		{"JSON, taken", simulator.Accept{JSON: true}, http.MethodPost, "", json + "; charset=utf-8", obj, yes},
		{"JSON alone", simulator.Accept{JSON: true, NoForm: true}, http.MethodPost, "", urlencoded, ask, no},
		{"JSON array", simulator.Accept{JSON: true}, http.MethodPost, "", json, `[]`, no},
		{"JSON with a list", simulator.Accept{JSON: true}, http.MethodPost, "", json, `{"key":["a"]}`, no},
		{"JSON and more", simulator.Accept{JSON: true}, http.MethodPost, "", json, obj + `{}`, no},
		{"PUT", simulator.Accept{Get: true, JSON: true, Query: true}, http.MethodPut, ask, "", "", no},
		{"names", simulator.Accept{Names: map[string]string{"key": "api"}}, http.MethodPost, "", urlencoded, "api=" + key + "&action=balance", yes},
		{"own names", simulator.Accept{Names: map[string]string{"key": "api"}}, http.MethodPost, "", urlencoded, ask, key0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := setupWith(t, newHands(), simulator.Options{Accept: c.accept})
			if a := p.do(t, c.method, "/api/v2?"+c.query, c.contentType, c.body); a.body != c.want || a.status != http.StatusOK {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}

// A provider that calls everything by another name, and takes GET alone.
func TestProfileOfAnOddProvider(t *testing.T) {
	t.Parallel()
	p := setupWith(t, newHands(), simulator.Options{Accept: simulator.Accept{
		Get: true, NoForm: true, BatchAction: "orders",
		Names:  map[string]string{"key": "api", "link": "url", "order": "order_id", "service": "link"},
		Header: map[string]string{"User-Agent": "Mozilla/5.0"},
	}})
	get := func(query string) answer {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/api/v2?api="+key+"&"+query, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("User-Agent", "Mozilla/5.0")
		resp, err := p.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return answer{status: resp.StatusCode, body: read(t, resp.Body)}
	}
	const pending = `{"charge":"1.25","start_count":"0","status":"Pending","remains":"1000","currency":"USD"}`
	for _, step := range []struct{ query, want string }{
		{"action=add&link=108&quantity=1000&url=https://example.com", `{"order":23501}`},
		{"action=status&order=23501", `{"error":"Incorrect request"}`},
		{"action=status&order_id=23501", pending},
		{"action=status&orders=23501", `{"error":"Incorrect request"}`},
		{"action=orders&orders=23501", `{"23501":` + pending + `}`},
	} {
		if a := get(step.query); a.body != step.want {
			t.Errorf("%s: %s", step.query, a.body)
		}
	}
	if o := p.Orders(); len(o) != 1 || o[0].Link != "https://example.com" || o[0].Service != 108 {
		t.Errorf("%+v", o)
	}
	a := p.do(t, http.MethodGet, "/api/v2?action=balance&api="+key, "", "")
	if a.status != http.StatusForbidden || a.header.Get("Content-Type") != "text/html; charset=UTF-8" {
		t.Errorf("without the header: %d %s", a.status, a.body)
	}
}
