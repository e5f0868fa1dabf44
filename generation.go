package redisconn

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
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
	since    atomic.Pointer[time.Time] // it is in use; nil while a call may still take the one before it
	users    tally                     // who uses it now; one that was replaced ends when they have left
	lent     redis.UniversalClient     // what Unwrap lends
	*drivers                           // of the one server; nil on a cluster, whose nodes have their own
	breakers dialBreakers
	strayed  atomic.Bool // it was told that this one server is a node of a cluster
}

// newGeneration makes the driver clients. It dials nothing, unless the
// configuration asks for idle connections in advance.
func newGeneration(number int, t *target, c *Client) *generation {
	g := &generation{target: t, number: number, users: newTally(unbounded)}
	if t.cluster == nil {
		g.drivers = newDrivers(c, g, t.addr, driverOptions)
		g.lent = g.direct
		return g
	}
	t.cluster.begin(func(addr string) *drivers { return newDrivers(c, g, addr, nodeOptions) })
	g.lent = redis.NewClusterClient(clusterOptions(t.config, t.cluster.slots, g.dialThrough(c.hooks)))
	return g
}

// soleServer is where every command goes; "" on a cluster, where each has a node of its own.
func (g *generation) soleServer() string {
	if g.cluster != nil {
		return ""
	}
	return g.addr
}

// dialThrough opens connections for a driver client. A dial that fails is a
// connection to the driver: see brokenLink.
func (g *generation) dialThrough(hooks *hookChain) dialAddr {
	return func(ctx context.Context, addr string) (net.Conn, error) {
		if failed := g.knownDead(addr); failed != nil {
			return brokenLink{failed}, nil
		}
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
	if t.dialer.life.Err() != nil && errors.Is(err, context.Canceled) {
		failed = &linkError{phase: phaseDial, err: redis.ErrClosed} // as from a pool that closed a moment sooner
	}
	return nil, failed
}

// close ends the dials under way and closes every connection, also those in
// use: their commands return at once.
func (g *generation) close() error {
	g.dialer.end()
	err := closeDriver(g.lent)
	if g.cluster != nil {
		return errors.Join(err, g.cluster.close())
	}
	return errors.Join(err, g.drivers.close())
}

// closeDriver closes a driver client. That it is closed, or one of its
// connections, is no failure of that.
func closeDriver(driver io.Closer) error {
	if err := driver.Close(); err != nil && !errors.Is(err, redis.ErrClosed) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// use is who holds the connections now: of a cluster, those to the node at an
// address, or all of them when there is none.
func (g *generation) use(addr string) PoolUse {
	if g.cluster != nil {
		return g.cluster.use(addr)
	}
	return usedOf(g.config.Pool.Size, g.direct.PoolStats())
}

// usedOf reads the numbers of a pool of the driver.
func usedOf(size int, stats *redis.PoolStats) PoolUse {
	inUse := int(stats.TotalConns) - int(stats.IdleConns)
	return PoolUse{
		Size:    size,
		InUse:   max(inUse, 0), // the two are read one after the other
		Idle:    int(stats.IdleConns),
		Waiting: max(int(stats.PendingRequests), 0),
	}
}
