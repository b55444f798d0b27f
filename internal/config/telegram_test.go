package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/telegram"
)

// A bot is set by a token or a file with one; what is wrong is said without the token.
func TestTelegramBot(t *testing.T) {
	const token = "123456:abcdefghijklmnopqrstuvwxyz_-012345"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		token, file, api string
		set              bool
		wrong            string
	}{
		"none":        {"", "", "", false, ""},
		"by value":    {token, "", "", true, ""},
		"by file":     {"", file, telegram.DefaultAPI, true, ""},
		"own server":  {token, "", "http://127.0.0.1:8081", true, ""},
		"both":        {token, file, "", false, "both set"},
		"no token":    {token + "/..", "", "", false, "NOTPANEL_TELEGRAM_BOT_TOKEN is no token"},
		"no file":     {"", file + "x", "", false, "NOTPANEL_TELEGRAM_BOT_TOKEN_FILE"},
		"no address":  {token, "", "ftp://files.example", false, "NOTPANEL_TELEGRAM_API must be an address"},
		"with a name": {token, "", "https://who@files.example", false, "NOTPANEL_TELEGRAM_API must be an address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("NOTPANEL_TELEGRAM_BOT_TOKEN", c.token)
			t.Setenv("NOTPANEL_TELEGRAM_BOT_TOKEN_FILE", c.file)
			got, set, err := Telegram{TelegramAPI: c.api}.TelegramBot()
			if set != c.set || (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Fatalf("%+v, %v, %v", got, set, err)
			}
			if set && (got.Token != token || got.API == "") || err != nil && strings.Contains(err.Error(), "abcdef") {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
