package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// ErrMissing says that this machine lacks something that browser tests need.
var ErrMissing = errors.New("missing (make setup installs it)")

// Browser is a running Chromium with an empty profile of its own.
type Browser struct {
	root  context.Context //nolint:containedctx // chromedp's handle of a browser is a context
	close func() error
}

// find returns the path of the browser.
func find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome-stable", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("chromium: %w", ErrMissing)
}

// flags are added to chromedp's own.
func flags(program, home string) []chromedp.ExecAllocatorOption {
	return append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.Env("HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home),
		chromedp.DisableGPU,
		chromedp.Flag("no-sandbox", os.Geteuid() == 0), // it can't be root in one
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true),
		// Nothing leaves this machine: a foreign name is not even looked up.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1"),
	)
}

// Start starts a browser. It runs until Close, or until ctx or this process
// ends. Without Chromium the error is ErrMissing.
func Start(ctx context.Context) (*Browser, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp("", "notpanel-browser-*")
	if err != nil {
		return nil, fmt.Errorf("a folder for the browser: %w", err)
	}
	allocator, release := chromedp.NewExecAllocator(ctx, flags(program, home)...)
	quiet := func(string, ...any) {}
	root, cancel := chromedp.NewContext(allocator, chromedp.WithLogf(quiet), chromedp.WithErrorf(quiet))
	b := &Browser{root: root, close: func() error {
		err := chromedp.Cancel(root)
		cancel()
		release()
		return errors.Join(err, os.RemoveAll(home))
	}}
	if err := chromedp.Do(root); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", program, err), b.close())
	}
	return b, nil
}

// Close ends the browser and removes its profile.
func (b *Browser) Close() error { return b.close() }

// Tab opens a tab that shares neither cookies nor storage with another. Requests
// to other hosts than that of the URL base are problems there.
func (b *Browser) Tab(base string) (*Tab, error) {
	return open(b.root, base, chromedp.WithNewBrowserContext())
}

// Beside opens a second tab, with the cookies and the storage of this one.
func (t *Tab) Beside() (*Tab, error) { return open(t.ctx, t.base.String()) }

func open(parent context.Context, base string, options ...chromedp.ContextOption) (*Tab, error) {
	w, err := newWatch(base)
	if err != nil {
		return nil, err
	}
	// In a window of its own a tab is never in the background, where pages rest.
	ctx, cancel := chromedp.NewContext(parent, append(options, chromedp.WithNewWindow(true), chromedp.WithListener(w.event))...)
	t := &Tab{ctx: ctx, close: cancel, base: w.base, watch: w, media: map[string]string{}}
	if err := chromedp.Do(ctx); err != nil {
		cancel()
		return nil, fmt.Errorf("open a tab: %w", err)
	}
	if err := chromedp.Do(ctx, command(audits.Enable, cdp.Empty{}), command(network.Enable, network.EnableParams{})); err != nil {
		cancel()
		return nil, fmt.Errorf("watch a tab: %w", err)
	}
	return t, nil
}

// command makes an action of a command whose result nobody needs.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err //nolint:wrapcheck // Do names the step
	})
}

// File returns the path of a file below e2e/browser, wherever in the repository
// the caller runs.
func File(name string) (string, error) {
	root, err := Root()
	return filepath.Join(root, "e2e", "browser", filepath.FromSlash(name)), err
}

// Root returns the top folder of the repository that the working directory is in.
func Root() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("the working directory: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", errors.New("not in the repository: no go.mod above the working directory")
		}
		folder = filepath.Dir(folder)
	}
}
