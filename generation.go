package redisconn

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// generation is one live set of driver clients made from one Config. Commands
// use whichever generation is current; see succession.go for how another one
// takes its place.
//
// It holds the driver clients of each route, see route.go.
type generation struct {
	*target
	number   int
	since    time.Time
	users    tally                 // who uses it now; one that was replaced ends when they have left
	direct   redis.UniversalClient // pooled connections
	lane     *lane                 // shared pipelines
	blocking *blockingRoute        // for commands that wait at the server
	cache    *readCache            // of the direct route; nil where there is none
	breakers dialBreakers
}

// newGeneration makes the driver clients. It dials nothing, unless the
// configuration asks for idle connections in advance.
func newGeneration(number int, t *target, c *Client) *generation {
	g := &generation{target: t, number: number, since: time.Now(), users: newTally()}
	options := driverOptions(t.config, t.addr, g.dialThrough(c.hooks))
	if t.config.Cache.Enabled {
		g.cache = newReadCache(t.config.Cache, &c.cache)
		options.ClientSideCache = g.cache
	}
	g.direct = redis.NewClient(options)
	g.lane = newLane(c, g)
	g.blocking = newBlockingRoute(g, c.hooks)
	return g
}

// dialThrough opens connections for a driver client. A dial that fails is a
// connection to the driver: see brokenLink.
func (g *generation) dialThrough(hooks *hookChain) dialAddr {
	return func(ctx context.Context, addr string) (net.Conn, error) {
		conn, failed := g.breakers.of(addr).dial(func() (net.Conn, *linkError) { return g.open(ctx, addr, hooks) })
		if failed != nil {
			return brokenLink{failed}, nil
		}
		return conn, nil
	}
}

// open dials through the program's hooks.
func (t *target) open(ctx context.Context, addr string, hooks *hookChain) (net.Conn, *linkError) {
	dial := func(ctx context.Context) (net.Conn, error) { return t.dialer.dial(ctx, addr, nil) }
	conn, err := hooks.dial(addressNetwork(addr), addr, dial)(ctx)
	if err == nil {
		return conn, nil
	}
	var failed *linkError
	if !errors.As(err, &failed) {
		failed = &linkError{phase: phaseDial, err: err} // a hook's own error
	}
	return nil, failed
}

// close ends the dials under way and closes every connection, also those in
// use: their commands return at once.
func (g *generation) close() error {
	g.dialer.end()
	g.blocking.end()
	var all error
	for _, err := range []error{g.lane.end(), g.direct.Close()} {
		if !errors.Is(err, redis.ErrClosed) && !errors.Is(err, net.ErrClosed) {
			all = errors.Join(all, err)
		}
	}
	return all
}

// use is who holds the connections now.
func (g *generation) use() PoolUse {
	stats := g.direct.PoolStats()
	inUse := int(stats.TotalConns) - int(stats.IdleConns)
	return PoolUse{
		Size:    g.config.Pool.Size,
		InUse:   max(inUse, 0), // the two are read one after the other
		Idle:    int(stats.IdleConns),
		Waiting: max(int(stats.PendingRequests), 0),
	}
}
