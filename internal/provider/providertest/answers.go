package providertest

import (
	"slices"
	"strings"
)

// The outcomes and classes, as package provider names them.
const (
	accepted = "accepted"
	refused  = "refused"
	unknown  = "unknown"

	unclassified  = "unclassified"
	tryLater      = "try later"
	sourcePaused  = "source paused"
	otherSource   = "other source"
	customerFault = "customer's fault"
)

// deepLevels is far beyond what a parser should follow.
const deepLevels = 20_000

// deep is JSON that nests that often.
func deep() string {
	return strings.Repeat(`{"a":`, deepLevels) + `1` + strings.Repeat(`}`, deepLevels)
}

// whole is an answer that comes whole: a status and a body.
type whole struct {
	name       string
	status     int
	body       string
	outcome    string
	class      string
	upstreamID string
}

// wholeAnswers are answers to add as servers have given or might give them. The
// money question is always the same: may the order be sent again?
func wholeAnswers() []whole {
	return slices.Concat(acceptances(), oddIDs(), besideErrors(), unreadable(), refusals())
}

// acceptances are 2xx, a JSON object, an id, no error.
func acceptances() []whole {
	return []whole{
		// Accepted: 2xx, a JSON object, an id, no error.
		{"number", 200, `{"order":23501}`, accepted, "", "23501"},
		{"text", 200, `{"order":"23501"}`, accepted, "", "23501"},
		{"24 hex digits", 200, `{"order":"65a1f0c2d3e4b5a697887766"}`, accepted, "", "65a1f0c2d3e4b5a697887766"},
		{"native id", 200, `{"order":"ord_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9","status":"pending","charge":"0.50","currency":"USD"}`, accepted, "", "ord_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9"},
		{"id for order", 200, `{"id":77}`, accepted, "", "77"},
		{"order before id", 200, `{"id":5,"order":77}`, accepted, "", "77"},
		{"created", 201, `{"order":77}`, accepted, "", "77"},
		{"success beside", 200, `{"status":"success","success":true,"order":77,"message":"Order placed"}`, accepted, "", "77"},
		{"waiting beside", 200, `{"order":77,"status":"Pending"}`, accepted, "", "77"},
		{"accepted with 202", 202, `{"order":77}`, accepted, "", "77"},
		{"error null", 200, `{"order":77,"error":null}`, accepted, "", "77"},
		{"error false", 200, `{"order":77,"error":false}`, accepted, "", "77"},
		{"error 0", 200, `{"order":77,"error":0}`, accepted, "", "77"},
		{"error empty", 200, `{"order":77,"error":""}`, accepted, "", "77"},
		{"error empty list", 200, `{"order":77,"error":[]}`, accepted, "", "77"},
		{"error empty object", 200, `{"order":77,"error":{}}`, accepted, "", "77"},
		{"BOM", 200, "\xef\xbb\xbf{\"order\":77}", accepted, "", "77"},
		{"blanks around", 200, " \r\n\t{ \"order\" : 77 } \n", accepted, "", "77"},
		{"largest int64 and one", 200, `{"order":9223372036854775808}`, accepted, "", "9223372036854775808"},
		{"64 characters", 200, `{"order":"` + strings.Repeat("a", 64) + `"}`, accepted, "", strings.Repeat("a", 64)},
		{"escaped name", 200, `{"\u006frder":77}`, accepted, "", "77"},
	}
}

// oddIDs hold an id that none means as one: somebody has to look.
func oddIDs() []whole {
	return []whole{
		// An id that none means as one: somebody has to look.
		{"order 0", 200, `{"order":0}`, unknown, "", ""},
		{"order \"0\"", 200, `{"order":"0"}`, unknown, "", ""},
		{"order \"00\"", 200, `{"order":"00"}`, unknown, "", ""},
		{"order empty", 200, `{"order":""}`, unknown, "", ""},
		{"order blank", 200, `{"order":"  "}`, unknown, "", ""},
		{"order null", 200, `{"order":null}`, unknown, "", ""},
		{"order false", 200, `{"order":false}`, unknown, "", ""},
		{"order true", 200, `{"order":true}`, unknown, "", ""},
		{"order null, id given", 200, `{"order":null,"id":5}`, unknown, "", ""},
		{"fraction", 200, `{"order":23501.0}`, unknown, "", ""},
		{"exponent", 200, `{"order":2.3501e4}`, unknown, "", ""},
		{"negative", 200, `{"order":-1}`, unknown, "", ""},
		{"negative text", 200, `{"order":"-1"}`, unknown, "", ""},
		{"the word null", 200, `{"order":"null"}`, unknown, "", ""},
		{"the word undefined", 200, `{"order":"undefined"}`, unknown, "", ""},
		{"the word Array", 200, `{"order":"Array"}`, unknown, "", ""},
		{"list", 200, `{"order":[77]}`, unknown, "", ""},
		{"empty list", 200, `{"order":[]}`, unknown, "", ""},
		{"object", 200, `{"order":{"id":77}}`, unknown, "", ""},
		{"65 characters", 200, `{"order":"` + strings.Repeat("a", 65) + `"}`, unknown, "", ""},
		{"65 digits", 200, `{"order":` + strings.Repeat("9", 65) + `}`, unknown, "", ""},
		{"blank inside", 200, `{"order":"7 7"}`, unknown, "", ""},
		{"NUL inside", 200, `{"order":"7\u00007"}`, unknown, "", ""},
		{"not ASCII", 200, `{"order":"№77"}`, unknown, "", ""},
		{"a number beyond all", 200, `{"order":1e400}`, unknown, "", ""},
		{"infinity", 200, `{"order":Infinity}`, unknown, "", ""},
		{"list of ids", 200, `{"order":[77,78]}`, unknown, "", ""},
		{"list of orders", 200, `{"orders":[77]}`, unknown, "", ""},
		{"id within id", 200, `{"order":{"order":{"id":77}}}`, unknown, "", ""},
		{"JSON within a text", 200, `{"order":"{\"id\":77}"}`, unknown, "", ""},
		{"the word NaN", 200, `{"order":"NaN"}`, unknown, "", ""},
		{"other name", 200, `{"Order":77}`, unknown, "", ""},
		{"order_id", 200, `{"order_id":77}`, unknown, "", ""},
		{"wrapped", 200, `{"data":{"order":77}}`, unknown, "", ""},
		{"twice", 200, `{"order":77,"order":78}`, unknown, "", ""},
		{"twice the same", 200, `{"order":77,"order":77}`, unknown, "", ""},
		{"error twice", 200, `{"error":"","order":77,"error":"Bad link"}`, unknown, "", ""},
		{"twice, escaped", 200, `{"order":77,"\u006frder":78}`, unknown, "", ""},
	}
}

// besideErrors hold an id beside an error: the order may exist.
func besideErrors() []whole {
	return []whole{
		// An id beside an error: it may exist.
		{"error beside", 200, `{"order":77,"error":"Bad link"}`, unknown, "", "77"},
		{"error beside, 400", 400, `{"order":77,"error":"Bad link"}`, unknown, "", "77"},
		{"blank error beside", 200, `{"order":77,"error":" "}`, unknown, "", "77"},
		{"error true beside", 200, `{"order":77,"error":true}`, unknown, "", "77"},
		{"error 1 beside", 200, `{"order":77,"error":1}`, unknown, "", "77"},
		{"error \"0\" beside", 200, `{"order":77,"error":"0"}`, unknown, "", "77"},
		{"error object beside", 200, `{"order":77,"error":{"code":0}}`, unknown, "", "77"},
		{"success false beside", 200, `{"order":77,"success":false,"message":"Bad link"}`, unknown, "", "77"},
		{"success false beside, no reason", 200, `{"order":77,"success":false}`, unknown, "", "77"},
		{"success 0 beside", 200, `{"order":77,"success":0}`, unknown, "", "77"},
		{"status fail beside", 200, `{"order":77,"status":"fail"}`, unknown, "", "77"},
		{"status Error beside", 200, `{"order":77,"status":"Error"}`, unknown, "", "77"},
		{"success false and refused", 200, `{"success":false,"order":"77","error":"Not enough funds on balance"}`, unknown, "", "77"},
		{"id in the error", 200, `{"error":{"order":77,"message":"Bad link"}}`, unknown, "", ""},
		{"id and 306", 306, `{"order":77}`, unknown, "", "77"},
		{"id and 400", 400, `{"order":77}`, unknown, "", "77"},
		{"id and 404", 404, `{"order":77}`, unknown, "", "77"},
		{"id and 429", 429, `{"order":77}`, unknown, "", "77"},
		{"id and 302", 302, `{"order":77}`, unknown, "", "77"},
		{"id twice and 403", 403, `{"order":77,"order":77}`, unknown, "", ""},
		{"id in a list and 403", 403, `[{"order":77}]`, unknown, "", "77"},
		{"id in HTML and 403", 403, `<p>{"order":77}</p>`, unknown, "", "77"},
		{"id within data", 200, `{"error":"Bad link","data":{"order":77}}`, unknown, "", ""},
		{"id in a list within", 400, `{"error":"Bad link","orders":[{"order_id":"77"}]}`, unknown, "", ""},
		{"orderId beside", 200, `{"error":"Bad link","orderId":77}`, unknown, "", ""},
	}
}

// unreadable are server errors, what is no JSON object, and redirects.
func unreadable() []whole {
	return []whole{
		// 5xx: whatever the body says.
		{"500 with id", 500, `{"order":77}`, unknown, "", "77"},
		{"500 refusing", 500, `{"error":"Bad link"}`, unknown, "", ""},
		{"500 empty", 500, ``, unknown, "", ""},
		{"502 HTML", 502, `<html><h1>502 Bad Gateway</h1></html>`, unknown, "", ""},
		{"503 refusing", 503, `{"error":"Not enough funds on balance"}`, unknown, "", ""},
		{"504", 504, `upstream timed out`, unknown, "", ""},
		{"520", 520, `error code: 520`, unknown, "", ""},
		{"599", 599, `{"error":"Bad link"}`, unknown, "", ""},
		{"beyond", 999, `{"error":"Bad link"}`, unknown, "", ""},

		// Nothing that could be read.
		{"empty", 200, ``, unknown, "", ""},
		{"204", 204, ``, unknown, "", ""},
		{"blank", 200, " \n", unknown, "", ""},
		{"null", 200, `null`, unknown, "", ""},
		{"true", 200, `true`, unknown, "", ""},
		{"a bare id", 200, `77`, unknown, "", ""},
		{"a text", 200, `"Bad link"`, unknown, "", ""},
		{"an empty object", 200, `{}`, unknown, "", ""},
		{"a list", 200, `[]`, unknown, "", ""},
		{"a list of an order", 200, `[{"order":77}]`, unknown, "", "77"},
		{"HTML", 200, `<!doctype html><title>Maintenance</title>`, unknown, "", ""},
		{"HTML with an order's number", 200, `<p>Thank you! Your order #12 was placed.</p>`, unknown, "", ""},
		{"HTML with an order's number and 405", 405, `<p>order #12</p>`, unknown, "", ""},
		{"false", 200, `false`, unknown, "", ""},
		{"a BOM alone", 200, "\xef\xbb\xbf", unknown, "", ""},
		{"two BOMs", 200, "\xef\xbb\xbf\xef\xbb\xbf{\"order\":77}", unknown, "", "77"},
		{"202 without a word", 202, ``, unknown, "", ""},
		{"comments in JSON", 200, `{"order":77/* ok */}`, unknown, "", ""},
		{"NUL behind", 200, "{\"order\":77}\x00", unknown, "", "77"},
		{"two objects on lines", 200, "{\"error\":\"Bad link\"}\n{\"order\":77}\n", unknown, "", ""},
		{"HTML that refuses", 400, `<h1>Bad link</h1>`, unknown, "", ""},
		{"PHP notice before", 200, "<br />\n<b>Notice</b>: Undefined index: runs in <b>/srv/api.php</b> on line <b>7</b><br />\n{\"order\":77}", unknown, "", "77"},
		{"PHP notice behind", 200, `{"order":77}<br /><b>Warning</b>: mail()`, unknown, "", "77"},
		{"PHP notice before an error", 200, "<b>Notice</b>: x\n{\"error\":\"Bad link\"}", unknown, "", ""},
		{"two objects", 200, `{"order":77}{"order":78}`, unknown, "", "77"},
		{"cut short", 200, `{"order":77`, unknown, "", ""},
		{"cut in the id", 200, `{"order":7`, unknown, "", ""},
		{"single quotes", 200, `{'order':77}`, unknown, "", ""},
		{"trailing comma", 200, `{"order":77,}`, unknown, "", ""},
		{"not a number", 200, `{"order":NaN}`, unknown, "", ""},
		{"leading zeros", 200, `{"order":0077}`, unknown, "", ""},
		{"hexadecimal", 200, `{"order":0x4d}`, unknown, "", ""},
		{"UTF-16", 200, "\xff\xfe{\x00\"\x00o\x00", unknown, "", ""},
		{"gzip", 200, "\x1f\x8b\x08\x00\x00", unknown, "", ""},
		{"JSONP", 200, `callback({"order":77})`, unknown, "", "77"},
		{"deep", 200, deep(), unknown, "", ""},
		{"deep and 403", 403, deep(), unknown, "", ""},
		{"429 and broken JSON with an id", 429, `{"order":1025,"msg":"rate`, unknown, "", ""},
		{"404 and an id behind a style", 404, `<style>a{b:c}</style> {"order":1025}`, unknown, "", ""},
		{"403 and a sentence", 403, `order: 1025 placed`, unknown, "", ""},
		{"404 and an order number", 404, `<p>Your order #77 could not be shown</p>`, unknown, "", ""},
		{"404 page", 404, `<h1>Not found</h1>`, refused, sourcePaused, ""},
		{"an id with a comma", 200, `{"order":"12,13"}`, unknown, "", ""},
		{"neither", 200, `{"message":"Thank you"}`, unknown, "", ""},
		{"a status alone", 200, `{"status":"success"}`, unknown, "", ""},
		{"failed without a reason", 200, `{"success":false}`, unknown, "", ""},
		{"failed with a reason that is none", 200, `{"success":false,"message":{"a":1}}`, unknown, "", ""},
		{"error blank", 200, `{"error":" "}`, unknown, "", ""},
		{"errors by another name", 422, `{"message":"The given data was invalid.","errors":{"link":["The link is invalid."]}}`, unknown, "", ""},

		// Redirects and informational answers are no answers.
		{"301", 301, ``, unknown, "", ""},
		{"302 refusing", 302, `{"error":"Bad link"}`, unknown, "", ""},
		{"307", 307, `<a href="/api/v2/">Temporary Redirect</a>`, unknown, "", ""},
		{"304", 304, ``, unknown, "", ""},
	}
}

// refusals are a JSON error without an id, and statuses that refuse alone.
func refusals() []whole {
	return []whole{
		// Refused: a JSON error without an id, in 2xx or 4xx.
		{"refused", 200, `{"error":"Bad link"}`, refused, customerFault, ""},
		{"refused with 201", 201, `{"error":"Bad link"}`, refused, customerFault, ""},
		{"refused with 400", 400, `{"error":"Bad link"}`, refused, customerFault, ""},
		{"refused with 422", 422, `{"error":"Bad link"}`, refused, customerFault, ""},
		{"refused with a BOM", 200, "\xef\xbb\xbf{\"error\":\"Bad link\"}", refused, customerFault, ""},
		{"refused, order null", 200, `{"error":"Bad link","order":null}`, refused, customerFault, ""},
		{"refused, order 0", 200, `{"error":"Bad link","order":0}`, refused, customerFault, ""},
		{"refused, order empty within", 200, `{"error":"Bad link","data":{"order":""}}`, refused, customerFault, ""},
		{"refused by an object", 200, `{"error":{"code":12,"message":"Incorrect link"}}`, refused, customerFault, ""},
		{"refused by a list", 200, `{"error":["Quantity less than minimal 100"]}`, refused, customerFault, ""},
		{"refused by an object with an id", 200, `{"error":{"id":12,"message":"Incorrect link"}}`, refused, customerFault, ""},
		{"refused by success", 200, `{"success":false,"message":"Incorrect service ID"}`, refused, otherSource, ""},
		{"refused by success as text", 200, `{"success":"False","msg":"Incorrect service ID"}`, refused, otherSource, ""},
		{"refused by success 0", 200, `{"success":0,"message":"Incorrect service ID"}`, refused, otherSource, ""},
		{"refused by status", 200, `{"status":"fail","message":"Not enough funds"}`, refused, sourcePaused, ""},
		{"refused by Status: error", 200, `{"status":"ERROR","message":"Not enough funds"}`, refused, sourcePaused, ""},
		{"refused, error null", 200, `{"error":null,"success":false,"message":"Bad link"}`, refused, customerFault, ""},
		{"unclassified", 200, `{"error":"Computer says no"}`, refused, unclassified, ""},
		{"unclassified with 400", 400, `{"error":"Computer says no"}`, refused, unclassified, ""},
		{"unclassified number", 200, `{"error":13}`, refused, unclassified, ""},
		{"unclassified true", 200, `{"error":true}`, refused, unclassified, ""},

		// Statuses that refuse without a text.
		{"401", 401, ``, refused, sourcePaused, ""},
		{"403 HTML", 403, `<html>Just a moment...</html>`, refused, sourcePaused, ""},
		{"404 HTML", 404, `<h1>Not Found</h1>`, refused, sourcePaused, ""},
		{"404 JSON", 404, `{"message":"Not Found"}`, refused, sourcePaused, ""},
		{"405", 405, ``, refused, sourcePaused, ""},
		{"413", 413, `<h1>Too large</h1>`, refused, sourcePaused, ""},
		{"429", 429, ``, refused, tryLater, ""},
		{"429 JSON", 429, `{"message":"slow down"}`, refused, tryLater, ""},
		{"403 list", 403, `[]`, refused, sourcePaused, ""},
		{"402", 402, ``, unknown, "", ""},
		{"408", 408, ``, unknown, "", ""},
		{"409", 409, ``, unknown, "", ""},
		{"425", 425, ``, unknown, "", ""},
		{"499", 499, ``, unknown, "", ""},

		// Text before status: what is known of the text counts, else the status.
		{"403, known text", 403, `{"error":"Bad link"}`, refused, customerFault, ""},
		{"403, unknown text", 403, `{"error":"Computer says no"}`, refused, sourcePaused, ""},
		{"429, unknown text", 429, `{"error":"Computer says no"}`, refused, tryLater, ""},
		{"404, uncertain text", 404, `{"error":"Internal error"}`, unknown, "", ""},
		{"403, uncertain text", 403, `{"error":"Gateway Timeout"}`, unknown, "", ""},
	}
}
