package main

import (
	"maps"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/notpanel/notpanel/internal/config"
)

// A panel that sets no limits has the documented ones, and so has the demo.
func TestLimitsAreTheDocumentedOnes(t *testing.T) {
	t.Parallel()
	var c commands
	parser, err := kong.New(&c, kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	tiers := map[string]int64{"standard": 300, "reseller": 1200, "agency": 6000}
	for command, settings := range map[string]*config.Limits{"serve": &c.Serve.Limits, "demo": &c.Demo.Limits} {
		if _, err := parser.Parse([]string{command}); err != nil {
			t.Errorf("%s: %v", command, err)
		}
		limits, err := settings.RateLimits()
		if err != nil || limits.Address != 300 || limits.Key != 100 || !maps.Equal(limits.Tiers, tiers) || len(limits.Networks) != 0 {
			t.Errorf("%s: %+v (%v)", command, limits, err)
		}
	}
}
