package site

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/network"
	"golang.org/x/net/html"
)

// link is an address that a page names.
type link struct {
	Raw, URL string // as it is written, and whole; the latter is "" where it can't be read
	At       string // the element
	Leads    bool   // one can click on it
}

// links remembers the addresses of pages and follows those within the site.
type links struct {
	base string

	mu    sync.Mutex
	pages map[*Result][]link
	files map[string]*file // by URL without fragment, for one visitor
}

// file is what an address of the site answers.
type file struct {
	once sync.Once
	bad  string // what is wrong with it
	ids  map[string]bool
}

// note remembers what a page names.
func (l *links) note(r *Result, all []link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pages == nil {
		l.pages = map[*Result][]link{}
	}
	l.pages[r] = all
	r.Links = len(all)
}

// follow asks for what the pages with these indexes name, as their visitor.
func (l *links) follow(ctx context.Context, cookies []*network.Cookie, results Report, pages []int) {
	l.files = map[string]*file{}
	client := &http.Client{Timeout: 30 * time.Second, CheckRedirect: l.redirect}
	defer client.CloseIdleConnections()
	const sideBySide = 4
	slots := make(chan struct{}, sideBySide)
	var group sync.WaitGroup
	for _, i := range pages {
		r := &results[i]
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			for _, one := range l.pages[r] {
				if strings.HasPrefix(one.Raw, "#") && r.Page.Status != http.StatusOK {
					continue // within the page, which answers as it should
				}
				if bad := l.bad(ctx, client, cookies, r.Page.Language, one); bad != "" {
					r.add(fmt.Sprintf("link: %s %s (%s)", one.Raw, bad, one.At), "")
				}
			}
		})
	}
	group.Wait()
}

// redirect follows within the site only.
func (l *links) redirect(request *http.Request, via []*http.Request) error {
	const most = 5
	if len(via) > most {
		return errors.New("redirects without end")
	}
	if !l.ours(request.URL) {
		return http.ErrUseLastResponse
	}
	return nil
}

func (l *links) ours(u *url.URL) bool {
	return u.Scheme+"://"+u.Host == strings.TrimSuffix(l.base, "/")
}

// bad says what is wrong with a link; "" is nothing.
func (l *links) bad(ctx context.Context, client *http.Client, cookies []*network.Cookie, language string, one link) string {
	u, err := url.Parse(one.URL)
	switch {
	case err != nil || one.URL == "":
		return "can't be read"
	case one.Leads && (strings.TrimSpace(one.Raw) == "" || one.Raw == "#"):
		return "leads nowhere"
	case u.Scheme == "mailto":
		if _, err := mail.ParseAddress(u.Opaque); err != nil {
			return "names no mailbox"
		}
		return ""
	case u.Scheme == "javascript":
		return "is a script"
	case !l.ours(u):
		return "" // that it can be read is all that is asked of others' addresses
	}
	fragment := u.Fragment
	u.Fragment, u.RawFragment = "", ""
	l.mu.Lock()
	f := l.files[language+" "+u.String()]
	if f == nil {
		f = &file{}
		l.files[language+" "+u.String()] = f
	}
	l.mu.Unlock()
	f.once.Do(func() { f.get(ctx, client, cookies, language, u.String()) })
	if f.bad == "" && fragment != "" && !f.ids[fragment] {
		return "leads to no such part of its page"
	}
	return f.bad
}

// get asks for the file and reads which parts it has.
func (f *file) get(ctx context.Context, client *http.Client, cookies []*network.Cookie, language, address string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		f.bad = err.Error()
		return
	}
	request.Header.Set("Accept-Language", language)
	for _, c := range cookies {
		request.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value}) //nolint:gosec // one that we send: it has no attributes
	}
	response, err := client.Do(request)
	if err != nil {
		f.bad = "gives no answer: " + err.Error()
		return
	}
	defer func() { _ = response.Body.Close() }()
	away := response.StatusCode/100 == 3 //nolint:mnd // it redirects to another site, or we would have followed
	if response.StatusCode != http.StatusOK && !away {
		f.bad = fmt.Sprintf("answers %d", response.StatusCode)
		return
	}
	f.ids = map[string]bool{}
	if err := f.read(response.Body); err != nil {
		f.bad = "breaks off: " + err.Error()
	}
}

// read collects the ids.
func (f *file) read(body io.Reader) error {
	tokens := html.NewTokenizer(body)
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			if err := tokens.Err(); !errors.Is(err, io.EOF) {
				return err //nolint:wrapcheck // the caller says what broke
			}
			return nil
		case html.StartTagToken, html.SelfClosingTagToken:
			for _, a := range tokens.Token().Attr {
				if a.Key == "id" {
					f.ids[a.Val] = true
				}
			}
		default:
		}
	}
}
