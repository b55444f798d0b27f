package webhook

import (
	"fmt"
	"testing"
	"time"
)

// lining is a sender with lanes that have much to send and send nothing.
func lining(lanes ...*lane) *Sender {
	s := NewSender(SenderOptions{})
	for i, l := range lanes {
		l.id, l.queue = fmt.Sprintf("whk_%d", i), make([]job, 100)
		if p := s.pool(l); s.place(l, p, nil) {
			for l.ready() && s.place(l, p, nil) {
				l.running++
				p.running++
				p.accounts[l.account]++
				s.hosts[l.host]++
			}
		}
	}
	return s
}

// However many webhooks and names an account has, others find places.
func TestAnAccountTakesNotAllPlaces(t *testing.T) {
	t.Parallel()
	var greedy []*lane
	for i := range 64 {
		greedy = append(greedy, &lane{account: "acc_1", host: fmt.Sprintf("shop%d.example", i)})
	}
	s := lining(greedy...)
	if s.healthy.running != perAccount {
		t.Errorf("%d under way for one account, at most %d", s.healthy.running, perAccount)
	}
	if other := (&lane{account: "acc_2", host: "calm.example"}); !s.place(other, &s.healthy, nil) {
		t.Error("another account finds no place")
	}
	same := &lane{account: "acc_1", host: "more.example"}
	if s.place(same, &s.healthy, nil) || !s.place(same, &s.healthy, greedy[0]) {
		t.Error("the account gets a place that is not its own, or not the one that it gives back")
	}
}

// Names below one that was registered are one site, and share its places.
func TestSites(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"a.b.shop.example.com": "example.com", "example.com": "example.com", "shop.example.co.uk": "example.co.uk",
		"one.github.io": "one.github.io", "localhost": "localhost", "203.0.113.7": "203.0.113.7", "2001:db8::1": "2001:db8::1",
	} {
		if got := site(host); got != want {
			t.Errorf("%s is of %s, want %s", host, got, want)
		}
	}
	var names []*lane
	for i := range 32 {
		names = append(names, &lane{account: fmt.Sprintf("acc_%d", i), host: site(fmt.Sprintf("n%d.example.com", i))})
	}
	if s := lining(names...); s.healthy.running != perHost {
		t.Errorf("%d under way to one site, at most %d", s.healthy.running, perHost)
	}
}

// What failed or was slow counts with the slow until it has answered well and soon
// for long: one good answer now and then buys no places among the others.
func TestSlowUntilQuickForLong(t *testing.T) {
	t.Parallel()
	l := &lane{}
	l.answered(true, slowAfter+time.Millisecond)
	for range quickAgain - 1 {
		l.answered(true, time.Millisecond)
	}
	if !l.slow || l.failing {
		t.Errorf("after %d quick answers: %+v", quickAgain-1, l)
	}
	l.answered(false, time.Millisecond)
	if !l.slow || !l.failing || l.most() != 1 {
		t.Errorf("after a failure: %+v", l)
	}
	for range quickAgain {
		l.answered(true, time.Millisecond)
	}
	if l.slow || l.failing {
		t.Errorf("after %d quick answers: %+v", quickAgain, l)
	}
}
