package openapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/apiv2"
	"github.com/notpanel/notpanel/internal/web/docs"
	"github.com/notpanel/notpanel/internal/web/openapi"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// usual are the settings of a panel that sets nothing.
func usual() docs.Settings {
	return docs.Settings{
		Panel: "Example Panel", BaseURL: "https://panel.example", Support: "help@panel.example", Currency: "USD",
		Limits: docs.Limits{Address: 300, Key: 100, Tiers: []docs.Tier{{Name: "Standard", PerMinute: 300}, {Name: "Reseller", PerMinute: 1200}}},
	}
}

// written is the document of a panel.
func written(t testing.TB, s docs.Settings) []byte {
	t.Helper()
	content, err := openapi.Document(s)
	must(t, err)
	return content
}

// object is an object of JSON.
type object = map[string]any

// document is the document of the usual panel.
func document(t testing.TB) object {
	t.Helper()
	return decoded[object](t, string(written(t, usual())))
}

func decoded[T any](t testing.TB, text string) (v T) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// at is what stands in a document at a path of names; nil is nothing.
func at(v any, path ...string) any {
	for _, name := range path {
		members, ok := v.(object)
		if !ok {
			return nil
		}
		v = members[name]
	}
	return v
}

// members is an object of a document that has to be there.
func members(t testing.TB, v any, path ...string) object {
	t.Helper()
	found, ok := at(v, path...).(object)
	if !ok {
		t.Fatalf("the document has no %s", strings.Join(path, "/"))
	}
	return found
}

// texts is a list of words of a document.
func texts(v any) (all []string) {
	list, _ := v.([]any)
	for _, one := range list {
		all = append(all, fmt.Sprint(one))
	}
	return all
}

func operation(t testing.TB, doc object) object {
	t.Helper()
	return members(t, doc, "paths", "/api/v2", "post")
}

// validate reports what is no OpenAPI 3.1 in a document, its examples among it.
func validate(t *testing.T, content []byte) error {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(content)
	if err != nil {
		return err
	}
	if !doc.IsOpenAPI31OrLater() {
		return fmt.Errorf("it is of version %s", doc.OpenAPI)
	}
	return doc.Validate(t.Context(), openapi3.EnableExamplesValidation())
}

// The document is OpenAPI 3.1, whatever the panel is called, and the check would
// find a mistake anywhere in it.
func TestDocumentIsValid(t *testing.T) {
	t.Parallel()
	odd := docs.Settings{Panel: `"Acorn" \ <b>`, BaseURL: "http://127.0.0.1:8080", Currency: "EUR"}
	for _, s := range []docs.Settings{usual(), odd} {
		if err := validate(t, written(t, s)); err != nil {
			t.Errorf("%s: %v", s.Panel, err)
		}
	}
	for right, wrong := range map[string]string{
		`"openapi":"3.1.0"`: `"openapi":"3.0.3"`, `#/components/responses/Limited"`: `#/components/responses/Unlimited"`,
		`"type":"integer"`: `"type":"int"`, `"in":"header"`: `"in":"head"`, `"value":{"balance":"86.66"`: `"value":{"balance":86.66`,
	} {
		content := bytes.Replace(written(t, usual()), []byte(right), []byte(wrong), 1)
		if bytes.Equal(content, written(t, usual())) {
			t.Fatalf("the document has no %s", right)
		}
		if validate(t, content) == nil {
			t.Errorf("nothing is found where %s stands in the place of %s", wrong, right)
		}
	}
}

// No two operations have one name, for generators make functions of them.
func TestOperationsHaveNames(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile(`"operationId":"([A-Za-z]+)"`).FindAllStringSubmatch(string(written(t, usual())), -1)
	seen := map[string]bool{}
	for _, found := range named {
		if seen[found[1]] {
			t.Errorf("two operations are called %s", found[1])
		}
		seen[found[1]] = true
	}
	if want := 1 + len(members(t, document(t), "webhooks")); len(seen) != want {
		t.Errorf("%d of %d operations have a name", len(seen), want)
	}
}

// Every action of the API is described, and nothing else: in the table for people,
// in the list for programs, and among the schemas that action tells apart.
func TestEveryActionIsDescribed(t *testing.T) {
	t.Parallel()
	doc := document(t)
	op := operation(t, doc)
	want := slices.Sorted(slices.Values(apiv2.Actions()))
	listed := members(t, op, "x-actions")
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(listed))); diff != "" {
		t.Errorf("x-actions (-API +document):\n%s", diff)
	}
	var told []string
	for _, found := range regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\|").FindAllStringSubmatch(fmt.Sprint(op["description"]), -1) {
		told = append(told, found[1])
	}
	if slices.Sort(told); !slices.Equal(want, told) {
		t.Errorf("the description tells of %v, want %v", told, want)
	}
	mapping := members(t, doc, "components", "schemas", "Request", "discriminator", "mapping")
	requests, answers := refs(at(doc, "components", "schemas", "Request", "oneOf")), refs(at(doc, "components", "schemas", "Answer", "anyOf"))
	var inRequests, inAnswers []string
	for _, action := range want {
		one := members(t, listed, action)
		request := fmt.Sprint(one["request"])
		if mapping[action] != schemaRef+request {
			t.Errorf("%s is mapped to %v", action, mapping[action])
		}
		if is := at(doc, "components", "schemas", request, "properties", "action", "const"); is != action {
			t.Errorf("%s is for the action %v", request, is)
		}
		if title := at(doc, "components", "schemas", request, "title"); title != action {
			t.Errorf("%s is called %v", request, title)
		}
		description := fmt.Sprint(at(doc, "components", "schemas", request, "description"))
		inRequests = append(inRequests, request)
		for _, name := range []any{one["answer"], one["many"]} {
			if name == nil {
				continue
			}
			inAnswers = append(inAnswers, fmt.Sprint(name))
			if !strings.Contains(description, fmt.Sprintf("`%s`", name)) {
				t.Errorf("%s does not say that it is answered with %s", request, name)
			}
		}
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(inRequests)), slices.Sorted(slices.Values(requests))); diff != "" || len(mapping) != len(want) {
		t.Errorf("requests (-actions +oneOf): %s; %d are mapped", diff, len(mapping))
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(inAnswers)), slices.Sorted(slices.Values(answers))); diff != "" {
		t.Errorf("answers (-actions +anyOf):\n%s", diff)
	}
}

const schemaRef = "#/components/schemas/"

// refs are the schemas that a list refers to.
func refs(v any) (all []string) {
	list, _ := v.([]any)
	for _, one := range list {
		all = append(all, strings.TrimPrefix(fmt.Sprint(at(one, "$ref")), schemaRef))
	}
	return all
}

// Every component is used, for one that is not was forgotten.
func TestNoComponentIsLeftOver(t *testing.T) {
	t.Parallel()
	content := string(written(t, usual()))
	for kind, all := range members(t, decoded[object](t, content), "components") {
		for name := range members(t, all) {
			if ref := `"#/components/` + kind + "/" + name + `"`; !strings.Contains(content, ref) {
				t.Errorf("nothing refers to %s", ref)
			}
		}
	}
}

// The document says the panel's own name, address, currency and limits.
func TestDocumentSaysTheSettings(t *testing.T) {
	t.Parallel()
	s := docs.Settings{
		Panel: `Acorn & "Oak"`, BaseURL: "https://acorn.example", Support: "help@acorn.example", Currency: "EUR",
		Limits: docs.Limits{Address: 1234, Key: 77, Tiers: []docs.Tier{{Name: "Standard", PerMinute: 55}, {Name: "Reseller"}}},
	}
	content := string(written(t, s))
	doc := decoded[object](t, content)
	servers, _ := doc["servers"].([]any)
	if len(servers) != 1 || at(servers[0], "url") != s.BaseURL {
		t.Errorf("servers: %v", servers)
	}
	if at(doc, "info", "title") != `Acorn & "Oak" API` || at(doc, "info", "contact", "email") != s.Support {
		t.Errorf("info: %v", doc["info"])
	}
	text := fmt.Sprint(at(doc, "info", "description"))
	for _, want := range []string{"| `ip` | 1234 |", "| `key` | 77 |", "| `tier` | 55 (Standard), no limit (Reseller) |", "https://acorn.example/developers/errors", "in EUR."} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, other := range []string{"USD", "panel.example", "{{", "<no value>"} {
		if i := strings.Index(content, other); i >= 0 {
			t.Errorf("%q stands in it: %s", other, content[max(0, i-60):i+60])
		}
	}
	s.Support = ""
	if at(decoded[object](t, string(written(t, s))), "info", "contact") != nil {
		t.Error("a panel without support address has a contact")
	}
}

// Examples are the samples of the developers' pages, which were asked and answered
// by the API.
func TestExamplesAreTheSamples(t *testing.T) {
	t.Parallel()
	doc := document(t)
	pages := docs.New(usual())
	shown := map[string]bool{}
	all := members(t, doc, "components", "examples")
	for name := range members(t, operation(t, doc), "requestBody", "content", "application/x-www-form-urlencoded", "examples") {
		request := members(t, all, name+"-request", "value")
		action := fmt.Sprint(request["action"])
		shown[action] = true
		sample, err := pages.Sample(name)
		if err != nil {
			t.Errorf("%s is no sample", name)
			continue
		}
		fields := object{"key": docs.Placeholder, "action": sample.Action}
		for _, f := range sample.Fields {
			fields[f.Name] = f.Value
		}
		asked := object{}
		for field, value := range request {
			asked[field] = fmt.Sprint(value)
		}
		if diff := cmp.Diff(fields, asked); diff != "" {
			t.Errorf("%s (-sample +example):\n%s", name, diff)
		}
		if diff := cmp.Diff(decoded[any](t, sample.Answer.Text), at(all, name, "value")); diff != "" {
			t.Errorf("the answer of %s (-sample +example):\n%s", name, diff)
		}
	}
	for _, action := range apiv2.Actions() {
		if !shown[action] {
			t.Errorf("no example shows %s", action)
		}
	}
	for _, name := range []string{"error", "unusable-key", "limited"} {
		sample, err := pages.Sample(name)
		must(t, err)
		if diff := cmp.Diff(decoded[any](t, sample.Answer.Text), at(all, name, "value")); diff != "" {
			t.Errorf("%s (-sample +example):\n%s", name, diff)
		}
	}
}

// The source can be edited as JSON, its templates and all.
func TestSourceIsJSON(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"source", "source/schemas"} {
		files, err := os.ReadDir(folder)
		must(t, err)
		for _, f := range files {
			if !strings.HasSuffix(f.Name(), ".json") || f.Name() == "document.json" {
				continue // that one is put together of the others
			}
			content, err := os.ReadFile(folder + "/" + f.Name())
			must(t, err)
			decoded[object](t, string(content))
		}
	}
}
