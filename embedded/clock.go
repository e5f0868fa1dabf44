package embedded

import (
	"net"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// clockShare bounds what keeping time may cost: a look at all the keys is
// followed by this many times its own duration without one, so that it takes at
// most a fiftieth of a server with very many keys. With ten thousand keys a time
// to live is exact to some ten milliseconds.
const clockShare = 50

// clock makes keys expire as time passes. miniredis lets time pass when it is
// told to; its own clock mode sorts all its keys at every command.
type clock struct {
	redis *miniredis.Miniredis

	mu   sync.Mutex // guards what follows
	told time.Time  // up to when
	cost time.Duration
}

// tick lets the time pass that has passed.
func (c *clock) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if passed := now.Sub(c.told); passed > clockShare*c.cost {
		c.redis.FastForward(passed)
		c.told, c.cost = now, time.Since(now)
	}
}

// clocked is the server's end of a connection. The clock ticks when a request
// arrives, so that nothing runs while nobody looks. miniredis's hook before
// commands is no place for it: scripts pass there with the lock held that a tick
// needs.
type clocked struct {
	net.Conn
	clock *clock
}

func (c clocked) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.clock.tick()
	return n, err
}
