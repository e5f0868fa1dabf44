package redisconn

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// maxHold bounds how long writes are held: a sentinel that announced a failover
// and then fell silent must not stop a service. Sentinels themselves take
// about a second from the announcement to the switch.
const maxHold = 10 * time.Second

// writeGate holds writes while the sentinels fail the master over. What the old
// master acknowledges after its successor was chosen is lost with its data;
// a write that waits for the successor is not.
type writeGate struct {
	held atomic.Pointer[hold]

	mu sync.Mutex           // guards by
	by map[string]time.Time // the sentinels that announced a failover and have not ended it, and when they last did
}

// hold is a stretch of time in which writes wait.
type hold struct {
	since time.Time
	over  chan struct{} // closed at its end
	end   *time.Timer
}

// shut holds writes because a sentinel begins a failover, and reports whether
// they were not held before.
func (g *writeGate) shut(sentinel string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.by == nil {
		g.by = map[string]time.Time{}
	}
	g.by[sentinel] = time.Now()
	if g.held.Load() != nil {
		return false
	}
	h := &hold{since: time.Now(), over: make(chan struct{})}
	h.end = time.AfterFunc(maxHold, func() { g.release(h) })
	g.held.Store(h)
	return true
}

// abort ends the hold of a sentinel that gave up; another one may go on.
func (g *writeGate) abort(sentinel string) { g.settle(sentinel, time.Now()) }

// settle ends the hold of a sentinel that fails nothing over, by its own word at
// some time: what it announced since then stands. The word of others is no
// reason to let writes go, for only the one that does it knows.
func (g *writeGate) settle(sentinel string, at time.Time) {
	g.mu.Lock()
	announced, holds := g.by[sentinel]
	over := holds && !announced.After(at)
	if over {
		delete(g.by, sentinel)
		over = len(g.by) == 0
	}
	g.mu.Unlock()
	if over {
		g.open()
	}
}

// open lets the writes go and returns how long they were held.
func (g *writeGate) open() time.Duration {
	if h := g.held.Load(); h != nil {
		return g.release(h)
	}
	return 0
}

// release ends this hold, once.
func (g *writeGate) release(h *hold) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.held.CompareAndSwap(h, nil) {
		return 0
	}
	clear(g.by)
	h.end.Stop()
	close(h.over)
	return time.Since(h.since)
}

// heldError is why a write was not sent.
type heldError struct{ since time.Time }

func (e *heldError) Error() string {
	return "the sentinels fail the master over, and writes have been held for " + time.Since(e.since).Round(time.Millisecond).String()
}
func (e *heldError) verdict() Class { return ClassTimeout }

// awaitWrites lets a call go on once writes are let go, inside its own budget.
// Reads are not held.
func (c *Client) awaitWrites(ctx context.Context, cmds ...redis.Cmder) error {
	for {
		h := c.writes.held.Load()
		if h == nil || !slices.ContainsFunc(cmds, isWrite) {
			return nil
		}
		select {
		case <-h.over:
		case <-ctx.Done():
			return &heldError{h.since}
		case <-c.gate.givenUp:
			return ErrClosed
		}
	}
}

func isWrite(cmd redis.Cmder) bool { return effectOf(cmd) != EffectRead }
