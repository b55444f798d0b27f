package simulator_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/provider/simulator"
)

// steered draws words that leave an order, at most one of each kind.
func steered(t *rapid.T) string {
	var words []string
	for _, kind := range [][]string{
		{"complete", "partial:0", "partial:33", "partial:100", "cancel", "cancel-at:40", "fail", "take-back:60", "revoke"},
		{"500-accepted", "garbage", "dup-id", "id-and-error", "empty"},
		{"cancel-refuse", "cancel-later", "cancel-partial", "cancel-partial:canceled"},
		{"refill-reject", "refill-refuse"},
		{"charge:full", "charge:none"},
		{"word:Refunded"},
	} {
		if n := rapid.IntRange(0, len(kind)).Draw(t, "word"); n > 0 {
			words = append(words, kind[n-1])
		}
	}
	if len(words) == 0 {
		return ""
	}
	return "#sim=" + strings.Join(words, ",")
}

func adds(t *rapid.T) string {
	link := "https://example.com/" + steered(t)
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		return adding("113", "quantity", strconv.Itoa(rapid.IntRange(100, 5000).Draw(t, "quantity")), "link", link)
	case 1:
		return adding("113", "quantity", "100", "runs", strconv.Itoa(rapid.IntRange(2, 9).Draw(t, "runs")), "interval", "5", "link", link)
	default:
		return subscribing("a"+steered(t), "posts", strconv.Itoa(rapid.IntRange(1, 9).Draw(t, "posts")))
	}
}

// Whatever is ordered, steered, canceled and refilled: no order costs less than
// nothing or more than its price, nothing of the money is lost, and a restart
// finds what was there.
func TestMoneyAddsUpWhateverHappens(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		clock := newHands()
		options := simulator.Options{Key: key, Dir: filepath.Join(dir, strconv.Itoa(runs)), Pace: pace, Clock: clock.Now}
		sim, err := simulator.New(options)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			query := "action=status&orders=23501,23502"
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0, 1:
				query = adds(t)
			case 2:
				query = "action=cancel&order=" + strconv.Itoa(rapid.IntRange(23501, 23520).Draw(t, "order"))
			case 3:
				query = "action=refill&order=" + strconv.Itoa(rapid.IntRange(23501, 23520).Draw(t, "order"))
			}
			direct(sim, query)
			clock.advance(time.Duration(rapid.Int64Range(0, int64(pace)).Draw(t, "wait")).Truncate(time.Microsecond))
			addsUp(t, sim)
		}
		before := sim.Orders()
		if err := sim.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := simulator.New(options)
		if err != nil {
			t.Fatal(err)
		}
		after := again.Orders()
		for i := range before {
			before[i].Requests, after[i].Requests = 0, 0
		}
		if !reflect.DeepEqual(after, before) {
			t.Errorf("\n got %+v\nwant %+v", after, before)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// addsUp holds the orders against the balance.
func addsUp(t *rapid.T, sim *simulator.Simulator) {
	spent := money.Amount(0)
	for _, o := range sim.Orders() {
		if o.Charge < 0 || o.Charge > o.Full || o.Remains < 0 || o.Remains > o.Quantity {
			t.Errorf("%+v", o)
		}
		if o.Parent == 0 {
			spent += o.Charge
		}
	}
	want := `{"balance":"` + (1000*money.Unit - spent).String() + `","currency":"USD"}`
	if got := direct(sim, "action=balance"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// direct sends parameters without a connection.
func direct(sim *simulator.Simulator, query string) string {
	r := httptest.NewRequest(http.MethodPost, "/api/v2", strings.NewReader("key="+key+"&"+query))
	r.Header.Set("Content-Type", urlencoded)
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, r)
	return w.Body.String()
}
