package download_test

import (
	"testing"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/web/download"
)

// A reader has two downloads at a time; one that ends makes room, once, and nobody
// takes another's.
func TestReadersHaveTwoDownloadsAtATime(t *testing.T) {
	t.Parallel()
	l := download.NewLimit()
	end, err := l.Begin("ann")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Begin("ann"); err != nil {
		t.Errorf("the second: %v", err)
	}
	if _, err := l.Begin("ann"); !fault.Is(err, fault.RateLimited) {
		t.Errorf("the third: %v", err)
	}
	if _, err := l.Begin("bob"); err != nil {
		t.Errorf("another reader: %v", err)
	}
	end()
	end()
	if _, err := l.Begin("ann"); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
	if _, err := l.Begin("ann"); !fault.Is(err, fault.RateLimited) {
		t.Errorf("one that ended made room for two: %v", err)
	}
}
