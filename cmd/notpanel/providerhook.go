package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/hint"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/provider"
)

// providerWebhook registers the panel's webhook at a provider.
type providerWebhook struct {
	storage
	config.Outbound `embed:""`

	Provider  string `arg:"" help:"The provider's name or id."`
	PublicURL string `name:"public-url" env:"NOTPANEL_PUBLIC_URL" help:"The panel's address, such as https://panel.example."`
	Secret    string `placeholder:"-" help:"The secret of a webhook that was set up there by hand; - reads it from standard input. Without it the panel registers one itself."`
	Off       bool   `help:"Take the webhook away, there and here."`
}

// Validate refuses what needs no look at the panel.
func (c *providerWebhook) Validate() error {
	if c.Off {
		return nil
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && !config.IsLoopbackHost(u.Hostname()) {
		return errors.New("--public-url (NOTPANEL_PUBLIC_URL) must be the panel's https address: the provider sends to it")
	}
	return nil
}

// Run registers the webhook, or takes it away.
func (c *providerWebhook) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		p, err := core.Providers.Find(ctx, c.Provider)
		if err != nil {
			return err
		}
		allow, err := c.Allow()
		if err != nil {
			return &usageError{err.Error()}
		}
		there, err := core.Providers.Client(p, outbound.NewOperator(allow), c.ProviderTimeout)
		if err != nil {
			return err
		}
		if c.Off {
			return c.remove(ctx, t, core, p, there)
		}
		address := strings.TrimSuffix(c.PublicURL, "/") + hint.Path + p.ID
		if c.Secret != "" {
			return c.keep(ctx, t, core, p, address)
		}
		return c.register(ctx, t, core, p, there, address)
	})
}

// register lets the provider make a webhook, in the place of one that there was.
func (c *providerWebhook) register(ctx context.Context, t terminal, core *app.Core, p provider.Provider, there *provider.Client, address string) error {
	if before, _, err := core.Providers.Hook(ctx, p.ID); err == nil && before != "" {
		if err := there.RemoveWebhook(ctx, before); err != nil && !fault.Is(err, fault.Conflict) {
			return err
		}
	}
	hookID, secret, err := there.AddWebhook(ctx, address)
	if err != nil {
		return err
	}
	if err := core.Providers.SetHook(ctx, p, hookID, secret, actor); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s tells %s what happens to orders (%s there).\n", p.Name, address, hookID)
	return nil
}

// keep stores the secret of a webhook that a person set up.
func (c *providerWebhook) keep(ctx context.Context, t terminal, core *app.Core, p provider.Provider, address string) (err error) {
	if p.Kind != provider.Native {
		return fault.New(fault.Conflict, "only a native provider has webhooks")
	}
	secret := c.Secret
	if secret == "-" {
		if secret, err = t.secret(ctx, "The webhook's secret"); err != nil {
			return err
		}
	}
	if err := hint.CheckSecret(secret); err != nil {
		return err
	}
	if err := core.Providers.SetHook(ctx, p, "", secret, actor); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "What %s sends to %s is taken.\n", p.Name, address)
	return nil
}

// remove ends the webhook here and takes it away there. Where the provider does not
// answer, what it sends is refused all the same.
func (c *providerWebhook) remove(ctx context.Context, t terminal, core *app.Core, p provider.Provider, there *provider.Client) error {
	hookID, _, err := core.Providers.Hook(ctx, p.ID)
	if err != nil {
		return err
	}
	if err := core.Providers.SetHook(ctx, p, "", "", actor); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "What %s sends is not taken any more.\n", p.Name)
	if hookID == "" {
		return nil
	}
	if err := there.RemoveWebhook(ctx, hookID); err != nil && !fault.Is(err, fault.Conflict) {
		return fmt.Errorf("the webhook %s is still there, remove it at the provider: %w", hookID, err)
	}
	return nil
}
