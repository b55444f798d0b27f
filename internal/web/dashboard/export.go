package dashboard

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/notpanel/notpanel/internal/web/proof"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/web/download"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// exportsMost is how many copies are written at a time by this process: each reads
// all that an account has.
const exportsMost = 4

// exportRows is how many rows one read of a copy returns.
const exportRows = 200

// AskExport says what a copy of the account's data has.
func (d *Dashboard) AskExport(w http.ResponseWriter, r *http.Request) error {
	return d.showExport(w, r, http.StatusOK, ui.NewForm(nil))
}

func (d *Dashboard) showExport(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	p, err := proof.Fresh(d.deps.People, r)
	if err != nil {
		return err
	}
	return ui.Render(w, r, status, exportPage(f, p))
}

// Export sends all that the panel keeps of the account as one ZIP file, written while
// it is read. That it was taken is recorded and mailed before the first byte.
func (d *Dashboard) Export(w http.ResponseWriter, r *http.Request) error {
	select {
	case d.exports <- struct{}{}:
		defer func() { <-d.exports }()
	default:
		return fault.New(fault.Unavailable, "Too many copies are being taken: try again in a minute")
	}
	f := ui.Sent(r)
	err := d.prove(r)
	if err == nil {
		err = d.deps.People.TakeCopy(r.Context())
	}
	if err != nil {
		return refusal.Again(w, r, f, err, d.showExport)
	}
	return download.Send(w, r, "application/zip", "account-data.zip", func(out io.Writer) error {
		return d.writeCopy(r.Context(), out, d.person(r))
	})
}

// writeCopy writes the files of a copy, one after the other. Each is read by a cursor
// in short reads, so that it holds little memory and up nobody.
func (d *Dashboard) writeCopy(ctx context.Context, out io.Writer, who identity.Person) error {
	z := zip.NewWriter(out)
	for _, file := range []struct {
		name  string
		write func(context.Context, io.Writer, identity.Person) error
	}{
		{"account.json", d.copyAccount},
		{"sign-ins.jsonl", d.copySignIns},
		{"keys.jsonl", d.copyKeys},
		{"webhooks.jsonl", d.copyWebhooks},
		{"orders.jsonl", d.copyOrders(ledger.Live)},
		{"test-orders.jsonl", d.copyOrders(ledger.Test)},
		{"statement.csv", d.copyStatement},
		{"top-ups.jsonl", d.copyTopups},
		{"notices.jsonl", d.copyNotices},
		{"dismissed-announcements.jsonl", d.copyDismissals},
		{"giveaways.jsonl", d.copyGiveaways},
	} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: file.name, Method: zip.Deflate, Modified: ui.Of(ctx).Now.UTC()})
		if err != nil {
			return fmt.Errorf("begin %s: %w", file.name, err)
		}
		if err := file.write(ctx, w, who); err != nil {
			return fmt.Errorf("%s: %w", file.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("end the copy: %w", err)
	}
	return nil
}

// line writes a value as a line of JSON.
func line(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // links keep their &
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write a line: %w", err)
	}
	return nil
}

// moment is a time in a copy: UTC, and null where there is none.
type moment time.Time

// MarshalJSON implements json.Marshaler.
func (m moment) MarshalJSON() ([]byte, error) {
	if time.Time(m).IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(time.Time(m).UTC().Format(time.RFC3339Nano)) //nolint:wrapcheck // a text
}
