package notice

import (
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/locale"
)

// Line says in the reader's language what a notice tells, in one sentence.
func (n *Notice) Line(l *locale.Language, currency string) string {
	d := n.Data
	return l.Text(n.text(), "Number", strconv.FormatInt(d.Number, 10), "Amount", l.Money(d.Amount, currency), "Below", l.Money(d.Below, currency),
		"Name", d.Name, "Reason", d.Reason, "Until", l.Day(d.Until))
}

// text is the key of the language files.
func (n *Notice) text() string {
	switch n.Kind {
	case OrderCompleted:
		return "notice.line_completed"
	case OrderPartial:
		return "notice.line_partial"
	case OrderCanceled:
		if n.Data.Detail == Failed {
			return "notice.line_failed"
		}
		return "notice.line_canceled"
	case OrderRefunded:
		return "notice.line_refunded"
	case RefillEnded:
		if n.Data.Detail == Refused {
			return "notice.line_refill_refused"
		}
		return "notice.line_refill"
	case CancelRejected:
		return "notice.line_cancel_rejected"
	case BalanceLow:
		return "notice.line_low"
	case Credited:
		switch n.Data.Detail {
		case ByPanel:
			return "notice.line_credited_by_panel"
		case Prize:
			return "notice.line_prize"
		}
		return "notice.line_credited"
	case TopupRejected:
		return "notice.line_topup_rejected"
	case WebhookStopped:
		if n.Data.Detail == Gone {
			return "notice.line_webhook_gone"
		}
		return "notice.line_webhook_disabled"
	case KeyExpires:
		return "notice.line_key_expires"
	case ChatLost:
		return "notice.line_chat_lost"
	}
	return string(n.Kind)
}

// lines are what a round says, and of how many more it tells nothing.
func (r *round) lines(l *locale.Language, currency string) []string {
	all := make([]string, 0, len(r.notices)+1)
	for i := range r.notices {
		all = append(all, short(r.notices[i].Line(l, currency)))
	}
	if r.folded > 0 {
		all = append(all, l.Count("notice.more", r.folded))
	}
	return all
}

// short makes a line of what others may have written into it.
func short(text string) string {
	const most = 240 // characters, of four bytes each at most: fewer than a mail takes
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
