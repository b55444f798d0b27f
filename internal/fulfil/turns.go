package fulfil

import "sync"

// turns lets one goroutine at a time be at a piece of work; others pass it over.
type turns struct {
	mu    sync.Mutex
	taken map[string]bool
}

// take reports whether nobody was at the work, and takes it.
func (t *turns) take(work string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taken[work] {
		return false
	}
	if t.taken == nil {
		t.taken = map[string]bool{}
	}
	t.taken[work] = true
	return true
}

// give ends the work.
func (t *turns) give(work string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.taken, work)
}
