package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/order"
)

// Who sits in front of the browser.
const (
	browserPerson = "bench-browser@example.com"
	browserSecret = "a password of the bench"
)

// signedIn is a browser of the account.
func signedIn(ctx context.Context, server *app.Server, buyer order.Buyer) (*http.Client, error) {
	err := server.Core.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE accounts SET email = $2 WHERE id = $1`, buyer.AccountID, browserPerson)
		return err
	})
	if err == nil {
		_, err = server.Core.Accounts.SetPassword(ctx, browserPerson, browserSecret, "bench")
	}
	if err != nil {
		return nil, err
	}
	jar := &browserCookies{cookies: map[string]*http.Cookie{}}
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	form := url.Values{"email": {browserPerson}, "password": {browserSecret}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL()+"/login", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	response, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusSeeOther {
		return nil, fmt.Errorf("sign in: %s", response.Status)
	}
	return client, nil
}

// browserCookies keeps cookies as browsers do at a loopback address: __Host- ones too.
type browserCookies struct{ cookies map[string]*http.Cookie }

// SetCookies implements http.CookieJar.
func (l *browserCookies) SetCookies(_ *url.URL, all []*http.Cookie) {
	for _, c := range all {
		l.cookies[c.Name] = c
	}
}

// Cookies implements http.CookieJar.
func (l *browserCookies) Cookies(*url.URL) (all []*http.Cookie) {
	for _, c := range l.cookies {
		all = append(all, &http.Cookie{Name: c.Name, Value: c.Value}) //nolint:gosec // sent to the panel, as it gave it
	}
	return all
}

// download reads an answer to its end and counts its lines, the first left out.
func download(ctx context.Context, client *http.Client, address string) (lines int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("download: %w", err)
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, fmt.Errorf("download: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("download: %s", response.Status)
	}
	buffer := make([]byte, 64<<10)
	for {
		n, err := response.Body.Read(buffer)
		lines += strings.Count(string(buffer[:n]), "\n")
		if errors.Is(err, io.EOF) {
			return lines - 1, nil
		}
		if err != nil {
			return lines, fmt.Errorf("download: %w", err)
		}
	}
}
