package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

const (
	demoActor    = "demo"
	demoProvider = "Simulator"
	demoCustomer = "customer@example.com"
	demoOwner    = "owner@example.com"
	demoSupport  = "support@example.com"
	demoBalance  = 100 * money.Unit
	demoTransfer = 25 * money.Unit // of the balance
	demoMarkup   = "20%"
	// demoTimeout is the demo's time-out of add: nobody waits a minute to see one.
	demoTimeout = 5 * time.Second
	// demoReady bounds the wait for the seeded orders to come to rest.
	demoReady = 25 * time.Second
)

// DemoOptions are the settings of the demo.
type DemoOptions struct {
	Dir       string
	Listen    string
	OpsListen string
	Public    bool
	PublicURL string
	Limits    config.Limits
	Log       *slog.Logger
	Progress  func(text string)
}

// Demo is a panel and a simulated provider in one process.
type Demo struct {
	*Server

	simulator *Simulator
	secrets   demoSecrets
	first     *catalog.Service // a service to try

	// interrupted are the orders that a process which was killed was sending.
	// Nobody answers for them before their lease runs out.
	interrupted map[string]bool
}

// demoSecrets are kept in the data folder, for a key's value is nowhere else.
type demoSecrets struct {
	SimulatorKey string `json:"simulator_key"`
	NativeKey    string `json:"native_key"`
	ClassicKey   string `json:"classic_key"`
	TestKey      string `json:"test_key"`
	// The passwords of the customer and of the owner.
	CustomerPassword string `json:"customer_password"`
	OwnerPassword    string `json:"owner_password,omitempty"`
}

// DemoReady is the demo's ready file. What does not work yet is left out.
type DemoReady struct {
	URL    string   `json:"url"`
	OpsURL string   `json:"ops_url,omitempty"`
	Keys   demoKeys `json:"keys"`
	// Customer and Owner sign in at URL/login.
	Customer demoSignIn  `json:"customer"`
	Owner    *demoSignIn `json:"owner,omitempty"`
}

type demoSignIn struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

type demoKeys struct {
	Native  string `json:"native"`
	Classic string `json:"classic"`
	Test    string `json:"test"`
}

// StartDemo starts everything, seeds an empty folder and returns when the seeded
// orders rest.
func StartDemo(ctx context.Context, o DemoOptions) (*Demo, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	d := &Demo{}
	if err := d.start(ctx, o); err != nil {
		return nil, errors.Join(err, d.Stop(context.WithoutCancel(ctx)))
	}
	return d, nil
}

// Check says what is wrong with the settings.
func (o DemoOptions) Check() error {
	host, ok := config.ListenHost(o.Listen)
	switch {
	case !ok:
		return errors.New("--listen must be HOST:PORT, such as 127.0.0.1:8080")
	case !config.IsLoopbackHost(host) && !o.Public:
		return errors.New("the demo serves this machine only: add --public if its play money may be seen by others")
	}
	settings := o.settings()
	return settings.Validate()
}

func (o DemoOptions) settings() config.Serve {
	return config.Serve{
		Storage:  config.InFile(filepath.Join(o.Dir, "panel.db")),
		Outbound: config.Outbound{OutboundAllow: "127.0.0.0/8,::1/128", ProviderTimeout: demoTimeout},
		Limits:   o.Limits,
		Listen:   o.Listen, OpsListen: o.OpsListen, PublicURL: o.PublicURL, AutoMigrate: true, Dev: !o.Public,
		StaffWithoutSecondFactor: true, Brand: config.Brand{SupportEmail: demoSupport},
	}
}

func (d *Demo) start(ctx context.Context, o DemoOptions) error {
	fresh, err := d.loadSecrets(o.Dir)
	if err != nil {
		return err
	}
	d.simulator, err = StartSimulator(ctx, SimulatorOptions{Listen: "127.0.0.1:0", Dir: o.Dir, Key: d.secrets.SimulatorKey})
	if err != nil {
		return err
	}
	if d.Server, err = NewServer(ctx, o.settings(), o.Log); err != nil {
		return err
	}
	// Before the panel begins to ask about orders at the simulator's old port.
	if err := d.connect(ctx); err != nil {
		return err
	}
	if err := d.findInterrupted(ctx); err != nil {
		return err
	}
	d.Start()
	o.Progress("the panel listens at " + d.URL())
	if fresh {
		o.Progress("a customer gets " + demoBalance.String() + " and places one order for every outcome")
		if err := d.seed(ctx, o); err != nil {
			return fmt.Errorf("seed the demo: %w", err)
		}
	}
	return d.rest(ctx)
}

// loadSecrets reads the folder's secrets or makes the first of them.
func (d *Demo) loadSecrets(dir string) (fresh bool, err error) {
	content, err := os.ReadFile(filepath.Join(dir, "demo.json")) //nolint:gosec // the folder is the user's own
	if errors.Is(err, fs.ErrNotExist) {
		d.secrets.SimulatorKey = rand.Text()
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the demo's keys: %w", err)
	}
	if err := json.Unmarshal(content, &d.secrets); err != nil {
		return false, fmt.Errorf("demo.json in the data folder can't be read; an empty folder starts anew: %w", err)
	}
	// A folder from before there were these gets them.
	return d.secrets.ClassicKey == "" || d.secrets.CustomerPassword == "", nil
}

// connect makes the simulator the panel's provider. Its port differs each time.
func (d *Demo) connect(ctx context.Context) error {
	address := d.simulator.URL() + "/api/v2"
	p, err := d.Core.Providers.Find(ctx, demoProvider)
	if err == nil {
		err = d.Core.Providers.SetAddress(ctx, p.ID, address, d.secrets.SimulatorKey, demoActor)
	} else {
		p, err = d.Core.Providers.Create(ctx, provider.New{
			Name: demoProvider, URL: address, Key: d.secrets.SimulatorKey, Profile: provider.Profile{PackagePrice: provider.PriceFlat},
		}, demoActor)
	}
	if err != nil {
		return err
	}
	markup, err := money.ParsePercent(demoMarkup)
	if err != nil {
		return err
	}
	importer := provider.Importer{
		Providers: d.Core.Providers, Catalog: d.Core.Catalog, Guard: d.Guard(), Timeout: demoTimeout, Currency: d.Core.Currency,
	}
	if _, err := importer.Import(ctx, p.ID, markup, demoActor); err != nil {
		return fmt.Errorf("import the simulator's services: %w", err)
	}
	services, err := d.Core.Catalog.List(ctx)
	if err != nil {
		return err
	}
	d.first = services[0]
	return nil
}

// findInterrupted looks, before the workers begin, for seeded orders that cannot
// move soon. The folder is ours, so whoever was sending one or had claimed to ask
// about it is gone; that it did so holds until its time is over.
func (d *Demo) findInterrupted(ctx context.Context) error {
	found, err := d.seeded(ctx)
	if err != nil {
		return err
	}
	d.interrupted = map[string]bool{}
	soon := clock.System().Add(demoReady / 2)
	for _, o := range found {
		d.interrupted[o.ID] = o.State == order.Submitting || o.NextCheckAt.After(soon) || o.DueAt.After(soon)
	}
	return nil
}

// seeded returns the seeded orders that there are.
func (d *Demo) seeded(ctx context.Context) (all []*order.Order, err error) {
	customer, err := d.Core.Accounts.Find(ctx, demoCustomer)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	theirs := order.Scope{AccountID: customer.ID, Mode: ledger.Live}
	for i := range seeds {
		ref, err := d.Core.Orders.ByRequestID(ctx, theirs, seedRequest(i))
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		w, err := d.Core.Orders.Whole(ctx, theirs, ref)
		if err != nil {
			return nil, err
		}
		all = append(all, w.Order)
	}
	return all, nil
}

// seed makes the customer, the keys and the orders of an empty folder. Its last
// step writes the secrets: a start that was cut short begins again, and each
// step takes what it finds done for done.
func (d *Demo) seed(ctx context.Context, o DemoOptions) error {
	customer, err := d.person(ctx, demoCustomer, account.Customer, &d.secrets.CustomerPassword)
	if err != nil {
		return err
	}
	if !o.Public { // who serves others shows them no admin
		if _, err := d.person(ctx, demoOwner, account.Owner, &d.secrets.OwnerPassword); err != nil {
			return err
		}
	}
	if err := d.welcome(ctx, customer.ID); err != nil {
		return err
	}
	if err := d.topUps(ctx, customer.ID); err != nil {
		return fmt.Errorf("top-ups: %w", err)
	}
	if err := d.rates(ctx); err != nil {
		return err
	}
	if err := d.publicTexts(ctx); err != nil {
		return err
	}
	if err := d.giveaways(ctx); err != nil {
		return fmt.Errorf("giveaways: %w", err)
	}
	for _, k := range []struct {
		value   *string
		mode    apikey.Mode
		dialect apikey.Dialect
	}{
		{&d.secrets.NativeKey, apikey.Live, apikey.Native},
		{&d.secrets.ClassicKey, apikey.Live, apikey.Classic},
		{&d.secrets.TestKey, apikey.Test, apikey.Native},
	} {
		if *k.value != "" {
			continue
		}
		if *k.value, err = d.key(ctx, customer.ID, k.mode, k.dialect); err != nil {
			return err
		}
	}
	if err := d.placeSeeds(ctx, customer.ID); err != nil {
		return err
	}
	return WriteReadyFile(filepath.Join(o.Dir, "demo.json"), d.secrets)
}

// person makes one of the demo's accounts with a password. One that a start cut
// short has made gets a new password, for the old one is nowhere kept.
func (d *Demo) person(ctx context.Context, email string, role account.Role, password *string) (account.Account, error) {
	if *password != "" {
		return d.Core.Accounts.Find(ctx, email)
	}
	*password = strings.ToLower(rand.Text())
	a, err := d.Core.Accounts.SetPassword(ctx, email, *password, demoActor)
	if fault.Is(err, fault.NotFound) {
		a, err = d.Core.Accounts.Create(ctx, email, *password, role, demoActor)
	}
	return a, err
}

// key makes the demo's key of a mode and dialect. One that a start cut short has
// made gets a new value, for the old one is nowhere kept.
func (d *Demo) key(ctx context.Context, accountID string, mode apikey.Mode, dialect apikey.Dialect) (value string, err error) {
	n := apikey.NewKey{AccountID: accountID, Name: "Demo " + string(mode), Dialect: dialect, Mode: mode}
	made, err := d.Core.Keys.List(ctx, accountID, "", 1000)
	if err != nil {
		return "", err
	}
	for _, k := range made {
		if k.Name == n.Name && k.Mode == mode && k.Dialect == dialect && k.Active(clock.System()) {
			value, _, err = d.Core.Keys.Rotate(ctx, k.ID, demoActor)
			return value, err
		}
	}
	value, _, err = d.Core.Keys.Issue(ctx, n, demoActor)
	return value, err
}

// seeds are the orders of the demo: the steering words of the simulator, and
// what each comes to.
//
//nolint:gochecknoglobals // a table
var seeds = []string{"complete", "partial:40", "cancel", "refuse", "refuse-unknown", "500-accepted"}

// seedRequest is the request id of a seed.
func seedRequest(i int) string { return "demo-" + strconv.Itoa(i+1) }

func (d *Demo) placeSeeds(ctx context.Context, accountID string) error {
	var walletID string
	err := d.Core.DB.Read(ctx, func(tx *db.Tx) (err error) {
		walletID, err = ledger.WalletID(tx, accountID, ledger.Live)
		return err
	})
	if err != nil {
		return err
	}
	epochs, err := d.Epochs.Current(ctx)
	if err != nil {
		return err
	}
	snapshot, err := d.Cache.At(ctx, epochs.Catalog)
	if err != nil {
		return err
	}
	first := snapshot.Services[0]
	for i, word := range seeds {
		fields := map[string]string{
			"service": strconv.FormatInt(first.ID, 10), "request_id": seedRequest(i),
			"link": "https://example.com/campaign-" + strconv.Itoa(i+1) + "#sim=" + word, "quantity": strconv.FormatInt(first.Min*2, 10),
		}
		request, err := order.ParseRequest(func(name string) string { return fields[name] })
		if err != nil {
			return err
		}
		buyer := order.Buyer{Scope: order.Scope{AccountID: accountID, Mode: ledger.Live}, WalletID: walletID}
		if _, err := d.Placer.Place(ctx, buyer, request, snapshot); err != nil {
			return err
		}
	}
	return nil
}

// rest waits until the seeded orders have come to where they stay, as far as
// they can within this start.
func (d *Demo) rest(whole context.Context) error {
	ctx, cancel := context.WithTimeout(whole, demoReady)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		moving, err := d.moving(ctx)
		if err == nil && !moving {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if whole.Err() != nil {
				return errors.New("the demo was stopped before it was ready")
			}
			return errors.Join(errors.New("the demo's orders did not come to rest in time"), err)
		}
	}
}

// moving reports whether a seeded order will move on by itself soon.
func (d *Demo) moving(ctx context.Context) (bool, error) {
	found, err := d.seeded(ctx)
	return slices.ContainsFunc(found, func(o *order.Order) bool {
		return movesByItself(o.State) && !d.interrupted[o.ID]
	}), err
}

// movesByItself says that an order has neither ended nor waits for a person.
func movesByItself(s order.State) bool {
	switch s {
	case order.Pending, order.Submitting, order.Processing, order.InProgress:
		return true
	default:
		return false
	}
}

// Ready is what the ready file says.
func (d *Demo) Ready() DemoReady {
	r := DemoReady{
		URL: d.URL(), OpsURL: d.OpsURL(),
		Keys:     demoKeys{Native: d.secrets.NativeKey, Classic: d.secrets.ClassicKey, Test: d.secrets.TestKey},
		Customer: demoSignIn{demoCustomer, d.secrets.CustomerPassword},
	}
	if d.secrets.OwnerPassword != "" {
		r.Owner = &demoSignIn{demoOwner, d.secrets.OwnerPassword}
	}
	return r
}

// Print tells what there is and what to try.
func (d *Demo) Print(w io.Writer) {
	url, key, desk := d.URL()+"/api/v2", d.secrets.NativeKey, ""
	if d.secrets.OwnerPassword != "" {
		desk = fmt.Sprintf("  Desk       %s/admin   (the operator's: sign in as %s, password %s)\n", d.URL(), demoOwner, d.secrets.OwnerPassword)
	}
	fmt.Fprintf(w, `
The demo is ready.

  Panel      %s   (sign in as %s, password %s)
%s  API        %s
  Live key   %s
  Classic    %s   (the same account, for an existing panel or script)
  Test key   %s   (play money; a sandbox delivers its orders in seconds)
  Ops        %s/readyz and /metrics
  Provider   %s/sim/orders   (what the simulated provider holds)

Order %q, see what became of it, and look at the balance:

  curl -s %s -d key=%s -d action=add -d request_id=first -d service=%d -d quantity=%d --data-urlencode 'link=https://example.com/landing'
  curl -s %s -d key=%s -d action=order -d request_id=first
  curl -s %s -d key=%s -d action=balance

Send the first line again: the answer is the same and nothing is charged twice.
The order completes within 20 seconds. Add #sim=partial:40, #sim=cancel or #sim=timeout-accepted
to a link to see other endings; docs/simulator.md lists them. Ctrl-C stops the demo.
`, d.URL(), demoCustomer, d.secrets.CustomerPassword, desk, url, key, d.secrets.ClassicKey, d.secrets.TestKey, d.OpsURL(), d.simulator.URL(), d.first.Name, url, key, d.first.ID, d.first.Min, url, key, url, key)
}

// Stop ends the panel and then its provider.
func (d *Demo) Stop(ctx context.Context) (err error) {
	if d.Server != nil {
		err = d.Server.Stop(ctx)
	}
	if d.simulator != nil {
		d.simulator.Stop()
	}
	return err
}
