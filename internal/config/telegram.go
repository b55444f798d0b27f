package config

import (
	"errors"
	"fmt"
	"os"

	"github.com/notpanel/notpanel/internal/telegram"
)

// Telegram says which bot tells customers what happens. Its token comes by
// NOTPANEL_TELEGRAM_BOT_TOKEN or NOTPANEL_TELEGRAM_BOT_TOKEN_FILE: secrets on a command
// line can be read by every user of the machine.
type Telegram struct {
	TelegramAPI string `name:"telegram-api" env:"NOTPANEL_TELEGRAM_API" default:"https://api.telegram.org" help:"Where the bot API of Telegram is. The bot's token belongs into NOTPANEL_TELEGRAM_BOT_TOKEN or NOTPANEL_TELEGRAM_BOT_TOKEN_FILE; without it nothing is sent there."`
}

// TelegramBot checks the settings and returns the bot's; set is false where there is
// none.
func (t Telegram) TelegramBot() (s telegram.Settings, set bool, err error) {
	const name = "NOTPANEL_TELEGRAM_BOT_TOKEN"
	s = telegram.Settings{API: t.TelegramAPI, Token: os.Getenv(name)}
	if file := os.Getenv(name + "_FILE"); file != "" {
		if s.Token != "" {
			return s, false, errors.New(name + " and " + name + "_FILE are both set: set one")
		}
		if s.Token, err = line(file); err != nil {
			return s, false, fmt.Errorf("%s_FILE: %w", name, err)
		}
	}
	if s.Token == "" {
		return s, false, nil
	}
	if s.API == "" {
		s.API = telegram.DefaultAPI
	}
	if err := s.CheckToken(); err != nil {
		return s, false, fmt.Errorf("%s %w", name, err)
	}
	if err := s.CheckAPI(); err != nil {
		return s, false, fmt.Errorf("NOTPANEL_TELEGRAM_API %w", err)
	}
	return s, true, nil
}
