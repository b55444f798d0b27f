package download

import (
	"sync"

	"github.com/notpanel/notpanel/internal/fault"
)

// atOnce is how many downloads of long tables a reader has at a time.
const atOnce = 2

// Limit bounds how many long tables each reader has under way at a time: each reads
// all that somebody has.
type Limit struct {
	mu       sync.Mutex
	underWay map[string]int // by reader
}

// NewLimit returns a limit that nobody has used.
func NewLimit() *Limit { return &Limit{underWay: map[string]int{}} }

// Begin takes one of the reader's places, until end is called. Its error says that
// none is free.
func (l *Limit) Begin(reader string) (end func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.underWay[reader] >= atOnce {
		return nil, fault.New(fault.RateLimited, "Two downloads are under way already: wait until one has ended")
	}
	l.underWay[reader]++
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.underWay[reader]--; l.underWay[reader] == 0 {
			delete(l.underWay, reader)
		}
	}), nil
}
