package simulator_test

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/provider/simulator"
)

// A restart keeps orders, their numbers, their pace and the balance.
func TestRestartGoesOn(t *testing.T) {
	t.Parallel()
	dir, clock := filepath.Join(t.TempDir(), "sim"), newHands()
	p := setupIn(t, dir, clock)
	for _, fragment := range []string{"", "#sim=partial:25", "#sim=garbage", "#sim=cancel", "#\xff#sim=complete"} {
		p.call(t, order(108, 1000, fragment))
	}
	clock.advance(3500 * time.Millisecond)
	p.expect(t, "action=cancel&orders=23501", `[{"order":23501,"cancel":1}]`)
	before := p.Orders()
	balance := p.call(t, "action=balance")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}

	// Another pace is for new orders only.
	again, err := simulator.New(simulator.Options{Key: key, Dir: dir, Pace: time.Hour, Clock: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	for i := range before {
		before[i].Requests = 1 // not kept
	}
	if got := again.Orders(); !reflect.DeepEqual(got, before) {
		t.Errorf("\n got %+v\nwant %+v", got, before)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}

	p = setupIn(t, dir, clock)
	p.expect(t, "action=balance", balance)
	p.expect(t, order(108, 1000, ""), `{"order":23506}`)
	clock.advance(pace / 2)
	p.expect(t, "action=status&order=23502", `{"charge":"0.3125","start_count":"24992","status":"Partial","remains":"750","currency":"USD"}`)
}

// A write that was cut off by a crash was never answered: it is removed, and the
// next order is written behind whole lines.
func TestTornLastLineIsRemoved(t *testing.T) {
	t.Parallel()
	dir, clock := t.TempDir(), newHands()
	path := filepath.Join(dir, "simulator.jsonl")
	const whole = `{"order":23501,"service":108,"link":"https://example.com","quantity":100,"charge":125000,"accepted":1772366400000000,"pace":6000000}` + "\n"
	if err := os.WriteFile(path, []byte(whole+`{"order":23502,"service":10`), 0o600); err != nil {
		t.Fatal(err)
	}
	p := setupIn(t, dir, clock)
	p.expect(t, order(108, 100, ""), `{"order":23502}`)
	if n := len(p.Orders()); n != 2 {
		t.Errorf("%d orders are held", n)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), whole) || strings.Count(string(text), "\n") != 2 || !strings.HasSuffix(string(text), "}\n") {
		t.Errorf("%s", text)
	}
}

// What an older version wrote is read as it was meant.
func TestOldJournalIsRead(t *testing.T) {
	t.Parallel()
	dir, clock := t.TempDir(), newHands()
	const old = `{"order":23501,"service":108,"link":"https://example.com/#sim=partial:40","quantity":1000,"charge":1250000,"accepted":1772366400000000,"pace":6000000}` + "\n" +
		`{"order":23502,"service":108,"link":"https://example.com","quantity":1000,"charge":1250000,"accepted":1772366400000000,"pace":6000000}` + "\n" +
		`{"order":23502,"canceled":1772366401000000}` + "\n"
	if err := os.WriteFile(filepath.Join(dir, "simulator.jsonl"), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	p := setupIn(t, dir, clock)
	clock.advance(pace)
	p.expect(t, "action=status&orders=23501,23502", `{"23501":{"charge":"0.50","start_count":"24985","status":"Partial","remains":"600","currency":"USD"},`+
		`"23502":{"charge":"0.00","start_count":"24992","status":"Canceled","remains":"1000","currency":"USD"}}`)
	p.expect(t, "action=balance", `{"balance":"999.50","currency":"USD"}`)
}

// A file that is not a journal is left as it is.
func TestStrangeJournalIsRefused(t *testing.T) {
	t.Parallel()
	const good = `{"order":23501,"quantity":1,"link":"a"}` + "\n"
	cases := map[string]string{
		"not JSON":           "hello\n",
		"no quantity":        `{"order":23501}` + "\n",
		"number twice":       good + good,
		"negative charge":    `{"order":23501,"quantity":1,"charge":-1}` + "\n",
		"cancel of nothing":  `{"order":23501,"canceled":1}` + "\n",
		"refill of nothing":  `{"order":23501,"refill":901,"asked":1}` + "\n",
		"refill out of turn": good + `{"order":23501,"refill":902,"asked":1}` + "\n",
		"unknown service":    `{"change":{"service":1}}` + "\n",
		"unknown form":       `{"listing":{"form":"xml"}}` + "\n",
		"negative deposit":   `{"deposit":-1}` + "\n",
		"too many parts":     `{"order":23501,"quantity":1001,"parts":1001,"fields":{"runs":"1001"}}` + "\n",
		"uneven parts":       `{"order":23501,"quantity":3,"parts":2,"fields":{"runs":"2"}}` + "\n",
		"parts of nothing":   `{"order":23501,"quantity":2,"parts":2}` + "\n",
		"parts for nothing":  `{"order":23501,"quantity":2,"charge":5,"parts":2,"fields":{"runs":"2"}}` + "\n",
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "simulator.jsonl")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := simulator.New(simulator.Options{Key: key, Dir: dir}); err == nil || !strings.Contains(err.Error(), "simulator.jsonl: line ") {
				t.Errorf("error %v", err)
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != text {
				t.Errorf("%q, %v", after, err)
			}
		})
	}
}

func TestFolderThatCannotBeMadeIsAnError(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := simulator.New(simulator.Options{Key: key, Dir: filepath.Join(file, "below")}); err == nil {
		t.Error("no error")
	}
}

// Adds at the same time get numbers of their own, in memory and on disk.
func TestConcurrentAddsGetNumbersOfTheirOwn(t *testing.T) {
	t.Parallel()
	const n = 32
	dir, clock := t.TempDir(), newHands()
	p := setupIn(t, dir, clock)
	answers := make(chan string, n)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			resp, err := p.send(t.Context(), order(111, 100, ""))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Error(err)
			}
			answers <- string(body)
		})
	}
	wg.Wait()
	close(answers)
	seen := map[string]bool{}
	for a := range answers {
		seen[a] = true
	}
	if len(seen) != n || len(p.Orders()) != n {
		t.Errorf("%d answers, %d orders", len(seen), len(p.Orders()))
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if got := setupIn(t, dir, clock).Orders(); len(got) != n {
		t.Errorf("%d orders after a restart", len(got))
	}
}
