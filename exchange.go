package redisconn

import (
	"context"
	"errors"
	"slices"

	"github.com/redis/go-redis/v9"
)

// exchanger makes one attempt at a batch with a driver: [exchange] or, for a
// transaction, [exchangeTx].
type exchanger func(context.Context, *redis.Client, []redis.Cmder) (read bool, err error)

// exec makes one attempt at a pipeline to a single server.
func (c *Client) exec(ctx context.Context, batch *call, cmds []redis.Cmder) error {
	g := c.current()
	defer g.users.leave()
	_, err := c.execAt(ctx, g, exchange, batch, cmds)
	return err
}

// transact makes one attempt at a transaction. See [exchange] for what it returns.
func (c *Client) transact(ctx context.Context, batch *call, cmds []redis.Cmder) (read bool, err error) {
	g := c.current()
	defer g.users.leave()
	if g.cluster != nil {
		journeyOf(ctx).attempt(RouteDirect, "")
		return g.cluster.transact(ctx, cmds)
	}
	return c.execAt(ctx, g, exchangeTx, batch, cmds)
}

// execAt makes one attempt at a batch, on the connections of a server's pool or,
// when one of the commands may wait at the server, on one of its own. See
// [exchange] for what it returns.
func (c *Client) execAt(ctx context.Context, g *generation, exchange exchanger, batch *call, cmds []redis.Cmder) (read bool, err error) {
	if batch.plain || !slices.ContainsFunc(cmds, waitsAtServer) {
		c.holders.batches.Add(1)
		defer c.holders.batches.Add(-1)
		journeyOf(ctx).attempt(RouteDirect, g.addr)
		return exchange(ctx, g.direct, cmds)
	}
	c.routes.blocking.Add(int64(len(cmds)))
	journeyOf(ctx).attempt(RouteBlocking, g.addr)
	began := false
	err = g.blocking.carry(ctx, "pipeline", 0, func(driver *redis.Client) (err error) {
		began = true
		read, err = exchange(ctx, driver, cmds)
		return err
	})
	if !began {
		_ = failAll(cmds, err)
	}
	return read, err
}

// exchange sends cmds through a pipeline of the driver, which [newDriver] made,
// and sorts out which of them were answered. Its error is nil when no command has
// one; read is what assignReplies found.
func exchange(ctx context.Context, driver *redis.Client, cmds []redis.Cmder) (read bool, err error) {
	return through(ctx, driver.Pipeline(), cmds, &parcel{cmds: cmds})
}

// exchangeTx is exchange for a transaction, which the driver frames.
func exchangeTx(ctx context.Context, driver *redis.Client, cmds []redis.Cmder) (read bool, err error) {
	return through(ctx, driver.TxPipeline(), cmds, cmds...)
}

// through sends cmds through a pipeline, in the form of packed.
func through(ctx context.Context, pipe redis.Pipeliner, cmds []redis.Cmder, packed ...redis.Cmder) (read bool, err error) {
	expectReplies(cmds)
	if err = pipe.BatchProcess(ctx, packed...); err == nil {
		_, err = pipe.Exec(ctx)
	}
	return assignReplies(cmds, err), err
}

// errUnread stands in each command of a batch until the driver has read its
// reply, which alone overwrites it.
//
// Without it the driver's errors mislead in two ways. When a connection breaks
// amid the replies, its failure goes to every command without an error, to those
// that were answered as well. And when the server refuses a connection in the
// handshake, the commands have no error, as if they had succeeded.
var errUnread = errors.New("no reply was read")

func expectReplies(cmds []redis.Cmder) {
	for _, cmd := range cmds {
		cmd.SetErr(errUnread)
	}
}

// assignReplies gives err, the driver's verdict on a batch, to the commands whose
// reply was not read, and takes it back from those that have one. Replies are
// read in order: the one that broke off belongs to the last command before
// those that are still unread. It reports whether any command was read.
func assignReplies(cmds []redis.Cmder, err error) (read bool) {
	if err == nil {
		return true
	}
	broken := len(cmds) - 1
	for i, cmd := range slices.Backward(cmds) {
		if cmd.Err() == errUnread {
			cmd.SetErr(err)
			broken = i - 1
		} else {
			read = true
		}
	}
	if isReply(err) {
		return read
	}
	for _, cmd := range cmds[:max(broken, 0)] {
		if cmd.Err() != nil && !isReply(cmd.Err()) {
			cmd.SetErr(nil)
		}
	}
	return read
}

// isReply reports whether err is an error reply of the server to a command.
func isReply(err error) bool {
	var link *linkError
	var reply redis.Error
	return !errors.As(err, &link) && errors.As(err, &reply)
}
