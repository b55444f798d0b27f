//go:build linux

package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

// A native provider tells the panel what happens to orders, and the panel looks at
// once; what is not the provider's is refused. Without the hints nothing would be
// known within the test, for every other look is put off by hours.
func TestANativeProviderHints(t *testing.T) {
	t.Parallel()
	chainsOf(t, provider.Native, func(t *testing.T, c *chain) {
		c.up = newUpstream(t)
		c.supply("supplier", provider.Classic, listing)
		c.farEnv = []string{"NOTPANEL_DEV=1"}
		c.open()
		said := c.near.command("provider", "webhook", "Far", "--public-url", c.nearNode.url)
		if !strings.Contains(said, "Far tells "+c.nearNode.url+"/hooks/"+c.above.provider.ID) {
			t.Fatalf("it says %s", said)
		}
		placed := c.listed("supplier", "https://example.com/told", "hinted")
		eventually(t, "the far panel has it", func() bool { return c.near.order(placed).State == order.Processing })
		eventually(t, "its end is known", func() bool {
			c.near.write(func(tx *db.Tx) error {
				_, err := tx.Exec(`UPDATE orders SET next_check_at = next_check_at + 36000000000 WHERE next_check_at > $1`, db.At(tx.Now.Add(time.Second)))
				return err
			})
			return c.near.order(placed).State == order.Completed
		})
		if n := c.near.count(`SELECT COUNT(*) FROM orders WHERE id = $1 AND hinted_at IS NOT NULL`, placed); n != 1 {
			t.Error("no hint brought it about")
		}
		// The near panel may know before the far one has written down that it does.
		eventually(t, "one end is delivered", func() bool {
			return c.far.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'delivered' AND type = 'order.completed'`) == 1
		})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.nearNode.url+"/hooks/"+c.above.provider.ID, strings.NewReader(fmt.Sprintf(`{"id":"evt_1","type":"order.canceled","data":{"order":%q}}`, c.near.order(placed).UpstreamID)))
		must(t, err)
		r.Header.Set("X-NotPanel-Signature", "t=1,v1=00")
		a, err := c.nearNode.do(r)
		must(t, err)
		if a.status != http.StatusUnauthorized {
			t.Errorf("what nobody signed is answered with %d", a.status)
		}
		c.near.command("provider", "webhook", "Far", "--off")
		if n := c.far.count(`SELECT COUNT(*) FROM webhook_endpoints WHERE state <> 'removed'`); n != 0 {
			t.Errorf("%d webhooks are left at the far panel", n)
		}
	})
}
