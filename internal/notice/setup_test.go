package notice_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/notice"
	"github.com/notpanel/notpanel/internal/notify"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/telegram"
	"github.com/notpanel/notpanel/internal/telegram/telegramtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// scene is a panel whose customer orders on its pages, with what mails and sends.
type scene struct {
	*ordertest.Fixture

	t     *testing.T
	store *notice.Store
	words notice.Writer
	log   *lines
	mails []notify.Mail
	ahead time.Duration
}

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func setup(t *testing.T, d *db.DB) *scene {
	t.Helper()
	languages, err := locale.Load()
	ordertest.Must(t, err)
	s := &scene{Fixture: ordertest.New(t, d, "https://provider.example/api/v2", 100*money.Unit), t: t, log: &lines{}}
	s.Buyer.KeyID = ""
	s.store = notice.NewStore(d, s.Ring)
	s.words = notice.Writer{
		DB: d, Languages: languages, Currency: "USD", Panel: func() string { return "Panel" }, URL: "https://panel.example",
		Reader: func(tx *db.Tx, accountID string) (notice.Reader, error) {
			c, err := account.ContactOf(tx, accountID)
			return notice.Reader{Email: c.Email, Language: c.Language}, err
		},
	}
	s.Exec(`DELETE FROM notice_waiting`)
	s.Exec(`DELETE FROM notices`) // of the money that the fixture gave
	s.Exec(`DELETE FROM notice_rounds`)
	return s
}

// pass lets time go by.
func (s *scene) pass(by time.Duration) {
	s.DB.AdvanceClock(by)
	s.ahead += by
}

func (s *scene) now() time.Time { return clock.System().Add(s.ahead) }

// choose sets the customer's choices.
func (s *scene) choose(change func(c *notice.Choices)) {
	s.t.Helper()
	var c notice.Choices
	change(&c)
	ordertest.Must(s.t, s.store.SetChoices(context.Background(), s.Buyer.AccountID, c))
}

// ends places an order and takes it to an end.
func (s *scene) ends(requestID string, end order.State, remains int64) *order.Order {
	s.t.Helper()
	o := s.Place(requestID, "https://site.example/"+requestID, 100)
	path := []order.State{order.Submitting, order.Processing, order.InProgress, end}
	switch end {
	case order.Failed:
		path = []order.State{order.Submitting, end}
	case order.Refunded:
		path = []order.State{order.Submitting, order.Processing, order.InProgress, order.Completed, end}
	default:
	}
	for _, to := range path {
		s.Write(func(tx *db.Tx) error { return move(tx, o.ID, to, remains) })
	}
	return s.Order(o.ID)
}

func move(tx *db.Tx, orderID string, to order.State, remains int64) error {
	o, book, err := order.Lock(tx, orderID)
	if err != nil {
		return err
	}
	if to == order.InProgress || to.Final() {
		o.StartCount, o.Remains = new(int64(10)), &remains
	}
	return order.Transition(tx, book, o, order.Change{To: to, Actor: "panel", Reason: "test"})
}

// notices are the customer's, the oldest first.
func (s *scene) notices() (all []notice.Notice) {
	s.t.Helper()
	found, err := s.store.Of(context.Background(), s.Buyer.AccountID, "", 2000)
	ordertest.Must(s.t, err)
	for i := range found {
		all = append(all, found[len(found)-1-i])
	}
	return all
}

// said are the customer's notices in words.
func (s *scene) said() (all []string) {
	s.t.Helper()
	for _, n := range s.notices() {
		all = append(all, n.Line(s.words.Languages.English(), "USD"))
	}
	return all
}

// mailer returns one that keeps its mails if their transaction is kept.
func (s *scene) mailer() *notice.Mailer {
	store := notify.NewStore(s.Ring)
	return &notice.Mailer{Writer: s.words, Queue: func(tx *db.Tx, m notify.Mail) error {
		s.mails = append(s.mails, m)
		return store.Queue(tx, m)
	}}
}

// mailAll mails all that is due and returns how many rounds that were.
func (s *scene) mailAll() (rounds int) {
	s.t.Helper()
	m := s.mailer()
	for {
		n, err := m.Pass(context.Background())
		ordertest.Must(s.t, err)
		if n == 0 {
			return rounds
		}
		rounds += n
	}
}

// messenger returns one that speaks to a fake bot API.
func (s *scene) messenger(api *telegramtest.Server) *notice.Messenger {
	guard := outbound.NewOperator([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	bot := telegram.NewBot(guard, telegram.Settings{API: api.URL, Token: telegramtest.Token})
	m := notice.NewMessenger(s.words, bot, s.store, slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	m.Now = s.now
	return m
}

// chat is where the customer reads in these tests.
const chat = 5_000_000_001

// link links the customer's chat and takes the bot's answer.
func (s *scene) link(m *notice.Messenger, api *telegramtest.Server) {
	s.t.Helper()
	s.introduce(m, api)
	code, bot, err := s.store.Link(context.Background(), s.Buyer.AccountID)
	ordertest.Must(s.t, err)
	if bot != telegramtest.Name {
		s.t.Fatalf("the bot is %q", bot)
	}
	api.Write(chat, "/start "+code)
	s.listen(m, 1)
}

// introduce makes the bot's name known: it answers a stranger.
func (s *scene) introduce(m *notice.Messenger, api *telegramtest.Server) {
	s.t.Helper()
	api.Write(1, "hello")
	s.listen(m, 1)
}

func (s *scene) listen(m *notice.Messenger, want int) {
	s.t.Helper()
	n, err := m.Listen(context.Background())
	ordertest.Must(s.t, err)
	if n != want {
		s.t.Fatalf("heard %d, want %d", n, want)
	}
}

// send sends all that is due and returns how many rounds that were.
func (s *scene) send(m *notice.Messenger) (rounds int) {
	s.t.Helper()
	for {
		n, err := m.Send(context.Background())
		ordertest.Must(s.t, err)
		if n == 0 {
			return rounds
		}
		rounds += n
	}
}

// waits is how many notices wait for a channel.
func (s *scene) waits(by notice.Channel) int64 {
	s.t.Helper()
	return s.Count(`SELECT COUNT(*) FROM notice_waiting WHERE channel = $1`, string(by))
}
