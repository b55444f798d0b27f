package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// What the forms of keys call the answers to their questions.
const (
	forOwnCode = "own"
	forPanel   = "panel"
	yes        = "on"
)

// maxKeyName is how many characters a key's name may have here; the domain counts
// bytes.
const maxKeyName = 40

// readKey reads the form of a new key. What is wrong stands in the form.
func readKey(ctx context.Context, r *http.Request, now time.Time) (n apikey.NewKey, f *ui.Form) {
	f = ui.Sent(r)
	n.Name = readName(ctx, f)
	n.Mode = apikey.Live
	if f.Value("mode") == string(apikey.Test) {
		n.Mode = apikey.Test
	}
	n.Dialect = apikey.Native
	if f.Value("user") == forPanel {
		n.Dialect = apikey.Classic
	}
	if at, ok := readExpiry(f, now); ok {
		n.ExpiresAt = at
	}
	n.Settings = readLimits(ctx, f)
	return n, f
}

func readName(ctx context.Context, f *ui.Form) string {
	name := strings.TrimSpace(f.Value("name"))
	if len([]rune(name)) > maxKeyName || len(name) > apikey.MaxName {
		f.Refuse("name", ui.T(ctx, "keys.error_name", "Most", maxKeyName))
	}
	return name
}

// expiries are the days after which a key may end.
func expiries() []int { return []int{30, 90, 365} }

// readExpiry returns when the key is to end; not ok leaves it as it is.
func readExpiry(f *ui.Form, now time.Time) (at time.Time, ok bool) {
	switch choice := f.Value("expires"); choice {
	case "", "keep":
		return time.Time{}, false
	case "never":
		return time.Time{}, true
	default:
		for _, days := range expiries() {
			if choice == strconv.Itoa(days) {
				return now.AddDate(0, 0, days), true
			}
		}
		return time.Time{}, false
	}
}

// readLimits reads what bounds a key.
func readLimits(ctx context.Context, f *ui.Form) (s apikey.Settings) {
	if text := strings.TrimSpace(f.Value("per_minute")); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 || n > apikey.MaxPerMinute {
			f.Refuse("per_minute", ui.T(ctx, "keys.error_per_minute", "Most", ui.Int(ctx, apikey.MaxPerMinute)))
		}
		s.PerMinute = n
	}
	networks, err := apikey.ParseNetworks(strings.Join(strings.Fields(f.Value("networks")), ","))
	switch {
	case err != nil:
		f.Refuse("networks", ui.T(ctx, "keys.error_networks"))
	case len(networks) > apikey.MaxNetworks:
		f.Refuse("networks", ui.T(ctx, "keys.error_networks_many", "Most", apikey.MaxNetworks))
	}
	s.Networks = networks
	if text := strings.TrimSpace(f.Value("daily_cap")); text != "" {
		limit, err := ui.Of(ctx).Language.ReadAmount(text)
		if err != nil || limit < 0 {
			f.Refuse("daily_cap", ui.T(ctx, "keys.error_cap"))
		}
		s.DailyCap = &limit
	}
	return s
}

// changeOf is what a form changes of a key.
func changeOf(ctx context.Context, f *ui.Form, k apikey.Key, now time.Time) (c apikey.Change) {
	s := readLimits(ctx, f)
	c.PerMinute, c.Networks, c.DailyCap, c.NoDailyCap = &s.PerMinute, &s.Networks, s.DailyCap, s.DailyCap == nil
	if name := readName(ctx, f); name != k.Name {
		c.Name = &name
	}
	if at, ok := readExpiry(f, now); ok {
		c.ExpiresAt = &at
	}
	dialect := apikey.Native
	if f.Value("user") == forPanel {
		dialect = apikey.Classic
	}
	if dialect != k.Dialect {
		c.Dialect = &dialect
	}
	classicChange(ctx, f, dialect, &c)
	return c
}

// classicChange reads what only classic keys heed; a native key has none of it.
func classicChange(ctx context.Context, f *ui.Form, d apikey.Dialect, c *apikey.Change) {
	ids, allow, window, texts := apikey.NumberIDs, false, time.Duration(0), false
	if d == apikey.Classic {
		if f.Value("classic_ids") == string(apikey.StringIDs) {
			ids = apikey.StringIDs
		}
		allow, texts = f.Value("allow_get") == yes, f.Value("descriptions") == yes
		if text := strings.TrimSpace(f.Value("replay_window")); text != "" {
			seconds, err := strconv.ParseInt(text, 10, 32)
			window = time.Duration(seconds) * time.Second
			if err != nil || window < 0 || window > apikey.MaxReplayWindow {
				f.Refuse("replay_window", ui.T(ctx, "keys.error_replay", "Most", ui.Int(ctx, int64(apikey.MaxReplayWindow/time.Second))))
			}
		}
	}
	c.ClassicIDs, c.AllowGET, c.ReplayWindow, c.Descriptions = &ids, &allow, &window, &texts
}

// valuesOf fills the form of a key's settings with what they are.
func valuesOf(ctx context.Context, k apikey.Key) url.Values {
	v := url.Values{"name": {k.Name}, "user": {forOwnCode}, "expires": {"keep"}}
	if k.Dialect == apikey.Classic {
		v.Set("user", forPanel)
	}
	if k.PerMinute > 0 {
		v.Set("per_minute", strconv.FormatInt(k.PerMinute, 10))
	}
	v.Set("networks", strings.ReplaceAll(apikey.NetworksText(k.Networks), ",", "\n"))
	if k.DailyCap != nil {
		v.Set("daily_cap", ui.Of(ctx).Language.Decimal(k.DailyCap.String()))
	}
	v.Set("classic_ids", string(k.ClassicIDs))
	if k.AllowGET {
		v.Set("allow_get", yes)
	}
	if k.Descriptions {
		v.Set("descriptions", yes)
	}
	if k.ReplayWindow > 0 {
		v.Set("replay_window", strconv.FormatInt(int64(k.ReplayWindow/time.Second), 10))
	}
	return v
}
