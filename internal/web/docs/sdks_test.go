package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// readmes are those of the client libraries, by the language of their samples. Their
// samples are run by tests of their own.
func readmes(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for language, file := range map[string]string{
		"go": "client/README.md", "js": "sdk/js/README.md", "python": "sdk/python/README.md", "php": "sdk/php/README.md",
	} {
		content, err := os.ReadFile(filepath.Join("..", "..", "..", filepath.FromSlash(file)))
		must(t, err)
		all[language] = string(content)
	}
	return all
}

// The samples of the libraries' page are the libraries' own, word for word.
func TestLibrariesAreShownAsTheyAre(t *testing.T) {
	t.Parallel()
	inEvery(t, func(t *testing.T, language string) {
		t.Helper()
		text, err := usual(t).Markdown(language, "sdks")
		must(t, err)
		shown := map[string]int{}
		for _, found := range regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)\n```$").FindAllStringSubmatch(text, -1) {
			shown[found[1]]++
			readme, known := readmes(t)[found[1]]
			if !known || !strings.Contains(readme, "\n"+found[2]+"\n") {
				t.Errorf("no README has this, in %s:\n%s", found[1], found[2])
			}
		}
		for tongue := range readmes(t) {
			if shown[tongue] < 2 {
				t.Errorf("%d samples in %s", shown[tongue], tongue)
			}
		}
	})
}

// checkLibraries holds how each is installed, and what it needs, against its README.
func checkLibraries(t *testing.T, _ *live, one table) {
	all := readmes(t)
	for _, row := range one.rows {
		language := map[string]string{"Go": "go", "JavaScript": "js", "Python": "python", "PHP": "php"}[row[0]]
		readme, known := all[language]
		if delete(all, language); !known {
			t.Errorf("there is no library for %q", row[0])
			continue
		}
		needs := regexp.MustCompile(`^\w+ [\d.]+`).FindString(row[2])
		if install := "```sh\n" + code(row[1])[0] + "\n```"; !strings.Contains(readme, install) || needs == "" || !strings.Contains(readme, needs) {
			t.Errorf("its README says another thing than %v", row)
		}
	}
	for language := range all {
		t.Errorf("the table lacks the library for %s", language)
	}
}
