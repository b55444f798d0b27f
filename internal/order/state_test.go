package order_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/notpanel/notpanel/internal/order"
)

// The picture in the documentation is the table in the code.
func TestStatePictureIsTheTable(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/orders.md")
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^    (\w+) --> (\w+)$`).FindAllStringSubmatch(string(page), -1) {
		drawn[m[1]+" → "+m[2]] = true
	}
	for _, from := range order.States() {
		for _, to := range from.Next() {
			arrow := string(from) + " → " + string(to)
			if !drawn[arrow] {
				t.Errorf("docs/orders.md lacks %s", arrow)
			}
			delete(drawn, arrow)
		}
	}
	for arrow := range drawn {
		t.Errorf("docs/orders.md draws %s, which the code refuses", arrow)
	}
}

// A final state never becomes one in which delivery is expected.
func TestFinalStatesStayFinal(t *testing.T) {
	t.Parallel()
	for _, from := range order.States() {
		for _, to := range from.Next() {
			if from.Final() && !to.Final() {
				t.Errorf("%s may become %s", from, to)
			}
		}
	}
	if !slices.Equal(order.Failed.Next(), nil) || len(order.Refunded.Next()) != 0 {
		t.Error("failed and refunded are the end")
	}
}

// Customers see eight words and never that an outcome is unknown.
func TestWordsOfStates(t *testing.T) {
	t.Parallel()
	want := map[order.State]string{
		order.Pending: "pending", order.Queued: "pending", order.Held: "pending",
		order.Submitting: "processing", order.Uncertain: "processing", order.Processing: "processing",
		order.InProgress: "in_progress", order.Completed: "completed", order.Partial: "partial",
		order.Canceled: "canceled", order.Failed: "failed", order.Refunded: "refunded",
	}
	for _, s := range order.States() {
		if s.Word() != want[s] {
			t.Errorf("%s is shown as %s, want %s", s, s.Word(), want[s])
		}
	}
}
