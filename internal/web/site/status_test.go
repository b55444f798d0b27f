package site_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/announce"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/requestlog"
	"github.com/notpanel/notpanel/internal/worker"
)

// The page says what was measured and what is late, and nothing of errors or of what
// the workers are called.
func TestStatusSaysWhatWasMeasured(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(s *shop) {
		s.Helper()
		now := clock.System()
		s.beats = []worker.Heartbeat{
			{Name: "forward", Every: time.Second, LastSuccess: now, Backlog: worker.Backlog{Count: 1234, Oldest: now.Add(-5 * time.Minute)}},
			{Name: "mail", Every: time.Second, LastSuccess: now.Add(-time.Hour), LastError: "dial upstream.example: connection refused"},
		}
		_, err := s.announced.Add(s.Context(), announce.New{
			Level: announce.Warning, Ends: now.Add(time.Hour), Texts: map[string]string{"en": "Maintenance <soon>.", "tr": "Yakında bakım."},
		}, staff)
		must(s, err)
		log := requestlog.NewRecorder(s.db, func(string, int) {})
		for range 20 {
			log.Note(requestlog.Entry{ID: id.New(id.Request), KeyID: "key_1", Mode: "live", At: now, Action: "add", Dialect: "native", Status: 200, Duration: 12 * time.Millisecond})
		}
		must(s, log.Flush(s.Context()))
		page := s.page(reader, "/status")
		s.has(page, "Some work is late", "1,234 wait, the oldest for 5 min", "12 ms", "Maintenance &lt;soon&gt;.", "in time", "late", "Nothing waits")
		s.lacks(page, "upstream.example", "refused", "forward", "announcements/", "does not answer")
	})
}

// Without figures it says that there are none.
func TestStatusWithoutRequests(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(s *shop) {
		s.Helper()
		page := s.page(reader, "/status")
		s.has(page, "No request came in the last 15 minutes", "Everything works in time")
		s.lacks(page, "0 ms", "0.0 ms")
		s.has(s.page("tr", "/status"), "Her şey zamanında çalışıyor")
	})
}

// A database that is away is said with the answer's status, and no figure is made up.
func TestStatusWithoutDatabase(t *testing.T) {
	t.Parallel()
	s := &shop{T: t}
	s.open(siteDeps())
	must(t, s.db.Close())
	w := s.ask(reader, "/status")
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d", w.Code)
	}
	s.has(w.Body.String(), "The database does not answer", "Not known while the database is away")
	s.lacks(w.Body.String(), ">in time<", " ms<", "sql", "closed")
}
