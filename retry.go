package redisconn

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/internal/effect"
)

// effectRank orders effects by how unwelcome a second application is.
var effectRank = map[Effect]int{
	EffectNever: 0, EffectRead: 1, EffectIdempotent: 2, EffectConditional: 3, EffectAccumulating: 4, EffectUnknown: 5,
}

// effectOf is the effect of a command, from its name and arguments.
func effectOf(cmd redis.Cmder) Effect { return Effect(effect.Of(cmd.Args()).String()) }

// call is one call of the program on its way, however many attempts it takes.
type call struct {
	name     string
	keys     int
	cmd      redis.Cmder   // what it sends, for the gate of writes
	cmds     []redis.Cmder // the same of a batch
	plain    bool          // of a batch: no command of it changes its connection or waits at the server
	began    time.Time
	tried    time.Time // when the last attempt began, if it was not the first
	attempts int
	applied  Applied // the worst that any attempt left open
	memory
}

// settle adds what an attempt proved.
func (c *call) settle(f failure) {
	if c.applied != AppliedMaybe {
		c.applied = f.applied
	}
}

// sent is what the call sends.
func (c *call) sent() []redis.Cmder {
	if c.cmd != nil {
		return []redis.Cmder{c.cmd}
	}
	return c.cmds
}

// lastTried is when the last attempt began.
func (c *call) lastTried() time.Time {
	if c.tried.IsZero() {
		return c.began
	}
	return c.tried
}

// memory is what a call, or a command of a pipeline, met on its way.
type memory struct {
	met failure // of the last attempt that had its time
}

// telling is the failure to tell of. An attempt that the end of the call's time
// cut short before anything was sent says less than the one before it.
func (m *memory) telling(ctx context.Context, f failure) failure {
	if m.met.err != nil && f.class == ClassTimeout && f.applied == AppliedNo && isOver(ctx) {
		return m.met
	}
	m.met = f
	return f
}

// retryPolicy decides what may be sent again. It looks at what a failure
// proves first, and at the command only when it proves nothing.
type retryPolicy struct {
	strongest int // rank of the strongest effect that is repeated blindly
	min, max  time.Duration
	budget    *retryBudget
}

func newRetryPolicy(cfg RetryConfig, budget *retryBudget) retryPolicy {
	return retryPolicy{strongest: effectRank[cfg.Effect], min: cfg.MinBackoff, max: cfg.MaxBackoff, budget: budget}
}

// allows reports whether a call with this effect may be sent again after f.
func (p retryPolicy) allows(f failure, effect Effect) bool {
	switch f.class {
	case ClassLost, ClassTimeout:
		return f.applied == AppliedNo || effectRank[effect] <= p.strongest
	case ClassClosed: // a generation that was replaced while the call waited for a connection of its: there is another
		return f.applied == AppliedNo
	default:
		return f.applied == AppliedNo && (f.mended || f.class.Info().Retried)
	}
}

// backoff is the pause before the next attempt: full jitter under a doubling
// cap, so that callers who failed together do not return together.
// See https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.
func (p retryPolicy) backoff(attempts int) time.Duration {
	limit := p.max
	if shift := attempts - 1; shift < 30 && p.min<<shift < p.max {
		limit = p.min << shift
	}
	return rand.N(limit + 1)
}

// pause waits until the next attempt may begin: for its backoff, then for the
// end of an outage. What reached the server is charged to the retry budget; a
// connection that could not be opened put no load on it.
func (c *Client) pause(ctx context.Context, call *call, f failure) error {
	if at := awaitsNews(f); at != nil {
		return c.pauseForNews(ctx, at)
	}
	if reachedServer(f) && !isPaid(f) && !c.retries.budget.take() {
		return errRetryBudget
	}
	c.counts.retries.Add(1)
	select {
	case <-time.After(c.retries.backoff(call.attempts)):
	case <-ctx.Done():
		return ctx.Err()
	case <-c.gate.givenUp:
		return ErrClosed
	}
	if err := c.gate.await(ctx, c.config.WhenDown == WhenDownFailFast); err != nil {
		return err
	}
	return c.awaitWrites(ctx, call.sent()...)
}

// errRetryBudget ends a call whose next attempt would be one too many for the server.
var errRetryBudget = errors.New("the retry budget is spent")

// reachedServer reports whether an attempt put load on the server.
func reachedServer(f failure) bool {
	var link *linkError
	if errors.As(f.err, &link) {
		return link.phase != phaseDial
	}
	return f.class != ClassPool && f.class != ClassDown && f.class != ClassClosed
}

// isPaid reports whether the retry budget was charged for the failure already.
func isPaid(f failure) bool {
	var link *linkError
	return errors.As(f.err, &link) && link.paid
}

// isAnswer reports whether err is what the server had to say to the command:
// returned untouched, because programs and libraries compare it.
func isAnswer(err error) bool {
	if err == nil || err == redis.Nil {
		return true
	}
	var link *linkError
	var reply redis.Error
	if errors.As(err, &link) || !errors.As(err, &reply) {
		return false
	}
	class := replyClass(reply.Error())
	return class != ClassAuth && class != ClassMoved && !class.Info().Retried
}

// isScriptsOwn reports whether a reply that reads like a refusal of the server's
// is not in the server's words: a script may return any error it likes, TRYAGAIN
// among them, after it has written.
func isScriptsOwn(err error) bool {
	var link *linkError
	var reply redis.Error
	if errors.As(err, &link) || !errors.As(err, &reply) {
		return false
	}
	return !slices.ContainsFunc(refusals, func(text string) bool { return strings.HasPrefix(reply.Error(), text) })
}

// process carries one command down and its reply back.
func (c *Client) process(ctx context.Context, cmd redis.Cmder) error {
	if c.spreads(cmd) {
		return c.processBatch(ctx, []redis.Cmder{cmd})
	}
	if !c.gate.enter() {
		return c.refused(cmd.Name())
	}
	defer c.gate.leave()
	c.gate.commands.Add(1)
	now := time.Now()
	var cancel context.CancelFunc
	send := (*Client).sendPlain
	if waitsAtServer(cmd) {
		send = (*Client).sendBlocking
		ctx, cancel = c.deadlines.boundBlocking(ctx, cmd, now)
	} else {
		ctx, cancel = c.deadlines.bound(ctx, now)
	}
	if cancel != nil {
		defer cancel()
	}
	if c.gate.outage.Load() != nil || c.writes.held.Load() != nil {
		return c.processLate(ctx, cmd, now, send)
	}
	if binding := binds(cmd); binding != nil {
		return c.refuseBinding(cmd.Name(), binding)
	}
	err := send(c, ctx, cmd)
	if isAnswer(err) {
		return err
	}
	return c.processAgain(ctx, cmd, now, send, err)
}

// processLate is process for a call that comes during an outage, or while writes are held.
func (c *Client) processLate(ctx context.Context, cmd redis.Cmder, began time.Time, send way) error {
	if err := c.gate.await(ctx, c.config.WhenDown == WhenDownFailFast); err != nil {
		return c.unsent(ctx, callOf(cmd, began), err)
	}
	if binding := binds(cmd); binding != nil {
		return c.refuseBinding(cmd.Name(), binding)
	}
	if err := c.awaitWrites(ctx, cmd); err != nil {
		return c.unsent(ctx, callOf(cmd, began), err)
	}
	err := send(c, ctx, cmd)
	if isAnswer(err) {
		return err
	}
	return c.processAgain(ctx, cmd, began, send, err)
}

// processAgain takes over after a first attempt that failed.
func (c *Client) processAgain(ctx context.Context, cmd redis.Cmder, began time.Time, send way, err error) error {
	call := callOf(cmd, began)
	effect := effectOf(cmd)
	for {
		if effect == EffectUnknown && isScriptsOwn(err) && !isRedirected(cmd, err) {
			return err
		}
		call.attempts++
		f := diagnose(err)
		call.settle(f)
		c.noticed(f)
		f.mended = c.remedied(ctx, f, call.lastTried())
		f = call.telling(ctx, f)
		if c.gate.gaveUp() || isOver(ctx) || !c.retries.allows(f, effect) {
			return c.failed(ctx, call, f)
		}
		if stop := c.pause(ctx, call, f); stop != nil {
			return c.stopped(ctx, call, f, stop)
		}
		call.tried = time.Now()
		if err = send(c, ctx, cmd); isAnswer(err) {
			return err
		}
	}
}

func callOf(cmd redis.Cmder, began time.Time) *call {
	return &call{name: cmd.Name(), keys: effect.KeyCount(cmd.Args()), cmd: cmd, began: began}
}

// refused is the error of a call that the gate did not admit.
func (c *Client) refused(name string) error {
	e := &CommandError{Command: name, Addr: c.server(), Class: ClassDraining, Applied: AppliedNo, State: c.State()}
	switch {
	case !c.gate.isShut():
		e.Class, e.Err = ClassOverloaded, overloadError(c.gate.most)
		c.counts.failures.Add(1)
		c.counts.byClass.add(e.Class)
	case e.State == StateClosed:
		e.Class = ClassClosed
	}
	return e
}

// overloadError is how many calls there may be.
type overloadError int64

func (most overloadError) Error() string {
	return fmt.Sprintf("pool.max_in_flight allows %d at once", int64(most))
}

// unsent is the error of a call that never got past the gate.
func (c *Client) unsent(ctx context.Context, call *call, err error) error {
	class := ClassDown
	if held, ok := err.(*heldError); ok {
		class = held.verdict()
	} else if err == ErrClosed {
		class = ClassClosed
	}
	return c.failed(ctx, call, failure{class: class, applied: AppliedNo, err: err})
}

// stopped is the error of a call whose next attempt could not begin.
func (c *Client) stopped(ctx context.Context, call *call, f failure, stop error) error {
	return c.failed(ctx, call, c.stoppedBy(stop, f))
}

// stoppedBy is f as the last word on a call that stop kept from its next
// attempt: the last failure tells more than what stopped it.
func (c *Client) stoppedBy(stop error, f failure) failure {
	switch {
	case errors.Is(stop, errRetryBudget):
		f.err = fmt.Errorf("%w (not sent again: %w)", f.err, stop)
	case errors.Is(stop, ErrClosed):
		f.class = ClassClosed
	}
	var out *outageError
	if errors.As(stop, &out) && c.config.WhenDown == WhenDownFailFast {
		f.class = ClassDown
	}
	return f
}

// failed makes the error that the program sees, and a note of what may have been applied.
func (c *Client) failed(ctx context.Context, call *call, f failure) error {
	e := c.commandError(ctx, call, f)
	if e.Applied == AppliedMaybe {
		c.recorder.record(Event{Kind: EventMaybeApplied, Command: e.Command, Class: e.Class, Took: e.Elapsed})
	}
	return e
}

func (c *Client) commandError(ctx context.Context, call *call, f failure) *CommandError {
	if call.applied == "" {
		call.settle(f)
	}
	class, expired := f.class, endOf(ctx)
	if class == ClassMoved {
		class = c.misplaced(f.err)
	}
	if c.gate.gaveUp() && (class == ClassLost || class == ClassTimeout || class == ClassCanceled) {
		class, expired = ClassClosed, nil // the end of the client cut it, not the caller
	}
	addr := c.server()
	var at *nodeError
	if errors.As(f.err, &at) && at.addr != "" {
		addr = at.addr
	}
	var pool PoolUse
	if class != ClassDown { // then nobody holds a connection that matters
		pool = c.poolUseAt(addr)
	}
	if pool.full() && f.beforeAnyConnection() {
		class = ClassPool // its time was up in the queue, before the pool's patience was
	}
	c.counts.failures.Add(1)
	c.counts.byClass.add(class)
	if call.applied == AppliedMaybe {
		c.counts.maybeApplied.Add(1)
	}
	return &CommandError{
		Command:  call.name,
		Keys:     call.keys,
		Addr:     addr,
		Class:    class,
		Applied:  call.applied,
		Attempts: call.attempts,
		Elapsed:  time.Since(call.began),
		State:    c.State(),
		Pool:     pool,
		Err:      f.err,
		expired:  expired,
	}
}
