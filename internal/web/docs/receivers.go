package docs

import (
	"fmt"

	"github.com/notpanel/notpanel/internal/content"
)

// ReceiverIDs lists the samples of what a receiver of webhooks does.
func ReceiverIDs() []string { return []string{"verify"} }

// receiver returns such a sample: a file for each language.
func receiver(id string) (Sample, error) {
	s := Sample{ID: id}
	for _, l := range spoken() {
		text, err := files.ReadFile("receivers/" + id + receiverEnding(l.id))
		if err != nil {
			return Sample{}, fmt.Errorf("receiver: %w", err)
		}
		c := Code{Language: l.id, Label: l.label, Text: string(text), HTML: content.Highlight(string(text), l.highlight)}
		if l.id == "curl" {
			c.Label = "Shell" // it calls nothing
		}
		s.Code = append(s.Code, c)
	}
	return s, nil
}

// receiverEnding is that of a file in a language of samples.
func receiverEnding(language string) string {
	switch language {
	case "curl":
		return ".sh"
	case "javascript":
		return ".mjs"
	case "python":
		return ".py"
	}
	return "." + language
}

// fence names the language of a sample for Markdown.
func (c Code) fence() string {
	if c.Language == "curl" {
		return "sh"
	}
	return c.Language
}
