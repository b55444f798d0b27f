package locale_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	templ "github.com/a-h/templ/parser/v2"
	"github.com/a-h/templ/parser/v2/visitor"

	"github.com/notpanel/notpanel/internal/locale"
)

// made are keys that the program puts together: their beginnings.
func made() []string {
	return []string{
		"state.", "error.title_", "error.text_", "refusal.", "time.ago_", "time.in_", "mail.", // by state, status, reason, unit, template
		"site.field.", "site.tier.", "field.", // by field of an order, tier, field of a service
		"buy.label.", "buy.known.", // by field of an order, its answers
		"event.", "webhooks.none_", // by event, filter of the log
		"office.done_", "topups.done_", "staff.done_", // by what a form of the office did
		"office.suspend_", "office.resume_", "office.verify_", "office.sign_out_", "office.reset_2fa_", // by the deed that is asked about
		"publish.done_", "publish.post_", "publish.level_", "publish.unpublish_", "publish.delete_", // by what a form did, state, level, deed
		"settings.done_", "settings.field_", "settings.form_title_", "settings.form_lead_", // by what a form did, setting, form
		"settings.error_", "settings.error_logo_", "settings.error_contrast_", "settings.people_", "settings.close_", "settings.say_", // by setting, problem, theme, answer, form
		"permission.", "act.", // by permission, action of the audit log
		"desk_orders.deed_", "desk_orders.title_", "desk_orders.lead_", "desk_orders.bulk_", "desk_orders.outcome_", "desk_orders.end_", // by deed, outcome, end
		"account.done_", "login.done_", "dead.text_", "history.outcome_", // by what a form did, what a link is for, how a sign-in ended
	}
}

var (
	literal  = regexp.MustCompile(`"([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+)"`)
	shortKey = regexp.MustCompile(`Label: "(nav\.[a-z_]+)"`)
	called   = regexp.MustCompile(`\b(?:ui\.)?[TN]\(ctx, "([a-z0-9_.]+)"`)
)

// sources calls f with every file of the program that may name a text.
func sources(t *testing.T, f func(name, content string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata") {
			if d != nil && d.IsDir() && err == nil {
				return filepath.SkipDir
			}
			return err
		}
		generated := strings.HasSuffix(path, "_templ.go") || strings.HasSuffix(path, "_test.go")
		if ext := filepath.Ext(path); generated || ext != ".go" && ext != ".templ" {
			return nil
		}
		content, err := os.ReadFile(path)
		f(path, string(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Every text is used somewhere, and every text that a page asks for is there.
func TestTextsAreUsedAndThere(t *testing.T) {
	t.Parallel()
	english := entries(t, locale.English)
	used := map[string]bool{}
	sources(t, func(name, content string) {
		for _, found := range literal.FindAllStringSubmatch(content, -1) {
			used[found[1]] = true
		}
		for _, found := range shortKey.FindAllStringSubmatch(content, -1) {
			used[found[1]+"_short"] = true
		}
		for _, found := range called.FindAllStringSubmatch(content, -1) {
			putTogether := slices.ContainsFunc(made(), func(p string) bool { return p == found[1] })
			if english[found[1]] == nil && !putTogether {
				t.Errorf("%s asks for %q, which no language has", name, found[1])
			}
		}
	})
	for _, key := range slices.Sorted(maps.Keys(english)) {
		putTogether := slices.ContainsFunc(made(), func(p string) bool { return strings.HasPrefix(key, p) })
		if !used[key] && !putTogether {
			t.Errorf("nothing uses %q", key)
		}
	}
}

// Templates hold no words of their own: those would be in English for everybody.
// The gallery of components is for who works on the pages.
func TestTemplatesHoldNoText(t *testing.T) {
	t.Parallel()
	words := regexp.MustCompile(`\pL{2,}`)
	sources(t, func(name, content string) {
		if filepath.Ext(name) != ".templ" || filepath.Base(name) == "gallery.templ" {
			return
		}
		file, err := templ.ParseString(content)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		v := visitor.New()
		v.Text = func(n *templ.Text) error {
			if words.MatchString(n.Value) {
				t.Errorf("%s:%d holds the text %q", name, n.Range.From.Line+1, n.Value)
			}
			return nil
		}
		if err := file.Visit(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
}
