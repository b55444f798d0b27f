package simulator

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxSlow bounds the wait that a link may ask for.
const maxSlow = 5 * time.Minute

// outcome is a word of a link's fragment that says what add answers or what
// becomes of the order.
type outcome string

// What becomes of an order.
const (
	completes    outcome = "complete"
	endsPartial  outcome = "partial"
	endsCanceled outcome = "cancel"
	endsCut      outcome = "cancel-at"
	endsFailed   outcome = "fail"
	takenBack    outcome = "take-back"
	revoked      outcome = "revoke"
)

// What add answers.
const (
	answers         outcome = ""
	refused         outcome = "refuse"
	refusedUnknown  outcome = "refuse-unknown"
	refusedFunds    outcome = "no-funds"
	refusedLater    outcome = "refuse-later"
	suspended       outcome = "suspended"
	onePerLink      outcome = "one-per-link"
	bareStatus      outcome = "http"
	timeoutAccepted outcome = "timeout-accepted"
	timeoutLost     outcome = "timeout-lost"
	htmlAccepted    outcome = "500-accepted"
	jsonAccepted    outcome = "500-json-accepted"
	garbage         outcome = "garbage"
	dropBody        outcome = "drop-body"
	duplicateID     outcome = "dup-id"
	idAndError      outcome = "id-and-error"
	noID            outcome = "no-id"
	textID          outcome = "string-id"
	created         outcome = "created"
	emptyBody       outcome = "empty"
	redirects       outcome = "redirect"
)

// What becomes of a wish to cancel, and of a refill. The empty word is the
// honest way.
const (
	cancelRefused outcome = "cancel-refuse"
	cancelIgnored outcome = "cancel-later"
	cancelCut     outcome = "cancel-partial"

	refillRejected outcome = "refill-reject"
	refillRefused  outcome = "refill-refuse"
	refillNameless outcome = "refill-no-id"
	refillNumber   outcome = "refill-number"
)

// How a status is written.
const (
	asNumbers   outcome = "numbers"
	keyedAlone  outcome = "keyed"
	orderInside outcome = "order-inside"
	forgotten   outcome = "forgotten"
	bareError   outcome = "bare-error"
)

// How a subscription or a drip-feed ends before its time.
const (
	stops   outcome = "stop"
	pauses  outcome = "pause"
	expires outcome = "expire"
)

// lie is what a status says of one of its values in place of the truth.
type lie struct {
	told bool
	text string // none leaves it out, null is null, else the text; charge has words of its own
}

// plan is what a link asks for.
type plan struct {
	ending  outcome
	percent int64  // what endsPartial, endsCut and takenBack deliver of the quantity
	word    string // the last word on the order; "" is the ending's own

	answer outcome
	times  int           // how many adds the answer spoils; 0: all
	code   int           // of bareStatus
	slow   time.Duration // before anything is done

	cancel     outcome
	cancelWord string // of cancelCut
	refill     outcome

	stop      outcome // of a series
	stopAfter int64   // posts or runs

	charge, remains, start               lie
	numbers, keyed, inside, forgot, bare bool
}

// honest is the plan of a link without steering.
func honest() plan { return plan{ending: completes} }

// refusing is the plan of a link with words that there are not.
func refusing() plan { return plan{ending: completes, answer: refused} }

// steering reads the plan from a link, or from the user name that a subscription
// has in its place. A link without steering asks for completion, one with words
// that there are not for a refusal.
func steering(link string) plan {
	p := honest()
	_, fragment, _ := strings.Cut(link, "#")
	// Some clients escape the colon and the comma on their way.
	if plain, err := url.PathUnescape(fragment); err == nil {
		fragment = plain
	}
	words, steered := strings.CutPrefix(fragment, "sim=")
	if !steered {
		return p
	}
	seen := map[string]bool{}
	for word := range strings.SplitSeq(words, ",") {
		kind, ok := p.take(word)
		if !ok || seen[kind] {
			return refusing()
		}
		seen[kind] = true
	}
	return p
}

// The kinds of words. A link has at most one of each; the words about the
// writing of a status are a kind each.
const (
	kindEnding = "ending"
	kindAnswer = "answer"
	kindCancel = "cancel"
	kindRefill = "refill"
	kindStop   = "stop"
)

// take adds one word to the plan and reports its kind, and whether it was a word
// at all.
func (p *plan) take(text string) (kind string, ok bool) {
	name, argument, has := strings.Cut(text, ":")
	word := outcome(name)
	switch word {
	case completes, endsCanceled, endsFailed, revoked, endsPartial, endsCut, takenBack:
		p.ending = word
		return kindEnding, p.takeEnding(argument, has)
	case refused, refusedUnknown, refusedFunds, refusedLater, suspended, onePerLink, bareStatus, timeoutAccepted,
		timeoutLost, htmlAccepted, jsonAccepted, garbage, dropBody, duplicateID, idAndError, noID, textID, created,
		emptyBody, redirects:
		p.answer = word
		return kindAnswer, p.takeAnswer(argument, has)
	case cancelRefused, cancelIgnored, cancelCut:
		p.cancel = word
		return kindCancel, p.takeCancel(argument, has)
	case refillRejected, refillRefused, refillNameless, refillNumber:
		p.refill = word
		return kindRefill, !has
	case stops, pauses, expires:
		n, err := strconv.ParseUint(argument, 10, 16)
		p.stop, p.stopAfter = word, int64(n)
		return kindStop, err == nil && n <= maxParts
	case asNumbers, keyedAlone, orderInside, forgotten, bareError:
		p.takeForm(word)
		return name, !has
	default:
		return name, p.takeValue(name, argument, has)
	}
}

func (p *plan) takeEnding(argument string, has bool) bool {
	switch p.ending {
	case endsPartial, endsCut, takenBack:
		// 100 is allowed: a Partial without remains is something clients meet.
		n, err := strconv.ParseUint(argument, 10, 8)
		p.percent = int64(n)
		return err == nil && n <= 100
	default:
		return !has
	}
}

func (p *plan) takeAnswer(argument string, has bool) bool {
	switch p.answer {
	case bareStatus:
		n, err := strconv.Atoi(argument)
		p.code = n
		return err == nil && n >= 400 && n <= 599
	case refusedLater, timeoutLost:
		if !has {
			return true
		}
		n, err := strconv.Atoi(argument)
		p.times = n
		return err == nil && n >= 1 && n <= 1000
	default:
		return !has
	}
}

func (p *plan) takeCancel(argument string, has bool) bool {
	p.cancelWord = statusPartial
	if p.cancel != cancelCut || !has {
		return !has
	}
	p.cancelWord = statusCanceled
	return argument == "canceled"
}

func (p *plan) takeForm(word outcome) {
	switch word {
	case asNumbers:
		p.numbers = true
	case keyedAlone:
		p.keyed = true
	case orderInside:
		p.inside = true
	case forgotten:
		p.forgot = true
	default:
		p.bare = true
	}
}

var (
	// spoken is a status word: something that a provider could have made up.
	spoken = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N} _-]{0,31}$`)
	// told is a value of a status.
	told = regexp.MustCompile(`^[A-Za-z0-9.-]{0,24}$`)
)

// takeValue reads the words whose argument is the message.
func (p *plan) takeValue(name, argument string, has bool) bool {
	truth := lie{told: true, text: argument}
	switch name {
	case "slow":
		d, err := time.ParseDuration(argument)
		p.slow = d
		return err == nil && d > 0 && d <= maxSlow
	case "word":
		p.word = argument
		return spoken.MatchString(argument)
	case "remains":
		p.remains = truth
		return has && told.MatchString(argument)
	case "start":
		p.start = truth
		return has && told.MatchString(argument)
	case "charge":
		p.charge = truth
		return argument == chargeFull || argument == chargeDouble || argument == chargeLong || argument == valueNone || argument == valueNull
	default:
		return false
	}
}

// What charge can be made to say, and what leaves a value out.
const (
	chargeFull   = "full"
	chargeDouble = "double"
	chargeLong   = "long"
	valueNone    = "none"
	valueNull    = "null"
)

// refusal is the text that the plan wants an add to be refused with, or "".
func (p plan) refusal() refusal {
	switch p.answer {
	case refused:
		return incorrectLink
	case refusedUnknown:
		return declined
	case refusedFunds:
		return notEnoughFunds
	case suspended:
		return accountSuspended
	default:
		return ""
	}
}

// last returns the last word on an order and what remains of its quantity. Late
// is the time after which some providers change their mind.
func (p plan) last(quantity int64, late bool) (status string, remains int64) {
	// Rounded down: a started unit is not a delivered one.
	left := quantity - share(quantity, p.percent, 100)
	switch {
	case p.ending == endsPartial, p.ending == takenBack && late:
		status, remains = statusPartial, left
	case p.ending == endsCanceled, p.ending == revoked && late:
		status, remains = statusCanceled, quantity
	case p.ending == endsCut:
		status, remains = statusCanceled, left
	case p.ending == endsFailed:
		status, remains = statusFailed, quantity
	default:
		status = statusCompleted
	}
	if p.word != "" && (late || !p.changes()) {
		status = p.word
	}
	return status, remains
}

// changes reports whether the last word is taken back for another.
func (p plan) changes() bool { return p.ending == takenBack || p.ending == revoked }

// ofPart is the plan of a post or a run of a series with this plan.
func (p plan) ofPart() plan {
	p.answer, p.times, p.code, p.slow = answers, 0, 0, 0
	p.stop, p.stopAfter = "", 0
	p.cancel = cancelRefused
	return p
}

// name is the plan in the log: the answer if it is a special one, or the ending.
func (p plan) name() string {
	if p.answer != answers {
		return string(p.answer)
	}
	return string(p.ending)
}
