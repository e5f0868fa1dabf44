package redisconn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	name, send, body := "pipeline", c.sendPipeline, cmds
	if c.onCluster() {
		send = c.sendClusterPipeline
		if len(cmds) == 1 {
			name = cmds[0].Name()
		}
	}
	if isTransaction(cmds) {
		name, send, body = "transaction", c.sendTransaction, cmds[1:len(cmds)-1]
	}
	if !c.gate.enter() {
		return failAll(body, c.refused(name))
	}
	defer c.gate.leave()
	c.gate.commands.Add(int64(len(body)))

	batch := &call{name: name, cmds: body, began: time.Now()}
	ctx, cancel := c.deadlines.bound(ctx, batch.began)
	if cancel != nil {
		defer cancel()
	}
	err := c.gate.await(ctx, c.config.WhenDown == WhenDownFailFast)
	if err == nil {
		err = c.awaitWrites(ctx, body...)
	}
	if err != nil {
		batch.keys = keyCount(body)
		return failAll(body, c.unsent(ctx, batch, err))
	}
	if batch.plain = arePlain(body); !batch.plain {
		if binding := bindingIn(cmds); binding != nil {
			return failAll(body, c.refuseBinding(name, binding))
		}
	}
	return send(ctx, batch, body)
}

// arePlain reports whether no command may change its connection or wait at the
// server: then nobody needs to look at the commands again. Most batches are many
// of the same, so a name is looked at once for as long as it repeats.
func arePlain(cmds []redis.Cmder) bool {
	last := ""
	for _, cmd := range cmds {
		name := cmd.Name()
		if name == last {
			continue
		}
		if manner := effect.MannerOf(name); manner == effect.Binds || manner == effect.Waits {
			return false
		}
		last = name
	}
	return true
}

// isTransaction recognises the frame that the driver puts around a transaction.
// It goes by type: a program that queues MULTI and EXEC itself makes other
// commands, and expects the replies as they come.
func isTransaction(cmds []redis.Cmder) bool {
	if len(cmds) < 2 {
		return false
	}
	multi, opened := cmds[0].(*redis.StatusCmd)
	exec, closed := cmds[len(cmds)-1].(*redis.SliceCmd)
	return opened && closed && multi.Name() == "multi" && exec.Name() == "exec"
}

// transactionFrame puts MULTI and EXEC around cmds, as the driver does.
func transactionFrame(ctx context.Context, cmds []redis.Cmder) []redis.Cmder {
	framed := make([]redis.Cmder, 0, len(cmds)+2)
	framed = append(framed, redis.NewStatusCmd(ctx, "multi"))
	framed = append(framed, cmds...)
	return append(framed, redis.NewSliceCmd(ctx, "exec"))
}

// sendPipeline sends a pipeline, and again what of it may be sent again.
//
// A connection that breaks leaves every command without a reply open: the
// server executes a pipeline while it still arrives. Of these only a tail is
// sent again, because what precedes a command that may not be repeated must not
// be applied after it; see [Client.repeatable].
func (c *Client) sendPipeline(ctx context.Context, batch *call, cmds []redis.Cmder) error {
	open := cmds          // the commands without an answer so far; always a tail of cmds
	var memories []memory // of cmds; only trouble makes them
	for {
		batch.attempts++
		err := c.exec(ctx, batch, open)
		switch {
		case err == nil && batch.attempts == 1:
			return nil
		case err == nil, !slices.ContainsFunc(open, isOpen):
			return firstError(cmds)
		}
		failures := diagnoseEach(open)
		first := len(open) - len(unanswered(open))
		c.failEach(ctx, batch, open[:first], failures)
		if open, failures = open[first:], failures[first:]; len(open) == 0 {
			return firstError(cmds)
		}
		c.noticed(failures[0])
		if c.remedied(ctx, failures[0], batch.lastTried()) {
			for i := range failures {
				failures[i].mended = true
			}
		}
		if memories == nil {
			memories = make([]memory, len(cmds))
		}
		for i, f := range failures {
			failures[i] = memories[len(cmds)-len(open)+i].telling(ctx, f)
		}
		first = len(open)
		if !isOver(ctx) && !c.gate.gaveUp() {
			first = c.repeatable(cmds[:len(cmds)-len(open)], open, failures)
		}
		c.failEach(ctx, batch, open[:first], failures)
		if open, failures = open[first:], failures[first:]; len(open) == 0 {
			return firstError(cmds)
		}
		for _, f := range failures {
			batch.settle(f)
		}
		if stop := c.pause(ctx, batch, failures[0]); stop != nil {
			for i, f := range failures {
				failures[i] = c.stoppedBy(stop, f)
			}
			c.failEach(ctx, batch, open, failures)
			return firstError(cmds)
		}
		batch.tried = time.Now()
	}
}

// repeatable is the index from which on the open commands of a pipeline may be
// sent again. Each of them must allow it by itself, none may look at a key that
// a later one may have written, and the connection that they meet must be the
// one they were written for: behind a SELECT that was answered they would land
// in another database.
func (c *Client) repeatable(done, open []redis.Cmder, failures []failure) int {
	first := len(open)
	var later effect.Aftermath
	for first > 0 {
		cmd, f := open[first-1], failures[first-1]
		if !c.retries.allows(f, effectOf(cmd)) || later.Disturbs(cmd.Args()) {
			break
		}
		if f.applied != AppliedNo {
			later.Add(cmd.Args())
		}
		first--
	}
	if slices.ContainsFunc(done, isStateful) || slices.ContainsFunc(open[:first], isStateful) {
		return len(open)
	}
	return first
}

func isStateful(cmd redis.Cmder) bool { return effect.Stateful(cmd.Args()) }

// unanswered is the tail of cmds behind the last one that the server answered.
// What it refused for the moment before that is not worth a second attempt:
// the commands behind it were executed, and it must not be executed after them.
func unanswered(cmds []redis.Cmder) []redis.Cmder {
	end := len(cmds)
	for end > 0 && isOpen(cmds[end-1]) {
		end--
	}
	return cmds[end:]
}

// isOpen reports whether the server did not answer the command, or only with a
// refusal that passes by itself.
func isOpen(cmd redis.Cmder) bool { return !answers(cmd, cmd.Err()) }

// answers reports whether err is what the server, or a script, had to say to cmd.
func answers(cmd redis.Cmder, err error) bool {
	return isAnswer(err) || effectOf(cmd) == EffectUnknown && isScriptsOwn(err)
}

// diagnoseEach says what the errors of a pipeline's commands prove; those with
// an answer have no failure. That a command was not written whole proves
// something of the last one alone.
func diagnoseEach(cmds []redis.Cmder) []failure {
	failures := make([]failure, len(cmds))
	for i, cmd := range cmds {
		if !isOpen(cmd) {
			continue
		}
		failures[i] = diagnose(cmd.Err())
		var link *linkError
		if errors.As(cmd.Err(), &link) && link.phase == phaseWrite && !link.none && i < len(cmds)-1 {
			failures[i].applied = AppliedMaybe
		}
	}
	return failures
}

// failEach gives every command without an answer an error of its own, because
// whether it may have been applied is told by command. The flight recorder gets
// one entry for all of them: a lost pipeline must not push everything else out.
func (c *Client) failEach(ctx context.Context, batch *call, cmds []redis.Cmder, failures []failure) {
	open := Event{Kind: EventMaybeApplied, Command: batch.name}
	count := 0
	for i, cmd := range cmds {
		if !isOpen(cmd) {
			continue
		}
		one := *batch
		one.name, one.keys = cmd.Name(), effect.KeyCount(cmd.Args())
		one.settle(failures[i])
		e := c.commandError(ctx, &one, failures[i])
		cmd.SetErr(e)
		if e.Applied == AppliedMaybe {
			count++
			open.Class, open.Took = e.Class, e.Elapsed
		}
	}
	if count > 0 {
		open.Detail = plural(count, "command")
		c.recorder.record(open)
	}
}

// sendTransaction sends a transaction, and again only as a whole and only when
// it proved to have done nothing.
func (c *Client) sendTransaction(ctx context.Context, batch *call, cmds []redis.Cmder) error {
	for {
		batch.attempts++
		read, err := c.transact(ctx, batch, cmds)
		f, failed := transactionFailure(cmds, read, err)
		if !failed {
			return err
		}
		batch.keys = keyCount(cmds)
		batch.settle(f)
		c.noticed(f)
		f.mended = c.remedied(ctx, f, batch.lastTried())
		f = batch.telling(ctx, f)
		if f.applied != AppliedNo || !c.retries.allows(f, EffectUnknown) || isOver(ctx) || c.gate.gaveUp() {
			return failAll(unread(cmds, f), c.failed(ctx, batch, f))
		}
		if stop := c.pause(ctx, batch, f); stop != nil {
			return failAll(cmds, c.stopped(ctx, batch, f, stop))
		}
		batch.tried = time.Now()
	}
}

// transactionFailure says what err, the driver's verdict on a transaction, proves
// about it as a whole; read tells whether any of its commands has a reply of its
// own. It is no failure when the server executed it or refused it for good: then
// each command carries the server's own answer.
//
// EXEC is the last command that is written. So a write that failed means that
// nothing was executed; and a result of one of the commands behind MULTI, when
// the link broke then, means that everything was. An error does not: the server
// may have refused the command when it was queued.
func transactionFailure(cmds []redis.Cmder, read bool, err error) (f failure, failed bool) {
	switch {
	case err == nil, errors.Is(err, redis.TxFailedErr):
		return failure{}, false
	case !isReply(err):
		f = diagnose(err)
		if slices.ContainsFunc(cmds, hasResult) {
			f.applied = AppliedYes
		}
		return f, true
	case redis.IsExecAbortError(err):
		if culprit := findCulprit(cmds); culprit != nil {
			err = culprit
		}
		return diagnose(err), !isAnswer(err)
	case read && slices.ContainsFunc(cmds, func(cmd redis.Cmder) bool { return !isOpen(cmd) }):
		return failure{}, false // executed
	}
	f = diagnose(err) // the handshake, MULTI or EXEC was refused
	if refusedMulti(err) {
		f.applied = AppliedMaybe
	}
	return f, true
}

func hasResult(cmd redis.Cmder) bool { return cmd.Err() == nil || cmd.Err() == redis.Nil }

// unread is the commands of a failed transaction that have no result: all of
// them, unless it was executed and its reply broke off in the middle.
func unread(cmds []redis.Cmder, f failure) []redis.Cmder {
	if f.applied != AppliedYes {
		return cmds
	}
	return slices.DeleteFunc(slices.Clone(cmds), func(cmd redis.Cmder) bool { return hasResult(cmd) || isReply(cmd.Err()) })
}

// refusedMulti reports whether it was MULTI that the server refused, as it does
// for a user who may not use it. The commands behind it were executed one by
// one then, as far as they are allowed.
// The text is that of ACL_DENIED_CMD in the server's acl.c.
func refusedMulti(err error) bool {
	return strings.HasPrefix(err.Error(), "NOPERM") && strings.Contains(err.Error(), "'multi'")
}

// culpritError is the command whose refusal made the server discard a transaction.
type culpritError struct {
	index int
	name  string
	err   error
}

func (e *culpritError) Error() string {
	return fmt.Sprintf("%s, its command #%d, was refused: %s", e.name, e.index, peerText(e.err))
}

func (e *culpritError) Unwrap() error { return e.err }

// findCulprit finds the command that was refused when it was queued, if it was one command.
func findCulprit(cmds []redis.Cmder) *culpritError {
	for i, cmd := range cmds {
		if err := cmd.Err(); err != nil && !redis.IsExecAbortError(err) {
			return &culpritError{index: i, name: cmd.Name(), err: err}
		}
	}
	return nil
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

// keyCount is the number of keys that cmds name.
func keyCount(cmds []redis.Cmder) (n int) {
	for _, cmd := range cmds {
		n += effect.KeyCount(cmd.Args())
	}
	return n
}

// failAll gives every command the same error and returns it.
func failAll(cmds []redis.Cmder, err error) error {
	for _, cmd := range cmds {
		cmd.SetErr(err)
	}
	return err
}
