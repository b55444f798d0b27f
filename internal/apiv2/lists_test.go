package apiv2

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/notpanel/notpanel/internal/fault"
)

// making returns a maker of documents of one epoch that counts how often it ran.
func making(epoch int64, size int, made *int) func() (document, error) {
	return func() (document, error) {
		*made++
		return document{epoch: epoch, plain: make([]byte, size)}, nil
	}
}

func key(name string) listKey { return listKey{variant: name} }

// Many who ask at once for the same list share one making; the next get it from
// memory until the catalogue moves.
func TestListsAreMadeOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLists(1 << 20)
		made, release := 0, make(chan struct{})
		slow := func() (document, error) {
			made++
			<-release
			return document{epoch: 5, plain: []byte("list")}, nil
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if d, err := l.get(t.Context(), key("a"), 5, slow); err != nil || string(d.plain) != "list" {
					t.Errorf("got %+v, %v", d, err)
				}
			})
		}
		synctest.Wait()
		close(release)
		all.Wait()
		for _, epoch := range []int64{4, 5} {
			if d, err := l.get(t.Context(), key("a"), epoch, slow); err != nil || d.epoch != 5 {
				t.Errorf("at %d: %+v, %v", epoch, d, err)
			}
		}
		if made != 1 {
			t.Errorf("made %d times", made)
		}
		if d, _ := l.get(t.Context(), key("a"), 6, making(6, 1, &made)); d.epoch != 6 || made != 2 {
			t.Errorf("after a change: epoch %d, made %d times", d.epoch, made)
		}
	})
}

// Who waits for a list of an older catalogue makes their own afterwards.
func TestListsAreNeverOlderThanAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLists(1 << 20)
		release, made := make(chan struct{}), 0
		go func() {
			_, _ = l.get(t.Context(), key("a"), 1, func() (document, error) {
				<-release
				return document{epoch: 1}, nil
			})
		}()
		synctest.Wait()
		done := make(chan document)
		go func() {
			d, _ := l.get(t.Context(), key("a"), 2, making(2, 1, &made))
			done <- d
		}()
		synctest.Wait()
		close(release)
		if d := <-done; d.epoch != 2 || made != 1 {
			t.Errorf("epoch %d, made %d times", d.epoch, made)
		}
	})
}

// The lists together stay within their room: the least recently asked for go, and
// one that is larger than all of it is answered but not kept.
func TestListsStayWithinTheirRoom(t *testing.T) {
	t.Parallel()
	one := document{plain: make([]byte, 1000)}.size()
	l := newLists(3 * one)
	made := 0
	ask := func(name string, size, want int) {
		t.Helper()
		made = 0
		if d, err := l.get(t.Context(), key(name), 1, making(1, size, &made)); err != nil || len(d.plain) != size || made != want {
			t.Errorf("%s: %d bytes, made %d times, %v; want %d", name, len(d.plain), made, err, want)
		}
		if l.size > l.most || len(l.kept) != l.recent.Len() || len(l.building) > 0 {
			t.Errorf("%d of %d bytes in %d and %d entries, %d building", l.size, l.most, len(l.kept), l.recent.Len(), len(l.building))
		}
	}
	for _, name := range []string{"a", "b", "c"} {
		ask(name, 1000, 1)
	}
	ask("a", 1000, 0)
	ask("d", 1000, 1) // b goes
	ask("a", 1000, 0)
	ask("c", 1000, 0)
	ask("b", 1000, 1) // d goes
	ask("huge", 10_000, 1)
	ask("huge", 10_000, 1)
	ask("b", 1000, 0)
}

// A making that fails or panics is told to those who wait and stands in nobody's
// way; who goes away is not waited for.
func TestListsSurviveFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLists(1 << 20)
		release, waiting := make(chan struct{}), make(chan error)
		go func() {
			defer func() { _ = recover() }()
			_, _ = l.get(t.Context(), key("a"), 1, func() (document, error) { <-release; panic("broken") })
		}()
		synctest.Wait()
		gone, leave := context.WithCancel(t.Context())
		for _, ctx := range []context.Context{t.Context(), gone} {
			go func() {
				_, err := l.get(ctx, key("a"), 1, making(1, 1, new(int)))
				waiting <- err
			}()
		}
		synctest.Wait()
		leave()
		if err := <-waiting; !fault.Is(err, fault.Unavailable) {
			t.Errorf("who left: %v", err)
		}
		close(release)
		if err := <-waiting; !fault.Is(err, fault.Unavailable) {
			t.Errorf("who waited: %v", err)
		}
		broken := errors.New("broken")
		if _, err := l.get(t.Context(), key("a"), 1, func() (document, error) { return document{}, broken }); !errors.Is(err, broken) {
			t.Errorf("a failure: %v", err)
		}
		made := 0
		if _, err := l.get(t.Context(), key("a"), 1, making(1, 1, &made)); err != nil || made != 1 || len(l.building) > 0 {
			t.Errorf("afterwards: %v, made %d times", err, made)
		}
	})
}

// A list is compressed for those who take gzip, and for nobody else.
func TestTakesGzip(t *testing.T) {
	t.Parallel()
	for accepted, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "x-gzip": true, "deflate, gzip;q=1.0, *;q=0.5": true, "*": true, "br, *;q=0.1": true,
		"gzip;q=0.001": true, "gzip; q=0.5 , identity;q=0.5": true, "identity": false, "identity;q=1, gzip;q=0.9": false,
		"gzip;q=0": false, "gzip;q=0.0": false, "gzip;q=0.000": false, "gzip;Q=0": false, "*;q=1, gzip;q=0": false, "*;q=0": false, "br": false, "deflate": false,
		"gzip;q=2": false, "gzip;q=": false, "gzip;q=-1": false, "gzip;q=0.1234": false, "gzip;q=x": false, "gzipped": false, ",,;": false, "gzip;level=9": true,
	} {
		if got := takesGzip([]string{accepted}); got != want {
			t.Errorf("%q: %v", accepted, got)
		}
	}
	if !takesGzip([]string{"br", "gzip"}) {
		t.Error("the second of two lines is not read")
	}
}

// The two forms of a list have tags of their own, hold the same, and a condition
// that names either is met.
func TestDocumentAnswersByItsTag(t *testing.T) {
	t.Parallel()
	text := strings.Repeat(`{"service":1},`, 100)
	d, err := newDocument([]byte(text), 1)
	if err != nil {
		t.Fatal(err)
	}
	plain, packed := d.answer(http.Header{}), d.answer(http.Header{"Accept-Encoding": {"gzip"}})
	if plain.encoding != "" || string(plain.body) != text || packed.encoding != "gzip" || plain.etag == packed.etag || len(packed.body) >= len(text) {
		t.Errorf("answers are %+v and %+v", plain, packed)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed.body))
	if err != nil {
		t.Fatal(err)
	}
	if unpacked, err := io.ReadAll(r); err != nil || string(unpacked) != text {
		t.Errorf("it unpacks to %d bytes, %v", len(unpacked), err)
	}
	for condition, met := range map[string]bool{
		plain.etag: true, packed.etag: true, `"other", ` + plain.etag: true, "W/" + plain.etag: true, "*": true,
		"": false, `"other"`: false, strings.Trim(plain.etag, `"`): false, `""`: false,
	} {
		got := d.answer(http.Header{"If-None-Match": {condition}})
		if (got.status == http.StatusNotModified) != met || met && (len(got.body) > 0 || got.etag == "") {
			t.Errorf("%s: %+v", condition, got)
		}
	}
	if other, err := newDocument([]byte(text+" "), 1); err != nil || other.tag == d.tag {
		t.Errorf("another list has the tag %s, %v", other.tag, err)
	}
	if small, err := newDocument([]byte("[]"), 1); err != nil || small.gzip != nil {
		t.Errorf("two bytes are compressed to %d, %v", len(small.gzip), err)
	}
}
