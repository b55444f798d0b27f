package browser

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
)

// Kind is what sort of problem a page has.
type Kind string

// The kinds, as they begin a problem's text.
const (
	Console   Kind = "console error"
	Exception Kind = "exception"
	Failed    Kind = "request failed" // no answer came
	Status    Kind = "status"         // an answer of 400 or above
	Foreign   Kind = "foreign request"
	Policy    Kind = "policy violation" // of the content security policy
	Mixed     Kind = "mixed content"
)

// Problem is something that a good page does not have.
type Problem struct {
	Kind Kind
	Text string // for Status it begins with the number: "404: GET /missing.png"
	At   string // the URL of the document
}

// String returns a line like "status 404: GET /missing.png".
func (p Problem) String() string {
	if p.Kind == Status {
		return "status " + p.Text
	}
	return string(p.Kind) + ": " + p.Text
}

// Weight is how many bytes a page took over the wire, compressed and with headers.
type Weight struct {
	Page  int // the document, its styles and its scripts
	Fonts int
}

// watch notes what happens in a tab. Its event runs on chromedp's reading
// goroutine and must not wait.
type watch struct {
	base *url.URL

	mu       sync.Mutex
	at       string // the document that is shown
	problems []Problem
	requests map[network.RequestID]request
	weight   Weight
	changed  chan struct{} // closed and made anew whenever a request is answered or ends
}

// request is one that is under way.
type request struct {
	method, url string
	kind        network.ResourceType
	foreign     bool
	document    cdp.LoaderID // that needs it
	answered    bool         // its answer has begun
}

func newWatch(base string) (*watch, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("not the URL of a site: %q", base)
	}
	return &watch{base: u, requests: map[network.RequestID]request{}, changed: make(chan struct{})}, nil
}

func (w *watch) event(ev any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch ev := ev.(type) {
	case *page.EventFrameNavigated:
		if ev.Frame.ParentID == "" {
			w.at = ev.Frame.URL
			w.left(ev.Frame.LoaderID)
		}
	case *runtime.EventConsoleAPICalled:
		if ev.Type == runtime.ConsoleAPICalledTypeError || ev.Type == runtime.ConsoleAPICalledTypeAssert {
			w.add(Console, spoken(ev.Args))
		}
	case *runtime.EventExceptionThrown:
		w.add(Exception, thrown(ev.ExceptionDetails))
	case *log.EventEntryAdded:
		w.logged(ev.Entry)
	case *network.EventRequestWillBeSent:
		w.sent(ev)
	case *network.EventResponseReceived:
		w.answered(ev)
	case *network.EventLoadingFinished:
		w.finished(ev)
	case *network.EventLoadingFailed:
		w.failed(ev)
	case *audits.EventIssueAdded:
		w.issue(ev.Issue)
	}
}

func (w *watch) add(kind Kind, text string) {
	w.problems = append(w.problems, Problem{kind, text, w.at})
}

func (w *watch) logged(entry *log.Entry) {
	switch {
	case entry.Level != log.EntryLevelError, entry.Source == log.EntrySourceNetwork: // the latter is seen as a request
	case strings.Contains(entry.Text, "Content Security Policy"):
		w.add(Policy, entry.Text)
	default:
		w.add(Console, strings.TrimSpace(entry.Text+" "+entry.URL))
	}
}

func (w *watch) sent(ev *network.EventRequestWillBeSent) {
	u, err := url.Parse(ev.Request.URL)
	if err != nil || !slices.Contains([]string{"http", "https", "ws", "wss"}, u.Scheme) {
		return
	}
	r := request{ev.Request.Method, w.short(ev.Request.URL), ev.Type, u.Host != w.base.Host, ev.LoaderID, false}
	if r.foreign {
		w.add(Foreign, r.method+" "+r.url)
	}
	w.requests[ev.RequestID] = r
}

// short leaves our own origin out.
func (w *watch) short(address string) string {
	return cmp.Or(strings.TrimPrefix(address, w.base.Scheme+"://"+w.base.Host), "/")
}

func (w *watch) answered(ev *network.EventResponseReceived) {
	const refused = 400
	r, known := w.requests[ev.RequestID]
	if !known {
		return
	}
	if ev.Response.Status >= refused {
		w.add(Status, fmt.Sprintf("%d: %s %s", ev.Response.Status, r.method, r.url))
	}
	r.answered = true
	w.requests[ev.RequestID] = r
	w.wake()
}

func (w *watch) finished(ev *network.EventLoadingFinished) {
	r, known := w.requests[ev.RequestID]
	if !known {
		return
	}
	switch r.kind {
	case network.ResourceTypeDocument, network.ResourceTypeStylesheet, network.ResourceTypeScript:
		w.weight.Page += int(ev.EncodedDataLength)
	case network.ResourceTypeFont:
		w.weight.Fonts += int(ev.EncodedDataLength)
	default:
	}
	w.ended(ev.RequestID)
}

func (w *watch) failed(ev *network.EventLoadingFailed) {
	r, known := w.requests[ev.RequestID]
	// Leaving a page cancels what it still waits for; the policy names itself.
	ours := ev.Canceled || ev.ErrorText == "net::ERR_ABORTED" || ev.BlockedReason == network.BlockedReasonCsp
	if known && !r.foreign && !ours {
		w.add(Failed, strings.TrimSpace(r.method+" "+r.url+" "+ev.ErrorText+" "+string(ev.BlockedReason)))
	}
	w.ended(ev.RequestID)
}

// left forgets what earlier documents waited for.
func (w *watch) left(now cdp.LoaderID) {
	for id, r := range w.requests {
		if r.document != now {
			w.ended(id)
		}
	}
}

func (w *watch) ended(id network.RequestID) {
	delete(w.requests, id)
	w.wake()
}

// wake lets idle look again.
func (w *watch) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *watch) issue(issue *audits.InspectorIssue) {
	if d := issue.Details.ContentSecurityPolicyIssueDetails; d != nil {
		text := d.ViolatedDirective + " blocked " + cmp.Or(d.BlockedURL, string(d.ContentSecurityPolicyViolationType))
		// What is in the page itself has a place; an address is enough to find it by.
		if at := d.SourceCodeLocation; at != nil && d.BlockedURL == "" {
			text += fmt.Sprintf(" at %s:%d", w.short(at.URL), at.LineNumber+1)
		}
		w.add(Policy, text)
	}
	if d := issue.Details.MixedContentIssueDetails; d != nil {
		w.add(Mixed, d.InsecureURL)
	}
}

// idle waits until all that a page is made of has come, and what its scripts
// asked for has been answered. That an answer ends is not waited for: a stream
// never does.
func (w *watch) idle(ctx context.Context) error {
	for {
		w.mu.Lock()
		waiting, changed := "", w.changed
		for _, r := range w.requests {
			switch r.kind {
			case network.ResourceTypeDocument, network.ResourceTypeStylesheet, network.ResourceTypeScript,
				network.ResourceTypeFont, network.ResourceTypeImage:
				waiting = r.url
			case network.ResourceTypeFetch, network.ResourceTypeXHR, network.ResourceTypeEventSource:
				if !r.answered {
					waiting = r.url
				}
			default:
			}
		}
		w.mu.Unlock()
		if waiting == "" {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s does not come: %w", waiting, ctx.Err())
		}
	}
}

// taken returns the problems since the last call, and what was loaded since.
func (w *watch) taken() ([]Problem, Weight) {
	w.mu.Lock()
	defer w.mu.Unlock()
	problems, weight := w.problems, w.weight
	w.problems, w.weight = nil, Weight{}
	return problems, weight
}

// spoken joins what was given to the console.
func spoken(args []*runtime.RemoteObject) string {
	words := make([]string, 0, len(args))
	for _, a := range args {
		words = append(words, cmp.Or(a.Description, strings.Trim(string(a.Value), `"`)))
	}
	return strings.Join(words, " ")
}

func thrown(d *runtime.ExceptionDetails) string {
	text := d.Text
	if d.Exception != nil && d.Exception.Description != "" {
		text, _, _ = strings.Cut(d.Exception.Description, "\n")
	}
	return fmt.Sprintf("%s (%s:%d)", text, d.URL, d.LineNumber+1)
}
