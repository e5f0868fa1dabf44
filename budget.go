package redisconn

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/internal/effect"
)

// blockingGrace is how much longer than its own timeout a blocking command may
// take: the server wakes blocked clients a few times a second, and the reply
// has to travel.
const blockingGrace = time.Second

// deadlineSlice is how long calls without a deadline of their own share one.
// A call's budget is therefore up to this much longer than Timeouts.Operation.
const deadlineSlice = 20 * time.Millisecond

// deadlines gives every call a time budget. A context with a deadline is used
// as it is. Most calls of a busy service have none, and making a context with a
// timer for each would cost more than the rest of this layer, so those that
// begin within one slice share one.
type deadlines struct {
	life      context.Context // the client's: its end ends every shared deadline
	operation time.Duration
	shared    atomic.Pointer[sharedDeadline]
	renewing  sync.Mutex
}

type sharedDeadline struct {
	context.Context
	renewAt time.Time
}

// bound returns the context that a call runs under. The function, when there
// is one, must be called at its end.
func (d *deadlines) bound(ctx context.Context, now time.Time) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, nil
	}
	if ctx.Done() != nil {
		return context.WithDeadline(ctx, now.Add(d.operation))
	}
	if shared := d.shared.Load(); shared != nil && now.Before(shared.renewAt) {
		return takeJourney(ctx, shared), nil
	}
	return takeJourney(ctx, d.renew(now)), nil
}

// boundBlocking is bound for a command that may block on the server: its own
// timeout is its budget, and with a timeout of 0 it may block for ever, because
// that is what was asked for.
func (d *deadlines) boundBlocking(ctx context.Context, cmd redis.Cmder, now time.Time) (context.Context, context.CancelFunc) {
	timeout, blocks := effect.BlockingTimeout(cmd.Args())
	if _, ok := ctx.Deadline(); ok || blocks && timeout == 0 {
		return ctx, nil
	}
	if !blocks {
		return d.bound(ctx, now)
	}
	return context.WithDeadline(ctx, now.Add(timeout+blockingGrace))
}

func (d *deadlines) renew(now time.Time) context.Context {
	d.renewing.Lock()
	defer d.renewing.Unlock()
	if shared := d.shared.Load(); shared != nil && now.Before(shared.renewAt) {
		return shared
	}
	ctx, cancel := context.WithDeadline(d.life, now.Add(d.operation+deadlineSlice))
	context.AfterFunc(ctx, cancel) // time ends it, or life; the calls that share it decide nothing
	shared := &sharedDeadline{Context: ctx, renewAt: now.Add(deadlineSlice)}
	d.shared.Store(shared)
	return shared
}

// endOf returns what ended ctx, or is about to, and nil while it goes on: what
// its deadline ends, such as a read, may learn of it a moment before ctx does.
func endOf(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && ctx.Err() == nil && time.Until(deadline) <= 0 {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

func isOver(ctx context.Context) bool { return endOf(ctx) != nil }

// retryBudget bounds the extra load of retries: each costs a token, and tokens
// come with the commands that are sent, a fixed share of them, so that an
// outage of a busy service cannot multiply its load. A trickle keeps a quiet
// service able to retry.
type retryBudget struct {
	share float64 // tokens per command
	sent  *atomic.Int64

	mu     sync.Mutex // guards what follows; only retries take it
	tokens float64
	seen   int64
	at     time.Time
}

const (
	retryBurst   = 100 // the most tokens that are saved up
	retryTrickle = 10  // tokens per second that come by themselves
)

func newRetryBudget(percent int, sent *atomic.Int64) *retryBudget {
	return &retryBudget{share: float64(percent) / 100, sent: sent, tokens: retryBurst, at: time.Now()}
}

// take spends a token, if there is one.
func (b *retryBudget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, sent := time.Now(), b.sent.Load()
	b.tokens += float64(sent-b.seen)*b.share + now.Sub(b.at).Seconds()*retryTrickle
	b.tokens = min(b.tokens, retryBurst)
	b.seen, b.at = sent, now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
