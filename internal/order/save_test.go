package order_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// neverChanges are an order's fields that are written once, when it is placed.
var neverChanges = []string{
	"ID", "Kind", "ParentID", "Runs", "Every", "AccountID", "Mode", "WalletID", "Number", "KeyID", "RequestID", "RequestHash",
	"ServiceID", "Link", "LinkKey", "Quantity", "Fields", "Rate", "CatalogEpoch", "Charge", "CreatedAt",
	"UpdatedAt", // which Save sets itself
}

// What is changed of an order that was locked is written, field by field, and nothing else:
// also where it is saved again in the same transaction, and where it goes back to what it was.
func TestSaveWritesWhatChanged(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://provider.example", 100*money.Unit)
		other, err := f.Providers.Add(context.Background(), "Other", "https://other.example", "key", "test")
		ordertest.Must(t, err)
		placed := f.Place("r", "https://example.com/a", 1000)
		at, n, charge := clock.FromMicros(1_700_000_000_000_000), int64(7), money.Amount(9)
		news := map[string]any{
			"State": order.Held, "Step": int64(9), "Events": int64(4), "Attention": "look", "CancelWishAt": at, "CancelState": order.CancelWished,
			"CancelDueAt": at, "CancelTries": int64(2), "Released": true, "Refusal": "words", "EverUnknown": true, "Generation": int64(3),
			"ProviderID": other.ID, "ProviderService": "77", "Preference": int64(2), "Cost": money.Amount(5), "Exchange": int64(6), "EqualKey": "like",
			"UpstreamID": "up", "StartCount": &n, "Remains": &n, "ProviderCharge": &charge, "Tries": int64(8), "DueAt": at, "GiveUpAt": at,
			"NextCheckAt": at, "AcceptedAt": at, "StartedAt": at, "FinishedAt": at, "NextRunAt": at, "PausedAt": at, "Expiry": "2026-12-01",
			"Refunded": money.Amount(1),
		}
		fixed := map[string]bool{"Run": true} // a single order has none
		for _, name := range neverChanges {
			fixed[name] = true
		}
		for field := range reflect.TypeFor[order.Order]().Fields() {
			if !field.IsExported() || fixed[field.Name] {
				continue
			}
			to, known := news[field.Name]
			if !known {
				t.Errorf("field %s: say in this test whether it changes, and to what", field.Name)
				continue
			}
			want := *placed
			set := func(o *order.Order, value reflect.Value) {
				reflect.ValueOf(o).Elem().FieldByName(field.Name).Set(value)
			}
			saved := func(value reflect.Value) {
				f.Write(func(tx *db.Tx) error {
					o, err := order.LockAlone(tx, placed.ID)
					ordertest.Must(t, err)
					from := o.State
					set(o, value)
					return order.Save(tx, o, from)
				})
				set(&want, value)
				sameOrder(t, field.Name, f.Order(placed.ID), &want)
			}
			was := reflect.ValueOf(placed).Elem().FieldByName(field.Name)
			saved(reflect.ValueOf(to))
			saved(was)
			f.Write(func(tx *db.Tx) error { // there and back in one transaction
				o, err := order.LockAlone(tx, placed.ID)
				ordertest.Must(t, err)
				for _, value := range []reflect.Value{reflect.ValueOf(to), was} {
					from := o.State
					set(o, value)
					ordertest.Must(t, order.Save(tx, o, from))
				}
				return nil
			})
			sameOrder(t, field.Name+" there and back", f.Order(placed.ID), placed)
		}
	})
}

// sameOrder compares what is stored, but for when it was written.
func sameOrder(t *testing.T, what string, got, want *order.Order) {
	t.Helper()
	a, b := *got, *want
	a.UpdatedAt, b.UpdatedAt = time.Time{}, time.Time{}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("%s: stored is\n%+v, want\n%+v", what, a, b)
	}
}

// An order that was read and not locked, and one that was put on record as being sent,
// are written whole: of them it is not known what is stored.
func TestSaveOfWhatIsNotRememberedIsWhole(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://provider.example", 100*money.Unit)
		placed := f.Place("r", "https://example.com/a", 1000)
		f.Write(func(tx *db.Tx) error {
			o, err := order.LockAlone(tx, placed.ID)
			ordertest.Must(t, err)
			due := o.DueAt
			o.Attention = "a word that Submit does not write"
			ordertest.Must(t, order.Submit(tx, []*order.Order{o}, "being sent"))
			from := o.State
			o.State, o.DueAt = order.Pending, due // as it was before Submit
			return order.Save(tx, o, from)
		})
		now := f.Order(placed.ID)
		if now.State != order.Pending || !now.DueAt.Equal(placed.DueAt) || now.Attention == "" {
			t.Errorf("%s, due at %s (was %s), attention %q", now.State, now.DueAt, placed.DueAt, now.Attention)
		}
	})
}
