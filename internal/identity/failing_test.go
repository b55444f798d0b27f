package identity

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
)

// failingStore keeps no session.
type failingStore struct{ *sessionStore }

func (failingStore) CommitCtx(context.Context, string, []byte, time.Time) error {
	return errors.New("no session is kept")
}

// Where the session can't be kept the answer is the error page alone: nothing of what
// the handler wrote, such as a key's value, and none of where it leads.
func TestAFailedSessionEndsTheAnswer(t *testing.T) {
	t.Parallel()
	const key = "np_live_a_value_that_is_shown_once"
	for name, write := range map[string]func(w http.ResponseWriter){
		"a page": func(w http.ResponseWriter) { _, _ = w.Write([]byte(key)); _, _ = w.Write([]byte(key)) },
		"a status and a page": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			w.Header().Set("Etag", `"1"`)
			w.WriteHeader(http.StatusOK)
			_, _ = w.Write([]byte(key))
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		},
		"a redirect": func(w http.ResponseWriter) {
			w.Header().Set("Location", "/"+key)
			w.WriteHeader(http.StatusSeeOther)
		},
		"nothing": func(http.ResponseWriter) {},
	} {
		h := newHouse(t, dbtest.Open(t, db.SQLite))
		h.scs.Store = failingStore{&sessionStore{h.People}}
		w := httptest.NewRecorder()
		h.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.scs.Put(r.Context(), pendingValue, "{}")
			write(w)
		})).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, public+"/", nil))
		if w.Code != http.StatusServiceUnavailable || w.Body.String() != "Service Unavailable\n" {
			t.Errorf("%s: %d %q", name, w.Code, w.Body)
		}
		for header, values := range w.Result().Header {
			if strings.Contains(strings.Join(values, " "), key) || header == "Etag" || header == "Content-Length" || header == "Set-Cookie" {
				t.Errorf("%s: the header %s is %q", name, header, values)
			}
		}
	}
}
