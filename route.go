package redisconn

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// way is how a command travels, for one attempt: sendPlain or sendBlocking.
type way func(c *Client, ctx context.Context, cmd redis.Cmder) error

// sendPlain makes one attempt at a command that does not wait at the server: on
// a pooled connection or, when many are in flight, in a flight of the lane.
func (c *Client) sendPlain(ctx context.Context, cmd redis.Cmder) error {
	g := c.generation.Load()
	if g.lane.wanted(c.gate.inside()-int64(len(g.blocking.places))) && mayShare(cmd) && !g.cache.serves(cmd) {
		if err := g.lane.carry(ctx, cmd); err != errLaneShut {
			journeyOf(ctx).attempt(RouteLane)
			return err
		}
	}
	journeyOf(ctx).attempt(RouteDirect)
	g = c.current()
	defer g.users.leave()
	return g.direct.Process(ctx, cmd)
}
