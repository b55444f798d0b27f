package simulator

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Each word that the documentation names is one, and each that there is stands in
// it.
func TestDocumentedWordsAreTheWords(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	tables, _, _ := strings.Cut(string(page), "## What it sells")
	documented := 0
	for row := range strings.Lines(tables) {
		cell, found := strings.CutPrefix(row, "| ")
		if cell, _, _ = strings.Cut(cell, " |"); !found {
			continue
		}
		for _, word := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
			documented++
			if p := steering("https://example.com/#sim=" + word[1]); p.answer == refused && word[1] != string(refused) {
				t.Errorf("%s is no word", word[1])
			}
		}
	}
	source, err := os.ReadFile("steering.go")
	if err != nil {
		t.Fatal(err)
	}
	words := regexp.MustCompile(`outcome = "([^"]+)"`).FindAllStringSubmatch(string(source), -1)
	for _, word := range words {
		if !regexp.MustCompile("`" + word[1] + "[:`]").MatchString(tables) {
			t.Errorf("%s is not documented", word[1])
		}
	}
	if documented < len(words) || len(words) < 40 {
		t.Errorf("%d words, %d documented", len(words), documented)
	}
}
