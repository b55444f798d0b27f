package simulator

// The types of services, in the words of the dialect.
const (
	typeDefault              = "Default"
	typePackage              = "Package"
	typeComments             = "Custom Comments"
	typeCommentsPackage      = "Custom Comments Package"
	typeMentionsWithHashtags = "Mentions with Hashtags"
	typeMentionsList         = "Mentions Custom List"
	typeMentionsHashtag      = "Mentions Hashtag"
	typeMentionsFollowers    = "Mentions User Followers"
	typeMentionsMedia        = "Mentions Media Likers"
	typeCommentLikes         = "Comment Likes"
	typeCommentReplies       = "Comment Replies"
	typePoll                 = "Poll"
	typeInvites              = "Invites from Groups"
	typeSubscriptions        = "Subscriptions"
	typeSEO                  = "SEO"
	typeTraffic              = "Web Traffic"
)

func types() []string {
	return []string{
		typeDefault, typePackage, typeComments, typeCommentsPackage, typeMentionsWithHashtags, typeMentionsList,
		typeMentionsHashtag, typeMentionsFollowers, typeMentionsMedia, typeCommentLikes, typeCommentReplies,
		typePoll, typeInvites, typeSubscriptions, typeSEO, typeTraffic,
	}
}

// typed returns the part of the catalogue that shows every type of service, by
// number. Their words are the dialect's; what they stand for here is in the
// descriptions.
func typed() []service {
	return append(works(), append(notices(), campaigns()...)...)
}

func works() []service {
	const (
		packages = "Packages"
		review   = "Document review"
	)
	return []service{
		{
			number: 113, category: "Listings", name: "Directory listing impressions", kind: typeDefault,
			dripfeed: true, refill: true, cancel: true,
			desc: "One unit is one impression of your entry in a trade directory, on one day or on several.",
			rate: cents(60), min: 100, max: 100_000,
		},
		{
			number: 114, category: packages, name: "Logo package, three drafts", kind: typePackage, flat: true, cancel: true,
			desc: "Three drafts of a logo for the brief that the link names. The rate is the price of the package.",
			rate: cents(4_500), min: 1, max: 1,
		},
		{
			number: 115, category: packages, name: "SMS starter package, 500 messages", kind: typePackage, refill: true,
			desc: "500 messages to a list with consent. The rate is for 1,000, the package costs half of it.",
			rate: cents(600), min: 500, max: 500,
		},
		{
			number: 116, category: review, name: "Reviewer notes on a draft", kind: typeComments, refill: true, cancel: true,
			desc: "One unit is one of your notes, put beside the draft that the link names. A line is a note.",
			rate: cents(4_000), min: 2, max: 500,
		},
		{
			number: 117, category: review, name: "Editor's checklist package", kind: typeCommentsPackage, flat: true, cancel: true,
			desc: "An editor answers your questions, one a line, on the draft that the link names. The rate is the price of the package.",
			rate: cents(1_800), min: 1, max: 1,
		},
		{
			number: 118, category: review, name: "Marks on a reviewer's notes", kind: typeCommentLikes, refill: true, cancel: true,
			desc: "One unit is one mark of an editor who agrees with the notes of the reviewer that you name.",
			rate: cents(900), min: 5, max: 1_000,
		},
		{
			number: 119, category: review, name: "Answers to a reviewer's notes", kind: typeCommentReplies, cancel: true,
			desc: "One unit is one of your answers below the notes of the reviewer that you name. A line is an answer.",
			rate: cents(5_000), min: 1, max: 200,
		},
	}
}

func notices() []service {
	const mentions = "Directory and newsletter mentions"
	return []service{
		{
			number: 120, category: mentions, name: "Mentions by firms, with topics", kind: typeMentionsWithHashtags, cancel: true,
			desc: "One unit is one mention of your page in the newsletter of a firm on your list, under your topics.",
			rate: cents(1_500), min: 10, max: 5_000,
		},
		{
			number: 121, category: mentions, name: "Mentions by firms on your list", kind: typeMentionsList, refill: true, cancel: true,
			desc: "One unit is one firm of your list whose newsletter mentions your page. A line is a firm.",
			rate: cents(2_000), min: 2, max: 2_000,
		},
		{
			number: 122, category: mentions, name: "Mentions under a topic", kind: typeMentionsHashtag, cancel: true,
			desc: "One unit is one mention of your page in a trade directory, under the topic that you name.",
			rate: cents(700), min: 10, max: 10_000,
		},
		{
			number: 123, category: mentions, name: "Mentions to a publication's subscribers", kind: typeMentionsFollowers,
			desc: "One unit is one subscriber of the publication that you name, told of your page in its own newsletter.",
			rate: cents(800), min: 50, max: 20_000,
		},
		{
			number: 124, category: mentions, name: "Mentions to a white paper's readers", kind: typeMentionsMedia,
			desc: "One unit is one registered reader of the white paper that you name, told of your page with consent.",
			rate: cents(850), min: 50, max: 20_000,
		},
	}
}

func campaigns() []service {
	return []service{
		{
			number: 125, category: "Surveys and events", name: "Answers of a survey panel", kind: typePoll, refill: true, cancel: true,
			desc: "One unit is one test vote for the answer that you name, in a survey of your own that you want to try out.",
			rate: cents(1_100), min: 10, max: 5_000,
		},
		{
			number: 126, category: "Surveys and events", name: "Event invitations", kind: typeInvites, cancel: true,
			desc: "One unit is one invitation to the event that the link names, to a list that opted in.",
			rate: cents(950), min: 50, max: 10_000,
		},
		{
			number: 127, category: "Recurring placements", name: "Advert in each new issue", kind: typeSubscriptions, refill: true, cancel: true,
			desc: "Your advert in each new issue of the publication that you name. One unit is one copy.",
			rate: cents(250), min: 50, max: 10_000,
		},
		{
			number: 128, category: "SEO audits", name: "Keyword audit", kind: typeSEO, dripfeed: true, cancel: true,
			desc: "One unit is one page of the site that the link names, held against your keywords.",
			rate: cents(450), min: 10, max: 5_000,
		},
		{
			number: 129, category: "Load tests", name: "Test visits to a landing page", kind: typeTraffic, dripfeed: true, refill: true, cancel: true,
			desc: "One unit is one visit of a load test to a page of your own, from the country and kind of device that you name.",
			rate: cents(40), min: 100, max: 1_000_000,
		},
	}
}
