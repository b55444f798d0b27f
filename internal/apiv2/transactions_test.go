package apiv2

import (
	"testing"

	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
)

// A line of a test order that is not kept says so and names no number.
func TestStatementOfOrdersThatAreNotKept(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line order.Line
		want string
	}{
		{order.Line{Kind: ledger.OrderCharge, OrderID: "ord_1", Number: 7}, "Order 7"},
		{order.Line{Kind: ledger.OrderRefund, OrderID: "ord_1", Number: 7}, "Refund of order 7"},
		{order.Line{Kind: ledger.OrderCharge}, "Order that is not kept any more"},
		{order.Line{Kind: ledger.OrderRefund}, "Refund of order that is not kept any more"},
	} {
		if _, memo := spoken(c.line); memo != c.want {
			t.Errorf("%q, want %q", memo, c.want)
		}
	}
}
