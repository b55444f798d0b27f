package openapi_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// checker holds values against the document's schemas.
type checker struct {
	doc    object
	open   *jsonschema.Compiler // as the document has them
	closed *jsonschema.Compiler // without properties that they do not name
}

func newChecker(t testing.TB, content []byte) *checker {
	t.Helper()
	c := &checker{doc: decoded[object](t, string(content))}
	c.open = compiler(t, decoded[object](t, string(content)))
	c.closed = compiler(t, closed(decoded[object](t, string(content))))
	return c
}

const resource = "file:///openapi.json"

func compiler(t testing.TB, doc object) *jsonschema.Compiler {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	must(t, c.AddResource(resource, doc))
	return c
}

// member marks the copy of a schema that is a part of another and leaves to that
// one which properties there are.
const member = "-member"

// closed is the document with schemas that allow no properties but those they name.
func closed(doc object) object {
	schemas, _ := at(doc, "components", "schemas").(object)
	copies := object{}
	for name, schema := range schemas {
		copies[name+member] = closedSchema(schema, true)
		copies[name] = closedSchema(schema, false)
	}
	doc["components"] = object{"schemas": copies}
	return doc
}

// closedSchema closes a schema and those within it. One that is a part of another
// stays open itself.
func closedSchema(v any, part bool) any {
	switch v := v.(type) {
	case []any:
		all := make([]any, len(v))
		for i, one := range v {
			all[i] = closedSchema(one, part)
		}
		return all
	case object:
		out := object{}
		_, named := v["properties"]
		_, joined := v["allOf"]
		for name, inner := range v {
			switch name {
			case "allOf":
				out[name] = closedSchema(inner, true)
			case "oneOf", "anyOf":
				out[name] = closedSchema(inner, part || named)
			case "$ref":
				out[name] = inner
				if part {
					out[name] = fmt.Sprint(inner) + member
				}
			case "properties":
				all := object{}
				properties, _ := inner.(object)
				for property, schema := range properties {
					all[property] = closedSchema(schema, false)
				}
				out[name] = all
			default:
				out[name] = closedSchema(inner, false)
			}
		}
		if (named || joined) && !part {
			out["unevaluatedProperties"] = false
		}
		return out
	}
	return v
}

// request reports why a request's fields are not as a schema says.
func (c *checker) request(t testing.TB, schema string, fields map[string]string) error {
	t.Helper()
	compiled, err := c.open.Compile(resource + schemaRef + schema)
	must(t, err)
	return compiled.Validate(c.typed(schema, fields))
}

// answer reports why a value is not as a schema says, or has what it does not name.
func (c *checker) answer(t testing.TB, schema string, value any) error {
	t.Helper()
	compiled, err := c.closed.Compile(resource + schemaRef + schema)
	must(t, err)
	return compiled.Validate(value)
}

var wholeNumber = regexp.MustCompile(`^[0-9]+$`)

// typed reads the values of a form as the schema of its action types them: all are
// texts on their way. A number that is none stays a text.
func (c *checker) typed(schema string, fields map[string]string) object {
	if schema == "Request" {
		mapped := fmt.Sprint(at(c.doc, "components", "schemas", schema, "discriminator", "mapping", fields["action"]))
		schema = strings.TrimPrefix(mapped, schemaRef)
	}
	out := object{}
	for name, value := range fields {
		out[name] = value
		if c.typeOf(at(c.doc, "components", "schemas", schema, "properties", name)) == "integer" && wholeNumber.MatchString(value) {
			out[name] = json.Number(value)
		}
	}
	return out
}

// typeOf is the type of a schema or of the one that it refers to.
func (c *checker) typeOf(schema any) any {
	if ref, ok := at(schema, "$ref").(string); ok {
		return c.typeOf(at(c.doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...))
	}
	return at(schema, "type")
}

// answerOf names the schema of the answer to a request.
func (c *checker) answerOf(t testing.TB, fields map[string]string) string {
	t.Helper()
	one := members(t, c.doc, "paths", "/api/v2", "post", "x-actions", fields["action"])
	if with, ok := one["many_with"].(string); ok && fields[with] != "" {
		return fmt.Sprint(one["many"])
	}
	return fmt.Sprint(one["answer"])
}

// response is what the document says of a status; found is false where it has none.
func (c *checker) response(status int) (described object, found bool) {
	ref, _ := at(c.doc, "paths", "/api/v2", "post", "responses", strconv.Itoa(status), "$ref").(string)
	described, found = at(c.doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...).(object)
	return described, found
}

// everyAnswer are headers that HTTP itself describes.
var everyAnswer = []string{
	"Content-Type", "Content-Length", "Content-Encoding", "Cache-Control", "X-Content-Type-Options", "Connection", "Vary", "Date",
}

// headers reports what of an answer's headers the document does not say, or what
// it promises and is not there. The case of their names means nothing.
func (c *checker) headers(t testing.TB, status int, got map[string]string) (wrong []string) {
	t.Helper()
	described, found := c.response(status)
	if !found {
		return []string{fmt.Sprintf("status %d is not described", status)}
	}
	told, _ := described["headers"].(object)
	refs, there := map[string]string{}, map[string]bool{}
	for name, header := range told {
		refs[strings.ToLower(name)] = fmt.Sprint(at(header, "$ref"))
	}
	for name, value := range got {
		ref, ok := refs[strings.ToLower(name)]
		if there[strings.ToLower(name)] = true; !ok {
			wrong = append(wrong, fmt.Sprintf("%d: header %s is not described", status, name))
			continue
		}
		compiled, err := c.open.Compile(resource + ref + "/schema")
		must(t, err)
		var typed any = value
		if wholeNumber.MatchString(value) && compiled.Types != nil && compiled.Types.String() == "[integer]" {
			typed = json.Number(value)
		}
		if err := compiled.Validate(typed); err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %s: %v", name, value, err))
		}
	}
	for name, ref := range refs {
		if required := at(c.doc, append(strings.Split(strings.TrimPrefix(ref, "#/"), "/"), "required")...); required == true && !there[name] {
			wrong = append(wrong, fmt.Sprintf("%d: header %s is missing", status, name))
		}
	}
	return wrong
}

// body reports why an answer's body is not as the document says.
func (c *checker) body(t testing.TB, status int, contentType, body string, fields map[string]string) error {
	t.Helper()
	described, found := c.response(status)
	if !found {
		return fmt.Errorf("status %d is not described", status)
	}
	kind, _, _ := strings.Cut(contentType, ";")
	ref := fmt.Sprint(at(described, "content", kind, "schema", "$ref"))
	switch {
	case at(described, "content") == nil:
		if body != "" {
			return fmt.Errorf("status %d has a body", status)
		}
		return nil
	case at(described, "content", kind) == nil:
		return fmt.Errorf("status %d with %s is not described", status, kind)
	case kind == "text/plain":
		return c.answer(t, strings.TrimPrefix(ref, schemaRef), body)
	}
	schema := strings.TrimPrefix(ref, schemaRef)
	if schema == "Answer" {
		schema = c.answerOf(t, fields)
	}
	return c.answer(t, schema, decoded[any](t, body))
}

// Closed schemas refuse what they don't name, also deep in them and where parts
// make one schema; the document's own let it pass.
func TestClosedSchemasRefuseMore(t *testing.T) {
	t.Parallel()
	c := newChecker(t, written(t, usual()))
	for schema, example := range map[string]string{
		"BalanceAnswer": "balance", "ServicesAnswer": "services", "ServiceAnswer": "service", "StatusesAnswer": "status-many", "OrderAnswer": "order",
		"CancelsAnswer": "cancel-many", "RefillEvent": "event-refill.completed", "TransactionsAnswer": "transactions",
	} {
		value := at(c.doc, "components", "examples", example, "value")
		if err := c.answer(t, schema, value); err != nil {
			t.Errorf("%s: %v", schema, err)
		}
		written, err := json.Marshal(value)
		must(t, err)
		for i, char := range written {
			if char != '{' || schema == "StatusesAnswer" && i == 0 {
				continue
			}
			more := string(written[:i+1]) + `"undocumented":{},` + string(written[i+1:])
			if !json.Valid([]byte(more)) {
				t.Fatalf("%s is not JSON", more)
			}
			if c.answer(t, schema, decoded[any](t, more)) == nil {
				t.Errorf("%s lets an unknown property pass: %s", schema, more)
			}
			open, err := c.open.Compile(resource + schemaRef + schema)
			must(t, err)
			if err := open.Validate(decoded[any](t, more)); err != nil {
				t.Errorf("%s as it is documented refuses a new property: %v", schema, err)
			}
		}
	}
}

// Every example is as its schema says, with nothing besides.
func TestExamplesAreWhole(t *testing.T) {
	t.Parallel()
	c := newChecker(t, written(t, usual()))
	all := members(t, c.doc, "components", "examples")
	content := members(t, operation(t, c.doc), "requestBody", "content")
	for name := range members(t, content, "application/x-www-form-urlencoded", "examples") {
		request := members(t, all, name+"-request", "value")
		fields := map[string]string{}
		for field, value := range request {
			fields[field] = fmt.Sprint(value)
		}
		if err := c.request(t, "Request", fields); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		schema := c.answerOf(t, fields)
		answer := members(t, all, name)
		if at(answer, "value", "error") != nil {
			schema = "Error"
		}
		if err := c.answer(t, schema, answer["value"]); err != nil {
			t.Errorf("the answer of %s: %v", name, err)
		}
	}
	for kind, hook := range members(t, c.doc, "webhooks") {
		media := members(t, hook, "post", "requestBody", "content", "application/json")
		schema := strings.TrimPrefix(fmt.Sprint(at(media, "schema", "$ref")), schemaRef)
		value := members(t, all, "event-"+kind, "value")
		if err := c.answer(t, schema, value); err != nil || value["type"] != kind {
			t.Errorf("%s is of the type %v: %v", kind, value["type"], err)
		}
		if at(media, "examples", kind, "$ref") != "#/components/examples/event-"+kind {
			t.Errorf("%s has the examples %v", kind, media["examples"])
		}
	}
}
