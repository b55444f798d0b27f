package site_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
)

// used are the keys that the program names, and those that it makes of a type's
// fields and of tiers.
func used(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{"site.home.point": true}
	key := regexp.MustCompile(`"(site\.[a-z0-9_.]+)"`)
	for _, pattern := range []string{"*.go", "*.templ", "../ui/*.go", "../ui/*.templ"} {
		files, err := filepath.Glob(pattern)
		must(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || strings.HasSuffix(file, "_templ.go") {
				continue
			}
			content, err := os.ReadFile(file)
			must(t, err)
			for _, m := range key.FindAllStringSubmatch(string(content), -1) {
				all[m[1]] = true
			}
		}
	}
	for i := range 6 {
		all["site.home.point"+strconv.Itoa(i+1)+"_title"], all["site.home.point"+strconv.Itoa(i+1)+"_text"] = true, true
	}
	for _, schema := range catalog.Schemas() {
		for _, f := range schema.Fields {
			all["site.field."+f.Name] = true
		}
	}
	for _, tier := range []account.Tier{account.Standard, account.Reseller, account.Agency} {
		all["site.tier."+string(tier)] = true
	}
	for _, beginning := range []string{"site.home.point", "site.field.", "site.tier."} {
		delete(all, beginning)
	}
	return all
}

// Every text that the pages name is in the language file, and no other is.
func TestTextsAreThoseUsed(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../locale/texts/en/site.json")
	must(t, err)
	var texts map[string]any
	must(t, json.Unmarshal(content, &texts))
	named := used(t)
	for key := range named {
		if texts[key] == nil {
			t.Errorf("%s has no text", key)
		}
	}
	for key := range texts {
		if !named[key] {
			t.Errorf("%s is not used", key)
		}
	}
}

var (
	templComment = regexp.MustCompile(`(?m)^\s*//.*$`)
	templText    = regexp.MustCompile(`>\s*([A-Za-z][a-z]+( [a-z]+)*)`)
	className    = regexp.MustCompile(`\bclass=`)
)

// Templates hold neither texts nor class names: texts are in language files, looks
// in package ui.
func TestTemplatesHoldNoTextAndNoLooks(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.templ")
	must(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		must(t, err)
		plain := templComment.ReplaceAllString(string(content), "")
		if m := templText.FindString(plain); m != "" {
			t.Errorf("%s: %q", file, m)
		}
		if className.MatchString(plain) {
			t.Errorf("%s names a class", file)
		}
	}
}
