package docs

import (
	"fmt"
	"strings"
)

// Markdown returns a page as Markdown, with its samples for curl and their answers,
// for readers that are programs.
func (d *Docs) Markdown(lang, slug string) (string, error) {
	if _, err := d.Page(lang, slug); err != nil {
		return "", err
	}
	s, err := d.source(language(lang), slug)
	if err != nil {
		return "", err
	}
	parts := []string{"# " + s.Title, s.Description}
	for _, one := range pieces(s.body) {
		switch {
		case one.heading != "":
			heading, _, _ := strings.Cut(one.heading, " {#")
			parts = append(parts, heading)
		case one.sample != "":
			sample, err := d.Sample(one.sample)
			if err != nil {
				return "", err
			}
			parts = append(parts, sample.markdown())
		default:
			parts = append(parts, d.absolute(one.text))
		}
	}
	return strings.Join(parts, "\n\n") + "\n", nil
}

// absolute leads the links of a text to the panel, from wherever it is read.
func (d *Docs) absolute(text string) string {
	return strings.ReplaceAll(text, "](/", "]("+d.settings.BaseURL+"/")
}

// markdown is the sample for curl and its answer, or what a receiver does in every
// language.
func (s Sample) markdown() string {
	if s.Action == "" {
		var all []string
		for _, c := range s.Code {
			all = append(all, "```"+c.fence()+"\n"+c.Text+"```")
		}
		return strings.Join(all, "\n\n")
	}
	var answer strings.Builder
	if s.Answer.Status != 200 || len(s.Answer.Headers) > 0 {
		fmt.Fprintf(&answer, "Status %d", s.Answer.Status)
		for _, h := range s.Answer.Headers {
			fmt.Fprintf(&answer, ", `%s: %s`", h.Name, h.Value)
		}
		answer.WriteString(":\n\n")
	}
	return "```sh\n" + s.Code[0].Text + "```\n\n" + answer.String() + "```json\n" + s.Answer.Text + "\n```"
}

// LLMs is the text of /llms.txt: what the documentation is, the description for
// programs, and the pages in their Markdown form.
func (d *Docs) LLMs() (string, error) {
	menu, err := d.Menu(English)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	fmt.Fprintf(&out, "# %s API\n\n> %s\n\n", d.settings.Panel, menu[0].Pages[0].Description)
	fmt.Fprintf(&out, "One endpoint, POST %s, takes a form and answers JSON. The fields `key` and `action` are in every request.\n",
		d.settings.Endpoint())
	fmt.Fprintf(&out, "\n- [OpenAPI 3.1](%s%s): Every action, answer, error and webhook delivery with its schema, for generators and viewers\n",
		d.settings.BaseURL, OpenAPI)
	for _, chapter := range menu {
		fmt.Fprintf(&out, "\n## %s\n\n", chapter.Title)
		for _, l := range chapter.Pages {
			fmt.Fprintf(&out, "- [%s](%s%s.md): %s\n", l.Title, d.settings.BaseURL, l.Path, l.Description)
		}
	}
	return out.String(), nil
}
