package redisconn

import (
	"context"
	"errors"
	"slices"

	"github.com/redis/go-redis/v9"
)

// batch is the redis.Pipeliner that RunPipeline and RunTransaction hand out. The
// typed methods are those of a driver connection that never dials: its hook
// hands every command over to be queued.
type batch struct {
	*redis.Conn
	client  *Client
	cmds    []redis.Cmder
	bytes   int // what they take on the wire, about
	misfits int // how many of them cannot be sent

	// admit is asked before a command of that size is queued, and may send what
	// is queued already. What it returns becomes the command's error.
	admit func(cmd redis.Cmder, size int) error
	// send is Exec.
	send func(context.Context) ([]redis.Cmder, error)
}

var _ redis.Pipeliner = (*batch)(nil)

func (c *Client) newBatch() *batch {
	const fewCommands = 32 // their slice need not grow
	b := &batch{Conn: c.blank.Conn(), client: c, cmds: make([]redis.Cmder, 0, fewCommands)}
	b.Conn.AddHook(queueHook{b})
	return b
}

// queue takes a command over from the typed methods. One that cannot be sent is
// queued as well, to keep its place.
func (b *batch) queue(cmd redis.Cmder) error {
	size, misfit := wireSize(cmd.Args())
	if err := b.admit(cmd, size); err != nil {
		return err
	}
	b.cmds = append(b.cmds, cmd)
	b.bytes += size
	if misfit != nil {
		b.misfits++
		return b.client.neverSent(cmd.Name(), ClassUnknown, misfit)
	}
	return nil
}

// neverSent is the error of a command that was not tried.
func (c *Client) neverSent(name string, class Class, err error) *CommandError {
	return &CommandError{Command: name, Addr: c.server(), Class: class, Applied: AppliedNo, State: c.State(), Pool: c.poolUse(), Err: err}
}

// queueHook ends the way of a batch's commands and never calls next.
type queueHook struct{ batch *batch }

func (h queueHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h queueHook) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error { return h.batch.queue(cmd) }
}

func (h queueHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// Len is the number of commands that are queued and not sent yet.
func (b *batch) Len() int { return len(b.cmds) }

// Cmds returns them.
func (b *batch) Cmds() []redis.Cmder { return b.cmds }

// Discard forgets them.
func (b *batch) Discard() { b.take() }

// take removes and returns what is queued, and how many of it cannot be sent.
// The next chunk gets memory of its own, because a hook may hold on to what it
// was given.
func (b *batch) take() (cmds []redis.Cmder, misfits int) {
	cmds, misfits = b.cmds, b.misfits
	b.cmds, b.bytes, b.misfits = nil, 0, 0
	return cmds, misfits
}

// errOver: a Pipeliner was used after its function returned.
var errOver = errors.New("redisconn: not sent: this Pipeliner ended with the function that it was given to")

// end lets no command in any more.
func (b *batch) end() {
	b.admit = func(redis.Cmder, int) error { return errOver }
	b.send = func(context.Context) ([]redis.Cmder, error) { return nil, errOver }
}

// sendable is cmds without those that cannot be sent.
func sendable(cmds []redis.Cmder, misfits int) []redis.Cmder {
	if misfits == 0 {
		return cmds
	}
	return slices.DeleteFunc(slices.Clone(cmds), func(cmd redis.Cmder) bool { return cmd.Err() != nil })
}

var errNoCommand = errors.New("redisconn: a command needs a name")

// Do queues any command.
func (b *batch) Do(ctx context.Context, args ...any) *redis.Cmd {
	cmd := redis.NewCmd(ctx, args...)
	if len(args) == 0 {
		cmd.SetErr(errNoCommand)
		return cmd
	}
	_ = b.Process(ctx, cmd) // the command carries its error
	return cmd
}

// BatchProcess queues cmds.
func (b *batch) BatchProcess(ctx context.Context, cmds ...redis.Cmder) error {
	for _, cmd := range cmds {
		if err := b.Process(ctx, cmd); err != nil {
			return err
		}
	}
	return nil
}

// Exec sends what is queued, now.
func (b *batch) Exec(ctx context.Context) ([]redis.Cmder, error) { return b.send(ctx) }

// Pipeline returns the batch itself, as the driver's Pipeline does.
func (b *batch) Pipeline() redis.Pipeliner { return b }

// Pipelined queues what fn queues, and sends all of it.
func (b *batch) Pipelined(ctx context.Context, fn func(redis.Pipeliner) error) ([]redis.Cmder, error) {
	if err := fn(b); err != nil {
		return nil, err
	}
	return b.Exec(ctx)
}

// TxPipeline returns a transaction of its own, sent by its own Exec. The
// driver's Pipeline returns itself, and MULTI and EXEC are lost.
func (b *batch) TxPipeline() redis.Pipeliner { return b.client.TxPipeline() }

// TxPipelined sends what fn queues as a transaction of its own, ahead of what is queued here.
func (b *batch) TxPipelined(ctx context.Context, fn func(redis.Pipeliner) error) ([]redis.Cmder, error) {
	return b.client.TxPipelined(ctx, fn)
}
