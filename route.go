package redisconn

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// send chooses how a command travels and makes one attempt. There is one way so
// far, the direct one: a pooled connection, one round trip. The lane (automatic
// pipelining) and the blocking route (connections of their own for BLPOP and
// its kin) will be chosen here, from the generation that holds their clients.
func (c *Client) send(ctx context.Context, cmd redis.Cmder) error {
	g := c.current()
	defer g.users.leave()
	return g.direct.Process(ctx, cmd)
}
