package client_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/notpanel/notpanel/client"
)

// signedAt is the time in the signatures of the tests.
var signedAt = time.Unix(1767225600, 0)

const completed = `{"id":"evt_01","type":"order.completed","created_at":"2026-03-01T12:00:00Z","sequence":4,"data":{"order":"ord_01","number":23501,` +
	`"request_id":"shop-1","status":"completed","charge":"0.50","refunded":"0.00","start_count":"1234","remains":"0","currency":"USD","link":"https://example.com/ü","service":1,"new":[]},"new":{}}`

func secretOf(b byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32))
}

func mac(secret, text string) []byte {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		panic(err)
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// signers sign as the panel does, in each of the two forms, with one secret or more.
var signers = map[string]func(at time.Time, body string, secrets ...string) http.Header{
	"standard": func(at time.Time, body string, secrets ...string) http.Header {
		var all []string
		for _, s := range secrets {
			all = append(all, "v1,"+base64.StdEncoding.EncodeToString(mac(s, fmt.Sprintf("evt_01.%d.%s", at.Unix(), body))))
		}
		h := http.Header{}
		h.Set("webhook-id", "evt_01")
		h.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
		h.Set("webhook-signature", strings.Join(all, " "))
		return h
	},
	"own": func(at time.Time, body string, secrets ...string) http.Header {
		parts := []string{fmt.Sprintf("t=%d", at.Unix())}
		for _, s := range secrets {
			parts = append(parts, "v1="+hex.EncodeToString(mac(s, fmt.Sprintf("%d.%s", at.Unix(), body))))
		}
		h := http.Header{}
		h.Set("x-notpanel-signature", strings.Join(parts, ","))
		return h
	},
}

func verifier(t *testing.T, secrets ...string) *client.Verifier {
	t.Helper()
	v, err := client.NewVerifier(secrets, client.WithClock(func() time.Time { return signedAt }))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// What the panel signed is accepted, in both forms, and while a secret is rotated; all
// else is refused, and the error says why.
func TestVerify(t *testing.T) {
	t.Parallel()
	first, second, third := secretOf(1), secretOf(2), secretOf(3)
	for form, sign := range signers {
		good := sign(signedAt, completed, first)
		for name, c := range map[string]struct {
			secrets []string
			header  http.Header
			body    string
			want    error
		}{
			"right":                      {[]string{first}, good, completed, nil},
			"two signatures, old secret": {[]string{first}, sign(signedAt, completed, second, first), completed, nil},
			"two signatures, new secret": {[]string{second}, sign(signedAt, completed, second, first), completed, nil},
			"two secrets":                {[]string{second, first}, good, completed, nil},
			"two of both":                {[]string{third, first}, sign(signedAt, completed, second, first), completed, nil},
			"as old as may be":           {[]string{first}, sign(signedAt.Add(-5*time.Minute), completed, first), completed, nil},
			"as far ahead as may be":     {[]string{first}, sign(signedAt.Add(5*time.Minute), completed, first), completed, nil},
			"too old":                    {[]string{first}, sign(signedAt.Add(-5*time.Minute-time.Second), completed, first), completed, client.ErrBadTime},
			"too far ahead":              {[]string{first}, sign(signedAt.Add(5*time.Minute+time.Second), completed, first), completed, client.ErrBadTime},
			"years old":                  {[]string{first}, sign(time.Unix(0, 0), completed, first), completed, client.ErrBadTime},
			"another secret":             {[]string{second}, good, completed, client.ErrBadSignature},
			"other secrets":              {[]string{second, third}, sign(signedAt, completed, first), completed, client.ErrBadSignature},
			"a changed byte":             {[]string{first}, good, strings.Replace(completed, "0.50", "0.51", 1), client.ErrBadSignature},
			"a byte more":                {[]string{first}, good, completed + "\n", client.ErrBadSignature},
			"a byte less":                {[]string{first}, good, completed[:len(completed)-1], client.ErrBadSignature},
			"no body":                    {[]string{first}, good, "", client.ErrBadSignature},
			"a changed signature":        {[]string{first}, changed(good), completed, client.ErrBadSignature},
			"no signature in it":         {[]string{first}, sign(signedAt, completed), completed, client.ErrNoSignature},
			"no headers":                 {[]string{first}, http.Header{}, completed, client.ErrNoSignature},
			"signed, but no event":       {[]string{first}, sign(signedAt, `{}`, first), `{}`, client.ErrBadEvent},
			"signed, but no JSON":        {[]string{first}, sign(signedAt, `x`, first), `x`, client.ErrBadEvent},
			"old and of another secret":  {[]string{second}, sign(time.Unix(0, 0), completed, first), completed, client.ErrBadSignature},
		} {
			t.Run(form+"/"+name, func(t *testing.T) {
				t.Parallel()
				e, err := verifier(t, c.secrets...).Verify([]byte(c.body), c.header)
				if !errors.Is(err, c.want) || (c.want == nil && err != nil) {
					t.Errorf("got %v, wanted %v", err, c.want)
				}
				if (err == nil) != (e.ID == "evt_01") || (err != nil && !cmp.Equal(e, client.Event{})) {
					t.Errorf("the event is %+v", e)
				}
			})
		}
	}
}

// changed is the same header with its last character another one.
func changed(h http.Header) http.Header {
	h = h.Clone()
	for name, values := range h {
		if strings.HasSuffix(name, "Signature") {
			last := byte('0')
			if strings.HasSuffix(values[0], "0") {
				last = '1'
			}
			values[0] = values[0][:len(values[0])-1] + string(last)
		}
	}
	return h
}

// Headers that are not whole, or of a kind that is not known, are not believed.
func TestVerifyStrangeHeaders(t *testing.T) {
	t.Parallel()
	secret := secretOf(1)
	standard, own := signers["standard"](signedAt, completed, secret), signers["own"](signedAt, completed, secret)
	with := func(h http.Header, name, value string) http.Header {
		h = h.Clone()
		h.Set(name, value)
		return h
	}
	both := standard.Clone()
	both.Set("X-NotPanel-Signature", own.Get("X-NotPanel-Signature"))
	notNumber := http.Header{"X-Notpanel-Signature": {"t=soon,v1=" + hex.EncodeToString(mac(secret, "soon."+completed))}}
	for name, c := range map[string]struct {
		header http.Header
		want   error
	}{
		"both":                            {both, nil},
		"both, the standard one is wrong": {with(both, "webhook-id", "evt_02"), client.ErrBadSignature},
		"both, the own one is wrong":      {with(both, "X-NotPanel-Signature", "t=1"), nil},
		"no id":                           {with(standard, "webhook-id", ""), client.ErrNoSignature},
		"no time":                         {with(standard, "webhook-timestamp", ""), client.ErrNoSignature},
		"another time":                    {with(standard, "webhook-timestamp", "1767225601"), client.ErrBadSignature},
		"unknown versions beside":         {with(standard, "webhook-signature", "v1a,AAAA v2,xx "+standard.Get("webhook-signature")), nil},
		"unknown versions alone":          {with(standard, "webhook-signature", "v1a,AAAA"), client.ErrNoSignature},
		"own: blanks and more parts":      {with(own, "X-NotPanel-Signature", "v0=1, x ,"+own.Get("X-NotPanel-Signature")), nil},
		"own: no time":                    {with(own, "X-NotPanel-Signature", strings.TrimPrefix(own.Get("X-NotPanel-Signature"), "t=1767225600,")), client.ErrNoSignature},
		"own: two times":                  {with(own, "X-NotPanel-Signature", "t=1767225601,"+own.Get("X-NotPanel-Signature")), client.ErrNoSignature},
		"own: a time that is signed, but no number": {notNumber, client.ErrNoSignature},
		"own: no hex":                       {with(own, "X-NotPanel-Signature", "t=1767225600,v1=zz"), client.ErrBadSignature},
		"own: a part of the signature":      {with(own, "X-NotPanel-Signature", own.Get("X-NotPanel-Signature")[:40]), client.ErrBadSignature},
		"own: an empty signature":           {with(own, "X-NotPanel-Signature", "t=1767225600,v1="), client.ErrBadSignature},
		"own: the signature of the other's": {with(own, "X-NotPanel-Signature", "t=1767225600,v1="+hex.EncodeToString(mac(secret, "evt_01.1767225600."+completed))), client.ErrBadSignature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := verifier(t, secret).Verify([]byte(completed), c.header); !errors.Is(err, c.want) || (c.want == nil && err != nil) {
				t.Errorf("got %v, wanted %v", err, c.want)
			}
		})
	}
}

// The tolerance can be set, and the clock is the machine's unless it is.
func TestTolerance(t *testing.T) {
	t.Parallel()
	secret := secretOf(1)
	for _, sign := range signers {
		v, err := client.NewVerifier([]string{secret}, client.WithTolerance(10*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify([]byte(completed), sign(time.Now(), completed, secret)); err != nil {
			t.Error(err)
		}
		if _, err := v.Verify([]byte(completed), sign(time.Now().Add(-time.Minute), completed, secret)); !errors.Is(err, client.ErrBadTime) {
			t.Errorf("a minute old: %v", err)
		}
	}
}

// A secret that was cut off or mistyped is told at once, not by refusing all deliveries.
func TestSecrets(t *testing.T) {
	t.Parallel()
	good := secretOf(1)
	for name, secrets := range map[string][]string{
		"none": nil, "empty": {""}, "no prefix": {strings.TrimPrefix(good, "whsec_")}, "cut": {good[:len(good)-4]}, "no padding": {strings.TrimRight(good, "=")}, "no base64": {"whsec_" + strings.Repeat("*", 44)},
		"longer": {"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 33))}, "the second": {good, "whsec_"}, "a key": {liveKey},
	} {
		if _, err := client.NewVerifier(secrets); !errors.Is(err, client.ErrBadSecret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	v, err := client.NewVerifier([]string{good + "\n"}, client.WithClock(func() time.Time { return signedAt }))
	if err != nil {
		t.Fatalf("a line's end of a file: %v", err)
	}
	if _, err := v.Verify([]byte(completed), signers["own"](signedAt, completed, good)); err != nil {
		t.Error(err)
	}
	if shown := fmt.Sprintf("%v %+v %#v", v, v, *v); strings.Contains(shown, good[6:]) || strings.Contains(shown, "1 1 1") || strings.Contains(shown, "0x1, 0x1") {
		t.Errorf("the secret shows in %s", shown)
	}
}

// The others' library verifies what the panel signs, and we verify what it signs.
func TestStandardWebhooks(t *testing.T) {
	t.Parallel()
	first, second := secretOf(1), secretOf(2)
	theirs, err := standardwebhooks.NewWebhook(first)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	for _, header := range []http.Header{signers["standard"](at, completed, first), signers["standard"](at, completed, second, first)} {
		if err := theirs.Verify([]byte(completed), header); err != nil {
			t.Errorf("what the panel signs: %v", err)
		}
	}
	if err := theirs.Verify([]byte(completed), signers["standard"](at, completed, second)); err == nil {
		t.Error("another's secret is accepted by the library: this test checks nothing")
	}
	signature, err := theirs.Sign("evt_01", at, []byte(completed))
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Webhook-Id": {"evt_01"}, "Webhook-Timestamp": {strconv.FormatInt(at.Unix(), 10)}, "Webhook-Signature": {signature}}
	v, err := client.NewVerifier([]string{second, first})
	if err != nil {
		t.Fatal(err)
	}
	if e, err := v.Verify([]byte(completed), header); err != nil || e.ID != "evt_01" {
		t.Errorf("what the library signs: %+v, %v", e, err)
	}
}

// A request is read and verified as it came, and no more of it than may be.
func TestVerifyRequest(t *testing.T) {
	t.Parallel()
	secret := secretOf(1)
	v := verifier(t, secret)
	large := completed + strings.Repeat(" ", 1<<20)
	for body, want := range map[string]error{completed: nil, large: client.ErrBadEvent} {
		r := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(body))
		r.Header = signers["standard"](signedAt, body, secret)
		if e, err := v.VerifyRequest(r); !errors.Is(err, want) || (want == nil && (err != nil || e.Order.Order != "ord_01")) {
			t.Errorf("%d bytes: %+v, %v", len(body), e, err)
		}
	}
}

// Every type of event has its data; of one that is not known the text is there.
func TestEvents(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	order := `{"order":"ord_01","number":7,"request_id":"r","service":1,"link":"l","status":"partial","charge":"0.50","refunded":"0.10","start_count":null,"remains":"3","currency":"USD"}`
	wantOrder := client.OrderEvent{Order: "ord_01", Number: 7, RequestID: "r", Service: 1, Link: "l", Status: "partial", Charge: "0.50", Refunded: "0.10", Remains: new(int64(3)), Currency: "USD"}
	refilled := wantOrder
	refilled.Refill = "ref_01"
	type events map[client.EventType]struct {
		data string
		want client.Event
	}
	cases := events{
		"refill.completed": {strings.Replace(order, "{", `{"refill":"ref_01",`, 1), client.Event{Order: &refilled}},
		"refill.rejected":  {strings.Replace(order, "{", `{"refill":"ref_01",`, 1), client.Event{Order: &refilled}},
		"balance.low":      {`{"balance":"1.20","currency":"USD","threshold":"5.00"}`, client.Event{Balance: &client.BalanceEvent{Balance: "1.20", Currency: "USD", Threshold: "5.00"}}},
		"balance.credited": {`{"balance":"1.20","currency":"USD","amount":"1.00"}`, client.Event{Balance: &client.BalanceEvent{Balance: "1.20", Currency: "USD", Amount: "1.00"}}},
		"service.changed": {
			`{"change":9,"service":1,"field":"rate","before":"1.00","after":"2.00","at":"2026-03-01T12:00:00Z","effective_at":"2026-03-01T12:00:00Z","currency":"USD"}`,
			client.Event{Change: &client.ChangeEvent{Change: client.Change{Change: 9, Service: 1, Field: "rate", Before: "1.00", After: "2.00", At: noon, EffectiveAt: noon}, Currency: "USD"}},
		},
		"ping":           {`{"webhook":"whk_01"}`, client.Event{Ping: &client.PingEvent{Webhook: "whk_01"}}},
		"a.new.one":      {`["anything"]`, client.Event{}},
		"order.invented": {`7`, client.Event{}},
	}
	for _, kind := range []client.EventType{"order.created", "order.in_progress", "order.completed", "order.partial", "order.canceled", "order.failed", "order.refunded", "cancel.rejected"} {
		cases[kind] = struct {
			data string
			want client.Event
		}{order, client.Event{Order: &wantOrder}}
	}
	for kind, c := range cases {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			body := fmt.Sprintf(`{"id":"evt_01","type":%q,"created_at":"2026-03-01T12:00:00Z","sequence":4,"data":%s}`, kind, c.data)
			secret := secretOf(1)
			got, err := verifier(t, secret).Verify([]byte(body), signers["standard"](signedAt, body, secret))
			if err != nil {
				t.Fatal(err)
			}
			want := c.want
			want.ID, want.Type, want.CreatedAt, want.Sequence, want.Data = "evt_01", kind, noon, 4, json.RawMessage(c.data)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(- wanted, + got)\n%s", diff)
			}
		})
	}
	secret, body := secretOf(1), `{"id":"evt_01","type":"order.completed","created_at":"2026-03-01T12:00:00Z","data":7}`
	if _, err := verifier(t, secret).Verify([]byte(body), signers["own"](signedAt, body, secret)); !errors.Is(err, client.ErrBadEvent) {
		t.Errorf("a known type with other data: %v", err)
	}
}

// Whatever stands in the headers, what was not signed is refused.
func FuzzVerify(f *testing.F) {
	good := signers["own"](signedAt, completed, secretOf(2)).Get("X-NotPanel-Signature")
	f.Add("evt_01", "1767225600", "v1,AAAA v1,", good)
	f.Add("", "", "", "t=,v1=,t=1767225600,v1")
	f.Fuzz(func(t *testing.T, id, at, standard, own string) {
		v, err := client.NewVerifier([]string{secretOf(1)}, client.WithClock(func() time.Time { return signedAt }))
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {at}, "Webhook-Signature": {standard}, "X-Notpanel-Signature": {own}}
		if e, err := v.Verify([]byte(completed), header); err == nil {
			t.Errorf("accepted: %+v", e)
		}
	})
}
