package backup

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/bulk"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/incarnation"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/massorder"
)

// Started is what a new incarnation changed.
type Started struct {
	Orders      int `json:"orders"`       // made uncertain: they may have been sent since
	DripFeeds   int `json:"drip_feeds"`   // paused: their next run may have been made since
	Refills     int `json:"refills"`      // left to a person: they may have been asked for since
	Works       int `json:"works"`        // of staff for many orders, ended where they were
	KeysRevoked int `json:"keys_revoked"` // where that was asked for
}

// Incarnation says who starts a new one and how.
type Incarnation struct {
	Actor  string
	Detail string // why, for the audit log
	// RevokeKeys ends all keys and counts them; nil leaves keys as they are.
	RevokeKeys func(tx *db.Tx, actor string) (int, error)
	// Finish ends the last transaction; nil does nothing.
	Finish func(*db.Tx) error
}

// Start makes a copy of the past fit to be served: what waits in it may have been sent
// since, numbers given since are unknown to it, and what was ended since must not live
// again. It waits then until it is resumed. Nobody else may use the database meanwhile;
// broken off, it may be run again.
func (n Incarnation) Start(ctx context.Context, d *db.DB) (s Started, err error) {
	changed, err := fulfil.Restored(ctx, d)
	s.Orders, s.DripFeeds, s.Refills = changed.Orders, changed.DripFeeds, changed.Refills
	if err != nil {
		return s, err
	}
	err = d.Write(ctx, func(tx *db.Tx) error {
		s.KeysRevoked = 0
		for _, change := range []func(*db.Tx) error{identity.Restored, massorder.Restored, ledger.JumpNumbers, epoch.Restored} {
			if err := change(tx); err != nil {
				return err
			}
		}
		if s.Works, err = bulk.Restored(tx); err != nil {
			return err
		}
		if n.RevokeKeys != nil {
			if s.KeysRevoked, err = n.RevokeKeys(tx, n.Actor); err != nil {
				return err
			}
		}
		detail := fmt.Sprintf("%s; %d orders became uncertain, %d drip-feeds paused, %d refills left to a person, %d works ended, %d keys revoked",
			n.Detail, s.Orders, s.DripFeeds, s.Refills, s.Works, s.KeysRevoked)
		if err := incarnation.Begin(tx, n.Actor, detail); err != nil || n.Finish == nil {
			return err
		}
		return n.Finish(tx)
	})
	if err != nil {
		return s, fmt.Errorf("start a new incarnation: %w", err)
	}
	return s, nil
}
