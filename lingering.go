package redisconn

import (
	"context"
	"sync"
)

// lingering are generations that were replaced without hurry: what is under way
// on them, a BLPOP for ever perhaps, may take its time, for their server still
// answers. When that server is left for another, their time is up as well.
type lingering struct {
	mu   sync.Mutex // guards cuts
	cuts map[*generation]context.CancelFunc
}

// add notes one, with what ends the wait for its calls. The function it returns
// forgets it.
func (l *lingering) add(g *generation, cut context.CancelFunc) (forget func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cuts == nil {
		l.cuts = map[*generation]context.CancelFunc{}
	}
	l.cuts[g] = cut
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.cuts, g)
	}
}

// cut ends the wait for the calls on all of them.
func (l *lingering) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, cut := range l.cuts {
		cut()
	}
}
