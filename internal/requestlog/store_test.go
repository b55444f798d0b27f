package requestlog

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
)

// The pages of a log hold every entry once, the newest first, as it was noted.
func TestPages(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLog(t, d)
		var noted []Entry
		for n := range 7 {
			e := entry("acc_1", "key_1", "add")
			if n%3 == 0 {
				e = refused("acc_1", "key_1", "")
				e.Client = e.Client.Next()
			}
			noted = append(noted, e)
			l.Note(e)
			l.Note(entry("acc_1", "key_2", "status"))
			l.flush()
		}
		slices.Reverse(noted)
		var got []Entry
		before := ""
		for pages := 1; ; pages++ {
			page, next, err := l.Page(context.Background(), Query{AccountID: "acc_1", KeyID: "key_1", Before: before, Limit: 3})
			must(t, err)
			got = append(got, page...)
			if before = next; next == "" {
				if pages != 3 {
					t.Errorf("%d pages, want 3", pages)
				}
				break
			}
		}
		if diff := cmp.Diff(noted, got, cmpopts.EquateComparable(noted[0].Client)); diff != "" {
			t.Errorf("noted and read (-,+):\n%s", diff)
		}
		page, next, err := l.Page(context.Background(), Query{AccountID: "acc_1", KeyID: "key_1", Limit: 3, OnlyRefused: true})
		must(t, err)
		if want := []string{noted[0].ID, noted[3].ID, noted[6].ID}; next != "" || !slices.Equal(ids(page), want) {
			t.Errorf("refused: %v and %q, want %v", ids(page), next, want)
		}
		page, _, err = l.Page(context.Background(), Query{AccountID: "acc_1", KeyID: "key_1", Before: noted[3].ID, Limit: 3, OnlyRefused: true})
		must(t, err)
		if !slices.Equal(ids(page), []string{noted[6].ID}) {
			t.Errorf("refused before %s: %v", noted[3].ID, ids(page))
		}
	})
}

// Another account learns nothing by naming a key that is not its own.
func TestAnotherAccountsKeyShowsNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLog(t, d)
		ann, anns := l.account("ann@example.com", 2)
		bob, bobs := l.account("bob@example.com", 1)
		for _, key := range anns {
			l.Note(entry(ann, key, "add"))
		}
		for range 3 {
			l.Note(refused(bob, bobs[0], "status"))
		}
		l.flush()
		for name, c := range map[string]struct {
			account, key string
			log          int // entries of the key's log
			used         count
		}{
			"ann's first":  {ann, anns[0], 1, count{1, 0}},
			"all of ann's": {ann, "", 0, count{2, 0}},
			"bob's":        {bob, bobs[0], 3, count{0, 3}},
			"all of bob's": {bob, "", 0, count{0, 3}},
			"bob's by ann": {ann, bobs[0], 0, count{}},
			"ann's by bob": {bob, anns[1], 0, count{}},
			"nobody's":     {"", "", 0, count{}},
			"bob's by all": {"", bobs[0], 0, count{}},
			"no such key":  {ann, "key_none", 0, count{}},
		} {
			page, _, err := l.Page(context.Background(), Query{AccountID: c.account, KeyID: c.key, Limit: MaxPage})
			must(t, err)
			span := Span{AccountID: c.account, KeyID: c.key, From: noon.Add(-time.Hour), To: noon.Add(time.Hour)}
			points, err := l.Usage(context.Background(), span, Hour)
			must(t, err)
			actions, err := l.Actions(context.Background(), span)
			must(t, err)
			var used, byAction count
			for _, p := range points {
				used.ok, used.refused = used.ok+p.OK, used.refused+p.Refused
			}
			for _, a := range actions {
				byAction.ok, byAction.refused = byAction.ok+a.OK, byAction.refused+a.Refused
			}
			if len(page) != c.log || used != c.used || byAction != c.used {
				t.Errorf("%s: %d entries, used %+v, by action %+v; want %d and %+v", name, len(page), used, byAction, c.log, c.used)
			}
		}
	})
}

// Usage has a point for every step, by hour or by day, summed over all keys.
func TestUsageBySteps(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLog(t, d)
		ann, keys := l.account("ann@example.com", 2)
		at := func(when time.Time, e Entry) {
			e.At = when
			l.Note(e)
		}
		day := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
		at(day.Add(-time.Microsecond), entry(ann, keys[0], "add"))
		at(day, entry(ann, keys[0], "add"))
		at(day.Add(time.Hour-1), entry(ann, keys[1], "status"))
		at(day.Add(2*time.Hour), refused(ann, keys[0], "add"))
		at(day.Add(25*time.Hour), entry(ann, keys[0], "status"))
		l.flush()

		usage := func(from, to time.Time, step Step, key string) []Point {
			points, err := l.Usage(context.Background(), Span{AccountID: ann, KeyID: key, From: from, To: to}, step)
			must(t, err)
			return points
		}
		if diff := cmp.Diff([]Point{{day, 2, 0}, {day.Add(time.Hour), 0, 0}, {day.Add(2 * time.Hour), 0, 1}},
			usage(day.Add(5*time.Minute), day.Add(2*time.Hour+1), Hour, "")); diff != "" {
			t.Errorf("by hour (-,+):\n%s", diff)
		}
		if diff := cmp.Diff([]Point{{day, 1, 0}}, usage(day, day.Add(time.Hour), Hour, keys[0])); diff != "" {
			t.Errorf("one key's (-,+):\n%s", diff)
		}
		if diff := cmp.Diff([]Point{{day.AddDate(0, 0, -1), 1, 0}, {day, 2, 1}, {day.AddDate(0, 0, 1), 1, 0}, {day.AddDate(0, 0, 2), 0, 0}},
			usage(day.Add(-time.Hour), day.Add(49*time.Hour), Day, "")); diff != "" {
			t.Errorf("by day (-,+):\n%s", diff)
		}
		actions, err := l.Actions(context.Background(), Span{AccountID: ann, From: day.AddDate(0, 0, -1), To: day.AddDate(0, 0, 2)})
		must(t, err)
		if diff := cmp.Diff([]ActionUse{{"add", 2, 1}, {"status", 2, 0}}, actions); diff != "" {
			t.Errorf("by action (-,+):\n%s", diff)
		}
	})
}

// What makes no sense is refused before the database is asked.
func TestQueriesAreChecked(t *testing.T) {
	t.Parallel()
	s := NewStore(nil)
	for name, q := range map[string]Query{
		"no limit":       {},
		"too many":       {Limit: MaxPage + 1},
		"not a cursor":   {Limit: 1, Before: "yesterday"},
		"a foreign word": {Limit: 1, Before: "req_\x00"},
	} {
		if _, _, err := s.Page(context.Background(), q); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		span Span
		step Step
	}{
		"backwards":  {Span{From: noon, To: noon.Add(-1)}, Hour},
		"nothing":    {Span{From: noon, To: noon}, Day},
		"too long":   {Span{From: noon, To: noon.Add(KeptUsage + 1)}, Hour},
		"no step":    {Span{From: noon, To: noon.Add(1)}, 0},
		"a week":     {Span{From: noon, To: noon.Add(1)}, 168},
		"long ago":   {Span{From: time.Unix(-1, 0), To: time.Unix(1, 0)}, Hour},
		"never":      {Span{}, Hour},
		"not so far": {Span{From: noon, To: noon.AddDate(300, 0, 0)}, Hour},
	} {
		if _, err := s.Usage(context.Background(), c.span, c.step); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The log goes back a week and the usage ninety days; what is older goes, a part
// at a time.
func TestForget(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLog(t, d)
		var now time.Time
		must(t, d.Read(context.Background(), func(tx *db.Tx) error {
			now = tx.Now
			return nil
		}))
		keys := names("key_", forgetMost+100)
		note := func(at time.Time) {
			for _, key := range keys {
				e := entry("acc_1", key, "add")
				e.At = at
				l.Note(e)
			}
			l.flush()
		}
		passes := func() (all []int) {
			for {
				n, err := l.Forget(context.Background())
				must(t, err)
				if n == 0 {
					return all
				}
				all = append(all, n)
			}
		}
		note(now)
		note(now.Add(-24 * time.Hour))
		if all := passes(); all != nil {
			t.Errorf("what is kept was dropped: %v", all)
		}
		d.AdvanceClock(KeptLog - time.Hour)
		if all := passes(); !slices.Equal(all, []int{forgetMost, 100}) {
			t.Errorf("dropped %v rows", all)
		}
		if rows, counts := l.rows("api_requests"), l.rows("api_usage"); rows != len(keys) || counts != 2*len(keys) {
			t.Errorf("%d rows and %d counts stay", rows, counts)
		}
		d.AdvanceClock(KeptUsage - KeptLog)
		if all := passes(); !slices.Equal(all, []int{2 * forgetMost, 200}) {
			t.Errorf("dropped %v rows and counts", all)
		}
		if rows, counts := l.rows("api_requests"), l.rows("api_usage"); rows != 0 || counts != len(keys) {
			t.Errorf("%d rows and %d counts stay", rows, counts)
		}
	})
}
