// Package download sends files that are made while they are read: of any length,
// in little memory, and never shorter than they say.
//
// A file begins with the first rows that are flushed. What fails before is shown as
// a page like any error; what fails behind it can't be told in the file, so that the
// connection is cut and the browser says that the download failed. The package knows
// nothing of what the files hold.
package download

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
)

// chunk is how much is gathered before it is sent, in bytes.
const chunk = 32 << 10

// patience is how long a reader may take for a chunk. The file as a whole may take
// longer than the server gives a page.
const patience = 30 * time.Second

// errCut is what a download ends with that failed behind its first bytes.
var errCut = errors.New("the file was cut off")

// Cut reports whether an error came when part of the file was sent already: no page
// can be shown any more, and the connection must not end as if the file were whole.
func Cut(err error) bool { return errors.Is(err, errCut) }

// Send answers with the file that body writes. The name is what the browser stores
// it under, in ASCII without quotes.
func Send(w http.ResponseWriter, r *http.Request, contentType, name string, body func(io.Writer) error) error {
	out := &answer{w: w, control: http.NewResponseController(w)}
	out.header = func() {
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
		h.Set("Cache-Control", "no-store")
	}
	if r.Method == http.MethodHead { // nothing is read for nobody
		out.header()
		return nil
	}
	buffered := bufio.NewWriterSize(out, chunk)
	err := body(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	switch {
	case err != nil && out.begun:
		return fmt.Errorf("%w: %w", errCut, err)
	case err != nil:
		return err //nolint:wrapcheck // of body, or in Write's words
	case !out.begun: // an empty file is one, too
		out.header()
	}
	return nil
}

// answer is the reader's end: its head is sent with the first bytes.
type answer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	header  func()
	begun   bool
}

// Write sends a chunk and waits a while for who reads slowly.
func (a *answer) Write(p []byte) (int, error) {
	if !a.begun {
		a.begun = true
		a.header()
	}
	if err := a.control.SetWriteDeadline(clock.System().Add(patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, fmt.Errorf("give the reader time: %w", err)
	}
	n, err := a.w.Write(p)
	if err != nil {
		return n, fmt.Errorf("send a chunk: %w", err)
	}
	return n, nil
}
