package openapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/apiv2"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/ratelimit"
)

// property is a property of a schema.
func property(t *testing.T, doc object, schema, name string) object {
	t.Helper()
	return members(t, doc, "components", "schemas", schema, "properties", name)
}

// Words that are told are those that the program has.
func TestWordsAreTheProgram(t *testing.T) {
	t.Parallel()
	doc := document(t)
	var types []string
	for _, s := range catalog.Schemas() {
		types = append(types, string(s.Type))
	}
	schemas := members(t, doc, "components", "schemas")
	for name, words := range map[string]struct{ want, told []string }{
		"status of orders":  {apiv2.StatusWords(), texts(at(schemas, "OrderStatus", "enum"))},
		"status of refills": {[]string{string(order.RefillPending), string(order.RefillInProgress), string(order.RefillCompleted), string(order.RefillRejected)}, texts(at(schemas, "RefillStatus", "enum"))},
		"status of add":     {[]string{order.Pending.Word()}, []string{fmt.Sprint(property(t, doc, "AddAnswer", "status")["const"])}},
		"types of services": {types, texts(property(t, doc, "Service", "type")["examples"])},
		"fields of changes": {catalog.FeedFields(), texts(property(t, doc, "Change", "field")["examples"])},
		"layers of limits": {
			[]string{string(ratelimit.ByIP), string(ratelimit.ByKey), string(ratelimit.ByTier)},
			texts(at(doc, "components", "headers", "RateLimitDeniedBy", "schema", "enum")),
		},
	} {
		slices.Sort(words.want)
		slices.Sort(words.told)
		if diff := cmp.Diff(words.want, words.told); diff != "" {
			t.Errorf("%s (-program +document):\n%s", name, diff)
		}
	}
}

// The types of events are the deliveries that are described.
func TestEventTypesAreTheDeliveries(t *testing.T) {
	t.Parallel()
	doc := document(t)
	hooks := members(t, doc, "webhooks")
	types := texts(at(doc, "components", "schemas", "EventType", "examples"))
	slices.Sort(types)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(hooks)), types); diff != "" {
		t.Errorf("types (-webhooks +EventType):\n%s", diff)
	}
	headers := []string{"X-NotPanel-Event", "X-NotPanel-Delivery", "X-NotPanel-Signature", "webhook-id", "webhook-timestamp", "webhook-signature"}
	for kind, hook := range hooks {
		var told []string
		parameters, _ := at(hook, "post", "parameters").([]any)
		for _, p := range parameters {
			name := strings.TrimPrefix(fmt.Sprint(at(p, "$ref")), "#/components/parameters/")
			told = append(told, fmt.Sprint(at(doc, "components", "parameters", name, "name")))
		}
		if !slices.Equal(headers, told) {
			t.Errorf("%s has the headers %v", kind, told)
		}
	}
}

// Bounds that the schemas state are those of the packages that own them.
func TestBoundsAreTheProgram(t *testing.T) {
	t.Parallel()
	doc := document(t)
	number := func(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }
	schemas := members(t, doc, "components", "schemas")
	list := fmt.Sprintf(`^[,\s]*[^,\s][^,]*(,+[^,]+){0,%d},*$`, apiv2.MaxIDs-1)
	for path, want := range map[string]any{
		"ChangesRequest/properties/limit/maximum": number(apiv2.ListMost), "ChangesRequest/properties/limit/default": number(apiv2.ListUsual),
		"TransactionsRequest/properties/limit/maximum": number(apiv2.ListMost), "TransactionsRequest/properties/limit/default": number(apiv2.ListUsual),
		"OrdersRequest/properties/limit/maximum": number(apiv2.OrdersMost), "OrdersRequest/properties/limit/default": number(apiv2.OrdersUsual),
		"OneOrder/maxLength": number(apiv2.MaxID), "OneRefill/maxLength": number(apiv2.MaxID),
		"ManyOrders/pattern":                       list,
		"ManyRefills/pattern":                      list,
		"AddRequest/properties/request_id/pattern": fmt.Sprintf("^[!-~]{1,%d}$", order.MaxRequestID),
		"AddRequest/properties/link/maxLength":     number(order.MaxLink),
		"AddRequest/properties/runs/maximum":       number(order.MaxRuns), "AddRequest/properties/interval/maximum": number(order.MaxInterval),
		"Facts/properties/orders/minimum": number(catalog.EnoughOrders), "Facts/properties/orders/maximum": number(order.FactsOf),
	} {
		if got := at(schemas, strings.Split(path, "/")...); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	for name, text := range map[string]string{
		"ManyOrders": fmt.Sprintf("up to %d orders", apiv2.MaxIDs), "ManyRefills": fmt.Sprintf("up to %d refills", apiv2.MaxIDs),
	} {
		if description := fmt.Sprint(at(schemas, name, "description")); !strings.Contains(description, text) {
			t.Errorf("%s does not say %q: %s", name, text, description)
		}
	}
}

// add has the fields that orders have, each with the bounds of its kind.
func TestFieldsOfAddAreTheProgram(t *testing.T) {
	t.Parallel()
	doc := document(t)
	const coupon = "coupon" // there are none
	want := append([]string{"key", "action", "request_id"}, slices.DeleteFunc(slices.Clone(order.Fields), func(name string) bool { return name == coupon })...)
	slices.Sort(want)
	told := members(t, doc, "components", "schemas", "AddRequest", "properties")
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(told))); diff != "" {
		t.Errorf("fields (-program +document):\n%s", diff)
	}
	const mostDigits = "999999999999999"
	for _, s := range catalog.Schemas() {
		for _, f := range s.Fields {
			p := property(t, doc, "AddRequest", f.Name)
			var bounds object
			switch f.Kind {
			case catalog.Whole:
				most := min(f.Most, 999_999_999_999_999)
				bounds = object{"type": "integer", "minimum": json.Number(strconv.FormatInt(f.Least, 10)), "maximum": json.Number(strconv.FormatInt(most, 10))}
			case catalog.Text:
				bounds = object{"type": "string", "maxLength": json.Number(strconv.Itoa(order.MaxLine))}
			case catalog.URL:
				bounds = object{"type": "string", "maxLength": json.Number(strconv.Itoa(order.MaxLink))}
			case catalog.Date:
				bounds = object{"type": "string", "format": "date"}
			case catalog.Lines, catalog.Words:
				bounds = object{"type": "string"}
			}
			for name, value := range bounds {
				if p[name] != value {
					t.Errorf("%s: %s is %v, want %v", f.Name, name, p[name], value)
				}
			}
		}
	}
	for _, name := range []string{"service", "quantity"} {
		schema := any(property(t, doc, "AddRequest", name))
		if name == "service" {
			schema = at(doc, "components", "schemas", "ServiceNumber")
		}
		if at(schema, "type") != "integer" || at(schema, "maximum") != json.Number(mostDigits) {
			t.Errorf("%s is %v", name, schema)
		}
	}
}

// The table of types says of each what it needs and what is counted.
func TestTypesInTheTableAreTheProgram(t *testing.T) {
	t.Parallel()
	description := fmt.Sprint(at(document(t), "components", "schemas", "AddRequest", "description"))
	rows := map[string][]string{}
	for _, found := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.*) \\| (.*) \\|$").FindAllStringSubmatch(description, -1) {
		rows[found[1]] = found[2:]
	}
	quoted := regexp.MustCompile("`([a-z_]+)`")
	counting := map[catalog.Counting]string{
		catalog.ByQuantity: "`quantity`", catalog.ByLines: "its lines", catalog.ByPackage: "the service's `min`", catalog.ByPosts: "`max` for each post",
	}
	for _, s := range catalog.Schemas() {
		row, ok := rows[string(s.Type)]
		if !ok {
			t.Errorf("the table has no %s", s.Type)
			continue
		}
		var want, told []string
		if s.Link {
			want = append(want, "link")
		}
		for _, f := range s.Fields {
			want = append(want, f.Name)
		}
		for _, found := range quoted.FindAllStringSubmatch(row[0], -1) {
			told = append(told, found[1])
		}
		if diff := cmp.Diff(want, told); diff != "" || row[1] != counting[s.Counting] {
			t.Errorf("%s (-program +table): %s; it counts %s", s.Type, diff, row[1])
		}
	}
	if len(rows) != len(catalog.Schemas()) {
		t.Errorf("the table has %d types", len(rows))
	}
}
