package redisconn

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/internal/effect"
)

// processBatch carries a pipeline or a transaction down. The driver hands both
// over as a list of commands; a transaction's is framed by MULTI and EXEC.
func (c *Client) processBatch(ctx context.Context, cmds []redis.Cmder) error {
	if len(cmds) == 0 {
		return nil
	}
	name, send := "pipeline", c.sendPipeline
	body := cmds
	if isTransaction(cmds) {
		name, send, body = "transaction", c.sendTransaction, cmds[1:len(cmds)-1]
	}
	if !c.gate.enter() {
		return failAll(body, c.refused(name))
	}
	defer c.gate.leave()
	c.counts.commands.Add(int64(len(body)))
	c.holders.batches.Add(1)
	defer c.holders.batches.Add(-1)

	batch := &call{name: name, began: time.Now()}
	for _, cmd := range body {
		batch.keys += effect.KeyCount(cmd.Args())
	}
	ctx, cancel := c.deadlines.bound(ctx, batch.began)
	if cancel != nil {
		defer cancel()
	}
	if err := c.gate.await(ctx, c.config.WhenDown == WhenDownFailFast); err != nil {
		return failAll(body, c.unsent(ctx, batch, err))
	}
	if err := send(ctx, batch, body); err != nil {
		return err
	}
	return firstError(body)
}

func isTransaction(cmds []redis.Cmder) bool {
	return len(cmds) >= 2 && cmds[0].Name() == "multi" && cmds[len(cmds)-1].Name() == "exec"
}

// sendPipeline sends a pipeline, and again what of it may be sent again.
//
// A connection that breaks leaves the commands without a reply open, one and
// all: the server executes a pipeline while it still arrives, so even a failed
// write proves nothing about the commands before the last. Of these only the
// tail behind the last command that may not be repeated is sent again; what
// precedes such a command must not be applied after it.
func (c *Client) sendPipeline(ctx context.Context, batch *call, cmds []redis.Cmder) error {
	open := cmds // the commands without an answer so far; always a tail of cmds
	for {
		batch.attempts++
		_ = c.exec(ctx, c.generation.Load().direct.Pipeline(), open) // told by the commands
		open = unanswered(open)
		if len(open) == 0 {
			return nil
		}
		f := diagnose(firstError(open))
		if link := (*linkError)(nil); errors.As(f.err, &link) && link.phase == phaseWrite {
			f.applied = AppliedMaybe
		}
		batch.settle(f)
		c.noticed(f)
		repeat := c.repeatable(f, open)
		left := open[:len(open)-len(repeat)]
		if len(left) > 0 {
			c.failEach(ctx, batch, f, left)
		}
		if len(repeat) == 0 {
			return nil
		}
		open = repeat
		if ctx.Err() != nil || c.gate.gaveUp() {
			c.failEach(ctx, batch, f, open)
			return nil
		}
		if stop := c.pause(ctx, batch, f); stop != nil {
			failAll(open, c.stopped(ctx, batch, f, stop))
			return nil
		}
	}
}

// repeatable is the tail of cmds that may be sent again after f.
func (c *Client) repeatable(f failure, cmds []redis.Cmder) []redis.Cmder {
	for i := len(cmds); i > 0; i-- {
		if !c.retries.allows(f, effectOf(cmds[i-1])) {
			return cmds[i:]
		}
	}
	return cmds
}

// sendTransaction sends a transaction, and again only as a whole and only when
// it proved to have done nothing: EXEC is its last command, so a failed write
// or a refusal of any of its commands means that none was executed.
func (c *Client) sendTransaction(ctx context.Context, batch *call, cmds []redis.Cmder) error {
	for {
		batch.attempts++
		err := c.exec(ctx, c.generation.Load().direct.TxPipeline(), cmds)
		if err == nil || errors.Is(err, redis.TxFailedErr) {
			return err
		}
		f := diagnose(err)
		if isReply(err) {
			if !redis.IsExecAbortError(err) && !refusedWhole(cmds) {
				return nil // executed: each command carries the server's own answer
			}
			if f = diagnose(firstFailure(cmds, err)); isAnswer(f.err) {
				return nil // refused for good: the culprit carries the reason
			}
		}
		batch.settle(f)
		c.noticed(f)
		if f.applied == AppliedMaybe || !c.retries.allows(f, EffectUnknown) || ctx.Err() != nil || c.gate.gaveUp() {
			return failAll(cmds, c.failed(ctx, batch, f))
		}
		if stop := c.pause(ctx, batch, f); stop != nil {
			return failAll(cmds, c.stopped(ctx, batch, f, stop))
		}
	}
}

// errUnread marks a command of a batch until the driver has read its reply.
var errUnread = errors.New("no reply was read")

// exec runs cmds through one of the driver's pipelines and sees to it that each
// has an error of its own: the server's answer, nil included, or why it has none.
//
// The driver does so with two exceptions. A connection that the server refused
// in the handshake leaves commands without an error, as if they had succeeded.
// And one that breaks amid the replies puts its failure to every command
// without an error, to those that were answered as well. So the commands start
// with an error that only a reply removes. Replies are read in order: the last
// one read before those that still have it is where the connection broke, and
// all before that one were answered.
func (c *Client) exec(ctx context.Context, pipe redis.Pipeliner, cmds []redis.Cmder) error {
	for _, cmd := range cmds {
		cmd.SetErr(errUnread)
	}
	err := pipe.BatchProcess(ctx, cmds...)
	if err == nil {
		_, err = pipe.Exec(ctx)
	}
	if err == nil {
		return nil
	}
	broken := len(cmds) - 1
	for i, cmd := range slices.Backward(cmds) {
		if cmd.Err() == errUnread {
			cmd.SetErr(err)
			broken = i - 1
		}
	}
	if isReply(err) {
		return err
	}
	for _, cmd := range cmds[:max(broken, 0)] {
		if !isReply(cmd.Err()) {
			cmd.SetErr(nil)
		}
	}
	return err
}

// unanswered is the tail of cmds that begins with the first one that the server
// did not answer, or answered with a refusal that passes by itself. Commands
// behind it that did get an answer end the tail's chance: they were executed,
// and what comes before them must not be executed after them.
func unanswered(cmds []redis.Cmder) []redis.Cmder {
	end := len(cmds)
	for end > 0 && !isAnswer(cmds[end-1].Err()) {
		end--
	}
	return cmds[end:]
}

// firstFailure is the first error of cmds that is a failure, or err.
func firstFailure(cmds []redis.Cmder, err error) error {
	for _, cmd := range cmds {
		if e := cmd.Err(); e != nil && !redis.IsExecAbortError(e) {
			return e
		}
	}
	return err
}

// firstError is the error that the driver's Exec returns: the first of any kind.
func firstError(cmds []redis.Cmder) error {
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil {
			return err
		}
	}
	return nil
}

// refusedWhole reports whether MULTI itself was refused: no command has an answer of its own.
func refusedWhole(cmds []redis.Cmder) bool {
	for _, cmd := range cmds {
		if isAnswer(cmd.Err()) {
			return false
		}
	}
	return true
}

func isReply(err error) bool {
	var link *linkError
	var reply redis.Error
	return !errors.As(err, &link) && errors.As(err, &reply)
}

// failEach gives every command its own error, because whether the failure may
// have applied it is told by command.
func (c *Client) failEach(ctx context.Context, batch *call, f failure, cmds []redis.Cmder) {
	for _, cmd := range cmds {
		one := *batch
		one.name, one.keys = cmd.Name(), effect.KeyCount(cmd.Args())
		cmd.SetErr(c.failed(ctx, &one, f))
	}
}

// failAll gives every command the same error and returns it.
func failAll(cmds []redis.Cmder, err error) error {
	for _, cmd := range cmds {
		cmd.SetErr(err)
	}
	return err
}
