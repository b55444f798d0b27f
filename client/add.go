package client

import (
	"context"
	"crypto/rand"
	"net/url"
	"strconv"
	"strings"
)

// OrderRequest is an order to place. Which fields it needs, the service's type says;
// what is 0, "" or empty is not sent. A field that the service has no use for is
// refused, so that nobody pays for something else than they asked for.
type OrderRequest struct {
	// RequestID is your name for the order, 1 to 128 printable ASCII characters without
	// spaces: the same order is placed and charged once, however often it is asked for.
	// "": the client makes one for the call. Set your own, and store it before, where
	// your program may end in the middle of the call.
	RequestID string

	Service   int64  // required: the service's number
	Link      string // required but for subscriptions: an http or https URL of at most 1,000 characters
	Quantity  int64  // within the service's Min, Max and Increment; see below where the type counts something else
	MaxCharge Amount // the order is refused rather than charged more
	Coupon    string

	// Drip-feed, where the service has it: so many runs, so many minutes apart. Quantity
	// is for each run; the charge is for all.
	Runs     int64 // 2 to 1,000
	Interval int64 // minutes, 1 to 10,080

	Comments  []string // Custom Comments, Custom Comments Package, Comment Replies: their number is the quantity
	Usernames []string // Mentions with Hashtags, Mentions Custom List: of the latter their number is the quantity
	Hashtags  []string // Mentions with Hashtags
	Hashtag   string   // Mentions Hashtag
	Username  string   // Mentions User Followers, Comment Likes, Comment Replies, Subscriptions
	Media     string   // Mentions Media Likers: a URL
	Groups    []string // Invites from Groups
	Keywords  []string // SEO
	// AnswerNumber is the answer of a Poll that is voted for.
	AnswerNumber int64

	// Web Traffic.
	Country       string
	Device        int64  // 1 desktop, 2 Android, 3 iOS, 4 mixed mobile, 5 mixed
	TypeOfTraffic int64  // 1 Google keyword, 2 custom referrer, 3 blank
	GoogleKeyword string // with traffic of type 1
	ReferringURL  string // with traffic of type 2

	// Subscriptions: each new post gets between Min and Max, after Delay.
	Min, Max int64
	Delay    int64  // minutes; 0 is sent too where Max is set
	Posts    int64  // 1 to 1,000; optional where the service has a number of its own
	OldPosts int64  // optional
	Expiry   string // optional: a day to come, as 2026-12-31
}

// Placed is an order that was placed.
type Placed struct {
	Order    string `json:"order"`  // its id, "ord_" and 26 letters and digits
	Status   Status `json:"status"` // pending, also in the answer to a repeat: ask [Client.Status] for what is now
	Charge   Amount `json:"charge"`
	Currency string `json:"currency"`
	// RequestID is what the order was placed with, yours or the client's.
	RequestID string `json:"-"`
}

// Add places an order and charges it. All attempts carry the same request id, so it is
// charged once.
//
// Where nobody can tell whether the order was placed, because answers were lost or
// the panel is in trouble, the error is an [*UncertainError] with the request id. After
// any other error it was not placed.
func (c *Client) Add(ctx context.Context, order OrderRequest) (Placed, error) {
	if order.RequestID == "" {
		order.RequestID = rand.Text() // of 130 random bits
	}
	q := &request{action: "add", fields: order.fields()}
	placed, err := ask(ctx, c, q, func(p *Placed) bool { return p.Order != "" })
	if err != nil && q.doubt {
		return Placed{}, &UncertainError{RequestID: order.RequestID, Err: err}
	}
	if err != nil {
		return Placed{}, err
	}
	placed.RequestID = order.RequestID
	return placed, nil
}

func (r *OrderRequest) fields() url.Values {
	fields := url.Values{}
	for name, value := range map[string]string{
		"request_id": r.RequestID, "link": r.Link, "max_charge": string(r.MaxCharge), "coupon": r.Coupon,
		"hashtag": r.Hashtag, "username": r.Username, "media": r.Media, "country": r.Country,
		"google_keyword": r.GoogleKeyword, "referring_url": r.ReferringURL, "expiry": r.Expiry,
		"comments": lines(r.Comments), "usernames": lines(r.Usernames), "hashtags": lines(r.Hashtags),
		"groups": lines(r.Groups), "keywords": lines(r.Keywords),
		"service": whole(r.Service), "quantity": whole(r.Quantity), "runs": whole(r.Runs), "interval": whole(r.Interval),
		"answer_number": whole(r.AnswerNumber), "device": whole(r.Device), "type_of_traffic": whole(r.TypeOfTraffic),
		"min": whole(r.Min), "max": whole(r.Max), "posts": whole(r.Posts), "old_posts": whole(r.OldPosts),
	} {
		if value != "" {
			fields.Set(name, value)
		}
	}
	if r.Delay != 0 || r.Max != 0 {
		fields.Set("delay", strconv.FormatInt(r.Delay, 10))
	}
	return fields
}

func lines(list []string) string { return strings.Join(list, "\n") }
