package content_test

import (
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/content"
)

// Code reads as it was written, in each language of the documentation and in none.
func TestHighlightKeepsTheText(t *testing.T) {
	t.Parallel()
	for language, code := range map[string]string{
		"sh": "curl -s https://panel.example/api/v2 \\\n  -d key='a & b' # <c>\n", "go": "x := map[string]string{`a`: \"b\"} // <c>\n",
		"javascript": "const a = `b ${c}`; // <d>\n", "python": "x = {'a': 1}  # <b>\n", "php": "<?php\n$x = ['a' => 1]; // <b>\n",
		"json": `{"a": [1, null, "<b>"]}`, "http": "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\n\r\n{}", "": "<a>\n", "text": "<a>", "Klingon": "<a>",
	} {
		out := content.Highlight(code, language)
		text := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(out, "")
		text = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#39;", "'", "&#34;", `"`, "&amp;", "&").Replace(text)
		if strings.ReplaceAll(text, "\r", "") != strings.ReplaceAll(code, "\r", "") {
			t.Errorf("%s: %q became %q", language, code, text)
		}
		if coloured := strings.Contains(out, "<span"); coloured != !slices.Contains([]string{"", "text", "Klingon"}, language) {
			t.Errorf("%s: %s", language, out)
		}
	}
}

// Each class has its colour, and each colour can be read on its ground.
func TestHighlightColoursCanBeRead(t *testing.T) {
	t.Parallel()
	css, err := os.ReadFile("highlight.css")
	if err != nil {
		t.Fatal(err)
	}
	for class := range strings.SplitSeq("k s m c n p", " ") {
		if !strings.Contains(string(css), ".chroma ."+class+" {") {
			t.Errorf("class %s has no colour", class)
		}
	}
	themes := regexp.MustCompile(`(?s)(:root|\[data-theme="dark"\]|:root:not\(\[data-theme\]\)) \{(.*?)\}`).FindAllStringSubmatch(string(css), -1)
	if len(themes) != 3 {
		t.Fatalf("%d themes", len(themes))
	}
	var names [][]string
	for i, theme := range themes {
		colours := map[string]string{}
		for _, found := range regexp.MustCompile(`(--code-[a-z]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(theme[2], -1) {
			colours[found[1]] = found[2]
		}
		names = append(names, slices.Sorted(maps.Keys(colours)))
		grounds := []string{"#0f1115", "#191c23"}
		if i == 0 {
			grounds = []string{"#ffffff", "#f6f7f9"}
		}
		for name, colour := range colours {
			for _, ground := range grounds {
				if c := contrast(colour, ground); c < 4.5 {
					t.Errorf("%s %s on %s has a contrast of %.2f", name, colour, ground, c)
				}
			}
		}
	}
	if len(names[0]) != 7 || !slices.Equal(names[0], names[1]) || themes[1][2] == themes[0][2] ||
		strings.Join(strings.Fields(themes[1][2]), " ") != strings.Join(strings.Fields(themes[2][2]), " ") {
		t.Errorf("the themes differ in their names, or the two dark ones in their colours: %v", names)
	}
}

// contrast is that of WCAG 2 between two colours.
func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (math.Max(x, y) + 0.05) / (math.Min(x, y) + 0.05)
}

func luminance(colour string) float64 {
	n, _ := strconv.ParseUint(colour[1:], 16, 32)
	channel := func(v uint64) float64 {
		c := float64(v&255) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(n>>16) + 0.7152*channel(n>>8) + 0.0722*channel(n)
}
