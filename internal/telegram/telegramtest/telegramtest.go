// Package telegramtest is a bot API over HTTP for tests: it remembers what was sent
// to it and says what a test wants it to.
package telegramtest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Token is the token of its bot, Name the bot's name.
const (
	Token = "424242:canary_of_the_bot_token_0123456789"
	Name  = "panel_test_bot"
)

// Message is a message that the bot sent.
type Message struct {
	ChatID int64  `json:"chat_id"`
	Text   string `json:"text"`
	// ParseMode stays empty: texts are sent as they are.
	ParseMode string `json:"parse_mode"`
}

// Server is the API.
type Server struct {
	URL string

	server   *httptest.Server
	mu       sync.Mutex
	cond     *sync.Cond
	updates  []map[string]any
	next     int64
	messages []Message
	answers  []func(http.ResponseWriter, Message) bool
	gone     map[int64]bool
	pollers  int
	most     int
	polls    int
	closed   bool
}

// Start starts a server that ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{next: 7_000, gone: map[int64]bool{}}
	s.cond = sync.NewCond(&s.mu)
	s.server = httptest.NewServer(s)
	s.URL = s.server.URL
	t.Cleanup(s.Close)
	return s
}

// Close ends the server: nobody answers there any more.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.cond.Broadcast()
	s.mu.Unlock()
	s.server.Close()
}

// ServeHTTP answers a call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method, is := strings.CutPrefix(r.URL.Path, "/bot"+Token+"/")
	if !is || r.Method != http.MethodPost {
		refuse(w, http.StatusUnauthorized, "Unauthorized: "+r.URL.Path, 0)
		return
	}
	body, _ := io.ReadAll(r.Body)
	switch method {
	case "getMe":
		reply(w, map[string]any{"id": 424242, "is_bot": true, "username": Name})
	case "getUpdates":
		s.getUpdates(r.Context(), w, body)
	case "sendMessage":
		s.sendMessage(w, body)
	default:
		refuse(w, http.StatusNotFound, "Not Found", 0)
	}
}

func reply(w http.ResponseWriter, result any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"ok": true, "result": result})
}

func refuse(w http.ResponseWriter, status int, text string, retry int) {
	answer := map[string]any{"ok": false, "error_code": status, "description": text}
	if retry > 0 {
		answer["parameters"] = map[string]any{"retry_after": retry}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *Server) getUpdates(ctx context.Context, w http.ResponseWriter, body []byte) {
	var q struct {
		Offset  int64 `json:"offset"`
		Limit   int   `json:"limit"`
		Timeout int   `json:"timeout"`
	}
	_ = json.Unmarshal(body, &q)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pollers++
	s.polls++
	s.cond.Broadcast()
	defer func() { s.pollers-- }()
	s.most = max(s.most, s.pollers)
	if s.pollers > 1 {
		refuse(w, http.StatusConflict, "Conflict: terminated by other getUpdates request", 0)
		return
	}
	s.updates = slices.DeleteFunc(s.updates, func(u map[string]any) bool {
		updateID, is := u["update_id"].(int64)
		return is && updateID < q.Offset
	})
	over := false
	wake := func() {
		s.mu.Lock()
		over = true
		s.cond.Broadcast()
		s.mu.Unlock()
	}
	timer := time.AfterFunc(time.Duration(q.Timeout)*time.Second, wake)
	defer timer.Stop()
	defer context.AfterFunc(ctx, wake)()
	for len(s.updates) == 0 && !over && !s.closed && q.Timeout > 0 {
		s.cond.Wait()
	}
	reply(w, s.updates[:min(len(s.updates), q.Limit)])
}

func (s *Server) sendMessage(w http.ResponseWriter, body []byte) {
	var m Message
	_ = json.Unmarshal(body, &m)
	s.mu.Lock()
	var answer func(http.ResponseWriter, Message) bool
	if len(s.answers) > 0 {
		answer, s.answers = s.answers[0], s.answers[1:]
	}
	gone := s.gone[m.ChatID]
	s.mu.Unlock()
	switch {
	case answer != nil && !answer(w, m):
		return
	case gone:
		refuse(w, http.StatusForbidden, "Forbidden: bot was blocked by the user", 0)
		return
	}
	s.mu.Lock()
	s.messages = append(s.messages, m)
	s.cond.Broadcast()
	n := len(s.messages)
	s.mu.Unlock()
	if answer == nil {
		reply(w, map[string]any{"message_id": n})
	}
}

// Write lets a person write to the bot.
func (s *Server) Write(chatID int64, text string) {
	s.WriteIn("private", chatID, text)
}

// WriteIn is Write in a chat of a type.
func (s *Server) WriteIn(kind string, chatID int64, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	s.updates = append(s.updates, map[string]any{"update_id": s.next, "message": map[string]any{
		"message_id": s.next, "text": text,
		"from": map[string]any{"id": chatID, "first_name": "Person " + strconv.FormatInt(chatID, 10), "language_code": "en"},
		"chat": map[string]any{"id": chatID, "type": kind},
	}})
	s.cond.Broadcast()
}

// Block lets a person block the bot, or take it back.
func (s *Server) Block(chatID int64, blocked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone[chatID] = blocked
}

// Refuse answers the next message with an error.
func (s *Server) Refuse(status int, text string, retry int) {
	s.then(func(w http.ResponseWriter, _ Message) bool {
		refuse(w, status, text, retry)
		return false
	})
}

// Break takes the next message and breaks the connection before an answer.
func (s *Server) Break() {
	s.then(func(w http.ResponseWriter, _ Message) bool {
		if h, is := w.(http.Hijacker); is {
			if conn, _, err := h.Hijack(); err == nil {
				_ = conn.Close()
			}
		}
		return true
	})
}

// Meanwhile calls f when the next message was taken, before it is answered.
func (s *Server) Meanwhile(f func()) {
	s.then(func(w http.ResponseWriter, _ Message) bool {
		f()
		reply(w, map[string]any{"message_id": 1})
		return true
	})
}

func (s *Server) then(answer func(http.ResponseWriter, Message) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = append(s.answers, answer)
}

// Messages are those that were taken, the oldest first.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message(nil), s.messages...)
}

// Await waits until n messages were taken, and returns them.
func (s *Server) Await(n int) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.messages) < n && !s.closed {
		s.cond.Wait()
	}
	return append([]Message(nil), s.messages...)
}

// AwaitPoll waits until somebody has asked for updates.
func (s *Server) AwaitPoll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.polls == 0 && !s.closed {
		s.cond.Wait()
	}
}

// MostPollers is how many asked for updates at once, at most.
func (s *Server) MostPollers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}
