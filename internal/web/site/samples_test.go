package site_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// fields reads a sample as a shell and curl would.
func fields(t testing.TB, sample string) map[string]string {
	t.Helper()
	var words []string
	var word strings.Builder
	quoted := false
	for _, r := range strings.ReplaceAll(sample, "\\\n", " ") {
		switch {
		case r == '\'':
			quoted = !quoted
		case r == ' ' && !quoted:
			if word.Len() > 0 {
				words = append(words, word.String())
			}
			word.Reset()
		default:
			word.WriteRune(r)
		}
	}
	words = append(words, word.String())
	if quoted || words[0] != "curl" || words[1] != address+"/api/v2" {
		t.Fatalf("no command: %s", sample)
	}
	all := map[string]string{}
	for i := 2; i+1 < len(words); i += 2 {
		name, value, _ := strings.Cut(words[i+1], "=")
		if words[i] == "-d" && strings.ContainsAny(value, " \n/&+%'") {
			t.Errorf("%s is not encoded: %q", name, value)
		}
		all[name] = value
	}
	return all
}

// The sample of every service, of every type that is sold, is an order that the
// panel takes; that of the first page costs what its answer says.
func TestSamplesAreTaken(t *testing.T) {
	t.Parallel()
	each(t, func(s *shop) {
		s.Helper()
		buyer := (&ordertest.Fixture{T: s, DB: s.db}).NewBuyer(100_000 * money.Unit)
		placer := order.NewPlacer(s.db, order.PlacerOptions{})
		defer placer.Close()
		now, err := s.snapshot(s.Context())
		must(s, err)
		place := func(sample, request string) order.Placed {
			said := fields(s, sample)
			if said["key"] != "YOUR_API_KEY" || said["action"] != "add" {
				s.Errorf("the sample has key %q and action %q", said["key"], said["action"])
			}
			said["request_id"] = request
			r, err := order.ParseRequest(func(name string) string { return said[name] })
			must(s, err)
			placed, err := placer.Place(s.Context(), buyer, r, now)
			if err != nil {
				s.Fatalf("%s: %v", sample, err)
			}
			return placed
		}
		types := map[string]bool{}
		for _, v := range now.Services {
			types[string(v.Type)] = true
			page := s.page(reader, "/services/"+strconv.FormatInt(v.ID, 10))
			place(samples(page)[0], "service-"+strconv.FormatInt(v.ID, 10))
		}
		if len(types) < 10 {
			s.Errorf("only %d types are sold", len(types))
		}

		home := samples(s.page(reader, "/"))
		var said map[string]string
		must(s, json.Unmarshal([]byte(home[1]), &said))
		if placed := place(home[0], "home"); said["charge"] != placed.Charge.String() || said["status"] != "pending" || said["currency"] != "USD" {
			s.Errorf("the answer says %v, the charge was %s", said, placed.Charge)
		}
	})
}

// The first page's answer has the fields of the API's.
func TestAnswerHasTheFieldsOfTheAPI(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../apiv2/testdata/native/add/*")
	must(t, err)
	var real map[string]string
	for _, file := range files {
		body, err := os.ReadFile(file)
		must(t, err)
		if i := strings.Index(string(body), `{"order":`); i >= 0 && json.Unmarshal([]byte(strings.TrimSpace(string(body[i:]))), &real) == nil {
			break
		}
	}
	if real == nil {
		t.Fatal("the API has no such answer")
	}
	each(t, func(s *shop) {
		s.Helper()
		var said map[string]string
		must(s, json.Unmarshal([]byte(samples(s.page(reader, "/"))[1]), &said))
		if got, want := slices.Sorted(maps.Keys(said)), slices.Sorted(maps.Keys(real)); !slices.Equal(got, want) {
			s.Errorf("the answer has %v, the API's %v", got, want)
		}
	})
}
