package browser

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

const (
	// within bounds every step. It is generous: the machine may be busy, and only
	// a failure waits so long.
	within = 30 * time.Second
	// lookEvery is the rhythm of looking whether something is there.
	lookEvery = 15 * time.Millisecond
)

// Tab is a tab and what is watched in it. Its methods return errors that name
// the step; Page is the same for tests.
type Tab struct {
	ctx   context.Context //nolint:containedctx // chromedp's handle of a tab is a context
	close func()
	base  *url.URL
	watch *watch
	media map[string]string
}

// Close closes the tab.
func (t *Tab) Close() { t.close() }

// Do runs actions, as one step that has to be done soon.
func (t *Tab) Do(step string, actions ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(t.ctx, within)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	return nil
}

// Read runs one action and returns what it returns.
func Read[T any](t *Tab, step string, action chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(t.ctx, within)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		return value, fmt.Errorf("%s: %w", step, err)
	}
	return value, nil
}

// Ask evaluates an expression, waits if it is a promise, and returns its value.
// The page's policy does not hold for it.
func Ask[T any](t *Tab, step, expression string) (T, error) {
	return Read(t, step, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// URL returns the address of a path of the site.
func (t *Tab) URL(path string) string { return strings.TrimSuffix(t.base.String(), "/") + path }

// Open goes to a path of the site and waits until the page is whole, with its
// styles, scripts, pictures and fonts.
func (t *Tab) Open(path string) error {
	if err := t.Do("open "+path, chromedp.Navigate(t.URL(path))); err != nil {
		return err
	}
	return t.Settle()
}

// Settle waits until what the page is made of has come and nothing moves.
func (t *Tab) Settle() error {
	ctx, cancel := context.WithTimeout(t.ctx, within)
	defer cancel()
	if err := t.watch.idle(ctx); err != nil {
		return err
	}
	_, err := Ask[bool](t, "let the page come to rest", `(async () => {
		await document.fonts.ready;
		for (const animation of document.getAnimations()) {
			try { animation.finish(); } catch { animation.cancel(); } // endless ones can't finish
		}
		return true;
	})()`)
	if err != nil {
		return err
	}
	return t.watch.idle(ctx)
}

// Viewport sets the size in CSS pixels; mobile is as on a phone.
func (t *Tab) Viewport(width, height int, mobile bool) error {
	options := []chromedp.EmulateViewportOption{chromedp.EmulateScale(1)}
	if mobile {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait)
	}
	return t.Do(fmt.Sprintf("make the page %d×%d", width, height), chromedp.EmulateViewport(int64(width), int64(height), options...))
}

// Media says what a media query sees, such as prefers-color-scheme: dark.
func (t *Tab) Media(feature, value string) error {
	t.media[feature] = value
	var all []*emulation.MediaFeature
	for name, value := range t.media {
		all = append(all, &emulation.MediaFeature{Name: name, Value: value})
	}
	return t.Do("set "+feature, command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: all}))
}

// Language sets what the browser asks for, such as "tr".
func (t *Tab) Language(tag string) error {
	return t.Do("ask for "+tag, command(network.SetExtraHTTPHeaders,
		network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": tag}}))
}

// JavaScript turns scripts on and off, from the next page on.
func (t *Tab) JavaScript(on bool) error {
	return t.Do("switch scripts", command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}))
}

// Cache says whether the next pages may come from the cache.
func (t *Tab) Cache(on bool) error {
	return t.Do("switch the cache", command(network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: !on}))
}

// Screenshot writes the whole page into a PNG file.
func (t *Tab) Screenshot(file string) error {
	const lossless = 100
	picture, err := Read(t, "take a picture", chromedp.FullScreenshot(lossless))
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, picture, 0o644); err != nil { //nolint:gosec // a picture for people
		return fmt.Errorf("the picture: %w", err)
	}
	return nil
}

// Cookies returns the cookies that the site would get.
func (t *Tab) Cookies() ([]*network.Cookie, error) {
	result, err := Read(t, "read the cookies", func(ctx context.Context, target *chromedp.Target) (network.GetCookiesResult, error) {
		return cdp.Call(ctx, target, network.GetCookies, network.GetCookiesParams{URLs: []string{t.URL("/")}})
	})
	return result.Cookies, err
}

// Authenticator gives the tab a passkey device of its own: it keeps passkeys,
// verifies its owner, and says yes at once.
func (t *Tab) Authenticator() (webauthn.AuthenticatorID, error) {
	options := &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}
	if err := t.Do("allow passkeys", command(webauthn.Enable, webauthn.EnableParams{})); err != nil {
		return "", err
	}
	result, err := Read(t, "add a passkey device", func(ctx context.Context, target *chromedp.Target) (webauthn.AddVirtualAuthenticatorResult, error) {
		return cdp.Call(ctx, target, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: options})
	})
	return result.AuthenticatorID, err
}

// Passkeys counts those that the device keeps.
func (t *Tab) Passkeys(device webauthn.AuthenticatorID) (int, error) {
	result, err := Read(t, "count the passkeys", func(ctx context.Context, target *chromedp.Target) (webauthn.GetCredentialsResult, error) {
		return cdp.Call(ctx, target, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: device})
	})
	return len(result.Credentials), err
}

// Taken returns the problems since its last call and what was loaded since.
func (t *Tab) Taken() ([]Problem, Weight) { return t.watch.taken() }

// until looks until the expression is true. A page that is being left can't be
// asked; the next one can.
func (t *Tab) until(step, expression string) error {
	ctx, cancel := context.WithTimeout(t.ctx, within)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var last error
	for {
		done, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		if err == nil && done {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s: not within %s", step, within), last)
		}
	}
}

// arrive runs a trigger and waits for the page that it leads to.
func (t *Tab) arrive(step string, trigger chromedp.Action[chromedp.Void]) error {
	if _, err := Read(t, step+" and wait for the next page", chromedp.WaitEvent(page.LoadEventFired, nil, trigger)); err != nil {
		return err
	}
	return t.Settle()
}
