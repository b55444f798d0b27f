package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// hookEvents are those of a native provider's events that say something of an order
// which it has.
const hookEvents = "order.in_progress,order.completed,order.partial,order.canceled,order.failed,order.refunded," +
	"refill.completed,refill.rejected,cancel.rejected"

// AddWebhook asks a native provider to tell an address of ours what becomes of
// orders. It returns the webhook's id there and its secret.
func (c *Client) AddWebhook(ctx context.Context, address string) (hookID, secret string, err error) {
	var answer struct{ ID, Secret, Error string }
	if err := c.webhook(ctx, "webhook.add", []Field{{"url", address}, {"events", hookEvents}}, &answer, &answer.Error); err != nil {
		return "", "", err
	}
	if answer.ID == "" || answer.Secret == "" {
		return "", "", fmt.Errorf("webhook.add: no id and no secret in it: %w", ErrAnswer)
	}
	return answer.ID, answer.Secret, nil
}

// RemoveWebhook takes a webhook of ours away at a native provider.
func (c *Client) RemoveWebhook(ctx context.Context, hookID string) error {
	var answer struct{ Removed, Error string }
	return c.webhook(ctx, "webhook.remove", []Field{{"id", hookID}}, &answer, &answer.Error)
}

// webhook makes a call about webhooks and reads its answer; refusal is where an
// error is read to.
func (c *Client) webhook(ctx context.Context, action string, fields []Field, answer any, refusal *string) error {
	if !c.native {
		return fault.New(fault.Conflict, "only a native provider has webhooks")
	}
	body, err := c.ask(ctx, action, fields, acts, maxAnswer)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("%s: %w", action, errors.Join(ErrAnswer, err))
	}
	if *refusal != "" {
		return fault.Newf(fault.Conflict, "the provider refuses %s: %s", action, *refusal)
	}
	return nil
}

// SetHook stores a provider's webhook to us: its id there, "" where a person set it
// up, and its secret, which is sealed. An empty secret takes it away.
func (s *Store) SetHook(ctx context.Context, p Provider, hookID, secret, actor string) error {
	sealed, action := "", "provider.webhook.off"
	if secret != "" {
		sealed, action = s.ring.Seal([]byte(secret), "providers", "hook_secret", p.ID), "provider.webhook"
	}
	return s.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE providers SET hook_id = $2, hook_secret = $3 WHERE id = $1`, p.ID, hookID, sealed)
		if err != nil {
			return fmt.Errorf("store webhook of %s: %w", p.Name, err)
		}
		return account.Record(tx, actor, action, p.ID, hookID)
	})
}

// Hook returns the id and the secret of a provider's webhook to us; fault.NotFound
// where it has none.
func (s *Store) Hook(ctx context.Context, providerID string) (hookID, secret string, err error) {
	var sealed string
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT hook_id, hook_secret FROM providers WHERE id = $1`, providerID).Scan(&hookID, &sealed)
	})
	if errors.Is(err, db.ErrNoRows) || err == nil && sealed == "" {
		return "", "", fault.New(fault.NotFound, "The provider has no webhook")
	}
	if err != nil {
		return "", "", fmt.Errorf("webhook of %s: %w", providerID, err)
	}
	plain, err := s.ring.Open(sealed, "providers", "hook_secret", providerID)
	if err != nil {
		return "", "", fmt.Errorf("webhook of %s: %w", providerID, err)
	}
	return hookID, string(plain), nil
}
