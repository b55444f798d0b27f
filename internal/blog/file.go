package blog

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Parse reads a post from a file: a head between two lines of --- with slug,
// language and description, then # and the title, then the text. Without a language
// it is English.
func Parse(source []byte) (t Text, err error) {
	if !utf8.Valid(source) {
		return t, errors.New("it is not in UTF-8")
	}
	text := strings.ReplaceAll(strings.TrimPrefix(string(source), "\ufeff"), "\r\n", "\n")
	rest, has := strings.CutPrefix(text, "---\n")
	if !has {
		return t, errors.New("it has no head: it must begin with a line of ---, one such as slug: how-we-refund, and another of ---")
	}
	head, body, ended := strings.Cut(rest, "\n---\n")
	if !ended {
		return t, errors.New("its head has no end: a line of --- is missing")
	}
	t.Language = "en"
	for line := range strings.SplitSeq(head, "\n") {
		key, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); strings.TrimSpace(key) {
		case "":
		case "slug":
			t.Slug = value
		case "language":
			t.Language = value
		case "description":
			t.Description = value
		default:
			return t, fmt.Errorf("its head has %q; there are slug, language and description", strings.TrimSpace(key))
		}
	}
	title, rest, _ := strings.Cut(strings.TrimLeft(body, "\n"), "\n")
	if t.Title, has = strings.CutPrefix(title, "# "); !has {
		return t, errors.New("it has no title: behind the head there must be # and a title")
	}
	t.Body = rest
	return t.tidy()
}

// File is what Parse reads a post's text from.
func (t Text) File() string {
	return "---\nslug: " + t.Slug + "\nlanguage: " + t.Language + "\ndescription: " + t.Description + "\n---\n\n# " + t.Title + "\n\n" + t.Body + "\n"
}
