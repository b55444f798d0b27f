package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/giveaway"
)

// write makes a file in the panel's folder.
func (p *panel) write(name, text string) string {
	p.t.Helper()
	file := filepath.Join(p.dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return file
}

// The operator opens a giveaway, it is drawn after its time, and whoever has its
// proof does the draw again; what was changed in it is named.
func TestGiveawayCommands(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	core := p.core()
	text := p.write("text.md", "Thank you for *everything*.\n")
	contains(t, p.ok("giveaway", "list"), "There are none.")
	open := func(args ...string) giveawayView {
		t.Helper()
		return read[giveawayView](t, p.ok(append([]string{"giveaway", "open", "Ten thousand orders", "--text", text, "--prize", "12.5", "--json"}, args...)...))
	}
	g := open("--winners", "2", "--for", "1h")
	if g.State != "open" || g.Prize != "12.50" || len(g.Commitment) != 64 || g.Seed != "" {
		t.Errorf("opened: %+v", g)
	}
	for _, email := range []string{"ann@example.com", "ben@example.com", "cem@example.com"} {
		p.account(email)
		a, err := core.Accounts.Find(t.Context(), email)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := core.Giveaways.Enter(t.Context(), a.ID, g.ID); err != nil {
			t.Fatal(err)
		}
	}
	contains(t, p.fails(1, "giveaway", "draw", g.ID), "are taken until")
	contains(t, p.fails(1, "giveaway", "proof", g.ID), "not drawn")
	p.tamper(`UPDATE giveaways SET opens_at = 1, closes_at = 2 WHERE id = $1`, g.ID)
	contains(t, p.fails(1, "giveaway", "cancel", g.ID, "--reason", "Too few."), "drawn now")
	contains(t, p.ok("giveaway", "draw", g.ID), g.ID+" is drawn among 3 entries; the seed is ", "  1. entry ", "  2. entry ", ": 12.50 USD credited to ")
	contains(t, p.fails(1, "giveaway", "draw", g.ID), "was drawn already")

	proof := p.ok("giveaway", "proof", g.ID)
	if strings.Contains(proof, "@") || strings.Contains(proof, "acc_") {
		t.Errorf("the proof names somebody: %s", proof)
	}
	file := p.write("proof.json", proof)
	contains(t, runCommand(t, "", "giveaway", "check", file).out, "3 entries give the winners", "  1. entry ", "  2. entry ")
	var changed giveaway.Proof
	if err := json.Unmarshal([]byte(proof), &changed); err != nil {
		t.Fatal(err)
	}
	changed.Winners[0], changed.Winners[1] = changed.Winners[1], changed.Winners[0]
	other, err := json.Marshal(changed)
	if err != nil {
		t.Fatal(err)
	}
	if r := runCommand(t, string(other), "giveaway", "check", "-"); r.code != 1 || !strings.Contains(r.out, "place 1 is won by entry") {
		t.Errorf("changed: %+v", r)
	}

	contains(t, p.ok("audit"), "1 giveaway, ", "all agree")
	second := open("--to", time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	contains(t, p.ok("giveaway", "cancel", second.ID, "--reason", "A mistake."), "nothing is drawn")
	if all := read[[]giveawayView](t, p.ok("giveaway", "list", "--json")); len(all) != 2 || all[0].Reason != "A mistake." || all[1].State != "drawn" {
		t.Errorf("all: %+v", all)
	}
	p.tamper(`UPDATE giveaways SET prize = prize + 1 WHERE id = $1`, g.ID)
	if r := p.run("", "audit"); r.code != 1 || !strings.Contains(r.out, g.ID) {
		t.Errorf("a prize was changed, the audit says %s", r.out)
	}
}

// What is wrong is said with the name of the flag, before anything is changed.
func TestGiveawayRefusals(t *testing.T) {
	t.Parallel()
	p := newPanel(t)
	text, empty := p.write("text.md", "Thank you."), p.write("empty.md", " \n")
	open := func(args ...string) []string { return append([]string{"giveaway", "open", "Thanks"}, args...) }
	for _, step := range []struct {
		code int
		args []string
		says string
	}{
		{2, open("--text", text, "--prize", "1"), "--to or --for"},
		{2, open("--text", text, "--for", "1h"), "--prize"},
		{2, open("--text", text, "--prize", "0", "--for", "1h"), "prize"},
		{2, open("--text", text, "--prize", "1", "--winners", "101", "--for", "1h"), "winners"},
		{2, open("--text", text, "--prize", "1", "--to", "2020-01-01T00:00:00Z"), "closes_at"},
		{2, open("--text", text, "--prize", "1", "--for", "1h", "--to", "2030-01-01T00:00:00Z"), "--for"},
		{1, open("--text", empty, "--prize", "1", "--for", "1h"), "--text"},
		{1, []string{"giveaway", "draw", "gvw_none"}, "not found"},
		{1, []string{"giveaway", "check", text}, "no proof"},
		{1, []string{"giveaway", "check", filepath.Join(p.dir, "none.json")}, "none.json"},
	} {
		r := runCommand(t, "", step.args...)
		if step.args[1] != "check" {
			r = p.run("", step.args...)
		}
		if r.code != step.code || !strings.Contains(r.err, step.says) {
			t.Errorf("%v: %d %s, want %q", step.args, r.code, r.err, step.says)
		}
	}
	contains(t, p.ok("giveaway", "list"), "There are none.")
}
