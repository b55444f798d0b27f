package account_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
)

// pages reads all pages of a search and returns the addresses in their order.
func pages(t *testing.T, s *account.Store, q account.Query) (emails []string) {
	t.Helper()
	for {
		page, next, err := s.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range page {
			emails = append(emails, strings.TrimSuffix(l.Email, "@example.com"))
		}
		if len(page) > q.Limit || len(page) < q.Limit && next != "" {
			t.Errorf("a page of %d, then %q", len(page), next)
		}
		if q.After = next; next == "" {
			return emails
		}
	}
}

// An account is found by the beginning of its address in any case, by what it is, and
// by both; the pages fit together.
func TestSearch(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := account.NewStore(d)
		for _, name := range []string{"ann", "anna", "bo_b", "boxb", "çan", "anne", "a%"} {
			create(t, d, name+"@example.com")
		}
		if _, err := s.Create(t.Context(), "chief@example.com", password, account.Owner, staff); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"anna", "boxb"} {
			if _, err := s.SetState(t.Context(), name+"@example.com", account.Suspended, staff); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"anna", "çan", "anne"} {
			if _, err := s.SetTier(t.Context(), name+"@example.com", account.Agency, staff); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Credit(t.Context(), "anne@example.com", 5*unit, "a reason", staff); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			q    account.Query
			want string
		}{
			"all":                {account.Query{}, "chief a% anne çan boxb bo_b anna ann"},
			"a beginning":        {account.Query{Email: "ANN"}, "ann anna anne"},
			"an underscore":      {account.Query{Email: "bo_"}, "bo_b"},
			"a percent sign":     {account.Query{Email: "a%"}, "a%"},
			"beyond ASCII":       {account.Query{Email: "Ç"}, "çan"},
			"nobody":             {account.Query{Email: "zoe"}, ""},
			"suspended":          {account.Query{State: account.Suspended}, "boxb anna"},
			"active agencies":    {account.Query{State: account.Active, Tier: account.Agency}, "anne çan"},
			"standard":           {account.Query{Tier: account.Standard, Role: account.Customer}, "a% boxb bo_b ann"},
			"owners":             {account.Query{Role: account.Owner}, "chief"},
			"staff":              {account.Query{Role: account.Staff}, ""},
			"closed":             {account.Query{State: account.Closed}, ""},
			"no such state":      {account.Query{State: "x"}, "chief a% anne çan boxb bo_b anna ann"},
			"a beginning and be": {account.Query{Email: "ann", Tier: account.Agency, State: account.Suspended}, "anna"},
		} {
			for _, limit := range []int{1, 2, 100} {
				c.q.Limit = limit
				if got := strings.Join(pages(t, s, c.q), " "); got != c.want {
					t.Errorf("%s, %d a page: %q, want %q", name, limit, got, c.want)
				}
			}
		}
		if page, _, err := s.Search(t.Context(), account.Query{Email: "anne", Limit: 1}); err != nil || page[0].Balance != 5*unit {
			t.Errorf("%+v, %v", page, err)
		}
	})
}

// The log is found by who, what, to whom and when, in pages that fit together.
func TestLog(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := account.NewStore(d)
		a, b := create(t, d, email), create(t, d, "bob@example.com")
		begin := one[int64](t, d, `SELECT MIN(at) FROM audit_log`)
		d.AdvanceClock(48 * time.Hour)
		for i := range 3 {
			if _, err := s.Credit(t.Context(), a.ID, unit, fmt.Sprintf("reason %d", i), b.ID); err != nil {
				t.Fatal(err)
			}
		}
		d.AdvanceClock(48 * time.Hour)
		if _, err := s.SetTier(t.Context(), b.ID, account.Agency, staff); err != nil {
			t.Fatal(err)
		}
		day := func(n int) time.Time { return time.UnixMicro(begin).Add(time.Duration(n)*24*time.Hour - time.Minute) }
		for name, c := range map[string]struct {
			q    account.LogQuery
			want string
		}{
			"all":              {account.LogQuery{}, "6 5 4 3 2 1"},
			"an actor":         {account.LogQuery{Actor: b.ID}, "5 4 3"},
			"by address":       {account.LogQuery{Actor: " BOB@example.com"}, "5 4 3"},
			"the command line": {account.LogQuery{Actor: staff}, "6 2 1"},
			"an action":        {account.LogQuery{Action: "account.credit"}, "5 4 3"},
			"a target":         {account.LogQuery{Target: email}, "5 4 3 1"},
			"nobody":           {account.LogQuery{Target: "zoe@example.com"}, ""},
			"two":              {account.LogQuery{Target: b.ID, Action: "account.create"}, "2"},
			"from":             {account.LogQuery{From: day(2)}, "6 5 4 3"},
			"until":            {account.LogQuery{Until: day(3)}, "5 4 3 2 1"},
			"between":          {account.LogQuery{From: day(1), Until: day(3)}, "5 4 3"},
			"later":            {account.LogQuery{From: day(9)}, ""},
		} {
			for _, limit := range []int{2, 50} {
				var got []string
				for q := c.q; ; {
					q.Limit = limit
					page, next, err := s.Log(t.Context(), q)
					if err != nil {
						t.Fatal(err)
					}
					for _, act := range page {
						got = append(got, strconv.FormatInt(act.Seq, 10))
					}
					if q.Before = next; next == 0 {
						break
					}
				}
				if strings.Join(got, " ") != c.want {
					t.Errorf("%s, %d a page: %v, want %s", name, limit, got, c.want)
				}
			}
		}
		page, _, err := s.Log(t.Context(), account.LogQuery{Limit: 2})
		if err != nil || page[1].Email != b.Email || page[1].Named != email || page[1].Action != "account.credit" || !strings.Contains(page[1].Detail, "reason 2") {
			t.Errorf("%+v, %v", page, err)
		}
		actions, err := s.Actions(t.Context())
		if err != nil || !slices.Equal(actions, []string{"account.create", "account.credit", "account.tier.agency"}) {
			t.Errorf("%q, %v", actions, err)
		}
	})
}
