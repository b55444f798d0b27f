package simulator

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// An order that could not be written down is not held, and the half of a line
// that its write left behind is gone before the next line.
func TestFailedWriteLeavesNoOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := New(Options{Key: "k", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	writable := s.book.journal.file
	readOnly, err := os.Open(writable.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()

	s.book.journal.file = readOnly
	if _, err := writable.WriteString(`{"order":235`); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second also fails to take the half line back
		if status, body := post(s, "add"); status != http.StatusInternalServerError || body != `{"error":"Internal error"}` {
			t.Errorf("%d %s", status, body)
		}
	}
	if n := len(s.Orders()); n != 0 {
		t.Errorf("%d orders are held", n)
	}

	s.book.journal.file = writable
	if _, body := post(s, "add"); body != `{"order":23501}` {
		t.Error(body)
	}
	s.book.journal.file = readOnly
	if status, _ := post(s, "cancel"); status != http.StatusInternalServerError || s.Orders()[0].Status != statusPending {
		t.Errorf("cancel: %d, %+v", status, s.Orders()[0])
	}
	s.book.journal.file = writable
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := New(Options{Key: "k", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(again.Orders()); n != 1 {
		t.Errorf("%d orders after a restart", n)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

func post(s *Simulator, action string) (status int, body string) {
	r := httptest.NewRequest(http.MethodPost, "/api/v2", strings.NewReader(
		"key=k&service=101&quantity=1000&link=https://example.com&order=23501&action="+action))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}
