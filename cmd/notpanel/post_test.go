package main

import (
	"testing"
	"time"
)

// The operator writes a post in a file, publishes it at once or later, changes it,
// and takes it back.
func TestPostCommands(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	contains(t, p.ok("post", "list"), "There are none.")
	file := p.write("refunds.md", "---\nslug: how-we-refund\ndescription: In one sentence.\n---\n# How we refund\n\nBy itself.\n")
	contains(t, p.ok("post", "write", file), "how-we-refund is a draft", "notpanel post publish how-we-refund")
	at := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	contains(t, p.ok("post", "publish", "how-we-refund", "--at", at), "how-we-refund appears at "+at)
	contains(t, p.ok("post", "publish", "how-we-refund"), "how-we-refund is at /blog/how-we-refund.")
	contains(t, p.fails(1, "post", "publish", "how-we-refund"), "published already")
	p.write("refunds.md", "---\nslug: how-we-refund\nlanguage: en\ndescription: In one sentence.\n---\n\n# How we refund\n\nAt once.\n")
	contains(t, p.ok("post", "write", file), "is at /blog/how-we-refund")
	contains(t, p.ok("post", "show", "how-we-refund"), "# How we refund\n\nAt once.\n")
	contains(t, p.fails(1, "post", "delete", "how-we-refund"), "unpublish it first")
	if all := read[[]postView](t, p.ok("post", "list", "--json")); len(all) != 1 || all[0].State != "published" || all[0].Language != "en" {
		t.Errorf("all: %+v", all)
	}
	contains(t, p.ok("post", "unpublish", "how-we-refund"), "is a draft")
	contains(t, p.ok("post", "delete", "how-we-refund"), "is deleted")
	contains(t, p.ok("post", "list"), "There are none.")

	contains(t, p.fails(1, "post", "write", p.write("bad.md", "# No head\n")), "bad.md", "no head")
	contains(t, p.fails(2, "post", "write", p.write("bad.md", "---\nslug: A b\n---\n# T\n\ntext\n")), "slug")
	contains(t, p.fails(1, "post", "publish", "none"), "Post not found")
	contains(t, p.ok("audit"), "all agree")
}

// The operator tells everybody something, in each language, for some time.
func TestAnnouncementCommands(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	contains(t, p.ok("announcement", "list"), "There are none.")
	a := read[announcementView](t, p.ok("announcement", "add", "Maintenance on Sunday.", "--in", "tr=Pazar günü bakım var.", "--level", "warning", "--for", "2h", "--json"))
	if a.Level != "warning" || a.Texts["tr"] != "Pazar günü bakım var." || a.Texts["en"] != "Maintenance on Sunday." {
		t.Errorf("added: %+v", a)
	}
	contains(t, p.ok("announcement", "list"), a.ID+"  warning", "Maintenance on Sunday.")
	contains(t, p.ok("announcement", "end", a.ID), "shown no more")
	contains(t, p.fails(1, "announcement", "end", a.ID), "ended already")
	contains(t, p.fails(2, "announcement", "add", "Hello"), "--to or --for")
	contains(t, p.fails(2, "announcement", "add", "Hello", "--for", "1h", "--in", "en=Hi"), "--in")
	contains(t, p.fails(2, "announcement", "add", "Hello", "--for", "1h", "--in", "English=Hi"), "language")
	contains(t, p.ok("audit"), "all agree")
}
