package main

import (
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	operator "github.com/notpanel/notpanel/internal/panel"
)

// The operator closes the panel with a sentence and opens it again; the log has both
// with their name.
func TestMaintenanceCommands(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.account("ann@example.com")
	core := p.core()
	contains(t, p.ok("maintenance", "on", "--says", "Back at noon."), "closed for maintenance")
	all, err := core.Panel.Load(t.Context())
	if err != nil || !all.Settings[operator.Maintenance].Here || all.Settings[operator.Maintenance].Value != "Back at noon." {
		t.Errorf("%+v, %v", all, err)
	}
	contains(t, p.ok("maintenance", "off"), "open again")
	if all, err = core.Panel.Load(t.Context()); err != nil || all.Settings[operator.Maintenance].Here {
		t.Errorf("%+v, %v", all, err)
	}
	contains(t, p.fails(exitFailed, "maintenance", "off"), "not closed")
	acts, _, err := core.Accounts.Log(t.Context(), account.LogQuery{Action: "panel.maintenance_on", Limit: 10})
	if err != nil || len(acts) != 1 || acts[0].Actor != actor {
		t.Errorf("%+v, %v", acts, err)
	}
}
