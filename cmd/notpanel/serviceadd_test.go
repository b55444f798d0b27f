package main

import "testing"

// A service that people deliver is made by hand, once, and only for their provider.
func TestServiceAdd(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	p.ok("provider", "add", "--name", "Desk", "--kind", "manual")
	p.ok("provider", "add", "--name", "Theirs", "--url", newProvider(t, "k"), "--key", "k")
	add := func(more ...string) []string {
		return append([]string{
			"service", "add", "--there", "logo", "--category", "Design", "--name", "Logo drafts", "--rate", "20000", "--min", "1", "--max", "10",
		}, more...)
	}
	contains(t, p.ok(add("--provider", "Desk", "--cancel")...), "Logo drafts", "20000.00", "Desk", "logo", "active")
	contains(t, p.fails(exitFailed, add("--provider", "Desk")...), "has a service logo already")
	contains(t, p.fails(exitFailed, add("--provider", "Theirs")...), "provider import")
	contains(t, p.fails(exitUsage, add("--provider", "Desk", "--type", "Nothing")...), "--type must be one of")
	contains(t, p.fails(exitUsage, "service", "add", "--provider", "Desk", "--there", "x", "--category", "Design", "--name", "X", "--rate", "1", "--min", "5", "--max", "4"), "leave nothing to order")
	contains(t, p.ok("audit"), "all agree")
}
