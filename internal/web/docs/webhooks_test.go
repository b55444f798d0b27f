package docs

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
	verifier "github.com/notpanel/notpanel/internal/web/docs/receivers"
	"github.com/notpanel/notpanel/internal/webhook"
	"github.com/notpanel/notpanel/internal/worker"
)

// webhooks is the store of webhooks, for which the shop of the samples is a public
// address.
func (p *live) webhooks() *webhook.Store {
	store := webhook.NewStore(p.d, p.ring)
	guard := store.CheckURL
	store.CheckURL = func(ctx context.Context, raw string) (string, error) {
		if strings.HasPrefix(raw, "https://shop.example/") {
			return raw, nil
		}
		return guard(ctx, raw)
	}
	return store
}

func (p *live) owner(key string) webhook.Owner {
	return webhook.Owner{AccountID: p.issued[key].AccountID, KeyID: p.issued[key].ID}
}

// hook registers the webhook that the samples ask about.
func (p *live) hook(a account.Account) {
	p.Helper()
	by := p.owner("live")
	e, _, err := p.webhooks().Add(context.Background(), by, "https://shop.example/notpanel", "order.completed,order.partial", a.ID)
	must(p, err)
	p.real[webhookID(exHook)] = e.ID
}

// deliver makes deliveries of what was told of an order. That of the first order
// failed, others arrived at the second attempt.
func (p *live) deliver(n int) {
	p.Helper()
	ctx := context.Background()
	_, err := webhook.NewSender(webhook.SenderOptions{DB: p.d, Store: p.webhooks()}).Fan(ctx)
	must(p, err)
	all, err := p.webhooks().Deliveries(ctx, p.owner("live"), p.real[webhookID(exHook)], "", 1)
	must(p, err)
	if len(all) == 0 || all[0].OrderID != p.real[orderID(n)] {
		return // it is not told of this order
	}
	d := all[0]
	p.real[deliveryID(n)], p.real[eventID(n)] = d.ID, d.EventID
	state, tries := webhook.Delivered, [][]any{
		{d.ID, 1, 503, "", int64(124 * time.Millisecond), "The shop is being updated"},
		{d.ID, 2, 200, "", int64(31 * time.Millisecond), "ok"},
	}
	if n == exCompleted {
		state, tries = webhook.Failed, [][]any{{d.ID, 1, 0, "timeout", int64(10 * time.Second), ""}}
	}
	p.write(func(tx *db.Tx) error {
		for i := range tries {
			tries[i] = append(tries[i], db.At(tx.Now.Add(time.Duration(i)*time.Second)))
		}
		if err := tx.ExecMany(`INSERT INTO webhook_attempts (delivery_id, number, status, error, duration, answer, at) VALUES ($1, $2, $3, $4, $5, $6, $7)`, tries); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE webhook_deliveries SET state = $2, due_at = NULL, finished_at = $3, attempts = $4, failures = 1 WHERE id = $1`,
			d.ID, string(state), db.At(tx.Now), len(tries))
		return err
	})
}

// webhookRefusals provoke the errors of webhooks.
func webhookRefusals() map[string]func(*live) reply {
	add := func(url string) func(*live) reply { return ask("action", "webhook.add", "url", url) }
	onHook := func(action string, more ...string) func(*live) reply {
		return func(p *live) reply {
			return p.call("live", append([]string{"action", action, "id", p.real[webhookID(exHook)]}, more...)...)
		}
	}
	return map[string]func(*live) reply{
		"Webhook not found":                                    ask("action", "webhook.test", "id", "whk_any"),
		"Delivery not found":                                   ask("action", "webhook.replay", "delivery", "dlv_any"),
		"Send delivery or id, not both":                        ask("action", "webhook.replay", "delivery", "x", "id", "y"),
		"url must be absolute":                                 add("shop.example"),
		"url must be https":                                    add("http://shop.example/"),
		"url must have port 443 or 8443":                       add("https://example.com:8080/"),
		"url must not hold user info":                          add("https://me:secret@example.com/"),
		"url must not hold a fragment":                         add("https://example.com/%23part"),
		"url must have at most 2048 characters":                add("https://example.com/" + strings.Repeat("x", 2048)),
		"url must have a valid host":                           add("https://-/"),
		"url must lead to a public address":                    add("https://127.0.0.1/"),
		"events must be of " + strings.Join(eventNames(), ","): ask("action", "webhook.add", "url", "https://shop.example/x", "events", "order.lost"),
		"overlap must be between 0 and 168 hours":              onHook("webhook.rotate", "overlap", "169"),
		"since must be a time such as 2026-03-01T12:00:00Z":    onHook("webhook.replay", "since", "yesterday"),
		"A key can have 5 webhooks: remove one first": func(p *live) reply {
			for range webhook.MaxPerKey {
				p.call("live", "action", "webhook.add", "url", "https://shop.example/more")
			}
			return p.call("live", "action", "webhook.add", "url", "https://shop.example/more")
		},
		"A key can add 20 webhooks an hour": func(p *live) reply {
			for range webhook.AddsPerHour {
				added := p.call("test", "action", "webhook.add", "url", "https://shop.example/more")
				var webhook struct{ ID string }
				must(p, json.Unmarshal([]byte(added.body), &webhook))
				p.call("test", "action", "webhook.remove", "id", webhook.ID)
			}
			return p.call("test", "action", "webhook.add", "url", "https://shop.example/more")
		},
		"All that failed can be replayed once in 10 seconds": func(p *live) reply {
			replay := func() reply {
				p.write(func(tx *db.Tx) error {
					_, err := tx.Exec(`UPDATE webhook_deliveries SET state = 'failed', due_at = NULL, finished_at = created_at WHERE endpoint_id = $1`,
						p.real[webhookID(exHook)])
					return err
				})
				return onHook("webhook.replay", "since", "2026-03-01T12:00:00Z")(p)
			}
			replay()
			return replay()
		},
		"Webhooks can be tested 10 times a minute": func(p *live) reply {
			for range webhook.TestsPerMin {
				onHook("webhook.test")(p)
			}
			return onHook("webhook.test")(p)
		},
		"The webhook is disabled: enable it first, or send it a test": func(p *live) reply {
			must(p, p.webhooks().Disable(p.Context(), p.owner("live"), p.real[webhookID(exHook)], "test"))
			return onHook("webhook.replay", "since", "2026-03-01T12:00:00Z")(p)
		},
		"Confirm the account's email address before you add a webhook": func(p *live) reply {
			p.write(func(tx *db.Tx) error {
				_, err := tx.Exec(`UPDATE accounts SET email_verified_at = NULL WHERE id = $1`, p.issued["live"].AccountID)
				return err
			})
			return add("https://shop.example/x")(p)
		},
	}
}

// checkEvents holds the events and what is in them against what is sent.
func checkEvents(t *testing.T, _ *live, one table) {
	data := func(of any, but ...string) (names []string) {
		for field := range reflect.TypeOf(of).Fields() {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "-" && !slices.Contains(but, name) { // what is not sent has no name
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	want := map[string][]string{
		"order.created": data(event.Order{}, "refill"), "balance.low": data(event.Balance{}, "amount"), "balance.credited": data(event.Balance{}, "threshold"),
		"service.changed": data(event.Change{}), "ping": data(event.Endpoint{}), "refill.completed": {"refill"}, "refill.rejected": {"refill"},
	}
	var named []string
	for _, row := range one.rows {
		events := code(row[0])
		named = append(named, events...)
		for _, name := range events {
			told := code(row[2])
			if name == "cancel.rejected" {
				told = nil // as of another
			}
			slices.Sort(told)
			if diff := cmp.Diff(want[name], told); diff != "" {
				t.Errorf("%s (-sent +told):\n%s", name, diff)
			}
		}
	}
	all := append(eventNames(), string(event.Ping))
	slices.Sort(all)
	slices.Sort(named)
	if diff := cmp.Diff(all, named); diff != "" {
		t.Error(diff)
	}
}

// arrival is a request that came to a receiver.
type arrival struct {
	header http.Header
	body   []byte
}

// arrived lets the panel deliver a ping, with an old secret and without.
func arrived(t *testing.T) (secrets []string, all []arrival) {
	t.Helper()
	p := newLive(t, usualLimits(t))
	p.at(clock.System())
	got := make(chan arrival, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		must(t, err)
		if r.Header.Get("X-NotPanel-Event") == string(event.Ping) { // orders are told of too
			got <- arrival{r.Header, body}
		}
	}))
	t.Cleanup(receiver.Close)
	store := p.webhooks()
	store.CheckURL = func(_ context.Context, raw string) (string, error) { return raw, nil }
	log := slog.New(slog.DiscardHandler)
	sender := webhook.NewSender(webhook.SenderOptions{DB: p.d, Store: store, Client: receiver.Client(), Log: log})
	group := worker.NewGroup(log, clock.System)
	sender.Run(group)
	defer sender.Drain()
	defer group.Stop()
	by := p.owner("live")
	e, secret, err := store.Add(t.Context(), by, receiver.URL, "", "test")
	must(t, err)
	secrets = append(secrets, secret)
	for range 2 {
		_, err := store.Test(t.Context(), by, e.ID)
		must(t, err)
		all = append(all, <-got)
		_, secret, err := store.Rotate(t.Context(), by, e.ID, time.Hour, "test")
		must(t, err)
		secrets = append(secrets, secret)
	}
	return secrets, all
}

// verification is a question to the samples of verify, and what they should say.
type verification struct {
	Name      string `json:"name"`
	Secret    string `json:"secret"`
	Signature string `json:"signature"`
	Body      string `json:"body"`
	OK        bool   `json:"ok"`
}

func verifications(t *testing.T) []verification {
	t.Helper()
	secrets, all := arrived(t)
	first, both := all[0], all[1]
	signature := first.header.Get("X-NotPanel-Signature")
	if !strings.HasPrefix(signature, "t=") || strings.Count(both.header.Get("X-NotPanel-Signature"), "v1=") != 2 {
		t.Fatalf("%v, %v", first.header, both.header)
	}
	stamp, mac, _ := strings.Cut(strings.TrimPrefix(signature, "t="), ",")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	must(t, err)
	resigned := func(by time.Duration) string {
		at := strconv.FormatInt(seconds+int64(by/time.Second), 10)
		return "t=" + at + ",v1=" + macOf(t, secrets[0], at+"."+string(first.body))
	}
	body := string(first.body)
	return []verification{
		{"as it came", secrets[0], signature, body, true},
		{"signed by us", secrets[0], resigned(0), body, true},
		{"two minutes old", secrets[0], resigned(-2 * time.Minute), body, true},
		{"with the secret before", secrets[0], both.header.Get("X-NotPanel-Signature"), string(both.body), true},
		{"with the new secret", secrets[1], both.header.Get("X-NotPanel-Signature"), string(both.body), true},
		{"another's secret", secrets[2], signature, body, false},
		{"another body", secrets[0], signature, body + " ", false},
		{"another time", secrets[0], "t=" + strconv.FormatInt(seconds+1, 10) + "," + mac, body, false},
		{"old", secrets[0], resigned(-6 * time.Minute), body, false},
		{"from the future", secrets[0], resigned(6 * time.Minute), body, false},
		{"without a signature", secrets[0], "t=" + stamp, body, false},
		{"without a time", secrets[0], mac, body, false},
		{"none", secrets[0], "", body, false},
		{"junk", secrets[0], "t=1e9,v1,v1=,v1=zz,v1=ü,=", body, false},
		{"cut", secrets[0], signature[:len(signature)-2], body, false},
	}
}

// macOf signs a text as the page says.
func macOf(t *testing.T, secret, text string) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	must(t, err)
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

// verifyDrivers ask the sample of a language about each of the cases that stand in
// cases.json, and print the list of its answers.
func verifyDrivers() map[string]string {
	return map[string]string{
		"javascript": `import { readFileSync } from "node:fs";
import { verified } from "./verify.mjs";
const cases = JSON.parse(readFileSync("cases.json", "utf8"));
console.log(JSON.stringify(cases.map((c) => verified(c.secret, c.signature, Buffer.from(c.body)))));
`,
		"python": `import json
from verify import verified
print(json.dumps([verified(c["secret"], c["signature"], c["body"].encode()) for c in json.load(open("cases.json"))]))
`,
		"php": `<?php
require 'verify.php';
$cases = json_decode(file_get_contents('cases.json'), true, flags: JSON_THROW_ON_ERROR);
echo json_encode(array_map(fn ($c) => verified($c['secret'], $c['signature'], $c['body']), $cases));
`,
	}
}

// The samples take what the panel signs, while a secret is rotated too, and refuse
// what was changed, is old or is no signature.
func TestVerifySamplesTakeWhatThePanelSends(t *testing.T) {
	t.Parallel()
	cases := verifications(t)
	want := make([]bool, len(cases))
	for i, c := range cases {
		want[i] = c.OK
		if got := verifier.Verified(c.Secret, c.Signature, []byte(c.Body)); got != c.OK {
			t.Errorf("go: %s: %v", c.Name, got)
		}
	}
	for language, driver := range verifyDrivers() {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			r := runners[language]
			r.need(t)
			folder := receiverFolder(t, cases)
			file := filepath.Join(folder, "driver"+r.ending)
			must(t, os.WriteFile(file, []byte(driver), 0o600))
			cmd := exec.CommandContext(t.Context(), r.run[0], append(r.run[1:], file)...)
			cmd.Dir, cmd.Env = folder, append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
			output, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, output)
			}
			var got []bool
			must(t, json.Unmarshal(output, &got))
			for i, c := range cases {
				if i < len(got) && got[i] != c.OK {
					t.Errorf("%s: %v", c.Name, got[i])
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d answers", len(got))
			}
		})
	}
	t.Run("shell", func(t *testing.T) {
		t.Parallel()
		folder := receiverFolder(t, cases)
		must(t, os.WriteFile(filepath.Join(folder, "body.json"), []byte(cases[0].Body), 0o600))
		stamp, mac, _ := strings.Cut(strings.TrimPrefix(cases[0].Signature, "t="), ",v1=")
		cmd := exec.CommandContext(t.Context(), "sh", "verify.sh")
		cmd.Dir, cmd.Env = folder, append(os.Environ(), "SECRET="+cases[0].Secret, "TIME="+stamp)
		if output, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(output), mac+" ") {
			t.Errorf("%v: %s, want %s", err, output, mac)
		}
	})
}

// receiverFolder holds the samples and the cases.
func receiverFolder(t *testing.T, cases []verification) string {
	t.Helper()
	folder := t.TempDir()
	s, err := usual(t).Sample("verify")
	must(t, err)
	for _, c := range s.Code {
		must(t, os.WriteFile(filepath.Join(folder, "verify"+receiverEnding(c.Language)), []byte(c.Text), 0o600))
	}
	content, err := json.Marshal(cases)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(folder, "cases.json"), content, 0o600))
	return folder
}
