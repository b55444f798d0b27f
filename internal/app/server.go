package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/activity"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/apiv2"
	"github.com/notpanel/notpanel/internal/backup"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clientaddr"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/hint"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/massorder"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/notify"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/panel"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/ratelimit"
	"github.com/notpanel/notpanel/internal/requestlog"
	"github.com/notpanel/notpanel/internal/telemetry"
	"github.com/notpanel/notpanel/internal/web"
	"github.com/notpanel/notpanel/internal/web/orders"
	"github.com/notpanel/notpanel/internal/webhook"
	"github.com/notpanel/notpanel/internal/worker"
)

// Limits of the listeners.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeader         = 16 << 10
	// hooksPerMinute is how many deliveries of providers one address may send.
	hooksPerMinute = 6000
	// shutdownTimeout bounds the wait for requests under way.
	shutdownTimeout = 20 * time.Second
)

// Server is a serving panel.
type Server struct {
	Core   *Core
	Placer *order.Placer
	Cache  *catalog.Cache
	Epochs *epoch.Reader

	settings  config.Serve
	log       *slog.Logger
	lock      *db.FileLock // nil on PostgreSQL
	keys      *apikey.Authenticator
	people    *identity.People
	pages     *web.Server
	orders    *orders.Pages
	languages *locale.Set
	panel     *panel.Live
	texts     *content.Site
	guard     *outbound.Guard
	forwarder *fulfil.Forwarder
	follower  *fulfil.Follower
	actor     *fulfil.Actor
	mails     *notify.Sender
	webhooks  *webhook.Sender
	masses    *massorder.Runner
	workers   *worker.Group
	wakers    wakers
	waits     atomic.Bool // the database is a restored copy that nobody has resumed
	deliver   bool        // the webhooks' sender was started
	metrics   *telemetry.Metrics
	limiter   *ratelimit.Limiter
	counters  *ratelimit.Counters // that nodes share; nil: there are none
	requests  *requestlog.Recorder
	backups   *backup.Schedule // nil where none is set
	draining  atomic.Bool

	api, ops    *http.Server
	apiListener net.Listener
	opsListener net.Listener
	failed      chan error
}

// NewServer opens everything and listens; Start serves.
func NewServer(ctx context.Context, s config.Serve, log *slog.Logger) (*Server, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	server := &Server{settings: s, log: log, failed: make(chan error, 2)}
	if err := server.open(ctx); err != nil {
		return nil, errors.Join(err, server.release())
	}
	return server, nil
}

func (s *Server) open(ctx context.Context) (err error) {
	if s.lock, err = db.LockFile(s.settings.DatabaseURL); err != nil {
		return err
	}
	if s.Core, err = OpenCore(ctx, s.settings.Storage, CoreOptions{
		Migrate: s.settings.AutoMigrate, Database: db.Options{Ungrouped: s.settings.Ungrouped},
	}); err != nil {
		return err
	}
	if err := s.recognise(ctx); err != nil {
		return err
	}
	allow, err := s.settings.Allow()
	if err != nil {
		return err
	}
	floor, err := s.settings.Floor()
	if err != nil {
		return err
	}
	if err := s.openPanel(ctx); err != nil {
		return err
	}
	if s.languages, err = locale.Load(); err != nil {
		return err
	}
	d := s.Core.DB
	if s.settings.BackupEvery > 0 {
		s.backups = &backup.Schedule{
			Source: backup.Source{DB: d, URL: s.settings.DatabaseURL, Program: s.settings.Program},
			Folder: s.settings.BackupFolder, Every: s.settings.BackupEvery, Keep: s.settings.BackupKeep, Now: clock.System, Log: s.log,
		}
	}
	s.metrics = telemetry.NewMetrics(s.gauges)
	s.requests = requestlog.NewRecorder(d, s.metrics.Unrecorded)
	s.workers = worker.NewGroup(s.log, clock.System)
	s.guard = outbound.NewOperator(allow)
	options := fulfil.Options{
		DB: d, Providers: s.Core.Providers, Guard: s.guard, Timeout: s.settings.ProviderTimeout,
		Log: s.log, Now: clock.System, Observe: s.metrics.Submission,
		Rules: fulfil.Rules{
			MarginFloor: floor, SameLink: s.settings.HoldSameLink, Unfunded: s.settings.HoldUnfunded, OrdersAMinute: s.settings.HoldPerMinute,
		},
	}
	s.forwarder, s.follower = fulfil.NewForwarder(options), fulfil.NewFollower(options)
	s.actor = fulfil.NewActor(options)
	customers := outbound.NewCustomer()
	if s.settings.Dev {
		customers = outbound.NewCustomerDev(allow)
	}
	s.Core.Webhooks.CheckURL = customers.CheckURL
	s.webhooks = webhook.NewSender(webhook.SenderOptions{
		DB: d, Store: s.Core.Webhooks, Client: customers.DeliveryClient(), Backoff: s.settings.WebhookBackoff, Log: s.log, Observe: s.metrics.Delivery,
	})
	placing := order.PlacerOptions{Placed: s.wake, Ungrouped: s.settings.Ungrouped}
	s.Placer = order.NewPlacer(d, placing) //nolint:contextcheck // the placer outlives the call that opened it
	s.keys = apikey.NewAuthenticator(d, s.Core.Ring, clock.System)
	s.Epochs, s.Cache = epoch.NewReader(d), catalog.NewCache(d) //nolint:contextcheck // its reads serve whoever waits
	s.masses = massorder.NewRunner(d, s.Placer, s.snapshot)
	return s.listen(ctx)
}

// mailer builds what sends mails.
func (s *Server) mailer(ctx context.Context) (*notify.Sender, error) {
	server, err := s.settings.MailServer()
	if err != nil {
		return nil, err
	}
	if server == nil && !s.settings.Dev {
		s.log.LogAttrs(ctx, slog.LevelWarn, "no mail can be sent: set NOTPANEL_SMTP_URL and NOTPANEL_MAIL_FROM")
	}
	return notify.NewSender(notify.Options{
		DB: s.Core.DB, Ring: s.Core.Ring, Languages: s.languages, Guard: s.guard, Server: server,
		Identity: func() notify.Identity {
			b := s.panel.Brand()
			return notify.Identity{Name: b.Name, URL: strings.TrimSuffix(s.URL(), "/"), Support: b.Support}
		},
		ShowOutbox: s.settings.Dev, Log: s.log,
	})
}

// startWorkers starts the loops that do what waits in the database.
func (s *Server) startWorkers() {
	s.wakers.forwarder.set(s.forwarder.Run(s.workers))
	s.follower.Run(s.workers)
	s.wakers.actor.set(s.actor.Run(s.workers))
	s.mails.Run(s.workers)
	s.webhooks.Run(s.workers)
	s.deliver = true
	s.startNotices()
	fulfil.NewRecoverer(s.Core.DB, s.log).Run(s.workers)
	fulfil.NewPlay(s.Core.DB).Run(s.workers)
	s.Core.Bulk.Run(s.workers, func() {
		s.wake()
		s.wakeActs()
	})
	s.workers.Go(provider.SyncLoop(s.importer(), s.log))
	s.wakers.lists.set(s.workers.Go(provider.ListReader{Importer: s.importer(), Log: s.log}.Loop()))
	s.workers.Go(provider.NewBalanceWatch(s.Core.Providers, s.guard, s.settings.ProviderTimeout, s.log, clock.System).Loop())
	s.workers.Go(worker.Loop{
		Name: "give-up", Every: 30 * time.Second,
		Pass: func(ctx context.Context) (int, error) { return order.GiveUp(ctx, s.Core.DB) },
	})
	s.workers.Go(s.Core.Report.Loop())
	s.workers.Go(hint.Forget(s.Core.DB))
	s.workers.Go(s.Core.Catalog.AnnouncedRates())
	s.workers.Go(order.Facts(s.Core.DB))
	s.workers.Go(activity.NewStore(s.Core.DB).Loop())
	s.workers.Go(worker.Loop{
		Name: "drip-feed", Every: time.Second,
		Pass: func(ctx context.Context) (int, error) { return order.Feed(ctx, s.Core.DB, s.wake) },
	})
	s.workers.Go(worker.Loop{
		Name: "queued", Every: 2 * time.Second,
		Pass: func(ctx context.Context) (int, error) {
			moved, err := order.Unqueue(ctx, s.Core.DB)
			if moved > 0 {
				s.wake()
			}
			return moved, err
		},
	})
	s.workers.Go(worker.Loop{
		Name: "classified", Every: 5 * time.Second,
		Pass: func(ctx context.Context) (int, error) {
			moved, err := fulfil.MoveDecided(ctx, s.Core.DB, s.Core.Providers)
			if moved > 0 {
				s.wake()
			}
			return moved, err
		},
	})
	s.workers.Go(worker.Loop{
		Name: "answers", Every: 10 * time.Minute,
		Pass: func(ctx context.Context) (int, error) { return order.ForgetAnswers(ctx, s.Core.DB) },
	})
	s.workers.Go(worker.Loop{
		Name: "spending", Every: time.Hour,
		Pass: func(ctx context.Context) (int, error) { return order.ForgetSpending(ctx, s.Core.DB) },
	})
	s.workers.Go(worker.Loop{Name: "numbers", Every: time.Hour, Pass: s.watchNumbers})
	s.workers.Go(s.masses.Loop())
	s.workers.Go(massorder.NewStore(s.Core.DB).Purge())
	s.workers.Go(s.Core.Requests.Loop())
	s.workers.Go(s.Core.Giveaways.Loop())
	if s.backups != nil {
		s.workers.Go(s.backups.Loop())
	}
}

// importer brings providers' services into the catalogue.
func (s *Server) importer() provider.Importer {
	return provider.Importer{
		Providers: s.Core.Providers, Catalog: s.Core.Catalog, Guard: s.guard, Timeout: s.settings.ProviderTimeout, Currency: s.Core.Currency,
	}
}

// watchNumbers tells the operator of accounts whose numbers will be used up.
func (s *Server) watchNumbers(ctx context.Context) (int, error) {
	return 0, s.Core.DB.Read(ctx, func(tx *db.Tx) error {
		almost, err := ledger.NumbersAlmostUsed(tx)
		for _, a := range almost {
			s.log.LogAttrs(ctx, slog.LevelWarn, "an account's numbers are nearly used up",
				slog.String("account", a.AccountID), slog.String("wallet", a.WalletID), slog.Int64("last", a.Last))
		}
		return err
	})
}

func (s *Server) listen(ctx context.Context) (err error) {
	public, err := s.settings.Public()
	if err != nil {
		return err
	}
	proxies, err := s.settings.Proxies()
	if err != nil {
		return err
	}
	limits, err := s.settings.RateLimits()
	if err != nil {
		return err
	}
	clients := clientaddr.New(proxies, forgottenProxy(s.log, clock.System)) //nolint:contextcheck // it tells of requests long after the start
	if err := s.openCounters(ctx); err != nil {
		return err
	}
	s.limiter = s.newLimiter(limits, "api")
	api := apiv2.New(apiv2.Deps{
		Limits: s.limiter, ClientAddress: clients.Of,
		Keys: s.keys, Epochs: s.Epochs, Catalog: s.Cache, Services: s.Core.Catalog, Placer: s.Placer, Orders: s.Core.Orders,
		Cancel: order.NewCanceller(s.Core.DB, s.wakeActs), Refills: order.NewRefiller(s.Core.DB, s.wakeActs),
		Webhooks: s.Core.Webhooks,
		Balance:  s.balance, Currency: s.Core.Currency, Log: s.log, Observe: s.metrics.Request, Noted: s.requests.Note,
	})
	tlsConfig, err := certificate(s.settings.TLSCert, s.settings.TLSKey)
	if err != nil {
		return err
	}
	var config net.ListenConfig
	if s.apiListener, err = config.Listen(ctx, "tcp", s.settings.Listen); err != nil {
		return fmt.Errorf("NOTPANEL_LISTEN: %w", err)
	}
	if s.mails, err = s.mailer(ctx); err != nil {
		return err
	}
	if s.pages, err = s.newPages(ctx, clients); err != nil {
		return err
	}
	hooks := hint.New(hint.Receiver{
		DB: s.Core.DB, Providers: s.Core.Providers, ClientAddress: clients.Of, Log: s.log,
		Limits: s.newLimiter(ratelimit.Limits{Address: hooksPerMinute}, "hooks"),
	})
	s.api = newHTTPServer(&front{public: public, clients: clients, api: api, hooks: hooks, pages: s.pages}, s.log)
	s.api.TLSConfig = tlsConfig
	s.api.RegisterOnShutdown(s.orders.Close)
	if s.settings.OpsListen == "" {
		return nil
	}
	s.ops = newHTTPServer(s.opsHandler(), s.log)
	if s.opsListener, err = config.Listen(ctx, "tcp", s.settings.OpsListen); err != nil {
		return fmt.Errorf("NOTPANEL_OPS_LISTEN: %w", err)
	}
	return nil
}

// certificate reads the files for https; without them it returns nil. A pair that
// can't be used is told of here, before anything is served or sent.
func certificate(cert, key string) (*tls.Config, error) {
	if cert == "" {
		return nil, nil //nolint:nilnil // plain http is no error
	}
	certPEM, err := os.ReadFile(cert) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("NOTPANEL_TLS_CERT: %w", err)
	}
	keyPEM, err := os.ReadFile(key) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("NOTPANEL_TLS_KEY: %w", err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("NOTPANEL_TLS_CERT and NOTPANEL_TLS_KEY: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

func (s *Server) balance(ctx context.Context, walletID string) (balance money.Amount, err error) {
	err = s.Core.DB.Read(ctx, func(tx *db.Tx) error {
		balance, err = ledger.Balance(tx, walletID)
		return err
	})
	return balance, err
}

// URL is the base address of the API.
func (s *Server) URL() string {
	if s.settings.PublicURL != "" {
		return s.settings.PublicURL
	}
	scheme := "http"
	if s.settings.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + s.apiListener.Addr().String()
}

// OpsURL is the address of health, readiness and metrics, "" when they are off.
func (s *Server) OpsURL() string {
	if s.opsListener == nil {
		return ""
	}
	return "http://" + s.opsListener.Addr().String()
}

// People are those who use the pages.
func (s *Server) People() *identity.People { return s.people }

// Pages are what they see.
func (s *Server) Pages() *web.Server { return s.pages }

// Guard is what the panel reaches providers through.
func (s *Server) Guard() *outbound.Guard { return s.guard }

// Start works and serves until Stop. Nothing is sent to a provider before: a
// start that fails, at an address in use perhaps, must leave no call behind.
func (s *Server) Start() {
	s.startRecorders()
	s.startOrWait()
	go s.serve(s.api, s.apiListener)
	if s.ops != nil {
		go s.serve(s.ops, s.opsListener)
	}
}

func (s *Server) serve(h *http.Server, l net.Listener) {
	var err error
	if h.TLSConfig != nil {
		err = h.ServeTLS(l, "", "") // the certificate is in the configuration
	} else {
		err = h.Serve(l)
	}
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		s.failed <- err
	}
}

// Failed receives the error of a listener that stopped by itself.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop ends serving in order: no new requests, then no new work, then the calls
// under way are waited for, so that no order is left without its outcome.
func (s *Server) Stop(ctx context.Context) error {
	s.draining.Store(true)
	shutdown, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	err := s.api.Shutdown(shutdown)
	s.workers.Stop()
	err = errors.Join(err, s.drain())
	err = errors.Join(err, s.keys.WriteUses(ctx), s.requests.Flush(ctx))
	if s.ops != nil {
		err = errors.Join(err, s.ops.Shutdown(shutdown))
	}
	return errors.Join(err, s.release())
}

// drain waits for all calls to others at once, so that the longest wait is the whole.
func (s *Server) drain() (err error) {
	var group sync.WaitGroup
	group.Go(func() {
		if !s.forwarder.Drain() {
			err = errors.New("a call to a provider did not end in time; its order becomes uncertain")
		}
	})
	group.Go(func() { s.follower.Drain() })
	group.Go(func() { s.actor.Drain() })
	if s.deliver {
		group.Go(s.webhooks.Drain)
	}
	group.Wait()
	return err
}

// release closes whatever open got to.
func (s *Server) release() error {
	var errs []error
	for _, l := range []net.Listener{s.apiListener, s.opsListener} {
		if l != nil {
			_ = l.Close() // closed already after a shutdown
		}
	}
	if s.workers != nil {
		s.workers.Stop()
	}
	if s.Placer != nil {
		s.Placer.Close()
	}
	if s.texts != nil {
		errs = append(errs, s.texts.Close())
	}
	if s.Core != nil {
		errs = append(errs, s.Core.Close())
	}
	if s.counters != nil {
		errs = append(errs, s.counters.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Unlock())
	}
	return errors.Join(errs...)
}
