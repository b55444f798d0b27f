package site_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
)

// Every field that an order of some type has, and every tier, is described.
func TestFieldsAndTiersHaveTexts(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../locale/texts/en/site.json")
	must(t, err)
	var texts map[string]any
	must(t, json.Unmarshal(content, &texts))
	keys := []string{"site.field.link", "site.field.runs", "site.field.interval"}
	for _, schema := range catalog.Schemas() {
		for _, f := range schema.Fields {
			keys = append(keys, "site.field."+f.Name)
		}
	}
	for _, tier := range []account.Tier{account.Standard, account.Reseller, account.Agency} {
		keys = append(keys, "site.tier."+string(tier))
	}
	for _, key := range keys {
		if texts[key] == nil {
			t.Errorf("%s has no text", key)
		}
	}
}

// Templates name no classes: looks are package ui's.
func TestTemplatesHoldNoLooks(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.templ")
	must(t, err)
	if len(files) == 0 {
		t.Fatal("no templates")
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		must(t, err)
		if strings.Contains(string(content), "class=") || strings.Contains(string(content), "style=") {
			t.Errorf("%s names a class or a style", file)
		}
	}
}
