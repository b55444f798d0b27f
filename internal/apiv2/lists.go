package apiv2

import (
	"container/list"
	"context"
	"sync"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
)

// roomForLists is how much memory finished lists of services may take.
const roomForLists = 64 << 20

// listKey names the lists that are the same for all who ask.
type listKey struct {
	variant string // dialect, and what else of a key changes the bytes
	group   catalog.Group
	lang    string
}

// lists keeps finished documents, the least recently asked for go first. One
// caller at a time builds a document; others who want the same wait for it.
type lists struct {
	most int64 // bytes

	mu       sync.Mutex
	size     int64
	kept     map[listKey]*list.Element
	recent   list.List // of *keptList, the newest in front
	building map[listKey]*build
}

type keptList struct {
	key listKey
	document
}

// build is a document on its way.
type build struct {
	done chan struct{}
	document
	err error
}

func newLists(most int64) *lists {
	return &lists{most: most, kept: map[listKey]*list.Element{}, building: map[listKey]*build{}}
}

// get returns a document that is at least as new as epoch, which make makes
// where there is none. One that is larger than all the room is not kept.
func (l *lists) get(ctx context.Context, key listKey, epoch int64, make func() (document, error)) (document, error) {
	for {
		d, waitFor, mine := l.look(key, epoch)
		switch {
		case mine != nil:
			return l.make(key, mine, make)
		case waitFor == nil:
			return d, nil
		}
		select {
		case <-waitFor.done:
			// Who waited has it even if it was too large to be kept.
			if waitFor.err != nil || waitFor.epoch >= epoch {
				return waitFor.document, waitFor.err
			}
		case <-ctx.Done():
			return document{}, fault.Wrap(fault.Unavailable, "Temporarily unavailable", ctx.Err())
		}
	}
}

// look returns what is kept, or the build to wait for, or the build that is the
// caller's to do.
func (l *lists) look(key listKey, epoch int64) (d document, waitFor, mine *build) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.kept[key]; ok {
		if k := keptIn(e); k.epoch >= epoch {
			l.recent.MoveToFront(e)
			return k.document, nil, nil
		}
	}
	if b, ok := l.building[key]; ok {
		return document{}, b, nil
	}
	b := &build{done: make(chan struct{}), err: fault.New(fault.Unavailable, "Temporarily unavailable")}
	l.building[key] = b
	return document{}, nil, b
}

// make builds a document and keeps it. Should make panic, those who wait are
// told to come again.
func (l *lists) make(key listKey, b *build, make func() (document, error)) (document, error) {
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.building, key)
		if b.err == nil {
			l.keep(key, b.document)
		}
		close(b.done)
	}()
	b.document, b.err = make()
	return b.document, b.err
}

func (l *lists) keep(key listKey, d document) {
	if old, ok := l.kept[key]; ok {
		l.drop(old)
	}
	if d.size() > l.most {
		return
	}
	for l.size+d.size() > l.most {
		l.drop(l.recent.Back())
	}
	l.kept[key] = l.recent.PushFront(&keptList{key, d})
	l.size += d.size()
}

func (l *lists) drop(e *list.Element) {
	k := keptIn(e)
	l.recent.Remove(e)
	delete(l.kept, k.key)
	l.size -= k.size()
}

func keptIn(e *list.Element) *keptList {
	return e.Value.(*keptList) //nolint:errcheck,forcetypeassert // nothing else is put in
}
