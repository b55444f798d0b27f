package site

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/notpanel/notpanel/e2e/browser"
)

// Options say what to look at.
type Options struct {
	Base    string // URL of the site
	Pages   []Page
	SignIns map[Access]SignIn
	Folder  string // that pictures go to; "" takes none and is quicker

	// Crosswise looks at half of the views: of each page at the narrow one in one
	// scheme and at the wide one in the other. In the next language it is the other
	// way round, so that of a page in two languages nothing is left out.
	Crosswise bool
}

// tabs is how many pages are looked at side by side.
const tabs = 3

//go:embed check.js
var checkScript string

// checker looks at pages.
type checker struct {
	Options

	browser *browser.Browser
	axe     string // its source
	results Report
	links   links
}

// Check looks at every page and follows its links. The error says why it could
// not look; what is wrong with the pages is in the report. An error that is
// browser.ErrMissing says what make setup installs.
func Check(ctx context.Context, b *browser.Browser, o Options) (Report, error) {
	axe, err := axeSource()
	if err != nil {
		return nil, err
	}
	c := &checker{Options: o, browser: b, axe: axe, results: make(Report, len(o.Pages)), links: links{base: o.Base}}
	var order []Access
	by := map[Access][]int{}
	for i, page := range o.Pages {
		page.Access, page.Language, page.Status = cmp.Or(page.Access, Anonymous), cmp.Or(page.Language, "en"), cmp.Or(page.Status, 200)
		c.results[i].Page = page
		if by[page.Access] == nil {
			order = append(order, page.Access)
		}
		by[page.Access] = append(by[page.Access], i)
	}
	for _, access := range order {
		if err := c.as(ctx, access, by[access]); err != nil {
			return nil, fmt.Errorf("as %s: %w", access, err)
		}
	}
	return c.results, nil
}

func axeSource() (string, error) {
	file, err := browser.File("node_modules/axe-core/axe.min.js")
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(file) //nolint:gosec // a file of the repository
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("axe-core: %w", browser.ErrMissing)
	}
	if err != nil {
		return "", fmt.Errorf("axe-core: %w", err)
	}
	return string(source), nil
}

// as looks at the pages with these indexes, signed in once, and then follows
// their links.
func (c *checker) as(ctx context.Context, access Access, pages []int) error {
	first, err := c.visitor(access)
	if err != nil {
		return err
	}
	defer first.Close()
	if err := c.find(ctx, first, pages); err != nil {
		return err
	}
	queue := make(chan int, len(pages))
	for _, i := range pages {
		queue <- i
	}
	close(queue)
	failures := make([]error, min(tabs, len(pages)))
	var group sync.WaitGroup
	for n := range failures {
		tab := first
		if n > 0 {
			if tab, err = first.Beside(); err != nil {
				return err
			}
			defer tab.Close()
		}
		group.Go(func() { failures[n] = c.work(ctx, tab, queue) })
	}
	group.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	cookies, err := first.Cookies() //nolint:contextcheck // a tab has its own
	if err != nil {
		return err
	}
	c.links.follow(ctx, cookies, c.results, pages)
	return nil
}

// find puts into the paths what only the demo knows.
func (c *checker) find(ctx context.Context, tab *browser.Tab, pages []int) error {
	var ids *strings.Replacer
	for _, i := range pages {
		page := &c.results[i].Page
		if strings.Contains(page.Path, aGiveaway) {
			giveawayID, err := drawn(tab) //nolint:contextcheck // a tab has its own
			if err != nil {
				return err
			}
			page.Path = strings.ReplaceAll(page.Path, aGiveaway, giveawayID)
		}
		if !strings.Contains(page.Path, "{") {
			continue
		}
		if ids == nil {
			var err error
			if ids, err = names(ctx, tab, page.Access); err != nil {
				return fmt.Errorf("find what pages are of: %w", err)
			}
		}
		page.Path = ids.Replace(page.Path)
	}
	return nil
}

// visitor opens a tab and signs in.
func (c *checker) visitor(access Access) (*browser.Tab, error) {
	signIn := c.SignIns[access]
	if signIn == nil && access != Anonymous {
		return nil, errors.New("nobody said how to sign in")
	}
	tab, err := c.browser.Tab(c.Base)
	if err != nil || signIn == nil {
		return tab, err
	}
	if err := signIn(tab); err != nil {
		tab.Close()
		return nil, fmt.Errorf("sign in: %w", err)
	}
	return tab, nil
}

// work looks at pages until there are none left.
func (c *checker) work(ctx context.Context, tab *browser.Tab, queue <-chan int) error {
	for i := range queue {
		if err := ctx.Err(); err != nil {
			return err //nolint:wrapcheck // the caller ended it
		}
		tab.Taken()                                        // what signing in left behind
		if err := c.look(tab, &c.results[i]); err != nil { //nolint:contextcheck // a tab has its own
			return err
		}
	}
	return nil
}
