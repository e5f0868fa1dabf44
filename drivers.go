package redisconn

import (
	"context"
	"errors"
	"net"

	"github.com/redis/go-redis/v9"
)

// drivers are the driver's clients for one server, one for each route; see
// route.go.
type drivers struct {
	direct   *redis.Client  // pooled connections
	lane     *lane          // shared pipelines
	blocking *blockingRoute // for commands that wait at the server
	cache    *readCache     // of the direct route; nil where there is none
}

// newDrivers makes the driver clients for a server of a generation, with the
// options that optionsOf makes for each.
func newDrivers(c *Client, g *generation, addr string, optionsOf func(Config, string, dialAddr) *redis.Options) *drivers {
	dial := g.dialThrough(c.hooks)
	options := func(dial dialAddr) *redis.Options { return optionsOf(g.config, addr, dial) }
	d := &drivers{lane: newLane(c, g, options(dial)), blocking: newBlockingRoute(g.config, options, patient(dial))}
	pooled := options(dial)
	if g.config.Cache.Enabled {
		d.cache = newReadCache(g.config.Cache, &c.cache)
		pooled.ClientSideCache = d.cache
	}
	d.direct = newDriver(pooled)
	return d
}

// patience marks the context of a dial whose connection waits at the server.
type patience struct{}

func patient(dial dialAddr) dialAddr {
	return func(ctx context.Context, addr string) (net.Conn, error) {
		return dial(context.WithValue(ctx, patience{}, true), addr)
	}
}

// close closes every connection, also those in use.
func (d *drivers) close() error {
	d.blocking.end()
	return errors.Join(closeDriver(d.lane.client), closeDriver(d.direct))
}

// addTo adds what these routes carry now.
func (d *drivers) addTo(s *RouteStats) {
	queued, _ := d.lane.gathered()
	s.LaneQueued += queued
	s.BlockingInUse += len(d.blocking.places)
	s.BlockingMax += cap(d.blocking.places)
}
