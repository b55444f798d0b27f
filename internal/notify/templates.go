package notify

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// The templates, with the values that each needs beside an address and a language.
const (
	VerifyEmail         = "verify_email"          // link
	AlreadyRegistered   = "already_registered"    // link to sign in, reset
	ResetPassword       = "reset_password"        // link
	PasswordChanged     = "password_changed"      // –
	ChangeEmail         = "change_email"          // link; to the new address
	EmailChangeNotice   = "email_change_notice"   // new: the new address, which is masked; to the old one
	EmailChanged        = "email_changed"         // new, as before; to the old address
	NewDevice           = "new_device"            // address, agent
	SecondFactorChanged = "second_factor_changed" // what: one of the changes below; name of a passkey, where it has one
	RecoveryCodeUsed    = "recovery_code_used"    // left: how many codes are left
	KeyCreated          = "key_created"           // name, prefix
	KeyRotated          = "key_rotated"           // name, prefix
	WebhookAdded        = "webhook_added"         // host, webhook: its id
	WebhookDisabled     = "webhook_disabled"      // the same
	WebhookGone         = "webhook_gone"          // the same
	TopUpCredited       = "topup_credited"        // amount with its currency, reference
	TopUpRejected       = "topup_rejected"        // the same, and reason
	DataExported        = "data_exported"         // address, agent
	AccountClosed       = "account_closed"        // balance, with its currency
	ProviderLow         = "provider_low"          // name of the provider, balance and threshold with their currency, link to its page
	Notices             = "notices"               // count: how many they are; line1 and so on to line11; link to all

	// testMail is what the command line sends to try the settings.
	testMail = "test"
)

// The changes of a second factor.
const (
	TOTPOn          = "totp_on"
	TOTPOff         = "totp_off"
	PasskeyAdded    = "passkey_added"
	PasskeyRemoved  = "passkey_removed"
	PasskeyCloned   = "passkey_cloned"
	CodesRenewed    = "codes_renewed"
	ResetByOperator = "reset_by_operator"
)

// What a mail may wait for its server: a day, or as long as its link works.
const (
	patience      = 24 * time.Hour
	resetPatience = time.Hour
)

// kind says what a mail holds; its words are in the language files.
type kind struct {
	needs    []string // values that it can't do without
	action   bool     // its link has a text of its own
	notice   bool     // it tells of something that happened: with its time, and a link to the account where one is given
	patience time.Duration
}

func kinds() map[string]kind {
	act := func(needs ...string) kind { return kind{needs: needs, action: true, patience: patience} }
	notice := func(needs ...string) kind { return kind{needs: needs, notice: true, patience: patience} }
	reset := act("link")
	reset.patience = resetPatience
	return map[string]kind{
		VerifyEmail:         act("link"),
		AlreadyRegistered:   act("link", "reset"),
		ResetPassword:       reset,
		PasswordChanged:     notice(),
		ChangeEmail:         act("link"),
		EmailChangeNotice:   notice("new"),
		EmailChanged:        notice("new"),
		NewDevice:           notice("address", "agent"),
		SecondFactorChanged: notice("what"),
		RecoveryCodeUsed:    notice("left"),
		KeyCreated:          notice("name", "prefix"),
		KeyRotated:          notice("name", "prefix"),
		WebhookAdded:        notice("host", "webhook"),
		WebhookDisabled:     notice("host", "webhook"),
		WebhookGone:         notice("host", "webhook"),
		TopUpCredited:       notice("amount", "reference"),
		TopUpRejected:       notice("amount", "reference", "reason"),
		DataExported:        notice("address", "agent"),
		AccountClosed:       notice("balance"),
		ProviderLow:         act("name", "balance", "threshold", "link"),
		Notices:             act("count", "line1", "link"),
		testMail:            {notice: true, patience: patience},
	}
}

var (
	errNoAddress = errors.New("a mail can't be sent to that address")
	errWhat      = errors.New("unknown change of a second factor")
)

// given is what of the data is not taken as text.
type given struct {
	at    time.Time // zero: not given
	zone  *time.Location
	left  int64
	count int64
}

// facts reads the values that have a form, and refuses those that lack it.
func (t kind) facts(data map[string]string) (g given, err error) {
	g.zone = time.UTC
	if text := data["time"]; text != "" {
		if g.at, err = time.Parse(time.RFC3339, text); err != nil {
			return g, fmt.Errorf("the time of a mail: %w", err)
		}
	}
	if name := data["zone"]; name != "" {
		if g.zone, err = time.LoadLocation(name); err != nil {
			g.zone = time.UTC // a machine without that zone: the time is right in UTC too
		}
	}
	if slices.Contains(t.needs, "left") {
		if g.left, err = strconv.ParseInt(data["left"], 10, 32); err != nil || g.left < 0 {
			return g, errors.New("the recovery codes that are left are no number")
		}
	}
	if slices.Contains(t.needs, "count") {
		if g.count, err = strconv.ParseInt(data["count"], 10, 64); err != nil || g.count < 1 {
			return g, errors.New("the notices of a mail are no number")
		}
	}
	if slices.Contains(t.needs, "what") && !slices.Contains(changes(), data["what"]) {
		return g, errWhat
	}
	return g, nil
}

func changes() []string {
	return []string{TOTPOn, TOTPOff, PasskeyAdded, PasskeyRemoved, PasskeyCloned, CodesRenewed, ResetByOperator}
}
