package pages_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/webhook"
	"github.com/notpanel/notpanel/internal/webhook/webhooktest"
)

// key makes one for the account of the walk.
func (p *panel) key(of account.Account, name string) (value string, k apikey.Key) {
	p.t.Helper()
	value, k, err := p.Core.Keys.Issue(p.t.Context(), apikey.NewKey{AccountID: of.ID, Name: name, Dialect: apikey.Native, Mode: apikey.Live}, "a test")
	if err != nil {
		p.t.Fatal(err)
	}
	return value, k
}

// hooks are the webhooks of the walk's account.
func (w *walker) hooks() []*webhook.Endpoint {
	w.t.Helper()
	all, _, err := w.panel.Core.Webhooks.List(w.t.Context(), webhook.Owner{AccountID: w.account.ID})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// done leaves a dialog that says that a form was done; without scripts the page
// itself came.
func (w *walker) done(text string) {
	w.t.Helper()
	if w.scripts {
		w.WaitText("#dialog [data-changed]", text) // what asked before it may say the same
		w.close()
	}
}

// hookWalk is the way of a reseller with one webhook.
type hookWalk struct {
	*walker

	receiver *webhooktest.Receiver
	keyPage  string
	page     string // of the webhook
	id       string
	secret   string
}

// testWebhooks goes the way of a reseller: add, test, fail, replay, change, rotate,
// disable, remove. What the pages say is what the receiver got.
func testWebhooks(t *testing.T, scripts bool) {
	w := &hookWalk{walker: walk(t, scripts), receiver: webhooktest.New(t)}
	_, k := w.panel.key(w.account, "Winter shop")
	w.keyPage = keysPage + "/keys/" + k.ID
	w.add()
	w.test()
	w.failAndReplay()
	w.replayAll()
	w.change()
	w.rotate()
	w.disableAndRemove()
}

// ping sends a test and waits until the log shows its answer.
func (w *hookWalk) ping(answer string) {
	w.t.Helper()
	w.Submit("form[action$='/test'] [type=submit]")
	w.WaitText("#deliveries table", answer)
}

func (w *hookWalk) add() {
	t := w.t
	t.Helper()
	w.Open(w.keyPage)
	w.WaitText("#webhooks", "No webhooks yet")
	w.WaitText("#webhook-line", "action=webhook.add")
	w.follow("[href='" + w.keyPage + "/webhooks/new']")
	w.Expect("status 422: POST " + w.keyPage + "/webhooks")
	w.Fill("[name=url]", "shop")
	w.send("/webhooks")
	w.WaitText("#url-error", "Enter an address such as")
	w.Fill("[name=url]", w.receiver.URL)
	w.Click("[name=events][value='order.created']") // all but service.changed are ticked
	w.send("/webhooks")
	w.secret = w.Text("#webhook-secret")
	w.WaitText("body", "You will not see it again")
	w.close()

	all := w.hooks()
	if len(all) != 1 {
		t.Fatalf("%d webhooks", len(all))
	}
	if diff := cmp.Diff(event.Usual()[1:], all[0].Events); diff != "" {
		t.Errorf("the events: %s", diff)
	}
	w.id, w.page = all[0].ID, keysPage+"/webhooks/"+all[0].ID
}

func (w *hookWalk) test() {
	t := w.t
	t.Helper()
	w.Open(keysPage)
	w.WaitText("#webhooks", w.receiver.URL)
	w.Open(w.keyPage)
	w.Submit("#webhooks .row-link")
	if w.Path() != w.page {
		t.Fatalf("the row leads to %s", w.Path())
	}
	if strings.Contains(w.Eval("document.documentElement.outerHTML"), w.secret) {
		t.Error("the page holds the secret")
	}
	w.WaitText("#deliveries", "Nothing was sent yet")
	w.ping("200 OK")
	w.WaitText("#deliveries table", "Delivered")
	got := w.receiver.Wait(t, 1)[0]
	if err := got.Verify(w.secret); err != nil || got.Event.Type != "ping" || got.Event.Data["webhook"] != w.id {
		t.Errorf("%+v: %v", got, err)
	}
}

// failAndReplay lets a test fail, looks at it, and sends it again alone.
func (w *hookWalk) failAndReplay() {
	t := w.t
	t.Helper()
	w.receiver.Answer(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the shop is being updated", http.StatusServiceUnavailable)
	})
	w.ping("503 Service Unavailable")
	w.Open(w.page + "?show=failed")
	w.WaitText("#deliveries [aria-current]", "Failed")
	if rows := w.Eval("String(document.querySelectorAll('#deliveries tbody tr').length)"); rows != "1" {
		t.Errorf("%s failed", rows)
	}
	w.follow("#deliveries .row-link")
	w.WaitText("body", "the shop is being updated")
	w.WaitText("body", `"webhook": "`+w.id+`"`)
	w.receiver.Status(http.StatusNoContent)
	w.send("/replay")
	w.WaitText("body", "204 No Content")
	w.close()
	if all := w.receiver.Wait(t, 3); all[1].Event.ID != all[2].Event.ID {
		t.Errorf("a replay is another event: %+v", all[1:])
	}
}

// replayAll lets one more fail, and sends all again that failed.
func (w *hookWalk) replayAll() {
	t := w.t
	t.Helper()
	w.receiver.Status(http.StatusBadGateway)
	w.Open(w.page)
	w.ping("502 Bad Gateway")
	w.receiver.Status(http.StatusOK)
	w.follow("[href='" + w.page + "/replay']")
	w.WaitText("body", "In your time zone, UTC.")
	w.send("/replay")
	w.WaitText("body", "1 delivery is sent again")
	w.done("1 delivery is sent again")
	if all := w.receiver.Wait(t, 5); all[3].Event.ID != all[4].Event.ID || len(all) != 5 {
		t.Errorf("what failed and nothing else should come again: %+v", all[3:])
	}
}

func (w *hookWalk) change() {
	w.t.Helper()
	w.Open(w.page)
	w.follow("[href='" + w.page + "/events']")
	for _, name := range []string{"balance.low", "balance.credited"} {
		w.Click("[name=events][value='" + name + "']")
	}
	w.send("/events")
	w.done("by your choice")
	w.Open(w.page)
	if n := len(w.hooks()[0].Events); n != len(event.Usual())-3 {
		w.t.Errorf("%d events", n)
	}
}

func (w *hookWalk) rotate() {
	t := w.t
	t.Helper()
	w.follow("[href='" + w.page + "/rotate']")
	w.send("/rotate")
	fresh := w.Text("#webhook-secret")
	w.WaitText("body", "The old secret signs until")
	w.close()
	w.Open(w.page)
	w.WaitText("#main dl", "Old secret signs until")
	w.ping("200 OK")
	got := w.receiver.Wait(t, 6)[5]
	if old, err := got.Verify(w.secret), got.Verify(fresh); fresh == w.secret || old != nil || err != nil {
		t.Errorf("during a rotation: %v, %v", old, err)
	}
}

func (w *hookWalk) disableAndRemove() {
	t := w.t
	t.Helper()
	w.Submit("form[action$='/disable'] [type=submit]")
	w.WaitText("#main", "It is told of nothing now")
	w.Submit("form[action$='/enable'] [type=submit]")
	w.WaitText("#main dl", "Active")
	w.follow("[href='" + w.page + "/remove']")
	w.WaitText("body", "Nothing more is sent there")
	w.Submit("form[action$='/remove'] [type=submit]")
	w.WaitText("#webhooks", "No webhooks yet")
	if w.Path() != w.keyPage || len(w.hooks()) != 0 {
		t.Errorf("after the removal: %s, %d webhooks", w.Path(), len(w.hooks()))
	}
}

func TestWebhooksAreAddedTestedAndRemoved(t *testing.T) {
	t.Parallel()
	testWebhooks(t, true)
}

func TestWebhooksAreAddedTestedAndRemovedWithoutScripts(t *testing.T) {
	t.Parallel()
	testWebhooks(t, false)
}

// A key that gets a new value shows the webhooks that stay, for a look.
func TestRotatedKeyShowsItsWebhooks(t *testing.T) {
	t.Parallel()
	p := start(t)
	a := p.account(ann, account.Customer)
	value, k := p.key(a, "Winter shop")
	receiver := webhooktest.New(t)
	if got := p.visitor().post("/api/v2", "key", value, "action", "webhook.add", "url", receiver.URL); got.status != http.StatusOK {
		t.Fatal(got.body)
	}
	v := p.visitor().signIn(ann, password)
	got := v.post(keysPage+"/keys/"+k.ID+"/rotate", "password", password)
	for _, want := range []string{"These webhooks stay after a rotation", receiver.URL} {
		if !strings.Contains(got.body, want) {
			t.Errorf("no %q in %s", want, got.body)
		}
	}
	if got := v.get(keysPage + "/keys/" + k.ID); !strings.Contains(got.body, "These webhooks stay after a rotation") {
		t.Error("the key's page does not say it")
	}
}

// An address, an event and what a receiver says are text, wherever they are shown;
// a secret is in the one answer that made it, and no cache keeps that.
func TestHostileWebhooksAreText(t *testing.T) {
	t.Parallel()
	p := start(t)
	a := p.account(ann, account.Customer)
	_, k := p.key(a, hostile[:40])
	receiver := webhooktest.New(t)
	receiver.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte(hostile + "\x00\xff"))
	})
	v := p.visitor().signIn(ann, password)
	keyPage := keysPage + "/keys/" + k.ID
	wrong := v.post(keyPage+"/webhooks", "url", hostile, "events", hostile)
	made := v.post(keyPage+"/webhooks", "url", receiver.URL+`?q="'><script>alert(1)</script>`, "events", "order.created")
	secret := regexp.MustCompile(`whsec_[A-Za-z0-9+/]{43}=`).FindString(made.body)
	if secret == "" || !strings.Contains(made.header.Get("Cache-Control"), "no-store") {
		t.Fatalf("%d %v %s", made.status, made.header, made.body)
	}
	all, _, err := p.Core.Webhooks.List(t.Context(), webhook.Owner{AccountID: a.ID})
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	page := keysPage + "/webhooks/" + all[0].ID
	if got := v.post(page + "/test"); got.status != http.StatusSeeOther {
		t.Fatalf("%d %s", got.status, got.body)
	}
	sent, err := p.Core.Webhooks.Deliveries(t.Context(), webhook.Owner{AccountID: a.ID}, all[0].ID, "", 1)
	if err != nil || len(sent) != 1 || len(sent[0].Attempts) != 1 {
		t.Fatalf("%+v, %v", sent, err)
	}
	delivery := keysPage + "/deliveries/" + sent[0].ID
	answers := map[string]answer{
		"wrong": wrong, "made": made, "replay": v.post(page+"/replay", "since", hostile), "events": v.post(page+"/events", "events", hostile),
		"rotate": v.post(page+"/rotate", "overlap", hostile),
	}
	for _, path := range []string{
		keysPage, keyPage, page, page + "?show=failed", delivery, page + "/events", page + "/rotate", page + "/remove", page + "/replay",
		page + "?" + url.Values{"show": {hostile}, "before": {hostile}, "replayed": {hostile}}.Encode(),
	} {
		answers[path] = v.get(path)
		if strings.Contains(answers[path].body, secret) {
			t.Errorf("%s holds the secret", path)
		}
	}
	for path, got := range answers {
		if strings.Contains(got.body, "<script>alert") || strings.Contains(got.body, "<img src=x") || got.status >= http.StatusInternalServerError {
			t.Errorf("%s: %d with the script in it", path, got.status)
		}
	}
	if got := answers[delivery]; !strings.Contains(got.body, "&lt;script&gt;") || !strings.Contains(got.body, "418") {
		t.Errorf("what the receiver said is not there: %s", got.body)
	}
	if log := p.log.String(); strings.Contains(log, secret) {
		t.Error("the secret is in the log")
	}
}

// The time of the form is in the member's zone: what failed before it stays as it is.
func TestReplayFormIsInTheMembersZone(t *testing.T) {
	t.Parallel()
	p := start(t)
	a := p.account(ann, account.Customer)
	if err := p.Core.Accounts.SetPreferences(t.Context(), a.ID, account.Preferences{TimeZone: "Asia/Tokyo"}); err != nil {
		t.Fatal(err)
	}
	_, k := p.key(a, "Winter shop")
	receiver := webhooktest.New(t)
	receiver.Status(http.StatusInternalServerError)
	v := p.visitor().signIn(ann, password)
	v.post(keysPage+"/keys/"+k.ID+"/webhooks", "url", receiver.URL, "events", "order.created")
	all, _, err := p.Core.Webhooks.List(t.Context(), webhook.Owner{AccountID: a.ID})
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	page := keysPage + "/webhooks/" + all[0].ID
	v.post(page + "/test")
	if got := v.get(page + "/replay"); !strings.Contains(got.body, "Asia/Tokyo") {
		t.Error("the form does not name the zone")
	}
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	at := func(ahead time.Duration) string { return time.Now().In(tokyo).Add(ahead).Format("2006-01-02T15:04") }
	if got := v.post(page+"/replay", "since", at(time.Hour)); !strings.HasSuffix(got.to(), "?replayed=0#deliveries") {
		t.Errorf("since an hour ahead: %d to %q", got.status, got.to())
	}
	if got := v.post(page+"/replay", "since", at(-time.Hour)); !strings.HasSuffix(got.to(), "?replayed=1#deliveries") {
		t.Errorf("since an hour ago: %d to %q", got.status, got.to())
	}
	receiver.Wait(t, 2)
}

// The sixth webhook, the eleventh test and a replay to one that is disabled are
// refused in words.
func TestWebhookRefusalsAreInWords(t *testing.T) {
	t.Parallel()
	p := start(t)
	a := p.account(ann, account.Customer)
	_, k := p.key(a, "Winter shop")
	receiver := webhooktest.New(t)
	receiver.Status(http.StatusInternalServerError)
	v := p.visitor().signIn(ann, password)
	add := keysPage + "/keys/" + k.ID + "/webhooks"
	for range webhook.MaxPerKey {
		v.post(add, "url", receiver.URL, "events", "order.created")
	}
	says(t, "the sixth", v.post(add, "url", receiver.URL, "events", "order.created"), http.StatusUnprocessableEntity, "This key has 5 webhooks")
	says(t, "no event", v.post(add, "url", receiver.URL), http.StatusUnprocessableEntity, "Choose at least one event")
	v.post(add, "url", "https://10.0.0.1/", "events", "order.created")
	says(t, "no such event", v.post(add, "url", receiver.URL, "events", "order.lost"), http.StatusUnprocessableEntity, "events must be of")
	all, _, err := p.Core.Webhooks.List(t.Context(), webhook.Owner{AccountID: a.ID})
	if err != nil || len(all) != webhook.MaxPerKey {
		t.Fatalf("%v, %v", all, err)
	}
	page := keysPage + "/webhooks/" + all[0].ID
	for range webhook.TestsPerMin {
		v.post(page + "/test")
	}
	says(t, "the eleventh test", v.post(page+"/test"), http.StatusUnprocessableEntity, "You have sent 10 tests in this minute")
	v.post(page + "/disable")
	sent, err := p.Core.Webhooks.Deliveries(t.Context(), webhook.Owner{AccountID: a.ID}, all[0].ID, "", 1)
	if err != nil || len(sent) != 1 {
		t.Fatalf("%v, %v", sent, err)
	}
	says(t, "a replay", v.post(keysPage+"/deliveries/"+sent[0].ID+"/replay"), http.StatusUnprocessableEntity, "The webhook is disabled. Enable it first")
}
