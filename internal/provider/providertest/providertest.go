// Package providertest is a provider over HTTP that answers as its test tells it,
// and remembers what it was sent.
package providertest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Answer decides what a request gets.
type Answer func(w http.ResponseWriter, r *http.Request, form url.Values)

// Server is the provider.
type Server struct {
	// URL is the address of its API.
	URL string

	mu     sync.Mutex
	adds   []url.Values
	add    Answer
	status map[string]string // by id: the JSON of its report
	hold   <-chan struct{}   // status waits for it; nil: not at all
	spoilt string            // an id that turns the whole answer into an error
	next   int
}

// New starts a provider that accepts every order until Add says otherwise. It
// ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{status: map[string]string{}}
	s.Add(s.Accept)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL + "/api/v2"
	return s
}

// Add sets what add answers from now on.
func (s *Server) Add(a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add = a
}

// Report sets what status says of an order: JSON.
func (s *Server) Report(upstreamID, report string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status[upstreamID] = report
}

// Spoil lets every question that names the id be answered with an error alone.
func (s *Server) Spoil(upstreamID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spoilt = upstreamID
}

// HoldStatus lets status wait until release is closed.
func (s *Server) HoldStatus(release <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold = release
}

// Adds returns the orders that it was sent.
func (s *Server) Adds() []url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]url.Values(nil), s.adds...)
}

// Accept gives the next id, beginning with 1.
func (s *Server) Accept(w http.ResponseWriter, _ *http.Request, _ url.Values) {
	s.mu.Lock()
	s.next++
	n := s.next
	s.mu.Unlock()
	Write(`{"order":`+strconv.Itoa(n)+`}`)(w, nil, nil)
}

// Write answers with a body and status 200.
func Write(body string) Answer { return WriteStatus(http.StatusOK, body) }

// WriteStatus answers with a status and a body.
func WriteStatus(status int, body string) Answer {
	return func(w http.ResponseWriter, _ *http.Request, _ url.Values) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// Cut closes the connection without an answer.
func Cut(http.ResponseWriter, *http.Request, url.Values) { panic(http.ErrAbortHandler) }

// ServeHTTP answers add as told and status from the reports.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	switch r.PostForm.Get("action") {
	case "add":
		s.mu.Lock()
		s.adds = append(s.adds, r.PostForm)
		answer := s.add
		s.mu.Unlock()
		answer(w, r, r.PostForm)
	case "status":
		s.mu.Lock()
		hold := s.hold
		s.mu.Unlock()
		if hold != nil {
			<-hold
		}
		Write(s.reports(r.PostForm.Get("orders")))(w, r, nil)
	case "balance":
		Write(`{"balance":"100.00","currency":"USD"}`)(w, r, nil)
	default:
		Write(`{"error":"Incorrect request"}`)(w, r, nil)
	}
}

func (s *Server) reports(ids string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows []string
	for upstreamID := range strings.SplitSeq(ids, ",") {
		if upstreamID == s.spoilt {
			return `{"error":"Incorrect order ID"}`
		}
		report, known := s.status[upstreamID]
		if !known {
			report = `{"status":"Pending","start_count":"0","remains":"","charge":"0","currency":"USD"}`
		}
		rows = append(rows, strconv.Quote(upstreamID)+":"+report)
	}
	return "{" + strings.Join(rows, ",") + "}"
}
