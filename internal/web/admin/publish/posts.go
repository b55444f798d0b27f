package publish

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/blog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/web/ui"
)

func postPath(postID string) string { return postsPath + "/" + postID }

// publicPost is where everybody reads a post.
func publicPost(slug string) string { return "/blog/" + slug }

// postsView is a page of posts.
type postsView struct {
	All         []blog.Post
	First, Next string
	Done        string
	Name        func(language string) string
}

// Posts lists all posts, drafts and scheduled ones too, the newest first.
func (p *Pages) Posts(w http.ResponseWriter, r *http.Request) error {
	all, err := p.deps.Blog.All(r.Context(), from(r), pageRows+1)
	if err != nil {
		return err
	}
	v := postsView{First: first(from(r), postsPath), Done: doneText(r, "deleted"), Name: p.languageName}
	v.All, v.Next = page(all, postsPath, func(one blog.Post) string { return one.ID })
	return ui.Render(w, r, http.StatusOK, postList(v))
}

// postView is what the form of a post shows.
type postView struct {
	blog.Post

	Languages []ui.Option
	Previewed bool
	Preview   string // what was typed, as readers see it
	Done      string
	// Saved is what somebody else has saved since the form was shown; nil: nobody has.
	Saved *blog.Post
	By    string // who it was; "": nobody knows
}

// seen is the text that the form began with, as it was sent or is shown.
func (v postView) seen(f *ui.Form) string {
	if v.ID == "" || f.Values.Has("seen") {
		return f.Value("seen")
	}
	return seenText(v.Post)
}

// seenText names a text of a post.
func seenText(p blog.Post) string { return strconv.FormatInt(p.EditedAt.UnixMicro(), 10) }

// path is where the form sends.
func (v postView) path() string {
	if v.ID == "" {
		return postsPath
	}
	return postPath(v.ID)
}

// NewPost shows the form of a new draft.
func (p *Pages) NewPost(w http.ResponseWriter, r *http.Request) error {
	return p.showPost(postView{})(w, r, http.StatusOK, ui.NewForm(nil))
}

// Post shows a post in its form.
func (p *Pages) Post(w http.ResponseWriter, r *http.Request) error {
	found, err := p.post(r)
	if err != nil {
		return err
	}
	v := postView{Post: found, Done: doneText(r, "drafted", "saved", "published", "scheduled", "unpublished")}
	return p.showPost(v)(w, r, http.StatusOK, ui.NewForm(nil))
}

// post is the post of a path, by its id alone: a slug would be a second address.
func (p *Pages) post(r *http.Request) (found blog.Post, err error) {
	postID := r.PathValue("id")
	if found, err = p.deps.Blog.Find(r.Context(), postID); err == nil && found.ID != postID {
		err = fault.New(fault.NotFound, "Post not found")
	}
	return found, err
}

func (p *Pages) showPost(v postView) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		v.Languages = p.languages(v.Language)
		if v.Language == "" {
			v.Language = ui.Of(r.Context()).Language.Code
		}
		return ui.Render(w, r, status, postEditor(v, f))
	}
}

// CreatePost keeps a new draft, or shows what it will look like.
func (p *Pages) CreatePost(w http.ResponseWriter, r *http.Request) error {
	return p.write(w, r, postView{}, "drafted", func(t blog.Text) (blog.Post, error) {
		return p.deps.Blog.Create(r.Context(), t, p.actor(r))
	})
}

// EditPost gives a post another text, or shows what it will look like. What was typed
// stays, whatever others have done to the post meanwhile.
func (p *Pages) EditPost(w http.ResponseWriter, r *http.Request) error {
	found, err := p.post(r)
	if fault.Is(err, fault.NotFound) && id.Valid(id.Post, r.PathValue("id")) {
		f := ui.Sent(r)
		f.Error = ui.T(r.Context(), "publish.gone")
		return p.showPost(postView{})(w, r, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	micros, _ := strconv.ParseInt(r.PostFormValue("seen"), 10, 64) // what is none was never shown
	return p.write(w, r, postView{Post: found}, "saved", func(t blog.Text) (blog.Post, error) {
		return p.deps.Blog.EditSeen(r.Context(), found.ID, t, time.UnixMicro(micros), p.actor(r))
	})
}

// showBoth shows what was typed beside what somebody else has saved meanwhile. Who then
// saves has seen both.
func (p *Pages) showBoth(w http.ResponseWriter, r *http.Request, v postView, now blog.Post, f *ui.Form) error {
	ctx := r.Context()
	acts, _, err := p.deps.Accounts.Log(ctx, account.LogQuery{Target: now.ID, Action: "post.edit", Limit: 1})
	if err != nil {
		return err
	}
	v.Post, v.Saved = now, &now
	if len(acts) > 0 {
		v.By = acts[0].Email
	}
	f.Error = ui.T(ctx, "publish.edited_since")
	f.Values.Set("seen", seenText(now))
	return p.showPost(v)(w, r, http.StatusUnprocessableEntity, f)
}

// write reads the form of a post and shows a preview, or keeps it.
func (p *Pages) write(w http.ResponseWriter, r *http.Request, v postView, what string, keep func(blog.Text) (blog.Post, error)) (err error) {
	ctx := r.Context()
	f := ui.Sent(r)
	if f.Value("preview") != "" {
		text := body(ctx, f, blog.MaxBody)
		if v.Previewed = f.OK(); v.Previewed {
			if v.Preview, err = preview(ctx, text); err != nil {
				return err
			}
		}
		return p.showPost(v)(w, r, previewStatus(f), f)
	}
	t := blog.Text{
		Title: line(ctx, f, "title", blog.MaxTitle, true), Slug: strings.TrimSpace(f.Value("slug")),
		Language: f.Value("language"), Description: line(ctx, f, "description", blog.MaxDescription, false), Body: body(ctx, f, blog.MaxBody),
	}
	if !blog.IsSlug(t.Slug) {
		f.Refuse("slug", ui.T(ctx, "publish.error_slug", "Most", blog.MaxSlug))
	}
	if f.OK() && v.ID != "" && !v.PublishedAt.IsZero() && t.Slug != v.Slug {
		f.Refuse("slug", ui.T(ctx, "publish.slug_fixed"))
	}
	if !f.OK() {
		return p.showPost(v)(w, r, http.StatusUnprocessableEntity, f)
	}
	kept, err := keep(t)
	if fault.From(err).Reason == blog.Edited {
		return p.showBoth(w, r, v, kept, f)
	}
	if fault.Is(err, fault.Conflict) && fault.From(err).Reason == blog.SlugTaken {
		f.Refuse("slug", ui.T(ctx, "publish.error_slug_taken"))
		return p.showPost(v)(w, r, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return refused(w, r, f, err, "publish.slug_fixed", p.showPost(v))
	}
	return ui.See(w, r, postPath(kept.ID)+done(what))
}

// deedView is what a question about a post shows.
type deedView struct {
	blog.Post

	Name string // of the deed: unpublish or delete
}

// text is the key of one of its texts.
func (v deedView) text(which string) string { return "publish." + v.Name + which }

// ask shows the question of a deed about a post.
func ask(of blog.Post, name string) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		form := postQuestion(deedView{of, name}, f)
		if name == "publish" {
			form = publishForm(of, f)
		}
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "publish."+name+"_title")}, form)
	}
}

// PostDeeds returns the names of what is asked about before it is done to a post.
func PostDeeds() []string { return []string{"publish", "unpublish", "delete"} }

// AskPost returns the page that asks before a deed to a post.
func (p *Pages) AskPost(name string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		found, err := p.post(r)
		if err != nil {
			return err
		}
		return ask(found, name)(w, r, http.StatusOK, ui.NewForm(nil))
	}
}

// DoPost returns what does a deed to a post.
func (p *Pages) DoPost(name string) func(http.ResponseWriter, *http.Request) error {
	do := map[string]func(http.ResponseWriter, *http.Request, blog.Post, *ui.Form) error{
		"publish": p.publish, "unpublish": p.unpublish, "delete": p.remove,
	}[name]
	return func(w http.ResponseWriter, r *http.Request) error {
		found, err := p.post(r)
		if err != nil {
			return err
		}
		return do(w, r, found, ui.Sent(r))
	}
}

// publish shows a post to everybody, at once or from a moment on.
func (p *Pages) publish(w http.ResponseWriter, r *http.Request, of blog.Post, f *ui.Form) error {
	ctx := r.Context()
	at := moment(ctx, f, "at", false)
	if f.OK() && !at.IsZero() && !at.After(ui.Of(ctx).Now) {
		f.Refuse("at", ui.T(ctx, "publish.error_at_passed"))
	}
	if !f.OK() {
		return ask(of, "publish")(w, r, http.StatusUnprocessableEntity, f)
	}
	kept, err := p.deps.Blog.Publish(ctx, of.ID, at, p.actor(r))
	if err != nil {
		return refused(w, r, f, err, "publish.conflict_publish", ask(of, "publish"))
	}
	if kept.State(ui.Of(ctx).Now) == blog.Scheduled && !at.IsZero() {
		return finish(w, r, postPath(of.ID), "scheduled")
	}
	return finish(w, r, postPath(of.ID), "published")
}

// unpublish makes a post a draft again.
func (p *Pages) unpublish(w http.ResponseWriter, r *http.Request, of blog.Post, f *ui.Form) error {
	if _, err := p.deps.Blog.Unpublish(r.Context(), of.ID, p.actor(r)); err != nil {
		return refused(w, r, f, err, "publish.conflict_unpublish", ask(of, "unpublish"))
	}
	return finish(w, r, postPath(of.ID), "unpublished")
}

// remove deletes a draft.
func (p *Pages) remove(w http.ResponseWriter, r *http.Request, of blog.Post, f *ui.Form) error {
	if _, err := p.deps.Blog.Delete(r.Context(), of.ID, p.actor(r)); err != nil {
		return refused(w, r, f, err, "publish.conflict_delete", ask(of, "delete"))
	}
	return finish(w, r, postsPath, "deleted")
}
