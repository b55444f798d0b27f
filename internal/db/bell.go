package db

import "sync"

// bells are what commits of this process wake.
type bells struct {
	mu   sync.Mutex
	wake map[string][]func()
}

// OnCommit calls wake after every commit of this process whose transaction rang
// name. Who must not miss anything looks by itself as well: other processes
// commit too. Wake must not block.
func (d *DB) OnCommit(name string, wake func()) {
	d.bells.mu.Lock()
	defer d.bells.mu.Unlock()
	if d.bells.wake == nil {
		d.bells.wake = map[string][]func(){}
	}
	d.bells.wake[name] = append(d.bells.wake[name], wake)
}

// Ring wakes those who wait for name once the transaction has committed; nobody
// where it does not.
func (tx *Tx) Ring(name string) {
	if tx.rung == nil {
		tx.rung = map[string]bool{}
	}
	tx.rung[name] = true
}

func (b *bells) ring(rung map[string]bool) {
	if len(rung) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range rung {
		for _, wake := range b.wake[name] {
			wake()
		}
	}
}
