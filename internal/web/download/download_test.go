package download_test

import (
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/web/download"
)

// served answers as the panel does: a cut file ends its connection.
func served(t *testing.T, handle func(http.ResponseWriter, *http.Request) error) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := handle(w, r)
		switch {
		case download.Cut(err):
			panic(http.ErrAbortHandler)
		case err != nil:
			http.Error(w, err.Error(), http.StatusTeapot)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// got is a download as its reader had it.
type got struct {
	status      int
	disposition string
	body        string
	err         error // of reading the body
}

func get(t *testing.T, server *httptest.Server) got {
	t.Helper()
	answer, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return got{answer.StatusCode, answer.Header.Get("Content-Disposition"), string(body), err}
}

// What people wrote is never run as a formula; numbers stay numbers.
func TestTextCellsAreNoFormulas(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 9, 30, 5, 0, time.FixedZone("", 3*3600))
	server := served(t, func(w http.ResponseWriter, r *http.Request) error {
		return download.CSV(w, r, "cells.csv", []string{"text", "amount", "number", "at"}, func(table *download.Table) error {
			for _, text := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "plain, with \"quotes\"", "", "a=b", "iş"} {
				if err := table.Row(download.Text(text), download.Amount(-money.Unit/2), download.Int(-7), download.Time(at)); err != nil {
					return err
				}
			}
			return nil
		})
	})
	file := get(t, server)
	if file.err != nil {
		t.Fatal(file.err)
	}
	if want := `attachment; filename="cells.csv"`; file.disposition != want {
		t.Errorf("Content-Disposition %q, want %q", file.disposition, want)
	}
	body, marked := strings.CutPrefix(file.body, "\ufeff")
	if !marked {
		t.Error("the file does not say that it is UTF-8")
	}
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, row := range rows[1:] {
		texts = append(texts, row[0])
		if diff := cmp.Diff([]string{"-0.50", "-7", "2026-03-01T09:30:05+03:00"}, row[1:]); diff != "" {
			t.Errorf("numbers and times (-want +got):\n%s", diff)
		}
	}
	want := []string{"'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\tx", "'x", "plain, with \"quotes\"", "", "a=b", "iş"}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
}

// A file that fails on its way is no whole file to its reader.
func TestFailedDownloadIsCut(t *testing.T) {
	t.Parallel()
	server := served(t, func(w http.ResponseWriter, r *http.Request) error {
		return download.CSV(w, r, "cut.csv", []string{"n"}, func(table *download.Table) error {
			for n := range int64(100_000) {
				if err := table.Row(download.Int(n)); err != nil {
					return err
				}
			}
			return errors.New("the database went away")
		})
	})
	if file := get(t, server); file.status != http.StatusOK || file.body == "" || file.err == nil {
		t.Errorf("status %d, %d bytes, error %v; want a file that ends in an error", file.status, len(file.body), file.err)
	}
}

// What fails before anything was sent is an error like any other.
func TestFailureBeforeTheFirstBytesIsShown(t *testing.T) {
	t.Parallel()
	server := served(t, func(w http.ResponseWriter, r *http.Request) error {
		return download.CSV(w, r, "none.csv", []string{"n"}, func(*download.Table) error { return errors.New("not today") })
	})
	if page := get(t, server); page.err != nil || page.status != http.StatusTeapot || !strings.Contains(page.body, "not today") || page.disposition != "" {
		t.Errorf("%+v; want the error as a page", page)
	}
}

// A row with a cell too many or too few would shift what stands in it.
func TestRowsHaveTheTablesColumns(t *testing.T) {
	t.Parallel()
	table, err := download.NewTable(io.Discard, "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Row(download.Int(1)); err == nil {
		t.Error("a row of one cell was written into a table of two columns")
	}
}

// A long file takes no more memory than a short one.
func TestLongFilesTakeLittleMemory(t *testing.T) { //nolint:paralleltest // it measures the process
	const rows = 300_000
	var peak uint64
	server := served(t, func(w http.ResponseWriter, r *http.Request) error {
		return download.CSV(w, r, "long.csv", []string{"n", "text"}, func(table *download.Table) error {
			for n := range int64(rows) {
				if n%50_000 == 0 {
					var m runtime.MemStats
					runtime.GC()
					runtime.ReadMemStats(&m)
					peak = max(peak, m.HeapAlloc)
				}
				if err := table.Row(download.Int(n), download.Text(strings.Repeat("x", 100))); err != nil {
					return err
				}
			}
			return nil
		})
	})
	answer, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	sent, err := io.Copy(io.Discard, answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if most := uint64(16 << 20); peak > most || sent < rows*100 {
		t.Errorf("%d bytes sent with %d bytes held, want at most %d", sent, peak, most)
	}
}
