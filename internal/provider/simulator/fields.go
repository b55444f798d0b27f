package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/money"
)

// Fields are the values of an order beside service, link and quantity, by their
// names, as sent but for the space around them.
type Fields map[string]string

// maxLink is the length of a link that a native client may send, in characters.
const maxLink = 1000

// maxQuantity is the largest bound of a service.
const maxQuantity = 1_000_000_000

// counting says where the quantity of an order comes from.
type counting int

const (
	counted counting = iota // the field quantity
	fixed                   // the package's
	lines                   // of a field
	perPost                 // min to max of each post
)

// shape is what a type of service takes.
type shape struct {
	needs    []string // beside link, each refused if it is missing or malformed
	takes    []string // kept if they are there
	count    counting
	lines    string // the field whose lines are the quantity
	linkless bool
}

// shapeOf returns the shape of a type. A type that nobody knows takes a quantity.
func shapeOf(kind string) shape {
	switch kind {
	case typePackage:
		return shape{count: fixed}
	case typeComments:
		return shape{needs: []string{"comments"}, count: lines, lines: "comments"}
	case typeCommentsPackage:
		return shape{needs: []string{"comments"}, count: fixed}
	case typeMentionsWithHashtags:
		return shape{needs: []string{"usernames", "hashtags"}}
	case typeMentionsList:
		return shape{needs: []string{"usernames"}, count: lines, lines: "usernames"}
	case typeMentionsHashtag:
		return shape{needs: []string{"hashtag"}}
	case typeMentionsFollowers, typeCommentLikes:
		return shape{needs: []string{"username"}}
	case typeMentionsMedia:
		return shape{needs: []string{"media"}}
	case typeCommentReplies:
		return shape{needs: []string{"username", "comments"}, count: lines, lines: "comments"}
	case typePoll:
		return shape{needs: []string{"answer_number"}}
	case typeInvites:
		return shape{needs: []string{"groups"}}
	case typeSubscriptions:
		return shape{needs: []string{"username", "min", "max", "delay"}, takes: []string{"posts", "old_posts", "expiry"}, count: perPost, linkless: true}
	case typeSEO:
		return shape{needs: []string{"keywords"}}
	case typeTraffic:
		return shape{needs: []string{"country", "device", "type_of_traffic"}, takes: []string{"google_keyword", "referring_url"}}
	default:
		return shape{}
	}
}

// wellFormed reports whether a required field can be what its name says.
func wellFormed(name, text string) bool {
	switch name {
	case "comments", "usernames", "hashtags", "keywords", "groups":
		return len(listed(name, text)) > 0
	case "answer_number":
		return within(text, 1, 100)
	case "device":
		return within(text, 1, 5)
	case "type_of_traffic":
		return within(text, 1, 3)
	case "delay":
		return within(text, 0, 600) && quantity(text)%5 == 0
	case "min", "max":
		return within(text, 1, maxQuantity)
	case "media":
		u, err := url.Parse(text)
		return err == nil && u.Host != ""
	default:
		return true
	}
}

func within(text string, least, most int64) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	return err == nil && n >= least && n <= most
}

// listed splits a list: by lines, and by commas where there is one line and the
// field holds names. Blank entries count for nothing.
func listed(name, text string) []string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	separator := "\n"
	if name != "comments" && !strings.Contains(text, "\n") {
		separator = ","
	}
	var list []string
	for entry := range strings.SplitSeq(text, separator) {
		if entry = strings.TrimSpace(entry); entry != "" {
			list = append(list, entry)
		}
	}
	return list
}

// request is an order as asked for.
type request struct {
	service, quantity int64
	link              string
	fields            Fields
	series            *series
	charge            money.Amount
	plan              plan

	requestID, hash string // of a native client
}

// steeredBy is the text whose fragment steers an order: a subscription has no
// link.
func steeredBy(link string, f Fields) string {
	if link == "" {
		return f["username"]
	}
	return link
}

// check completes an order, or says why it cannot be one. The link is refused
// first, then the fields of the type, then the quantity.
func (s *Simulator) check(form url.Values, d dialect, rq *request) *flaw {
	sv, found := s.book.service(value(form, "service"))
	if !found {
		return say(incorrectService)
	}
	rq.service = sv.number
	sh := shapeOf(sv.kind)
	if sh.linkless {
		rq.link = ""
	} else if bad := checkLink(rq.link, d); bad != nil {
		return bad
	}
	if bad := rq.take(form, sh); bad != nil {
		return bad
	}
	if bad := rq.measure(form, sv, sh, d, s.now()); bad != nil {
		return bad
	}
	// A word about posts or runs needs some.
	if rq.plan.stop != "" && rq.series == nil {
		return say(incorrectLink)
	}
	return rq.price(sv)
}

func checkLink(link string, d dialect) *flaw {
	if link == "" {
		return lacks("link", badLink)
	}
	if d != native {
		return nil
	}
	if utf8.RuneCountInString(link) > maxLink {
		return &flaw{classic: badLink, native: "link must have at most 1000 characters"}
	}
	if u, err := url.Parse(link); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return &flaw{classic: badLink, native: "link must be an http or https URL"}
	}
	return nil
}

// take reads the fields of the type.
func (rq *request) take(form url.Values, sh shape) *flaw {
	for _, name := range slices.Concat(sh.needs, sh.takes) {
		if text := optional(form, name); text != "" {
			if rq.fields == nil {
				rq.fields = Fields{}
			}
			rq.fields[name] = text
		}
	}
	needs := sh.needs
	switch rq.fields["type_of_traffic"] {
	case "1":
		needs = append(slices.Clone(needs), "google_keyword")
	case "2":
		needs = append(slices.Clone(needs), "referring_url")
	}
	for _, name := range needs {
		text, there := rq.fields[name]
		if !there {
			return lacks(name, incorrect(name))
		}
		if !wellFormed(name, text) {
			return malformed(name)
		}
	}
	return nil
}

// measure finds the quantity and holds it against the service's bounds.
func (rq *request) measure(form url.Values, sv service, sh shape, d dialect, now time.Time) *flaw {
	switch sh.count {
	case fixed:
		rq.quantity = sv.min
		return nil
	case perPost:
		return rq.subscribe(sv, d, now)
	case lines:
		rq.quantity = int64(len(listed(sh.lines, rq.fields[sh.lines])))
	case counted:
		text := value(form, "quantity")
		if text == "" && d == native {
			return lacks("quantity", "")
		}
		rq.quantity = quantity(text)
	}
	if bad := bounded("quantity", rq.quantity, sv); bad != nil {
		return bad
	}
	return rq.drip(form, sv, d)
}

// drip makes a drip-feed of an order with runs.
func (rq *request) drip(form url.Values, sv service, d dialect) *flaw {
	count, pause := optional(form, "runs"), optional(form, "interval")
	if !sv.dripfeed {
		if d == native && count != "" {
			return &flaw{native: "runs is not available for this service"}
		}
		return nil
	}
	n := quantity(count)
	switch {
	case n <= 1 && d != native, count == "":
		return nil
	case n <= 1, n > maxParts:
		return &flaw{classic: incorrect("runs"), native: "runs must be between 2 and 1000"}
	case pause == "":
		return lacks("interval", incorrect("interval"))
	case !within(pause, 1, 100_000):
		return malformed("interval")
	}
	if rq.fields == nil {
		rq.fields = Fields{}
	}
	rq.fields["runs"], rq.fields["interval"] = strconv.FormatInt(n, 10), pause
	rq.series = &series{kind: runs, sizes: runSizes(int(n), rq.quantity), rate: sv.rate}
	rq.quantity = rq.series.units()
	return nil
}

// subscribe makes a subscription.
func (rq *request) subscribe(sv service, d dialect, now time.Time) *flaw {
	least, most := quantity(rq.fields["min"]), quantity(rq.fields["max"])
	if bad := bounded("min", least, sv); bad != nil {
		return bad
	}
	if bad := bounded("max", most, sv); bad != nil {
		return bad
	}
	if most < least {
		return malformed("max")
	}
	n, text := int64(unlimitedPosts), rq.fields["posts"]
	switch {
	case text == "" && d == native:
		return lacks("posts", "")
	case text == "0" && d != native, text == "":
	case !within(text, 1, maxParts):
		return &flaw{classic: incorrect("posts"), native: "posts must be between 1 and 1000"}
	default:
		n = quantity(text)
	}
	rq.series = &series{kind: posts, sizes: postSizes(int(n), least, most), rate: sv.rate}
	rq.quantity = rq.series.units()
	if text := rq.fields["expiry"]; text != "" {
		end, ok := expiry(text)
		if !ok || !end.After(now) {
			return malformed("expiry")
		}
		rq.series.expires = end
	}
	return nil
}

// expiry reads the last day of a subscription and returns its end. Days stand
// before months, unless that cannot be.
func expiry(text string) (time.Time, bool) {
	for _, layout := range []string{"2/1/2006", "1/2/2006", time.DateOnly} {
		if day, err := time.Parse(layout, text); err == nil {
			return day.AddDate(0, 0, 1), true
		}
	}
	return time.Time{}, false
}

func (rq *request) price(sv service) *flaw {
	var err error
	if rq.series != nil {
		rq.charge, err = rq.series.cost()
	} else {
		rq.charge, err = sv.price(rq.quantity)
	}
	if err != nil {
		return say(incorrectRequest)
	}
	return nil
}

// bounded holds a number against the service's bounds.
func bounded(name string, n int64, sv service) *flaw {
	text := name + " must be between " + strconv.FormatInt(sv.min, 10) + " and " + strconv.FormatInt(sv.max, 10)
	switch {
	case n < sv.min:
		return &flaw{classic: refusal("Quantity less than minimal " + strconv.FormatInt(sv.min, 10)), native: text}
	case n > sv.max:
		return &flaw{classic: refusal("Quantity more than maximum " + strconv.FormatInt(sv.max, 10)), native: text}
	}
	return nil
}

// quantity reads a number as a lenient script does: what is no number is 0, what
// is too large to hold is very large.
func quantity(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil && n == 0 {
		return 0
	}
	return n
}

// optional returns a parameter, or "" for what scripts send in place of nothing.
func optional(form url.Values, name string) string {
	switch text := value(form, name); text {
	case "undefined", "null", "NaN":
		return ""
	default:
		return text
	}
}

// hashOf names what a request asks for, so that a repeat of it is told from
// another request with its id.
func hashOf(form url.Values) string {
	names := []string{"service", "link", "quantity", "runs", "interval", "coupon"}
	for _, kind := range types() {
		sh := shapeOf(kind)
		names = slices.Concat(names, sh.needs, sh.takes)
	}
	slices.Sort(names)
	h := sha256.New()
	for _, name := range slices.Compact(names) {
		if text := value(form, name); text != "" {
			h.Write([]byte(url.QueryEscape(name) + "=" + url.QueryEscape(text) + "&"))
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
