// Command shop is a reseller's shop, which shows what becomes of orders as webhooks tell it.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"html/template"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"

	"github.com/notpanel/notpanel/client"
)

//nolint:gochecknoglobals // read once
var page = template.Must(template.New("").Funcs(template.FuncMap{"price": price}).Parse(`<!doctype html><title>Shop</title><form method="post">
<select name="service">{{range .Services}}<option value="{{.Service}}">{{.Name}}, 1,000 for {{price .Rate}} {{.Currency}}</option>{{end}}</select>
<input name="link" type="url" required> <input name="quantity" type="number" required> <button>Order</button></form>
<table>{{range .Orders}}<tr><td>{{.Order.Link}}<td>{{.Order.Status}}{{end}}</table>`))

// price is what the shop takes where the panel takes a rate: a quarter more.
func price(rate client.Amount) string {
	return new(big.Rat).Mul(must(rate.Rat()), big.NewRat(5, 4)).FloatString(2)
}

type shop struct {
	panel    *client.Client
	verifier *client.Verifier
	mu       sync.Mutex
	orders   map[string]client.Event // what was heard last, by the order's request id
	heard    map[string]bool         // by the event's id
}

func (s *shop) show(w http.ResponseWriter, r *http.Request) {
	services, err := s.panel.Services(r.Context(), "") // sent anew only where it has changed
	s.mu.Lock()
	defer s.mu.Unlock()
	log.Print("shown, errors: ", errors.Join(err, page.Execute(w, map[string]any{"Services": services, "Orders": s.orders})))
}

func (s *shop) sell(w http.ResponseWriter, r *http.Request) {
	o := client.OrderRequest{RequestID: rand.Text(), Link: r.FormValue("link")}
	o.Service, _ = strconv.ParseInt(r.FormValue("service"), 10, 64)
	o.Quantity, _ = strconv.ParseInt(r.FormValue("quantity"), 10, 64)
	s.note(client.Event{Order: &client.OrderEvent{RequestID: o.RequestID, Link: o.Link, Status: "ordering"}})
	if _, err := s.panel.Add(context.WithoutCancel(r.Context()), o); err != nil && !errors.Is(err, client.ErrUncertain) { // else events tell
		s.note(client.Event{Order: &client.OrderEvent{RequestID: o.RequestID, Link: o.Link, Status: "refused"}})
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *shop) hear(w http.ResponseWriter, r *http.Request) {
	event, err := s.verifier.VerifyRequest(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	} else if event.Order != nil {
		s.note(event)
	}
}

// note keeps an event, unless it came before or was overtaken. Those without an id are ours.
func (s *shop) note(e client.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, ours := s.orders[e.Order.RequestID]
	if e.ID == "" || (ours && !s.heard[e.ID] && e.Sequence > last.Sequence) {
		s.orders[e.Order.RequestID], s.heard[e.ID] = e, true
		log.Printf("the order for %q is %s", e.Order.Link, e.Order.Status)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	listener := must((&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:"+os.Getenv("PORT")))
	panel := must(client.New(os.Getenv("NOTPANEL_KEY"), os.Getenv("NOTPANEL_URL")))
	webhook := must(panel.Webhooks.Add(ctx, cmp.Or(os.Getenv("NOTPANEL_WEBHOOK_URL"), "http://"+listener.Addr().String()+"/webhooks")))
	s := &shop{panel: panel, verifier: must(client.NewVerifier([]string{webhook.Secret})), orders: map[string]client.Event{}, heard: map[string]bool{}}
	http.HandleFunc("GET /{$}", s.show)
	http.HandleFunc("POST /{$}", s.sell)
	http.HandleFunc("POST /webhooks", s.hear)
	server := &http.Server{Handler: http.NewCrossOriginProtection().Handler(http.DefaultServeMux), ReadHeaderTimeout: client.DefaultTimeout}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	log.Printf("the shop is open at http://%s", listener.Addr())
	log.Print(server.Serve(listener), panel.Webhooks.Remove(context.Background(), webhook.ID))
}
