package docs

import (
	"bytes"
	"context"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/apiv2"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clientaddr"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/ratelimit"
)

// keeps hold what the authentication page promises against the API, by the rule's id.
var keeps = map[string]func(*testing.T, *live){
	"body-key": func(t *testing.T, p *live) {
		p.answers(t, p.send(http.MethodPost, "", urlencoded, "key="+p.values["live"]+"&action=services"), http.StatusOK, `"service":1`)
	},
	"names-account": func(t *testing.T, p *live) {
		mine, others := p.call("live", "action", "balance").body, p.call("other", "action", "balance").body
		if mine == others || !strings.Contains(others, `"balance":"4.80"`) {
			t.Errorf("%s and %s", mine, others)
		}
	},
	"tier": func(t *testing.T, p *live) {
		ctx := context.Background()
		_, err := account.NewStore(p.d).SetTier(ctx, p.issued["other"].AccountID, account.Reseller, "test")
		must(t, err)
		percent, err := money.ParsePercent("10%")
		must(t, err)
		must(t, catalog.NewStore(p.d).SetDiscount(ctx, catalog.Discount{Tier: account.Reseller, Percent: percent}, "test"))
		p.limit(ratelimit.Limits{Tiers: map[string]int64{"standard": 10, "reseller": 20}})
		for key, want := range map[string][2]string{"live": {`"rate":"2.00"`, "10"}, "other": {`"rate":"1.80"`, "20"}} {
			got := p.call(key, "action", "service", "service", "1")
			p.answers(t, got, http.StatusOK, want[0])
			if limit := got.told("X-RateLimit-Limit"); !slices.Equal(limit, []string{want[1]}) {
				t.Errorf("%s has a limit of %v", key, limit)
			}
		}
	},
	"scope":         foreign("other", "other's"),
	"cannot-others": foreign("other", "other's"),
	"cannot-mode":   foreign("test", "test-mode"),
	"one-answer": func(t *testing.T, p *live) {
		p.issueFrom("203.0.113.0/24")
		want := p.call("", "action", "balance")
		p.answers(t, want, http.StatusBadRequest, `{"error":"Invalid API key"}`)
		for _, key := range []string{"nobody's", apikey.NewValue(apikey.Live), "revoked", "expired", "elsewhere", p.values["live"] + "x", p.values["live"][:20]} {
			got := p.call(key, "action", "balance")
			got.header.Del("X-Request-Id")
			want.header.Del("X-Request-Id")
			if got.status != want.status || got.body != want.body || len(got.header) != len(want.header) {
				t.Errorf("%s: %+v, want %+v", key, got, want)
			}
		}
	},
	"no-headers": func(t *testing.T, p *live) {
		key := p.values["live"]
		for _, header := range [][2]string{
			{"Authorization", "Bearer " + key}, {"Authorization", key}, {"X-Api-Key", key}, {"Api-Key", key}, {"Key", key}, {"Cookie", "key=" + key},
		} {
			p.answers(t, p.send(http.MethodPost, "", urlencoded, "action=balance", header[:]...), http.StatusBadRequest, `{"error":"Invalid API key"}`)
			// Nor do they disturb a key in the body.
			other := [2]string{header[0], strings.ReplaceAll(header[1], key, p.values["other"])}
			p.answers(t, p.send(http.MethodPost, "", urlencoded, "action=orders&key="+key, other[:]...), http.StatusOK, "shop-4701")
		}
	},
	"no-url": func(t *testing.T, p *live) {
		for _, body := range []string{"action=balance", "action=balance&key=" + p.values["live"]} {
			p.answers(t, p.send(http.MethodPost, "key="+p.values["live"], urlencoded, body), http.StatusBadRequest, "Send the key in the body, never in the URL")
		}
	},
	"url-marked": func(t *testing.T, p *live) {
		p.send(http.MethodPost, "key="+p.values["live"], urlencoded, "action=balance")
		p.send(http.MethodGet, "key="+p.values["test"]+"&action=balance", "", "")
		for _, name := range []string{"live", "test", "classic"} {
			if marked := !p.stored(t, name).SeenInURLAt.IsZero(); marked != (name != "classic") {
				t.Errorf("%s is marked: %v", name, marked)
			}
		}
	},
	"post-only": func(t *testing.T, p *live) {
		for _, query := range []string{"", "action=balance", "action=balance&key=" + p.values["live"]} {
			got := p.send(http.MethodGet, query, "", "")
			p.answers(t, got, http.StatusMethodNotAllowed, "Method not allowed: use POST")
			if got.header.Get("Allow") != http.MethodPost {
				t.Errorf("%q: Allow %q", query, got.header.Get("Allow"))
			}
		}
	},
	"prefixes": func(t *testing.T, p *live) {
		for name, prefix := range map[string]string{"live": "np_live_", "test": "np_test_"} {
			if !strings.HasPrefix(p.values[name], prefix) {
				t.Errorf("a %s key begins otherwise", name)
			}
		}
	},
	"hash-and-prefix": func(t *testing.T, p *live) {
		must(t, p.d.Close())
		content := seededFile.content
		for name, value := range p.values {
			hash, prefix := p.ring.HashAPIKey(value)[0], apikey.DisplayPrefix(value)
			raw, _ := hex.DecodeString(hash)
			if !bytes.Contains(content, []byte(hash)) && (len(raw) == 0 || !bytes.Contains(content, raw)) || !bytes.Contains(content, []byte(prefix)) {
				t.Errorf("the hash or the prefix of %s is not kept", name)
			}
			if bytes.Contains(content, []byte(value[:len(prefix)+4])) || bytes.Contains(content, []byte(value[len(prefix):])) {
				t.Errorf("more of %s is kept than its prefix", name)
			}
		}
	},
	"at-most": func(t *testing.T, p *live) {
		k := apikey.NewKey{AccountID: p.issued["other"].AccountID, Dialect: apikey.Native}
		made := 1 // the key other
		for ; made < 30; made++ {
			k.Mode = []apikey.Mode{apikey.Live, apikey.Test}[made%2]
			if _, _, err := p.keys.Issue(t.Context(), k, "test"); err != nil {
				break
			}
		}
		if made != apikey.MaxActive {
			t.Errorf("%d keys could be made", made)
		}
		_, err := p.keys.Revoke(t.Context(), p.issued["other"].ID, "test")
		must(t, err)
		if _, _, err := p.keys.Issue(t.Context(), k, "test"); err != nil {
			t.Errorf("after one was revoked: %v", err)
		}
	},
	"one-by-one": func(t *testing.T, p *live) {
		_, err := p.keys.Revoke(t.Context(), p.issued["live"].ID, "test")
		must(t, err)
		p.answers(t, p.call("live", "action", "balance"), http.StatusBadRequest, "Invalid API key")
		for _, name := range []string{"test", "capped"} {
			p.answers(t, p.call(name, "action", "balance"), http.StatusOK, "balance")
		}
	},
	"rotate-at-once": func(t *testing.T, p *live) {
		p.answers(t, p.call("live", "action", "balance"), http.StatusOK, "balance")
		value, _, err := p.keys.Rotate(t.Context(), p.issued["live"].ID, "test")
		must(t, err)
		p.answers(t, p.call("live", "action", "balance"), http.StatusBadRequest, "Invalid API key")
		p.answers(t, p.call(value, "action", "orders"), http.StatusOK, "shop-4701")
	},
	"running-completes": func(t *testing.T, p *live) {
		arrived, rotated := make(chan struct{}), make(chan struct{})
		ask := p.deps.Balance
		p.deps.Balance = func(ctx context.Context, walletID string) (money.Amount, error) {
			close(arrived)
			<-rotated
			return ask(ctx, walletID)
		}
		p.limit(ratelimit.Limits{})
		answered := make(chan reply)
		go func() { answered <- p.call("live", "action", "balance") }()
		<-arrived
		_, _, err := p.keys.Rotate(t.Context(), p.issued["live"].ID, "test")
		must(t, err)
		p.answers(t, p.call("live", "action", "orders"), http.StatusBadRequest, "Invalid API key")
		close(rotated)
		p.answers(t, <-answered, http.StatusOK, "balance")
	},
	"revoke-for-good": func(t *testing.T, p *live) {
		p.answers(t, p.call("live", "action", "balance"), http.StatusOK, "balance")
		id := p.issued["live"].ID
		_, err := p.keys.Revoke(t.Context(), id, "test")
		must(t, err)
		p.answers(t, p.call("live", "action", "balance"), http.StatusBadRequest, "Invalid API key")
		if _, _, err := p.keys.Rotate(t.Context(), id, "test"); fault.From(err).Code == fault.Internal || err == nil {
			t.Errorf("it could be rotated: %v", err)
		}
		later := time.Now().Add(time.Hour)
		if _, err := p.keys.Set(t.Context(), id, apikey.Change{ExpiresAt: &later}, "test"); err == nil {
			t.Error("it could be changed")
		}
		// Its orders are there for the account's other keys.
		p.answers(t, p.call("capped", "action", "status", "order", "2"), http.StatusOK, "in_progress")
	},
	"can":               onlyActions,
	"cannot-move-money": onlyActions,
	"cannot-keys":       onlyActions,
	"cannot-profile":    onlyActions,
	"limits": func(t *testing.T, p *live) {
		p.issueFrom("192.0.2.0/24")
		p.answers(t, p.call("elsewhere", "action", "balance"), http.StatusOK, "balance") // httptest's address
		p.answers(t, p.call("expired", "action", "balance"), http.StatusBadRequest, "Invalid API key")
		few := int64(2)
		_, err := p.keys.Set(t.Context(), p.issued["live"].ID, apikey.Change{PerMinute: &few}, "test")
		must(t, err)
		if got := p.call("live", "action", "orders").told("X-RateLimit-Limit"); !slices.Equal(got, []string{"2"}) {
			t.Errorf("the limit is %v", got)
		}
	},
	"daily-cap": func(t *testing.T, p *live) {
		p.answers(t, p.call("capped", adding("quantity", "50")...), http.StatusOK, `"charge":"0.10"`)
		p.answers(t, p.call("capped", adding("quantity", "10", "request_id", "more")...), http.StatusBadRequest, "The key's daily spend cap is reached")
	},
}

// foreign returns a test that the orders of another key are not there for live, nor
// the other way round, by id, number and request id, for every action.
func foreign(key, requestID string) func(*testing.T, *live) {
	return func(t *testing.T, p *live) {
		theirs := anyID.FindString(p.call(key, "action", "order", "request_id", requestID).body)
		if theirs == "" {
			t.Fatal("there is no order to keep from others")
		}
		before := p.call(key, "action", "order", "order", theirs).body
		for _, action := range []string{"status", "order", "cancel", "refill"} {
			p.answers(t, p.call("live", "action", action, "order", theirs), http.StatusBadRequest, "Order not found")
			p.answers(t, p.call(key, "action", action, "order", p.real[orderID(exInProgress)]), http.StatusBadRequest, "Order not found")
		}
		p.answers(t, p.call("live", "action", "order", "request_id", requestID), http.StatusBadRequest, "Order not found")
		for _, ask := range [][2]string{{"live", requestID}, {key, "shop-47"}} {
			for _, list := range []string{"orders", "transactions"} {
				if got := p.call(ask[0], "action", list); strings.Contains(got.body, ask[1]) || ask[0] == "live" && strings.Contains(got.body, theirs) {
					t.Errorf("%s of %s: %s", list, ask[0], got.body)
				}
			}
		}
		// A request id is its owner's alone.
		p.answers(t, p.call("live", adding("request_id", requestID, "quantity", "10")...), http.StatusOK, "pending")
		if after := p.call(key, "action", "order", "order", theirs).body; after != before {
			t.Errorf("it became %s", after)
		}
	}
}

// onlyActions: there are the actions that the page tells of, and whatever else is
// asked for with a key is refused and changes nothing.
func onlyActions(t *testing.T, p *live) {
	want := []string{
		"services", "service", "changes", "add", "status", "refill", "refill_status", "cancel", "balance", "order", "orders", "transactions",
		"webhook.add", "webhook.list", "webhook.remove", "webhook.test", "webhook.rotate", "webhook.deliveries", "webhook.replay",
	}
	if got := apiv2.Actions(); !slices.Equal(got, want) {
		t.Errorf("the actions are %v: does the page tell what the new ones can do?", got)
	}
	before := p.stored(t, "live")
	for _, action := range []string{
		"withdraw", "transfer", "payout", "topup", "credit", "key.create", "key.rotate", "key.revoke", "key.set", "keys", "account", "account.set",
		"email", "password", "2fa", "profile", "login", "balance.set", "wallet", "sudo", "admin",
	} {
		p.answers(t, p.call("live", "action", action, "amount", "1", "to", p.issued["other"].AccountID, "password", "another-password"),
			http.StatusBadRequest, "Unknown action: "+action)
	}
	// Nor does a field of a known action do it.
	for _, field := range []string{"account", "account_id", "user", "wallet", "mode", "tier", "email", "password"} {
		got := p.call("live", "action", "balance", field, p.issued["other"].AccountID)
		if want := p.call("live", "action", "balance").body; got.body != want {
			t.Errorf("with %s: %s", field, got.body)
		}
	}
	if after := p.stored(t, "live"); after.Prefix != before.Prefix || !after.RotatedAt.Equal(before.RotatedAt) || !after.RevokedAt.Equal(before.RevokedAt) {
		t.Errorf("the key became %+v", after)
	}
}

// answers holds an answer against a status and words in it.
func (p *live) answers(t *testing.T, got reply, status int, words string) {
	t.Helper()
	if got.status != status || !strings.Contains(got.body, words) {
		t.Errorf("status %d, %s\nwant %d, %s", got.status, got.body, status, words)
	}
}

// stored reads a key.
func (p *live) stored(t *testing.T, name string) apikey.Key {
	t.Helper()
	all, err := p.keys.List(t.Context(), p.issued[name].AccountID, "", 100)
	must(t, err)
	i := slices.IndexFunc(all, func(k apikey.Key) bool { return k.ID == p.issued[name].ID })
	return all[i]
}

// issueFrom makes the key elsewhere, which may be used from a network.
func (p *live) issueFrom(network string) {
	networks, err := apikey.ParseNetworks(network)
	must(p, err)
	value, _, err := p.keys.Issue(p.Context(), apikey.NewKey{
		Name: "elsewhere", AccountID: p.issued["other"].AccountID, Mode: apikey.Live, Dialect: apikey.Native, Settings: apikey.Settings{Networks: networks},
	}, "test")
	must(p, err)
	p.values = withKey(p.values, "elsewhere", value)
}

// withKey copies keys, which tests share, and adds one.
func withKey(keys map[string]string, name, value string) map[string]string {
	all := map[string]string{name: value}
	for n, v := range keys {
		if n != name {
			all[n] = v
		}
	}
	return all
}

// Each promise of the authentication page is kept.
func TestEveryRuleIsKept(t *testing.T) {
	t.Parallel()
	text, err := usual(t).Markdown(English, "authentication")
	must(t, err)
	text = strings.Join(strings.Fields(text), " ")
	for _, rule := range Rules() {
		if !strings.Contains(text, rule.Says) {
			t.Errorf("%s: the page does not say %q", rule.ID, rule.Says)
		}
		keep, ok := keeps[rule.ID]
		if ok == rule.WithPages {
			t.Errorf("%s has a test here: %v", rule.ID, ok)
		}
		if !ok {
			continue
		}
		t.Run(rule.ID, func(t *testing.T) {
			t.Parallel()
			keep(t, newLive(t, ratelimit.Limits{}))
		})
	}
	for id := range keeps {
		if !slices.ContainsFunc(Rules(), func(r Rule) bool { return r.ID == id }) {
			t.Errorf("%s is no rule", id)
		}
	}
}

// The address that httptest's requests come from is one that is known here.
func TestRequestsOfTheTestsHaveAnAddress(t *testing.T) {
	t.Parallel()
	if from := clientaddr.New(nil, nil).Of(httptest.NewRequest(http.MethodPost, "/", http.NoBody)); from.String() != "192.0.2.1" {
		t.Errorf("they come from %s", from)
	}
}
