package app

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/requestlog"
)

// What a key asked for until the panel's last moment is in its log and its usage,
// and the metrics name what could not be recorded.
func TestRequestsAreRecordedUntilTheEnd(t *testing.T) {
	t.Parallel()
	ctx := context.WithoutCancel(t.Context())
	settings := served(t, "", "")
	settings.OpsListen = "127.0.0.1:0"
	server, err := NewServer(ctx, settings, slog.New(slog.DiscardHandler))
	must(t, err)
	server.Start()
	ann, err := server.Core.Accounts.Create(ctx, "ann@example.com", "a long password", account.Customer, "test")
	must(t, err)
	value, key, err := server.Core.Keys.Issue(ctx, apikey.NewKey{AccountID: ann.ID, Dialect: apikey.Native, Mode: apikey.Live}, "test")
	must(t, err)
	for _, action := range []string{"balance", "nothing"} {
		response, err := http.PostForm(server.URL()+"/api/v2", url.Values{"key": {value}, "action": {action}})
		must(t, err)
		must(t, response.Body.Close())
	}
	server.metrics.Unrecorded(requestlog.Rows, 2)
	response, err := http.Get(server.OpsURL() + "/metrics")
	must(t, err)
	metrics, err := io.ReadAll(response.Body)
	must(t, err)
	must(t, response.Body.Close())
	if want := `notpanel_requests_unrecorded_total{what="rows"} 2`; !strings.Contains(string(metrics), want) {
		t.Errorf("the metrics lack %s", want)
	}
	must(t, server.Stop(ctx))

	core, err := OpenCore(ctx, settings.Storage, CoreOptions{})
	must(t, err)
	defer func() { must(t, core.Close()) }()
	page, _, err := core.Requests.Page(ctx, requestlog.Query{AccountID: ann.ID, KeyID: key.ID, Limit: 10})
	must(t, err)
	if len(page) != 2 || page[0].Error != "Unknown action" || page[1].Action != "balance" || page[1].Client.String() != "127.0.0.1" {
		t.Errorf("the log has %+v", page)
	}
	now := clock.System()
	used, err := core.Requests.Actions(ctx, requestlog.Span{AccountID: ann.ID, From: now.Add(-time.Hour), To: now.Add(time.Hour)})
	must(t, err)
	if len(used) != 2 || used[0] != (requestlog.ActionUse{Refused: 1}) || used[1] != (requestlog.ActionUse{Action: "balance", OK: 1}) {
		t.Errorf("the usage is %+v", used)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
