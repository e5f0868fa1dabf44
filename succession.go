package redisconn

import (
	"context"
	"math"
	"time"
)

// current returns the generation that a command is to use; users.leave ends the
// use. One that was replaced meanwhile admits nobody, and then there is another.
func (c *Client) current() *generation {
	for {
		if g := c.generation.Load(); g.users.enter() {
			return g
		}
	}
}

// use makes g the generation that calls take. Its time is noted afterwards: a call
// that began before that may have taken the old one, see [Client.remedied].
func (c *Client) use(g *generation) {
	c.generation.Store(g)
	now := time.Now()
	g.since.Store(&now)
}

// successor is a target that takes over, verified.
type successor struct {
	target *target
	probe  *probe
	facts  serverFacts
	reason string        // why it takes over
	began  time.Time     // when the change began
	grace  time.Duration // how long calls that use the old generation may go on
}

// noHurry lets calls on a replaced generation take their own time, also those that
// may block for ever: its server still answers them.
const noHurry = time.Duration(math.MaxInt64)

// succeed makes s the current generation, in one atomic store: calls from then
// on use it, those under way finish where they are, within the grace, and the
// old generation is closed behind them. It reports false when the client closes
// meanwhile; then s is the caller's to end.
func (c *Client) succeed(s successor) bool {
	c.installing.Lock()
	defer c.installing.Unlock()
	if c.life.Err() != nil {
		return false
	}
	old := c.generation.Load()
	next := newGeneration(old.number+1, s.target, c)
	c.use(next)
	c.counts.reloads.Add(1)
	c.monitor.Load().adopt(s, next.number)
	if s.grace != noHurry {
		c.lingering.cut()
	}
	c.background.Go(func() { c.retire(old, s.grace) })
	if watch := c.watch.Load(); watch != nil {
		watch.hurry() // the sentinels may be reached in another way now, or have named another master meanwhile
	}
	c.recorder.record(Event{Kind: EventGeneration, Attempt: next.number, Node: s.target.addr, Took: time.Since(s.began), Detail: s.reason})
	c.log.Info("redis connections replaced", "generation", next.number, "server", s.target.addr, "reason", s.reason)
	return true
}

// retire closes a generation that was replaced, once those who use it have left.
func (c *Client) retire(g *generation, grace time.Duration) {
	g.users.shut()
	ctx, cancel := context.WithTimeout(c.life, grace)
	defer cancel()
	if grace == noHurry {
		defer c.lingering.add(g, cancel)()
	}
	g.users.awaitEmpty(ctx)
	if err := g.close(); err != nil {
		c.log.Warn("closing replaced redis connections", "generation", g.number, "error", err)
	}
}
