package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/announce"
	"github.com/notpanel/notpanel/internal/blog"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/money"
)

// demoPosts are the demo's blog; the last one is a draft.
//
//nolint:gochecknoglobals // a table
var demoPosts = []blog.Text{
	{
		Slug: "what-happens-after-a-time-out", Language: "en", Title: "What happens to your order after a time-out",
		Description: "An answer was lost on its way. Here is what the panel does then, and what you should do.",
		Body: `Networks lose answers. When that happens to an order, there are two places where it can happen, and they want different things.

## Between you and the panel

Send the same order again with the same ` + "`request_id`" + `. You get the first answer, and nothing is charged again:

` + "```bash" + `
curl https://panel.example/api/v2 -d action=add -d request_id=shop-4711 -d service=1 …
` + "```" + `

## Between the panel and a provider

The panel does **not** send it again. It finds out first whether the order arrived: by looking it up, by the provider's own answer, or by a person.
Until then your order says *processing*. That can take some minutes longer, and your customer is never delivered to twice.

| what you see | what it means |
|---|---|
| processing | handed over, or being cleared up |
| in progress | the provider delivers |
| failed | it never arrived; the charge is back |

More of this is in the [documentation](/developers/add-order#request-id).`,
	},
	{
		Slug: "measured-times", Language: "en", Title: "Where the times in the list come from",
		Description: "Nobody types them in: they are measured from orders that have ended.",
		Body: `A service's page says how long half of its orders took, and nine of ten. Both are measured from its newest orders.

## Why some show nothing

Below twenty orders a number says little, so there is none. [Services](/services) that are new begin without.`,
	},
	{
		Slug: "sureler-nasil-olculuyor", Language: "tr", Title: "Listedeki süreler nereden geliyor?",
		Description: "Onları kimse elle yazmıyor: sona ermiş siparişlerden ölçülüyorlar.",
		Body: `Bir hizmetin sayfası, siparişlerinin yarısının ve onda dokuzunun ne kadar sürdüğünü gösterir. İkisi de en yeni siparişlerden ölçülür.

## Bazıları neden boş?

Yirmiden az siparişte bir sayı pek bir şey söylemez; bu yüzden gösterilmez. Yeni [hizmetler](/services) böyle başlar.`,
	},
	{Slug: "next-month", Language: "en", Title: "What comes next month", Description: "Not written yet.", Body: "To be written."},
}

// publicTexts writes the demo's blog and its announcement.
func (d *Demo) publicTexts(ctx context.Context) error {
	for i, text := range demoPosts {
		p, err := d.Core.Blog.Create(ctx, text, demoActor)
		switch {
		case fault.Is(err, fault.Conflict): // an earlier start made it
		case err != nil:
			return fmt.Errorf("write the blog: %w", err)
		case i < len(demoPosts)-1:
			if _, err := d.Core.Blog.Publish(ctx, p.ID, time.Time{}, demoActor); err != nil {
				return fmt.Errorf("publish: %w", err)
			}
		}
	}
	said, err := d.Core.Announcements.All(ctx, "", 1)
	if err != nil || len(said) > 0 {
		return err
	}
	_, err = d.Core.Announcements.Add(ctx, announce.New{
		Level: announce.Info, Ends: clock.System().Add(30 * 24 * time.Hour),
		Texts: map[string]string{
			"en": "This is a demo: money and orders are play. Look around and try everything.",
			"tr": "Bu bir demodur: para ve siparişler oyundur. Gezinin, her şeyi deneyin.",
		},
	}, demoActor)
	if err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	return nil
}

const (
	demoRunning = "Thank you for the first thousand orders"
	demoDrawn   = "New here: the sandbox"
	// demoEntries is for how long the giveaway takes entries that the demo draws at once.
	demoEntries = time.Second
)

// giveaways opens one that runs, and draws one among some that entered.
func (d *Demo) giveaways(ctx context.Context) error {
	made, err := d.Core.Giveaways.All(ctx, "", 10)
	if err != nil {
		return err
	}
	has := func(title string) bool {
		return slices.ContainsFunc(made, func(g giveaway.Giveaway) bool { return g.Title == title })
	}
	if !has(demoRunning) {
		_, err := d.Core.Giveaways.Open(ctx, giveaway.Terms{
			Language: "en", Title: demoRunning, Prize: 5 * money.Unit, Places: 3, ClosesAt: clock.System().Add(14 * 24 * time.Hour),
			Body: "Three of you get something back. Enter once, and look in here after it has closed.\n\nThe prize is *wallet credit*: it pays for orders like any other.",
		}, demoActor)
		if err != nil {
			return err
		}
	}
	if has(demoDrawn) {
		return nil
	}
	return d.drawOne(ctx)
}

// drawOne opens a giveaway that ends soon, lets some enter, and draws it.
func (d *Demo) drawOne(ctx context.Context) error {
	var guests []string
	for i := range 6 {
		email := fmt.Sprintf("guest-%d@example.com", i+1)
		a, err := d.Core.Accounts.Find(ctx, email)
		if fault.Is(err, fault.NotFound) {
			a, err = d.Core.Accounts.Create(ctx, email, rand.Text(), account.Customer, demoActor)
		}
		if err != nil {
			return err
		}
		guests = append(guests, a.ID)
	}
	g, err := d.Core.Giveaways.Open(ctx, giveaway.Terms{
		Language: "en", Title: demoDrawn, Prize: 10 * money.Unit, Places: 2, ClosesAt: clock.System().Add(demoEntries),
		Body: "Two of those who tried the sandbox in its first week get ten each.",
	}, demoActor)
	if err != nil {
		return err
	}
	for _, guest := range guests {
		// On a machine that is busy the time may be over: fewer have entered then.
		if _, err := d.Core.Giveaways.Enter(ctx, guest, g.ID); err != nil && !fault.Is(err, fault.Conflict) {
			return err
		}
	}
	select {
	case <-time.After(g.ClosesAt.Sub(clock.System()) + 10*time.Millisecond):
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // the start was ended
	}
	if _, _, err := d.Core.Giveaways.Draw(ctx, g.ID, demoActor); err != nil && !fault.Is(err, fault.Conflict) { // the panel's own loop was faster
		return err
	}
	return nil
}
