package redisconn

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/internal/effect"
)

// Watch runs fn with the keys watched, on one connection of its own; fn's
// transaction, tx.TxPipelined, does nothing and returns redis.TxFailedErr when
// one of the keys has changed since. See [Client.RunOptimistic] for the loop
// around it, and https://redis.io/docs/latest/commands/watch/.
//
// WATCH itself is sent again as any command is; hooks see each attempt. What fn
// sends through tx is not, because the watch ends with the connection: it
// fails with a [*CommandError] that says whether it was applied. Each command
// has a time budget of its own where its context has no deadline. Watch returns
// the error of fn as it is.
func (c *Client) Watch(ctx context.Context, fn func(*redis.Tx) error, keys ...string) error {
	if !c.gate.enter() {
		return c.refused("watch")
	}
	defer c.gate.leave()
	defer c.holders.hold("watch")()
	c.gate.commands.Add(1)
	watch := &call{name: "watch", keys: len(keys), began: time.Now()}
	ctx, cancel := c.deadlines.bound(ctx, watch.began)
	if cancel != nil {
		defer cancel()
	}
	if err := c.gate.await(ctx, c.config.WhenDown == WhenDownFailFast); err != nil {
		return c.unsent(ctx, watch, err)
	}
	for {
		watch.attempts++
		s := &section{client: c}
		err := s.open(ctx, fn, keys)
		if s.entered || isAnswer(err) {
			return err
		}
		f := diagnose(err)
		f.applied = AppliedNo // fn has not begun, and a watch changes nothing
		watch.settle(f)
		c.noticed(f)
		f.mended = c.remedied(ctx, f, watch.lastTried())
		f = watch.telling(ctx, f)
		if c.gate.gaveUp() || ctx.Err() != nil || !c.retries.allows(f, EffectRead) {
			return c.failed(ctx, watch, f)
		}
		if stop := c.pause(ctx, watch, f); stop != nil {
			return c.stopped(ctx, watch, f, stop)
		}
		watch.tried = time.Now()
	}
}

// section is the stretch of a connection between WATCH and the end of fn.
type section struct {
	client  *Client
	hooked  bool // every hook is in its place
	entered bool // the watch stands, and fn has begun
	left    bool // fn has returned; the driver may still send UNWATCH
}

// open makes one attempt to run fn with the keys watched.
func (s *section) open(ctx context.Context, fn func(*redis.Tx) error, keys []string) error {
	g := s.client.current()
	defer g.users.leave()
	run := func(tx *redis.Tx) error { return s.run(ctx, tx, fn, keys) }
	if g.cluster != nil {
		return g.cluster.watch(ctx, run, keys, func() bool { return s.entered })
	}
	return g.direct.Watch(ctx, run)
}

func (s *section) run(ctx context.Context, tx *redis.Tx, fn func(*redis.Tx) error, keys []string) error {
	s.hooked = false // a cluster may send the section on to another node
	for _, hook := range append(s.client.hooks.all(), sectionHook{s}) {
		tx.AddHook(onSection{hook, s})
	}
	s.hooked = true
	if len(keys) > 0 {
		if err := tx.Watch(ctx, keys...).Err(); err != nil {
			return err
		}
	}
	s.entered = true
	defer func() { s.left = true }()
	return fn(tx)
}

// onSection keeps a hook to the section's own commands. The driver passes the
// hooks of a section on to the connection that it opens for it, where they would
// see the handshake, and with it the password.
type onSection struct {
	redis.Hook
	*section
}

func (h onSection) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	if h.hooked {
		return next
	}
	return h.Hook.ProcessHook(next)
}

func (h onSection) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	if h.hooked {
		return next
	}
	return h.Hook.ProcessPipelineHook(next)
}

// sectionHook lies below the program's hooks and says what the failures of a
// section's commands mean.
type sectionHook struct{ *section }

func (h sectionHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h sectionHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if !h.entered || h.left {
			return next(ctx, cmd)
		}
		c := h.client
		if binding := binds(cmd); binding != nil && binding.name != "watch" && binding.name != "unwatch" {
			return c.refuseBinding(cmd.Name(), binding)
		}
		c.gate.commands.Add(1)
		one := callOf(cmd, time.Now())
		one.attempts = 1
		var cancel context.CancelFunc
		if effect.Blocks(one.name) {
			ctx, cancel = c.deadlines.boundBlocking(ctx, cmd, one.began)
		} else {
			ctx, cancel = c.deadlines.bound(ctx, one.began)
		}
		if cancel != nil {
			defer cancel()
		}
		if err := c.awaitWrites(ctx, cmd); err != nil {
			return c.unsent(ctx, one, err)
		}
		err := next(ctx, cmd)
		if answers(cmd, err) {
			return err
		}
		f := diagnose(err)
		c.noticed(f)
		return c.failed(ctx, one, f)
	}
}

func (h sectionHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c := h.client
		batch := &call{name: "pipeline", began: time.Now(), attempts: 1}
		ctx, cancel := c.deadlines.bound(ctx, batch.began)
		if cancel != nil {
			defer cancel()
		}
		if binding := bindingIn(cmds); binding != nil {
			return failAll(cmds, c.refuseBinding(batch.name, binding))
		}
		if err := c.awaitWrites(ctx, cmds...); err != nil {
			return failAll(cmds, c.unsent(ctx, batch, err))
		}
		if !isTransaction(cmds) {
			c.gate.commands.Add(int64(len(cmds)))
			expectReplies(cmds)
			assignReplies(cmds, next(ctx, cmds))
			c.failEach(ctx, batch, cmds, diagnoseEach(cmds))
			return firstError(cmds)
		}
		body := cmds[1 : len(cmds)-1]
		c.gate.commands.Add(int64(len(body)))
		expectReplies(body)
		err := next(ctx, cmds)
		f, failed := transactionFailure(body, assignReplies(body, err), err)
		if !failed {
			return err
		}
		c.noticed(f)
		batch.name, batch.keys = "transaction", keyCount(body)
		return failAll(unread(body, f), c.failed(ctx, batch, f))
	}
}
