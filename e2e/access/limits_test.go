package access_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/staff"
)

// Staff see the addresses of customers that were refused for their many requests.
func TestStaffSeeWhoseRequestsWereRefused(t *testing.T) {
	t.Parallel()
	const path = "/admin/limits"
	p := start(t, db.SQLite, func(s *config.Serve) {
		s.StaffWithoutSecondFactor = true
		s.LimitIP, s.LimitTiers = 20, "standard=2,reseller=2,agency=2"
	})
	owner, customer := p.account("owner@example.com", account.Owner), p.account("customer@example.com", account.Customer)
	p.appoint(owner, "helper@example.com", staff.AccountsSee)
	helper := p.signedIn("helper@example.com")
	wants(t, "before", helper.ask(http.MethodGet, path, nil), http.StatusOK, "Nobody with a key was refused")
	key, _, err := p.Core.Keys.Issue(t.Context(), apikey.NewKey{AccountID: customer.ID, Dialect: apikey.Native, Mode: apikey.Live}, "test")
	if err != nil {
		t.Fatal(err)
	}
	for p.call(key).status != http.StatusTooManyRequests { // twenty a minute
	}
	got := helper.ask(http.MethodGet, path, nil)
	wants(t, "a customer", got, http.StatusOK, "127.0.0.1/32")
	if !strings.Contains(got.body, "NOTPANEL_LIMIT_NETWORKS=127.0.0.1/32=5000") {
		t.Error("the page does not say what to do")
	}
}
