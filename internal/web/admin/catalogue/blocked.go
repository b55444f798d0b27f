package catalogue

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/plain"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

const (
	// blockedPage is how many entries of the block-list a page shows.
	blockedPage = 50
	// maxTarget is how many characters of a target or a link are read.
	maxTarget = 500
)

// blockedEntry is an entry with who wrote its reason.
type blockedEntry struct {
	catalog.BlockedTarget

	Who string
}

// blockList is what the page of the block-list shows.
type blockList struct {
	Form    *ui.Form
	Asked   string // a link: All are the entries that stop it
	Unread  bool   // nobody can tell where the link leads
	All     []blockedEntry
	First   string
	Next    string
	Done    string
	Changes bool // the reader may change it
}

// Blocked lists what nobody may order for, or what of it stops a link.
func (p *Pages) Blocked(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	v := blockList{Form: ui.NewForm(q), Asked: strings.TrimSpace(cutTarget(q.Get("q"))), Changes: p.may(r, staff.CatalogueChange)}
	switch q.Get("done") {
	case "added":
		v.Done = ui.T(ctx, "blocked.done_added")
	case "removed":
		v.Done = ui.T(ctx, "blocked.done_removed")
	}
	var all []catalog.BlockedTarget
	var err error
	if v.Asked != "" {
		all, err = p.stopping(ctx, &v)
	} else {
		all, err = p.blockedFrom(ctx, &v, cutTarget(q.Get("after")))
	}
	if err != nil {
		return err
	}
	if v.All, err = p.authors(ctx, all); err != nil {
		return err
	}
	return ui.Render(w, r, http.StatusOK, blockedListPage(v))
}

// stopping are the entries that stop the link that was asked for.
func (p *Pages) stopping(ctx context.Context, v *blockList) ([]catalog.BlockedTarget, error) {
	now, err := p.deps.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	link := catalog.ReadLink(v.Asked)
	v.Unread = link.Err() != nil
	return p.deps.Catalog.BlockedOf(ctx, now.BlockedBy(link))
}

func (p *Pages) blockedFrom(ctx context.Context, v *blockList, after string) ([]catalog.BlockedTarget, error) {
	all, err := p.deps.Catalog.BlockPage(ctx, after, blockedPage+1)
	if err != nil {
		return nil, err
	}
	if after != "" {
		v.First = blockedPath
	}
	if len(all) > blockedPage {
		all = all[:blockedPage]
		v.Next = blockedPath + "?" + url.Values{"after": {all[blockedPage-1].Pattern}}.Encode()
	}
	return all, nil
}

// cutTarget is the beginning of what came in as a target, without what none has.
func cutTarget(text string) string {
	runes := []rune(plain.Readable(text))
	return string(runes[:min(len(runes), maxTarget)])
}

// authors names who wrote the entries' reasons.
func (p *Pages) authors(ctx context.Context, all []catalog.BlockedTarget) ([]blockedEntry, error) {
	ids := make([]string, len(all))
	for i, b := range all {
		ids[i] = b.Actor
	}
	people, err := p.deps.Accounts.Some(ctx, ids)
	if err != nil {
		return nil, err
	}
	emails := map[string]string{}
	for _, a := range people {
		emails[a.ID] = a.Email
	}
	entries := make([]blockedEntry, len(all))
	for i, b := range all {
		entries[i] = blockedEntry{b, b.Actor}
		if email, known := emails[b.Actor]; known {
			entries[i].Who = email
		}
	}
	return entries, nil
}

// AskBlock shows the form of a new entry.
func (p *Pages) AskBlock(w http.ResponseWriter, r *http.Request) error {
	return showBlock(w, r, http.StatusOK, ui.NewForm(url.Values{"target": {cutTarget(r.URL.Query().Get("target"))}}))
}

func showBlock(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "blocked.add")}, blockForm(f))
}

// blockView is what is shown of an entry before it is saved.
type blockView struct {
	catalog.Target

	Reason        string
	Before        *catalog.BlockedTarget // the entry as it is; nil: it is new
	Within        []string               // other entries that stop all of it already
	Stopped, Free []string               // links
}

// Block adds an entry: first it says what it stops, and when that is sent it is saved.
func (p *Pages) Block(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f := ui.Sent(r)
	v := blockView{Reason: strings.TrimSpace(f.Value("reason"))}
	var err error
	if v.Target, err = catalog.ReadTarget(f.Value("target")); err != nil {
		f.Refuse("target", targetError(ctx, f))
	}
	switch n := utf8.RuneCountInString(v.Reason); {
	case n == 0:
		f.Refuse("reason", ui.T(ctx, "office.error_reason"))
	case n > catalog.MaxBlockReason || plain.Line("reason", v.Reason) != nil:
		f.Refuse("reason", ui.T(ctx, "blocked.error_reason", "Most", catalog.MaxBlockReason))
	}
	if !f.OK() {
		return showBlock(w, r, http.StatusUnprocessableEntity, f)
	}
	// What was shown is what is saved: a form that names another target is asked about.
	if f.Value("sure") != v.Pattern {
		return p.confirmBlock(v)(w, r, http.StatusOK, f)
	}
	if _, err := p.deps.Catalog.Block(ctx, v.Pattern, v.Reason, p.by(r)); err != nil {
		return refusal.Again(w, r, f, err, p.confirmBlock(v))
	}
	return ui.Finish(w, r, ui.T(ctx, "blocked.done_added"), blockedPath, "?done=added")
}

func targetError(ctx context.Context, f *ui.Form) string {
	if strings.TrimSpace(f.Value("target")) == "" {
		return ui.T(ctx, "blocked.error_empty")
	}
	return ui.T(ctx, "blocked.error_target")
}

func (p *Pages) confirmBlock(v blockView) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		ctx := r.Context()
		now, err := p.deps.Snapshot(ctx)
		if err != nil {
			return err
		}
		before, err := p.deps.Catalog.BlockedOf(ctx, []string{v.Pattern})
		if err != nil {
			return err
		}
		v.Before, v.Within = nil, nil
		if len(before) > 0 {
			v.Before = &before[0]
		}
		for _, pattern := range now.Within(v.Target) {
			if pattern != v.Pattern {
				v.Within = append(v.Within, pattern)
			}
		}
		v.Stopped, v.Free = v.Examples()
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(ctx, "blocked.add")}, blockQuestion(v, f))
	}
}

// stopsText says in words what an entry stops.
func stopsText(ctx context.Context, t catalog.Target) string {
	switch {
	case t.Path == "" && len(t.Values) == 0 && t.Number:
		return ui.T(ctx, "blocked.stops_number", "Host", t.Host)
	case t.Path == "" && len(t.Values) == 0:
		return ui.T(ctx, "blocked.stops_host", "Host", t.Host)
	case len(t.Values) == 0 && t.Number:
		return ui.T(ctx, "blocked.stops_number_path", "Host", t.Host, "Path", "/"+t.Path)
	case len(t.Values) == 0:
		return ui.T(ctx, "blocked.stops_path", "Host", t.Host, "Path", "/"+t.Path)
	case t.Number:
		return ui.T(ctx, "blocked.stops_number_values", "Host", t.Host, "Path", "/"+t.Path, "Values", strings.Join(t.Values, ", "))
	}
	return ui.T(ctx, "blocked.stops_values", "Host", t.Host, "Path", "/"+t.Path, "Values", strings.Join(t.Values, ", "))
}

// AskUnblock asks before an entry goes.
func (p *Pages) AskUnblock(w http.ResponseWriter, r *http.Request) error {
	target := r.URL.Query().Get("target")
	if target == "" {
		return ui.See(w, r, blockedPath)
	}
	b, err := p.blockedEntry(r.Context(), target)
	if err != nil {
		return err
	}
	return showUnblock(b)(w, r, http.StatusOK, ui.NewForm(nil))
}

func (p *Pages) blockedEntry(ctx context.Context, target string) (b catalog.BlockedTarget, err error) {
	pattern, err := catalog.ParsePattern(target)
	if err != nil {
		return b, fault.New(fault.NotFound, "This target is not on the block-list")
	}
	all, err := p.deps.Catalog.BlockedOf(ctx, []string{pattern})
	if err == nil && len(all) == 0 {
		err = fault.New(fault.NotFound, "This target is not on the block-list")
	}
	if err != nil {
		return b, err
	}
	return all[0], nil
}

func showUnblock(b catalog.BlockedTarget) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "blocked.remove_title")}, unblockForm(b, f))
	}
}

// Unblock takes an entry off the list.
func (p *Pages) Unblock(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f := ui.Sent(r)
	b, err := p.blockedEntry(ctx, f.Value("target"))
	if err != nil {
		return err
	}
	if _, err := p.deps.Catalog.Unblock(ctx, b.Pattern, p.by(r)); err != nil {
		return refusal.Again(w, r, f, err, showUnblock(b))
	}
	return ui.Finish(w, r, ui.T(ctx, "blocked.done_removed"), blockedPath, "?done=removed")
}

// Where the forms of an entry are.
func newBlockPath(target string) string {
	return blockedPath + "/new?" + url.Values{"target": {target}}.Encode()
}

func unblockPath(pattern string) string {
	return blockedPath + "/remove?" + url.Values{"target": {pattern}}.Encode()
}
