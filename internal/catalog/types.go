package catalog

import (
	"slices"
	"strings"
)

// Type names the fields that a service's orders have. The words are an
// interface: panels that sell our services go by them.
type Type string

// The types.
const (
	Default               Type = "Default"
	Package               Type = "Package"
	CustomComments        Type = "Custom Comments"
	CustomCommentsPackage Type = "Custom Comments Package"
	MentionsWithHashtags  Type = "Mentions with Hashtags"
	MentionsCustomList    Type = "Mentions Custom List"
	MentionsHashtag       Type = "Mentions Hashtag"
	MentionsUserFollowers Type = "Mentions User Followers"
	MentionsMediaLikers   Type = "Mentions Media Likers"
	CommentLikes          Type = "Comment Likes"
	CommentReplies        Type = "Comment Replies"
	Poll                  Type = "Poll"
	InvitesFromGroups     Type = "Invites from Groups"
	Subscriptions         Type = "Subscriptions"
	SEO                   Type = "SEO"
	WebTraffic            Type = "Web Traffic"
)

// Kind says what a field's value is.
type Kind int

// The kinds.
const (
	Text  Kind = iota + 1 // one line
	Whole                 // a whole number between Least and Most
	Lines                 // one or more lines; each that is not blank counts
	Words                 // lines, or one line with commas between
	URL                   // an http or https address
	Date                  // a day, kept as YYYY-MM-DD
)

// Field is one field of an order of some type, beside its link and quantity.
type Field struct {
	Name        string
	Kind        Kind
	Required    bool
	Least, Most int64    // of a whole number, both included
	Known       []string // for a text: other words for the numbers 1, 2, …
}

// Counting says where an order's quantity comes from.
type Counting int

// The countings.
const (
	ByQuantity Counting = iota + 1 // the field quantity
	ByLines                        // the lines of the schema's list
	ByPackage                      // the service's min, whatever is sent
	ByPosts                        // max × posts: the most that a subscription can deliver
)

// Schema is what an order of a type consists of. Pages, API and command line
// build their forms and checks from it.
type Schema struct {
	Type     Type
	Link     bool // takes a link, and needs one
	Counting Counting
	List     string // the field whose lines count, with ByLines
	Fields   []Field
	Dripfeed bool // may be delivered in runs where the service allows it
}

// Bounds of the fields that have bounds of their own.
const (
	MaxPosts    = 1000
	MaxDelay    = 10_080 // minutes
	MaxOldPosts = 1000
	maxCount    = 1_000_000_000_000_000
)

func text(name string) Field  { return Field{Name: name, Kind: Text, Required: true} }
func lines(name string) Field { return Field{Name: name, Kind: Lines, Required: true} }
func words(name string) Field { return Field{Name: name, Kind: Words, Required: true} }
func address(name string) Field {
	return Field{Name: name, Kind: URL, Required: true}
}

func whole(name string, least, most int64) Field {
	return Field{Name: name, Kind: Whole, Required: true, Least: least, Most: most}
}

func optional(f Field) Field {
	f.Required = false
	return f
}

func choice(name string, known ...string) Field {
	return Field{Name: name, Kind: Whole, Required: true, Least: 1, Most: int64(len(known)), Known: known}
}

// schemas lists the types with their fields.
//
//nolint:gochecknoglobals // a table
var schemas = []Schema{
	{Type: Default, Link: true, Counting: ByQuantity, Dripfeed: true},
	{Type: Package, Link: true, Counting: ByPackage},
	{Type: CustomComments, Link: true, Counting: ByLines, List: "comments", Fields: []Field{lines("comments")}},
	{Type: CustomCommentsPackage, Link: true, Counting: ByPackage, Fields: []Field{lines("comments")}},
	{Type: MentionsWithHashtags, Link: true, Counting: ByQuantity, Fields: []Field{words("usernames"), words("hashtags")}},
	{Type: MentionsCustomList, Link: true, Counting: ByLines, List: "usernames", Fields: []Field{words("usernames")}},
	{Type: MentionsHashtag, Link: true, Counting: ByQuantity, Fields: []Field{text("hashtag")}},
	{Type: MentionsUserFollowers, Link: true, Counting: ByQuantity, Fields: []Field{text("username")}},
	{Type: MentionsMediaLikers, Link: true, Counting: ByQuantity, Fields: []Field{address("media")}},
	{Type: CommentLikes, Link: true, Counting: ByQuantity, Fields: []Field{text("username")}},
	{Type: CommentReplies, Link: true, Counting: ByLines, List: "comments", Fields: []Field{text("username"), lines("comments")}},
	{Type: Poll, Link: true, Counting: ByQuantity, Fields: []Field{whole("answer_number", 1, maxCount)}},
	{Type: InvitesFromGroups, Link: true, Counting: ByQuantity, Fields: []Field{words("groups")}},
	{Type: Subscriptions, Counting: ByPosts, Fields: []Field{
		text("username"), whole("min", 1, maxCount), whole("max", 1, maxCount), whole("delay", 0, MaxDelay),
		optional(whole("posts", 1, MaxPosts)), optional(whole("old_posts", 0, MaxOldPosts)),
		{Name: "expiry", Kind: Date},
	}},
	{Type: SEO, Link: true, Counting: ByQuantity, Dripfeed: true, Fields: []Field{words("keywords")}},
	{Type: WebTraffic, Link: true, Counting: ByQuantity, Dripfeed: true, Fields: []Field{
		text("country"),
		choice("device", "desktop", "android", "ios", "mixed mobile", "mixed"),
		choice("type_of_traffic", "google keyword", "custom referrer", "blank"),
		optional(text("google_keyword")), optional(address("referring_url")),
	}},
}

// Schemas returns the schemas of all types, in the order in which they are documented.
func Schemas() []Schema { return slices.Clone(schemas) }

// SchemaOf returns the schema of a type.
func SchemaOf(t Type) (Schema, bool) {
	for _, s := range schemas {
		if s.Type == t {
			return s, true
		}
	}
	return Schema{}, false
}

// ParseType reads a type as providers spell it: in any case, with blanks,
// underscores or hyphens. An empty text is the default type.
func ParseType(said string) (Type, bool) {
	plain := strings.NewReplacer(" ", "", "_", "", "-", "")
	key := plain.Replace(strings.ToLower(strings.TrimSpace(said)))
	if key == "" {
		return Default, true
	}
	for _, s := range schemas {
		if plain.Replace(strings.ToLower(string(s.Type))) == key {
			return s.Type, true
		}
	}
	return "", false
}

// Field returns the field of that name.
func (s Schema) Field(name string) (Field, bool) {
	i := slices.IndexFunc(s.Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return s.Fields[i], true
}
