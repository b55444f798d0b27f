package dashboard

import (
	"context"
	"net/http"
	"strconv"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/notice"
	"github.com/notpanel/notpanel/internal/web/ui"
)

const (
	noticesPath  = "/dashboard/notices"
	choicesPath  = accountPath + "/notices"
	chatPath     = choicesPath + "/telegram"
	giveawayPath = "/giveaway/"
	// ordersPath is where an order that a notice tells of is found.
	ordersPath = "/dashboard/orders"
)

// noticesShown is how many notices a page shows.
const noticesShown = 25

// noticesView is what the page of the notices shows.
type noticesView struct {
	All    []shownNotice
	Next   string // the notice to go on before; "": there are no more
	First  bool
	Unread bool // some of those that are shown are new
}

// shownNotice is a notice in the reader's words.
type shownNotice struct {
	notice.Notice

	Text    string
	Service string // of its order, "" for none
	Path    string // to what it is about
}

// Notices lists what the account was told.
func (d *Dashboard) Notices(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	before := r.URL.Query().Get("before")
	if !id.Valid(id.Notice, before) {
		before = ""
	}
	// One more tells whether there is another page.
	all, err := d.deps.Notices.Of(ctx, d.person(r).AccountID, before, noticesShown+1)
	if err != nil {
		return err
	}
	v := noticesView{First: before == ""}
	if len(all) > noticesShown {
		all = all[:noticesShown]
		v.Next = all[noticesShown-1].ID
	}
	snapshot, err := d.deps.Snapshot(ctx)
	if err != nil {
		return err
	}
	for _, n := range all {
		v.All = append(v.All, shown(ctx, n, snapshot))
		v.Unread = v.Unread || n.ReadAt.IsZero()
	}
	return ui.Render(w, r, http.StatusOK, noticesPage(v))
}

func shown(ctx context.Context, n notice.Notice, snapshot *catalog.Snapshot) shownNotice {
	v := ui.Of(ctx)
	s := shownNotice{Notice: n, Text: n.Line(v.Language, v.Panel.Currency), Path: noticedPath(n)}
	if n.Data.Service != 0 {
		s.Service = serviceName(ctx, snapshot, n.Data.Service)
	}
	return s
}

// noticedPath leads to what a notice is about.
func noticedPath(n notice.Notice) string {
	switch n.Kind {
	case notice.BalanceLow, notice.Credited, notice.TopupRejected:
		if n.Data.Detail == notice.Prize {
			return giveawayPath + n.Subject
		}
		return walletPath
	case notice.WebhookStopped:
		if n.Data.Detail == notice.Gone {
			return keysPath
		}
		return keysPath + "/webhooks/" + n.Subject
	case notice.KeyExpires:
		return keysPath + "/keys/" + n.Subject
	case notice.ChatLost:
		return choicesPath + "#telegram"
	case notice.OrderCompleted, notice.OrderPartial, notice.OrderCanceled, notice.OrderRefunded, notice.RefillEnded, notice.CancelRejected:
	}
	return ordersPath + "/" + strconv.FormatInt(n.Data.Number, 10)
}

// MarkNoticesRead marks as read what the page showed and what is older.
func (d *Dashboard) MarkNoticesRead(w http.ResponseWriter, r *http.Request) error {
	if through := r.PostFormValue("through"); id.Valid(id.Notice, through) {
		if err := d.deps.Notices.MarkRead(r.Context(), d.person(r).AccountID, through); err != nil {
			return err
		}
	}
	return ui.See(w, r, noticesPath)
}

// through is the newest notice that a page shows.
func (v noticesView) through() string { return v.All[0].ID }

func (v noticesView) older() string {
	if v.Next == "" {
		return ""
	}
	return noticesPath + "?before=" + v.Next
}

func (v noticesView) newest() string {
	if v.First {
		return ""
	}
	return noticesPath
}

// choicesView is what the page of the choices shows.
type choicesView struct {
	Choices  notice.Choices
	Done     string // a key of the language files; "" for none
	Telegram bool   // there is a bot
	CanMail  bool
	Chat     notice.Chat
	Linked   bool // there is, or was, a chat
}

// ways are the channels that there are.
func (v choicesView) ways(ctx context.Context) []ui.TickWay {
	all := []ui.TickWay{{Name: string(notice.Web), Label: ui.T(ctx, "notices.web")}, {Name: string(notice.Mail), Label: ui.T(ctx, "notices.mail")}}
	if v.Telegram {
		all = append(all, ui.TickWay{Name: string(notice.Telegram), Label: ui.T(ctx, "notices.telegram")})
	}
	return all
}

// wants reports whether a box is ticked.
func (v choicesView) wants(kind, way string) bool {
	return v.Choices.Wants(notice.Kind(kind), notice.Channel(way))
}

// kindOptions are the rows of the table.
func kindOptions(ctx context.Context) (all []ui.Option) {
	for _, k := range notice.Kinds() {
		all = append(all, ui.Option{Value: string(k), Label: ui.T(ctx, kindText(k))})
	}
	return all
}

func kindText(k notice.Kind) string {
	switch k {
	case notice.OrderCompleted:
		return "notice.kind_completed"
	case notice.OrderPartial:
		return "notice.kind_partial"
	case notice.OrderCanceled:
		return "notice.kind_canceled"
	case notice.OrderRefunded:
		return "notice.kind_refunded"
	case notice.RefillEnded:
		return "notice.kind_refill"
	case notice.CancelRejected:
		return "notice.kind_cancel_rejected"
	case notice.BalanceLow:
		return "notice.kind_low"
	case notice.Credited:
		return "notice.kind_credited"
	case notice.TopupRejected:
		return "notice.kind_topup_rejected"
	case notice.WebhookStopped:
		return "notice.kind_webhook"
	case notice.KeyExpires:
		return "notice.kind_key"
	case notice.ChatLost:
	}
	return string(k)
}

// NoticeChoices shows of what the account is told, and how.
func (d *Dashboard) NoticeChoices(w http.ResponseWriter, r *http.Request) (err error) {
	ctx, accountID := r.Context(), d.person(r).AccountID
	v := choicesView{Telegram: d.deps.Telegram, CanMail: d.deps.CanMail()}
	switch r.URL.Query().Get("done") {
	case "saved":
		v.Done = "notices.saved"
	case "unlinked":
		v.Done = "notices.unlinked"
	}
	if v.Choices, err = d.deps.Notices.Choices(ctx, accountID); err != nil {
		return err
	}
	if v.Telegram {
		if v.Chat, v.Linked, err = d.deps.Notices.Chat(ctx, accountID); err != nil {
			return err
		}
	}
	return ui.Render(w, r, http.StatusOK, choicesPage(v))
}

// SetNoticeChoices stores what is ticked. What the page did not show stays as it was.
func (d *Dashboard) SetNoticeChoices(w http.ResponseWriter, r *http.Request) error {
	ctx, accountID := r.Context(), d.person(r).AccountID
	c, err := d.deps.Notices.Choices(ctx, accountID)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	c.KeyOrders = f.Value("key_orders") != ""
	for _, way := range (choicesView{Telegram: d.deps.Telegram}).ways(ctx) {
		ticked := map[string]bool{}
		for _, kind := range f.Values[way.Name] {
			ticked[kind] = true
		}
		for _, k := range notice.Kinds() {
			c.Set(k, notice.Channel(way.Name), ticked[string(k)])
		}
	}
	if err := d.deps.Notices.SetChoices(ctx, accountID, c); err != nil {
		return err
	}
	return ui.See(w, r, choicesPath+"?done=saved")
}

// LinkChat makes a code that links a chat and shows it, once.
func (d *Dashboard) LinkChat(w http.ResponseWriter, r *http.Request) error {
	if !d.deps.Telegram {
		return fault.New(fault.NotFound, "There is no bot")
	}
	code, bot, err := d.deps.Notices.Link(r.Context(), d.person(r).AccountID)
	if fault.Is(err, fault.Unavailable) {
		return ui.RenderDialog(w, r, http.StatusServiceUnavailable, ui.Page{Title: ui.T(r.Context(), "chat.link_title")}, chatAway())
	}
	if err != nil {
		return err
	}
	return ui.RenderDialog(w, r, http.StatusOK, ui.Page{Title: ui.T(r.Context(), "chat.link_title")}, chatLink(code, bot))
}

// UnlinkChat ends the account's chat.
func (d *Dashboard) UnlinkChat(w http.ResponseWriter, r *http.Request) error {
	if err := d.deps.Notices.Unlink(r.Context(), d.person(r).AccountID); err != nil {
		return err
	}
	return ui.See(w, r, choicesPath+"?done=unlinked")
}

func keyOrders(v choicesView) string {
	if v.Choices.KeyOrders {
		return "on"
	}
	return ""
}
