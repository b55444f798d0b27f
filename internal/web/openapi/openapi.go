// Package openapi is the description of the API for programs: an OpenAPI 3.1 document
// of every action, answer, error and webhook delivery, with the panel's own address,
// currency and limits. Viewers show it, and generators make clients of it.
//
// The document is written by hand, in the folder source. Tests hold it against the
// API's actions, its golden files, what it answers, and the numbers of the packages
// that own them. HTTP it does not know.
package openapi

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"text/template"

	"github.com/notpanel/notpanel/internal/apiv2"
	"github.com/notpanel/notpanel/internal/web/docs"
)

//go:embed source
var source embed.FS

// Document returns the description of a panel's API as compact JSON.
func Document(s docs.Settings) ([]byte, error) {
	w := writer{plain: values{s, apiv2.MaxBody >> 20}}
	w.quoted = w.plain
	for _, text := range []*string{&w.quoted.Panel, &w.quoted.BaseURL, &w.quoted.Support, &w.quoted.Currency} {
		*text = escaped(*text)
	}
	whole, err := w.fill("document.json", w.quoted)
	if err != nil {
		return nil, fmt.Errorf("the API's description: %w", err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(whole)); err != nil {
		return nil, fmt.Errorf("the API's description: %w", err)
	}
	return out.Bytes(), nil
}

// values are what the source's templates may name.
type values struct {
	docs.Settings

	BodyMiB int64
}

// writer fills the files of the source.
type writer struct {
	plain  values // for texts
	quoted values // the same, to stand between the quotes of JSON
}

// fill executes a file of the source as a template.
func (w writer) fill(name string, v values) (string, error) {
	raw, err := source.ReadFile("source/" + name)
	if err != nil {
		return "", fmt.Errorf("read: %w", err)
	}
	t, err := template.New(name).Option("missingkey=error").Funcs(template.FuncMap{
		"text": w.text, "limit": limit,
		"schemas":  func() (string, error) { return w.joined("schemas") },
		"examples": func() (string, error) { return w.fill("examples.json", w.quoted) },
		"webhooks": func() (string, error) { return w.fill("webhooks.json", w.quoted) },
	}).Parse(string(raw))
	if err != nil {
		return "", fmt.Errorf("parse: %w", err)
	}
	var out strings.Builder
	if err := t.Execute(&out, v); err != nil {
		return "", fmt.Errorf("fill: %w", err)
	}
	return out.String(), nil
}

// text is a Markdown file, to stand between quotes.
func (w writer) text(name string) (string, error) {
	filled, err := w.fill("texts/"+name, w.plain)
	return escaped(strings.TrimSpace(filled)), err
}

// joined makes one object of those in a folder's files, in the order of their names.
func (w writer) joined(folder string) (string, error) {
	files, err := fs.ReadDir(source, "source/"+folder)
	if err != nil {
		return "", fmt.Errorf("read: %w", err)
	}
	var members []string
	for _, f := range files {
		filled, err := w.fill(folder+"/"+f.Name(), w.quoted)
		if err != nil {
			return "", err
		}
		filled = strings.TrimSpace(filled)
		members = append(members, filled[1:len(filled)-1])
	}
	return "{" + strings.Join(members, ",") + "}", nil
}

// escaped is a text as it stands between the quotes of JSON.
func escaped(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		return "" // a text is always JSON
	}
	return string(quoted[1 : len(quoted)-1])
}

// limit says how many requests a minute are allowed.
func limit(perMinute int64) string {
	if perMinute == 0 {
		return "no limit"
	}
	return strconv.FormatInt(perMinute, 10)
}
