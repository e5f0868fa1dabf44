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
	// A flight is a user of the generation, so its passengers need not be.
	g := c.generation.Load()
	if g.cluster == nil {
		inFlight := c.gate.inside() - int64(len(g.blocking.places))
		if err := g.byLane(ctx, cmd, inFlight); err != errLaneShut {
			journeyOf(ctx).attempt(RouteLane, g.addr)
			return err
		}
	}
	g = c.current()
	defer g.users.leave()
	journeyOf(ctx).attempt(RouteDirect, g.soleServer())
	if g.cluster != nil {
		return g.cluster.process(ctx, cmd, (*clusterNode).sendPlain)
	}
	return g.direct.Process(ctx, cmd)
}

// sendBlocking makes one attempt at a command that may wait at the server.
func (c *Client) sendBlocking(ctx context.Context, cmd redis.Cmder) error {
	g := c.current()
	defer g.users.leave()
	c.routes.blocking.Add(1)
	journeyOf(ctx).attempt(RouteBlocking, g.soleServer())
	if g.cluster != nil {
		return g.cluster.process(ctx, cmd, (*clusterNode).sendBlocking)
	}
	return g.blocking.send(ctx, cmd)
}

// byLane makes one attempt at a command together with others, when so many are in
// flight, or returns errLaneShut where it had better go direct.
func (d *drivers) byLane(ctx context.Context, cmd redis.Cmder, inFlight int64) error {
	if !d.lane.wanted(inFlight) || !mayShare(cmd) || d.cache.serves(cmd) {
		return errLaneShut
	}
	return d.lane.carry(ctx, cmd, inFlight)
}

// nodeWay is a way on a cluster, to one of its nodes.
type nodeWay func(n *clusterNode, ctx context.Context, cmd redis.Cmder) error

// sendPlain is [Client.sendPlain] to a node.
func (n *clusterNode) sendPlain(ctx context.Context, cmd redis.Cmder) error {
	defer n.inFlight.Add(-1)
	if err := n.byLane(ctx, cmd, n.inFlight.Add(1)); err != errLaneShut {
		journeyOf(ctx).by(RouteLane)
		return err
	}
	return n.direct.Process(ctx, cmd)
}

// sendBlocking is [Client.sendBlocking] to a node.
func (n *clusterNode) sendBlocking(ctx context.Context, cmd redis.Cmder) error {
	return n.blocking.send(ctx, cmd)
}
