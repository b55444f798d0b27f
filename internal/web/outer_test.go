package web

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/web/download"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// A download that fails on its way reaches its reader as one that failed, not as a
// shorter file, and the log says why.
func TestFailedDownloadEndsTheConnection(t *testing.T) {
	t.Parallel()
	languages, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	s := &Server{Deps: Deps{Panel: func() ui.Panel { return ui.Panel{} }, Languages: languages, Now: clock.System, Log: slog.New(slog.NewTextHandler(&log, nil))}}
	server := httptest.NewServer(s.outer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.failed(w, r, download.Send(w, r, "text/plain", "long.txt", func(out io.Writer) error {
			if _, err := io.WriteString(out, strings.Repeat("a", 1<<20)); err != nil {
				return err
			}
			return errors.New("the disk is gone")
		}))
	})))
	answer, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if n, err := io.Copy(io.Discard, answer.Body); err == nil {
		t.Errorf("%d bytes came as a whole file", n)
	}
	server.Close()
	if !strings.Contains(log.String(), "the disk is gone") {
		t.Errorf("the log does not say why:\n%s", log.String())
	}
}
